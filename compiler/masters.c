/* States whose type is not that of a step's values (Precision.master, .storage).  A step reads them
 * rounded.  What updates them is computed in their own type, from their own value: a change that is
 * too small for the values' type is not lost.  Fields have the type of the parameters' states, so
 * that gradients, which a cast widens, meet them; a pass rounds the field that it reads.  Casts are
 * ordinary ops: derivatives of any order go through them.  Where both types are the same, nothing
 * is emitted. */
#include "compiler/builder.h"

NodeId master_state(ProgramBuilder *p, uint32_t state) {
  const State *s = &p->b->plan->states[state];
  NodeId node = emit_state(&p->e, state, (DType)s->dtype, &s->shape);
  emitter_name(&p->e, node, strings_text(p->b->model->symbols->strings, s->name));
  return node;
}

NodeId master_read(ProgramBuilder *p, uint32_t state, NodeId value) {
  return emit_cast(&p->e, value, p->b->state_uses[state].read);
}

DType master_float(const ProgramBuilder *p, uint32_t state) {
  DType own = (DType)p->b->plan->states[state].dtype;
  return p->b->state_uses[state].read == own ? p->e.float_type : own;
}

NodeId master_operand(ProgramBuilder *p, uint32_t state, NodeId value) {
  const Graph *g = p->e.graph;
  DType own = (DType)p->b->plan->states[state].dtype, read = p->b->state_uses[state].read;
  if (value == NODE_NONE || read == own || emit_dtype(&p->e, value) != read) return value;
  if (g->nodes[value].op == OP_CAST) { /* a state as it is read: itself */
    NodeId from = node_input(g, value, 0);
    if (g->nodes[from].op == OP_STATE && emit_dtype(&p->e, from) == own) return from;
  }
  return emit_cast(&p->e, value, own);
}
