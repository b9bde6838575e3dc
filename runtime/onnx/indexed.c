/* What reads or adds by index, and what runs along an axis. */
#include "runtime/onnx/translate.h"

#include <string.h>

static const char fixed[] = "--fixed-batch exports the plan's own number of images";

static const uint8_t *axes_of(const Translation *t, NodeId id) {
  return t->values[id].axis;
}

/* The axis along which an op works must be whole. */
static Status refuse_batch(const Translation *t, NodeId in, int64_t axis, const char *what) {
  if (axes_of(t, in)[axis] != AXIS_BATCH) return STATUS_OK;
  return onnx_refuse(t, fixed, "%s the images of a batch", what);
}

/* Zeros of the result's shape. */
static const char *zeros(Translation *t, const uint8_t *axis) {
  const Node *node = onnx_of(t, t->id);
  const char *zero = onnx_scalar(&t->m, onnx_type((DType)node->dtype), 0);
  return onnx_binary(&t->m, "Expand", zero, onnx_shape(t, &node->shape, axis));
}

/* What an op of one operand works along, and the axes of its result, which has that one whole. */
static Status begin_along(Translation *t, uint32_t attr, const char *what, int64_t *along,
                          uint8_t axis[RANK_MAX]) {
  NodeId in = node_input(t->g, t->id, 0);
  *along = node_attr_int(t->g, t->id, attr);
  TRY(refuse_batch(t, in, *along, what));
  memcpy(axis, axes_of(t, in), RANK_MAX);
  axis[*along] = AXIS_FULL;
  return STATUS_OK;
}

static Status translate_arg_max(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  int64_t along;
  uint8_t axis[RANK_MAX];
  TRY(begin_along(t, ARG_MAX_AXIS, "chooses among", &along, axis));
  const char *x = onnx_plain(t, in);
  OnnxAttr attrs[] = {ONNX_INT("axis", along), ONNX_INT("keepdims", 1)};
  return onnx_set(t, onnx_cast(&t->m, onnx_node(&t->m, "ArgMax", &x, 1, attrs, 2), ONNX_INT32),
                  axis);
}

static Status translate_sum_along(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  int64_t along;
  uint8_t axis[RANK_MAX];
  TRY(begin_along(t, SCAN_AXIS, "adds up", &along, axis));
  const char *inputs[] = {onnx_full(t, in, ~(1u << along)), NULL};
  inputs[1] = onnx_scalar(&t->m, ONNX_INT64, (double)along);
  OnnxAttr attrs[] = {ONNX_INT("exclusive", node_attr_int(t->g, t->id, SCAN_EXCLUSIVE)),
                      ONNX_INT("reverse", node_attr_int(t->g, t->id, SCAN_REVERSE))};
  return onnx_set(t, onnx_node(&t->m, "CumSum", inputs, 2, attrs, 2), axis);
}

/* Equals stand in the order of their indices in both. */
static Status translate_arg_sort(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  int64_t along;
  uint8_t axis[RANK_MAX];
  TRY(begin_along(t, ARG_SORT_AXIS, "sorts", &along, axis));
  const char *inputs[] = {onnx_full(t, in, ~(1u << along)), NULL};
  inputs[1] = onnx_ints(&t->m, &onnx_of(t, t->id)->shape.dim[along], 1);
  OnnxAttr attrs[] = {ONNX_INT("axis", along),
                      ONNX_INT("largest", node_attr_int(t->g, t->id, ARG_SORT_DESCENDING)),
                      ONNX_INT("sorted", 1)};
  const char *places = onnx_node_second(&t->m, "TopK", inputs, 2, attrs, 3);
  return onnx_set(t, onnx_cast(&t->m, places, ONNX_INT32), axis);
}

static Status translate_gather(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0), index = node_input(t->g, t->id, 1);
  uint8_t axis[RANK_MAX];
  TRY(refuse_batch(t, in, 0, "chooses among"));
  memcpy(axis, axes_of(t, in), sizeof axis);
  axis[0] = axes_of(t, index)[0];
  const char *inputs[] = {onnx_full(t, in, ~1u), NULL};
  inputs[1] = onnx_plain(t, index);
  OnnxAttr attr = ONNX_INT("axis", 0);
  return onnx_set(t, onnx_node(&t->m, "Gather", inputs, 2, &attr, 1), axis);
}

static Status translate_scatter(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0), index = node_input(t->g, t->id, 1);
  static const int64_t column[2] = {-1, 1};
  uint8_t axis[RANK_MAX];
  TRY(refuse_batch(t, in, 0, "adds up"));
  TRY(refuse_batch(t, index, 0, "adds up"));
  for (int i = 0; i < RANK_MAX; i++)
    axis[i] = axes_of(t, in)[i] == AXIS_BATCH ? AXIS_BATCH : AXIS_FULL;
  const char *inputs[3] = {zeros(t, axis)};
  inputs[1] = onnx_cast(&t->m, onnx_full(t, index, 0), ONNX_INT64);
  inputs[2] = onnx_full(t, in, 0);
  inputs[1] = onnx_binary(&t->m, "Reshape", inputs[1], onnx_ints(&t->m, column, 2));
  OnnxAttr attr = ONNX_TEXT("reduction", "add");
  return onnx_set(t, onnx_node(&t->m, "ScatterND", inputs, 3, &attr, 1), axis);
}

/* Along one axis, for every line of the others: all must have as many lines. */
static Status translate_lines(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  bool place = node->op == OP_PLACE;
  const NodeId *ids = node_inputs(t->g, t->id);
  int64_t along = node_attr_int(t->g, t->id, place ? PLACE_AXIS : ARG_MAX_AXIS);
  uint8_t axis[RANK_MAX], whole[RANK_MAX];
  for (int i = 0; i < 2; i++) TRY(refuse_batch(t, ids[i], along, "chooses among"));
  TRY(onnx_agree(t, ids, 2, (int)along, axis));
  for (int i = 0; i < RANK_MAX; i++) whole[i] = axis[i] == AXIS_BATCH ? AXIS_BATCH : AXIS_FULL;
  const char *names[2] = {onnx_expand(t, ids[0], whole)};
  names[1] = onnx_expand(t, ids[1], whole);
  OnnxAttr attrs[] = {ONNX_INT("axis", along), ONNX_TEXT("reduction", "add")};
  if (!place) return onnx_set(t, onnx_node(&t->m, "GatherElements", names, 2, attrs, 1), whole);
  const char *inputs[] = {zeros(t, whole), names[1], names[0]};
  return onnx_set(t, onnx_node(&t->m, "ScatterElements", inputs, 3, attrs, 2), whole);
}

Status onnx_indexed(Translation *t) {
  switch (onnx_of(t, t->id)->op) {
  case OP_ARG_MAX:
    return translate_arg_max(t);
  case OP_CUMULATIVE_SUM:
    return translate_sum_along(t);
  case OP_ARG_SORT:
    return translate_arg_sort(t);
  case OP_GATHER:
    return translate_gather(t);
  case OP_SCATTER_ADD:
    return translate_scatter(t);
  default:
    return translate_lines(t);
  }
}
