/* Everything is checked before the first state changes. */
#include "runtime/execute/weights.h"

#include "graph/base/philox.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LISTED 8 /* names in a message */

static const char *state_name(const Plan *plan, uint32_t state) {
  return plan_text(plan, plan->states[state].name);
}

/* ---- one tensor ---- */

/* Tensors that do not fit: a file of another size would give a message for each. */
typedef struct Misfits {
  const Plan *plan;
  const char *path;
  const FileTensor *first;
  uint32_t state, n; /* of the first; how many */
} Misfits;

/* Index of the first element that is infinite, no number, or beyond the state's range; -1: none. */
static int64_t first_not_finite(const FileTensor *t, DType dtype) {
  if (!dtype_is_float(dtype)) return -1;
  for (int64_t i = 0; i < t->count; i++) {
    double value = file_tensor_get(t, i);
    if (!isfinite(dtype == DTYPE_F32 ? (double)(float)value : value)) return i;
  }
  return -1;
}

/* A training writes no such values: what holds one was broken elsewhere, and would spoil silently
 * whatever is computed from it. */
static Status check_tensor(const Misfits *m, uint32_t state, const FileTensor *t, Diag *diag) {
  const State *s = &m->plan->states[state];
  bool other = strcmp(t->name, state_name(m->plan, state)) != 0;
  TRY(file_tensor_check(t, m->path, (DType)s->dtype, &s->shape,
                        other ? state_name(m->plan, state) : NULL, diag));
  int64_t at = first_not_finite(t, (DType)s->dtype);
  if (at < 0) return STATUS_OK;
  char place[1024];
  snprintf(place, sizeof place, "%s: tensor %s", m->path, t->name);
  return diag_error(diag, STATUS_INVALID, place, NULL, "element %" PRId64 " is %g, no finite %s",
                    at, file_tensor_get(t, at), dtype_name((DType)s->dtype));
}

static void note_tensor(Misfits *m, uint32_t state, const FileTensor *t) {
  if (check_tensor(m, state, t, NULL) == STATUS_OK) return;
  if (m->n++) return;
  m->first = t;
  m->state = state;
}

static Status report_misfits(const Misfits *m, Diag *diag) {
  if (!m->n) return STATUS_OK;
  Diag *one = m->n > 1 ? diag_create() : NULL;
  if (!one) return check_tensor(m, m->state, m->first, diag);
  Status status = check_tensor(m, m->state, m->first, one);
  const DiagEntry *e = diag_entry(one, 0);
  diag_error(diag, status, e->place, e->hint, "%s; %u other tensor%s do%s not fit either", e->text,
             m->n - 1, m->n > 2 ? "s" : "", m->n > 2 ? "" : "es");
  diag_destroy(one);
  return status;
}

/* ---- lists of names ---- */

/* The first names of `which` (one flag a state) and how many more there are. */
static void list_states(const Plan *plan, const bool *which, char *text, size_t size) {
  size_t n = 0;
  uint32_t listed = 0, more = 0;
  *text = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    if (!which[i]) continue;
    if (listed++ < LISTED && n < size)
      n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", state_name(plan, i));
    else
      more++;
  }
  if (more && n < size) snprintf(text + n, size - n, " and %u more", more);
}

static Status report_missing(const Plan *plan, const bool *missing, uint32_t n, const char *path,
                             const char *of, Diag *diag) {
  char names[1024];
  list_states(plan, missing, names, sizeof names);
  return diag_error(diag, STATUS_INVALID, path,
                    "is it from another model? `graphrun train --init=F` takes what fits",
                    "lacks %u of the tensors of %s: %s", n, of, names);
}

/* ---- by own name ---- */

static void mark_program(const Plan *plan, uint32_t program, bool *needed) {
  const Graph *g = plan->programs[program].graph;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_STATE) continue;
    uint32_t state = (uint32_t)node_attr_int(g, id, STATE_INDEX);
    needed[state] = plan->states[state].kind != STATE_OPTIMISER;
  }
}

static Status check_all(const Plan *plan, const SafeFile *file, const char *path, WeightsNeed need,
                        uint32_t program, bool *missing, Diag *diag) {
  Misfits misfits = {.plan = plan, .path = path};
  uint32_t found = 0, lacking = 0;
  if (need == WEIGHTS_PROGRAM) mark_program(plan, program, missing);
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const FileTensor *t = safe_find(file, state_name(plan, i));
    if (need == WEIGHTS_ALL) missing[i] = true;
    if (t) {
      found++;
      missing[i] = false;
      note_tensor(&misfits, i, t);
    }
    lacking += missing[i];
  }
  TRY(report_misfits(&misfits, diag));
  char of[300] = "the plan";
  if (need == WEIGHTS_PROGRAM)
    snprintf(of, sizeof of, "program '%s'", plan_text(plan, plan->programs[program].name));
  if (lacking) return report_missing(plan, missing, lacking, path, of, diag);
  if (!found && plan->n_states)
    return diag_error(diag, STATUS_INVALID, path,
                      "a public checkpoint? `graphrun train --init=F` knows external names",
                      "has no tensor of a name that the plan knows");
  return STATUS_OK;
}

Status weights_load(const Executor *x, const SafeFile *file, const char *path, WeightsNeed need,
                    uint32_t program, Diag *diag) {
  const Plan *plan = executor_plan(x);
  bool *missing = calloc(plan->n_states + 1u, sizeof *missing);
  if (!missing) return diag_no_memory(diag, plan->n_states);
  Status status = check_all(plan, file, path, need, program, missing, diag);
  free(missing);
  TRY(status);
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const FileTensor *t = safe_find(file, state_name(plan, i));
    Tensor state = executor_state(x, i);
    if (t) file_tensor_copy(&state, t);
  }
  return STATUS_OK;
}

