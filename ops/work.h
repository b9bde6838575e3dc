/* What the kernels of a plan do and move, and what is alive beside them: counted from the plan
 * alone, for reports, tables and traces. */
#ifndef OPS_WORK_H
#define OPS_WORK_H

#include "graph/plan/plan.h"

/* Floating-point operations of a node: two for each multiply-add of a product, one for each element
 * that an elementwise op makes or a reduction reads (three for a variance); 0 for what moves,
 * pools, sorts or draws.  At most INT64_MAX. */
int64_t node_flops(const Graph *graph, NodeId node);

/* By node, of a complete plan: the bytes that it adds to what its kernel must move.  A kernel reads
 * each value once, of slices and gathers only what they take, and writes what is stored; the first
 * member that reads a value counts it.  `bytes` has an entry for each node, 0 for what no step
 * computes.  STATUS_NO_FIT when the sum over all nodes exceeds 2^63. */
Status work_bytes(const Plan *plan, const PlanProgram *program, Diag *diag, int64_t *bytes);

/* Bytes in scratch that are alive, with work buffers and alignment: alive[0] before the first step,
 * alive[s + 1] while step s runs; n_steps + 1 entries.  The largest is the program's lower_bound.
 */
Status work_alive(const Plan *plan, const PlanProgram *program, Diag *diag, int64_t *alive);

#endif
