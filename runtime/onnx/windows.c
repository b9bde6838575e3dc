/* Products, convolutions, pools and resampling. */
#include "runtime/onnx/translate.h"

#include "ops/emit.h"
#include "ops/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *axes_of(const Translation *t, NodeId id) {
  return t->values[id].axis;
}

/* An operand whose pixels and channels are whole, with channels first. */
static const char *whole_pictures(Translation *t, NodeId id) {
  const uint8_t *axis = axes_of(t, id);
  if (axis[1] != AXIS_ONE && axis[2] != AXIS_ONE && axis[3] != AXIS_ONE)
    return onnx_channels(t, id);
  static const int64_t first[4] = {0, 3, 1, 2};
  const char *x = onnx_full(t, id, 1);
  OnnxAttr perm = ONNX_INTS("perm", first, 4);
  return onnx_node(&t->m, "Transpose", &x, 1, &perm, 1);
}

/* Windows move over the pixels of each image. */
static Status picture_axes(const Translation *t, NodeId id, uint8_t *axis) {
  memset(axis, AXIS_FULL, RANK_MAX);
  for (int i = 1; i < 4; i++)
    if (axes_of(t, id)[i] == AXIS_BATCH)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "takes the images of a batch for pixels or channels");
  axis[0] = axes_of(t, id)[0];
  return STATUS_OK;
}

/* ---- products ---- */

static const char *matrix(Translation *t, NodeId id, bool transpose, int k) {
  const char *x = onnx_full(t, id, ~(1u << k));
  int rank = onnx_of(t, id)->shape.rank;
  int64_t axes[RANK_MAX];
  if (!transpose) return x;
  for (int i = 0; i < rank; i++) axes[i] = i;
  axes[rank - 1] = rank - 2;
  axes[rank - 2] = rank - 1;
  OnnxAttr perm = ONNX_INTS("perm", axes, (uint32_t)rank);
  return onnx_node(&t->m, "Transpose", &x, 1, &perm, 1);
}

/* Axis `i` of an operand, aligned at the last; one that is missing is one. */
static OnnxAxis aligned(const Translation *t, NodeId id, int i, int rank, int64_t *dim) {
  const Shape *s = &onnx_of(t, id)->shape;
  int own = i - (rank - s->rank);
  *dim = own < 0 ? 1 : s->dim[own];
  return own < 0 ? AXIS_ONE : (OnnxAxis)axes_of(t, id)[own];
}

static Status translate_matmul(Translation *t) {
  NodeId a = node_input(t->g, t->id, 0), b = node_input(t->g, t->id, 1);
  bool ta = node_attr_int(t->g, t->id, MATMUL_TRANSPOSE_A);
  bool tb = node_attr_int(t->g, t->id, MATMUL_TRANSPOSE_B);
  const Shape *x = &onnx_of(t, a)->shape, *y = &onnx_of(t, b)->shape,
              *out = &onnx_of(t, t->id)->shape;
  int ka = ta ? x->rank - 2 : x->rank - 1, kb = tb ? y->rank - 1 : y->rank - 2, rank = out->rank;
  uint8_t axis[RANK_MAX] = {0};
  if (axes_of(t, a)[ka] == AXIS_BATCH || axes_of(t, b)[kb] == AXIS_BATCH)
    return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                       "adds up over the images of a batch");
  for (int i = 0; i < rank - 2; i++) {
    int64_t da, db;
    OnnxAxis sa = aligned(t, a, i, rank, &da), sb = aligned(t, b, i, rank, &db);
    bool batch = sa == AXIS_BATCH || sb == AXIS_BATCH;
    bool full = (sa == AXIS_FULL && da > 1) || (sb == AXIS_FULL && db > 1);
    if (batch && full)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "meets a value that has something else for each of the plan's images");
    axis[i] = batch ? AXIS_BATCH : full || out->dim[i] == 1 ? AXIS_FULL : AXIS_ONE;
  }
  axis[rank - 2] = axes_of(t, a)[ta ? x->rank - 1 : x->rank - 2];
  axis[rank - 1] = axes_of(t, b)[tb ? y->rank - 2 : y->rank - 1];
  const char *left = matrix(t, a, ta, ka), *right = matrix(t, b, tb, kb);
  return onnx_set(t, onnx_binary(&t->m, "MatMul", left, right), axis);
}

/* ---- convolutions ---- */

static Status check_weight(const Translation *t, NodeId weight) {
  for (int i = 0; i < 4; i++)
    if (axes_of(t, weight)[i] == AXIS_BATCH)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "has weights that depend on the images of a batch");
  return STATUS_OK;
}

