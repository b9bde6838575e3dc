/* Plans the loops of a group: joins axes that all members treat alike, chooses run and block,
 * places the sums.  Nothing here looks at a machine: the order of additions is decided here. */
#include "kernels/fuse_loops.h"

#include "ops/fuse_rules.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct Space {
  Shape shape;
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

/* Joins axes; `factor` becomes the rows of the first joined axis per index of axis 0. */
static void join_axes(FuseLoops *l, const Shape *shape) {
  int n = 0;
  l->factor = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] == 1) continue;
    if (n && joins(l, shape, n - 1, i)) {
      l->dim[n - 1] *= shape->dim[i];
      if (n == 1) l->factor *= shape->dim[i];
    } else {
      l->dim[n++] = shape->dim[i];
      if (i == 0) l->factor = 1; /* stays 0 when axis 0 is not the first that counts */
    }
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

/* The bits of the inner run's axes. */
static uint32_t inner_mask(const FuseLoops *l, int inner) {
  return ((1u << l->rank) - 1) & ~((1u << inner) - 1);
}

/* True when every sum adds up all of the run, none of it, or at least the rows beside it. */
static bool inner_fits(const FuseLoops *l, int inner) {
  uint32_t mask = inner_mask(l, inner);
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

static FuseSumMode sum_mode(const FuseLoops *l, const FuseSum *s) {
  uint32_t mask = inner_mask(l, l->inner), part = s->reduced & mask;
  bool rows = l->inner == 0 || (s->reduced >> (l->inner - 1) & 1);
  if (part == mask) return rows ? FUSE_SUM_STREAM : FUSE_SUM_ROWS;
  return rows && l->inner > 0 ? FUSE_SUM_COLUMNS : FUSE_SUM_CELLS;
}

/* True when the batch declaration divides axis 0. */
static bool batch_fits(const Graph *g, uint32_t batch, const Shape *shape) {
  if (!batch || batch >= g->n_batches || shape->rank == 0) return false;
  const Batch *b = &g->batches[batch];
  int64_t rows = b->units * b->unit;
  return shape->dim[0] == rows || shape->dim[0] == batch_rows(b);
}

/* Shards of an axis that no batch divides: whole blocks. */
static Shards plain_shards(const FuseLoops *l, uint32_t shards) {
  int64_t per_index = l->elements / l->dim[l->cut];
  int64_t unit = 4 * FUSE_BLOCK / per_index;
  if (unit < 1) unit = 1;
  Shards s = {1, (l->dim[l->cut] + unit - 1) / unit, unit, shards};
  if (s.units < (int64_t)shards) s.n = (uint32_t)s.units;
  return s;
}

static void choose_cut(FuseLoops *l, const Graph *g, uint32_t batch, const Shape *shape,
                       uint32_t shards) {
  uint32_t reduced = 0;
  for (uint32_t i = 0; i < l->n_sums; i++) reduced |= l->sums[i].reduced;
  l->cut = 0;
  if (l->factor && batch_fits(g, batch, shape)) {
    l->shards = shards_rows(g, batch, shape->dim[0], shards);
    return;
  }
  /* Cutting an axis that all sums keep needs no partials. */
  if (reduced & 1 && l->inner == l->rank - 1 && l->run > FUSE_BLOCK && !(reduced >> l->inner & 1))
    l->cut = l->inner;
  else if (reduced & 1 && l->inner > 0 && l->rows >= (int64_t)shards &&
           !(reduced >> (l->inner - 1) & 1))
    l->cut = l->inner - 1;
  l->factor = 1;
  l->shards = plain_shards(l, shards);
}

static void plan_sums(FuseLoops *l) {
  l->pieces_outside = false;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    l->sums[i].mode = sum_mode(l, &l->sums[i]);
    if (l->sums[i].mode == FUSE_SUM_COLUMNS && l->run > l->piece) l->pieces_outside = true;
  }
  uint32_t outer = l->inner > 1 ? (1u << (l->inner - 1)) - 1 : 0;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    FuseSum *s = &l->sums[i];
    s->sharded = s->reduced >> l->cut & 1;
    l->sharded |= s->sharded;
    s->partial = s->sharded || s->reduced & outer || s->mode == FUSE_SUM_CELLS ||
                 (s->mode == FUSE_SUM_ROWS && l->pieces_outside);
  }
  for (uint32_t i = 0; i < l->n_sums; i++)
    if (l->sums[i].partial) {
      l->sharded = true; /* every shard has cells of its own */
      l->sums[i].cells = l->cells;
      l->cells += l->sums[i].count * l->shards.n;
    }
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
  uint32_t most = 0, batch = 0;
  for (uint32_t k = 0; k < n_nodes; k++) {
    const Node *node = &g->nodes[nodes[k]];
    most += node->n_inputs + 1;
    if (!batch || node->op == OP_REDUCE_SUM) batch = node->stamp.batch ? node->stamp.batch : batch;
  }
  l->views = calloc(most, sizeof *l->views);
  l->sums = calloc(n_nodes, sizeof *l->sums);
  if (!l->views || !l->sums) {
    fuse_loops_free(l);
    return false;
  }
  Space s = {.loops = l};
  s.shape = g->nodes[nodes[0]].op == OP_VARIANCE ? g->nodes[node_input(g, nodes[0], 0)].shape
                                                 : *fuse_space(g, nodes[0]);
  collect(&s, g, nodes, n_nodes);
  l->elements = shape_count(&s.shape);
  for (uint32_t i = 0; i < l->n_views; i++)
    if (!is_member(nodes, n_nodes, l->views[i].node)) l->bytes += node_bytes(g, l->views[i].node);
  for (uint32_t i = 0; i < n_outputs; i++) l->bytes += node_bytes(g, outputs[i]);
  join_axes(l, &s.shape);
  choose_blocks(l);
  choose_cut(l, g, batch, &s.shape, shards);
  plan_sums(l);
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
