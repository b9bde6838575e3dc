/* Rules by which values are held in parts.
 *
 * From the input that every rank has its own rows of, the cut follows the graph: an op that treats
 * rows alike gives rows; one that mixes them gets whole operands and is computed by every rank, but
 * for the sums over rows: there each rank adds up its own and the sums are joined.  That is done
 * only where it gives the bits of one rank (docs/decisions/ranks.md): the rows must be those of the
 * batch declaration by which kernels cut their sums.
 *
 * A second sweep, from the ends, lets values that only parts are read of be computed in parts too:
 * a weight that is broadcast over a batch is never broadcast over all of it. */
#include "compiler/split.h"

#include "compiler/rewrite.h"
#include "ops/ops.h"

#include <stdlib.h>

#define SMALL_ELEMENTS ((int64_t)1 << 18) /* a matrix up to here is not worth meeting for twice */

typedef struct Rule {
  const SplitGraph *s;
  NodeId id;
  const Node *node;
  const Split *in; /* of the operands as they are */
  Split *need;     /* result: as they are wanted */
  Split split;     /* result: of the value */
} Rule;

bool split_fits(const Shape *shape, Split s, int64_t ranks) {
  if (s.axis < 0 || s.axis >= shape->rank || s.groups < 1) return false;
  int64_t n = shape->dim[s.axis];
  return n > 0 && n % s.groups == 0 && n / s.groups % ranks == 0;
}

Shape split_shape(const Shape *shape, Split s, int64_t ranks) {
  Shape part = *shape;
  if (!split_is_whole(s)) part.dim[s.axis] /= ranks;
  return part;
}

bool split_deals(int64_t units, uint32_t shards, int64_t ranks) {
  int64_t parts = units < (int64_t)shards ? units : (int64_t)shards;
  if (ranks < 1 || units % ranks || shards % ranks || parts % ranks) return false;
  int64_t own = parts / ranks;
  return (own & (own - 1)) == 0;
}

static const Shape *shape_of(const Rule *r, uint32_t input) {
  return &r->s->graph->nodes[node_input(r->s->graph, r->id, input)].shape;
}

/* The first operand that is in parts; n_inputs when none is. */
static uint32_t first_parted(const Rule *r) {
  uint32_t i = 0;
  while (i < r->node->n_inputs && split_is_whole(r->in[i])) i++;
  return i;
}

static SplitKind all_alike(Rule *r, Split split) {
  for (uint32_t i = 0; i < r->node->n_inputs; i++) r->need[i] = split;
  r->split = split;
  return KIND_PARTS;
}

/* Ops with one result for each place of an operand, or that keep the axis as it is. */
static SplitKind keep(Rule *r) {
  return all_alike(r, r->in[first_parted(r)]);
}

/* Ops that mix along one axis. */
static SplitKind keep_but(Rule *r, int64_t axis) {
  Split split = r->in[first_parted(r)];
  return split.axis == axis ? KIND_WHOLE : all_alike(r, split);
}

/* ---- sums ---- */

/* True when kernels cut the sum over these rows by the batch declaration, on every number of ranks
 * into the same shards. */
static bool same_shards(const Rule *r, uint32_t batch, int64_t rows, Split split) {
  const Graph *g = r->s->graph;
  if (split.axis != 0 || rows / r->s->ranks < 2 || !batch || batch >= g->n_batches) return false;
  const Batch *b = &g->batches[batch];
  bool all = batch_rows(b) == rows && split.groups == b->groups;
  bool one = b->units * b->unit == rows && batch_rows(b) != rows && split.groups == 1;
  return (all || one) && split_deals(b->units, r->s->shards, r->s->ranks);
}

static SplitKind reduce_sum(Rule *r) {
  Split split = r->in[0];
  uint32_t mask = rewrite_reduced(r->s->graph, r->id);
  const Shape *shape = shape_of(r, 0);
  int64_t rows = shape->dim[0], kept = 1;
  for (int i = 0; i <= split.axis; i++) kept *= mask >> i & 1 ? 0 : shape->dim[i];
  if (kept / r->s->ranks >= 2) return keep(r);
  if (split.axis != 0 || rows / r->s->ranks < 2) return KIND_WHOLE;
  if (!same_shards(r, r->node->stamp.batch, rows, split)) return KIND_WHOLE;
  r->need[0] = split;
  return KIND_SUM;
}

