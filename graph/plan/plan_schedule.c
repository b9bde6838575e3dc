/* Schedules: scalar inputs as expressions over the step, in f64. */
#include "graph/base/text.h"
#include "graph/expression/value.h"
#include "graph/plan/plan.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool bind(Arena *arena, const Binding **env, const char *name, double number) {
  return binding_add(arena, env, name, (Value){.type = VALUE_FLOAT, .f = number}, 0);
}

static bool evaluate(Arena *arena, const Binding **env, const char *name, const char *text,
                     double *out, ScheduleError *error) {
  Value value;
  ExprError why = {0};
  bool ok = expr_evaluate(arena, *env, text, strlen(text), &value, &why);
  if (ok && value.type == VALUE_INT) value = (Value){.type = VALUE_FLOAT, .f = (double)value.i};
  if (ok && (value.type != VALUE_FLOAT || !isfinite(value.f))) {
    ok = false;
    snprintf(why.text, sizeof why.text, "the value is no finite number");
  }
  if (why.unknown)
    snprintf(why.hint, sizeof why.hint,
             "a schedule knows step, total_steps, warmup_steps, pi and the schedules above it; "
             "${...} is a value of the model");
  error->at = why.at;
  text_format(error->text, sizeof error->text, "%s", why.text);
  text_format(error->hint, sizeof error->hint, "%s", why.hint);
  if (!ok) return false;
  *out = value.f;
  return bind(arena, env, name, value.f);
}

bool plan_schedule_values(const Plan *plan, const ScheduleStep *at, Arena *arena, double *values,
                          ScheduleError *error) {
  arena_reset(arena);
  const Binding *env = NULL;
  *error = (ScheduleError){.text = "out of memory"};
  bool ok = bind(arena, &env, "pi", 3.14159265358979323846) &&
            bind(arena, &env, "step", (double)at->step) &&
            bind(arena, &env, "total_steps", (double)at->total_steps) &&
            bind(arena, &env, "warmup_steps", (double)at->warmup_steps);
  for (uint32_t i = 0; ok && i < plan->n_schedules; i++) {
    error->schedule = i;
    ok = evaluate(arena, &env, plan_text(plan, plan->schedules[i].name),
                  plan_text(plan, plan->schedules[i].value), &values[i], error);
  }
  return ok;
}
