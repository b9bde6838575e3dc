/* Text of a graph: one line for each node. */
#ifndef GRAPH_PLAN_DUMP_H
#define GRAPH_PLAN_DUMP_H

#include "graph/ir/op.h"
#include "graph/plan/plan.h"

/* Prints the program's graph:
 *     %12 = conv(%3, %9) stride=1,1 : f32 (8, 64, 32, 64)  train/stage1/b0/conv1/out  cdvm.xml:41
 * then the steps, commits and outputs.  Stored values and work buffers show their offset as `@4096`
 * once the plan has offsets.  `scope` (may be NULL) restricts it to nodes of that scope and below.
 */
Status dump_program(const PlanProgram *program, const OpTable *ops, const char *scope, FILE *out);

/* One attribute as text, e.g. `stride=1,1`. */
void dump_attr(const Graph *graph, NodeId id, const OpDesc *op, uint32_t attr, FILE *out);

#endif
