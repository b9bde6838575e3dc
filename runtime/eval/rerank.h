/* Re-ranking by k-reciprocal neighbours: Zhong, Zheng, Cao, Li, "Re-ranking Person
 * Re-identification with k-reciprocal Encoding", CVPR 2017; docs/evaluation.md has the formulas.
 *
 * Neighbours are sought among queries and gallery together; neither identity nor camera is looked
 * at.  No matrix of all pairs is kept: each image has its nearest ones and a sparse row.  The
 * results depend neither on threads nor on blocks. */
#ifndef RUNTIME_EVAL_RERANK_H
#define RUNTIME_EVAL_RERANK_H

#include "runtime/eval/metrics.h"

typedef struct Rerank Rerank;

/* `scale`: 1 / length of the rows of query and gallery; borrowed, as the sets are.  Blocks and
 * panels as MetricsOptions has them, chosen. */
Status rerank_create(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                     float *const scale[2], const MetricsOptions *options, Diag *diag,
                     Rerank **out);
void rerank_destroy(Rerank *rerank);

/* One query's Jaccard distances to the entries that share a neighbour with it, ascending by index;
 * to all others it is 1.  Begins as zeros. */
typedef struct RerankRow {
  int64_t *index;
  float *distance;
  int64_t n, room;
} RerankRow;
void rerank_row_release(RerankRow *row);
/* Fills in query q's; `sums`: (gallery) zeros, and zeros again afterwards.  false: no memory. */
bool rerank_row_fill(const Rerank *rerank, int64_t q, float *sums, RerankRow *row);

/* Turns similarities, product / length of the entry, of gallery entries first .. first + n - 1 into
 * scores: the final distances times -1. */
void rerank_scores(const Rerank *rerank, int64_t q, const RerankRow *row, int64_t first, int64_t n,
                   float *score);

#endif
