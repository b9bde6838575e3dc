/* Names and tensors of a file beside those of a plan. */
#include "runtime/execute/weights_match.h"

#include "graph/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 3 /* names of each side in a message */

/* ---- one tensor ---- */

/* Index of the first element that is infinite, no number, or beyond the state's range; -1: none. */
static int64_t first_not_finite(const FileTensor *t, DType dtype) {
  if (!dtype_is_float(dtype)) return -1;
  for (int64_t i = 0; i < t->count; i++) {
    double value = file_tensor_get(t, i);
    if (!isfinite(dtype_round(dtype, value))) return i;
  }
  return -1;
}

/* A training writes no such values: what holds one was broken elsewhere, and would spoil silently
 * whatever is computed from it. */
Status match_check(const Plan *plan, const char *path, Match m, const char *hint, Diag *diag) {
  const State *s = &plan->states[m.state];
  const char *name = weights_state_name(plan, m.state);
  bool other = strcmp(m.tensor->name, name) != 0;
  TRY(file_tensor_check(m.tensor, path, (DType)s->dtype, &s->shape, other ? name : NULL, hint,
                        diag));
  int64_t at = first_not_finite(m.tensor, (DType)s->dtype);
  if (at < 0) return STATUS_OK;
  return file_tensor_error(path, m.tensor->name, diag, NULL,
                           "element %" PRId64 " is %g, no finite %s", at,
                           file_tensor_get(m.tensor, at), dtype_name((DType)s->dtype));
}

void misfits_note(Misfits *m, Match match) {
  if (match_check(m->plan, m->path, match, NULL, NULL) != STATUS_OK) m->list[m->n++] = match;
}

Status misfits_report(const Misfits *m, const char *hint, Diag *diag) {
  if (!m->n) return STATUS_OK;
  Diag *one = m->n > 1 ? diag_create() : NULL;
  if (!one) return match_check(m->plan, m->path, m->list[0], hint, diag);
  Status status = match_check(m->plan, m->path, m->list[0], hint, one);
  const DiagEntry *e = diag_entry(one, 0);
  diag_error(diag, status, e->place, e->hint, "%s; %u other tensor%s do%s not fit either", e->text,
             m->n - 1, m->n > 2 ? "s" : "", m->n > 2 ? "" : "es");
  diag_destroy(one);
  return status;
}

/* ---- names that the model knows ---- */

typedef struct Known {
  const char **names; /* sorted */
  uint32_t n;
} Known;

static int by_text(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* False when out of memory. */
static bool known_init(Known *k, const Plan *plan, NamesUse use) {
  *k = (Known){.names = calloc(2 * (size_t)plan->n_states + 1, sizeof *k->names)};
  if (!k->names) return false;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (use == NAMES_INIT && s->kind == STATE_OPTIMISER) continue;
    k->names[k->n++] = weights_state_name(plan, i);
    if (use != NAMES_ALL && s->external) k->names[k->n++] = plan_text(plan, s->external);
  }
  qsort(k->names, k->n, sizeof *k->names, by_text);
  return true;
}

static bool knows(const Known *k, const char *name) {
  return bsearch(&name, k->names, k->n, sizeof *k->names, by_text) != NULL;
}

/* ---- a prefix of the file's names ---- */

typedef struct Prefix {
  const char *name; /* one that begins with it */
  size_t length;
  uint32_t n; /* names that are known without it */
} Prefix;

#define PREFIXES_MAX 32

static void count_prefix(Prefix *list, uint32_t *n, const char *name, size_t length) {
  uint32_t i = 0;
  while (i < *n && (list[i].length != length || strncmp(list[i].name, name, length) != 0)) i++;
  if (i == PREFIXES_MAX) return;
  if (i == *n) list[(*n)++] = (Prefix){name, length, 0};
  list[i].n++;
}

static Prefix find_prefix(const Known *known, const SafeFile *file) {
  Prefix list[PREFIXES_MAX], best = {0};
  uint32_t n = 0;
  for (uint32_t i = 0; i < safe_count(file); i++) {
    const char *name = safe_tensor(file, i)->name;
    for (size_t at = 0; name[at]; at++)
      if ((name[at] == '.' || name[at] == '/') && knows(known, name + at + 1))
        count_prefix(list, &n, name, at + 1);
  }
  for (uint32_t i = 0; i < n; i++)
    if (list[i].n > best.n) best = list[i];
  return best;
}

