/* --sync=local: each rank computes over its share of the batch alone. */
#ifndef COMPILER_LOCAL_H
#define COMPILER_LOCAL_H

#include "graph/ir/source.h"
#include "graph/plan/plan.h"

/* By node: whether all ranks have the same value, bit by bit. */
void local_same(const Graph *graph, bool *same);

/* The program of one rank: rank-means become sums over the ranks, what is committed and every
 * scalar output is averaged.  Programs that do not train stay as they are. */
Status local_ranks(const Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag);

#endif
