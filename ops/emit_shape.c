/* Emitter front ends: reductions, shape, indexed access, products. */
#include "ops/emit.h"

#include "ops/infer.h"

/* ---- reductions ---- */

int64_t emit_axes_count(const Emitter *e, NodeId a, uint32_t axes) {
  if (a == NODE_NONE) return 1;
  const Shape *shape = emit_shape(e, a);
  int64_t n = 1;
  for (int i = 0; i < shape->rank; i++)
    if (axes >> i & 1) n *= shape->dim[i];
  return n;
}

/* The axes of the mask that have more than one element; reducing the others changes nothing. */
static uint32_t axes_list(const Emitter *e, NodeId a, uint32_t axes, int64_t *list) {
  const Shape *shape = emit_shape(e, a);
  uint32_t n = 0;
  for (int i = 0; i < shape->rank; i++)
    if (axes >> i & 1 && shape->dim[i] > 1) list[n++] = i;
  return n;
}

static void reduced_shape(const Emitter *e, NodeId a, uint32_t axes, Shape *out) {
  *out = *emit_shape(e, a);
  for (int i = 0; i < out->rank; i++)
    if (axes >> i & 1) out->dim[i] = 1;
}

/* A sum over exactly those axes along which a factor is constant is that factor times the sum of
 * the rest: sum_r a[r] b = b sum_r a[r].  It lets the sums of norms' derivatives be shared, and
 * keeps small tensors small.  Of a longer product only the last PULL_DEPTH factors are looked at,
 * so that the depth of calls is bounded. */
#define PULL_DEPTH 32
static NodeId reduce(Emitter *e, NodeId a, uint32_t axes, int depth);
static NodeId pull_out(Emitter *e, NodeId a, uint32_t axes, int depth) {
  const Graph *g = e->graph;
  if (depth == PULL_DEPTH) return NODE_NONE;
  if (g->nodes[a].op == OP_NEG) return emit_neg(e, reduce(e, node_input(g, a, 0), axes, depth + 1));
  if (g->nodes[a].op != OP_MUL) return NODE_NONE;
  for (uint32_t i = 0; i < 2; i++) {
    NodeId factor = node_input(g, a, i), rest = node_input(g, a, 1 - i);
    double value;
    if (emit_is_fill(e, factor, &value))
      return emit_scale(e, reduce(e, rest, axes, depth + 1), value);
    if (g->nodes[factor].op != OP_BROADCAST) continue;
    NodeId small = node_input(g, factor, 0);
    Shape from = g->nodes[small].shape, to;
    bool constant = true; /* along every reduced axis */
    for (int k = 0; k < from.rank; k++)
      if (axes >> k & 1 && from.dim[k] != 1) constant = false;
    if (!constant) continue;
    NodeId sum = reduce(e, rest, axes, depth + 1);
    if (sum == NODE_NONE) return NODE_NONE;
    to = *emit_shape(e, sum);
    return emit_mul(e, sum, emit_broadcast(e, small, &to));
  }
  return NODE_NONE;
}

static NodeId reduce(Emitter *e, NodeId a, uint32_t axes, int depth) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  int64_t list[RANK_MAX];
  uint32_t n = axes_list(e, a, axes, list);
  if (n == 0) return a;
  uint32_t mask = 0;
  for (uint32_t i = 0; i < n; i++) mask |= 1u << list[i];
  double value;
  if (emit_is_fill(e, a, &value)) {
    Shape shape;
    reduced_shape(e, a, mask, &shape);
    value *= (double)emit_axes_count(e, a, mask);
    if (!dtype_refuses(emit_dtype(e, a), value))
      return emit_constant(e, value, emit_dtype(e, a), &shape);
  }
  NodeId pulled = pull_out(e, a, mask, depth);
  if (pulled || e->status != STATUS_OK) return pulled;
  EmitAttr attrs[] = {{list, n}, {&(int64_t){false}, 1}};
  return emit_node(e, OP_REDUCE_SUM, &a, 1, attrs);
}

NodeId emit_reduce_sum(Emitter *e, NodeId a, uint32_t axes) {
  return reduce(e, a, axes, 0);
}

