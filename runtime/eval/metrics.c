/* The whole of an evaluation: lengths, the index of identities, and means of what
 * metrics_block.c finds of each query. */
#include "runtime/eval/metrics.h"

#include "graph/base/threads.h"
#include "runtime/eval/metrics_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float *set_row(const MetricsSet *set, int64_t i, int64_t dim) {
  return set->features + (set->rows ? set->rows[i] : i) * dim;
}

Status metrics_scale(const MetricsSet *set, const char *name, int64_t dim, float *scale,
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
    /* The product of two longer rows may not be finite, that of two shorter ones is nothing but
     * rounding in f32. */
    if (length > 1e19 || (length > 0 && length < 1e-16))
      return diag_error(diag, STATUS_SYSTEM, set->place, "the network's output is not usable",
                        "%s feature %lld has the length %.3g", name, (long long)i, length);
    scale[i] = length > 0 ? (float)(1 / length) : 0;
  }
  return STATUS_OK;
}

/* ---- the index of identities --------------------------------------------------------------- */

static int compare_entries(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
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

static void index_fill(const Evaluation *e, Entry *by_id, Own *own) {
  int64_t n = e->gallery->count;
  for (int64_t i = 0; i < n; i++) by_id[i] = (Entry){e->gallery->ids[i], i};
  qsort(by_id, (size_t)n, sizeof *by_id, compare_entries);
  for (int64_t q = 0; q < e->query->count; q++) {
    int64_t id = e->query->ids[q], at = entries_lower(by_id, n, id), end = at;
    while (end < n && by_id[end].id == id) end++;
    own[q] = (Own){at, end - at};
  }
}

/* ---- evaluation ---------------------------------------------------------------------------- */

static Status sum_queries(const Evaluation *e, MetricsResult *out, Diag *diag) {
  for (int64_t q = 0; q < out->n_query; q++) {
    if (out->ap[q] < 0) {
      out->skipped++;
      continue;
    }
    out->scored++;
    out->map += out->ap[q];
    out->minp += out->inp[q];
    out->chance += e->chance[q];
  }
  if (out->scored == 0 && e->unmatched) {
    out->map = out->minp = out->chance = NAN;
    return STATUS_OK;
  }
  if (out->scored == 0)
    return diag_error(diag, STATUS_INVALID, e->query->place,
                      "every identity of the query needs gallery images of another camera",
                      "none of the %lld queries has a match in the gallery",
                      (long long)out->n_query);
  double n = (double)out->scored;
  out->map /= n;
  out->minp /= n;
  out->chance /= n;
  out->rank1 = metrics_cmc(out, 1);
  out->rank5 = metrics_cmc(out, 5);
  out->rank10 = metrics_cmc(out, 10);
  return STATUS_OK;
}

double metrics_cmc(const MetricsResult *result, int64_t k) {
  int64_t within = 0;
  for (int64_t q = 0; q < result->n_query; q++)
    within += result->first[q] > 0 && result->first[q] <= k;
  return result->scored ? (double)within / (double)result->scored : 0;
}

/* Blocks and panels: a few more blocks than threads where there are not many queries. */
static void choose_sizes(Evaluation *e, const MetricsOptions *o) {
  e->to = e->query->count;
  if (o->ranks) metrics_share(e, o->ranks);
  int64_t threads = o->threads < 1 ? 1 : o->threads,
          each = (e->to - e->from + threads - 1) / threads;
  e->threads = threads < THREADS_MAX ? (int)threads : THREADS_MAX;
  e->block = o->block > 0 ? o->block : each < METRICS_BLOCK ? each : METRICS_BLOCK;
  e->panel = o->panel > 0 ? o->panel : METRICS_PANEL;
  if (e->block > e->query->count) e->block = e->query->count;
  if (e->block < 1) e->block = 1; /* of a rank without queries */
  if (e->panel > e->gallery->count) e->panel = e->gallery->count;
}

static Status check_sizes(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                          Diag *diag) {
  if (query->count >= 1 && gallery->count >= 1 && dim >= 1 && gallery->count <= UINT32_MAX)
    return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, query->place, "both need at least one image",
                    "cannot evaluate %lld queries against a gallery of %lld",
                    (long long)query->count, (long long)gallery->count);
}

