/* `train --init`: states from a file of another model or a public checkpoint. */
#include "runtime/execute/weights.h"

#include "graph/base/philox.h"
#include "graph/base/text.h"
#include "runtime/execute/weights_match.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a state's value comes from. */
typedef struct Source {
  const FileTensor *tensor; /* NULL: it keeps its own */
  bool pretrained;          /* not by its own name: noise applies */
  bool skipped;             /* the tensor is there and is left out */
} Source;

typedef struct Start {
  const Plan *plan;
  const SafeFile *file;
  const WeightsStart *options;
  Source *sources; /* of each state */
  bool *matched;   /* of each GLOB to be skipped: it left something out */
  uint32_t own, external, kept, skipped;
  Misfits misfits;
  Diag *diag;
} Start;

/* ---- names ---- */

/* The tensor of a name, with or without the prefix.  One of each: the one with it, as asked for;
 * check_prefix has refused that. */
static const FileTensor *find(const Start *s, const char *name) {
  char *long_name = NULL;
  const FileTensor *t = NULL;
  if (s->options->prefix && asprintf(&long_name, "%s%s", s->options->prefix, name) >= 0) {
    t = safe_find(s->file, long_name);
    free(long_name);
  }
  return t ? t : safe_find(s->file, name);
}

/* A tensor's name without the prefix. */
static const char *short_name(const Start *s, const FileTensor *t) {
  size_t n = s->options->prefix ? strlen(s->options->prefix) : 0;
  return n && strncmp(t->name, s->options->prefix, n) == 0 ? t->name + n : t->name;
}

static Status check_prefix(const Start *s) {
  const char *prefix = s->options->prefix;
  uint32_t n = 0;
  for (uint32_t i = 0; prefix && i < safe_count(s->file); i++) {
    const FileTensor *t = safe_tensor(s->file, i);
    const char *name = short_name(s, t);
    n += name != t->name;
    if (name == t->name || !safe_find(s->file, name)) continue;
    return file_tensor_error(s->options->path, t->name, s->diag,
                             "without --init-prefix the second is taken",
                             "without '%s' it is '%s', which the file has as well", prefix, name);
  }
  if (!prefix || n) return STATUS_OK;
  char hint[600] = "the file has no tensors";
  if (safe_count(s->file))
    text_format(hint, sizeof hint, "its first name is '%s'", safe_tensor(s->file, 0)->name);
  return diag_error(s->diag, STATUS_INVALID, "--init-prefix", hint,
                    "no name in %s begins with '%s'", s->options->path, prefix);
}

static bool is_skipped(const Start *s, uint32_t state, const FileTensor *t) {
  bool skipped = false;
  for (uint32_t i = 0; i < s->options->n_skip; i++) {
    const char *glob = s->options->skip[i];
    if (fnmatch(glob, weights_state_name(s->plan, state), 0) != 0 &&
        fnmatch(glob, t->name, 0) != 0 && fnmatch(glob, short_name(s, t), 0) != 0)
      continue;
    s->matched[i] = skipped = true;
  }
  return skipped;
}

/* ---- sources ---- */

/* By the name of a state that is the same pretrained tensor. */
static const FileTensor *find_relative(const Start *start, uint32_t external) {
  for (uint32_t i = 0; i < start->plan->n_states; i++) {
    const State *s = &start->plan->states[i];
    if (s->external != external || s->noise > 0) continue;
    const FileTensor *t = find(start, plan_text(start->plan, s->name));
    if (t) return t;
  }
  return NULL;
}

static Source find_source(const Start *start, uint32_t state) {
  const State *s = &start->plan->states[state];
  if (s->kind == STATE_OPTIMISER) return (Source){0};
  const FileTensor *t = find(start, weights_state_name(start->plan, state));
  Source source = {.tensor = t};
  if (!t && s->external) {
    t = find(start, plan_text(start->plan, s->external));
    if (!t) t = find_relative(start, s->external);
    source = (Source){.tensor = t, .pretrained = t != NULL};
  }
  source.skipped = t && is_skipped(start, state, t);
  return source;
}

