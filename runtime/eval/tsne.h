/* t-SNE: points of a plane whose neighbours are those of features.  van der Maaten, Hinton,
 * "Visualizing Data using t-SNE", JMLR 2008; neighbours by perplexity as in van der Maaten,
 * "Accelerating t-SNE using Tree-Based Algorithms", JMLR 2014.  Repulsion is exact
 * (docs/decisions/tsne.md). */
#ifndef RUNTIME_EVAL_TSNE_H
#define RUNTIME_EVAL_TSNE_H

#include "graph/base/diag.h"
#include "graph/base/meter.h"
#include "kernels/product.h"

#define TSNE_PERPLEXITY 30
#define TSNE_STEPS 1000
#define TSNE_MOST 50000 /* points: a step compares all pairs */

typedef struct TsneOptions {
  double perplexity; /* > 1; at most a third of the points but one */
  int64_t steps;     /* of which the first quarter attracts 12 times as much */
  uint64_t seed;     /* of where the points begin */
  uint32_t threads;  /* at least 1; no result depends on it */
  Meter *meter;      /* counts steps; may be NULL */
} TsneOptions;

/* Places the rows (of `dim` numbers, of any length: they are normalised as evaluation does) in the
 * plane: `out` (count, 2), their mean being 0.  *out_cost: the Kullback-Leibler divergence that is
 * left.  At least 4 rows. */
Status tsne_place(const ProductRows *rows, int64_t dim, const TsneOptions *options, double *out,
                  double *out_cost, Diag *diag);

#endif
