/* Opening a plan: reading and verifying are one step, since nothing of a plan is trusted. */
#ifndef RUNTIME_OPEN_H
#define RUNTIME_OPEN_H

#include "graph/plan.h"

/* Reads and verifies the plan in file `path`; the caller destroys it.  On failure *out_plan is
 * NULL. */
Status plan_open(const char *path, Diag *diag, Plan **out_plan);

/* Index of the program `name` of the plan in file `path`.  When there is none the message lists
 * those that there are. */
Status plan_program_require(const Plan *plan, const char *path, const char *name, Diag *diag,
                            uint32_t *out_program);

#endif
