/* Reads a run's files line by line, and on from where it stopped when a run goes on. */
#include "runtime/report/record.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCORE "eval/"
#define STEP_MAX ((int64_t)1 << 53) /* as JSON's numbers */

/* ---- texts ---- */

static Status texts_add(RecordText **list, uint32_t *n, const char *key, size_t length,
                        const char *value, Diag *diag) {
  RecordText *grown = realloc(*list, (*n + 1u) * sizeof *grown);
  if (!grown) return diag_no_memory(diag, (*n + 1u) * sizeof *grown);
  *list = grown;
  grown[*n] = (RecordText){strndup(key, length), strdup(value)};
  (*n)++;
  return grown[*n - 1].key && grown[*n - 1].value ? STATUS_OK : diag_no_memory(diag, length);
}

static void texts_free(RecordText *list, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    free(list[i].key);
    free(list[i].value);
  }
  free(list);
}

static Status take_config_line(Record *r, char *line, Diag *diag) {
  line[strcspn(line, "\n")] = 0;
  if (*line == '#') {
    char *key = line + 1 + strspn(line + 1, " "), *colon = strstr(key, ": ");
    return colon ? texts_add(&r->facts, &r->n_facts, key, (size_t)(colon - key), colon + 2, diag)
                 : STATUS_OK;
  }
  char *equals = strchr(line, '=');
  if (!equals || equals == line) return STATUS_OK;
  return texts_add(&r->params, &r->n_params, line, (size_t)(equals - line), equals + 1, diag);
}

static Status read_config(Record *r, Diag *diag) {
  char path[PATH_MAX], *line = NULL;
  size_t size = 0;
  snprintf(path, sizeof path, "%s/config.defs", r->folder);
  FILE *in = fopen(path, "re");
  Status status = STATUS_OK;
  while (in && status == STATUS_OK && getline(&line, &size, in) > 0)
    status = take_config_line(r, line, diag);
  free(line);
  if (in) fclose(in);
  return status; /* a run of before has none */
}

Status record_open(const char *folder, Diag *diag, Record **out) {
  *out = NULL;
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
  if (access(path, R_OK) != 0)
    return diag_error(diag, STATUS_INVALID, path,
                      "a run is a folder that graphrun train --out wrote", "cannot read: %s",
                      strerror(errno));
  Record *r = calloc(1, sizeof *r);
  if (!r) return diag_no_memory(diag, sizeof *r);
  r->folder = strdup(folder);
  Status status = r->folder ? read_config(r, diag) : diag_no_memory(diag, strlen(folder));
  if (status != STATUS_OK) {
    record_close(r);
    return status;
  }
  *out = r;
  return STATUS_OK;
}

void record_close(Record *r) {
  if (!r) return;
  texts_free(r->facts, r->n_facts);
  texts_free(r->params, r->n_params);
  for (uint32_t i = 0; i < r->n_metrics; i++) series_destroy(r->metrics[i]);
  for (uint32_t i = 0; i < r->n_times; i++) series_destroy(r->times[i]);
  for (uint32_t i = 0; i < r->n_score_keys; i++) free(r->score_keys[i]);
  free(r->metrics);
  free(r->times);
  free(r->score_keys);
  free(r->scores);
  free(r->clock);
  free(r->damage);
  free(r->folder);
  free(r);
}

/* ---- lines ---- */

/* Keys come in the same order in most lines: the search begins behind the last one found. */
static Series *find_series(Record *r, Series ***list, uint32_t *n, uint32_t *hint,
                           const char *name) {
  for (uint32_t i = 0; i < *n; i++) {
    uint32_t at = (*hint + i) % *n;
    if (strcmp((*list)[at]->name, name) != 0) continue;
    *hint = at + 1;
    return (*list)[at];
  }
  if (*n >= RECORD_SERIES_MAX) {
    r->n_left_out++;
    return NULL;
  }
  Series **grown = realloc(*list, (*n + 1u) * sizeof *grown);
  if (!grown) return NULL;
  *list = grown;
  grown[*n] = series_create(name);
  return grown[*n] ? grown[(*n)++] : NULL;
}

static Status take_score(Record *r, int64_t steps, const char *key, double value, Diag *diag) {
  uint32_t k = 0;
  while (k < r->n_score_keys && strcmp(r->score_keys[k], key) != 0) k++;
  if (k == r->n_score_keys) {
    char **keys = realloc(r->score_keys, (k + 1u) * sizeof *keys);
    if (!keys) return diag_no_memory(diag, (k + 1u) * sizeof *keys);
    r->score_keys = keys;
    if (!(keys[k] = strdup(key))) return diag_no_memory(diag, strlen(key));
    r->n_score_keys++;
  }
  if ((r->n_scores & (r->n_scores - 1)) == 0) {
    size_t room = r->n_scores ? 2 * (size_t)r->n_scores : 1;
    RecordScore *scores = realloc(r->scores, room * sizeof *scores);
    if (!scores) return diag_no_memory(diag, room * sizeof *scores);
    r->scores = scores;
  }
  r->scores[r->n_scores++] = (RecordScore){steps, k, value};
  return STATUS_OK;
}

