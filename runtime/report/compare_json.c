/* A comparison as JSON: the runs as they are, then what differs. */
#include "runtime/report/compare_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Texts that are no UTF-8 have U+FFFD for what is none. */
static json_t *text_of(const char *text) {
  json_t *plain = text ? json_string(text) : json_null();
  if (plain) return plain;
  char *copy = malloc(3 * strlen(text) + 1), *to = copy;
  for (const char *at = text; copy && *at; at++) {
    unsigned char c = (unsigned char)*at;
    if (c < 0x80)
      *to++ = *at;
    else
      to = stpcpy(to, "\xef\xbf\xbd");
  }
  if (copy) *to = 0;
  plain = copy ? json_string(copy) : NULL;
  free(copy);
  return plain;
}

static json_t *number_of(double value) {
  return isfinite(value) ? json_real(value) : json_null();
}

static json_t *texts_of(const RecordText *list, uint32_t n) {
  json_t *object = json_object();
  for (uint32_t i = 0; i < n; i++) {
    json_t *key = text_of(list[i].key);
    json_object_set_new(object, json_string_value(key) ? json_string_value(key) : "",
                        text_of(list[i].value));
    json_decref(key);
  }
  return object;
}

static json_t *series_of(Series *const *list, uint32_t n) {
  json_t *object = json_object();
  for (uint32_t i = 0; i < n; i++)
    json_object_set_new(
        object, list[i]->name,
        json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}", "last", number_of(list[i]->last_value),
                  "recent", number_of(series_recent(list[i])), "low",
                  list[i]->n ? number_of(list[i]->low) : json_null(), "high",
                  list[i]->n ? number_of(list[i]->high) : json_null(), "steps",
                  (json_int_t)(list[i]->n + list[i]->bad), "not_finite", (json_int_t)list[i]->bad));
  return object;
}

static json_t *scores_of(const Record *r) {
  json_t *list = json_array(), *row = NULL;
  int64_t steps = -1;
  for (uint32_t i = 0; i < r->n_scores; i++) {
    if (!row || r->scores[i].steps != steps) {
      row = json_pack("{s:I}", "steps", (json_int_t)r->scores[i].steps);
      json_array_append_new(list, row);
      steps = r->scores[i].steps;
    }
    json_object_set_new(row, r->score_keys[r->scores[i].key], number_of(r->scores[i].value));
  }
  return list;
}

static json_t *run_of(const Record *r) {
  return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "run", text_of(r->folder), "steps",
                   (json_int_t)r->steps, "speed", number_of(compare_speed(r)), "facts",
                   texts_of(r->facts, r->n_facts), "params", texts_of(r->params, r->n_params),
                   "values", series_of(r->metrics, r->n_metrics), "times",
                   series_of(r->times, r->n_times), "evaluations", scores_of(r));
}

static json_t *differences_of(const Comparison *c, NameKind kind) {
  json_t *object = json_object();
  NameList names;
  if (!compare_names(c, kind, &names)) return object;
  for (uint32_t i = 0; i < names.n; i++) {
    if (!compare_differs(c, kind, names.at[i])) continue;
    json_t *list = json_array(), *key = text_of(names.at[i]);
    for (uint32_t r = 0; r < c->n; r++)
      json_array_append_new(list, text_of(compare_text(c->records[r], kind, names.at[i])));
    json_object_set_new(object, json_string_value(key) ? json_string_value(key) : "", list);
    json_decref(key);
  }
  free(names.at);
  return object;
}

char *compare_json(const Comparison *c) {
  json_t *runs = json_array();
  for (uint32_t r = 0; r < c->n; r++) json_array_append_new(runs, run_of(c->records[r]));
  json_t *root =
      json_pack("{s:o, s:{s:o, s:o}}", "runs", runs, "differences", "facts",
                differences_of(c, NAMES_FACTS), "params", differences_of(c, NAMES_PARAMS));
  char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(root);
  return text;
}
