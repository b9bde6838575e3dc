/* The scalar outputs of each program: what is logged, which one is the loss, and the first that is
 * not finite. */
#include "runtime/train/scalars.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Scalar {
  const char *name;
  char *key; /* quoted */
} Scalar;

/* Those of one program. */
typedef struct ProgramScalars {
  char *key; /* the program's name, quoted */
  Scalar *scalars;
  uint32_t *outputs; /* of each scalar: its place in the program's list */
  Tensor *values;    /* of each scalar: as scalars_read left it */
  uint32_t n;
  uint32_t loss; /* index; n: none */
  bool *shadows; /* of each schedule: an output has its name */
} ProgramScalars;

struct Scalars {
  const Plan *plan;
  Executor *executor;
  ProgramScalars *programs; /* training programs only are filled */
  char **schedule_keys;
};

/* An output may not repeat a key that every line has. */
static char *output_key(const char *name) {
  char text[1024];
  bool taken = strcmp(name, "step") == 0 || strcmp(name, "program") == 0 ||
               strcmp(name, "math") == 0 || strncmp(name, "eval/", 5) == 0;
  snprintf(text, sizeof text, "%s%s", taken ? "output/" : "", name);
  return journal_key(text);
}

static bool is_loss(const char *name) {
  const char *slash = strrchr(name, '/');
  const char *word = slash ? slash + 1 : name;
  return strcmp(word, "loss") == 0 || strcmp(word, "total") == 0;
}

static bool find_outputs(Scalars *s, uint32_t program) {
  const Plan *plan = s->plan;
  const Graph *g = plan->programs[program].graph;
  ProgramScalars *p = &s->programs[program];
  p->key = journal_key(plan_text(plan, plan->programs[program].name));
  p->scalars = calloc(g->n_outputs + 1u, sizeof *p->scalars);
  p->outputs = calloc(g->n_outputs + 1u, sizeof *p->outputs);
  p->values = calloc(g->n_outputs + 1u, sizeof *p->values);
  p->shadows = calloc(plan->n_schedules + 1u, sizeof *p->shadows);
  if (!p->key || !p->scalars || !p->outputs || !p->values || !p->shadows) return false;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    const char *name = graph_text(g, g->outputs[i].name);
    if (!g->outputs[i].declared || g->nodes[g->outputs[i].node].shape.rank) continue;
    p->outputs[p->n] = i;
    Scalar *scalar = &p->scalars[p->n++];
    *scalar = (Scalar){name, output_key(name)};
    if (!scalar->key) return false;
    uint32_t schedule = plan_schedule_find(plan, name);
    if (schedule != UINT32_MAX) p->shadows[schedule] = true;
  }
  p->loss = p->n ? 0 : p->n;
  for (uint32_t i = p->n; i-- > 0;)
    if (is_loss(p->scalars[i].name)) p->loss = i;
  return true;
}

Status scalars_create(Executor *x, Diag *diag, Scalars **out_scalars) {
  *out_scalars = NULL;
  const Plan *plan = executor_plan(x);
  Scalars *s = calloc(1, sizeof *s);
  if (!s) return diag_no_memory(diag, sizeof *s);
  s->plan = plan;
  s->executor = x;
  s->programs = calloc(plan->n_programs + 1u, sizeof *s->programs);
  s->schedule_keys = calloc(plan->n_schedules + 1u, sizeof *s->schedule_keys);
  bool ok = s->programs && s->schedule_keys;
  for (uint32_t i = 0; ok && i < plan->n_schedules; i++)
    ok = (s->schedule_keys[i] = journal_key(plan_text(plan, plan->schedules[i].name))) != NULL;
  for (uint32_t i = 0; ok && i < plan->n_programs; i++)
    if (plan->programs[i].kind == PROGRAM_TRAIN) ok = find_outputs(s, i);
  if (!ok) {
    scalars_destroy(s);
    return diag_no_memory(diag, plan->n_programs * sizeof *s->programs);
  }
  *out_scalars = s;
  return STATUS_OK;
}

void scalars_destroy(Scalars *s) {
  if (!s) return;
  for (uint32_t i = 0; s->programs && i < s->plan->n_programs; i++) {
    ProgramScalars *p = &s->programs[i];
    for (uint32_t k = 0; k < p->n; k++) free(p->scalars[k].key);
    free(p->scalars);
    free(p->outputs);
    free(p->values);
    free(p->shadows);
    free(p->key);
  }
  for (uint32_t i = 0; s->schedule_keys && i < s->plan->n_schedules; i++) free(s->schedule_keys[i]);
  free(s->programs);
  free(s->schedule_keys);
  free(s);
}

Status scalars_read(Scalars *s, uint32_t program, Diag *diag) {
  const ProgramScalars *p = &s->programs[program];
  return executor_read(s->executor, program, p->outputs, p->n, p->values, diag);
}

bool scalars_not_finite(const Scalars *s, uint32_t program, NotFinite *out) {
  const ProgramScalars *p = &s->programs[program];
  const Graph *g = s->plan->programs[program].graph;
  for (uint32_t i = 0; i < p->n; i++) {
    *out = (NotFinite){p->scalars[i].name, g->outputs[p->outputs[i]].node,
                       tensor_get(&p->values[i], 0)};
    if (!isfinite(out->value)) return true;
  }
  return false;
}

double scalars_loss(const Scalars *s, uint32_t program) {
  const ProgramScalars *p = &s->programs[program];
  return p->n ? tensor_get(&p->values[p->loss], 0) : (double)NAN;
}

double scalars_value(const Scalars *s, uint32_t program, uint32_t name) {
  const ProgramScalars *p = &s->programs[program];
  const Graph *g = s->plan->programs[program].graph;
  for (uint32_t i = 0; i < p->n; i++)
    if (g->outputs[p->outputs[i]].name == name) return tensor_get(&p->values[i], 0);
  return (double)NAN;
}

void scalars_log(const Scalars *s, uint32_t program, const Feed *feed, Journal *journal) {
  const ProgramScalars *p = &s->programs[program];
  journal_text(journal, "\"program\"", p->key);
  if (executor_wishes(s->executor)->tf32) journal_text(journal, "\"math\"", "\"tf32\"");
  for (uint32_t i = 0; i < s->plan->n_schedules; i++)
    if (!p->shadows[i])
      journal_float(journal, s->schedule_keys[i], feed_schedule(feed, i),
                    s->plan->precision->storage);
  for (uint32_t i = 0; i < p->n; i++) {
    const Scalar *scalar = &p->scalars[i];
    const Tensor *value = &p->values[i];
    if (dtype_is_float(value->dtype))
      journal_float(journal, scalar->key, tensor_get(value, 0), value->dtype);
    else
      journal_int(journal, scalar->key, tensor_get_int(value, 0));
  }
}
