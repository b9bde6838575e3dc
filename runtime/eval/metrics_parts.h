/* What metrics.c, metrics_block.c and rerank.c share. */
#ifndef RUNTIME_EVAL_METRICS_PARTS_H
#define RUNTIME_EVAL_METRICS_PARTS_H

#include "kernels/product.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/rerank.h"
#include "runtime/ranks/together.h"

/* An entry of the gallery, sorted by (id, index). */
typedef struct Entry {
  int64_t id, index;
} Entry;

/* Where the entries of a query's identity stand in that order. */
typedef struct Own {
  int64_t at, n;
} Own;

typedef struct Evaluation {
  const MetricsSet *query, *gallery;
  int64_t dim;
  int64_t from, to; /* queries that this process ranks */
  int64_t block, panel;
  int threads;
  bool unmatched;            /* no query need have a match */
  bool products;             /* nothing but products */
  float *scale[2];           /* (query), (gallery): 1 / length; 0 for a row of zeros */
  const Entry *by_id;        /* (gallery) */
  const Own *own;            /* (query) */
  const Rerank *rerank;      /* NULL: none */
  MetricsCurve *curve;       /* NULL: none is wanted */
  int64_t keep;              /* of the nearest; 0: none */
  int64_t *nearest;          /* (query, keep) -1: nothing yet */
  double *nearest_distance;  /* (query, keep) */
  double *chance, *ap, *inp; /* (query) results, as MetricsResult has them */
  int64_t *first;            /* (query) */
} Evaluation;

/* Ranks queries from .. to - 1. */
Status metrics_blocks_run(const Evaluation *e, Diag *diag);

/* Which queries are this rank's. */
void metrics_share(Evaluation *e, const Ranks *ranks);
/* Gives all ranks the results of all, when each has come to `own`: then that of the first that
 * failed is everybody's. */
Status metrics_gather(const Evaluation *e, Ranks *ranks, Status own, Diag *diag);

/* 1 / length of every row into `scale`; refuses values that are not finite. */
Status metrics_scale(const MetricsSet *set, const char *name, int64_t dim, float *scale,
                     Diag *diag);

/* A panel of the set's rows. */
ProductRows metrics_rows(const MetricsSet *set, int64_t dim, int64_t first, int64_t n);

#endif
