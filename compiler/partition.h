/* Pass partition: data parallel. */
#ifndef COMPILER_PARTITION_H
#define COMPILER_PARTITION_H

#include "graph/ir/source.h"
#include "graph/plan/plan.h"

/* STATUS_OK when the ranks of the plan can share its training batches; else an error that says
 * which numbers fit, or, at its place in the model, where the rows come from that cannot be shared.
 */
Status partition_check(const Plan *plan, const Sources *sources, Diag *diag);

/* Turns a program into that of one of plan->ranks ranks: each runs it on its share of the units of
 * every group of the batch, and ranks meet in collectives.  Committed values and outputs are whole.
 * Programs that do not read training images are left as they are.  A warning when ranks share less
 * than half of the multiply-adds. */
Status partition(const Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag);

#endif
