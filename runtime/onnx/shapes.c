/* What moves elements: the axes of each result follow from those of its operands. */
#include "runtime/onnx/translate.h"

#include <string.h>

static const char fixed[] = "--fixed-batch exports the plan's own number of images";

static const uint8_t *axes_of(const Translation *t, NodeId id) {
  return t->values[id].axis;
}

/* Nothing is computed: an axis of 1 that becomes longer is one. */
static Status translate_broadcast(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  const Shape *from = &onnx_of(t, in)->shape, *to = &onnx_of(t, t->id)->shape;
  uint8_t axis[RANK_MAX] = {0};
  for (int i = 0; i < to->rank; i++) {
    bool longer = from->dim[i] == 1 && to->dim[i] > 1;
    if (longer && axes_of(t, in)[i] == AXIS_BATCH)
      return onnx_refuse(t, fixed, "repeats the only image of the plan's batch");
    axis[i] = longer ? AXIS_ONE : axes_of(t, in)[i];
  }
  OnnxValue *to_value = &t->values[t->id];
  to_value->channels = t->values[in].channels;
  return onnx_set(t, t->values[in].plain, axis);
}

/* ---- reshape ---- */

/* Neighbouring axes that become neighbouring axes: from[f0 .. f1) and to[t0 .. t1), as many
 * elements each. */
typedef struct Group {
  int f0, f1, t0, t1;
} Group;

static bool next_group(const Shape *from, const Shape *to, Group *g) {
  g->f0 = g->f1;
  g->t0 = g->t1;
  if (g->f0 >= from->rank && g->t0 >= to->rank) return false;
  int64_t a = g->f1 < from->rank ? from->dim[g->f1++] : 1;
  int64_t b = g->t1 < to->rank ? to->dim[g->t1++] : 1;
  while (a != b) {
    if (a < b && g->f1 < from->rank)
      a *= from->dim[g->f1++];
    else if (g->t1 < to->rank)
      b *= to->dim[g->t1++];
    else
      break; /* cannot be: both have as many elements */
  }
  return true;
}

/* The first axis of a run that is longer than 1; its first, where none is. */
static int leading(const Shape *shape, int from, int to) {
  int i = from;
  while (i < to && shape->dim[i] == 1) i++;
  return i < to ? i : from;
}

static Status group_axes(Translation *t, const Shape *from, const Shape *to, const Group *g,
                         uint32_t *keep, uint8_t *out) {
  const uint8_t *in = axes_of(t, node_input(t->g, t->id, 0));
  int batch = -1, ones = 0, longer = 0;
  for (int i = g->f0; i < g->f1; i++) {
    if (in[i] == AXIS_BATCH) batch = i;
    ones += in[i] == AXIS_ONE;
    longer += from->dim[i] > 1;
  }
  for (int i = g->t0; i < g->t1; i++) out[i] = AXIS_FULL;
  if (batch >= 0) {
    int first = t->images > 1 ? leading(to, g->t0, g->t1) : g->t0;
    int source = t->images > 1 ? leading(from, g->f0, g->f1) : batch;
    if (g->t0 >= g->t1 || source != batch || to->dim[first] % t->images != 0)
      return onnx_refuse(t, fixed, "puts parts of several images of a batch on one axis");
    out[first] = AXIS_BATCH;
  } else if (ones == longer) { /* all of it is the same, or of length 1 */
    for (int i = g->f0; i < g->f1; i++) *keep |= 1u << i;
    for (int i = g->t0; i < g->t1; i++) out[i] = ones && to->dim[i] > 1 ? AXIS_ONE : AXIS_FULL;
  }
  return STATUS_OK;
}

static Status translate_reshape(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  const Shape *from = &onnx_of(t, in)->shape, *to = &onnx_of(t, t->id)->shape;
  uint8_t axis[RANK_MAX] = {0};
  uint32_t keep = 0;
  Group g = {0};
  int64_t dims[RANK_MAX];
  while (next_group(from, to, &g)) TRY(group_axes(t, from, to, &g, &keep, axis));
  for (int i = 0; i < to->rank; i++)
    dims[i] = axis[i] == AXIS_BATCH ? -1 : axis[i] == AXIS_ONE ? 1 : to->dim[i];
  const char *x = onnx_full(t, in, keep);
  return onnx_set(t, onnx_binary(&t->m, "Reshape", x, onnx_ints(&t->m, dims, to->rank)), axis);
}

/* ---- the others ---- */