static Status keep_nearest(Evaluation *e, int64_t keep, MetricsResult *out, Diag *diag) {
  size_t n = (size_t)(e->query->count * keep);
  out->nearest = calloc(n, sizeof *out->nearest);
  out->nearest_distance = calloc(n, sizeof *out->nearest_distance);
  if (!out->nearest || !out->nearest_distance) return diag_no_memory(diag, n * 16);
  for (size_t i = 0; i < n; i++) out->nearest[i] = -1;
  e->keep = keep;
  e->nearest = out->nearest;
  e->nearest_distance = out->nearest_distance;
  return STATUS_OK;
}

static Status rank(Evaluation *e, const MetricsOptions *o, MetricsResult *out, Diag *diag) {
  Rerank *rerank = NULL;
  TRY(metrics_scale(e->query, "query", e->dim, e->scale[0], diag));
  TRY(metrics_scale(e->gallery, "gallery", e->dim, e->scale[1], diag));
  if (o->curve) TRY(metrics_curve_create(&out->curve, diag));
  if (o->curve) e->curve = &out->curve;
  if (o->nearest > 0) TRY(keep_nearest(e, o->nearest, out, diag));
  if (o->rerank)
    TRY(rerank_create(
        e->query, e->gallery, e->dim, e->scale,
        &(MetricsOptions){
            .threads = e->threads, .rerank = o->rerank, .block = e->block, .panel = e->panel},
        diag, &rerank));
  e->rerank = rerank;
  Status status = metrics_blocks_run(e, diag);
  rerank_destroy(rerank);
  return status;
}

Status metrics_evaluate(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        const MetricsOptions *options, MetricsResult *out, Diag *diag) {
  *out = (MetricsResult){.n_query = query->count};
  TRY(check_sizes(query, gallery, dim, diag));
  size_t nq = (size_t)query->count, ng = (size_t)gallery->count;
  Entry *by_id = calloc(ng, sizeof *by_id);
  Own *own = calloc(nq, sizeof *own);
  out->ap = calloc(nq, sizeof *out->ap);
  out->inp = calloc(nq, sizeof *out->inp);
  out->first = calloc(nq, sizeof *out->first);
  Evaluation e = {.query = query,
                  .unmatched = options->unmatched,
                  .gallery = gallery,
                  .dim = dim,
                  .scale = {calloc(nq, sizeof(float)), calloc(ng, sizeof(float))},
                  .chance = calloc(nq, sizeof(double)),
                  .by_id = by_id,
                  .own = own,
                  .ap = out->ap,
                  .inp = out->inp,
                  .first = out->first};
  Status status = STATUS_OK;
  if (!e.scale[0] || !e.scale[1] || !e.chance || !by_id || !own || !out->ap || !out->inp ||
      !out->first)
    status = diag_no_memory(diag, (nq + ng) * 16);
  if (status == STATUS_OK) {
    choose_sizes(&e, options);
    index_fill(&e, by_id, own);
    status = rank(&e, options, out, diag);
  }
  if (options->ranks) status = metrics_gather(&e, options->ranks, status, diag);
  if (status == STATUS_OK) status = sum_queries(&e, out, diag);
  free(e.scale[0]);
  free(e.scale[1]);
  free(e.chance);
  free(by_id);
  free(own);
  if (status != STATUS_OK) metrics_release(out);
  return status;
}

Status metrics_products(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        const MetricsOptions *options, Diag *diag) {
  TRY(check_sizes(query, gallery, dim, diag));
  Evaluation e = {.query = query, .gallery = gallery, .dim = dim, .products = true};
  choose_sizes(&e, options);
  return metrics_blocks_run(&e, diag);
}

void metrics_release(MetricsResult *result) {
  free(result->ap);
  free(result->inp);
  free(result->first);
  free(result->nearest);
  free(result->nearest_distance);
  metrics_curve_release(&result->curve);
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
