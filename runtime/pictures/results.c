/* Pictures from files of `graphrun eval --out`: curves of pairs, and figures over a parameter. */
#include "graph/base/open_file.h"
#include "graph/base/text.h"
#include "runtime/pictures/pictures_parts.h"
#include "runtime/report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LABEL 64 /* bytes */
#define WROTE "a file that `graphrun eval --out=F` wrote"

/* ---- files ---- */

Status picture_result_read(const char *path, Diag *diag, json_t **out) {
  json_error_t where;
  char text[4096 + 32];
  const char *format;
  FILE *file;
  int64_t size = 0;
  *out = NULL;
  int code = file_open(path, &file, &size);
  if (code) return diag_error(diag, STATUS_INVALID, path, WROTE, "%s", file_open_error(code, text));
  json_t *root = json_loadf(file, 0, &where);
  fclose(file);
  if (!root) {
    text_format(text, sizeof text, where.line > 0 ? "%s:%d:%d" : "%s", path, where.line,
                where.column);
    return diag_error(diag, STATUS_INVALID, text, WROTE, "cannot be read: %s", where.text);
  }
  if (json_unpack(root, "{s:s}", "format", &format) != 0 ||
      strncmp(format, "graphrun eval ", 14) != 0 ||
      !json_is_array(json_object_get(root, "domains"))) {
    json_decref(root);
    return diag_error(diag, STATUS_INVALID, path, WROTE, "is no result of an evaluation");
  }
  *out = root;
  return STATUS_OK;
}

const json_t *picture_result_domain(const json_t *result, const char *name) {
  const json_t *list = json_object_get(result, "domains");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *domain = json_array_get(list, i);
    const char *own = json_string_value(json_object_get(domain, "name"));
    if (own && strcmp(own, name) == 0) return domain;
  }
  return NULL;
}

Status picture_result_domains(json_t *const *results, uint32_t n, const char ***out,
                              uint32_t *out_n, Diag *diag) {
  size_t most = 0;
  *out_n = 0;
  for (uint32_t i = 0; i < n; i++) most += json_array_size(json_object_get(results[i], "domains"));
  const char **names = *out = calloc(most + 1, sizeof *names);
  if (!names) return diag_no_memory(diag, most * sizeof *names);
  for (uint32_t i = 0; i < n; i++) {
    const json_t *list = json_object_get(results[i], "domains");
    for (size_t k = 0; k < json_array_size(list); k++) {
      const char *name = json_string_value(json_object_get(json_array_get(list, k), "name"));
      uint32_t known = 0;
      while (name && known < *out_n && strcmp(names[known], name) != 0) known++;
      if (name && known == *out_n) names[(*out_n)++] = name;
    }
  }
  return STATUS_OK;
}

typedef struct Results {
  const PicturesOptions *o;
  json_t **at; /* (n) */
  uint32_t n;
  const char **domains;
  uint32_t n_domains;
  char *labels; /* (n, LABEL) of the files; NULL: none are shown */
  Diag *diag;
} Results;

static Status results_open(const PicturesOptions *o, Results *r, Diag *diag) {
  *r = (Results){.o = o, .at = calloc(o->n_results + 1u, sizeof *r->at), .diag = diag};
  if (!r->at) return diag_no_memory(diag, o->n_results * sizeof *r->at);
  for (; r->n < o->n_results; r->n++)
    TRY(picture_result_read(o->results[r->n], diag, &r->at[r->n]));
  return picture_result_domains(r->at, r->n, &r->domains, &r->n_domains, diag);
}

static void results_close(Results *r) {
  for (uint32_t i = 0; i < r->n; i++) json_decref(r->at[i]);
  free(r->at);
  free(r->domains);
}

static double number_of(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return json_is_number(value) ? json_number_value(value) : NAN;
}

/* ---- curves of pairs ---- */

