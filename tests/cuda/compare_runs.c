/* How far two training runs are apart: `compare_runs RUN WANT BOUND [OTHER FACTOR]`, folders of
 * `graphrun train`.  For tools/gpu-check.
 *
 * Two figures: of states, for each kind (parameters, momentum, ...) the length of the difference as
 * a part of the length of WANT's; of metrics, the largest difference of a number, as a part of the
 * number and 1e-3.  The larger must be within BOUND, or, with OTHER (the same run in f64, or with
 * rates that differ in their last places), within BOUND and FACTOR times what WANT itself is from
 * OTHER: rounding is not to hurt the one more than the other.  Exit codes: 0 within, 1 beyond, 2
 * cannot be compared. */
#include "runtime/execute/safetensors.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Apart {
  double states, metrics;
  char kind[64], key[64]; /* where */
} Apart;

/* ---- states ---- */

/* `momentum` of `momentum:layer/weight`; parameters and statistics have no kind. */
static size_t kind_length(const char *name) {
  const char *colon = strchr(name, ':');
  return colon ? (size_t)(colon - name) : 0;
}

static bool same_kind(const char *a, const char *b) {
  size_t n = kind_length(a);
  return n == kind_length(b) && strncmp(a, b, n) == 0;
}

/* Adds what tensor `a` is from `b`, squared, and `b`'s length; false when they are not alike. */
static bool add_tensor(const FileTensor *a, const FileTensor *b, double *apart, double *length) {
  if (!a || a->count != b->count) return false;
  for (int64_t i = 0; i < b->count; i++) {
    double x = file_tensor_get(a, i), y = file_tensor_get(b, i);
    if (x == y || (isnan(x) && isnan(y))) x = y = isfinite(y) ? y : 0;
    *apart += (x - y) * (x - y);
    *length += y * y;
  }
  return true;
}

static bool states_apart(const SafeFile *have, const SafeFile *want, Apart *out) {
  if (safe_count(have) != safe_count(want)) return false;
  for (uint32_t first = 0; first < safe_count(want); first++) {
    const char *kind = safe_tensor(want, first)->name;
    bool seen = false;
    double apart = 0, length = 0;
    for (uint32_t i = 0; i < first && !seen; i++)
      seen = same_kind(safe_tensor(want, i)->name, kind);
    for (uint32_t i = first; i < safe_count(want) && !seen; i++) {
      const FileTensor *t = safe_tensor(want, i);
      if (same_kind(t->name, kind) && !add_tensor(safe_find(have, t->name), t, &apart, &length))
        return false;
    }
    double part = apart > 0 ? sqrt(apart / length) : apart; /* a length of 0: infinitely far */
    if (seen || part <= out->states) continue;
    out->states = isnan(part) ? INFINITY : part;
    snprintf(out->kind, sizeof out->kind, "%.*s", (int)kind_length(kind), kind);
  }
  return true;
}

/* ---- metrics ---- */

static bool line_apart(json_t *have, json_t *want, Apart *out) {
  const char *key;
  json_t *b;
  json_object_foreach(want, key, b) {
    json_t *a = json_object_get(have, key);
    if (!a) return false;
    if (!json_is_number(b) || !json_is_number(a)) {
      if (!json_equal(a, b)) return false;
      continue;
    }
    double x = json_number_value(a), y = json_number_value(b);
    double part = fabs(x - y) / (fabs(y) + 1e-3);
    if (part <= out->metrics) continue;
    out->metrics = isnan(part) ? INFINITY : part;
    snprintf(out->key, sizeof out->key, "%s", key);
  }
  return true;
}

static bool metrics_apart(FILE *have, FILE *want, Apart *out) {
  char a[65536], b[65536];
  bool same = true;
  while (same && fgets(b, sizeof b, want)) {
    json_t *y = json_loads(b, 0, NULL), *x = NULL;
    same = y && fgets(a, sizeof a, have) && (x = json_loads(a, 0, NULL)) && line_apart(x, y, out);
    json_decref(x);
    json_decref(y);
  }
  return same && !fgets(a, sizeof a, have);
}

/* ---- runs ---- */

static bool apart(const char *have, const char *want, Apart *out) {
  char path[2][4096];
  SafeFile *a = NULL, *b = NULL;
  Diag *diag = diag_create();
  *out = (Apart){0};
  snprintf(path[0], sizeof path[0], "%s/checkpoint.safetensors", have);
  snprintf(path[1], sizeof path[1], "%s/checkpoint.safetensors", want);
  bool ok = safe_read(path[0], diag, &a) == STATUS_OK && safe_read(path[1], diag, &b) == STATUS_OK;
  if (!ok) diag_print(diag, stderr);
  ok = ok && states_apart(a, b, out);
  safe_close(a);
  safe_close(b);
  diag_destroy(diag);
  snprintf(path[0], sizeof path[0], "%s/metrics.jsonl", have);
  snprintf(path[1], sizeof path[1], "%s/metrics.jsonl", want);
  FILE *x = fopen(path[0], "r"), *y = fopen(path[1], "r");
  ok = ok && x && y && metrics_apart(x, y, out);
  if (x) fclose(x);
  if (y) fclose(y);
  if (!ok) fprintf(stderr, "compare_runs: %s and %s cannot be compared\n", have, want);
  return ok;
}

int main(int argc, char **argv) {
  Apart off, rounding = {0};
  if (argc < 4 || argc == 5 || argc > 6) {
    fprintf(stderr, "usage: compare_runs RUN WANT BOUND [OTHER FACTOR]\n");
    return 2;
  }
  if (!apart(argv[1], argv[2], &off)) return 2;
  if (argc > 4 && !apart(argv[2], argv[4], &rounding)) return 2;
  double bound = strtod(argv[3], NULL);
  double factor = argc > 5 ? strtod(argv[5], NULL) : 0;
  double states = bound + factor * rounding.states, metrics = bound + factor * rounding.metrics;
  bool within = off.states <= states && off.metrics <= metrics;
  printf("states %.2g (%s) of %.2g, metrics %.2g (%s) of %.2g\n", off.states,
         off.kind[0] ? off.kind : "parameters", states, off.metrics, off.key[0] ? off.key : "none",
         metrics);
  return within ? 0 : 1;
}
