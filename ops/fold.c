/* Exact rewrites at emission.  They hold over the reals; x * 0 is 0 even where x might be infinite,
 * which is what lets a zero weight remove the graph behind it.  What is not finite is left to the
 * kernels: no constant is.  Forms of the logistic function that overflow, or round to nothing where
 * they are small, become the ops that do not. */
#include "ops/fold.h"

#include "ops/infer.h"
#include "ops/signs.h"

#include <math.h>

static bool fill_unary(OpId op, double x, double *y) {
  switch (op) {
  case OP_NEG:
    *y = -x;
    return true;
  case OP_SQRT:
    *y = sqrt(x);
    return true;
  case OP_RSQRT:
    *y = 1 / sqrt(x);
    return true;
  case OP_ABS:
    *y = fabs(x);
    return true;
  case OP_SIGN:
    *y = (x > 0) - (x < 0);
    return true;
  default:
    return false; /* exp, log, ...: left to the kernels' own polynomials */
  }
}

/* ---- forms that overflow or lose a tail, and what they stand for ---- */

/* a = 1 + e^u */
static bool one_plus_exp(const Emitter *e, NodeId a, NodeId *u) {
  const Graph *g = e->graph;
  double one;
  for (uint32_t i = 0; i < 2 && g->nodes[a].op == OP_ADD; i++) {
    NodeId exp = node_input(g, a, 1 - i);
    if (!emit_is_fill(e, node_input(g, a, i), &one) || one != 1 || g->nodes[exp].op != OP_EXP)
      continue;
    *u = node_input(g, exp, 0);
    return true;
  }
  return false;
}

/* ln(1 + e^-|x|), the even part of softplus but for a kink: softplus(x) below 0, softplus(-x)
 * above, and the mean of both at 0, so that its derivatives of every order are the means of both
 * sides'. With max(x, 0), whose derivative at 0 is 1/2, it is smooth. */
static NodeId softplus_even(Emitter *e, NodeId x) {
  NodeId zero = emit_constant_like(e, 0, x);
  NodeId below = emit_unary(e, OP_SOFTPLUS, x), above = emit_unary(e, OP_SOFTPLUS, emit_neg(e, x));
  NodeId half_above = emit_scale(e, above, 0.5), half_below = emit_scale(e, below, 0.5);
  NodeId both = emit_add(e, half_below, half_above);
  NodeId right = emit_select(e, emit_less(e, zero, x), above, both);
  return emit_select(e, emit_less(e, x, zero), below, right);
}

static NodeId fold_log(Emitter *e, NodeId a) {
  const Graph *g = e->graph;
  NodeId u;
  if (one_plus_exp(e, a, &u)) return emit_unary(e, OP_SOFTPLUS, u);
  if (g->nodes[a].op == OP_SIGMOID)
    return emit_neg(e, emit_unary(e, OP_SOFTPLUS, emit_neg(e, node_input(g, a, 0))));
  if (g->nodes[a].op == OP_DIV && g->nodes[node_input(g, a, 0)].op == OP_EXP) {
    /* soft-max: the logarithm of the sum before it is repeated */
    NodeId z = node_input(g, node_input(g, a, 0), 0), sum = node_input(g, a, 1);
    if (g->nodes[sum].op == OP_BROADCAST) sum = node_input(g, sum, 0);
    return emit_sub(e, z, emit_unary(e, OP_LOG, sum));
  }
  return NODE_NONE;
}

/* 1 / (1 + e^u), e^u / (1 + e^u) */
static NodeId fold_logistic(Emitter *e, NodeId a, NodeId b) {
  const Node *top = &e->graph->nodes[a];
  double one;
  NodeId u;
  if (!one_plus_exp(e, b, &u)) return NODE_NONE;
  if (emit_is_fill(e, a, &one) && one == 1) return emit_unary(e, OP_SIGMOID, emit_neg(e, u));
  if (top->op == OP_EXP && node_input(e->graph, a, 0) == u) return emit_unary(e, OP_SIGMOID, u);
  return NODE_NONE;
}

