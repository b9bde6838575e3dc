/* Primitives that move elements without changing them. */
#include "ops/rule.h"

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const AttrDesc shape_attrs[] = {{"shape", ATTR_INTS, NULL, NULL, 0, 0, "new dimensions"}};

static Status broadcast_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], s[SHAPE_TEXT_MAX], t[SHAPE_TEXT_MAX];
  c->dtype = infer_dtype(c, 0);
  TRY(infer_set_shape(c, BROADCAST_SHAPE));
  const Shape *from = infer_shape(c, 0);
  bool fits = from->rank == c->shape.rank;
  for (int i = 0; fits && i < from->rank; i++)
    fits = from->dim[i] == c->shape.dim[i] || from->dim[i] == 1;
  if (!fits)
    return infer_fail(c, "same number of dimensions; those of length 1 may grow",
                      "%s has shape %s, which does not broadcast to %s", infer_label(c, 0, a),
                      shape_text(from, s, sizeof s), shape_text(&c->shape, t, sizeof t));
  return STATUS_OK;
}

static Status reshape_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], s[SHAPE_TEXT_MAX], t[SHAPE_TEXT_MAX];
  uint32_t n;
  const int64_t *dims = infer_ints(c, BROADCAST_SHAPE, &n);
  c->dtype = infer_dtype(c, 0);
  for (uint32_t i = 0; i < n; i++)
    if (dims[i] == -1)
      return infer_fail(c, "one dimension may be -1, and the others must divide the elements",
                        "%s has shape %s, which leaves no whole number for dimension %u",
                        infer_label(c, 0, a), shape_text(infer_shape(c, 0), s, sizeof s), i);
  TRY(infer_set_shape(c, BROADCAST_SHAPE));
  if (shape_count(infer_shape(c, 0)) != shape_count(&c->shape))
    return infer_fail(c, "one dimension may be -1: what the others leave",
                      "%s has shape %s, which has not as many elements as %s", infer_label(c, 0, a),
                      shape_text(infer_shape(c, 0), s, sizeof s),
                      shape_text(&c->shape, t, sizeof t));
  return STATUS_OK;
}

static NodeId vjp_broadcast(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  Shape from = *emit_shape(e, IN0(e, n)), to = *emit_shape(e, n);
  uint32_t axes = 0;
  for (int k = 0; k < from.rank; k++)
    if (from.dim[k] != to.dim[k]) axes |= 1u << k;
  return emit_reduce_sum(e, dy, axes);
}

static NodeId vjp_reshape(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  Shape from = *emit_shape(e, IN0(e, n));
  return emit_reshape(e, dy, &from);
}

static const AttrDesc reshape_attrs[] = {
    {"shape", ATTR_INTS, NULL, NULL, 0, 0, "new dimensions; one may be -1: what the others leave"}};
static Shape shape_of(const EmitAttr *a) {
  Shape shape = {.rank = (uint8_t)a->count};
  for (uint32_t i = 0; i < a->count; i++) shape.dim[i] = a->values[i];
  return shape;
}
static NodeId make_broadcast(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  Shape shape = shape_of(&a[BROADCAST_SHAPE]);
  return emit_broadcast(e, in[0], &shape);
}
/* The identity only.  A reshape of a reshape stays until differentiation is over (simplify looks
 * through it): which value has which users decides in what order derivatives are summed up. */
static NodeId make_reshape(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  Shape shape = shape_of(&a[BROADCAST_SHAPE]);
  double value;
  if (shape_equal(&shape, emit_shape(e, in[0]))) return in[0];
  if (emit_is_fill(e, in[0], &value)) return emit_reshape(e, in[0], &shape);
  return emit_node(e, OP_RESHAPE, in, n, a);
}
const OpDesc op_broadcast = {.name = "broadcast",
                             .doc = "Repeats along axes of length 1.",
                             .op_class = OP_CLASS_MOVE,
                             .inputs = one,
                             .n_inputs = 1,
                             .attrs = shape_attrs,
                             .n_attrs = 1,
                             .make = make_broadcast,
                             .infer = broadcast_infer,
                             .vjp = vjp_broadcast};
const OpDesc op_reshape = {.name = "reshape",
                           .doc = "Same elements in order, other dimensions.",
                           .op_class = OP_CLASS_VIEW,
                           .inputs = one,
                           .n_inputs = 1,
                           .attrs = reshape_attrs,
                           .n_attrs = 1,
                           .make = make_reshape,
                           .infer = reshape_infer,
                           .vjp = vjp_reshape};

