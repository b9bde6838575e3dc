/* Pictures of trained networks and of evaluations: `graphrun eval --visualize=...`;
 * docs/evaluation.md shows them. */
#ifndef RUNTIME_PICTURES_PICTURES_H
#define RUNTIME_PICTURES_PICTURES_H

#include "runtime/eval/evaluate.h"

typedef struct PicturesOptions {
  EvalOptions eval;                    /* network or colour, data, domain, threads, seed */
  const char *what;                    /* words, comma between: see pictures_run */
  const char *out;                     /* folder, made when it is not there */
  const char *beside, *beside_weights; /* a second network that is shown too; NULL: none */
  int64_t images;             /* how many are shown; 0: as many as the picture usually has */
  const char *const *results; /* files of eval --out, for roc and sweep */
  uint32_t n_results;
} PicturesOptions;

/* The words of PicturesOptions.what:
 *   ranks        rank lists, the worst average precision first: ranks-DOMAIN.html; evaluates
 *   tsne         features of each domain in the plane: tsne.svg, tsne.csv
 *   attention    where a network looks: attention.svg
 *   roc          the curves of results: roc-DOMAIN.svg
 *   sweep:PARAM  mAP and Rank-1 of results over a parameter: sweep-DOMAIN.svg, sweep.csv */
Status pictures_run(const PicturesOptions *options, Diag *diag);
/* Whether a word of `what` is drawn from files of results. */
bool pictures_of_results(const char *what);

#endif
