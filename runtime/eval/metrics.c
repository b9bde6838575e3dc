/* Average precision and cumulative matches without a matrix of all distances: a block of queries
 * meets the gallery panel by panel, so that memory is the features plus some rows for each thread.
 */
#include "runtime/eval/metrics.h"

#include "graph/base/philox.h"
#include "graph/base/threads.h"
#include "kernels/product.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const float *set_row(const MetricsSet *set, int64_t i, int64_t dim) {
  return set->features + (set->rows ? set->rows[i] : i) * dim;
}

/* ---- evaluation ---------------------------------------------------------------------------- */

typedef struct Entry {
  int64_t id, index;
} Entry;

typedef struct Evaluation {
  const MetricsSet *query, *gallery;
  int64_t dim;
  float *scale;   /* (gallery) 1 / length */
  Entry *by_id;   /* the gallery's entries by (id, index) */
  double *chance; /* (n_query) */
  MetricsResult *out;
  atomic_llong next; /* first query of the next block */
} Evaluation;

typedef struct Work { /* of one thread */
  float *similarity;  /* (METRICS_BLOCK, gallery) */
  void *scratch;      /* of the products */
  uint64_t *matches;  /* keys of a query's matches, ascending */
  int64_t *before;    /* (matches + 1) entries between two matches */
} Work;

static ProductRows rows_of(const MetricsSet *set) {
  return (ProductRows){set->features, set->rows, set->count};
}

/* Similarities of queries first .. first + n - 1 to the whole gallery. */
static void evaluation_products(const Evaluation *e, Work *w, int64_t first, int64_t n) {
  ProductRows query = rows_of(e->query), gallery = rows_of(e->gallery);
  product_rows(&query, first, n, &gallery, e->dim, w->similarity, gallery.count, w->scratch);
}

/* Ascending keys are ascending (distance, index): the similarity's bits, made monotone and turned
 * round, then the index. */
static uint64_t order_key(float similarity, int64_t index) {
  uint32_t bits;
  similarity += 0.0f; /* -0 and 0 tie */
  memcpy(&bits, &similarity, sizeof bits);
  bits = bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
  return (uint64_t)bits << 32 | (uint32_t)index;
}

