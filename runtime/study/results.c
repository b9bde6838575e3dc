/* Reads what graphrun eval wrote, one file for a cell and a test. */
#include "runtime/study/results.h"

#include "runtime/data/identity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one evaluation ---- */

/* Of one cell on one test. */
typedef struct Evaluation {
  bool there;
  double map, rank1, map_splits, rank1_splits; /* percent */
  uint32_t splits;
  char *data; /* hash of the images */
  double *ap; /* (n) -1: skipped */
  char **pids;
  size_t n;
} Evaluation;

static void evaluation_free(Evaluation *e) {
  for (size_t i = 0; i < e->n && e->pids; i++) free(e->pids[i]);
  free(e->pids);
  free(e->ap);
  free(e->data);
  *e = (Evaluation){0};
}

static Figure figure_of(const double *values, uint32_t n) {
  Figure f = {0};
  double sum = 0, squares = 0;
  for (uint32_t i = 0; i < n; i++)
    if (!isnan(values[i])) sum += values[i], f.n++;
  if (!f.n) return f;
  f.mean = sum / f.n;
  for (uint32_t i = 0; i < n; i++)
    if (!isnan(values[i])) squares += (values[i] - f.mean) * (values[i] - f.mean);
  f.spread = f.n > 1 ? sqrt(squares / (f.n - 1)) : 0;
  return f;
}

static double spread_of(const json_t *trials, const char *key, Diag *diag) {
  size_t n = json_array_size(trials);
  double *values = calloc(n + 1, sizeof *values);
  if (!values) {
    diag_no_memory(diag, n * sizeof *values);
    return 0;
  }
  for (size_t i = 0; i < n; i++)
    values[i] = 100 * json_number_value(json_object_get(json_array_get(trials, i), key));
  double spread = figure_of(values, (uint32_t)n).spread;
  free(values);
  return spread;
}

static Status take_queries(const json_t *query, Evaluation *e, Diag *diag) {
  const json_t *pids = json_object_get(query, "pid"), *aps = json_object_get(query, "ap");
  size_t n = json_array_size(pids);
  if (json_array_size(aps) != n) return STATUS_OK; /* no difference can be had of it */
  e->ap = calloc(n + 1, sizeof *e->ap);
  e->pids = calloc(n + 1, sizeof *e->pids);
  if (!e->ap || !e->pids) return diag_no_memory(diag, n * sizeof *e->pids);
  for (e->n = 0; e->n < n; e->n++) {
    const json_t *ap = json_array_get(aps, e->n);
    const char *pid = json_string_value(json_array_get(pids, e->n));
    e->ap[e->n] = json_is_number(ap) ? json_number_value(ap) : -1;
    if (!(e->pids[e->n] = strdup(pid ? pid : ""))) return diag_no_memory(diag, 64);
  }
  return STATUS_OK;
}

/* Several domains of a test without `domain` count as one, their mean. */
static Status read_evaluation(const Cell *cell, const StudyTest *test, Evaluation *e, Diag *diag) {
  char name[STUDY_NAME_MAX + 8], path[CELL_PATH_MAX];
  *e = (Evaluation){0};
  snprintf(name, sizeof name, "%s.json", test->name);
  if (!cell_path(cell, name, path)) return STATUS_OK;
  json_t *root = json_load_file(path, 0, NULL), *list = json_object_get(root, "domains");
  size_t n = json_array_size(list);
  for (size_t i = 0; i < n; i++) {
    const json_t *d = json_array_get(list, i), *trials = json_object_get(d, "trials");
    e->map += 100 * json_number_value(json_object_get(d, "map")) / (double)n;
    e->rank1 += 100 * json_number_value(json_object_get(d, "rank1")) / (double)n;
    e->map_splits += spread_of(trials, "map", diag) / (double)n;
    e->rank1_splits += spread_of(trials, "rank1", diag) / (double)n;
    e->splits = (uint32_t)json_array_size(trials);
    e->there = true;
  }
  const char *data = json_string_value(json_object_get(json_array_get(list, 0), "data"));
  Status status = STATUS_OK;
  if (n == 1 && data && !(e->data = strdup(data))) status = diag_no_memory(diag, 17);
  if (n == 1 && status == STATUS_OK)
    status = take_queries(json_object_get(json_array_get(list, 0), "query"), e, diag);
  json_decref(root);
  return status;
}

/* ---- differences ---- */

/* Numbers of names, in the order that data sets have, so that draws are those of graphrun eval
 * --compare. */
