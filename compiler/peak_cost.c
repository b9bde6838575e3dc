/* What it would cost to compute a value of the peak again.
 *
 * Whoever drops a value and makes it anew when it is read has, at that time, at least the other
 * values that are alive at the peak: the way back from the value ends at those, at states, at
 * inputs, and at what is computed from nothing.  All nodes on the way are computed once. */
#include "compiler/peak.h"

#include "graph/base/checked.h"
#include "ops/ops.h"
#include "ops/work.h"

#include <stdlib.h>

typedef struct Way {
  const PlanProgram *p;
  const NodeId *base;
  const bool *lost;
  bool *alive;    /* by base */
  uint32_t *seen; /* by base: the row that met it last + 1 */
  NodeId *stack;
  uint32_t n_stack;
} Way;

static int64_t sum(int64_t a, int64_t b) {
  int64_t c;
  return checked_add(a, b, &c) ? c : INT64_MAX;
}

static int64_t bytes_of(const Way *w, NodeId id) {
  return value_bytes(&w->p->graph->nodes[id]);
}

static void push(Way *w, NodeId id, uint32_t mark) {
  if (w->seen[id] == mark) return;
  w->seen[id] = mark;
  w->stack[w->n_stack++] = id;
}

/* A node on the way is computed; its operands are read or computed in turn. */
static void compute(Way *w, NodeId id, NodeId value, uint32_t mark, PeakCost *cost) {
  const Graph *g = w->p->graph;
  cost->nodes++;
  cost->macs = sum(cost->macs, node_macs(g, id));
  cost->flops = sum(cost->flops, node_flops(g, id));
  if (id == value)
    cost->bytes = sum(cost->bytes, bytes_of(w, id));
  else if (w->p->node_offset[id] != OFFSET_NONE)
    cost->bytes = sum(cost->bytes, sum(bytes_of(w, id), bytes_of(w, id)));
  for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) push(w, w->base[node_input(g, id, i)], mark);
}

static PeakAgain walk(Way *w, NodeId value, uint32_t mark, PeakCost *cost) {
  const Graph *g = w->p->graph;
  w->n_stack = 0;
  push(w, value, mark);
  while (w->n_stack) {
    NodeId id = w->stack[--w->n_stack];
    uint16_t op = g->nodes[id].op;
    if (w->lost[id]) return AGAIN_LOST;
    if (op == OP_INPUT && !w->alive[id]) cost->inputs = sum(cost->inputs, bytes_of(w, id));
    if (op == OP_STATE || op == OP_INPUT || (w->alive[id] && id != value))
      cost->bytes = sum(cost->bytes, bytes_of(w, id));
    else
      compute(w, id, value, mark, cost);
    if (cost->nodes > PEAK_WAY_MAX) return AGAIN_UNKNOWN;
  }
  return AGAIN_COSTS;
}

static void cost_rows(Way *w, Peak *peak) {
  const Graph *g = w->p->graph;
  for (uint32_t i = 0; i < peak->n; i++)
    if (peak->rows[i].kind == PEAK_VALUE) w->alive[peak->rows[i].node] = true;
  for (uint32_t i = 0; i < peak->n; i++) {
    PeakRow *row = &peak->rows[i];
    if (row->again == AGAIN_NOTHING) continue;
    row->again =
        g->nodes[row->node].op == OP_INPUT ? AGAIN_FED : walk(w, row->node, i + 1, &row->cost);
    if (row->again != AGAIN_COSTS) row->cost = (PeakCost){0};
  }
}

Status peak_cost(const PlanProgram *program, const NodeId *base, const bool *lost, Peak *peak,
                 Diag *diag) {
  uint32_t n = program->graph->n_nodes;
  Way w = {.p = program, .base = base, .lost = lost};
  w.alive = calloc(n, sizeof *w.alive);
  w.seen = calloc(n, sizeof *w.seen);
  w.stack = calloc(n, sizeof *w.stack);
  bool ok = w.alive && w.seen && w.stack;
  if (ok) cost_rows(&w, peak);
  free(w.alive);
  free(w.seen);
  free(w.stack);
  return ok ? STATUS_OK : diag_no_memory(diag, n * sizeof *w.seen);
}
