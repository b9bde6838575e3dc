/* Reductions: reduced axes stay, with length 1. */
#include "ops/rule.h"

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const AttrDesc axes_attrs[] = {{"axes", ATTR_INTS, NULL, NULL, 0, 0, "axes to reduce"}};
static const AttrDesc sum_attrs[] = {{"axes", ATTR_INTS, NULL, NULL, 0, 0, "axes to reduce"},
                                     {"wide", ATTR_BOOL, "false", NULL, 0, 0,
                                      "the result in the type in which it was added up (f64)"}};
static const AttrDesc axis_attrs[] = {
    {"axis", ATTR_INT, NULL, NULL, 0, RANK_MAX - 1, "the axis to reduce"}};

static Status reduce_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  uint32_t n;
  const int64_t *axes = infer_ints(c, REDUCE_AXES, &n);
  for (uint32_t i = 0; i < n; i++) {
    if (axes[i] < 0 || axes[i] >= c->shape.rank || (i && axes[i] <= axes[i - 1]))
      return infer_fail(c, "axes count from 0, in ascending order", "axis %lld of %u dimensions",
                        (long long)axes[i], c->shape.rank);
    c->shape.dim[axes[i]] = 1;
  }
  return STATUS_OK;
}

static Status sum_infer(InferContext *c) {
  TRY(reduce_infer(c));
  if (infer_int(c, REDUCE_WIDE)) c->dtype = dtype_sum(c->dtype);
  return STATUS_OK;
}

static Status axis_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  int64_t axis = infer_int(c, ARG_MAX_AXIS);
  TRY(infer_index_axis(c, axis)); /* the derivative is an index */
  c->shape.dim[axis] = 1;
  return STATUS_OK;
}

static Status arg_max_infer(InferContext *c) {
  TRY(axis_infer(c));
  c->dtype = DTYPE_I32;
  return STATUS_OK;
}

static NodeId vjp_reduce_sum(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  NodeId x = IN0(e, n);
  return emit_broadcast_like(e, emit_cast(e, dy, emit_dtype(e, x)), x);
}

/* The maximum is a pick at the first largest index, which is a constant for derivatives. */
static NodeId vjp_reduce_max(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  int64_t axis = node_attr_int(e->graph, n, ARG_MAX_AXIS);
  NodeId x = IN0(e, n);
  int64_t length = emit_shape(e, x)->dim[axis];
  return emit_place(e, dy, emit_arg_max(e, x, axis), axis, length);
}

static uint32_t axes_mask(const EmitAttr *a) {
  uint32_t mask = 0;
  for (uint32_t i = 0; i < a->count; i++) mask |= 1u << a->values[i];
  return mask;
}

/* Whether `mean` is the node that the mean of x makes: equal nodes are one. */
static bool is_mean_of(Emitter *e, NodeId mean, NodeId x, uint32_t axes) {
  Stamp stamp = e->stamp;
  e->stamp = e->graph->nodes[mean].stamp;
  NodeId own = emit_mean(e, x, axes);
  e->stamp = stamp;
  return own == mean;
}

/* v = mean (x - m)^2: dv/dx = 2/n (x - m).  dv/dm = -2/n sum (x - m) = 0 where m is the mean, at
 * every order: the rule's own derivative goes through m where it stands in (x - m).  A model may
 * give another point, a running mean or a parameter; then it counts. */
static NodeId vjp_variance(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId x = IN0(e, n), mean = IN1(e, n);
  EmitAttr attr = {0};
  attr.values = node_attr(e->graph, n, REDUCE_AXES, &attr.count);
  uint32_t axes = axes_mask(&attr);
  if (i == 1 && is_mean_of(e, mean, x, axes)) return NODE_NONE;
  int64_t count = shape_count(emit_shape(e, x)) / shape_count(emit_shape(e, n));
  NodeId scaled = emit_scale(e, dy, 2.0 / (double)count);
  if (i == 1) {
    NodeId off = emit_reduce_sum(e, emit_sub(e, x, mean), axes);
    return emit_neg(e, emit_mul(e, off, scaled));
  }
  NodeId spread = emit_broadcast_like(e, scaled, x);
  return emit_mul(e, emit_sub(e, x, mean), spread);
}

static NodeId make_sum(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  uint32_t axes = axes_mask(&a[REDUCE_AXES]);
  return *a[REDUCE_WIDE].values ? emit_wide_sum(e, in[0], axes) : emit_reduce_sum(e, in[0], axes);
}
const OpDesc op_reduce_sum = {.name = "reduce-sum",
                              .doc = "Sum over axes; they stay with length 1.",
                              .op_class = OP_CLASS_REDUCE,
                              .inputs = one,
                              .n_inputs = 1,
                              .attrs = sum_attrs,
                              .n_attrs = COUNT_OF(sum_attrs),
                              .make = make_sum,
                              .infer = sum_infer,
                              .vjp = vjp_reduce_sum,
                              .costly = true};
static NodeId make_max(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_reduce_max(e, in[0], *a[ARG_MAX_AXIS].values);
}
const OpDesc op_reduce_max = {
    .name = "reduce-max",
    .doc = "Largest element along an axis, NaN above all; derivative to the first of equals.",
    .op_class = OP_CLASS_REDUCE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = axis_attrs,
    .n_attrs = 1,
    .make = make_max,
    .infer = axis_infer,
    .vjp = vjp_reduce_max};
static NodeId make_arg_max(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_arg_max(e, in[0], *a[ARG_MAX_AXIS].values);
}
const OpDesc op_arg_max = {
    .name = "arg-max",
    .doc = "Index (i32) of the largest element along an axis: the first of equals, NaN above all.",
    .op_class = OP_CLASS_REDUCE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = axis_attrs,
    .n_attrs = 1,
    .no_gradient = 1,
    .make = make_arg_max,
    .infer = arg_max_infer,
    .vjp = vjp_none};

static const InputDesc variance_inputs[] = {
    {"in", false, false, "the operand"},
    {"mean", false, false, "its mean over the axes, or another point of that shape"}};
static Status variance_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  TRY(reduce_infer(c));
  if (infer_dtype(c, 1) != c->dtype || !shape_equal(infer_shape(c, 1), &c->shape))
    return infer_fail(c, NULL, "%s has not the shape of the mean over these axes",
                      infer_label(c, 1, a));
  return STATUS_OK;
}
static NodeId make_variance(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_variance(e, in[0], in[1], axes_mask(&a[REDUCE_AXES]));
}
const OpDesc op_variance = {
    .name = "variance",
    .doc = "Mean of (x - mean)^2 over axes: the biased variance when that is the mean.",
    .op_class = OP_CLASS_REDUCE,
    .inputs = variance_inputs,
    .n_inputs = 2,
    .attrs = axes_attrs,
    .n_attrs = 1,
    .make = make_variance,
    .infer = variance_infer,
    .vjp = vjp_variance};
