/* Retrieval metrics: mean average precision, mean inverse negative penalty, cumulative matches,
 * chance level, the ROC curve of pairs, bootstrap intervals.
 *
 * Distance is the cosine distance of L2-normalised features.  For each query the gallery is ordered
 * by (distance, index); entries with the query's identity *and* camera are removed; a query that
 * has no match left is skipped and counted.  AP is the mean over the matches of hits / rank,
 * without interpolation; INP is matches / rank of the last match.  A product of two features is one
 * chain of fused multiply-adds in ascending order of the dimension, and what is counted are whole
 * numbers, so results depend neither on threads, nor on how queries and gallery are cut into
 * blocks, nor on the instruction set. */
#ifndef RUNTIME_EVAL_METRICS_H
#define RUNTIME_EVAL_METRICS_H

#include "graph/base/diag.h"
#include "graph/base/meter.h"
#include "runtime/ranks/ranks.h"

#include <stdbool.h>
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

/* Re-ranking by k-reciprocal neighbours (runtime/eval/rerank.h). */
typedef struct MetricsRerank {
  int64_t k1, k2; /* at least 1 */
  double lambda;  /* share of the distance itself, 0..1 */
} MetricsRerank;

typedef struct MetricsOptions {
  int threads;                 /* < 1 counts as 1 */
  const MetricsRerank *rerank; /* NULL: the order is that of the distances */
  bool curve;                  /* count the distances of all pairs, too */
  int64_t nearest;             /* how many are kept of what is found for each query */
  Ranks *ranks;                /* that share the queries, and call this together; NULL: one */
  bool unmatched;              /* no query need have a match: figures are then no numbers */
  int64_t block, panel; /* queries and gallery entries that meet at once; 0: chosen.  No result
                           depends on them */
} MetricsOptions;

/* Distances of pairs of a query and a gallery entry, of one person and of two, without removed
 * entries: how many lie in bin b, from b to b + 1 METRICS_BINS-ths of the largest, 2. */
#define METRICS_BINS (1 << 18)
typedef struct MetricsCurve {
  uint64_t *same, *other; /* (METRICS_BINS) */
  uint64_t n_same, n_other;
} MetricsCurve;

typedef struct MetricsResult {
  int64_t scored, skipped;     /* queries with and without a match */
  double map;                  /* mean AP of the scored queries, 0..1 */
  double minp;                 /* mean INP of them, 0..1 */
  double rank1, rank5, rank10; /* share of scored queries with a match among the first 1, 5, 10 */
  double chance;               /* expected mAP of a random order, exact */
  double *ap;                  /* (n_query) AP; -1 for a skipped query */
  double *inp;                 /* (n_query) INP; -1 for a skipped query */
  int64_t *first;              /* (n_query) rank of the first match from 1; 0 for a skipped query */
  /* (n_query, nearest) gallery entries that are not taken out, by (distance, index), and how far
   * they are; -1 behind the last. */
  int64_t *nearest;
  double *nearest_distance;
  int64_t n_query;
  MetricsCurve curve; /* with MetricsOptions.curve */
} MetricsResult;

/* Evaluates `query` against `gallery`.  Memory besides the features: METRICS_BLOCK rows of
 * METRICS_PANEL similarities for each thread and some numbers for each entry.  Refuses empty sets
 * and features that are not finite; it is an error when no query has a match.  On success the
 * caller releases `out`. */
Status metrics_evaluate(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        const MetricsOptions *options, MetricsResult *out, Diag *diag);
void metrics_release(MetricsResult *result);

#define METRICS_BLOCK 256
#define METRICS_PANEL 1024

/* The share of scored queries with a match among the first `k`, 0..1. */
double metrics_cmc(const MetricsResult *result, int64_t k);

/* The products of every query with every gallery entry alone, by as many threads in the same
 * blocks: what an evaluation is measured against. */
Status metrics_products(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                        const MetricsOptions *options, Diag *diag);

/* Expected AP of a random order of `entries` entries with `matches` >= 1 matches:
 * (m - 1)/(n - 1) + H(n)/n (n - m)/(n - 1), H(n) the harmonic number, 1 for n = m. */
double metrics_chance_ap(int64_t matches, int64_t entries);

/* ---- the curve (metrics_curve.c) ---- */

Status metrics_curve_create(MetricsCurve *curve, Diag *diag);
void metrics_curve_add(MetricsCurve *to, const MetricsCurve *from);
void metrics_curve_release(MetricsCurve *curve);

/* A point of the curve: pairs at `distance` or nearer are called one person. */
typedef struct MetricsPoint {
  double distance; /* 0..2 */
  double fpr, tpr; /* shares of the pairs of two people, and of one, that are called so */
} MetricsPoint;

/* The largest distance, a whole number of bins, whose share of false pairs is at most `fpr`; where
 * there is none all three are 0. */
MetricsPoint metrics_curve_at(const MetricsCurve *curve, double fpr);
/* The area under it: the chance that a pair of one person is nearer than one of two, a tie of bins
 * counting half; NAN where there is no pair of the one or the other. */
double metrics_curve_area(const MetricsCurve *curve);

/* ---- intervals (metrics_bootstrap.c) ---- */

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
