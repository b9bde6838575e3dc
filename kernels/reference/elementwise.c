#include "kernels/reference/reference.h"
#include "ops/ops.h"

#include <math.h>

static double unary(const ReferenceCall *c, double x) {
  switch (c->graph->nodes[c->id].op) {
  case OP_NEG:
    return -x;
  case OP_EXP:
    return exp(x);
  case OP_LOG:
    return log(x);
  case OP_SQRT:
    return sqrt(x);
  case OP_RSQRT:
    return 1 / sqrt(x);
  case OP_ABS:
    return fabs(x);
  case OP_SIGN:
    return isnan(x) ? x : (x > 0) - (x < 0);
  case OP_TANH:
    return tanh(x);
  case OP_SIN:
    return sin(x);
  case OP_COS:
    return cos(x);
  case OP_POWER:
    return pow(x, node_attr_float(c->graph, c->id, POWER_EXPONENT));
  case OP_NOT:
    return x == 0;
  case OP_CAST:
  case OP_STOP_GRADIENT:
    return x;
  default:
    return NAN;
  }
}

static double binary(OpId op, double x, double y) {
  switch (op) {
  case OP_ADD:
    return x + y;
  case OP_SUB:
    return x - y;
  case OP_MUL:
    return x * y;
  case OP_DIV:
    return x / y;
  case OP_LESS:
    return x < y;
  case OP_LESS_EQUAL:
    return x <= y;
  case OP_EQUAL:
    return x == y;
  case OP_AND:
    return x != 0 && y != 0;
  case OP_OR:
    return x != 0 || y != 0;
  default:
    return NAN;
  }
}

Status reference_elementwise(const ReferenceCall *c) {
  const Node *node = &c->graph->nodes[c->id];
  int64_t n = shape_count(&node->shape);
  for (int64_t i = 0; i < n; i++) {
    double x = tensor_get(&c->in[0], i);
    if (node->op == OP_SELECT)
      x = tensor_get(&c->in[x != 0 ? 1 : 2], i);
    else if (node->n_inputs == 2)
      x = binary((OpId)node->op, x, tensor_get(&c->in[1], i));
    else
      x = unary(c, x);
    tensor_set(&c->out, i, x);
  }
  return STATUS_OK;
}