NodeId emit_wide_sum(Emitter *e, NodeId a, uint32_t axes) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  int64_t list[RANK_MAX];
  uint32_t n = axes_list(e, a, axes, list);
  if (n == 0) return emit_cast(e, a, dtype_sum(emit_dtype(e, a)));
  EmitAttr attrs[] = {{list, n}, {&(int64_t){dtype_sum(emit_dtype(e, a)) != emit_dtype(e, a)}, 1}};
  return emit_node(e, OP_REDUCE_SUM, &a, 1, attrs);
}

NodeId emit_mean(Emitter *e, NodeId a, uint32_t axes) {
  return emit_scale(e, emit_reduce_sum(e, a, axes), 1.0 / (double)emit_axes_count(e, a, axes));
}

/* False for an axis that there is not, which the shape rule reports. */
static bool one_long(const Emitter *e, NodeId a, int64_t axis) {
  return a != NODE_NONE && axis >= 0 && axis < RANK_MAX && emit_shape(e, a)->dim[axis] == 1;
}

NodeId emit_reduce_max(Emitter *e, NodeId a, int64_t axis) {
  if (one_long(e, a, axis)) return a;
  EmitAttr attrs[] = {{&axis, 1}};
  return emit_node(e, OP_REDUCE_MAX, &a, 1, attrs);
}

NodeId emit_arg_max(Emitter *e, NodeId a, int64_t axis) {
  if (one_long(e, a, axis)) {
    Shape shape = *emit_shape(e, a); /* nodes move when the graph grows */
    return emit_constant(e, 0, DTYPE_I32, &shape);
  }
  EmitAttr attrs[] = {{&axis, 1}};
  return emit_node(e, OP_ARG_MAX, &a, 1, attrs);
}

NodeId emit_cumulative_sum(Emitter *e, NodeId a, int64_t axis, bool exclusive, bool reverse) {
  int64_t without = exclusive, back = reverse;
  if (one_long(e, a, axis)) return exclusive ? emit_constant_like(e, 0, a) : a;
  EmitAttr attrs[] = {{&axis, 1}, {&without, 1}, {&back, 1}};
  return emit_node(e, OP_CUMULATIVE_SUM, &a, 1, attrs);
}

NodeId emit_variance(Emitter *e, NodeId a, NodeId mean, uint32_t axes) {
  if (e->status != STATUS_OK || a == NODE_NONE || mean == NODE_NONE) return NODE_NONE;
  int64_t list[RANK_MAX];
  uint32_t n = axes_list(e, a, axes, list);
  if (n == 0 && a == mean) return emit_constant_like(e, 0, mean); /* one element is its own mean */
  if (n == 0) {
    NodeId off = emit_sub(e, a, mean);
    return emit_mul(e, off, off);
  }
  NodeId inputs[] = {a, mean};
  EmitAttr attrs[] = {{list, n}};
  return emit_node(e, OP_VARIANCE, inputs, 2, attrs);
}

/* ---- shape ---- */

NodeId emit_broadcast(Emitter *e, NodeId a, const Shape *shape) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  if (shape_equal(emit_shape(e, a), shape)) return a;
  double value;
  if (emit_is_fill(e, a, &value)) return emit_constant(e, value, emit_dtype(e, a), shape);
  if (e->graph->nodes[a].op == OP_BROADCAST) a = node_input(e->graph, a, 0);
  Shape copy = *shape;
  EmitAttr attrs[] = {{copy.dim, copy.rank}};
  return emit_node(e, OP_BROADCAST, &a, 1, attrs);
}

NodeId emit_broadcast_like(Emitter *e, NodeId a, NodeId like) {
  if (like == NODE_NONE) return NODE_NONE;
  Shape shape = *emit_shape(e, like);
  return emit_broadcast(e, a, &shape);
}

NodeId emit_reshape(Emitter *e, NodeId a, const Shape *shape) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  double value;
  if (emit_is_fill(e, a, &value)) return emit_constant(e, value, emit_dtype(e, a), shape);
  if (e->graph->nodes[a].op == OP_RESHAPE) a = node_input(e->graph, a, 0);
  if (shape_equal(emit_shape(e, a), shape)) return a;
  Shape copy = *shape;
  EmitAttr attrs[] = {{copy.dim, copy.rank}};
  return emit_node(e, OP_RESHAPE, &a, 1, attrs);
}