static const AttrDesc transpose_attrs[] = {
    {"axes", ATTR_INTS, NULL, NULL, 0, 0, "axis i of the result is axis axes[i] of the operand"}};

static Status transpose_infer(InferContext *c) {
  const Shape *from = infer_shape(c, 0);
  uint32_t n, seen = 0;
  const int64_t *axes = infer_ints(c, TRANSPOSE_AXES, &n);
  c->dtype = infer_dtype(c, 0);
  c->shape.rank = from->rank;
  if (n != from->rank) return infer_fail(c, NULL, "%u axes for %u dimensions", n, from->rank);
  for (uint32_t i = 0; i < n; i++) {
    if (axes[i] < 0 || axes[i] >= from->rank || seen >> axes[i] & 1)
      return infer_fail(c, "name every axis once", "axis %lld", (long long)axes[i]);
    seen |= 1u << axes[i];
    c->shape.dim[i] = from->dim[axes[i]];
  }
  return STATUS_OK;
}

static NodeId vjp_transpose(Emitter *e, NodeId n, NodeId dy, uint32_t input) {
  (void)input;
  uint32_t rank;
  const int64_t *axes = node_attr(e->graph, n, TRANSPOSE_AXES, &rank);
  int64_t inverse[RANK_MAX];
  for (uint32_t i = 0; i < rank; i++) inverse[axes[i]] = i;
  return emit_transpose(e, dy, inverse);
}

static NodeId make_transpose(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_transpose(e, in[0], a[TRANSPOSE_AXES].values);
}
const OpDesc op_transpose = {.name = "transpose",
                             .doc = "Permutes axes.",
                             .op_class = OP_CLASS_MOVE,
                             .inputs = one,
                             .n_inputs = 1,
                             .attrs = transpose_attrs,
                             .n_attrs = 1,
                             .make = make_transpose,
                             .infer = transpose_infer,
                             .vjp = vjp_transpose};

static const AttrDesc slice_attrs[] = {
    {"start", ATTR_INTS, NULL, NULL, 0, 0, "first index, one for each axis"},
    {"size", ATTR_INTS, NULL, NULL, 0, 0, "length, one for each axis"}};

static Status slice_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  const Shape *from = infer_shape(c, 0);
  uint32_t n, m;
  const int64_t *start = infer_ints(c, SLICE_START, &n), *size = infer_ints(c, SLICE_SIZE, &m);
  c->dtype = infer_dtype(c, 0);
  c->shape.rank = from->rank;
  if (n != from->rank || m != from->rank)
    return infer_fail(c, NULL, "start and size need one number for each of %u axes", from->rank);
  for (uint32_t i = 0; i < n; i++) {
    if (start[i] < 0 || size[i] < 1 || start[i] > from->dim[i] || size[i] > from->dim[i] - start[i])
      return infer_fail(c, NULL, "%lld elements from %lld on axis %u of %s, which has %lld",
                        (long long)size[i], (long long)start[i], i, infer_label(c, 0, a),
                        (long long)from->dim[i]);
    c->shape.dim[i] = size[i];
  }
  return STATUS_OK;
}

static NodeId vjp_slice(Emitter *e, NodeId n, NodeId dy, uint32_t input) {
  (void)input;
  Shape from = *emit_shape(e, IN0(e, n)), part = *emit_shape(e, n);
  int64_t before[RANK_MAX], after[RANK_MAX];
  const int64_t *start = node_attr(e->graph, n, SLICE_START, NULL);
  for (int i = 0; i < from.rank; i++) {
    before[i] = start[i];
    after[i] = from.dim[i] - start[i] - part.dim[i];
  }
  return emit_pad(e, dy, before, after);
}

static NodeId make_slice(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_slice(e, in[0], a[SLICE_START].values, a[SLICE_SIZE].values);
}
const OpDesc op_slice = {.name = "slice",
                         .doc = "A box of elements.",
                         .op_class = OP_CLASS_MOVE,
                         .inputs = one,
                         .n_inputs = 1,
                         .attrs = slice_attrs,
                         .n_attrs = 2,
                         .make = make_slice,
                         .infer = slice_infer,
                         .vjp = vjp_slice};

static const AttrDesc pad_attrs[] = {
    {"before", ATTR_INTS, NULL, NULL, 0, 0, "zeros in front, one number for each axis"},
    {"after", ATTR_INTS, NULL, NULL, 0, 0, "zeros behind, one number for each axis"}};

