/* `graphrun compare`: reads the runs, finds what differs, prints a table. */
#include "runtime/report/compare.h"

#include "graph/base/text.h"
#include "runtime/report/chart.h"
#include "runtime/report/compare_parts.h"
#include "runtime/report/page.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMN 22 /* of a run's values */
#define NAME 26

/* ---- names ---- */

static uint32_t count_names(const Record *r, NameKind kind) {
  return kind == NAMES_FACTS     ? r->n_facts
         : kind == NAMES_PARAMS  ? r->n_params
         : kind == NAMES_METRICS ? r->n_metrics
                                 : r->n_score_keys;
}

static const char *name_of(const Record *r, NameKind kind, uint32_t i) {
  return kind == NAMES_FACTS     ? r->facts[i].key
         : kind == NAMES_PARAMS  ? r->params[i].key
         : kind == NAMES_METRICS ? r->metrics[i]->name
                                 : r->score_keys[i];
}

/* The two commands repeat what stands in lines of their own. */
static bool is_left_out(NameKind kind, const char *name) {
  if (kind == NAMES_METRICS) return strncmp(name, "eval/", 5) == 0;
  return kind == NAMES_FACTS && (strcmp(name, "compile") == 0 || strcmp(name, "train") == 0);
}

bool compare_names(const Comparison *c, NameKind kind, NameList *out) {
  size_t most = 0;
  for (uint32_t r = 0; r < c->n; r++) most += count_names(c->records[r], kind);
  *out = (NameList){calloc(most + 1, sizeof *out->at), 0};
  if (!out->at) return false;
  for (uint32_t r = 0; r < c->n; r++)
    for (uint32_t i = 0; i < count_names(c->records[r], kind); i++) {
      const char *name = name_of(c->records[r], kind, i);
      uint32_t k = 0;
      while (k < out->n && strcmp(out->at[k], name) != 0) k++;
      if (k == out->n && !is_left_out(kind, name)) out->at[out->n++] = name;
    }
  return true;
}

const char *compare_text(const Record *r, NameKind kind, const char *name) {
  return kind == NAMES_FACTS ? record_fact(r, name) : record_param(r, name);
}

bool compare_differs(const Comparison *c, NameKind kind, const char *name) {
  const char *first = compare_text(c->records[0], kind, name);
  for (uint32_t r = 1; r < c->n; r++) {
    const char *other = compare_text(c->records[r], kind, name);
    if (!first != !other || (first && strcmp(first, other) != 0)) return true;
  }
  return false;
}

void compare_score_label(const char *key, char *text, size_t size) {
  const char *name = key + strlen("eval/");
  text_format(text, size, "%s%s", strchr(name, '/') ? "" : "mean ", name);
}

double compare_speed(const Record *r) {
  const Series *seconds = record_time(r, "seconds");
  const char *images = record_fact(r, "images a step");
  double each = images ? strtod(images, NULL) : 1;
  return seconds ? each / series_recent(seconds) : (double)NAN;
}

/* ---- the table ---- */

/* The last of a line has no blanks behind it. */
static void put_cell(const char *text, int width, bool last) {
  char cut[200];
  text_format(cut, (size_t)width < sizeof cut ? (size_t)width : sizeof cut, "%s", text);
  text_print(cut, stdout);
  size_t shown = 0;
  for (const char *at = cut; *at; at++) shown += ((unsigned char)*at & 0xc0) != 0x80;
  if (last)
    putchar('\n');
  else
    printf("%*s", shown < (size_t)width ? (int)((size_t)width - shown) : 1, "");
}

static void put_texts(const Comparison *c, NameKind kind) {
  NameList names;
  if (!compare_names(c, kind, &names)) return;
  for (uint32_t i = 0; i < names.n; i++) {
    if (!compare_differs(c, kind, names.at[i])) continue;
    put_cell(names.at[i], NAME, false);
    for (uint32_t r = 0; r < c->n; r++) {
      const char *text = compare_text(c->records[r], kind, names.at[i]);
      put_cell(text ? text : "-", COLUMN, r + 1 == c->n);
    }
  }
  free(names.at);
}

static void put_scores(const Comparison *c) {
  NameList names;
  char text[80], label[200];
  if (!compare_names(c, NAMES_SCORES, &names)) return;
  if (names.n) puts("\nevaluation: the latest (the highest, and after which step)");
  for (uint32_t i = 0; i < names.n; i++) {
    compare_score_label(names.at[i], label, sizeof label);
    put_cell(label, NAME, false);
    for (uint32_t r = 0; r < c->n; r++) {
      RecordScore latest, best;
      bool there = record_score(c->records[r], names.at[i], &latest, &best);
      snprintf(text, sizeof text, "%.2f %% (%.2f, %" PRId64 ")", 100 * latest.value,
               100 * best.value, best.steps);
      put_cell(!there ? "-" : isnan(latest.value) ? "not finite" : text, COLUMN, r + 1 == c->n);
    }
  }
  free(names.at);
}