static Status translate_conv(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0), weight = node_input(t->g, t->id, 1);
  const int64_t *pad = node_attr(t->g, t->id, CONV_PAD, NULL);
  const int64_t pads[4] = {pad[0], pad[1], pad[0], pad[1]};
  uint8_t axis[RANK_MAX];
  TRY(picture_axes(t, in, axis));
  TRY(check_weight(t, weight));
  const char *inputs[] = {whole_pictures(t, in), NULL};
  inputs[1] = onnx_full(t, weight, 0);
  OnnxAttr attrs[] = {ONNX_INTS("strides", node_attr(t->g, t->id, CONV_STRIDE, NULL), 2),
                      ONNX_INTS("pads", pads, 4),
                      ONNX_INTS("dilations", node_attr(t->g, t->id, CONV_DILATION, NULL), 2),
                      ONNX_INT("group", node_attr_int(t->g, t->id, CONV_GROUPS))};
  return onnx_set_channels(t, onnx_node(&t->m, "Conv", inputs, 2, attrs, 4), axis);
}

/* ---- pools ---- */

enum { WINDOW_ATTRS = 4 };
static void window_attrs(const Translation *t, int64_t pads[4], OnnxAttr attrs[WINDOW_ATTRS]) {
  Window w;
  pool_window(t->g, t->id, &w);
  memcpy(pads, w.pad, sizeof w.pad);
  attrs[0] = ONNX_INTS("strides", node_attr(t->g, t->id, POOL_STRIDE, NULL), 2);
  attrs[1] = ONNX_INTS("pads", pads, 4);
  attrs[2] = ONNX_INTS("dilations", node_attr(t->g, t->id, POOL_DILATION, NULL), 2);
  attrs[3] = ONNX_INTS("kernel_shape", node_attr(t->g, t->id, POOL_KERNEL, NULL), 2);
}

/* The windows whose maxima a gather reads, of the same image: together they are ONNX's MaxPool. */
bool onnx_is_max_pool(const Graph *g, NodeId id) {
  if (g->nodes[id].op != OP_POOL_GATHER) return false;
  NodeId index = node_input(g, id, 1);
  if (g->nodes[index].op != OP_POOL_INDEX || node_input(g, index, 0) != node_input(g, id, 0))
    return false;
  for (uint32_t a = POOL_KERNEL; a <= POOL_DILATION; a++) {
    uint32_t n, m;
    const int64_t *x = node_attr(g, id, a, &n), *y = node_attr(g, index, a, &m);
    if (n != m || memcmp(x, y, n * sizeof *x) != 0) return false;
  }
  return true;
}

/* Pads as wide as the kernel, which a dilation allows here, and ONNX's pools do not. */
static bool wide_pads(const Translation *t, const int64_t pads[4]) {
  const int64_t *kernel = node_attr(t->g, t->id, POOL_KERNEL, NULL);
  bool wide = false;
  for (int k = 0; k < 4; k++) wide |= pads[k] >= kernel[k % 2];
  return wide;
}

/* The image with its pads, which never win; none are left. */
static const char *pad_lowest(Translation *t, const char *x, int64_t pads[4]) {
  const int64_t all[8] = {0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]};
  const char *inputs[] = {x, onnx_ints(&t->m, all, 8), NULL};
  inputs[2] = onnx_scalar(&t->m, ONNX_FLOAT, (double)-INFINITY);
  memset(pads, 0, 4 * sizeof *pads);
  return onnx_node(&t->m, "Pad", inputs, 3, NULL, 0);
}

static Status translate_max(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  int64_t pads[4], pixels;
  OnnxAttr attrs[WINDOW_ATTRS];
  uint8_t axis[RANK_MAX];
  TRY(picture_axes(t, in, axis));
  window_attrs(t, pads, attrs);
  const char *x = whole_pictures(t, in);
  if (onnx_of(t, t->id)->op == OP_POOL_GATHER && wide_pads(t, pads)) x = pad_lowest(t, x, pads);
  if (onnx_of(t, t->id)->op == OP_POOL_GATHER)
    return onnx_set_channels(t, onnx_node(&t->m, "MaxPool", &x, 1, attrs, WINDOW_ATTRS), axis);
  if (wide_pads(t, pads))
    return onnx_refuse(t, "less padding", "has pads as wide as its kernel, and gives places");
  /* MaxPool's places count over images and channels, too. */
  const Shape *shape = &onnx_of(t, in)->shape;
  pixels = shape->dim[1] * shape->dim[2];
  const char *places = onnx_node_second(&t->m, "MaxPool", &x, 1, attrs, WINDOW_ATTRS);
  places = onnx_binary(&t->m, "Mod", places, onnx_scalar(&t->m, ONNX_INT64, (double)pixels));
  return onnx_set_channels(t, onnx_cast(&t->m, places, ONNX_INT32), axis);
}

