/* Which values are surely meant by a GLOB that names none. */
#ifndef GRAPH_PLAN_SUGGEST_H
#define GRAPH_PLAN_SUGGEST_H

#include "graph/plan/plan.h"

/* Writes a GLOB that does name values of the programs (`n` of them): that of the block's `out`
 * (`train/b0`: `train/b0/out`), or the same one below a pass or block (`b0/x`: `train/b0/x`).
 * False when there is none. */
bool value_suggest(const PlanProgram *programs, uint32_t n, const char *glob, char *text,
                   size_t size);
/* The value whose name is nearest by edit distance; false when none is near. */
bool value_nearest(const PlanProgram *programs, uint32_t n, const char *name, char *text,
                   size_t size);

#endif
