/* Thresholds: from a labelled set, from a file, to one. */
#include "runtime/use/threshold.h"

#include "graph/base/open_file.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "runtime/use/people.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "graphrun threshold 2" /* 1: no hash of the model */
#define FEW 10                        /* pairs on which a threshold rests that is warned of */
#define MADE_BY "a number, or a file of graphrun compare-images --calibrate=DATA -o F.json"

/* ---- from a set ---- */

/* The pairs of one domain: every image with every other, as queries and gallery at once, so that
 * each pair is met twice. */
static Status add_domain(const Described *d, const People *all, uint32_t k, int threads,
                         MetricsCurve *curve, Diag *diag) {
  People part = {.of = d};
  int64_t first = d->first[k], last = first + d->data->domains[k].n_images, from = 0;
  while (from < all->n && all->rows[from] < first) from++;
  part.n = from;
  while (part.n < all->n && all->rows[part.n] < last) part.n++;
  part.n -= from;
  if (part.n < 2) return STATUS_OK;
  part.rows = all->rows + from;
  part.ids = all->ids + from;
  part.cameras = all->cameras + from;
  MetricsSet set = people_set(&part, d->data->path);
  MetricsOptions options = {.threads = threads, .curve = true, .unmatched = true};
  MetricsResult result;
  TRY(metrics_evaluate(&set, &set, d->features.dim, &options, &result, diag));
  metrics_curve_add(curve, &result.curve);
  metrics_release(&result);
  return STATUS_OK;
}

/* Nobody's images are of nobody in particular: they make no pairs. */
static void drop_nobody(People *p) {
  int64_t n = 0;
  for (int64_t i = 0; i < p->n; i++) {
    if (p->ids[i] < 0) continue;
    p->rows[n] = p->rows[i];
    p->ids[n] = p->ids[i];
    p->cameras[n++] = p->cameras[i];
  }
  p->n = n;
}

static int64_t count_people(const People *p) {
  int64_t n = 0, most = 0;
  for (int64_t i = 0; i < p->n; i++) most = p->ids[i] > most ? p->ids[i] : most;
  bool *seen = calloc((size_t)most + 1, sizeof *seen);
  for (int64_t i = 0; seen && i < p->n; i++) {
    n += !seen[p->ids[i]];
    seen[p->ids[i]] = true;
  }
  free(seen);
  return n;
}

static Status check_pairs(const Described *d, const Threshold *t, Diag *diag) {
  double false_pairs = t->wanted * (double)t->other;
  if (t->other == 0)
    return diag_error(diag, STATUS_INVALID, d->data->path,
                      "images of two people or more, with their identities",
                      "has no pair of two people to take a threshold from");
  if (false_pairs < 1)
    return diag_error(diag, STATUS_INVALID, d->data->path, "more images, or a larger --fpr",
                      "has %" PRId64 " pairs of two people: a rate of %g is less than one of them",
                      t->other, t->wanted);
  if (false_pairs < FEW)
    diag_warning(diag, d->data->path, "more images, or a larger --fpr",
                 "the threshold rests on %.0f of %" PRId64 " pairs: another set may give another",
                 floor(false_pairs), t->other);
  if (t->distance == 0)
    diag_warning(diag, d->data->path, "do features differ at all? graphrun eval tells",
                 "no distance has so few pairs of two people within: nothing is called the same");
  for (uint32_t k = 0; k < d->data->n_domains; k++)
    if (described_trained_on(&d->by, d->data->domains[k].name))
      diag_warning(diag, d->data->path, "calibrate with images of people that were not trained on",
                   "domain '%s' was trained on, where people lie farther apart than elsewhere",
                   d->data->domains[k].name);
  return STATUS_OK;
}

static Status take_pairs(const Described *d, int threads, Threshold *out, Diag *diag) {
  Strings *names = strings_create();
  People all = {0};
  MetricsCurve curve;
  if (!names) return diag_no_memory(diag, 64);
  Status status = metrics_curve_create(&curve, diag);
  if (status == STATUS_OK) status = people_take(d, PEOPLE_ALL, names, &all, diag);
  if (status == STATUS_OK) drop_nobody(&all);
  for (uint32_t k = 0; status == STATUS_OK && k < d->data->n_domains; k++)
    status = add_domain(d, &all, k, threads, &curve, diag);
  if (status == STATUS_OK) {
    MetricsPoint point = metrics_curve_at(&curve, out->wanted);
    out->distance = point.distance;
    out->fpr = point.fpr;
    out->tpr = point.tpr;
    out->same = (int64_t)(curve.n_same / 2);
    out->other = (int64_t)(curve.n_other / 2);
    out->people = count_people(&all);
  }
  people_release(&all);
  metrics_curve_release(&curve);
  strings_destroy(names);
  return status;
}