static SplitKind weight_gradient(Rule *r) {
  const Graph *g = r->s->graph;
  Split split = r->in[first_parted(r)];
  NodeId x = node_input(g, r->id, 0);
  if (!same_shards(r, g->nodes[x].stamp.batch, shape_of(r, 0)->dim[0], split)) return KIND_WHOLE;
  r->need[0] = r->need[1] = split;
  return KIND_SUM;
}

/* ---- shape ---- */

static SplitKind reshape(Rule *r) {
  const Shape *from = shape_of(r, 0), *to = &r->node->shape;
  int64_t outer = r->in[0].groups, before = 1;
  for (int i = 0; i < r->in[0].axis; i++) outer *= from->dim[i];
  for (int i = 0; i < to->rank && before <= outer; before *= to->dim[i++]) {
    if (outer % before) return KIND_WHOLE;
    Split split = {i, outer / before};
    if (!split_fits(to, split, r->s->ranks)) continue;
    r->need[0] = r->in[0];
    r->split = split;
    return KIND_PARTS;
  }
  return KIND_WHOLE;
}

static SplitKind transpose(Rule *r) {
  const int64_t *axes = node_attr(r->s->graph, r->id, TRANSPOSE_AXES, NULL);
  r->need[0] = r->in[0];
  for (int i = 0; i < r->node->shape.rank; i++)
    if (axes[i] == r->in[0].axis) r->split = (Split){i, r->in[0].groups};
  return KIND_PARTS;
}

/* Whole groups, or all of the axis. */
static SplitKind slice(Rule *r) {
  Split split = r->in[0];
  int64_t start = node_attr(r->s->graph, r->id, SLICE_START, NULL)[split.axis];
  int64_t size = r->node->shape.dim[split.axis];
  int64_t length = shape_of(r, 0)->dim[split.axis] / split.groups;
  if (start % length || size % length) return KIND_WHOLE;
  r->need[0] = split;
  r->split = (Split){split.axis, size / length};
  return KIND_PARTS;
}

static SplitKind pad(Rule *r) {
  Split split = r->in[0];
  int64_t before = node_attr(r->s->graph, r->id, PAD_BEFORE, NULL)[split.axis];
  int64_t length = shape_of(r, 0)->dim[split.axis] / split.groups;
  int64_t size = r->node->shape.dim[split.axis];
  if (before % length || size % length) return KIND_WHOLE;
  r->need[0] = split;
  r->split = (Split){split.axis, size / length};
  return KIND_PARTS;
}

static SplitKind concat(Rule *r) {
  int64_t axis = node_attr_int(r->s->graph, r->id, CONCAT_AXIS);
  uint32_t first = first_parted(r);
  Split split = r->in[first];
  if (split.axis != axis) return keep(r);
  int64_t length = shape_of(r, first)->dim[axis] / split.groups;
  for (uint32_t i = 0; i < r->node->n_inputs; i++) {
    r->need[i] = (Split){split.axis, shape_of(r, i)->dim[axis] / length};
    if (shape_of(r, i)->dim[axis] % length) return KIND_WHOLE;
  }
  r->split = (Split){split.axis, r->node->shape.dim[axis] / length};
  return KIND_PARTS;
}

/* ---- products ---- */

/* Axis `axis` of operand `input` as an axis of the result; -1: it is added up. */
static int product_axis(const Rule *r, uint32_t input, int axis) {
  const Graph *g = r->s->graph;
  int rank = shape_of(r, input)->rank, result = r->node->shape.rank;
  if (axis < rank - 2) return axis + result - rank;
  bool turned = node_attr_int(g, r->id, input ? MATMUL_TRANSPOSE_B : MATMUL_TRANSPOSE_A);
  int own = input ? rank - 1 : rank - 2, other = input ? rank - 2 : rank - 1;
  if (axis != (turned ? other : own)) return -1;
  return input ? result - 1 : result - 2;
}