static int compare_keys(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static int compare_entries(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* The number of keys below `key`, without branches that the data decides. */
static int64_t keys_below(const uint64_t *keys, int64_t n, uint64_t key) {
  const uint64_t *base = keys;
  while (n > 1) {
    int64_t half = n / 2;
    base += base[half - 1] < key ? half : 0;
    n -= half;
  }
  return base - keys + (*base < key);
}

static int64_t entries_lower(const Entry *entries, int64_t n, int64_t id) {
  int64_t low = 0;
  while (n > 0) {
    int64_t half = n / 2;
    if (entries[low + half].id < id) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

/* Ranks the matches of query q.  A rank needs no sorted gallery: it is the number of valid entries
 * up to the match, counted in one pass over the similarities; the query's own identity, matches and
 * removed entries alike, is looked up in by_id and taken out of the counts. */
static void evaluation_rank(const Evaluation *e, Work *w, int64_t q, const float *similarity) {
  int64_t id = e->query->ids[q], camera = e->query->cameras[q], n = e->gallery->count;
  int64_t at = entries_lower(e->by_id, n, id), end = at, matches = 0, removed = 0;
  for (; end < n && e->by_id[end].id == id; end++) {
    int64_t j = e->by_id[end].index;
    if (e->gallery->cameras[j] == camera)
      removed++;
    else
      w->matches[matches++] = order_key(similarity[j] * e->scale[j], j);
  }
  MetricsResult *out = e->out;
  out->ap[q] = -1;
  out->first[q] = 0;
  e->chance[q] = 0;
  if (matches == 0) return;
  qsort(w->matches, (size_t)matches, sizeof *w->matches, compare_keys);
  memset(w->before, 0, (size_t)(matches + 1) * sizeof *w->before);
  for (int64_t j = 0; j < n; j++)
    w->before[keys_below(w->matches, matches, order_key(similarity[j] * e->scale[j], j))]++;
  for (int64_t i = at; i < end; i++) {
    int64_t j = e->by_id[i].index;
    if (e->gallery->cameras[j] == camera)
      w->before[keys_below(w->matches, matches, order_key(similarity[j] * e->scale[j], j))]--;
  }
  double sum = 0;
  int64_t rank = 0;
  for (int64_t i = 0; i < matches; i++) {
    rank += w->before[i]; /* the match itself is the last entry counted there */
    if (i == 0) out->first[q] = rank;
    sum += (double)(i + 1) / (double)rank;
  }
  out->ap[q] = sum / (double)matches;
  e->chance[q] = metrics_chance_ap(matches, n - removed);
}

static void work_release(Work *w) {
  free(w->similarity);
  free(w->scratch);
  free(w->matches);
  free(w->before);
}

static bool work_create(Work *w, const Evaluation *e, int64_t most) {
  memset(w, 0, sizeof *w);
  size_t block = METRICS_BLOCK * sizeof(float);
  if ((size_t)e->gallery->count > SIZE_MAX / block) return false;
  w->similarity = malloc((size_t)e->gallery->count * block);
  w->scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  w->matches = calloc((size_t)most + 1, sizeof *w->matches);
  w->before = calloc((size_t)most + 1, sizeof *w->before);
  return w->similarity && w->scratch && w->matches && w->before;
}

typedef struct Worker {
  Evaluation *e;
  Work work;
} Worker;

static void *worker_run(void *data) {
  Worker *worker = data;
  Evaluation *e = worker->e;
  for (;;) {
    int64_t first = atomic_fetch_add(&e->next, METRICS_BLOCK);
    if (first >= e->query->count) return NULL;
    int64_t left = e->query->count - first, n = left < METRICS_BLOCK ? left : METRICS_BLOCK;
    evaluation_products(e, &worker->work, first, n);
    for (int64_t i = 0; i < n; i++)
      evaluation_rank(e, &worker->work, first + i, worker->work.similarity + i * e->gallery->count);
    meter_add(e->query->meter, n);
  }
}

/* 1 / length of every row into `scale` (may be NULL); refuses values that are not finite. */
static Status set_check(const MetricsSet *set, const char *name, int64_t dim, float *scale,
                        Diag *diag) {
  for (int64_t i = 0; i < set->count; i++) {
    const float *row = set_row(set, i, dim);
    double sum[4] = {0};
    int64_t k = 0;
    for (; k + 4 <= dim; k += 4)
      for (int l = 0; l < 4; l++) sum[l] += (double)row[k + l] * (double)row[k + l];
    for (; k < dim; k++) sum[0] += (double)row[k] * (double)row[k];
    double length = sqrt(sum[0] + sum[1] + (sum[2] + sum[3]));
    if (!isfinite(length))
      return diag_error(diag, STATUS_SYSTEM, set->place, "the network's output is not usable",
                        "%s feature %lld is not finite", name, (long long)i);
    if (scale) scale[i] = length > 0 ? (float)(1 / length) : 0;
  }
  return STATUS_OK;
}

/* Sorts the gallery by identity; *most: the largest number of images of one identity. */
static void evaluation_index(Evaluation *e, int64_t *most) {
  int64_t n = e->gallery->count, run = 0;
  for (int64_t i = 0; i < n; i++) e->by_id[i] = (Entry){e->gallery->ids[i], i};
  qsort(e->by_id, (size_t)n, sizeof *e->by_id, compare_entries);
  *most = 0;
  for (int64_t i = 0; i < n; i++) {
    run = i > 0 && e->by_id[i].id == e->by_id[i - 1].id ? run + 1 : 1;
    if (run > *most) *most = run;
  }
}

/* Runs the blocks on up to `threads` threads, this one included; fewer when the system refuses
 * memory or threads for more. */
static Status evaluation_run(Evaluation *e, int64_t most, int threads, Diag *diag) {
  Worker workers[THREADS_MAX];
  pthread_t handles[THREADS_MAX];
  int64_t blocks = (e->query->count + METRICS_BLOCK - 1) / METRICS_BLOCK;
  int want = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads, n = 0, started = 0;
  if (want > blocks) want = (int)blocks;
  for (; n < want; n++) {
    workers[n].e = e;
    if (work_create(&workers[n].work, e, most)) continue;
    work_release(&workers[n].work);
    break;
  }
  if (n == 0)
    return diag_no_memory(diag, (size_t)e->gallery->count * METRICS_BLOCK * sizeof(float));
  for (int i = 1; i < n; i++, started++)
    if (pthread_create(&handles[i], NULL, worker_run, &workers[i]) != 0) break;
  worker_run(&workers[0]);
  for (int i = 1; i <= started; i++) pthread_join(handles[i], NULL);
  for (int i = 0; i < n; i++) work_release(&workers[i].work);
  return STATUS_OK;
}

static Status evaluation_sum(const Evaluation *e, Diag *diag) {
  MetricsResult *out = e->out;
  int64_t within[3] = {0};
  for (int64_t q = 0; q < out->n_query; q++) {
    if (out->ap[q] < 0) {
      out->skipped++;
      continue;
    }
    out->scored++;
    out->map += out->ap[q];
    out->chance += e->chance[q];
    within[0] += out->first[q] <= 1;
    within[1] += out->first[q] <= 5;
    within[2] += out->first[q] <= 10;
  }
  if (out->scored == 0)
    return diag_error(diag, STATUS_INVALID, e->query->place,
                      "every identity of the query needs gallery images of another camera",
                      "none of the %lld queries has a match in the gallery",
                      (long long)out->n_query);
  double n = (double)out->scored;
  out->map /= n;
  out->chance /= n;
  out->rank1 = (double)within[0] / n;
  out->rank5 = (double)within[1] / n;
  out->rank10 = (double)within[2] / n;
  return STATUS_OK;
}

static Status evaluation_whole(Evaluation *e, int threads, Diag *diag) {
  size_t nq = (size_t)e->query->count, ng = (size_t)e->gallery->count;
  int64_t most = 0;
  e->scale = calloc(ng, sizeof *e->scale);
  e->by_id = calloc(ng, sizeof *e->by_id);
  e->chance = calloc(nq, sizeof *e->chance);
  e->out->ap = calloc(nq, sizeof *e->out->ap);
  e->out->first = calloc(nq, sizeof *e->out->first);
  if (!e->scale || !e->by_id || !e->chance || !e->out->ap || !e->out->first)
    return diag_no_memory(diag, (nq + ng) * 16);
  TRY(set_check(e->query, "query", e->dim, NULL, diag));
  TRY(set_check(e->gallery, "gallery", e->dim, e->scale, diag));
  evaluation_index(e, &most);
  TRY(evaluation_run(e, most, threads, diag));
  return evaluation_sum(e, diag);
}

Status metrics_evaluate(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        int threads, MetricsResult *out, Diag *diag) {
  memset(out, 0, sizeof *out);
  if (query->count < 1 || gallery->count < 1 || dim < 1 || gallery->count > UINT32_MAX)
    return diag_error(diag, STATUS_INVALID, query->place, "both need at least one image",
                      "cannot evaluate %lld queries against a gallery of %lld",
                      (long long)query->count, (long long)gallery->count);
  out->n_query = query->count;
  Evaluation e = {.query = query, .gallery = gallery, .dim = dim, .out = out};
  Status status = evaluation_whole(&e, threads, diag);
  free(e.scale);
  free(e.by_id);
  free(e.chance);
  if (status != STATUS_OK) metrics_release(out);
  return status;
}

void metrics_release(MetricsResult *result) {
  free(result->ap);
  free(result->first);
  memset(result, 0, sizeof *result);
}

/* H(n): the sum itself while it is short, then its asymptotic series, exact to double precision. */
static double harmonic(int64_t n) {
  double sum = 0, x = (double)n;
  if (n < 64) {
    for (int64_t k = n; k >= 1; k--) sum += 1 / (double)k;
    return sum;
  }
  double y = 1 / (x * x);
  return log(x) + 0.57721566490153286061 + 1 / (2 * x) -
         y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y / 240)));
}

double metrics_chance_ap(int64_t matches, int64_t entries) {
  double m = (double)matches, n = (double)entries;
  if (entries <= matches) return 1;
  return ((m - 1) + harmonic(entries) / n * (n - m)) / (n - 1);
}

/* ---- bootstrap ----------------------------------------------------------------------------- */

typedef struct Group { /* an identity's queries */
  double sum, count;
} Group;

/* Sums `value` over each identity's scored queries, identities ascending; *n groups. */
static Status groups_build(const double *value, const double *ap, const int64_t *ids,
                           int64_t n_query, Group **out_groups, int64_t *n, Diag *diag) {
  Entry *order = calloc((size_t)n_query + 1, sizeof *order);
  Group *groups = calloc((size_t)n_query + 1, sizeof *groups);
  int64_t scored = 0;
  *out_groups = groups;
  *n = 0;
  if (!order || !groups) {
    free(order);
    return diag_no_memory(diag, (size_t)n_query * sizeof *order);
  }
  for (int64_t q = 0; q < n_query; q++)
    if (ap[q] >= 0) order[scored++] = (Entry){ids[q], q};
  qsort(order, (size_t)scored, sizeof *order, compare_entries);
  for (int64_t i = 0; i < scored; i++) {
    if (i == 0 || order[i].id != order[i - 1].id) ++*n;
    groups[*n - 1].sum += value[order[i].index];
    groups[*n - 1].count += 1;
  }
  free(order);
  if (*n == 0) return diag_error(diag, STATUS_INVALID, NULL, NULL, "no scored query to draw from");
  return STATUS_OK;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(const double *sorted, double p) {
  double at = p * (METRICS_DRAWS - 1);
  int64_t i = (int64_t)at;
  return sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]);
}