static Status translate_transpose(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  uint32_t n;
  const int64_t *axes = node_attr(t->g, t->id, TRANSPOSE_AXES, &n);
  uint8_t axis[RANK_MAX] = {0};
  for (uint32_t i = 0; i < n; i++) axis[i] = axes_of(t, in)[axes[i]];
  const char *x = onnx_plain(t, in);
  OnnxAttr perm = ONNX_INTS("perm", axes, n);
  return onnx_set(t, onnx_node(&t->m, "Transpose", &x, 1, &perm, 1), axis);
}

static Status translate_slice(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  const Shape *from = &onnx_of(t, in)->shape;
  const int64_t *start = node_attr(t->g, t->id, SLICE_START, NULL);
  const int64_t *size = node_attr(t->g, t->id, SLICE_SIZE, NULL);
  int64_t starts[RANK_MAX], ends[RANK_MAX], axes[RANK_MAX];
  uint8_t axis[RANK_MAX];
  uint32_t n = 0;
  memcpy(axis, axes_of(t, in), sizeof axis);
  for (int i = 0; i < from->rank; i++) {
    if (start[i] == 0 && size[i] == from->dim[i]) continue;
    if (axis[i] == AXIS_BATCH) return onnx_refuse(t, fixed, "takes some of the images of a batch");
    if (axis[i] == AXIS_ONE) {
      if (size[i] == 1) axis[i] = AXIS_FULL;
      continue;
    }
    starts[n] = start[i];
    ends[n] = start[i] + size[i];
    axes[n++] = i;
  }
  const char *x = onnx_plain(t, in);
  if (n == 0) return onnx_set(t, x, axis);
  const char *inputs[] = {x, onnx_ints(&t->m, starts, n), NULL, NULL};
  inputs[2] = onnx_ints(&t->m, ends, n);
  inputs[3] = onnx_ints(&t->m, axes, n);
  return onnx_set(t, onnx_node(&t->m, "Slice", inputs, 4, NULL, 0), axis);
}

static Status translate_pad(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  const Node *node = onnx_of(t, t->id);
  const int64_t *before = node_attr(t->g, t->id, PAD_BEFORE, NULL);
  const int64_t *after = node_attr(t->g, t->id, PAD_AFTER, NULL);
  int rank = node->shape.rank;
  int64_t pads[2 * RANK_MAX];
  uint32_t keep = 0;
  uint8_t axis[RANK_MAX];
  memcpy(axis, axes_of(t, in), sizeof axis);
  for (int i = 0; i < rank; i++) {
    pads[i] = before[i];
    pads[rank + i] = after[i];
    if (before[i] == 0 && after[i] == 0) {
      keep |= 1u << i;
    } else if (axis[i] == AXIS_BATCH) {
      return onnx_refuse(t, fixed, "adds images to a batch");
    } else {
      axis[i] = AXIS_FULL;
    }
  }
  const char *inputs[] = {onnx_full(t, in, keep), NULL, NULL};
  inputs[1] = onnx_ints(&t->m, pads, 2 * (uint32_t)rank);
  inputs[2] = onnx_scalar(&t->m, onnx_type((DType)node->dtype), 0);
  OnnxAttr mode = ONNX_TEXT("mode", "constant");
  return onnx_set(t, onnx_node(&t->m, "Pad", inputs, 3, &mode, 1), axis);
}

static Status translate_concat(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  const NodeId *ids = node_inputs(t->g, t->id);
  int64_t along = node_attr_int(t->g, t->id, CONCAT_AXIS);
  uint8_t axis[RANK_MAX];
  TRY(onnx_agree(t, ids, node->n_inputs, (int)along, axis));
  if (axis[along] == AXIS_BATCH)
    return onnx_refuse(t, fixed, "puts the images of a batch behind others");
  axis[along] = AXIS_FULL;
  const char **names = arena_array(t->m.arena, node->n_inputs, sizeof *names);
  if (!names) return diag_no_memory(t->diag, node->n_inputs * sizeof *names);
  for (uint32_t i = 0; i < node->n_inputs; i++) names[i] = onnx_expand(t, ids[i], axis);
  OnnxAttr attr = ONNX_INT("axis", along);
  return onnx_set(t, onnx_node(&t->m, "Concat", names, node->n_inputs, &attr, 1), axis);
}

Status onnx_shapes(Translation *t) {
  switch (onnx_of(t, t->id)->op) {
  case OP_BROADCAST:
    return translate_broadcast(t);
  case OP_RESHAPE:
    return translate_reshape(t);
  case OP_TRANSPOSE:
    return translate_transpose(t);
  case OP_SLICE:
    return translate_slice(t);
  case OP_PAD:
    return translate_pad(t);
  default:
    return translate_concat(t);
  }
}