/* Pixels of images as lines, (n, pixels, channels), of which an index takes some or to which it
 * adds: `whole` is what their first axis is together. */
static Status pool_lines(Translation *t, uint8_t *whole, const char *inputs[2]) {
  NodeId ids[2] = {node_input(t->g, t->id, 0), node_input(t->g, t->id, 1)};
  uint8_t axis[RANK_MAX];
  memset(whole, AXIS_FULL, RANK_MAX);
  for (int i = 0; i < 2; i++) {
    TRY(picture_axes(t, ids[i], axis));
    if (axis[0] == AXIS_BATCH) whole[0] = AXIS_BATCH;
  }
  for (int i = 0; i < 2; i++) {
    const int64_t *dim = onnx_of(t, ids[i])->shape.dim;
    if (whole[0] == AXIS_BATCH && axes_of(t, ids[i])[0] == AXIS_FULL && dim[0] > 1)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "meets a value that has something else for each of the plan's images");
    const int64_t lines[3] = {whole[0] == AXIS_BATCH ? -1 : dim[0], dim[1] * dim[2], dim[3]};
    const char *x = onnx_expand(t, ids[i], whole);
    inputs[i] = onnx_binary(&t->m, "Reshape", x, onnx_ints(&t->m, lines, 3));
  }
  return STATUS_OK;
}

static Status from_lines(Translation *t, const char *x, const uint8_t *whole) {
  const int64_t *dim = onnx_of(t, t->id)->shape.dim;
  const int64_t back[4] = {whole[0] == AXIS_BATCH ? -1 : dim[0], dim[1], dim[2], dim[3]};
  return onnx_set(t, onnx_binary(&t->m, "Reshape", x, onnx_ints(&t->m, back, 4)), whole);
}

/* By an index from elsewhere. */
static Status translate_pool_gather(Translation *t) {
  uint8_t whole[RANK_MAX];
  const char *inputs[2];
  OnnxAttr along = ONNX_INT("axis", 1);
  if (onnx_is_max_pool(t->g, t->id)) return translate_max(t);
  TRY(pool_lines(t, whole, inputs));
  return from_lines(t, onnx_node(&t->m, "GatherElements", inputs, 2, &along, 1), whole);
}

static Status translate_pool_scatter(Translation *t) {
  const int64_t *dim = onnx_of(t, t->id)->shape.dim;
  const Shape lines = {.rank = 3, .dim = {dim[0], dim[1] * dim[2], dim[3]}};
  uint8_t whole[RANK_MAX];
  const char *inputs[2];
  TRY(pool_lines(t, whole, inputs));
  const char *zeros = onnx_scalar(&t->m, ONNX_FLOAT, 0);
  zeros = onnx_binary(&t->m, "Expand", zeros, onnx_shape(t, &lines, whole));
  const char *all[] = {zeros, inputs[1], inputs[0]};
  OnnxAttr attrs[] = {ONNX_INT("axis", 1), ONNX_TEXT("reduction", "add")};
  return from_lines(t, onnx_node(&t->m, "ScatterElements", all, 3, attrs, 2), whole);
}

/* ---- adjoints of convolutions ---- */

/* What a transposed convolution leaves short of the size that is asked for. */
static void missing(const Translation *t, const int64_t *size, const int64_t *stride,
                    const int64_t *dilation, const int64_t *kernel, const int64_t *pads,
                    int64_t out[2]) {
  const int64_t *dim = onnx_of(t, node_input(t->g, t->id, 0))->shape.dim;
  for (int k = 0; k < 2; k++)
    out[k] = size[k] - ((dim[1 + k] - 1) * stride[k] + dilation[k] * (kernel[k] - 1) + 1 - pads[k] -
                        pads[2 + k]);
}

static Status translate_conv_dx(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0), weight = node_input(t->g, t->id, 1);
  const int64_t *pad = node_attr(t->g, t->id, CONV_PAD, NULL),
                *stride = node_attr(t->g, t->id, CONV_STRIDE, NULL),
                *dilation = node_attr(t->g, t->id, CONV_DILATION, NULL);
  const int64_t pads[4] = {pad[0], pad[1], pad[0], pad[1]};
  int64_t more[2];
  uint8_t axis[RANK_MAX];
  TRY(picture_axes(t, in, axis));
  TRY(check_weight(t, weight));
  missing(t, node_attr(t->g, t->id, CONV_SIZE, NULL), stride, dilation,
          onnx_of(t, weight)->shape.dim + 2, pads, more);
  const char *inputs[] = {whole_pictures(t, in), NULL};
  inputs[1] = onnx_full(t, weight, 0);
  OnnxAttr attrs[] = {ONNX_INTS("strides", stride, 2), ONNX_INTS("pads", pads, 4),
                      ONNX_INTS("dilations", dilation, 2),
                      ONNX_INT("group", node_attr_int(t->g, t->id, CONV_GROUPS)),
                      ONNX_INTS("output_padding", more, 2)};
  return onnx_set_channels(t, onnx_node(&t->m, "ConvTranspose", inputs, 2, attrs, 5), axis);
}