/* Points from the first pair that is called one person by mistake. */
static Status curve_points(const Results *r, uint32_t i, const json_t *roc, PlotPoint **out,
                           uint32_t *n) {
  const json_t *points = json_object_get(roc, "points");
  PlotPoint *list = *out = calloc(json_array_size(points) + 1, sizeof *list);
  *n = 0;
  if (!list) return diag_no_memory(r->diag, json_array_size(points) * sizeof *list);
  for (size_t k = 0; k < json_array_size(points); k++) {
    const json_t *point = json_array_get(points, k);
    double fpr = json_number_value(json_array_get(point, 1)),
           tpr = 100 * json_number_value(json_array_get(point, 2));
    if (!(fpr > 0 && fpr <= 1) || (*n && list[*n - 1].x >= fpr)) continue;
    list[(*n)++] = (PlotPoint){fpr, tpr, tpr, tpr};
  }
  if (*n) return STATUS_OK;
  return diag_error(r->diag, STATUS_INVALID, r->o->results[i], WROTE, "holds no curve");
}

static Status draw_curves(const Results *r, const char *domain, PlotLine *lines,
                          char (*names)[96]) {
  uint32_t n = 0;
  Status status = STATUS_OK;
  for (uint32_t i = 0; status == STATUS_OK && i < r->n; i++) {
    const json_t *object = picture_result_domain(r->at[i], domain);
    const json_t *roc = object ? json_object_get(object, "roc") : NULL;
    if (object && !roc)
      status = diag_error(r->diag, STATUS_INVALID, r->o->results[i], "evaluate with --roc",
                          "has no curve of domain '%s'", domain);
    if (!roc) continue;
    PlotPoint *points;
    text_format(names[n], sizeof *names, "area %.4f, %s", number_of(roc, "area"),
                r->labels + i * LABEL);
    lines[n] = (PlotLine){.name = names[n]};
    status = curve_points(r, i, roc, &points, &lines[n].n);
    lines[n++].points = points;
  }
  char name[256], title[256];
  PictureFile file;
  picture_name(name, "roc", domain, ".svg");
  text_format(title, sizeof title, "%s: pairs of one person found", domain);
  if (status == STATUS_OK) status = picture_open(r->o, name, &file, r->diag);
  if (status == STATUS_OK) {
    plot_lines(file.out, &(PlotLines){.title = title,
                                      .x_name = "false positive rate",
                                      .y_name = "true positive rate, %",
                                      .lines = lines,
                                      .n = n,
                                      .log_x = true});
    status = picture_close(&file, r->diag);
  }
  for (uint32_t i = 0; i < n; i++) free((void *)(uintptr_t)lines[i].points);
  return status;
}

Status pictures_roc(const PicturesOptions *o, Diag *diag) {
  Results r;
  Status status = results_open(o, &r, diag);
  PlotLine *lines = calloc(o->n_results + 1u, sizeof *lines);
  char(*names)[96] = calloc(o->n_results + 1u, sizeof *names);
  r.labels = calloc(o->n_results + 1u, LABEL);
  if (status == STATUS_OK && r.labels) picture_labels(o->results, o->n_results, r.labels, LABEL);
  if (status == STATUS_OK && (!lines || !names || !r.labels))
    status = diag_no_memory(diag, o->n_results * sizeof *names);
  for (uint32_t i = 0; status == STATUS_OK && i < r.n_domains; i++)
    status = draw_curves(&r, r.domains[i], lines, names);
  free(lines);
  free(names);
  free(r.labels);
  results_close(&r);
  return status;
}

/* ---- figures over a parameter ---- */

typedef struct Swept { /* a result */
  double x, map, rank1;
} Swept;

static Status value_of(const Results *r, uint32_t i, const char *param, double *out) {
  const json_t *params = json_object_get(r->at[i], "params");
  const char *text = json_string_value(json_object_get(params, param));
  char *end;
  if (!params)
    return diag_error(r->diag, STATUS_INVALID, r->o->results[i], "evaluate again",
                      "does not say which parameters its model had");
  if (!text)
    return diag_error(r->diag, STATUS_INVALID, r->o->results[i], "graphrun info PLAN lists them",
                      "its model has no parameter '%s'", param);
  *out = strtod(text, &end);
  if (*text && !*end && isfinite(*out)) return STATUS_OK;
  return diag_error(r->diag, STATUS_INVALID, r->o->results[i], "a sweep is over numbers",
                    "the parameter '%s' is '%s', no number", param, text);
}