Status threshold_calibrate(const UseOptions *use, const TrainedNetwork *network, const char *data,
                           double fpr, Threshold *out, Diag *diag) {
  Described d;
  *out = (Threshold){
      .wanted = fpr, .weights_hash = network->hash, .model_hash = network->plan->model_hash};
  text_format(out->data, sizeof out->data, "%s", data);
  Status status = use_describe(use, network, data, NULL, &d, diag);
  if (status == STATUS_OK) status = take_pairs(&d, (int)use->network.threads, out, diag);
  if (status == STATUS_OK) status = check_pairs(&d, out, diag);
  described_release(&d);
  return status;
}

void threshold_print(const Threshold *t) {
  printf("threshold %.6f", t->distance);
  if (!*t->data) {
    puts(", as it was given");
    return;
  }
  printf(
      ": %g %% of %" PRId64 " pairs of two people of %s lie within,\n          at most %g %% were "
      "to; so do %.2f %% of %" PRId64 " pairs of one person by two cameras\n          (%" PRId64
      " people, who are in many pairs each: the rates are less sure than so many pairs suggest)\n",
      100 * t->fpr, t->other, t->data, 100 * t->wanted, 100 * t->tpr, t->same, t->people);
}

/* ---- files ---- */

Status threshold_write(const Threshold *t, const char *path, Diag *diag) {
  char hash[20], model[20];
  snprintf(hash, sizeof hash, "%016" PRIx64, t->weights_hash);
  snprintf(model, sizeof model, "%016" PRIx64, t->model_hash);
  json_t *root =
      json_pack("{s:s, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:s, s:s, s:s}", "format", FORMAT,
                "distance", t->distance, "fpr", t->fpr, "wanted", t->wanted, "tpr", t->tpr, "same",
                (json_int_t)t->same, "other", (json_int_t)t->other, "people", (json_int_t)t->people,
                "data", t->data, "weights_hash", hash, "model_hash", model);
  char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(root);
  if (!text)
    return diag_error(diag, STATUS_INVALID, path, "names must be UTF-8",
                      "the threshold cannot be written as JSON");
  const FilePart parts[] = {{text, strlen(text)}, {"\n", 1}};
  int error = file_replace(path, parts, 2, false);
  free(text);
  return error ? diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(error))
               : STATUS_OK;
}

static Status unpack(json_t *root, const char *path, Threshold *out, Diag *diag) {
  const char *format = NULL, *data, *hash, *model;
  json_int_t same, other, people;
  if (json_unpack(root, "{s:s, s:F, s:F, s:F, s:F, s:I, s:I, s:I, s:s, s:s, s:s}", "format",
                  &format, "distance", &out->distance, "fpr", &out->fpr, "wanted", &out->wanted,
                  "tpr", &out->tpr, "same", &same, "other", &other, "people", &people, "data",
                  &data, "weights_hash", &hash, "model_hash", &model) != 0 ||
      strcmp(format, FORMAT) != 0)
    return diag_error(diag, STATUS_INVALID, path, MADE_BY, "is no threshold (" FORMAT ")");
  out->same = same;
  out->other = other;
  out->people = people;
  out->weights_hash = strtoull(hash, NULL, 16);
  out->model_hash = strtoull(model, NULL, 16);
  text_format(out->data, sizeof out->data, "%s", data);
  return STATUS_OK;
}

static Status read_file(const char *path, const TrainedNetwork *network, Threshold *out,
                        Diag *diag) {
  json_error_t where;
  FILE *file;
  int64_t size;
  TRY(file_require(path, diag, &file, &size));
  json_t *root = json_loadf(file, 0, &where);
  fclose(file);
  Status status =
      root ? unpack(root, path, out, diag)
           : diag_error(diag, STATUS_INVALID, path, MADE_BY, "cannot be read: %s", where.text);
  json_decref(root);
  TRY(status);
  bool same = out->model_hash == network->plan->model_hash;
  if (out->weights_hash == network->hash && same) return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path,
                    "graphrun compare-images PLAN --weights=F --calibrate=DATA -o F.json",
                    "is a threshold for %s", same ? "other weights" : "another model");
}

Status threshold_read(const char *text, const TrainedNetwork *network, Threshold *out, Diag *diag) {
  char *end;
  *out = (Threshold){0};
  out->distance = strtod(text, &end);
  if (end == text || *end) return read_file(text, network, out, diag);
  if (out->distance >= 0 && out->distance <= 2) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "--threshold", "distances are from 0 to 2",
                    "'%s' is no distance", text);
}