static bool number_pids(char **pids, size_t n, int64_t *ids) {
  Arena *arena = arena_create();
  IdentityRanks ranks;
  bool ok = arena && identity_rank(arena, (const char *const *)pids, (uint32_t)n, &ranks);
  for (size_t i = 0; ok && i < n; i++) ids[i] = ranks.of[i];
  arena_destroy(arena);
  return ok;
}

static bool comparable(const Evaluation *a, const Evaluation *b) {
  if (!a->there || !b->there || !a->data || !b->data || strcmp(a->data, b->data) != 0) return false;
  return a->n > 0 && a->n == b->n;
}

/* `ours` and `base`: (seeds) evaluations.  A query's APs are averaged over the seeds that both
 * have, then identities are drawn. */
static Status compare(const Evaluation *ours, const Evaluation *base, uint32_t seeds, Result *out,
                      Diag *diag) {
  const Evaluation *first = NULL;
  for (uint32_t s = 0; s < seeds; s++)
    if (comparable(&ours[s], &base[s]) && (!first || comparable(&ours[s], first))) {
      if (!first) first = &ours[s];
      out->n_against++;
    }
  if (!first) return STATUS_OK;
  size_t n = first->n;
  double *sums = calloc(2 * n + 1, sizeof *sums);
  int64_t *ids = calloc(n + 1, sizeof *ids);
  if (!sums || !ids || !number_pids(first->pids, n, ids)) {
    free(sums);
    free(ids);
    return diag_no_memory(diag, n * 32);
  }
  for (uint32_t s = 0; s < seeds; s++)
    for (size_t i = 0; i < n; i++) {
      if (!comparable(&ours[s], &base[s]) || !comparable(&ours[s], first)) break;
      sums[i] += base[s].ap[i] / out->n_against;
      sums[n + i] += ours[s].ap[i] / out->n_against;
    }
  Status status = metrics_bootstrap_paired(sums, sums + n, ids, (int64_t)n, 0, &out->against, diag);
  free(sums);
  free(ids);
  return status;
}

/* ---- rows ---- */

static Status sum_up(const Evaluation *e, uint32_t seeds, Result *r, Diag *diag) {
  r->seed_map = calloc(seeds + 1u, sizeof *r->seed_map);
  r->seed_rank1 = calloc(seeds + 1u, sizeof *r->seed_rank1);
  if (!r->seed_map || !r->seed_rank1) return diag_no_memory(diag, seeds * sizeof(double));
  for (uint32_t s = 0; s < seeds; s++) {
    r->seed_map[s] = e && e[s].there ? e[s].map : (double)NAN;
    r->seed_rank1[s] = e && e[s].there ? e[s].rank1 : (double)NAN;
    if (!e || !e[s].there) continue;
    r->map_splits += e[s].map_splits;
    r->rank1_splits += e[s].rank1_splits;
    if (e[s].splits > r->splits) r->splits = e[s].splits;
  }
  r->map = figure_of(r->seed_map, seeds);
  r->rank1 = figure_of(r->seed_rank1, seeds);
  if (r->map.n) r->map_splits /= r->map.n;
  if (r->map.n) r->rank1_splits /= r->map.n;
  return STATUS_OK;
}

static const StudyPaper *find_paper(const StudyRow *row, const char *test) {
  for (uint32_t i = 0; i < row->n_paper; i++)
    if (strcmp(row->paper[i].test, test) == 0) return &row->paper[i];
  return NULL;
}

static const StudyTraining *training_of(const StudyFile *f, uint32_t test) {
  uint32_t t = 0;
  while (t + 1 < f->n_trainings && test >= f->trainings[t].first_test + f->trainings[t].n_tests)
    t++;
  return &f->trainings[t];
}

/* Leaves out, and counts, what is not of what the test is now. */
static void drop_other(Results *r, const Cell *cell, const StudyTest *test, Evaluation *e) {
  json_t *record = e->there ? cell_read(cell) : NULL;
  if (e->there && !cell_result_is(cell, record, test->name)) {
    evaluation_free(e);
    r->n_other++;
  }
  json_decref(record);
}

