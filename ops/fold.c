/* Exact rewrites at emission.  They hold over the reals; x * 0 is 0 even where x might be infinite,
 * which is what lets a zero weight remove the graph behind it.  What is not finite is left to the
 * kernels: no constant is. */
#include "ops/fold.h"

#include "graph/ir/tensor.h"
#include "ops/infer.h"

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

NodeId fold_unary(Emitter *e, OpId op, NodeId a) {
  double x, y;
  if (a == NODE_NONE || e->status != STATUS_OK) return NODE_NONE;
  const Node *node = &e->graph->nodes[a];
  if (!dtype_is_float((DType)node->dtype)) return NODE_NONE;
  if (emit_is_fill(e, a, &x) && fill_unary(op, x, &y) && !tensor_refuses((DType)node->dtype, y))
    return emit_constant_like(e, y, a);
  if (op == OP_NEG && node->op == OP_NEG) return node_input(e->graph, a, 0);
  return NODE_NONE;
}

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
  default:
    return false;
  }
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
    if (emit_is_fill(e, node_input(e->graph, a, i), &c) &&
        !tensor_refuses((DType)node->dtype, c * y))
      return emit_scale(e, node_input(e->graph, a, 1 - i), c * y);
  if (op == OP_MUL && node->op == OP_NEG) return emit_scale(e, node_input(e->graph, a, 0), -y);
  return NODE_NONE;
}

/* constant op x */
static NodeId fold_left(Emitter *e, OpId op, double x, NodeId b) {
  if (op == OP_ADD || op == OP_MUL) return fold_right(e, op, b, x);
  if (op == OP_SUB && x == 0) return emit_neg(e, b);
  if (op == OP_DIV && x == 0) return emit_constant_like(e, 0, b);
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
  bool folds = fa && fb && fill_binary(op, x, y, &z) && !tensor_refuses(emit_dtype(e, a), z);
  if (fa && fb) return folds ? emit_constant_like(e, z, a) : NODE_NONE;
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
  return NODE_NONE;
}
