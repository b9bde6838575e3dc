/* What a study's cells measured, summed up by row and test. */
#ifndef RUNTIME_STUDY_RESULTS_H
#define RUNTIME_STUDY_RESULTS_H

#include "runtime/eval/metrics.h"
#include "runtime/study/cell.h"

/* Mean and spread: the standard deviation with divisor n - 1, 0 for n = 1.  In percent. */
typedef struct Figure {
  double mean, spread;
  uint32_t n; /* 0: there is none */
} Figure;

/* A row on a test, over the seeds. */
typedef struct Result {
  Figure map, rank1; /* of seeds */
  double map_splits,
      rank1_splits; /* spread over random splits, the mean over seeds; 0: one split */
  uint32_t splits;
  double *seed_map, *seed_rank1; /* (seeds) in percent; NAN: that cell is not done */
  MetricsInterval against;       /* mAP minus that of the base row, 0..1, over the seeds of both */
  uint32_t n_against;            /* seeds of both; 0: there is no difference */
  const StudyPaper *paper;       /* NULL: none */
  StudyPaper mean_paper;         /* of an average: what is published for its tests */
} Result;

typedef struct Results {
  const StudyFile *file;
  uint32_t seeds, n_done, n_cells;
  uint32_t n_other; /* results of other data or protocols than their tests now: left out */
  Result *at;       /* (rows, tests) */
  Result *average;  /* (rows, averages): per seed first, so of seeds that have all of the tests */
  uint32_t n_averaged[STUDY_AVERAGES_MAX]; /* tests in an average */
} Results;

static inline const Result *results_at(const Results *r, uint32_t row, uint32_t test) {
  return &r->at[(size_t)row * r->file->n_tests + test];
}

/* Reads the evaluations of the cells that are done.  On success the caller releases it. */
Status results_read(const StudyFile *file, const Cells *cells, Diag *diag, Results *out);
void results_release(Results *results);

#endif
