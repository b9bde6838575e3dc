/* From epochs or steps, of the plan or of the command line, to one total and one warm-up; then the
 * plan's schedules at a step. */
#include "runtime/execute/schedule.h"

#include "graph/base/checked.h"
#include "graph/base/text.h"
#include "graph/plan/setting.h"

#include <math.h>

Status schedule_create(const Plan *plan, int64_t steps, int64_t epochs, int64_t steps_per_epoch,
                       Diag *diag, Schedule *out) {
  const PlanTraining *t = &plan->training;
  bool in_steps = steps > 0 || epochs > 0 || t->steps > 0;
  int64_t length = epochs > 0 ? epochs : t->epochs, from_epochs, warmup_epochs;
  if (!checked_mul(length, steps_per_epoch, &from_epochs) ||
      !checked_mul(t->warmup_epochs, steps_per_epoch, &warmup_epochs))
    return diag_error(diag, STATUS_INVALID, plan_place(plan), "fewer epochs, or --steps=N",
                      "the epochs take more than 2^63 steps");
  int64_t total = steps > 0 ? steps : epochs > 0 || t->steps <= 0 ? from_epochs : t->steps;
  int64_t warmup = t->warmup_steps;
  if (warmup < 0) {
    if (!in_steps)
      warmup = warmup_epochs;
    else
      warmup = t->epochs > 0
                   ? (int64_t)floor((double)total * (double)t->warmup_epochs / (double)t->epochs)
                   : 0;
  }
  *out = (Schedule){plan, total, warmup};
  if (total < 1)
    return diag_error(diag, STATUS_INVALID, plan_place(plan), "--steps=N",
                      "the schedule has no steps");
  if (warmup >= total) {
    char hint[700];
    size_t used = text_append(hint, sizeof hint, 0, "train longer, or ");
    plan_setting(plan, "training", "warmup-steps", "N", hint, sizeof hint, used);
    return diag_error(diag, STATUS_INVALID, plan_place(plan), hint,
                      "the warm-up of %lld steps is not shorter than the whole of %lld",
                      (long long)warmup, (long long)total);
  }
  return STATUS_OK;
}

Status schedule_at(const Schedule *s, int64_t step, Arena *scratch, double *values, Diag *diag) {
  const ScheduleStep at = {step, s->total_steps, s->warmup_steps};
  ScheduleError error;
  if (plan_schedule_values(s->plan, &at, scratch, values, &error)) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, plan_place(s->plan),
                    "see <schedule> in docs/model-language.md", "schedule '%s' at step %lld: %s",
                    plan_text(s->plan, s->plan->schedules[error.schedule].name), (long long)step,
                    error.text);
}

Status schedule_check(const Plan *plan, uint32_t schedule, int64_t step, double value, DType dtype,
                      Diag *diag) {
  const char *why = dtype_refuses(dtype, value);
  if (!why) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, plan_place(plan),
                    dtype_is_float(dtype) ? NULL : "floor(x) and round(x) make whole numbers",
                    "schedule '%s' at step %lld: the value %.16g %s, and its input is %s",
                    plan_text(plan, plan->schedules[schedule].name), (long long)step, value, why,
                    dtype_name(dtype));
}
