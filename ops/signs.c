/* Signs by a walk over a value's makers: bounded, so that a derivative rule may ask for every node.
 */
#include "ops/signs.h"

#include "ops/ops.h"

#include <math.h>
#include <string.h>

enum { LOOKS_MAX = 48 }; /* nodes that one question looks at */

static Sign least(Sign a, Sign b) {
  return a < b ? a : b;
}

static Sign look(const Graph *g, NodeId id, int *left);

static Sign input_sign(const Graph *g, NodeId id, uint32_t i, int *left) {
  return look(g, node_input(g, id, i), left);
}

static Sign constant_sign(const Graph *g, NodeId id) {
  uint32_t n;
  const int64_t *bits = node_attr(g, id, CONSTANT_VALUES, &n);
  Sign sign = SIGN_SOME;
  for (uint32_t i = 0; i < n; i++) {
    double value;
    memcpy(&value, &bits[i], sizeof value);
    sign = least(sign, value > 0 ? SIGN_SOME : value == 0 ? SIGN_NONE : SIGN_UNKNOWN);
  }
  return sign;
}

/* The branch x of a select that is taken where c < x, or where x <= c is false, for a constant c >=
 * 0: above 0 wherever it counts. */
static bool is_above(const Graph *g, NodeId condition, bool yes, NodeId x) {
  if (g->nodes[condition].op == OP_NOT) {
    condition = node_input(g, condition, 0);
    yes = !yes;
  }
  if (g->nodes[condition].op != (yes ? OP_LESS : OP_LESS_EQUAL)) return false;
  NodeId value = node_input(g, condition, yes), floor = node_input(g, condition, !yes);
  return value == x && g->nodes[floor].op == OP_CONSTANT && constant_sign(g, floor) > SIGN_UNKNOWN;
}

static Sign select_sign(const Graph *g, NodeId id, int *left) {
  Sign sign = SIGN_SOME;
  for (uint32_t i = 1; i < 3; i++) {
    NodeId branch = node_input(g, id, i);
    bool above = is_above(g, node_input(g, id, 0), i == 1, branch);
    sign = least(sign, above ? SIGN_SOME : look(g, branch, left));
  }
  return sign;
}

/* Squares; factors above 0. A product of two that are not negative is left: that its derivative is
 * 0 where it is 0 takes both to be so. */
static Sign product_sign(const Graph *g, NodeId id, int *left) {
  Sign a = input_sign(g, id, 0, left);
  if (node_input(g, id, 0) == node_input(g, id, 1)) return a == SIGN_SOME ? a : SIGN_NONE;
  Sign b = input_sign(g, id, 1, left);
  return a == SIGN_SOME || b == SIGN_SOME ? least(a, b) : SIGN_UNKNOWN;
}

static Sign power_sign(const Graph *g, NodeId id, int *left) {
  double p = node_attr_float(g, id, POWER_EXPONENT);
  Sign x = input_sign(g, id, 0, left);
  if (x == SIGN_SOME) return x;
  if (p > 1 && (x == SIGN_NONE || fmod(p, 2) == 0)) return SIGN_NONE;
  return SIGN_UNKNOWN;
}

static Sign look(const Graph *g, NodeId id, int *left) {
  if (--*left < 0) return SIGN_UNKNOWN;
  Sign a, b;
  switch (g->nodes[id].op) {
  case OP_CONSTANT:
    return constant_sign(g, id);
  case OP_EXP:
  case OP_GAUSS:
  case OP_SIGMOID:
  case OP_SOFTPLUS:
  case OP_TANH_SLOPE:
    return SIGN_SOME;
  case OP_VARIANCE:
    return SIGN_NONE;
  case OP_ABS:
    return input_sign(g, id, 0, left) == SIGN_SOME ? SIGN_SOME : SIGN_NONE;
  case OP_RSQRT:
    return input_sign(g, id, 0, left) == SIGN_SOME ? SIGN_SOME : SIGN_UNKNOWN;
  case OP_POWER:
    return power_sign(g, id, left);
  case OP_MUL:
    return product_sign(g, id, left);
  case OP_DIV:
    a = input_sign(g, id, 0, left);
    return input_sign(g, id, 1, left) == SIGN_SOME ? a : SIGN_UNKNOWN;
  case OP_ADD:
    a = input_sign(g, id, 0, left);
    b = a == SIGN_UNKNOWN ? a : input_sign(g, id, 1, left);
    return b == SIGN_UNKNOWN ? b : a > b ? a : b;
  case OP_MAXIMUM: /* half of an operand's derivative passes where both are 0 */
    a = input_sign(g, id, 0, left);
    b = input_sign(g, id, 1, left);
    return a == SIGN_SOME || b == SIGN_SOME ? SIGN_SOME : least(a, b);
  case OP_MINIMUM:
    a = input_sign(g, id, 0, left);
    return a == SIGN_UNKNOWN ? a : least(a, input_sign(g, id, 1, left));
  case OP_SELECT:
    return select_sign(g, id, left);
  case OP_SQRT:
  case OP_CAST:
  case OP_STOP_GRADIENT:
  case OP_REDUCE_SUM:
  case OP_REDUCE_MAX:
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_GATHER:
  case OP_PICK:
  case OP_POOL_GATHER:
  case OP_GRADIENT_SCALE:
    return input_sign(g, id, 0, left);
  case OP_CONCAT:
    a = SIGN_SOME;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs && a; i++)
      a = least(a, input_sign(g, id, i, left));
    return a;
  default:
    return SIGN_UNKNOWN;
  }
}

Sign value_sign(const Graph *graph, NodeId id) {
  int left = LOOKS_MAX;
  return look(graph, id, &left);
}
