/* Reverse-mode differentiation.
 *
 * Ids are topological, so one descending pass over them meets every node after all its users: its
 * cotangent is then complete, and the op's rule sends a contribution to each input from which a
 * requested node can be reached.  Rules emit ordinary nodes; nothing is recursive.  Nodes that the
 * sweep adds have ids beyond those it visits. */
#include "compiler/differentiate.h"

#include "compiler/masked.h"

#include <stdlib.h>

/* Which nodes a sweep meets, and where it stops. */
static void mark(const Graph *g, const DiffRequest *r, NodeId limit, uint8_t *flags) {
  for (uint32_t i = 0; i < r->n_hold; i++)
    if (r->hold[i] < limit) flags[r->hold[i]] |= SWEEP_HELD;
  for (uint32_t i = 0; i < r->n_by; i++)
    if (r->by[i] && r->by[i] < limit) flags[r->by[i]] |= SWEEP_END | SWEEP_REACHES;
  for (NodeId id = 1; id < limit; id++) {
    const Node *node = &g->nodes[id];
    if (flags[id] & (SWEEP_END | SWEEP_HELD)) continue;
    if (!dtype_is_float((DType)node->dtype) || node->op == OP_STOP_GRADIENT) continue;
    const OpDesc *op = op_desc(node->op);
    const NodeId *inputs = node_inputs(g, id);
    for (uint32_t i = 0; i < node->n_inputs; i++) {
      bool blocked = i < 32 && op->no_gradient >> i & 1;
      if (!blocked && flags[inputs[i]] & SWEEP_REACHES && !(flags[inputs[i]] & SWEEP_HELD))
        flags[id] |= SWEEP_REACHES;
    }
  }
}

static void accumulate(Emitter *e, NodeId *cotangent, NodeId more, uint8_t flags) {
  double value;
  if (more == NODE_NONE || (emit_is_fill(e, more, &value) && value == 0)) return;
  if (*cotangent == NODE_NONE)
    *cotangent = more;
  else
    *cotangent =
        flags & SWEEP_WAY ? masked_add(e, *cotangent, more) : emit_add(e, *cotangent, more);
}

static void visit(Emitter *e, NodeId id, const uint8_t *flags, NodeId *cotangents) {
  const OpDesc *op = op_desc(e->graph->nodes[id].op);
  uint32_t n = e->graph->nodes[id].n_inputs;
  emitter_derive(e, id);
  for (uint32_t i = 0; i < n && e->status == STATUS_OK; i++) {
    NodeId input = node_input(e->graph, id, i);
    bool blocked = i < 32 && op->no_gradient >> i & 1;
    if (blocked || !(flags[input] & SWEEP_REACHES) || flags[input] & SWEEP_HELD) continue;
    NodeId more = flags[id] & SWEEP_WAY ? masked_vjp(e, id, cotangents[id], i)
                                        : op->vjp(e, id, cotangents[id], i);
    accumulate(e, &cotangents[input], more, flags[input]);
  }
}

static Status sweep(Emitter *e, const DiffRequest *r, NodeId limit, const uint8_t *flags,
                    NodeId *cotangents, NodeId *gradients) {
  for (uint32_t i = 0; i < r->n_outputs; i++)
    if (r->outputs[i] && r->cotangents[i] && flags[r->outputs[i]] & SWEEP_REACHES)
      accumulate(e, &cotangents[r->outputs[i]], r->cotangents[i], 0);
  for (NodeId id = limit - 1; id > 0 && e->status == STATUS_OK; id--)
    if (cotangents[id] && flags[id] & SWEEP_REACHES && !(flags[id] & SWEEP_END))
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
    Stamp stamp = e->stamp;
    e->reversal = r->reversal;
    e->stamp.role = (uint8_t)r->role;
    mark(e->graph, r, limit, flags);
    masked_mark(e->graph, limit, flags);
    status = sweep(e, r, limit, flags, cotangents, gradients);
    e->reversal = reversal;
    e->stamp = stamp;
  }
  free(flags);
  free(cotangents);
  return status;
}