NodeId emit_reshape_dims(Emitter *e, NodeId a, int rank, const int64_t *dims) {
  Shape shape = {.rank = (uint8_t)rank};
  for (int i = 0; i < rank; i++) shape.dim[i] = dims[i];
  return emit_reshape(e, a, &shape);
}

NodeId emit_scalar(Emitter *e, NodeId a) {
  return emit_reshape(e, a, &(Shape){0});
}

NodeId emit_transpose(Emitter *e, NodeId a, const int64_t *axes) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  uint8_t rank = emit_shape(e, a)->rank;
  bool identity = true;
  for (int i = 0; i < rank; i++) identity = identity && axes[i] == i;
  if (identity) return a;
  EmitAttr attrs[] = {{axes, rank}};
  return emit_node(e, OP_TRANSPOSE, &a, 1, attrs);
}

NodeId emit_slice(Emitter *e, NodeId a, const int64_t *start, const int64_t *size) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  const Shape *shape = emit_shape(e, a);
  uint8_t rank = shape->rank;
  bool whole = true;
  Shape part = {.rank = rank};
  for (int i = 0; i < rank; i++) {
    whole = whole && start[i] == 0 && size[i] == shape->dim[i];
    part.dim[i] = size[i];
  }
  if (whole) return a;
  double value;
  if (emit_is_fill(e, a, &value)) return emit_constant(e, value, emit_dtype(e, a), &part);
  EmitAttr attrs[] = {{start, rank}, {size, rank}};
  return emit_node(e, OP_SLICE, &a, 1, attrs);
}

NodeId emit_slice_axis(Emitter *e, NodeId a, int64_t axis, int64_t start, int64_t size) {
  if (a == NODE_NONE) return NODE_NONE;
  int64_t from[RANK_MAX] = {0}, sizes[RANK_MAX];
  Shape shape = *emit_shape(e, a);
  for (int i = 0; i < shape.rank; i++) sizes[i] = shape.dim[i];
  from[axis] = start;
  sizes[axis] = size;
  return emit_slice(e, a, from, sizes);
}

NodeId emit_pad(Emitter *e, NodeId a, const int64_t *before, const int64_t *after) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  Shape shape = *emit_shape(e, a);
  bool none = true;
  for (int i = 0; i < shape.rank; i++) none = none && before[i] == 0 && after[i] == 0;
  if (none) return a;
  double value;
  if (emit_is_fill(e, a, &value) && value == 0) {
    for (int i = 0; i < shape.rank; i++) shape.dim[i] += before[i] + after[i];
    return emit_constant(e, 0, emit_dtype(e, a), &shape);
  }
  EmitAttr attrs[] = {{before, shape.rank}, {after, shape.rank}};
  return emit_node(e, OP_PAD, &a, 1, attrs);
}

NodeId emit_concat(Emitter *e, const NodeId *parts, uint32_t n, int64_t axis) {
  if (n == 1) return parts[0];
  EmitAttr attrs[] = {{&axis, 1}};
  return emit_node(e, OP_CONCAT, parts, n, attrs);
}

/* ---- indexed ---- */

NodeId emit_gather(Emitter *e, NodeId a, NodeId index) {
  NodeId inputs[] = {a, index};
  return emit_node(e, OP_GATHER, inputs, 2, NULL);
}

NodeId emit_scatter_add(Emitter *e, NodeId a, NodeId index, int64_t rows) {
  NodeId inputs[] = {a, index};
  EmitAttr attrs[] = {{&rows, 1}};
  return emit_node(e, OP_SCATTER_ADD, inputs, 2, attrs);
}

NodeId emit_pick(Emitter *e, NodeId a, NodeId index, int64_t axis) {
  NodeId inputs[] = {a, index};
  EmitAttr attrs[] = {{&axis, 1}};
  return emit_node(e, OP_PICK, inputs, 2, attrs);
}

