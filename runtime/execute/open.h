/* Opening a plan: reading and verifying are one step, since nothing of a plan is trusted. */
#ifndef RUNTIME_EXECUTE_OPEN_H
#define RUNTIME_EXECUTE_OPEN_H

#include "graph/plan/plan.h"
#include "runtime/device/device.h"

/* Reads and verifies the plan in file `path`, which the device is to run; NULL: none, it may be for
 * any target of this program.  The caller destroys it.  On failure *out_plan is NULL. */
Status plan_open(const char *path, const DeviceTable *device, Diag *diag, Plan **out_plan);

/* STATUS_INVALID, with a message, when the plan is for another number of ranks. */
Status plan_fits_ranks(const Plan *plan, uint32_t ranks, Diag *diag);
/* STATUS_USAGE, with a message, where a wish would do nothing for the plan: --math=tf32 when it has
 * no product of f32. */
Status plan_fits_wishes(const Plan *plan, const DeviceWishes *wishes, Diag *diag);

#endif
