/* Intervals of mAP: identities drawn again and again, since queries of one person are no
 * independent observations. */
#include "runtime/eval/metrics.h"

#include "graph/base/philox.h"

#include <stdlib.h>
#include <string.h>

typedef struct Entry {
  int64_t id, index;
} Entry;

static int compare_entries(const void *a, const void *b) {
  const Entry *x = a, *y = b;
  if (x->id != y->id) return x->id < y->id ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

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