static void put_values(const Comparison *c) {
  NameList names;
  char text[32];
  if (!compare_names(c, NAMES_METRICS, &names)) return;
  printf("\nvalues: means of the last %d steps\n", SERIES_RECENT);
  for (uint32_t i = 0; i < names.n; i++) {
    put_cell(names.at[i], NAME, false);
    for (uint32_t r = 0; r < c->n; r++) {
      const Series *s = record_metric(c->records[r], names.at[i]);
      put_cell(s ? chart_number(series_recent(s), text) : "-", COLUMN, r + 1 == c->n);
    }
  }
  put_cell("images/s (or steps/s)", NAME, false);
  for (uint32_t r = 0; r < c->n; r++) {
    double speed = compare_speed(c->records[r]);
    put_cell(isnan(speed) ? "-" : chart_number(speed, text), COLUMN, r + 1 == c->n);
  }
  free(names.at);
}

static void put_table(const Comparison *c) {
  char text[32];
  put_cell("run", NAME, false);
  for (uint32_t r = 0; r < c->n; r++) put_cell(c->labels[r], COLUMN, r + 1 == c->n);
  put_cell("steps done", NAME, false);
  for (uint32_t r = 0; r < c->n; r++) {
    snprintf(text, sizeof text, "%" PRId64, c->records[r]->steps);
    put_cell(text, COLUMN, r + 1 == c->n);
  }
  puts("\nconfiguration: what differs");
  put_texts(c, NAMES_FACTS);
  put_texts(c, NAMES_PARAMS);
  put_scores(c);
  put_values(c);
}

/* ---- the command ---- */

/* Without the folders that all have in common. */
static Status make_labels(Comparison *c, const char *const *runs, Diag *diag) {
  size_t common = 0;
  for (size_t i = 0; c->n > 1 && runs[0][i]; i++) {
    bool same = true;
    for (uint32_t r = 1; r < c->n; r++) same &= runs[r][i] == runs[0][i];
    if (!same) break;
    if (runs[0][i] == '/') common = i + 1;
  }
  for (uint32_t r = 0; r < c->n; r++) {
    c->labels[r] = strdup(runs[r] + common);
    if (!c->labels[r]) return diag_no_memory(diag, strlen(runs[r]));
    size_t n = strlen(c->labels[r]);
    while (n > 1 && c->labels[r][n - 1] == '/') c->labels[r][--n] = 0;
  }
  return STATUS_OK;
}

static void warn_damage(const Record *record, Diag *diag) {
  char place[PATH_MAX + 64];
  snprintf(place, sizeof place, "%s/%s", record->folder, record->damage);
  if (record->damaged == 1)
    diag_warning(diag, place, NULL, "is no line of a step, and is left out");
  else
    diag_warning(diag, place, NULL,
                 "is no line of a step; with %" PRId64 " further ones it is left out",
                 record->damaged - 1);
}

static Status read_all(Comparison *c, const CompareOptions *o, Diag *diag) {
  Status status = STATUS_OK;
  c->records = calloc(o->n + 1u, sizeof *c->records);
  c->labels = calloc(o->n + 1u, sizeof *c->labels);
  if (!c->records || !c->labels) return diag_no_memory(diag, o->n * sizeof *c->labels);
  c->n = o->n;
  TRY(make_labels(c, o->runs, diag));
  for (uint32_t r = 0; r < o->n; r++) { /* all that are none are named */
    Status own = record_open(o->runs[r], diag, &c->records[r]);
    if (own == STATUS_OK) own = record_update(c->records[r], NULL, NULL, diag);
    if (own == STATUS_OK && c->records[r]->damaged) warn_damage(c->records[r], diag);
    if (own == STATUS_OK && !c->records[r]->n_params && !c->records[r]->n_facts)
      diag_warning(diag, o->runs[r], NULL,
                   "has no configuration (config.defs): it is not compared with the others'");
    if (status == STATUS_OK) status = own;
  }
  return status;
}

static Status write_out(const Comparison *c, const char *path, Diag *diag) {
  char *text = NULL, *json = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  if (!out) return diag_no_memory(diag, 1 << 16);
  if (text_ends_in(path, ".json")) {
    json = compare_json(c);
    fprintf(out, "%s\n", json ? json : "");
  } else {
    compare_put_page(out, c);
  }
  Status status = page_replace(path, out, &text, &size, diag);
  if (text_ends_in(path, ".json") && !json) status = diag_no_memory(diag, 1 << 16);
  free(json);
  return status;
}

static Status print(const Comparison *c, bool as_json, Diag *diag) {
  if (!as_json) {
    put_table(c);
    return STATUS_OK;
  }
  char *json = compare_json(c);
  if (!json) return diag_no_memory(diag, 1 << 16);
  puts(json);
  free(json);
  return STATUS_OK;
}

Status compare_run(const CompareOptions *o, Diag *diag) {
  Comparison c = {0};
  if (o->out && !text_ends_in(o->out, ".html") && !text_ends_in(o->out, ".json"))
    return diag_error(diag, STATUS_USAGE, "--out", "F.html is a page, F.json is JSON",
                      "the name '%s' does not tell what it shall be", o->out);
  Status status = read_all(&c, o, diag);
  if (status == STATUS_OK) status = print(&c, o->json, diag);
  if (status == STATUS_OK && o->out) status = write_out(&c, o->out, diag);
  for (uint32_t r = 0; r < c.n; r++) {
    record_close(c.records[r]);
    free(c.labels[r]);
  }
  free(c.records);
  free(c.labels);
  return status;
}
