/* Result files of evaluations, and comparing two of them query by query. */
#include "graph/base/open_file.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/eval/evaluation.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define FORMAT "graphrun eval 2"       /* 1: no fingerprint for each domain */
#define DIGITS JSON_REAL_PRECISION(17) /* a double and back without loss */

/* ---- writing ------------------------------------------------------------------------------- */

static Status write_error(const char *path, int error, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error));
}

Status evaluation_can_write(const char *path, Diag *diag) {
  const char *slash = strrchr(path, '/');
  size_t n = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
  char *folder = n ? strndup(path, n) : strdup(".");
  if (!folder) return diag_no_memory(diag, n);
  int error = access(folder, W_OK | X_OK) == 0 ? 0 : errno;
  free(folder);
  return error && access(path, W_OK) != 0 ? write_error(path, error, diag) : STATUS_OK;
}

static Status put_file(const char *path, const json_t *json, Diag *diag) {
  char *text = json_dumps(json, JSON_INDENT(1) | DIGITS);
  if (!text) return diag_no_memory(diag, 1 << 20);
  const FilePart parts[] = {{text, strlen(text)}, {"\n", 1}};
  int error = file_replace(path, parts, 2, false);
  free(text);
  return error ? write_error(path, error, diag) : STATUS_OK;
}

/* Lists of a domain's queries, one for each column. */
static json_t *query_columns(const EvaluationDomain *d) {
  static const char *const names[] = {"trial", "path", "pid", "camera", "ap", "first", "inp"};
  enum { COLUMNS = sizeof names / sizeof *names };
  json_t *object = json_object(), *columns[COLUMNS];
  bool ok = object != NULL;
  for (int c = 0; c < COLUMNS; c++) {
    columns[c] = json_array();
    ok = json_object_set_new(object, names[c], columns[c]) == 0 && ok;
  }
  for (uint32_t t = 0; ok && t < d->n_trials; t++)
    for (int64_t i = 0; ok && i < d->trials[t].images.n_query; i++) {
      const DataImage *image = &d->domain->images[d->trials[t].images.query[i]];
      double ap = d->trials[t].result.ap[i];
      ok = !json_array_append_new(columns[0], json_integer(t)) &&
           !json_array_append_new(columns[1], json_string_nocheck(image->path)) &&
           !json_array_append_new(columns[2], json_string_nocheck(d->domain->pids[image->pid])) &&
           !json_array_append_new(columns[3], json_integer(image->camera)) &&
           !json_array_append_new(columns[4], ap < 0 ? json_null() : json_real(ap)) &&
           !json_array_append_new(columns[5], json_integer(d->trials[t].result.first[i])) &&
           !json_array_append_new(columns[6],
                                  ap < 0 ? json_null() : json_real(d->trials[t].result.inp[i]));
    }
  if (ok) return object;
  json_decref(object);
  return NULL;
}

static void hash_text(uint64_t hash, char out[17]) {
  snprintf(out, 17, "%016" PRIx64, hash);
}

/* The list and the files' sizes: sets of one layout may list the same names.  Which files lie
 * there decides, and neither the folder nor the domain's name. */
uint64_t evaluation_files(const DataDomain *d) {
  uint64_t hash = d->fingerprint;
  if (d->files) return d->files;
  for (uint32_t i = 0; i < d->n_images; i++) {
    struct stat info;
    int64_t size = stat(d->images[i].path, &info) == 0 ? (int64_t)info.st_size : -1;
    hash = XXH3_64bits_withSeed(&size, sizeof size, hash);
  }
  return hash;
}

/* [[k, share], ...] */
static json_t *cmc_list(const EvaluationDomain *d, const RankList *ranks) {
  json_t *list = json_array();
  for (int i = 0; list && i < ranks->n; i++)
    json_array_append_new(list, json_pack("[I, f]", (json_int_t)ranks->k[i], d->cmc[i]));
  return list;
}

/* Ten points a decade of false positive rates. */
static json_t *curve_object(const MetricsCurve *c) {
  enum { DECADES = 7, EACH = 10 };
  json_t *points = json_array();
  for (int i = 0; points && i <= DECADES * EACH; i++) {
    MetricsPoint p = metrics_curve_at(c, pow(10, (double)i / EACH - DECADES));
    json_array_append_new(points, json_pack("[f, f, f]", p.distance, p.fpr, p.tpr));
  }
  double area = metrics_curve_area(c);
  return json_pack("{s:o, s:I, s:I, s:[s, s, s], s:o}", "area",
                   isnan(area) ? json_null() : json_real(area), "same", (json_int_t)c->n_same,
                   "other", (json_int_t)c->n_other, "columns", "distance", "fpr", "tpr", "points",
                   points);
}