void weights_tensors(const Executor *x, SaveTensor *out) {
  const Plan *plan = executor_plan(x);
  for (uint32_t i = 0; i < plan->n_states; i++) {
    Tensor t = executor_state(x, i);
    out[i] = (SaveTensor){state_name(plan, i), t.dtype, t.shape, t.data};
  }
}

/* ---- pretrained ---- */

/* Where a state's value comes from. */
typedef struct Source {
  const FileTensor *tensor; /* NULL: it keeps its own */
  bool pretrained;          /* not by its own name: noise applies */
} Source;

typedef struct Start {
  const Plan *plan;
  const SafeFile *file;
  Source *sources; /* of each state */
  uint32_t own, external, kept;
} Start;

/* By the name of a state that is the same pretrained tensor. */
static const FileTensor *find_relative(const Start *start, uint32_t external) {
  for (uint32_t i = 0; i < start->plan->n_states; i++) {
    const State *s = &start->plan->states[i];
    if (s->external != external || s->noise > 0) continue;
    const FileTensor *t = safe_find(start->file, plan_text(start->plan, s->name));
    if (t) return t;
  }
  return NULL;
}

static Source find_source(const Start *start, uint32_t state) {
  const State *s = &start->plan->states[state];
  if (s->kind == STATE_OPTIMISER) return (Source){0};
  const FileTensor *t = safe_find(start->file, state_name(start->plan, state));
  if (t) return (Source){t, false};
  if (!s->external) return (Source){0};
  t = safe_find(start->file, plan_text(start->plan, s->external));
  if (!t) t = find_relative(start, s->external);
  return (Source){t, t != NULL};
}

static Status find_sources(Start *start, const char *path, Diag *diag) {
  Misfits misfits = {.plan = start->plan, .path = path};
  for (uint32_t i = 0; i < start->plan->n_states; i++) {
    Source *from = &start->sources[i];
    *from = find_source(start, i);
    if (!from->tensor) {
      start->kept += start->plan->states[i].kind != STATE_OPTIMISER;
      continue;
    }
    *(from->pretrained ? &start->external : &start->own) += 1;
    note_tensor(&misfits, i, from->tensor);
  }
  TRY(report_misfits(&misfits, diag));
  if (!start->own && !start->external)
    return diag_error(diag, STATUS_INVALID, path,
                      "names are the model's own or those it declares as `external`",
                      "has no parameter of a name that the model knows");
  return STATUS_OK;
}

static double deviation(const Tensor *t, int64_t n) {
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) mean += tensor_get(t, i);
  mean /= (double)n;
  for (int64_t i = 0; i < n; i++) {
    double off = tensor_get(t, i) - mean;
    squares += off * off;
  }
  return sqrt(squares / (double)n);
}

static void add_noise(const Tensor *t, const char *name, double share, uint64_t seed) {
  char site[1024];
  snprintf(site, sizeof site, "noise:%s", name);
  uint64_t key = philox_site(site);
  int64_t n = shape_count(&t->shape);
  double spread = share * deviation(t, n);
  if (spread <= 0) return;
  for (int64_t i = 0; i < n; i++)
    tensor_set(t, i, tensor_get(t, i) + spread * philox_normal(seed, 0, key, (uint64_t)i));
}

static bool is_used(const Start *start, const FileTensor *t) {
  for (uint32_t i = 0; i < start->plan->n_states; i++)
    if (start->sources[i].tensor == t) return true;
  uint32_t state = plan_state_find(start->plan, t->name);
  return state != UINT32_MAX && start->plan->states[state].kind == STATE_OPTIMISER;
}

static void list_name(FILE *log, uint32_t *n, const char *title, const char *name) {
  fprintf(log, "%s%s", *n ? ", " : title, name);
  *n += 1;
}

static void report_start(const Start *start, const char *path, FILE *log) {
  const Plan *plan = start->plan;
  uint32_t n = 0;
  fprintf(log,
          "start from %s: %u states by their own names, %u from pretrained tensors, %u keep "
          "their initialiser\n",
          path, start->own, start->external, start->kept);
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (!start->sources[i].tensor && plan->states[i].kind != STATE_OPTIMISER)
      list_name(log, &n, "  not in the file: ", state_name(plan, i));
  if (n) fputc('\n', log);
  n = 0;
  for (uint32_t i = 0; i < safe_count(start->file); i++)
    if (!is_used(start, safe_tensor(start->file, i)))
      list_name(log, &n, "  not in the model: ", safe_tensor(start->file, i)->name);
  if (n) fputc('\n', log);
}

Status weights_start(const Executor *x, const SafeFile *file, const char *path, uint64_t seed,
                     FILE *log, Diag *diag) {
  const Plan *plan = executor_plan(x);
  Start start = {.plan = plan, .file = file};
  start.sources = calloc(plan->n_states + 1u, sizeof *start.sources);
  if (!start.sources) return diag_no_memory(diag, plan->n_states * sizeof *start.sources);
  Status status = find_sources(&start, path, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_states; i++) {
    const Source *from = &start.sources[i];
    if (!from->tensor) continue;
    Tensor t = executor_state(x, i);
    file_tensor_copy(&t, from->tensor);
    if (from->pretrained && plan->states[i].noise > 0)
      add_noise(&t, state_name(plan, i), plan->states[i].noise, seed);
  }
  if (status == STATUS_OK && log) report_start(&start, path, log);
  free(start.sources);
  return status;
}
