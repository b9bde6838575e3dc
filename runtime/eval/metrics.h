/* Retrieval metrics: mean average precision, cumulative matches, chance level, bootstrap intervals.
 *
 * Distance is the cosine distance of L2-normalised features.  For each query the gallery is ordered
 * by (distance, index); entries with the query's identity *and* camera are removed; a query that
 * has no match left is skipped and counted.  AP is the mean over the matches of hits / rank,
 * without interpolation.  A product of two features is one chain of fused multiply-adds in
 * ascending order of the dimension, so results depend neither on threads nor on the instruction
 * set. */
#ifndef RUNTIME_EVAL_METRICS_H
#define RUNTIME_EVAL_METRICS_H

#include "graph/base/diag.h"
#include "graph/base/meter.h"

#include <stdint.h>

/* Entries of a set.  Features are rows of `dim` numbers of any length: they are normalised here (a
 * zero row has similarity 0 to everything).  Identities and cameras are arbitrary numbers. */
typedef struct MetricsSet {
  const float *features;
  const int64_t *ids, *cameras; /* (count) */
  int64_t count;
  const int64_t *rows; /* (count) row of `features` that an entry has; NULL: entry i has row i */
  const char *place;   /* of messages about the set; may be NULL */
  Meter *meter;        /* of the query: counts those that are ranked; may be NULL */
} MetricsSet;

typedef struct MetricsResult {
  int64_t scored, skipped;     /* queries with and without a match */
  double map;                  /* mean AP of the scored queries, 0..1 */
  double rank1, rank5, rank10; /* share of scored queries with a match among the first 1, 5, 10 */
  double chance;               /* expected mAP of a random order, exact */
  double *ap;                  /* (n_query) AP; -1 for a skipped query */
  int64_t *first;              /* (n_query) rank of the first match from 1; 0 for a skipped query */
  int64_t n_query;
} MetricsResult;

#define METRICS_BLOCK 96 /* queries that share one packing of the gallery */

/* Evaluates `query` against `gallery`.  `threads` < 1 counts as 1.  Memory besides the features:
 * the similarities of METRICS_BLOCK queries to the whole gallery, for each thread.  Refuses empty
 * sets and non-finite features; it is an error when no query has a match.  On success the caller
 * releases `out`. */
Status metrics_evaluate(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        int threads, MetricsResult *out, Diag *diag);
void metrics_release(MetricsResult *result);

/* Expected AP of a random order of `entries` entries with `matches` >= 1 matches:
 * (m - 1)/(n - 1) + H(n)/n (n - m)/(n - 1), H(n) the harmonic number, 1 for n = m. */
double metrics_chance_ap(int64_t matches, int64_t entries);

#define METRICS_DRAWS 1000

typedef struct MetricsInterval {
  double mean;      /* of the sample itself */
  double low, high; /* 2.5 % and 97.5 % quantiles over the draws */
  double share;     /* of the draws that are > 0 (paired form: where the second is better) */
} MetricsInterval;

/* 95 % interval of mAP: METRICS_DRAWS samples of as many identities as there are, with replacement,
 * drawn from (seed, draw).  `ap` and `ids` are per query; queries with AP < 0 take no part. */
Status metrics_bootstrap(const double *ap, const int64_t *ids, int64_t n_query, uint64_t seed,
                         MetricsInterval *out, Diag *diag);

/* The same for the difference ap_b - ap_a of two evaluations of the same queries; refused when they
 * skip different queries.  Several runs of an arm may be averaged into `ap` beforehand. */
Status metrics_bootstrap_paired(const double *ap_a, const double *ap_b, const int64_t *ids,
                                int64_t n_query, uint64_t seed, MetricsInterval *out, Diag *diag);

#endif
