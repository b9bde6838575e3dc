/* The schedule of a plan: its length, and what scalar inputs are at a step. */
#ifndef RUNTIME_EXECUTE_SCHEDULE_H
#define RUNTIME_EXECUTE_SCHEDULE_H

#include "graph/plan/plan.h"

typedef struct Schedule {
  const Plan *plan;
  int64_t total_steps, warmup_steps;
} Schedule;

/* How long training is. `steps` and `epochs` are the options (0: not given; at most one); otherwise
 * the plan's. `steps_per_epoch`: max(1, images of all domains // (B K)).  A total given as steps or
 * by an option has warm-up floor(total warmup_epochs / epochs) unless the plan sets warmup_steps.
 * A warm-up as long as the whole is refused, and epochs of more than 2^63 steps. */
Status schedule_create(const Plan *plan, int64_t steps, int64_t epochs, int64_t steps_per_epoch,
                       Diag *diag, Schedule *out);
/* values[i] of plan->schedules[i] at `step`, in f64.  `scratch` as plan_schedule_values has it. */
Status schedule_at(const Schedule *schedule, int64_t step, Arena *scratch, double *values,
                   Diag *diag);
/* STATUS_INVALID when an input of this type cannot hold `value`, that of plan->schedules[schedule]
 * at `step`: 0.5 for an i32, 1e39 for an f32. */
Status schedule_check(const Plan *plan, uint32_t schedule, int64_t step, double value, DType dtype,
                      Diag *diag);

#endif
