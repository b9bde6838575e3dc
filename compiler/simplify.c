/* Simplification is a copy through the emitter, which folds constants and merges equal nodes.
 *
 * Differentiation is over when it runs, so ops that exist for derivative rules become what they
 * compute: stop-gradient and gradient-scale their operand, variance the mean of squared deviations
 * (whose difference x - mean the norm that made it shares).  Elementwise ops go through the folding
 * front ends again because their operands may have become constants.  Two rounds: the first exposes
 * equal subexpressions and dead code to the second.
 *
 * At the end it is known which committed values and outputs are bare states or inputs; those get
 * bytes of their own.  Commits are done one after the other, so a state that another commit
 * overwrites must not be read by them; and what is fetched after a step is the state's value at
 * entry. */
#include "compiler/simplify.h"

#include "compiler/rewrite.h"

#include <stdlib.h>

static NodeId spell_variance(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs) {
  NodeId d = emit_sub(e, inputs[0], inputs[1]);
  return emit_mean(e, emit_mul(e, d, d), rewrite_reduced(in, id));
}

/* True for a sum over the rows of each group of the batch, and over more of each row. */
static bool adds_up_groups(const Graph *in, NodeId id, uint32_t axes) {
  const Node *node = &in->nodes[id];
  const Shape *shape = &in->nodes[node_input(in, id, 0)].shape;
  uint32_t batch = node->stamp.batch;
  if ((axes & 3) != 2 || !batch || batch >= in->n_batches) return false;
  const Batch *b = &in->batches[batch];
  if (shape->dim[0] != b->groups || shape->dim[1] != b->units * b->unit) return false;
  int64_t of_a_row = 1;
  for (int i = 2; i < shape->rank; i++) of_a_row *= axes >> i & 1 ? shape->dim[i] : 1;
  return of_a_row > 1;
}

/* Each row by itself, then the rows of each group: ranks share the first, and need not send rows to
 * add them up.  In between nothing is rounded that one sum would not round. */
static NodeId spell_sum(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs) {
  uint32_t axes = rewrite_reduced(in, id);
  if (!adds_up_groups(in, id, axes)) return rewrite_copy(e, in, id, inputs);
  NodeId rows = emit_wide_sum(e, inputs[0], axes & ~2u);
  return emit_cast(e, emit_reduce_sum(e, rows, 2), (DType)in->nodes[id].dtype);
}

static NodeId keep_name(Emitter *e, const Node *node, NodeId result) {
  if (result && node->name && !e->graph->nodes[result].name)
    e->graph->nodes[result].name = node->name;
  return result;
}

static NodeId simplify_rule(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs,
                            void *context) {
  (void)context;
  const Node *node = &in->nodes[id];
  switch (node->op) {
  case OP_STOP_GRADIENT:
  case OP_GRADIENT_SCALE:
    return inputs[0];
  case OP_VARIANCE:
    return keep_name(e, node, spell_variance(e, in, id, inputs));
  case OP_REDUCE_SUM:
    return keep_name(e, node, spell_sum(e, in, id, inputs));
  case OP_RESHAPE:
    return keep_name(e, node, emit_reshape(e, inputs[0], &node->shape));
  case OP_BROADCAST:
    return rewrite_fold(e, in, id, inputs);
  default:
    return op_desc(node->op)->op_class == OP_CLASS_ELEMENTWISE ? rewrite_fold(e, in, id, inputs)
                                                               : rewrite_copy(e, in, id, inputs);
  }
}

/* A copy of `*id` where it is the bytes of a state, or of an input if `inputs`. */
static Status own_bytes(Emitter *e, bool inputs, const bool *written, NodeId *id) {
  const Graph *g = e->graph;
  NodeId base = *id;
  while (g->nodes[base].op == OP_RESHAPE) base = node_input(g, base, 0);
  bool state =
      g->nodes[base].op == OP_STATE && (!written || written[node_attr_int(g, base, STATE_INDEX)]);
  if (!state && !(inputs && g->nodes[base].op == OP_INPUT)) return STATUS_OK;
  const Node *node = &g->nodes[*id];
  e->stamp = node->stamp;
  *id = emit_copy(e, *id);
  return e->status;
}

static Status own_ends(Graph *g, Diag *diag) {
  uint32_t n_states = 0;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (g->commits[i].state >= n_states) n_states = g->commits[i].state + 1;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_STATE && node_attr_int(g, id, STATE_INDEX) >= n_states)
      n_states = (uint32_t)node_attr_int(g, id, STATE_INDEX) + 1;
  bool *written = calloc((size_t)n_states + 1, sizeof *written);
  if (!written) return diag_no_memory(diag, n_states);
  for (uint32_t i = 0; i < g->n_commits; i++) written[g->commits[i].state] = true;
  Emitter e;
  Status status = emitter_init(&e, g, FLOAT_SETTLED, diag, NULL);
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_commits; i++)
    status = own_bytes(&e, true, NULL, &g->commits[i].value);
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_outputs; i++)
    status = own_bytes(&e, false, written, &g->outputs[i].node);
  emitter_free(&e);
  free(written);
  return status;
}

Status simplify(Graph **graph, Diag *diag) {
  TRY(rewrite_graph(graph, simplify_rule, NULL, diag));
  TRY(rewrite_graph(graph, simplify_rule, NULL, diag));
  uint32_t nodes = (*graph)->n_nodes;
  TRY(own_ends(*graph, diag));
  if ((*graph)->n_nodes == nodes) return STATUS_OK;
  return rewrite_graph(graph, NULL, NULL, diag); /* drops views that the copies went around */
}
