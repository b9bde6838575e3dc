/* The plan's watches.  What they saw is not kept in checkpoints: a run that goes on warns anew. */
#include "runtime/train/watch.h"

#include "graph/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define WORSE 10.0 /* times the value that was last warned of */

typedef struct Watched {
  double last, warned, highest; /* NAN: none yet */
  int64_t steps, above, at;     /* at: the step of the highest */
} Watched;

struct Watch {
  const Plan *plan;
  Watched *watched; /* of each watch */
};

Status watch_create(const Plan *plan, Diag *diag, Watch **out_watch) {
  *out_watch = NULL;
  Watch *w = calloc(1, sizeof *w);
  if (!w) return diag_no_memory(diag, sizeof *w);
  w->plan = plan;
  w->watched = calloc(plan->n_watches + 1u, sizeof *w->watched);
  if (!w->watched) {
    free(w);
    return diag_no_memory(diag, plan->n_watches * sizeof *w->watched);
  }
  for (uint32_t i = 0; i < plan->n_watches; i++)
    w->watched[i] = (Watched){.last = NAN, .warned = NAN, .highest = NAN};
  *out_watch = w;
  return STATUS_OK;
}

void watch_destroy(Watch *w) {
  if (!w) return;
  free(w->watched);
  free(w);
}

static void warn(const Watch *w, const PlanWatch *of, double value, int64_t step, Diag *diag) {
  const char *message = plan_text(w->plan, of->message), *hint = plan_text(w->plan, of->hint);
  diag_warning(diag, plan_place(w->plan), *hint ? hint : NULL,
               "step %" PRId64 ": '%s' is %.4g, above %.4g%s%s", step,
               plan_text(w->plan, of->output), value, of->above, *message ? ": " : "", message);
}

void watch_step(Watch *w, const Scalars *scalars, uint32_t program, int64_t step, Diag *diag) {
  for (uint32_t i = 0; i < w->plan->n_watches; i++) {
    const PlanWatch *of = &w->plan->watches[i];
    Watched *seen = &w->watched[i];
    double value = scalars_value(scalars, program, of->output);
    if (isnan(value)) continue; /* the program has no such output */
    seen->last = value;
    seen->steps++;
    if (isnan(seen->highest) || value > seen->highest) {
      seen->highest = value;
      seen->at = step;
    }
    if (!(value > of->above)) continue;
    seen->above++;
    /* Of values below 0 no multiple is larger. */
    if (!isnan(seen->warned) && (seen->warned <= 0 || value < WORSE * seen->warned)) continue;
    seen->warned = value;
    warn(w, of, value, step, diag);
  }
}

void watch_text(const Watch *w, char *text, size_t size) {
  size_t used = 0;
  *text = 0;
  for (uint32_t i = 0; i < w->plan->n_watches; i++)
    if (!isnan(w->watched[i].last))
      used = text_append(text, size, used, "%s%s %.3g", used ? "  " : "",
                         plan_text(w->plan, w->plan->watches[i].output), w->watched[i].last);
}

void watch_summary(const Watch *w, char *text, size_t size) {
  size_t used = 0;
  *text = 0;
  for (uint32_t i = 0; i < w->plan->n_watches; i++) {
    const PlanWatch *of = &w->plan->watches[i];
    const Watched *seen = &w->watched[i];
    if (!seen->above) continue;
    used = text_append(text, size, used,
                       "'%s' was above %.4g in %" PRId64 " of %" PRId64
                       " steps, at most %.4g (step %" PRId64 ")\n",
                       plan_text(w->plan, of->output), of->above, seen->above, seen->steps,
                       seen->highest, seen->at);
  }
}
