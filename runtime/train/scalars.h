/* What a training step reports: its schedules and the declared scalar outputs of its program. */
#ifndef RUNTIME_TRAIN_SCALARS_H
#define RUNTIME_TRAIN_SCALARS_H

#include "runtime/execute/execute.h"
#include "runtime/train/feed.h"
#include "runtime/train/journal.h"

typedef struct Scalars Scalars;

Status scalars_create(Executor *executor, Diag *diag, Scalars **out_scalars);
void scalars_destroy(Scalars *scalars);

/* Fetches the scalars of `program` as its run left them, all at once; the others look at those. */
Status scalars_read(Scalars *scalars, uint32_t program, Diag *diag);

typedef struct NotFinite {
  const char *name;
  NodeId node;
  double value;
} NotFinite;
/* The first value that is not finite; false when all are. */
bool scalars_not_finite(const Scalars *scalars, uint32_t program, NotFinite *out);
/* The first output whose last word is `loss` or `total`, else the first; NAN when there is none. */
double scalars_loss(const Scalars *scalars, uint32_t program);
/* The value of the program's output of that name (a string of the plan); NAN when it has none. */
double scalars_value(const Scalars *scalars, uint32_t program, uint32_t name);
/* Adds to the journal's line the program's name, the schedules and the outputs.  An output of a
 * schedule's name stands for both; one called `step` or `program`, or that begins with
 * `eval/`, becomes `output/step`. */
void scalars_log(const Scalars *scalars, uint32_t program, const Feed *feed, Journal *journal);

#endif
