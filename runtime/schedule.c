#include "runtime/schedule.h"

#include "graph/value.h"

#include <math.h>
#include <string.h>

Status schedule_create(const Plan *plan, int64_t steps, int64_t epochs, int64_t steps_per_epoch,
                       Diag *diag, Schedule *out) {
  const PlanTraining *t = &plan->training;
  bool in_steps = steps > 0 || epochs > 0 || t->steps > 0;
  int64_t length = epochs > 0 ? epochs : t->epochs;
  int64_t total = steps > 0                     ? steps
                  : epochs > 0 || t->steps <= 0 ? length * steps_per_epoch
                                                : t->steps;
  int64_t warmup = t->warmup_steps;
  if (warmup < 0) {
    if (!in_steps)
      warmup = t->warmup_epochs * steps_per_epoch;
    else
      warmup = t->epochs > 0
                   ? (int64_t)floor((double)total * (double)t->warmup_epochs / (double)t->epochs)
                   : 0;
  }
  *out = (Schedule){plan, total, warmup};
  if (total < 1)
    return diag_error(diag, STATUS_INVALID, plan_text(plan, plan->model_name), "--steps=N",
                      "the schedule has no steps");
  if (warmup >= total)
    return diag_error(diag, STATUS_INVALID, plan_text(plan, plan->model_name),
                      "train longer, or set -D warmup_steps=N",
                      "the warm-up of %lld steps is not shorter than the whole of %lld",
                      (long long)warmup, (long long)total);
  return STATUS_OK;
}

static bool bind(Arena *arena, const Binding **env, const char *name, double number) {
  return binding_add(arena, env, name, (Value){.type = VALUE_FLOAT, .f = number}, 0);
}

Status schedule_at(const Schedule *s, int64_t step, double *values, Diag *diag) {
  const Plan *plan = s->plan;
  Arena *arena = arena_create();
  const Binding *env = NULL;
  if (!arena || !bind(arena, &env, "pi", 3.14159265358979323846) ||
      !bind(arena, &env, "step", (double)step) ||
      !bind(arena, &env, "total_steps", (double)s->total_steps) ||
      !bind(arena, &env, "warmup_steps", (double)s->warmup_steps)) {
    arena_destroy(arena);
    return diag_no_memory(diag, 1);
  }
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < plan->n_schedules && status == STATUS_OK; i++) {
    const char *name = plan_text(plan, plan->schedules[i].name);
    const char *text = plan_text(plan, plan->schedules[i].value);
    Value value;
    ExprError error = {0};
    bool ok = expr_evaluate(arena, env, text, strlen(text), &value, &error);
    if (ok && value.type == VALUE_INT) value = (Value){.type = VALUE_FLOAT, .f = (double)value.i};
    if (ok && value.type == VALUE_FLOAT && isfinite(value.f)) {
      values[i] = value.f;
      if (!bind(arena, &env, name, value.f)) status = diag_no_memory(diag, 1);
    } else {
      status = diag_error(diag, STATUS_INVALID, name, "see <schedule> in docs/model-language.md",
                          "schedule at step %lld: %s", (long long)step,
                          ok ? "the value is no finite number" : error.text);
    }
  }
  arena_destroy(arena);
  return status;
}
