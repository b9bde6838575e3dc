/* Simplification is a copy through the emitter, which folds constants and merges equal nodes.
 *
 * Differentiation is over when it runs, so ops that exist for derivative rules become what they
 * compute: stop-gradient and gradient-scale their operand, variance the mean of squared deviations
 * (whose difference x - mean the norm that made it shares).  Elementwise ops go through the folding
 * front ends again because their operands may have become constants.  Two rounds: the first exposes
 * equal subexpressions and dead code to the second. */
#include "compiler/simplify.h"

#include "compiler/rewrite.h"

static NodeId spell_variance(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs) {
  uint32_t n, mask = 0;
  const int64_t *axes = node_attr(in, id, REDUCE_AXES, &n);
  for (uint32_t i = 0; i < n; i++) mask |= 1u << axes[i];
  NodeId d = emit_sub(e, inputs[0], inputs[1]);
  return emit_mean(e, emit_mul(e, d, d), mask);
}

static NodeId simplify_rule(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs,
                            void *context) {
  (void)context;
  const Node *node = &in->nodes[id];
  OpId op = (OpId)node->op;
  NodeId result;
  switch (op) {
  case OP_STOP_GRADIENT:
  case OP_GRADIENT_SCALE:
    return inputs[0];
  case OP_VARIANCE:
    result = spell_variance(e, in, id, inputs);
    break;
  case OP_NEG:
  case OP_SQRT:
  case OP_RSQRT:
  case OP_ABS:
  case OP_SIGN:
    result = emit_unary(e, op, inputs[0]);
    break;
  case OP_ADD:
  case OP_SUB:
  case OP_MUL:
  case OP_DIV:
    result = emit_binary(e, op, inputs[0], inputs[1]);
    break;
  case OP_SELECT:
    result = emit_select(e, inputs[0], inputs[1], inputs[2]);
    break;
  case OP_BROADCAST:
    result = emit_broadcast(e, inputs[0], &node->shape);
    break;
  case OP_RESHAPE:
    result = emit_reshape(e, inputs[0], &node->shape);
    break;
  case OP_CAST:
    result = emit_cast(e, inputs[0], (DType)node->dtype);
    break;
  default:
    return rewrite_copy(e, in, id, inputs);
  }
  if (result && node->name && !e->graph->nodes[result].name)
    e->graph->nodes[result].name = node->name;
  return result;
}

Status simplify(Graph **graph, Diag *diag) {
  TRY(rewrite_graph(graph, simplify_rule, NULL, diag));
  return rewrite_graph(graph, simplify_rule, NULL, diag);
}
