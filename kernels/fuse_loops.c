/* Plans the loops of a group: joins axes that all members treat alike, chooses run and block, and
 * finds the planes of its sums.  Nothing here looks at a machine. */
#include "kernels/fuse_loops.h"

#include "ops/fuse_rules.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct Space {
  Shape shape;
  uint32_t shards;
  FuseLoops *loops;
} Space;

static bool is_member(const NodeId *nodes, uint32_t n, NodeId id) {
  uint32_t lo = 0, hi = n; /* members are ascending */
  while (lo < hi) {
    uint32_t mid = (lo + hi) / 2;
    if (nodes[mid] < id)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < n && nodes[lo] == id;
}

/* Adds a view with strides along the space's own axes.  `inside`: a fill or ramp of the group,
 * which has a table of its own; one that another step stored is read from memory like any value. */
static void add_view(Space *s, const Graph *g, NodeId node, NodeId from, bool inside) {
  FuseLoops *l = s->loops;
  for (uint32_t i = 0; i < l->n_views; i++)
    if (l->views[i].node == node && l->views[i].from == from) return;
  FuseView *v = &l->views[l->n_views++];
  *v = (FuseView){.node = node, .from = from};
  const Node *n = &g->nodes[node];
  if (inside && n->op == OP_CONSTANT) return; /* a fill: stride 0 everywhere */
  if (inside) {
    v->stride[node_attr_int(g, node, IOTA_AXIS)] = 1;
    return;
  }
  int64_t stride = 1;
  for (int i = s->shape.rank - 1; i >= 0; i--) {
    bool kept = n->shape.dim[i] == s->shape.dim[i];
    v->stride[i] = kept ? stride : 0;
    stride *= n->shape.dim[i];
  }
}

static void add_sum(Space *s, const Graph *g, NodeId id) {
  FuseSum *sum = &s->loops->sums[s->loops->n_sums++];
  uint32_t n;
  const int64_t *axes = node_attr(g, id, REDUCE_AXES, &n);
  *sum = (FuseSum){.node = id, .operand = node_input(g, id, 0)};
  for (uint32_t i = 0; i < n; i++) sum->reduced |= 1u << axes[i];
  const Shape *shape = &g->nodes[id].shape;
  sum->count = shape_count(shape);
  int64_t stride = 1;
  for (int i = shape->rank - 1; i >= 0; i--) {
    sum->stride[i] = sum->reduced >> i & 1 ? 0 : stride;
    stride *= shape->dim[i];
  }
  sum->order = fuse_order(g, &s->shape, sum->reduced, g->nodes[id].stamp.batch, s->shards);
  fuse_order_strides(&sum->order, sum->count, sum->outer_stride);
}

static void collect(Space *s, const Graph *g, const NodeId *nodes, uint32_t n_nodes) {
  for (uint32_t k = 0; k < n_nodes; k++) {
    NodeId id = nodes[k];
    const Node *node = &g->nodes[id];
    if (node->op == OP_REDUCE_SUM || node->op == OP_VARIANCE) add_sum(s, g, id);
    if (node->op == OP_CONSTANT || node->op == OP_IOTA) {
      add_view(s, g, id, id, true);
    } else if (node->op == OP_BROADCAST) {
      add_view(s, g, node_input(g, id, 0), id, false);
    } else {
      for (uint32_t i = 0; i < node->n_inputs; i++) {
        NodeId in = node_input(g, id, i);
        if (!is_member(nodes, n_nodes, in)) add_view(s, g, in, in, false);
      }
    }
  }
}

static bool joins(const FuseLoops *l, const Shape *shape, int a, int b) {
  for (uint32_t i = 0; i < l->n_views; i++)
    if (l->views[i].stride[a] != l->views[i].stride[b] * shape->dim[b]) return false;
  for (uint32_t i = 0; i < l->n_sums; i++)
    if ((l->sums[i].reduced >> a & 1) != (l->sums[i].reduced >> b & 1)) return false;
  return true;
}

/* Copies what is known of axis `from` to joined axis `to`. */
static void take_axis(FuseLoops *l, int from, int to) {
  for (uint32_t i = 0; i < l->n_views; i++) l->views[i].stride[to] = l->views[i].stride[from];
  for (uint32_t i = 0; i < l->n_sums; i++) {
    FuseSum *s = &l->sums[i];
    s->stride[to] = s->stride[from];
    s->reduced = (s->reduced & ~(1u << to)) | (s->reduced >> from & 1) << to;
  }
}

static void join_axes(FuseLoops *l, const Shape *shape) {
  int n = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] == 1) continue;
    if (n && joins(l, shape, n - 1, i))
      l->dim[n - 1] *= shape->dim[i];
    else
      l->dim[n++] = shape->dim[i];
    take_axis(l, i, n - 1); /* the strides of the last axis joined */
  }
  if (n == 0) {
    l->dim[n++] = 1;
    for (uint32_t i = 0; i < l->n_views; i++) l->views[i].stride[0] = 0;
    for (uint32_t i = 0; i < l->n_sums; i++) l->sums[i].reduced = 1;
  }
  l->rank = n;
  for (uint32_t i = 0; i < l->n_sums; i++) l->sums[i].reduced &= (1u << n) - 1;
}

