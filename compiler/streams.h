/* Pass streams: on which stream each step runs, for targets that have several. */
#ifndef COMPILER_STREAMS_H
#define COMPILER_STREAMS_H

#include "graph/plan/plan.h"

/* Sets stream and waits of every step; the program has its steps in order and no offsets yet, and
 * passes offsets (offsets.c) sets the waits anew when it has them.  Where the target has one stream
 * there is nothing to do. */
Status streams_assign(const Plan *plan, PlanProgram *program, Diag *diag);

/* What a run takes by the target's estimate, in nanoseconds; all 0 where it has none. */
typedef struct StreamTimes {
  int64_t serial; /* on one stream */
  int64_t path;   /* of the longest path: no number of streams takes less */
  int64_t run;    /* as the plan has it */
} StreamTimes;
Status streams_times(const Plan *plan, const PlanProgram *program, Diag *diag, StreamTimes *out);

#endif