static json_t *domain_object(const EvaluationDomain *d, const RankList *ranks) {
  char data[17];
  hash_text(evaluation_files(d->domain), data);
  json_t *trials = json_array();
  for (uint32_t t = 0; trials && t < d->n_trials; t++) {
    const MetricsResult *r = &d->trials[t].result;
    json_array_append_new(trials,
                          json_pack("{s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "map", r->map, "rank1",
                                    r->rank1, "rank5", r->rank5, "rank10", r->rank10, "queries",
                                    (json_int_t)r->n_query, "skipped", (json_int_t)r->skipped,
                                    "gallery", (json_int_t)d->trials[t].images.n_gallery));
  }
  if (!trials || json_array_size(trials) != d->n_trials) {
    json_decref(trials);
    return NULL;
  }
  json_t *domain = json_pack(
      "{s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "name",
      d->domain->name, "data", data, "map", d->map, "low", d->interval.low, "high",
      d->interval.high, "rank1", d->rank1, "rank5", d->rank5, "rank10", d->rank10, "chance",
      d->chance, "identities", (json_int_t)d->identities, "cameras", (json_int_t)d->cameras,
      "images", (json_int_t)d->images, "distractors", (json_int_t)d->distractors, "unreadable",
      (json_int_t)d->unreadable, "trials", trials, "query", query_columns(d));
  json_object_set_new(domain, "minp", json_real(d->minp));
  json_object_set_new(domain, "cmc", cmc_list(d, ranks));
  if (d->curve.same) json_object_set_new(domain, "roc", curve_object(&d->curve));
  return domain;
}

static json_t *params_object(const EvaluationHead *head) {
  json_t *object = json_object();
  for (uint32_t i = 0; object && i < head->n_params; i++)
    json_object_set_new(object, head->params[2 * i], json_string(head->params[2 * i + 1]));
  return object;
}

