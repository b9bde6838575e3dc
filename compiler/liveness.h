/* What of a program lies in scratch, and in which steps: the one computation that the planner
 * gives offsets to and the report lists.  (ops/verify_plan.c finds out on its own whether it is
 * right.) */
#ifndef COMPILER_LIVENESS_H
#define COMPILER_LIVENESS_H

#include "compiler/offset_search.h"
#include "graph/plan/plan.h"

#define LIVES_NONE UINT32_MAX

/* Buffers in scratch: those of values by ascending node id, then those of kernels at work by
 * ascending step.  Steps count from 1; 0 is before the first, n_steps + 1 after the last. */
typedef struct Lives {
  OffsetItem *items; /* bytes are aligned; offsets are for the planner to fill */
  uint32_t n_items, n_values;
  NodeId *base;      /* by node: the value whose bytes it is, itself unless it is a view */
  uint32_t *buffer;  /* by base: its buffer, which values that are made in place of one another
                        share; LIVES_NONE: none */
  uint32_t *state;   /* by base: the state whose bytes it is or is written into; LIVES_NONE: none */
  uint32_t *step_of; /* by node: the step that makes it; 0: none */
  int64_t *work;     /* by step from 0: bytes of its kernel's work buffer, unaligned; 0: none */
  OffsetBound bound; /* the largest sum of bytes that are alive together */
  OffsetBound taken; /* the same of bytes that are not free yet; set by lives_widen, lives_take */
  /* By item: its end, or, where steps overlap, the last step that may begin before all have run
   * that use it. */
  uint32_t *until;
} Lives;

/* The program's graph, steps and step_nodes must be there, with streams and waits; its offsets are
 * not read.  Release with
 * lives_free, also after a failure. */
Status lives_find(const Plan *plan, const PlanProgram *program, Diag *diag, Lives *out);
void lives_free(Lives *lives);
/* Makes each item live until no step that is not behind its users can begin: what it takes to give
 * offsets. */
Status lives_widen(Lives *lives, Diag *diag);
/* The same of a complete plan: until no such step can begin, or its bytes are another's.  What is
 * told of a program's peak is where most bytes are taken so; never more than its scratch. */
Status lives_take(const PlanProgram *program, Lives *lives, Diag *diag);
/* By buffer of a value: the node whose value is in it at `step`; of several that take turns the one
 * made last. `nodes` has n_values entries. */
void lives_values(const Lives *lives, uint32_t n_nodes, uint32_t step, NodeId *nodes);

#endif
