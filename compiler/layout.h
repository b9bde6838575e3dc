/* The end of pass order, from ordered units to steps; and pass offsets. */
#ifndef COMPILER_LAYOUT_H
#define COMPILER_LAYOUT_H

#include "compiler/units.h"
#include "graph/plan/plan.h"

/* Replaces program->graph by one in execution order (virtual nodes cloned into their units) and
 * fills steps and step_nodes. */
Status layout_steps(PlanProgram *program, const Units *units, Diag *diag);

/* Assigns offsets: scratch starts at plan->state_bytes; state offsets are set already. Fills
 * node_offset, work offsets, scratch_bytes, lower_bound, peak_step, macs. */
Status layout_offsets(const Plan *plan, PlanProgram *program, Diag *diag);

#endif