NodeId emit_place(Emitter *e, NodeId a, NodeId index, int64_t axis, int64_t length) {
  NodeId inputs[] = {a, index};
  EmitAttr attrs[] = {{&axis, 1}, {&length, 1}};
  return emit_node(e, OP_PLACE, inputs, 2, attrs);
}

NodeId emit_arg_sort(Emitter *e, NodeId a, int64_t axis, bool descending, int64_t count) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  int64_t down = descending;
  if (count == emit_shape(e, a)->dim[axis]) count = 0; /* one form for one value */
  EmitAttr attrs[] = {{&axis, 1}, {&down, 1}, {&count, 1}};
  return emit_node(e, OP_ARG_SORT, &a, 1, attrs);
}

/* ---- products ---- */

NodeId emit_matmul(Emitter *e, NodeId a, NodeId b, bool transpose_a, bool transpose_b) {
  NodeId inputs[] = {a, b};
  int64_t ta = transpose_a, tb = transpose_b;
  EmitAttr attrs[] = {{&ta, 1}, {&tb, 1}};
  return emit_node(e, OP_MATMUL, inputs, 2, attrs);
}

static NodeId emit_window(Emitter *e, OpId op, NodeId a, NodeId b, const Window *window) {
  NodeId inputs[] = {a, b};
  int64_t groups = window->groups ? window->groups : 1;
  EmitAttr attrs[] = {[CONV_STRIDE] = {window->stride, 2},
                      [CONV_PAD] = {window->pad, 2},
                      [CONV_DILATION] = {window->dilation, 2},
                      [CONV_GROUPS] = {&groups, 1},
                      [CONV_SIZE] = {window->size, 2}};
  return emit_node(e, op, inputs, 2, attrs);
}

NodeId emit_conv(Emitter *e, NodeId x, NodeId w, const Window *window) {
  return emit_window(e, OP_CONV, x, w, window);
}

NodeId emit_conv_dx(Emitter *e, NodeId dy, NodeId w, const Window *window) {
  return emit_window(e, OP_CONV_DX, dy, w, window);
}

NodeId emit_conv_dw(Emitter *e, NodeId x, NodeId dy, const Window *window) {
  return emit_window(e, OP_CONV_DW, x, dy, window);
}

NodeId emit_pool(Emitter *e, OpId op, NodeId a, NodeId index, const Window *window) {
  NodeId inputs[] = {a, index};
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  const int64_t *pad = window->pad, *kernel = window->kernel, *stride = window->stride;
  bool even = pad[0] == pad[2] && pad[1] == pad[3]; /* one form for one value */
  bool one = kernel[0] == 1 && kernel[1] == 1 && stride[0] == 1 && stride[1] == 1;
  if ((op == OP_POOL_SUM || op == OP_POOL_SPREAD) && one && even && pad[0] == 0 && pad[1] == 0)
    return a; /* each pixel is its window */
  EmitAttr attrs[] = {{window->kernel, 2},
                      {window->stride, 2},
                      {pad, even ? 2 : 4},
                      {window->dilation, 2},
                      {window->size, 2}};
  return emit_node(e, op, inputs, index == NODE_NONE ? 1 : 2, attrs);
}

NodeId emit_resize(Emitter *e, OpId op, NodeId a, int64_t mode, int64_t align_corners,
                   const int64_t *size) {
  if (e->status != STATUS_OK || a == NODE_NONE) return NODE_NONE;
  const Shape *shape = emit_shape(e, a);
  bool legal = shape->rank == 4 && !(mode == 0 && align_corners);
  if (legal && size[0] == shape->dim[1] && size[1] == shape->dim[2]) return a;
  EmitAttr attrs[] = {{&mode, 1}, {&align_corners, 1}, {size, 2}};
  return emit_node(e, op, &a, 1, attrs);
}

NodeId emit_copy(Emitter *e, NodeId x) {
  Shape scalar = *emit_shape(e, x), one = {.rank = 1, .dim = {1}};
  if (scalar.rank == 0) x = emit_reshape(e, x, &one);
  x = emit_node(e, OP_CONCAT, &x, 1, (EmitAttr[]){{(int64_t[]){0}, 1}});
  return scalar.rank == 0 ? emit_reshape(e, x, &scalar) : x;
}
