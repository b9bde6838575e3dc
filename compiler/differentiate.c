/* Reverse-mode differentiation.
 *
 * Ids are topological, so one descending pass over them meets every node after all its users: its
 * cotangent is then complete, and the op's rule sends a contribution to each input from which a
 * requested node can be reached.  Rules emit ordinary nodes; nothing is recursive.  Nodes that the
 * sweep adds have ids beyond those it visits. */
#include "compiler/differentiate.h"

#include <stdlib.h>

enum { REACHES = 1, END = 2, HELD = 4 };

/* flags[id] gets REACHES when a derivative by some requested node may be non-zero. */
static void mark(const Graph *g, const DiffRequest *r, NodeId limit, uint8_t *flags) {
  for (uint32_t i = 0; i < r->n_hold; i++)
    if (r->hold[i] < limit) flags[r->hold[i]] |= HELD;
  for (uint32_t i = 0; i < r->n_by; i++)
    if (r->by[i] && r->by[i] < limit) flags[r->by[i]] |= END | REACHES;
  for (NodeId id = 1; id < limit; id++) {
    const Node *node = &g->nodes[id];
    if (flags[id] & (END | HELD)) continue;
    if (!dtype_is_float((DType)node->dtype) || node->op == OP_STOP_GRADIENT) continue;
    const OpDesc *op = op_desc(node->op);
    const NodeId *inputs = node_inputs(g, id);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      bool blocked = i < 32 && op->no_gradient >> i & 1;
      if (!blocked && flags[inputs[i]] & REACHES && !(flags[inputs[i]] & HELD))
        flags[id] |= REACHES;
    }
  }
}

static void accumulate(Emitter *e, NodeId *cotangent, NodeId more) {
  double value;
  if (more == NODE_NONE || (emit_is_fill(e, more, &value) && value == 0)) return;
  *cotangent = *cotangent ? emit_add(e, *cotangent, more) : more;
}

static void visit(Emitter *e, NodeId id, const uint8_t *flags, NodeId *cotangents) {
  const OpDesc *op = op_desc(e->graph->nodes[id].op);
  uint32_t n = e->graph->nodes[id].n_inputs;
  emitter_derive(e, id);
  for (uint32_t i = 0; i < n && e->status == STATUS_OK; i++) {
    NodeId input = node_input(e->graph, id, i);
    bool blocked = i < 32 && op->no_gradient >> i & 1;
    if (blocked || !(flags[input] & REACHES) || flags[input] & HELD) continue;
    accumulate(e, &cotangents[input], op->vjp(e, id, cotangents[id], i));
  }
}

static Status sweep(Emitter *e, const DiffRequest *r, NodeId limit, const uint8_t *flags,
                    NodeId *cotangents, NodeId *gradients) {
  for (uint32_t i = 0; i < r->n_outputs; i++)
    if (r->outputs[i] && r->cotangents[i] && flags[r->outputs[i]] & REACHES)
      accumulate(e, &cotangents[r->outputs[i]], r->cotangents[i]);
  for (NodeId id = limit - 1; id > 0 && e->status == STATUS_OK; id--)
    if (cotangents[id] && flags[id] & REACHES && !(flags[id] & END))
      visit(e, id, flags, cotangents);
  for (uint32_t i = 0; i < r->n_by; i++) gradients[i] = r->by[i] ? cotangents[r->by[i]] : NODE_NONE;
  return e->status;
}

Status differentiate(Emitter *e, const DiffRequest *r, NodeId *gradients) {
  TRY(e->status);
  NodeId limit = 0;
  for (uint32_t i = 0; i < r->n_outputs; i++)
    if (r->outputs[i] >= limit) limit = r->outputs[i] + 1;
  for (uint32_t i = 0; i < r->n_by; i++) gradients[i] = NODE_NONE;
  if (limit == 0) return STATUS_OK;
  /* Requested nodes may be younger than every output (then nothing depends on them). */
  NodeId size = e->graph->n_nodes;
  uint8_t *flags = calloc(size, sizeof *flags);
  NodeId *cotangents = calloc(size, sizeof *cotangents);
  Status status = STATUS_OK;
  if (!flags || !cotangents) {
    status = e->status = diag_no_memory(e->diag, size * sizeof *cotangents);
  } else {
    Reversal reversal = e->reversal;
    uint8_t role = e->role, order = e->order, batch = e->batch;
    uint32_t scope = e->scope, loc = e->loc;
    e->reversal = r->reversal;
    e->role = (uint8_t)r->role;
    mark(e->graph, r, limit, flags);
    status = sweep(e, r, limit, flags, cotangents, gradients);
    e->reversal = reversal;
    e->role = role, e->order = order, e->batch = batch;
    e->scope = scope, e->loc = loc;
  }
  free(flags);
  free(cotangents);
  return status;
}
