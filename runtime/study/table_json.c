/* The whole of a study's results for programs. */
#include "runtime/study/table.h"

#include <math.h>
#include <stdlib.h>

static json_t *number(bool there, double value) {
  return there && isfinite(value) ? json_real(value) : json_null();
}

static json_t *seeds_of(const double *values, uint32_t n) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < n; i++) json_array_append_new(list, number(true, values[i]));
  return list;
}

static json_t *figure_of(const Figure *f, const double *seeds, uint32_t n) {
  return json_pack("{s:o, s:o, s:o}", "mean", number(f->n > 0, f->mean), "spread",
                   number(f->n > 1, f->spread), "seeds", seeds_of(seeds, n));
}

static json_t *result_of(const Results *r, const char *test, const Result *x) {
  json_t *object =
      json_pack("{s:s, s:o, s:o}", "test", test, "mAP", figure_of(&x->map, x->seed_map, r->seeds),
                "Rank-1", figure_of(&x->rank1, x->seed_rank1, r->seeds));
  if (x->splits > 1)
    json_object_set_new(object, "splits",
                        json_pack("{s:I, s:f, s:f}", "n", (json_int_t)x->splits, "mAP spread",
                                  x->map_splits, "Rank-1 spread", x->rank1_splits));
  if (x->paper)
    json_object_set_new(
        object, "paper",
        json_pack("{s:f, s:f, s:o, s:o}", "mAP", x->paper->map, "Rank-1", x->paper->rank1,
                  "mAP minus it", number(x->map.n > 0, x->map.mean - x->paper->map),
                  "Rank-1 minus it", number(x->map.n > 0, x->rank1.mean - x->paper->rank1)));
  if (x->n_against)
    json_object_set_new(object, "against base",
                        json_pack("{s:f, s:f, s:f, s:f, s:I}", "mAP", 100 * x->against.mean, "low",
                                  100 * x->against.low, "high", 100 * x->against.high,
                                  "share above", x->against.share, "seeds",
                                  (json_int_t)x->n_against));
  return object;
}

char *table_json(const Results *r) {
  const StudyFile *f = r->file;
  json_t *rows = json_array();
  for (uint32_t row = 0; row < f->n_rows; row++) {
    json_t *tests = json_array();
    for (uint32_t t = 0; t < f->n_tests; t++)
      json_array_append_new(tests, result_of(r, f->tests[t].name, results_at(r, row, t)));
    for (uint32_t i = 0; i < f->n_averages; i++)
      if (r->n_averaged[i] > 1)
        json_array_append_new(
            tests, result_of(r, f->averages[i], &r->average[(size_t)row * f->n_averages + i]));
    json_array_append_new(rows, json_pack("{s:s, s:s, s:o}", "row", f->rows[row].name, "label",
                                          f->rows[row].label, "tests", tests));
  }
  json_t *root = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:o}", "format",
                           "graphrun study table 1", "study", f->name, "title", f->title, "seeds",
                           (json_int_t)r->seeds, "cells", (json_int_t)r->n_cells, "done",
                           (json_int_t)r->n_done, "base", f->rows[f->base].name, "rows", rows);
  char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(12)) : NULL;
  json_decref(root);
  return text;
}
