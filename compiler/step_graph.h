/* Steps as a graph: which a step follows, how long it takes by the target's estimate, and the
 * longest path behind it.  Steps count from 0. */
#ifndef COMPILER_STEP_GRAPH_H
#define COMPILER_STEP_GRAPH_H

#include "compiler/liveness.h"

#define STEP_NONE UINT32_MAX

typedef struct StepGraph {
  uint32_t n;
  uint32_t *first, *others; /* what step s follows: others[first[s] .. first[s + 1]), ascending */
  int64_t *work;            /* nanoseconds beside the target's launch_ns */
  int64_t *path;            /* the longest path from its beginning to the program's end */
  uint32_t *heir; /* of the steps that follow it, the one with the longest path; STEP_NONE: none */
  int64_t *frees; /* bytes of the buffers that it is the last to use, in the program's order */
  int64_t *alive; /* bytes of those that are in use then */
  bool *meets;    /* ranks meet in it */
} StepGraph;

/* `lives` are those of the program on one stream: a step that writes into a state follows all
 * earlier readers of it.  Release with step_graph_free, also after a failure. */
Status step_graph_find(const Plan *plan, const PlanProgram *program, const Lives *lives, Diag *diag,
                       StepGraph *out);
void step_graph_free(StepGraph *graph);
/* launch_ns + work. */
int64_t step_graph_time(const StepGraph *graph, const StreamFacts *facts, uint32_t step);

#endif