static double number_of(const json_t *value) {
  return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static Status take_metrics(Record *r, int64_t step, json_t *line, Diag *diag) {
  const char *key;
  json_t *value;
  uint32_t hint = 0;
  if (step >= r->steps) r->steps = step + 1;
  json_object_foreach(line, key, value) {
    if (strcmp(key, "step") == 0 || (!json_is_number(value) && !json_is_null(value))) continue;
    if (strncmp(key, SCORE, strlen(SCORE)) == 0)
      TRY(take_score(r, step + 1, key, number_of(value), diag));
    Series *s = find_series(r, &r->metrics, &r->n_metrics, &hint, key);
    if (s) series_add(s, step, number_of(value));
  }
  return STATUS_OK;
}

static Status note_clock(Record *r, int64_t step, json_t *line, Diag *diag) {
  r->seconds += json_number_value(json_object_get(line, "seconds")) +
                json_number_value(json_object_get(line, "eval_seconds"));
  if (!r->n_clock) r->clock_first = step;
  if (step != r->clock_first + r->n_clock) return STATUS_OK;
  if ((r->n_clock & (r->n_clock - 1)) == 0) {
    size_t room = r->n_clock ? 2 * (size_t)r->n_clock : 1;
    double *clock = realloc(r->clock, room * sizeof *clock);
    if (!clock) return diag_no_memory(diag, room * sizeof *clock);
    r->clock = clock;
  }
  r->clock[r->n_clock++] = r->seconds;
  return STATUS_OK;
}

static Status take_times(Record *r, int64_t step, json_t *line, Diag *diag) {
  const char *key;
  json_t *value;
  uint32_t hint = 0;
  TRY(note_clock(r, step, line, diag));
  json_object_foreach(line, key, value) {
    if (strcmp(key, "step") == 0 || !json_is_number(value)) continue;
    Series *s = find_series(r, &r->times, &r->n_times, &hint, key);
    if (s) series_add(s, step, json_number_value(value));
  }
  return STATUS_OK;
}

static double seconds_at(const Record *r, int64_t step) {
  int64_t i = step - r->clock_first;
  return i >= 0 && i < r->n_clock ? r->clock[i] : (double)NAN;
}

static const char *name_of(bool times) {
  return times ? "times.jsonl" : "metrics.jsonl";
}

static Status note_damage(Record *r, bool times, Diag *diag) {
  if (r->damaged++ == 0 &&
      asprintf(&r->damage, "%s:%" PRId64, name_of(times), r->at[times].lines) < 0) {
    r->damage = NULL;
    return diag_no_memory(diag, 64);
  }
  return STATUS_OK;
}

static Status take_line(Record *r, const char *text, size_t length, bool times, RecordReader reader,
                        void *context, Diag *diag) {
  json_t *line = json_loadb(text, length, 0, NULL);
  const json_t *step = json_object_get(line, "step");
  int64_t at = json_is_integer(step) ? json_integer_value(step) : -1;
  Status status = STATUS_OK;
  if (at > STEP_MAX) at = -1;
  if (at < 0)
    status = note_damage(r, times, diag);
  else
    status = times ? take_times(r, at, line, diag) : take_metrics(r, at, line, diag);
  if (at >= 0 && reader) reader(context, at, seconds_at(r, at), line, times);
  json_decref(line);
  return status;
}

static Status read_lines(Record *r, bool times, RecordReader reader, void *context, Diag *diag) {
  char path[PATH_MAX], *line = NULL;
  size_t size = 0;
  Status status = STATUS_OK;
  snprintf(path, sizeof path, "%s/%s", r->folder, name_of(times));
  FILE *in = fopen(path, "re");
  if (!in && times) return STATUS_OK; /* nothing but curves lacks */
  if (!in) return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot read: %s", strerror(errno));
  if (fseeko(in, r->at[times].bytes, SEEK_SET) != 0) status = STATUS_SYSTEM;
  for (ssize_t length; status == STATUS_OK && (length = getline(&line, &size, in)) > 0;) {
    if (line[length - 1] != '\n') break; /* the rest comes */
    r->at[times].bytes += length;
    r->at[times].lines++;
    status = take_line(r, line, (size_t)length, times, reader, context, diag);
  }
  if (status == STATUS_OK && ferror(in)) /* a folder opens, and says so only here */
    status = diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot read: %s", strerror(errno));
  free(line);
  fclose(in);
  return status;
}

Status record_update(Record *r, RecordReader reader, void *context, Diag *diag) {
  r->n_clock = 0;
  TRY(read_lines(r, true, reader, context, diag));
  return read_lines(r, false, reader, context, diag);
}

/* ---- asking ---- */

static const char *texts_find(const RecordText *list, uint32_t n, const char *key) {
  for (uint32_t i = 0; i < n; i++)
    if (strcmp(list[i].key, key) == 0) return list[i].value;
  return NULL;
}

const char *record_fact(const Record *r, const char *key) {
  return texts_find(r->facts, r->n_facts, key);
}

const char *record_param(const Record *r, const char *name) {
  return texts_find(r->params, r->n_params, name);
}

const Series *record_metric(const Record *r, const char *name) {
  for (uint32_t i = 0; i < r->n_metrics; i++)
    if (strcmp(r->metrics[i]->name, name) == 0) return r->metrics[i];
  return NULL;
}

const Series *record_time(const Record *r, const char *name) {
  for (uint32_t i = 0; i < r->n_times; i++)
    if (strcmp(r->times[i]->name, name) == 0) return r->times[i];
  return NULL;
}

bool record_is_schedule(const Record *r, const char *name) {
  const char *list = record_fact(r, "schedules");
  size_t n = strlen(name);
  for (const char *at = list; at && *at; at += strcspn(at, " "), at += *at == ' ')
    if (strncmp(at, name, n) == 0 && (at[n] == ' ' || !at[n])) return true;
  return false;
}

bool record_score(const Record *r, const char *key, RecordScore *latest, RecordScore *best) {
  bool found = false;
  *latest = *best = (RecordScore){0, 0, NAN};
  for (uint32_t i = 0; i < r->n_scores; i++) {
    if (strcmp(r->score_keys[r->scores[i].key], key) != 0) continue;
    *latest = r->scores[i];
    if (!found || !(r->scores[i].value <= best->value)) *best = r->scores[i];
    found = true;
  }
  return found;
}
