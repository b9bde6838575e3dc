/* The end of pass order, from ordered groups to steps; and pass offsets. */
#ifndef COMPILER_LAYOUT_H
#define COMPILER_LAYOUT_H

#include "compiler/groups.h"
#include "graph/plan/plan.h"

/* Replaces program->graph by one in execution order (virtual nodes cloned into their groups) and
 * fills steps and step_nodes. */
Status layout_steps(PlanProgram *program, const Groups *groups, Diag *diag);

/* Assigns offsets: scratch starts at plan->state_bytes; state offsets are set already. Fills
 * node_offset, work offsets, scratch_bytes, lower_bound, peak_step, macs. */
Status layout_offsets(const Plan *plan, PlanProgram *program, Diag *diag);

#endif
