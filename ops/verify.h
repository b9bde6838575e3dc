/* The semantic verifier: runs between passes and when a plan is loaded. Independent of the planner.
 */
#ifndef OPS_VERIFY_H
#define OPS_VERIFY_H

#include "graph/plan/plan.h"

/* Topological ids, known ops, shapes and dtypes as re-inferred, state nodes that agree with the
 * states, one commit per state of the state's shape, random sites that are unique, outputs that
 * exist. `place` names the graph in messages. */
Status verify_graph(const Graph *graph, const State *states, uint32_t n_states, const char *place,
                    Diag *diag);
/* All of it for each program, and: every executed node in one step and after its operands; groups
 * that follow ops/fuse_rules.h and that the plan's target takes; work buffers as large as the
 * target says; every read inside its value's life; values that share bytes disjoint in time except
 * where an op may work in place; by streams and waits alone, every read behind its write, every
 * write behind all uses of its bytes, and the end behind all steps; collectives on one stream, in
 * one order; every offset aligned and inside the arena; the byte and
 * multiply-add totals re-added. */
Status verify_plan(const Plan *plan, const char *place, Diag *diag);

/* Waits of a plan that passes which follow from its others. */
uint32_t verify_needless_waits(const PlanProgram *program);

#endif