size_t names_prefix(const Plan *plan, const SafeFile *file, NamesUse use, const char **out_name,
                    uint32_t *out_n) {
  Known known;
  Prefix found = known_init(&known, plan, use) ? find_prefix(&known, file) : (Prefix){0};
  free(known.names);
  *out_name = found.name;
  *out_n = found.n;
  return found.length;
}

/* ---- looking up ---- */

const FileTensor *names_find(const Names *names, const char *name) {
  char *long_name = NULL;
  const FileTensor *t = NULL;
  if (names->length &&
      asprintf(&long_name, "%.*s%s", (int)names->length, names->prefix, name) >= 0) {
    t = safe_find(names->file, long_name);
    free(long_name);
  }
  return t ? t : safe_find(names->file, name);
}

const char *names_short(const Names *names, const FileTensor *t) {
  bool begins = strncmp(t->name, names->length ? names->prefix : "", names->length) == 0;
  return begins ? t->name + names->length : t->name;
}

void names_unwrap(Names *names, const Plan *plan) {
  Known known;
  uint32_t n = 0;
  if (!safe_note(names->file)) return; /* whoever wrote safetensors chose the names */
  if (!known_init(&known, plan, NAMES_INIT)) return;
  for (uint32_t i = 0; i < safe_count(names->file); i++)
    n += knows(&known, safe_tensor(names->file, i)->name);
  Prefix found = n ? (Prefix){0} : find_prefix(&known, names->file);
  names->prefix = found.name;
  names->length = found.length;
  free(known.names);
}

/* ---- nothing meets ---- */

static bool all_begin(const SafeFile *file, const char *prefix, size_t length) {
  for (uint32_t i = 0; i < safe_count(file); i++)
    if (strncmp(safe_tensor(file, i)->name, prefix, length) != 0) return false;
  return true;
}

static void list_file(const SafeFile *file, char *text, size_t size) {
  uint32_t n = safe_count(file), shown = n < SHOWN ? n : SHOWN;
  size_t used = text_format(text, size, n ? "" : "nothing");
  for (uint32_t i = 0; i < shown; i++)
    used = text_append(text, size, used, "%s'%s'", i ? ", " : "", safe_tensor(file, i)->name);
  if (shown < n) text_append(text, size, used, " and %u more", n - shown);
}

/* What the model would take: external names where they count, since a stranger's file has these. */
static void list_plan(const Plan *plan, NamesUse use, char *text, size_t size) {
  uint32_t n = 0;
  size_t used = text_format(text, size, "%s", "");
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (use == NAMES_INIT && s->kind == STATE_OPTIMISER) continue;
    if (n++ >= SHOWN) continue;
    used = text_append(text, size, used, "%s'%s'", n > 1 ? ", " : "", weights_state_name(plan, i));
    if (use != NAMES_ALL && s->external)
      used = text_append(text, size, used, " (or '%s')", plan_text(plan, s->external));
  }
  if (n > SHOWN) text_append(text, size, used, " and %u more", n - SHOWN);
}

Status names_report(const Plan *plan, const SafeFile *file, const char *path, NamesUse use,
                    Diag *diag) {
  bool init = use == NAMES_INIT;
  char theirs[1200], ours[1200], hint[1024];
  const char *name;
  uint32_t n;
  int length = (int)names_prefix(plan, file, use, &name, &n);
  size_t used = 0;
  list_file(file, theirs, sizeof theirs);
  list_plan(plan, use, ours, sizeof ours);
  if (length && all_begin(file, name, (size_t)length))
    used = text_format(hint, sizeof hint, "all its names begin with '%.*s'", length, name);
  else if (length)
    used = text_format(hint, sizeof hint, "%u of its names %s known without '%.*s'", n,
                       n == 1 ? "is" : "are", length, name);
  if (length && init)
    text_append(hint, sizeof hint, used, ": --init-prefix=%.*s takes them without it", length,
                name);
  else if (length)
    text_append(hint, sizeof hint, used, ": write it with names that lack it");
  else
    text_format(hint, sizeof hint,
                init
                    ? "names are the model's own or those it declares as `external`"
                    : "is it from another model, or a public checkpoint? `graphrun train --init=F` "
                      "takes what fits");
  return diag_error(diag, STATUS_INVALID, path, hint,
                    "has no %s of a name that the %s knows: it has %s; the model has %s",
                    init ? "parameter" : "tensor", init ? "model" : "plan", theirs, ours);
}