static Status bootstrap(const double *value, const double *ap, const int64_t *ids, int64_t n_query,
                        uint64_t seed, MetricsInterval *out, Diag *diag) {
  double draws[METRICS_DRAWS], sum = 0, count = 0;
  uint64_t site = philox_site("metrics/bootstrap");
  Group *groups = NULL;
  int64_t n = 0, above = 0;
  memset(out, 0, sizeof *out);
  Status status = groups_build(value, ap, ids, n_query, &groups, &n, diag);
  if (status != STATUS_OK) {
    free(groups);
    return status;
  }
  for (int64_t i = 0; i < n; i++) {
    sum += groups[i].sum;
    count += groups[i].count;
  }
  out->mean = sum / count;
  for (uint64_t draw = 0; draw < METRICS_DRAWS; draw++) {
    sum = count = 0;
    for (int64_t i = 0; i < n; i++) {
      int64_t pick = (int64_t)(philox_uniform(seed, draw, site, (uint64_t)i) * (double)n);
      if (pick >= n) pick = n - 1;
      sum += groups[pick].sum;
      count += groups[pick].count;
    }
    draws[draw] = sum / count;
    above += draws[draw] > 0;
  }
  free(groups);
  qsort(draws, METRICS_DRAWS, sizeof *draws, compare_doubles);
  out->low = quantile(draws, 0.025);
  out->high = quantile(draws, 0.975);
  out->share = (double)above / METRICS_DRAWS;
  return STATUS_OK;
}

Status metrics_bootstrap(const double *ap, const int64_t *ids, int64_t n_query, uint64_t seed,
                         MetricsInterval *out, Diag *diag) {
  return bootstrap(ap, ap, ids, n_query, seed, out, diag);
}

Status metrics_bootstrap_paired(const double *ap_a, const double *ap_b, const int64_t *ids,
                                int64_t n_query, uint64_t seed, MetricsInterval *out, Diag *diag) {
  double *difference = calloc((size_t)n_query + 1, sizeof *difference);
  Status status = STATUS_OK;
  memset(out, 0, sizeof *out);
  if (!difference) return diag_no_memory(diag, (size_t)n_query * sizeof *difference);
  for (int64_t q = 0; q < n_query && status == STATUS_OK; q++) {
    if ((ap_a[q] < 0) != (ap_b[q] < 0))
      status = diag_error(diag, STATUS_INVALID, NULL, "compare runs over the same test set",
                          "query %lld has a match in one evaluation only", (long long)q);
    difference[q] = ap_b[q] - ap_a[q];
  }
  if (status == STATUS_OK) status = bootstrap(difference, ap_a, ids, n_query, seed, out, diag);
  free(difference);
  return status;
}
