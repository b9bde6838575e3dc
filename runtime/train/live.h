/* The page of a run, and TensorBoard's events, while it trains. */
#ifndef RUNTIME_TRAIN_LIVE_H
#define RUNTIME_TRAIN_LIVE_H

#include "runtime/report/page.h"

typedef struct Live Live;

typedef struct LiveOptions {
  const char *folder; /* with config.defs and metrics.jsonl in it */
  int64_t step, end;  /* where the run begins, and the step before which it ends */
  const char *plan;   /* its file, of which a picture is made */
  bool tensorboard;
} LiveOptions;

/* Writes the page for the first time.  *out_live is NULL when memory is short. */
Status live_open(const LiveOptions *options, Diag *diag, Live **out_live);
/* After a step: reads what was logged since and writes the page anew when that is due, every ten
 * seconds or a hundred times as long as it takes, whichever is longer.  What fails is warned of
 * once and then let be: a run does not end for its page.  `live` may be NULL. */
void live_step(Live *live, double now, Diag *diag);
/* The last time. */
void live_end(Live *live, const PageState *state, Diag *diag);
void live_close(Live *live);

#endif