/* All rows on one test: the base's evaluations are held against those of the others. */
static Status read_test(Results *r, const Cells *cells, uint32_t test, Diag *diag) {
  const StudyFile *f = r->file;
  size_t n = (size_t)f->n_rows * r->seeds;
  Evaluation *all = calloc(n + 1, sizeof *all);
  Status status = all ? STATUS_OK : diag_no_memory(diag, n * sizeof *all);
  for (size_t i = 0; status == STATUS_OK && i < n; i++) {
    const Cell *cell =
        cells_find(cells, (uint32_t)(i / r->seeds), training_of(f, test), (uint32_t)(i % r->seeds));
    if (!cell || cell->state != CELL_DONE) continue;
    status = read_evaluation(cell, &f->tests[test], &all[i], diag);
    drop_other(r, cell, &f->tests[test], &all[i]);
  }
  for (uint32_t row = 0; status == STATUS_OK && row < f->n_rows; row++) {
    Result *out = &r->at[(size_t)row * f->n_tests + test];
    const Evaluation *ours = &all[(size_t)row * r->seeds];
    out->paper = find_paper(&f->rows[row], f->tests[test].name);
    status = sum_up(ours, r->seeds, out, diag);
    if (status == STATUS_OK && row != f->base)
      status = compare(ours, &all[(size_t)f->base * r->seeds], r->seeds, out, diag);
  }
  for (size_t i = 0; all && i < n; i++) evaluation_free(&all[i]);
  free(all);
  return status;
}

/* What is published for it, else the mean of what is published for all its tests. */
static void find_average_paper(const Results *r, uint32_t row, uint32_t average, uint32_t tests) {
  const StudyFile *f = r->file;
  Result *out = &r->average[(size_t)row * f->n_averages + average];
  uint32_t n = 0;
  out->paper = find_paper(&f->rows[row], f->averages[average]);
  if (out->paper) return;
  out->mean_paper = (StudyPaper){f->averages[average], 0, 0};
  for (uint32_t t = 0; t < f->n_tests; t++) {
    const StudyPaper *paper = results_at(r, row, t)->paper;
    if (f->tests[t].average != average || !paper) continue;
    out->mean_paper.map += paper->map / tests;
    out->mean_paper.rank1 += paper->rank1 / tests;
    n++;
  }
  if (n == tests) out->paper = &out->mean_paper;
}

/* Seeds that lack a test have no average: NAN. */
static Status average_row(Results *r, uint32_t row, uint32_t average, Diag *diag) {
  Result *out = &r->average[(size_t)row * r->file->n_averages + average];
  uint32_t tests = r->n_averaged[average];
  TRY(sum_up(NULL, r->seeds, out, diag));
  for (uint32_t s = 0; s < r->seeds && tests; s++) {
    out->seed_map[s] = out->seed_rank1[s] = 0;
    for (uint32_t t = 0; t < r->file->n_tests; t++) {
      if (r->file->tests[t].average != average) continue;
      out->seed_map[s] += results_at(r, row, t)->seed_map[s] / tests;
      out->seed_rank1[s] += results_at(r, row, t)->seed_rank1[s] / tests;
    }
  }
  out->map = figure_of(out->seed_map, r->seeds);
  out->rank1 = figure_of(out->seed_rank1, r->seeds);
  find_average_paper(r, row, average, tests);
  return STATUS_OK;
}

Status results_read(const StudyFile *file, const Cells *cells, Diag *diag, Results *out) {
  *out = (Results){.file = file, .seeds = cells->seeds, .n_cells = cells->n};
  out->at = calloc((size_t)file->n_rows * file->n_tests + 1, sizeof *out->at);
  out->average = calloc((size_t)file->n_rows * file->n_averages + 1, sizeof *out->average);
  Status status = out->at && out->average ? STATUS_OK : diag_no_memory(diag, file->n_rows * 256u);
  for (uint32_t t = 0; t < file->n_tests; t++)
    if (file->tests[t].average != STUDY_NO_AVERAGE) out->n_averaged[file->tests[t].average]++;
  for (uint32_t i = 0; i < cells->n; i++) out->n_done += cells->at[i].state == CELL_DONE;
  for (uint32_t t = 0; status == STATUS_OK && t < file->n_tests; t++)
    status = read_test(out, cells, t, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < file->n_rows * file->n_averages; i++)
    status = average_row(out, i / file->n_averages, i % file->n_averages, diag);
  if (status != STATUS_OK) results_release(out);
  return status;
}

void results_release(Results *r) {
  size_t n = r->at ? (size_t)r->file->n_rows * r->file->n_tests : 0;
  for (size_t i = 0; i < n; i++) {
    free(r->at[i].seed_map);
    free(r->at[i].seed_rank1);
  }
  for (uint32_t i = 0; r->average && i < r->file->n_rows * r->file->n_averages; i++) {
    free(r->average[i].seed_map);
    free(r->average[i].seed_rank1);
  }
  free(r->at);
  free(r->average);
  *r = (Results){0};
}
