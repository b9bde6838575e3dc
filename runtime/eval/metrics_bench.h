/* Time and memory of an evaluation beside those of its matrix product alone: `graphrun bench
 * --retrieval`. */
#ifndef RUNTIME_EVAL_METRICS_BENCH_H
#define RUNTIME_EVAL_METRICS_BENCH_H

#include "graph/base/diag.h"

#include <stdint.h>

#define METRICS_BENCH_SIZES                                                                        \
  "11659,82161,2048" /* MSMT17's queries, gallery; ResNet-50's features                            \
                      */

typedef struct MetricsBenchOptions {
  const char *sizes; /* QUERIES,GALLERY,DIM */
  uint32_t threads;
} MetricsBenchOptions;

/* Makes features of as many people and cameras as MSMT17 has for its size, then takes turns, a part
 * of the queries each: products alone, the evaluation.  Prints a line `RESULT retrieval ...
 * product=S evaluation=S ratio=R features=MB peak=MB memory=R`. */
Status metrics_bench(const MetricsBenchOptions *options, Diag *diag);

#endif