static int compare_swept(const void *a, const void *b) {
  double x = ((const Swept *)a)->x, y = ((const Swept *)b)->x;
  return (x > y) - (x < y);
}

/* Mean, lowest and highest of the results that have the same value. */
static uint32_t gather(const Swept *s, uint32_t n, bool rank1, PlotPoint *out) {
  uint32_t points = 0;
  for (uint32_t i = 0; i < n;) {
    uint32_t end = i;
    PlotPoint p = {s[i].x, 0, INFINITY, -INFINITY};
    for (; end < n && s[end].x == s[i].x; end++) {
      double y = 100 * (rank1 ? s[end].rank1 : s[end].map);
      p.y += y;
      p.low = fmin(p.low, y);
      p.high = fmax(p.high, y);
    }
    p.y /= end - i;
    out[points++] = p;
    i = end;
  }
  return points;
}

static void put_rows(FILE *out, const char *domain, const Swept *s, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    picture_field(out, domain);
    fprintf(out, ",%.12g,%.6f,%.6f\n", s[i].x, s[i].map, s[i].rank1);
  }
}

static Status draw_sweep(const Results *r, const char *domain, const char *param, Swept *s,
                         PlotPoint *points, FILE *table) {
  uint32_t n = 0;
  char name[256], title[256];
  PictureFile file;
  for (uint32_t i = 0; i < r->n; i++) {
    const json_t *object = picture_result_domain(r->at[i], domain);
    if (!object) continue;
    TRY(value_of(r, i, param, &s[n].x));
    s[n].map = number_of(object, "map");
    s[n++].rank1 = number_of(object, "rank1");
  }
  qsort(s, n, sizeof *s, compare_swept);
  put_rows(table, domain, s, n);
  uint32_t maps = gather(s, n, false, points), ranks = gather(s, n, true, points + maps);
  PlotLine lines[] = {{"mAP", points, maps, true}, {"Rank-1", points + maps, ranks, true}};
  picture_name(name, "sweep", domain, ".svg");
  text_format(title, sizeof title, "%s over %s", domain, param);
  TRY(picture_open(r->o, name, &file, r->diag));
  plot_lines(file.out, &(PlotLines){.title = title,
                                    .x_name = param,
                                    .y_name = "%",
                                    .lines = lines,
                                    .n = 2,
                                    .log_x = maps > 2 && s[0].x > 0 && s[n - 1].x >= 8 * s[0].x,
                                    .ticks_at_points = true});
  return picture_close(&file, r->diag);
}

Status pictures_sweep(const PicturesOptions *o, const char *param, Diag *diag) {
  Results r;
  PictureFile table = {.out = NULL};
  Status status = results_open(o, &r, diag);
  Swept *s = calloc(o->n_results + 1u, sizeof *s);
  PlotPoint *points = calloc(2 * (size_t)o->n_results + 1, sizeof *points);
  if (status == STATUS_OK && (!s || !points)) status = diag_no_memory(diag, o->n_results * 64);
  if (status == STATUS_OK) status = picture_open(o, "sweep.csv", &table, diag);
  if (status == STATUS_OK) {
    fputs("domain,", table.out);
    picture_field(table.out, param);
    fputs(",map,rank1\n", table.out);
  }
  for (uint32_t i = 0; status == STATUS_OK && i < r.n_domains; i++)
    status = draw_sweep(&r, r.domains[i], param, s, points, table.out);
  if (status == STATUS_OK) {
    status = picture_close(&table, diag);
  } else if (table.out) {
    fclose(table.out);
    free(table.text);
  }
  free(s);
  free(points);
  results_close(&r);
  return status;
}
