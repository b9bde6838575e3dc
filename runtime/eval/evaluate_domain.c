/* One domain: trials, features of the images that they need, retrieval. */
#include "runtime/eval/evaluation.h"

#include "graph/base/text.h"
#include "runtime/eval/described.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Work {
  const EvalOptions *options;
  EvaluationDomain *out;
  int64_t *row;       /* (n_images) row of the features; -1: not needed */
  const char **paths; /* (rows) */
  int64_t n_rows;
  Features features;
  Diag *diag;
  char place[4096 + 160]; /* of messages: data and domain */
  Meter *meter;           /* of what is under way; NULL: none is shown */
} Work;

/* Numbers the images that some trial needs, in the domain's order. */
static void number_images(Work *w) {
  const DataDomain *d = w->out->domain;
  for (uint32_t i = 0; i < d->n_images; i++) w->row[i] = -1;
  for (uint32_t t = 0; t < w->out->n_trials; t++) {
    const Trial *trial = &w->out->trials[t].images;
    for (int64_t i = 0; i < trial->n_query; i++) w->row[trial->query[i]] = 0;
    for (int64_t i = 0; i < trial->n_gallery; i++) w->row[trial->gallery[i]] = 0;
  }
  for (uint32_t i = 0; i < d->n_images; i++) {
    if (w->row[i] < 0) continue;
    w->paths[w->n_rows] = d->images[i].path;
    w->row[i] = w->n_rows++;
  }
}

/* Takes unreadable images out of a list. */
static void drop_bad(const Work *w, int64_t *images, int64_t *n) {
  int64_t kept = 0;
  for (int64_t i = 0; i < *n; i++)
    if (!w->features.bad[w->row[images[i]]]) images[kept++] = images[i];
  *n = kept;
}

/* ---- one trial ----------------------------------------------------------------------------- */

typedef struct Columns { /* of the entries of a set */
  int64_t *ids, *cameras, *rows;
} Columns;

static void columns_free(Columns *c) {
  free(c->ids);
  free(c->cameras);
  free(c->rows);
}

static bool columns_fill(const Work *w, const int64_t *images, int64_t n, Columns *c,
                         MetricsSet *out) {
  size_t count = (size_t)n + 1;
  c->ids = calloc(count, sizeof *c->ids);
  c->cameras = calloc(count, sizeof *c->cameras);
  c->rows = calloc(count, sizeof *c->rows);
  if (!c->ids || !c->cameras || !c->rows) return false;
  for (int64_t i = 0; i < n; i++) {
    const DataImage *image = &w->out->domain->images[images[i]];
    c->ids[i] = image->nobody ? -1 : (int64_t)image->pid;
    c->cameras[i] = image->camera;
    c->rows[i] = w->row[images[i]];
  }
  *out = (MetricsSet){w->features.rows, c->ids, c->cameras, n, c->rows, w->place, w->meter};
  return true;
}