static void find_sources(Start *start) {
  for (uint32_t i = 0; i < start->plan->n_states; i++) {
    Source *from = &start->sources[i];
    *from = find_source(start, i);
    if (!from->tensor) {
      start->kept += start->plan->states[i].kind != STATE_OPTIMISER;
    } else if (from->skipped) {
      start->skipped++;
    } else {
      *(from->pretrained ? &start->external : &start->own) += 1;
      misfits_note(&start->misfits, (Match){from->tensor, i});
    }
  }
}

/* ---- what does not fit ---- */

/* True when a GLOB made of the first `length` bytes of `name` and a star would leave out nothing
 * that fits. */
static bool leaves_fitting(const Start *s, const char *name, size_t length) {
  for (uint32_t i = 0; i < s->plan->n_states; i++) {
    const Source *from = &s->sources[i];
    if (!from->tensor || from->skipped || strncmp(from->tensor->name, name, length) != 0) continue;
    bool misfit = false;
    for (uint32_t k = 0; k < s->misfits.n && !misfit; k++)
      misfit = s->misfits.list[k].tensor == from->tensor;
    if (!misfit) return false;
  }
  return true;
}

/* Bytes that the names of all misfits share, up to a dot or slash. */
static size_t shared_prefix(const Misfits *m) {
  const char *first = m->list[0].tensor->name;
  size_t n = strlen(first);
  for (uint32_t i = 1; i < m->n; i++) {
    size_t k = 0;
    while (k < n && m->list[i].tensor->name[k] == first[k]) k++;
    n = k;
  }
  while (n && first[n - 1] != '.' && first[n - 1] != '/') n--;
  return n;
}

/* The options that leave out what does not fit. */
static void skip_options(const Start *s, char *text, size_t size) {
  const Misfits *m = &s->misfits;
  const char *name = m->list[0].tensor->name;
  size_t shared = m->n > 1 ? shared_prefix(m) : 0, used = 0;
  if (shared && leaves_fitting(s, name, shared)) {
    text_format(text, size, " --init-skip='%.*s*'", (int)shared, name);
    return;
  }
  *text = 0;
  for (uint32_t i = 0; i < m->n && i < 4; i++)
    used = text_append(text, size, used, " --init-skip='%s'", m->list[i].tensor->name);
  if (m->n > 4) text_append(text, size, used, " ...");
}

static Status check_fit(const Start *s) {
  if (!s->misfits.n) return STATUS_OK;
  char options[700], hint[900];
  skip_options(s, options, sizeof options);
  text_format(hint, sizeof hint,
              "for other people or sizes,%s leaves out what does not fit; or compile with the -D "
              "that the file was made with",
              options);
  return misfits_report(&s->misfits, hint, s->diag);
}

/* A few names met by chance, and many would without a prefix. */
static void warn_prefix(const Start *s) {
  const char *name;
  uint32_t n;
  if (s->options->prefix) return;
  int length = (int)names_prefix(s->plan, s->file, true, &name, &n);
  if (n > s->own + s->external + s->skipped)
    diag_warning(s->diag, s->options->path, NULL,
                 "%u of its names are known without '%.*s': --init-prefix=%.*s would take them", n,
                 length, name, length, name);
}

static void warn_globs(const Start *s) {
  for (uint32_t i = 0; i < s->options->n_skip; i++)
    if (!s->matched[i])
      diag_warning(s->diag, "--init-skip", NULL,
                   "nothing that would be taken from %s is named '%s'", s->options->path,
                   s->options->skip[i]);
}

static Status check_start(Start *s) {
  TRY(check_prefix(s));
  find_sources(s);
  warn_globs(s); /* a GLOB that meets nothing may be why the file does not fit */
  TRY(check_fit(s));
  if (!s->own && !s->external && !s->skipped)
    return names_report(s->plan, s->file, s->options->path, true, s->diag);
  warn_prefix(s);
  return STATUS_OK;
}