/* e^(-u u) */
static NodeId fold_gauss(Emitter *e, NodeId a) {
  const Graph *g = e->graph;
  if (g->nodes[a].op == OP_NEG) {
    NodeId square = node_input(g, a, 0);
    bool same =
        g->nodes[square].op == OP_MUL && node_input(g, square, 0) == node_input(g, square, 1);
    return same ? emit_unary(e, OP_GAUSS, node_input(g, square, 0)) : NODE_NONE;
  }
  for (uint32_t i = 0; i < 2 && g->nodes[a].op == OP_MUL; i++) { /* (-u) u */
    NodeId minus = node_input(g, a, i), u = node_input(g, a, 1 - i);
    if (g->nodes[minus].op == OP_NEG && node_input(g, minus, 0) == u)
      return emit_unary(e, OP_GAUSS, u);
  }
  return NODE_NONE;
}

/* ---- one operand ---- */

NodeId fold_unary(Emitter *e, OpId op, NodeId a) {
  double x, y;
  if (a == NODE_NONE || e->status != STATUS_OK) return NODE_NONE;
  const Node *node = &e->graph->nodes[a];
  if (!dtype_is_float((DType)node->dtype)) return NODE_NONE;
  if (emit_is_fill(e, a, &x) && fill_unary(op, x, &y) && !dtype_refuses((DType)node->dtype, y))
    return emit_constant_like(e, y, a);
  if (op == OP_NEG && node->op == OP_NEG) return node_input(e->graph, a, 0);
  if (op == OP_LOG) return fold_log(e, a);
  if (op == OP_EXP) return fold_gauss(e, a);
  if (op == OP_SOFTPLUS && node->op == OP_NEG) {
    NodeId abs = node_input(e->graph, a, 0);
    if (e->graph->nodes[abs].op == OP_ABS) return softplus_even(e, node_input(e->graph, abs, 0));
  }
  return NODE_NONE;
}

/* ---- two operands ---- */

static bool fill_binary(OpId op, double x, double y, double *z) {
  switch (op) {
  case OP_ADD:
    *z = x + y;
    return true;
  case OP_SUB:
    *z = x - y;
    return true;
  case OP_MUL:
    *z = x * y;
    return true;
  case OP_DIV:
    *z = x / y;
    return y != 0;
  case OP_MAXIMUM:
    *z = x >= y ? x : y;
    return true;
  case OP_MINIMUM:
    *z = x <= y ? x : y;
    return true;
  default:
    return false;
  }
}

/* A product of factors that overflows or underflows is no factor: (x * 1e-30) * 1e-30 may be 1. */
static bool is_normal(DType dtype, double x) {
  return !dtype_refuses(dtype, x) && fabs(x) >= dtype_desc(dtype)->least;
}

/* x op constant, for x that is no constant. */
static NodeId fold_right(Emitter *e, OpId op, NodeId a, double y) {
  if (y == 0 && (op == OP_ADD || op == OP_SUB)) return a;
  if (y == 1 && (op == OP_MUL || op == OP_DIV)) return a;
  if (y == 0 && op == OP_MUL) return emit_constant_like(e, 0, a);
  if (y == -1 && op == OP_MUL) return emit_neg(e, a);
  const Node *node = &e->graph->nodes[a];
  double c;
  for (uint32_t i = 0; i < 2 && op == OP_MUL && node->op == OP_MUL; i++)
    if (emit_is_fill(e, node_input(e->graph, a, i), &c) && is_normal((DType)node->dtype, c * y))
      return emit_scale(e, node_input(e->graph, a, 1 - i), c * y);
  if (op == OP_MUL && node->op == OP_NEG) return emit_scale(e, node_input(e->graph, a, 0), -y);
  return NODE_NONE;
}

/* constant op x */
static NodeId fold_left(Emitter *e, OpId op, double x, NodeId b) {
  if (op == OP_ADD || op == OP_MUL) return fold_right(e, op, b, x);
  if (op == OP_SUB && x == 0) return emit_neg(e, b);
  if (op == OP_DIV && x == 0) return emit_constant_like(e, 0, b);
  if (op == OP_SUB && x == 1 && e->graph->nodes[b].op == OP_SIGMOID)
    return emit_unary(e, OP_SIGMOID, emit_neg(e, node_input(e->graph, b, 0)));
  return NODE_NONE;
}