static Status match_trial(const Work *w, EvaluationTrial *trial) {
  Columns query = {0}, gallery = {0};
  MetricsSet sets[2];
  Trial *t = &trial->images;
  const EvalOptions *o = w->options;
  MetricsOptions options = {.threads = (int)o->threads,
                            .rerank = o->rerank.k1 ? &o->rerank : NULL,
                            .curve = o->roc,
                            .nearest = o->nearest,
                            .ranks = o->ranks};
  drop_bad(w, t->query, &t->n_query);
  drop_bad(w, t->gallery, &t->n_gallery);
  Status status = columns_fill(w, t->query, t->n_query, &query, &sets[0]) &&
                          columns_fill(w, t->gallery, t->n_gallery, &gallery, &sets[1])
                      ? STATUS_OK
                      : diag_no_memory(w->diag, (size_t)t->n_gallery * 24);
  if (status == STATUS_OK)
    status =
        metrics_evaluate(&sets[0], &sets[1], w->features.dim, &options, &trial->result, w->diag);
  columns_free(&query);
  columns_free(&gallery);
  return status;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static Status pool_trials(const Work *w) {
  EvaluationDomain *out = w->out;
  double trials = (double)out->n_trials;
  int64_t n = 0;
  for (uint32_t t = 0; t < out->n_trials; t++) n += out->trials[t].images.n_query;
  out->ap = calloc((size_t)n + 1, sizeof *out->ap);
  out->ids = calloc((size_t)n + 1, sizeof *out->ids);
  if (!out->ap || !out->ids) return diag_no_memory(w->diag, (size_t)n * 16);
  if (w->options->roc) TRY(metrics_curve_create(&out->curve, w->diag));
  for (uint32_t t = 0; t < out->n_trials; t++) {
    const EvaluationTrial *trial = &out->trials[t];
    const MetricsResult *r = &trial->result;
    for (int64_t i = 0; i < trial->images.n_query; i++) {
      out->ap[out->n_query] = r->ap[i];
      out->ids[out->n_query++] = out->domain->images[trial->images.query[i]].pid;
    }
    out->skipped += r->skipped;
    out->map += r->map / trials;
    out->minp += r->minp / trials;
    out->rank1 += r->rank1 / trials;
    out->rank5 += r->rank5 / trials;
    out->rank10 += r->rank10 / trials;
    out->chance += r->chance / trials;
    for (int k = 0; k < w->options->ranks_shown.n; k++)
      out->cmc[k] += metrics_cmc(r, w->options->ranks_shown.k[k]) / trials;
    if (r->curve.same) metrics_curve_add(&out->curve, &r->curve);
  }
  return metrics_bootstrap(out->ap, out->ids, out->n_query, w->options->seed, &out->interval,
                           w->diag);
}

/* Counts what took part: identities queried, cameras, images, searched images of nobody queried. */
static Status count_people(const Work *w) {
  enum { QUERIED = 1, USED = 2 };
  const DataDomain *d = w->out->domain;
  EvaluationDomain *out = w->out;
  char *pids = calloc(d->n_pids + 1u, 1), *cameras = calloc(d->n_cameras + 1u, 1);
  char *distractors = calloc(d->n_images + 1u, 1);
  Status status = STATUS_OK;
  if (!pids || !cameras || !distractors) status = diag_no_memory(w->diag, d->n_images);
  for (uint32_t t = 0; status == STATUS_OK && t < out->n_trials; t++) {
    const Trial *trial = &out->trials[t].images;
    for (int64_t i = 0; i < trial->n_query; i++) {
      pids[d->images[trial->query[i]].pid] = QUERIED;
      cameras[d->images[trial->query[i]].camera] = USED;
    }
  }
  for (uint32_t t = 0; status == STATUS_OK && t < out->n_trials; t++) {
    const Trial *trial = &out->trials[t].images;
    for (int64_t i = 0; i < trial->n_gallery; i++) {
      const DataImage *image = &d->images[trial->gallery[i]];
      cameras[image->camera] = USED;
      distractors[trial->gallery[i]] = image->nobody || pids[image->pid] != QUERIED;
    }
  }
  if (status == STATUS_OK) {
    for (uint32_t i = 0; i < d->n_pids; i++) out->identities += pids[i] == QUERIED;
    for (uint32_t i = 0; i < d->n_cameras; i++) out->cameras += cameras[i] == USED;
    for (uint32_t i = 0; i < d->n_images; i++) out->distractors += distractors[i];
  }
  free(pids);
  free(cameras);
  free(distractors);
  out->unreadable = w->features.n_bad;
  out->images = w->n_rows - out->unreadable;
  return status;
}

static bool is_row_zero(const float *row, int64_t dim) {
  int64_t k = 0;
  while (k < dim && row[k] == 0) k++;
  return k == dim;
}

/* Features that are 0 lie equally near to all, equal ones equally near to each other: such images
 * are ranked by their order in the data, which says nothing of the network. */
static void warn_features(const Work *w) {
  const Features *f = &w->features;
  int64_t zeros = 0, first = -1, equal = 0, n = 0;
  for (int64_t i = 0; i < w->n_rows; i++) {
    if (f->bad[i]) continue;
    const float *row = f->rows + i * f->dim;
    if (first < 0) first = i;
    n++;
    zeros += is_row_zero(row, f->dim);
    equal += memcmp(row, f->rows + first * f->dim, (size_t)f->dim * sizeof *row) == 0;
  }
  const char *hint = "images that are equally near are ranked in the order of the data";
  if (n > 2 && equal == n)
    diag_warning(w->diag, w->place, hint, "all %lld features are equal%s", (long long)n,
                 zeros ? ", and 0" : "");
  else if (zeros)
    diag_warning(w->diag, w->place, hint, "%lld of %lld features are 0", (long long)zeros,
                 (long long)n);
}

/* A network that trains on may overflow where its running statistics lag behind. */
static bool is_finite(const Features *f, int64_t n) {
  for (int64_t i = 0; i < n * f->dim; i++)
    if (!isfinite(f->rows[i])) return false;
  return true;
}

static void give_up(const Work *w) {
  w->out->map = w->out->minp = w->out->rank1 = w->out->rank5 = w->out->rank10 = NAN;
  if (together_first(w->options->ranks)) /* all have all features */
    diag_warning(w->diag, w->place, NULL, "no figures: a feature is not finite");
}

typedef struct Describer {
  Executor *executor; /* NULL: by colour */
  uint32_t program;
} Describer;

static Status describe_some(void *context, const FeatureJob *job, Features *out, Diag *diag) {
  const Describer *d = context;
  if (!d->executor) return features_color(job, out, diag);
  return features_network(job, d->executor, d->program, out, diag);
}

static Meter *start_meter(const Work *w, const char *what, const char *unit, int64_t total) {
  bool shown = w->options->progress && together_first(w->options->ranks);
  return shown ? meter_start(what, unit, total) : NULL;
}

/* From a file that has the features of all images. */
static Status take_described(Work *w) {
  const Described *from = w->options->described;
  const DataDomain *d = w->out->domain;
  int64_t first = from->first[d - from->data->domains];
  TRY(features_create(w->n_rows, from->features.dim, &w->features, w->diag));
  for (uint32_t i = 0; i < d->n_images; i++) {
    if (w->row[i] < 0) continue;
    bool bad = from->features.bad[first + i];
    memcpy(w->features.rows + w->row[i] * w->features.dim,
           from->features.rows + (first + i) * w->features.dim,
           (size_t)w->features.dim * sizeof(float));
    w->features.bad[w->row[i]] = bad;
    w->features.n_bad += bad;
  }
  return STATUS_OK;
}

static Status describe(Work *w, Executor *executor, uint32_t program) {
  const EvalOptions *o = w->options;
  if (o->described) return take_described(w);
  FeatureJob job = {.paths = w->paths,
                    .count = w->n_rows,
                    .workers = o->workers ? o->workers : o->threads,
                    .skip_bad = o->skip_bad_images,
                    .told = o->bad_images_told,
                    .meter = start_meter(w, "describing", "images", w->n_rows)};
  Describer describer = {executor, program};
  Status status = features_shared(&job, o->ranks, describe_some, &describer, &w->features, w->diag);
  meter_end(job.meter);
  return status;
}

static Status match_trials(Work *w) {
  int64_t queries = 0;
  Status status = STATUS_OK;
  for (uint32_t t = 0; t < w->out->n_trials; t++) queries += w->out->trials[t].images.n_query;
  w->meter = start_meter(w, "matching", "queries", queries);
  for (uint32_t t = 0; t < w->out->n_trials && status == STATUS_OK; t++)
    status = match_trial(w, &w->out->trials[t]);
  meter_end(w->meter);
  w->meter = NULL;
  return status;
}

static Status match(Work *w) {
  if (together_first(w->options->ranks)) warn_features(w);
  TRY(match_trials(w));
  TRY(count_people(w));
  return pool_trials(w);
}

Status evaluation_domain(const EvalOptions *options, const Protocol *protocol,
                         const DataDomain *domain, Executor *executor, uint32_t program,
                         EvaluationDomain *out, Diag *diag) {
  *out = (EvaluationDomain){.domain = domain};
  Work w = {.options = options, .out = out, .diag = diag};
  text_format(w.place, sizeof w.place, "%s: domain %s", options->data, domain->name);
  w.row = calloc(domain->n_images + 1u, sizeof *w.row);
  w.paths = calloc(domain->n_images + 1u, sizeof *w.paths);
  out->trials = calloc(protocol->trials, sizeof *out->trials);
  Status status =
      w.row && w.paths && out->trials ? STATUS_OK : diag_no_memory(diag, domain->n_images * 16u);
  for (uint32_t t = 0; status == STATUS_OK && t < protocol->trials; t++) {
    status = protocol_trial(protocol, domain, t, &out->trials[t].images, diag);
    out->n_trials += status == STATUS_OK;
  }
  if (status == STATUS_OK) {
    number_images(&w);
    status = describe(&w, executor, program);
  }
  if (status == STATUS_OK && options->let_not_finite && !is_finite(&w.features, w.n_rows))
    give_up(&w);
  else if (status == STATUS_OK)
    status = match(&w);
  features_release(&w.features);
  free(w.row);
  free(w.paths);
  if (status != STATUS_OK) evaluation_release(out);
  return status;
}

void evaluation_release(EvaluationDomain *domain) {
  for (uint32_t t = 0; t < domain->n_trials; t++) {
    trial_release(&domain->trials[t].images);
    metrics_release(&domain->trials[t].result);
  }
  metrics_curve_release(&domain->curve);
  free(domain->trials);
  free(domain->ap);
  free(domain->ids);
  *domain = (EvaluationDomain){0};
}
