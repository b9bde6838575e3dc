/* `train --init`: states from a file of another model or a public checkpoint. */
#include "graph/base/philox.h"
#include "graph/base/text.h"
#include "runtime/execute/weights_source.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- names ---- */

static Status check_prefix(const Start *s) {
  const char *prefix = s->options->prefix;
  uint32_t n = 0;
  for (uint32_t i = 0; prefix && i < safe_count(s->names.file); i++) {
    const FileTensor *t = safe_tensor(s->names.file, i);
    const char *name = names_short(&s->names, t);
    n += name != t->name;
    if (name == t->name || !safe_find(s->names.file, name)) continue;
    return file_tensor_error(s->options->path, t->name, s->diag,
                             "without --init-prefix the second is taken",
                             "without '%s' it is '%s', which the file has as well", prefix, name);
  }
  if (!prefix || n) return STATUS_OK;
  char hint[600] = "the file has no tensors";
  if (safe_count(s->names.file))
    text_format(hint, sizeof hint, "its first name is '%s'", safe_tensor(s->names.file, 0)->name);
  return diag_error(s->diag, STATUS_INVALID, "--init-prefix", hint,
                    "no name in %s begins with '%s'", s->options->path, prefix);
}

static bool is_skipped(const Start *s, uint32_t state, const FileTensor *t) {
  bool skipped = false;
  for (uint32_t i = 0; i < s->options->n_skip; i++) {
    const char *glob = s->options->skip[i];
    if (fnmatch(glob, weights_state_name(s->plan, state), 0) != 0 &&
        fnmatch(glob, t->name, 0) != 0 && fnmatch(glob, names_short(&s->names, t), 0) != 0)
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
    const FileTensor *t = names_find(&start->names, plan_text(start->plan, s->name));
    if (t) return t;
  }
  return NULL;
}

static Source find_source(const Start *start, uint32_t state) {
  const State *s = &start->plan->states[state];
  if (s->kind == STATE_OPTIMISER) return (Source){0};
  const FileTensor *t = names_find(&start->names, weights_state_name(start->plan, state));
  Source source = {.tensor = t};
  if (!t && s->external) {
    t = names_find(&start->names, plan_text(start->plan, s->external));
    source.relative = !t;
    if (!t) t = find_relative(start, s->external);
    source.tensor = t;
    source.pretrained = t != NULL;
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
  if (s->names.length) return;
  int length = (int)names_prefix(s->plan, s->names.file, NAMES_INIT, &name, &n);
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

/* A model takes a part only of what it declares as pretrained: perhaps the file is of another form
 * of the network, and training would begin from what is left. */
static void warn_lacking(const Start *s) {
  uint32_t n = 0, first = 0;
  for (uint32_t i = 0; i < s->plan->n_states && s->external; i++) {
    const State *state = &s->plan->states[i];
    if (!state->external || s->sources[i].tensor || state->kind == STATE_OPTIMISER) continue;
    if (!n++) first = i;
  }
  if (!n) return;
  char who[300];
  if (n == 1)
    text_format(who, sizeof who, ": state '%s' keeps its", weights_state_name(s->plan, first));
  else
    text_format(who, sizeof who, ", and others: %u states keep their", n);
  diag_warning(s->diag, s->options->path,
               "does the model have another form of the network than the file? `graphc MODEL "
               "--params` lists what can be chosen",
               "lacks '%s', a pretrained tensor of the model%s initialiser",
               plan_text(s->plan, s->plan->states[first].external), who);
}

static Status check_start(Start *s) {
  TRY(check_prefix(s));
  find_sources(s);
  warn_globs(s); /* a GLOB that meets nothing may be why the file does not fit */
  TRY(check_fit(s));
  if (!s->own && !s->external && !s->skipped)
    return names_report(s->plan, s->names.file, s->options->path, NAMES_INIT, s->diag);
  warn_prefix(s);
  warn_lacking(s);
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

/* ---- the start ---- */

static Status take_source(const Start *s, uint32_t state, const Tensor *t) {
  const Source *from = &s->sources[state];
  if (!from->tensor || from->skipped) return STATUS_OK;
  file_tensor_copy(t, from->tensor);
  double noise = s->plan->states[state].noise;
  if (!from->pretrained || noise <= 0) return STATUS_OK;
  return add_noise(t, weights_state_name(s->plan, state), noise, s->options->seed, s->diag);
}

static Status start_open(Start *s, const Plan *plan, const SafeFile *file,
                         const WeightsStart *options, Diag *diag) {
  size_t n = plan->n_states + 1u;
  *s = (Start){.plan = plan,
               .names = {file, options->prefix, options->prefix ? strlen(options->prefix) : 0},
               .options = options,
               .sources = calloc(n, sizeof *s->sources),
               .matched = calloc(options->n_skip + 1u, sizeof *s->matched),
               .misfits = {plan, options->path, calloc(n, sizeof *s->misfits.list), 0},
               .diag = diag};
  if (!s->sources || !s->matched || !s->misfits.list)
    return diag_no_memory(diag, n * sizeof *s->sources);
  if (!options->prefix) names_unwrap(&s->names, plan);
  return check_start(s);
}

static void start_close(Start *s, Status status, const Tensor *states) {
  if (status == STATUS_OK && s->options->log) weights_report_log(s, s->options->log);
  if (status == STATUS_OK && s->options->table) weights_report_table(s, states, s->options->table);
  free(s->sources);
  free(s->matched);
  free(s->misfits.list);
}

Status weights_start(Executor *x, const SafeFile *file, const WeightsStart *options, Diag *diag) {
  Start start;
  const Tensor *states = NULL;
  const Plan *plan = executor_plan(x);
  Status status = start_open(&start, plan, file, options, diag);
  if (status == STATUS_OK) status = executor_states_read(x, &states, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_states; i++)
    status = take_source(&start, i, &states[i]);
  if (status == STATUS_OK) status = executor_states_write(x, diag);
  start_close(&start, status, states);
  return status;
}

Status weights_start_preview(const Plan *plan, const SafeFile *file, const WeightsStart *options,
                             Diag *diag) {
  Start start;
  Status status = start_open(&start, plan, file, options, diag);
  start_close(&start, status, NULL);
  return status;
}