static SplitKind matmul(Rule *r) {
  uint32_t first = first_parted(r);
  int result = r->node->shape.rank, axis = product_axis(r, first, r->in[first].axis);
  if (axis < 0) return KIND_WHOLE;
  r->split = (Split){axis, r->in[first].groups};
  r->need[first] = r->in[first];
  int own = axis - (result - shape_of(r, 1 - first)->rank);
  if (axis < result - 2 && own >= 0 && shape_of(r, 1 - first)->dim[own] > 1)
    r->need[1 - first] = (Split){own, r->in[first].groups};
  return KIND_PARTS;
}

/* Images in parts and a whole weight. */
static SplitKind convolution(Rule *r) {
  if (r->in[0].axis != 0) return KIND_WHOLE;
  r->need[0] = r->split = r->in[0];
  return KIND_PARTS;
}

static SplitKind images(Rule *r) {
  Split split = r->in[first_parted(r)];
  return split.axis == 0 ? all_alike(r, split) : KIND_WHOLE;
}

/* Rows by index: of a whole table, or each a part of a row. */
static SplitKind gather(Rule *r) {
  if (r->in[0].axis > 0) {
    r->need[0] = r->split = r->in[0];
    return KIND_PARTS;
  }
  if (r->in[1].axis != 0) return KIND_WHOLE;
  r->need[1] = r->split = r->in[1];
  return KIND_PARTS;
}

static SplitKind scatter(Rule *r) {
  if (r->in[0].axis <= 0) return KIND_WHOLE;
  r->need[0] = r->split = r->in[0];
  return KIND_PARTS;
}

static SplitKind rule_of(Rule *r) {
  const Graph *g = r->s->graph;
  if (first_parted(r) == r->node->n_inputs) return KIND_WHOLE;
  switch (r->node->op) {
  case OP_REDUCE_SUM:
    return reduce_sum(r);
  case OP_CONV_DW:
    return weight_gradient(r);
  case OP_REDUCE_MAX:
  case OP_ARG_MAX:
  case OP_PICK:
    return keep_but(r, node_attr_int(g, r->id, ARG_MAX_AXIS));
  case OP_PLACE:
    return keep_but(r, node_attr_int(g, r->id, PLACE_AXIS));
  case OP_CUMULATIVE_SUM:
    return keep_but(r, node_attr_int(g, r->id, SCAN_AXIS));
  case OP_ARG_SORT:
    return keep_but(r, node_attr_int(g, r->id, ARG_SORT_AXIS));
  case OP_RESHAPE:
    return reshape(r);
  case OP_TRANSPOSE:
    return transpose(r);
  case OP_SLICE:
    return slice(r);
  case OP_PAD:
    return pad(r);
  case OP_CONCAT:
    return concat(r);
  case OP_BROADCAST:
    return keep(r);
  case OP_MATMUL:
    return matmul(r);
  case OP_CONV:
  case OP_CONV_DX:
    return convolution(r);
  case OP_POOL_INDEX:
  case OP_POOL_GATHER:
  case OP_POOL_SCATTER:
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return images(r);
  case OP_GATHER:
    return gather(r);
  case OP_SCATTER_ADD:
    return scatter(r);
  default:
    return op_desc(r->node->op)->op_class == OP_CLASS_ELEMENTWISE ? keep(r) : KIND_WHOLE;
  }
}

/* ---- sweeps ---- */

/* True when every operand can be had as it is wanted. */
static bool can_have(const Rule *r) {
  for (uint32_t i = 0; i < r->node->n_inputs; i++)
    if (!split_is_whole(r->need[i]) && !split_fits(shape_of(r, i), r->need[i], r->s->ranks))
      return false;
  return true;
}

static bool is_small(const Node *node) {
  return node->shape.rank <= 2 && shape_count(&node->shape) <= SMALL_ELEMENTS;
}

static void set_whole(SplitGraph *s, NodeId id) {
  const Node *node = &s->graph->nodes[id];
  s->kind[id] = KIND_WHOLE;
  s->split[id] = SPLIT_WHOLE;
  for (uint32_t i = 0; i < node->n_inputs; i++) s->need[node->inputs + i] = SPLIT_WHOLE;
}