Status evaluation_write(const char *path, const EvaluationHead *head,
                        const EvaluationDomain *domains, uint32_t n, Diag *diag) {
  char model[17];
  hash_text(head->model_hash, model);
  json_t *list = json_array();
  for (uint32_t i = 0; list && i < n; i++)
    json_array_append_new(list, domain_object(&domains[i], head->ranks));
  bool whole = list && json_array_size(list) == n;
  json_t *source = head->model ? json_pack("{s:s, s:s, s:s}", "model", head->model, "hash", model,
                                           "weights", head->weights)
                               : json_pack("{s:s}", "baseline", "color");
  json_t *root = json_pack("{s:s, s:s, s:o, s:o}", "format", FORMAT, "protocol", head->protocol,
                           "source", source, "domains", list);
  if (head->params) json_object_set_new(root, "params", params_object(head));
  const MetricsRerank *r = head->rerank;
  if (r)
    json_object_set_new(root, "rerank",
                        json_pack("{s:I, s:I, s:f}", "k1", (json_int_t)r->k1, "k2",
                                  (json_int_t)r->k2, "lambda", r->lambda));
  Status status = root && whole ? put_file(path, root, diag)
                                : diag_error(diag, STATUS_INVALID, path, "names must be UTF-8",
                                             "the results cannot be written as JSON");
  json_decref(root);
  return status;
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* The file's results of these images; of several such domains, the one of the same name. */
static const json_t *find_domain(const json_t *file, const DataDomain *domain) {
  const json_t *list = json_object_get(file, "domains"), *found = NULL;
  char ours[17];
  hash_text(evaluation_files(domain), ours);
  for (size_t i = 0; i < json_array_size(list); i++) {
    const json_t *theirs = json_array_get(list, i);
    const char *data = json_string_value(json_object_get(theirs, "data"));
    const char *name = json_string_value(json_object_get(theirs, "name"));
    if (!data || !name || strcmp(data, ours) != 0) continue;
    if (!found || strcmp(name, domain->name) == 0) found = theirs;
  }
  return found;
}

static Status no_domain(const char *path, const json_t *file, const char *name, Diag *diag) {
  const json_t *list = json_object_get(file, "domains");
  for (size_t i = 0; i < json_array_size(list); i++) {
    const char *its = json_string_value(json_object_get(json_array_get(list, i), "name"));
    if (its && strcmp(its, name) == 0)
      return diag_error(diag, STATUS_INVALID, path, "compare runs over the same images",
                        "its domain '%s' has other images, identities or cameras", name);
  }
  return diag_error(diag, STATUS_INVALID, path, "evaluate both runs on it",
                    "has no results of domain '%s'", name);
}

Status evaluation_read(const char *path, const EvaluationHead *head, Diag *diag, json_t **out) {
  json_error_t where;
  const char *format, *protocol;
  char place[4096 + 32];
  *out = NULL;
  FILE *file;
  int64_t size = 0;
  int code = file_open(path, &file, &size);
  if (code)
    return diag_error(diag, STATUS_INVALID, path, "a file that `graphrun eval --out=F` wrote", "%s",
                      file_open_error(code, place));
  json_t *root = json_loadf(file, 0, &where);
  fclose(file);
  if (!root) {
    bool parsed = where.line > 0;
    text_format(place, sizeof place, parsed ? "%s:%d:%d" : "%s", path, where.line, where.column);
    return diag_error(diag, STATUS_INVALID, place, "a file that `graphrun eval --out=F` wrote",
                      "cannot be read: %s", where.text);
  }
  Status status = STATUS_OK;
  if (json_unpack(root, "{s:s, s:s}", "format", &format, "protocol", &protocol) != 0 ||
      strcmp(format, FORMAT) != 0)
    status = diag_error(diag, STATUS_INVALID, path, "a file that `graphrun eval --out=F` wrote",
                        "is no result of an evaluation (" FORMAT ")");
  else if (strcmp(protocol, head->protocol) != 0)
    status = diag_error(diag, STATUS_INVALID, path, "compare runs over the same queries",
                        "is of the protocol %s, this run of %s", protocol, head->protocol);
  for (uint32_t i = 0; status == STATUS_OK && i < head->n_domains; i++)
    if (!find_domain(root, head->domains[i]))
      status = no_domain(path, root, head->domains[i]->name, diag);
  if (status == STATUS_OK)
    *out = root;
  else
    json_decref(root);
  return status;
}

/* Whether the file's queries are ours, one by one; their APs go to `ap`. */
static bool same_queries(const json_t *query, const EvaluationDomain *d, double *ap) {
  const json_t *pids = json_object_get(query, "pid"), *aps = json_object_get(query, "ap");
  if (json_array_size(pids) != (size_t)d->n_query || json_array_size(aps) != (size_t)d->n_query)
    return false;
  for (size_t i = 0; i < (size_t)d->n_query; i++) {
    const char *pid = json_string_value(json_array_get(pids, i));
    const json_t *value = json_array_get(aps, i);
    if (!pid || strcmp(pid, d->domain->pids[d->ids[i]]) != 0) return false;
    if (!json_is_null(value) && !json_is_number(value)) return false;
    ap[i] = json_is_null(value) ? -1 : json_number_value(value);
    if (!(ap[i] >= -1 && ap[i] <= 1)) return false;
  }
  return true;
}

Status evaluation_compare(const char *path, const json_t *file, const EvaluationDomain *domain,
                          uint64_t seed, MetricsInterval *out, Diag *diag) {
  const json_t *theirs = find_domain(file, domain->domain);
  *out = (MetricsInterval){0};
  if (!theirs) return no_domain(path, file, domain->domain->name, diag);
  double *ap = calloc((size_t)domain->n_query + 1, sizeof *ap);
  if (!ap) return diag_no_memory(diag, (size_t)domain->n_query * sizeof *ap);
  Status status;
  if (json_integer_value(json_object_get(theirs, "unreadable")) != domain->unreadable ||
      !same_queries(json_object_get(theirs, "query"), domain, ap))
    status = diag_error(diag, STATUS_INVALID, path, "compare runs over the same images",
                        "holds other queries of domain '%s'", domain->domain->name);
  else
    status =
        metrics_bootstrap_paired(ap, domain->ap, domain->ids, domain->n_query, seed, out, diag);
  free(ap);
  return status;
}