/* ---- noise ---- */

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

/* The site's name is never cut: two states would draw alike. */
static Status add_noise(const Tensor *t, const char *name, double share, uint64_t seed,
                        Diag *diag) {
  char *site;
  if (asprintf(&site, "noise:%s", name) < 0) return diag_no_memory(diag, strlen(name));
  uint64_t key = philox_site(site);
  free(site);
  int64_t n = shape_count(&t->shape);
  double spread = share * deviation(t, n);
  if (spread <= 0) return STATUS_OK;
  for (int64_t i = 0; i < n; i++)
    tensor_set(t, i, tensor_get(t, i) + spread * philox_normal(seed, 0, key, (uint64_t)i));
  return STATUS_OK;
}

/* ---- the report ---- */

static bool is_used(const Start *start, const FileTensor *t) {
  for (uint32_t i = 0; i < start->plan->n_states; i++)
    if (start->sources[i].tensor == t) return true;
  uint32_t state = plan_state_find(start->plan, short_name(start, t));
  return state != UINT32_MAX && start->plan->states[state].kind == STATE_OPTIMISER;
}

static void list_name(FILE *log, uint32_t *n, const char *title, const char *name) {
  fputs(*n ? ", " : title, log);
  text_print(name, log);
  *n += 1;
}

static void report_start(const Start *start, FILE *log) {
  const Plan *plan = start->plan;
  uint32_t n = 0;
  fprintf(log,
          "start from %s: %u states by their own names, %u from pretrained tensors, %u keep "
          "their initialiser\n",
          start->options->path, start->own, start->external, start->kept + start->skipped);
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (!start->sources[i].tensor && plan->states[i].kind != STATE_OPTIMISER)
      list_name(log, &n, "  not in the file: ", weights_state_name(plan, i));
  if (n) fputc('\n', log);
  n = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (start->sources[i].skipped)
      list_name(log, &n, "  left out by --init-skip: ", weights_state_name(plan, i));
  if (n) fputc('\n', log);
  n = 0;
  for (uint32_t i = 0; i < safe_count(start->file); i++)
    if (!is_used(start, safe_tensor(start->file, i)))
      list_name(log, &n, "  not in the model: ", safe_tensor(start->file, i)->name);
  if (n) fputc('\n', log);
}

/* ---- the start ---- */

static Status take_source(const Start *s, uint32_t state, const Tensor *t) {
  const Source *from = &s->sources[state];
  if (!from->tensor || from->skipped) return STATUS_OK;
  file_tensor_copy(t, from->tensor);
  double noise = s->plan->states[state].noise;
  if (!from->pretrained || noise <= 0) return STATUS_OK;
  return add_noise(t, weights_state_name(s->plan, state), noise, s->options->seed, s->diag);
}

Status weights_start(Executor *x, const SafeFile *file, const WeightsStart *options, Diag *diag) {
  const Plan *plan = executor_plan(x);
  size_t n = plan->n_states + 1u;
  Start start = {.plan = plan,
                 .file = file,
                 .options = options,
                 .sources = calloc(n, sizeof *start.sources),
                 .matched = calloc(options->n_skip + 1u, sizeof *start.matched),
                 .misfits = {plan, options->path, calloc(n, sizeof *start.misfits.list), 0},
                 .diag = diag};
  Status status = start.sources && start.matched && start.misfits.list
                      ? check_start(&start)
                      : diag_no_memory(diag, n * sizeof *start.sources);
  const Tensor *states = NULL;
  if (status == STATUS_OK) status = executor_states_read(x, &states, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_states; i++)
    status = take_source(&start, i, &states[i]);
  if (status == STATUS_OK) status = executor_states_write(x, diag);
  if (status == STATUS_OK && options->log) report_start(&start, options->log);
  free(start.sources);
  free(start.matched);
  free(start.misfits.list);
  return status;
}