static void decide(SplitGraph *s, NodeId id, Split *in) {
  const Node *node = &s->graph->nodes[id];
  for (uint32_t i = 0; i < node->n_inputs; i++) in[i] = s->split[node_input(s->graph, id, i)];
  set_whole(s, id);
  Rule r = {s, id, node, in, &s->need[node->inputs], SPLIT_WHOLE};
  SplitKind kind = rule_of(&r);
  bool good = kind != KIND_WHOLE && can_have(&r);
  if (good && kind == KIND_PARTS)
    good = split_fits(&node->shape, r.split, s->ranks) && !is_small(node);
  if (!good) {
    set_whole(s, id);
    return;
  }
  s->kind[id] = (uint8_t)kind;
  s->split[id] = kind == KIND_PARTS ? r.split : SPLIT_WHOLE;
}

/* What those who read a value want of it. */
typedef enum Wanted { WANTED_NOT, WANTED_PARTS, WANTED_WHOLE } Wanted;

/* The value in parts, from operands that are whole. */
static void sink(SplitGraph *s, NodeId id, Split split) {
  const Node *node = &s->graph->nodes[id];
  s->kind[id] = KIND_PARTS;
  s->split[id] = split;
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const Shape *operand = &s->graph->nodes[node_input(s->graph, id, i)].shape;
    bool spread = node->op == OP_BROADCAST && operand->dim[split.axis] == 1;
    s->need[node->inputs + i] = spread ? SPLIT_WHOLE : split;
  }
}

static bool may_sink(const SplitGraph *s, NodeId id, Split split) {
  const Node *node = &s->graph->nodes[id];
  bool kind = node->op == OP_BROADCAST || op_desc(node->op)->op_class == OP_CLASS_ELEMENTWISE;
  return kind && s->kind[id] == KIND_WHOLE && split_fits(&node->shape, split, s->ranks);
}

static void sweep_back(SplitGraph *s, const bool *live, uint8_t *wanted, Split *as) {
  const Graph *g = s->graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) wanted[g->outputs[i].node] = WANTED_WHOLE;
  for (uint32_t i = 0; i < g->n_commits; i++) wanted[g->commits[i].value] = WANTED_WHOLE;
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    if (!live[id]) continue;
    if (wanted[id] == WANTED_PARTS && may_sink(s, id, as[id])) sink(s, id, as[id]);
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      NodeId x = node_input(g, id, i);
      Split need = s->need[g->nodes[id].inputs + i];
      if (split_is_whole(need) || (wanted[x] == WANTED_PARTS && !split_equal(as[x], need)))
        wanted[x] = WANTED_WHOLE;
      else if (wanted[x] == WANTED_NOT)
        wanted[x] = WANTED_PARTS;
      as[x] = need;
    }
  }
}

static uint32_t most_inputs(const Graph *g) {
  uint32_t n = 1;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].n_inputs > n) n = g->nodes[id].n_inputs;
  return n;
}

Status split_graph(const Graph *g, NodeId seed, Split cut, int64_t ranks, uint32_t shards,
                   Diag *diag, SplitGraph *s) {
  *s = (SplitGraph){.graph = g, .ranks = ranks, .shards = shards};
  s->kind = calloc(g->n_nodes, sizeof *s->kind);
  s->split = calloc(g->n_nodes, sizeof *s->split);
  s->need = calloc((size_t)g->n_inputs + 1, sizeof *s->need);
  Split *in = calloc(most_inputs(g), sizeof *in), *as = calloc(g->n_nodes, sizeof *as);
  uint8_t *wanted = calloc(g->n_nodes, sizeof *wanted);
  bool *live = rewrite_live(g);
  bool have = s->kind && s->split && s->need && in && as && wanted && live;
  for (NodeId id = 1; have && id < g->n_nodes; id++) {
    decide(s, id, in);
    if (id == seed) s->split[id] = cut;
  }
  if (have) s->split[seed] = SPLIT_WHOLE; /* as it is fed: its readers take their parts */
  if (have) sweep_back(s, live, wanted, as);
  free(in);
  free(as);
  free(wanted);
  free(live);
  return have ? STATUS_OK : diag_no_memory(diag, g->n_nodes * sizeof *s->split);
}

void split_free(SplitGraph *s) {
  free(s->kind);
  free(s->split);
  free(s->need);
}
