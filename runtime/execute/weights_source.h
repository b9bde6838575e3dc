/* What weights_start.c finds out and weights_report.c writes: where each state's value comes from.
 */
#ifndef RUNTIME_EXECUTE_WEIGHTS_SOURCE_H
#define RUNTIME_EXECUTE_WEIGHTS_SOURCE_H

#include "runtime/execute/weights.h"
#include "runtime/execute/weights_match.h"

/* Where a state's value comes from. */
typedef struct Source {
  const FileTensor *tensor; /* NULL: it keeps its own */
  bool pretrained;          /* not by its own name: noise applies */
  bool relative;            /* by the own name of another state of its external name */
  bool skipped;             /* the tensor is there and is left out */
} Source;

typedef struct Start {
  const Plan *plan;
  Names names;
  const WeightsStart *options;
  Source *sources; /* of each state */
  bool *matched;   /* of each GLOB to be skipped: it left something out */
  uint32_t own, external, kept, skipped;
  Misfits misfits;
  Diag *diag;
} Start;

/* The summary, for people. */
void weights_report_log(const Start *start, FILE *log);
/* A line for each state, then for each tensor that none takes.  `states` are the values, NULL when
 * there are none yet. */
void weights_report_table(const Start *start, const Tensor *states, FILE *table);

#endif
