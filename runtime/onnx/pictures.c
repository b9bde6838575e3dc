/* Pictures of any size inside the model.  ONNX's own Resize leaves its bicubic kernel, its edges
 * and its antialiasing to attributes that implementations read differently, so the weights of
 * runtime/data/resize.c are computed by plain ops, in f64, and resizing is two products. */
#include "runtime/onnx/translate.h"

#include <stdlib.h>

static const char *f64_scalar(OnnxModel *m, double value) {
  return onnx_scalar(m, ONNX_DOUBLE, value);
}

/* x y + z */
static const char *multiply_add(OnnxModel *m, const char *x, const char *y, double z) {
  const char *product = onnx_binary(m, "Mul", x, y);
  return onnx_binary(m, "Add", product, f64_scalar(m, z));
}

/* ((a x + b) x + c) x + d */
static const char *cubic(OnnxModel *m, const char *x, double a, double b, double c, double d) {
  const char *y = multiply_add(m, x, f64_scalar(m, a), b);
  return multiply_add(m, multiply_add(m, y, x, c), x, d);
}

/* Where x is below `limit` the one, else the other. */
static const char *below(OnnxModel *m, const char *x, double limit, const char *one,
                         const char *other) {
  const char *inputs[] = {onnx_binary(m, "Less", x, f64_scalar(m, limit)), one, other};
  return onnx_node(m, "Where", inputs, 3, NULL, 0);
}

/* p + 1/2 for each of `n` pixels, as a column. */
static const char *middles(OnnxModel *m, int64_t n) {
  double *values = malloc((size_t)n * sizeof *values);
  const int64_t dims[2] = {n, 1};
  const char *name = onnx_fresh(m, "middles");
  m->graph.failed |= !values;
  for (int64_t i = 0; values && i < n; i++) values[i] = (double)i + 0.5;
  if (values) onnx_initializer(m, name, ONNX_DOUBLE, dims, 2, values, (size_t)n * sizeof *values);
  free(values);
  return name;
}

/* Weights (to, from) with which the pixels of an axis of the input become `to`: the cubic kernel
 * with a = -1/2 around the middle of each, as wide as the axis shrinks, every row with the sum 1.
 * Where the axis keeps its length they are 0 and 1. */
static const char *weights(OnnxModel *m, const char *input, int64_t axis, int64_t to) {
  OnnxAttr part[] = {ONNX_INT("start", axis), ONNX_INT("end", axis + 1)};
  OnnxAttr axes[] = {ONNX_INT("keepdims", 1)};
  const int64_t second = 1;
  const char *n = onnx_cast(m, onnx_node(m, "Shape", &input, 1, part, 2), ONNX_DOUBLE);
  const char *scale = onnx_binary(m, "Div", n, f64_scalar(m, (double)to));
  const char *stretch = onnx_binary(m, "Max", scale, f64_scalar(m, 1));
  const char *range[] = {f64_scalar(m, 0), NULL, NULL};
  range[1] = onnx_unary(m, "Squeeze", n);
  range[2] = f64_scalar(m, 1);
  const char *pixels = onnx_node(m, "Range", range, 3, NULL, 0);
  pixels = onnx_binary(m, "Add", pixels, f64_scalar(m, 0.5));
  const char *centres = onnx_binary(m, "Mul", middles(m, to), scale);
  const char *x = onnx_binary(m, "Div", onnx_binary(m, "Sub", pixels, centres), stretch);
  x = onnx_unary(m, "Abs", x);
  const char *zero = f64_scalar(m, 0);
  const char *far = below(m, x, 2, cubic(m, x, -0.5, 2.5, -4, 2), zero);
  const char *w = below(m, x, 1, cubic(m, x, 1.5, -2.5, 0, 1), far);
  const char *sum[] = {w, onnx_ints(m, &second, 1)};
  const char *total = onnx_node(m, "ReduceSum", sum, 2, axes, 1);
  return onnx_cast(m, onnx_binary(m, "Div", w, total), ONNX_FLOAT);
}

const char *onnx_pictures(OnnxModel *m, const char *input, int64_t height, int64_t width) {
  static const int64_t first[4] = {0, 3, 1, 2}, turned[2] = {1, 0};
  m->scope = "pictures";
  const char *floats = onnx_cast(m, input, ONNX_FLOAT);
  OnnxAttr perm = ONNX_INTS("perm", first, 4), turn = ONNX_INTS("perm", turned, 2);
  const char *x = onnx_node(m, "Transpose", &floats, 1, &perm, 1);
  const char *across = weights(m, input, 2, width), *down = weights(m, input, 1, height);
  across = onnx_node(m, "Transpose", &across, 1, &turn, 1);
  x = onnx_binary(m, "MatMul", down, onnx_binary(m, "MatMul", x, across));
  x = onnx_binary(m, "Div", x, onnx_scalar(m, ONNX_FLOAT, 255));
  const char *clip[] = {x, onnx_scalar(m, ONNX_FLOAT, 0), NULL};
  clip[2] = onnx_scalar(m, ONNX_FLOAT, 1);
  return onnx_node(m, "Clip", clip, 3, NULL, 0);
}