/* Sums are convolutions of each channel with ones: AveragePool knows no dilation before operator
 * set 19. */
static Status translate_pool_sum(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  bool spread = onnx_of(t, t->id)->op == OP_POOL_SPREAD;
  int64_t pads[4], channels = onnx_of(t, in)->shape.dim[3], more[2];
  OnnxAttr attrs[WINDOW_ATTRS + 1];
  uint8_t axis[RANK_MAX];
  TRY(picture_axes(t, in, axis));
  window_attrs(t, pads, attrs);
  const int64_t *kernel = node_attr(t->g, t->id, POOL_KERNEL, NULL);
  const int64_t dims[4] = {channels, 1, kernel[0], kernel[1]};
  const char *inputs[] = {whole_pictures(t, in), NULL};
  inputs[1] = onnx_scalar(&t->m, ONNX_FLOAT, 1);
  inputs[1] = onnx_binary(&t->m, "Expand", inputs[1], onnx_ints(&t->m, dims, 4));
  attrs[3] = ONNX_INT("group", channels);
  if (!spread)
    return onnx_set_channels(t, onnx_node(&t->m, "Conv", inputs, 2, attrs, WINDOW_ATTRS), axis);
  missing(t, node_attr(t->g, t->id, POOL_SIZE, NULL), attrs[0].values, attrs[2].values, kernel,
          pads, more);
  attrs[4] = ONNX_INTS("output_padding", more, 2);
  return onnx_set_channels(t, onnx_node(&t->m, "ConvTranspose", inputs, 2, attrs, 5), axis);
}

/* ---- resampling ---- */

/* How each of `to` pixels mixes `from`: (to, from), or (from, to). */
static const char *mixes(Translation *t, ResizeMode mode, int64_t from, int64_t to, bool across) {
  float *w = calloc((size_t)(from * to) + 1, sizeof *w);
  const int64_t dims[2] = {across ? from : to, across ? to : from};
  const char *name = onnx_fresh(&t->m, "mixes");
  t->m.graph.failed |= !w;
  for (int64_t p = 0; w && p < to; p++) {
    Mix mix = resize_mix(mode, p, from, to);
    w[across ? mix.first * to + p : p * from + mix.first] += (float)(1 - mix.part);
    w[across ? mix.second * to + p : p * from + mix.second] += (float)mix.part;
  }
  if (w) onnx_initializer(&t->m, name, ONNX_FLOAT, dims, 2, w, (size_t)(from * to) * sizeof *w);
  free(w);
  return name;
}

static Status translate_resize(Translation *t) {
  NodeId in = node_input(t->g, t->id, 0);
  const int64_t *from = onnx_of(t, in)->shape.dim, *to = onnx_of(t, t->id)->shape.dim;
  bool adjoint = onnx_of(t, t->id)->op == OP_RESIZE_ADJOINT;
  ResizeMode mode = resize_mode(t->g, t->id);
  uint8_t axis[RANK_MAX];
  TRY(picture_axes(t, in, axis));
  const char *x = whole_pictures(t, in), *across, *down;
  if (adjoint) {
    across = mixes(t, mode, to[2], from[2], false);
    down = mixes(t, mode, to[1], from[1], true);
  } else {
    across = mixes(t, mode, from[2], to[2], true);
    down = mixes(t, mode, from[1], to[1], false);
  }
  x = onnx_binary(&t->m, "MatMul", x, across);
  return onnx_set_channels(t, onnx_binary(&t->m, "MatMul", down, x), axis);
}

Status onnx_windows(Translation *t) {
  switch (onnx_of(t, t->id)->op) {
  case OP_MATMUL:
    return translate_matmul(t);
  case OP_CONV:
    return translate_conv(t);
  case OP_POOL_INDEX:
    return translate_max(t);
  case OP_POOL_GATHER:
    return translate_pool_gather(t);
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
    return translate_pool_sum(t);
  case OP_POOL_SCATTER:
    return translate_pool_scatter(t);
  case OP_CONV_DX:
    return translate_conv_dx(t);
  default:
    return translate_resize(t);
  }
}