static Status pad_infer(InferContext *c) {
  const Shape *from = infer_shape(c, 0);
  uint32_t n, m;
  const int64_t *before = infer_ints(c, PAD_BEFORE, &n), *after = infer_ints(c, PAD_AFTER, &m);
  c->dtype = infer_dtype(c, 0);
  c->shape = *from;
  if (n != from->rank || m != from->rank)
    return infer_fail(c, NULL, "before and after need one number for each of %u axes", from->rank);
  for (uint32_t i = 0; i < n; i++) {
    const int64_t limit = (int64_t)1 << 32;
    if (before[i] < 0 || after[i] < 0 || before[i] > limit || after[i] > limit)
      return infer_fail(c, NULL, "padding of axis %u is negative or too large", i);
    c->shape.dim[i] += before[i] + after[i];
  }
  return STATUS_OK;
}

static NodeId vjp_pad(Emitter *e, NodeId n, NodeId dy, uint32_t input) {
  (void)input;
  Shape from = *emit_shape(e, IN0(e, n));
  int64_t start[RANK_MAX];
  const int64_t *before = node_attr(e->graph, n, PAD_BEFORE, NULL);
  for (int i = 0; i < from.rank; i++) start[i] = before[i];
  return emit_slice(e, dy, start, from.dim);
}

static NodeId make_pad(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_pad(e, in[0], a[PAD_BEFORE].values, a[PAD_AFTER].values);
}
const OpDesc op_pad = {.name = "pad",
                       .doc = "Adds zeros around.",
                       .op_class = OP_CLASS_MOVE,
                       .inputs = one,
                       .n_inputs = 1,
                       .attrs = pad_attrs,
                       .n_attrs = 2,
                       .make = make_pad,
                       .infer = pad_infer,
                       .vjp = vjp_pad};

static const InputDesc parts[] = {{"in", false, true, "the parts, in order"}};
static const AttrDesc concat_attrs[] = {
    {"axis", ATTR_INT, "0", NULL, 0, RANK_MAX - 1, "the axis along which they are joined"}};

static Status concat_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], s[SHAPE_TEXT_MAX], t[SHAPE_TEXT_MAX];
  int64_t axis = infer_int(c, CONCAT_AXIS);
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  if (axis < 0 || axis >= c->shape.rank)
    return infer_fail(c, "axes count from 0", "axis %lld of %u dimensions", (long long)axis,
                      c->shape.rank);
  for (uint32_t i = 1; i < infer_n_inputs(c); i++) {
    Shape part = *infer_shape(c, i);
    int64_t length = axis < part.rank ? part.dim[axis] : 0;
    if (axis < part.rank) part.dim[axis] = c->shape.dim[axis];
    if (infer_dtype(c, i) != c->dtype || !shape_equal(&part, &c->shape))
      return infer_fail(c, "parts agree in type and in all axes but the joined one",
                        "%s has shape %s, the first part has %s", infer_label(c, i, a),
                        shape_text(infer_shape(c, i), s, sizeof s),
                        shape_text(infer_shape(c, 0), t, sizeof t));
    c->shape.dim[axis] += length; /* of at most 2^40 each */
    if (shape_count(&c->shape) < 0)
      return infer_fail(c, NULL, "the result is too large: %s with part %u",
                        shape_text(&c->shape, s, sizeof s), i);
  }
  return STATUS_OK;
}

static NodeId vjp_concat(Emitter *e, NodeId n, NodeId dy, uint32_t input) {
  int64_t axis = node_attr_int(e->graph, n, CONCAT_AXIS), start = 0;
  for (uint32_t k = 0; k < input; k++)
    start += emit_shape(e, node_input(e->graph, n, k))->dim[axis];
  int64_t size = emit_shape(e, node_input(e->graph, n, input))->dim[axis];
  return emit_slice_axis(e, dy, axis, start, size);
}

static NodeId make_concat(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  return emit_concat(e, in, n, *a[CONCAT_AXIS].values);
}
const OpDesc op_concat = {.name = "concat",
                          .doc = "Joins along an axis.",
                          .op_class = OP_CLASS_MOVE,
                          .inputs = parts,
                          .n_inputs = 1,
                          .attrs = concat_attrs,
                          .n_attrs = 1,
                          .make = make_concat,
                          .infer = concat_infer,
                          .vjp = vjp_concat};