/* True when every sum adds up all of the run, none of it, or at least the rows beside it: views
 * that repeat with the rows are then filled once. */
static bool inner_fits(const FuseLoops *l, int inner) {
  uint32_t mask = ((1u << l->rank) - 1) & ~((1u << inner) - 1);
  for (uint32_t i = 0; i < l->n_sums; i++) {
    uint32_t part = l->sums[i].reduced & mask;
    if (part != 0 && part != mask && !(l->sums[i].reduced >> (inner - 1) & 1)) return false;
  }
  return true;
}

static void choose_blocks(FuseLoops *l) {
  l->inner = l->rank - 1;
  l->run = l->dim[l->inner];
  while (l->inner > 1 && l->run * l->dim[l->inner - 1] <= FUSE_BLOCK && inner_fits(l, l->inner - 1))
    l->run *= l->dim[--l->inner];
  l->piece = l->run < FUSE_BLOCK ? l->run : FUSE_BLOCK;
  l->rows = l->inner ? l->dim[l->inner - 1] : 1;
  l->block_rows = FUSE_BLOCK / l->piece;
  int64_t lanes = 1; /* rows that go to different lanes: blocks hold a multiple of them */
  while (lanes * 2 * l->run <= FUSE_LANES) lanes *= 2;
  l->block_rows = l->block_rows / lanes * lanes;
}

/* The joined axes of a plane: the sum's own axes are some of them joined further. */
static void find_plane(const FuseLoops *l, FuseSum *s) {
  int64_t apart = 1;
  for (int i = l->rank - 1; i >= 0; apart *= l->dim[i--])
    if (apart < s->order.columns)
      s->column_axes |= 1u << i;
    else if (apart < s->order.columns * s->order.rows)
      s->row_axes |= 1u << i;
}

static int64_t node_bytes(const Graph *g, NodeId id) {
  return shape_count(&g->nodes[id].shape) * (int64_t)dtype_size((DType)g->nodes[id].dtype);
}

/* Gives back what a list does not use: plans have thousands of groups. */
static void *shrink(void *list, uint32_t n, size_t size) {
  void *less = realloc(list, (n ? n : 1) * size);
  return less ? less : list;
}

bool fuse_loops(const Graph *g, const NodeId *nodes, uint32_t n_nodes, const NodeId *outputs,
                uint32_t n_outputs, uint32_t shards, FuseLoops *l) {
  *l = (FuseLoops){0};
  uint32_t most = 0;
  for (uint32_t k = 0; k < n_nodes; k++) most += g->nodes[nodes[k]].n_inputs + 1;
  l->views = calloc(most, sizeof *l->views);
  l->sums = calloc(n_nodes, sizeof *l->sums);
  if (!l->views || !l->sums) {
    fuse_loops_free(l);
    return false;
  }
  Space s = {.shards = shards, .loops = l};
  s.shape = g->nodes[nodes[0]].op == OP_VARIANCE ? g->nodes[node_input(g, nodes[0], 0)].shape
                                                 : *fuse_space(g, nodes[0]);
  collect(&s, g, nodes, n_nodes);
  l->elements = shape_count(&s.shape);
  for (uint32_t i = 0; i < l->n_views; i++)
    if (!is_member(nodes, n_nodes, l->views[i].node)) l->bytes += node_bytes(g, l->views[i].node);
  for (uint32_t i = 0; i < n_outputs; i++) l->bytes += node_bytes(g, outputs[i]);
  join_axes(l, &s.shape);
  choose_blocks(l);
  for (uint32_t i = 0; i < l->n_sums; i++) find_plane(l, &l->sums[i]);
  l->views = shrink(l->views, l->n_views, sizeof *l->views);
  l->sums = shrink(l->sums, l->n_sums, sizeof *l->sums);
  return true;
}

void fuse_loops_free(FuseLoops *l) {
  free(l->views);
  free(l->sums);
  l->views = NULL;
  l->sums = NULL;
}