/* a and b are the same tensor padded at different places: when b's part begins where a's ends along
 * one axis and both agree along the others, their sum is one pad of the joined parts.  The
 * derivatives of slices (instance and batch halves of a norm, domains of a batch) meet here. */
static NodeId join_pads(Emitter *e, NodeId a, NodeId b) {
  const Graph *g = e->graph;
  if (g->nodes[a].op != OP_PAD || g->nodes[b].op != OP_PAD) return NODE_NONE;
  Shape sa = *emit_shape(e, node_input(g, a, 0)), sb = *emit_shape(e, node_input(g, b, 0));
  const int64_t *pa = node_attr(g, a, PAD_BEFORE, NULL), *pb = node_attr(g, b, PAD_BEFORE, NULL);
  const int64_t *qb = node_attr(g, b, PAD_AFTER, NULL);
  int axis = -1;
  for (int i = 0; i < sa.rank; i++) {
    if (pa[i] == pb[i] && sa.dim[i] == sb.dim[i]) continue;
    if (axis >= 0 || pa[i] + sa.dim[i] != pb[i]) return NODE_NONE;
    axis = i;
  }
  if (axis < 0) return NODE_NONE;
  int64_t before[RANK_MAX], after[RANK_MAX];
  for (int i = 0; i < sa.rank; i++) {
    before[i] = pa[i];
    after[i] = qb[i];
  }
  NodeId parts[] = {node_input(g, a, 0), node_input(g, b, 0)};
  return emit_pad(e, emit_concat(e, parts, 2, axis), before, after);
}

NodeId fold_binary(Emitter *e, OpId op, NodeId a, NodeId b) {
  if (a == NODE_NONE || b == NODE_NONE || e->status != STATUS_OK) return NODE_NONE;
  if (!dtype_is_float(emit_dtype(e, a)) || emit_dtype(e, a) != emit_dtype(e, b)) return NODE_NONE;
  double x, y, z;
  bool fa = emit_is_fill(e, a, &x), fb = emit_is_fill(e, b, &y);
  bool folds = fa && fb && fill_binary(op, x, y, &z) && !dtype_refuses(emit_dtype(e, a), z);
  if (fa && fb) return folds ? emit_constant_like(e, z, a) : NODE_NONE;
  if (op == OP_DIV) {
    NodeId logistic = fold_logistic(e, a, b);
    if (logistic) return logistic;
  }
  if (fb) return fold_right(e, op, a, y);
  if (fa) return fold_left(e, op, x, b);
  const Graph *g = e->graph;
  if (op == OP_ADD && g->nodes[b].op == OP_NEG) return emit_sub(e, a, node_input(g, b, 0));
  if (op == OP_ADD && g->nodes[a].op == OP_NEG) return emit_sub(e, b, node_input(g, a, 0));
  if (op == OP_SUB && g->nodes[b].op == OP_NEG) return emit_add(e, a, node_input(g, b, 0));
  if (op == OP_ADD) {
    NodeId joined = join_pads(e, a, b);
    if (!joined && e->status == STATUS_OK) joined = join_pads(e, b, a);
    if (joined) return joined;
  }
  if (op == OP_SUB && a == b) return emit_constant_like(e, 0, a);
  if ((op == OP_MAXIMUM || op == OP_MINIMUM) && a == b) return a;
  bool square = op == OP_MUL && a == b;
  if (square && g->nodes[a].op == OP_SQRT && value_sign(g, node_input(g, a, 0)) != SIGN_UNKNOWN)
    return node_input(g, a, 0);
  if (square && g->nodes[a].op == OP_ABS) { /* smooth at 0, as the square of a norm is */
    NodeId inside = node_input(g, a, 0);
    return emit_mul(e, inside, inside);
  }
  return NODE_NONE;
}
