/* Elementwise ops, by the reference's expressions of kernels/elementwise.inc. */
#include "kernels/reference/reference.h"
#include "ops/ops.h"

#include <math.h>

static double unary(OpId op, double x, double param) {
  switch (op) {
#define FLOAT_UNARY(ID, NAME, CPU, REFERENCE)                                                      \
  case OP_##ID:                                                                                    \
    return REFERENCE;
#define FLOAT_LOOP(ID, NAME, REFERENCE) FLOAT_UNARY(ID, NAME, , REFERENCE)
#define BOOL_UNARY(ID, NAME, CPU, REFERENCE) FLOAT_UNARY(ID, NAME, , REFERENCE)
#include "kernels/elementwise.inc"
  case OP_STOP_GRADIENT:
    return x;
  default:
    return NAN;
  }
}

static double binary(OpId op, double x, double y) {
  switch (op) {
#define FLOAT_BINARY(ID, NAME, CPU, REFERENCE)                                                     \
  case OP_##ID:                                                                                    \
    return REFERENCE;
#define NUMBER_BINARY(ID, NAME, CPU, REFERENCE) FLOAT_BINARY(ID, NAME, , REFERENCE)
#define NUMBER_CHOICE(ID, NAME, CPU, REFERENCE) FLOAT_BINARY(ID, NAME, , REFERENCE)
#define NUMBER_COMPARE(ID, NAME, CPU, REFERENCE) FLOAT_BINARY(ID, NAME, , REFERENCE)
#define ANY_COMPARE(ID, NAME, CPU, REFERENCE) FLOAT_BINARY(ID, NAME, , REFERENCE)
#define BOOL_BINARY(ID, NAME, CPU, REFERENCE) FLOAT_BINARY(ID, NAME, , REFERENCE)
#include "kernels/elementwise.inc"
  default:
    return NAN;
  }
}

/* The whole part, or the nearest end of [low, high]; NaN: 0. */
static int64_t whole_part(double x, int64_t low, int64_t high) {
  if (isnan(x)) return 0;
  if (x >= (double)high) return high;
  return x <= (double)low ? low : (int64_t)x;
}

/* i64 holds more whole numbers than a double. */
static void cast(const Tensor *from, const Tensor *to, int64_t i) {
  double x = tensor_get(from, i);
  int64_t low = to->dtype == DTYPE_I32 ? INT32_MIN : INT64_MIN;
  int64_t high = to->dtype == DTYPE_I32 ? INT32_MAX : INT64_MAX;
  if (dtype_is_float(to->dtype) || to->dtype == DTYPE_BOOL) {
    tensor_set(to, i, x);
    return;
  }
  int64_t whole =
      from->dtype == DTYPE_I64 ? ((const int64_t *)from->data)[i] : whole_part(x, low, high);
  if (whole > high) whole = high;
  if (whole < low) whole = low;
  if (to->dtype == DTYPE_I64)
    ((int64_t *)to->data)[i] = whole;
  else
    ((int32_t *)to->data)[i] = (int32_t)whole;
}

Status reference_elementwise(const ReferenceCall *c) {
  const Node *node = &c->graph->nodes[c->id];
  int64_t n = shape_count(&node->shape);
  double param = node_param(c->graph, c->id);
  for (int64_t i = 0; i < n; i++) {
    if (node->op == OP_CAST) {
      cast(&c->in[0], &c->out, i);
      continue;
    }
    double x = tensor_get(&c->in[0], i);
    if (node->op == OP_SELECT)
      x = tensor_get(&c->in[x != 0 ? 1 : 2], i);
    else if (node->n_inputs == 2)
      x = binary((OpId)node->op, x, tensor_get(&c->in[1], i));
    else
      x = unary((OpId)node->op, x, param);
    tensor_set(&c->out, i, x);
  }
  return STATUS_OK;
}
