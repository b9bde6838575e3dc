/* Which step has run before which, by streams and waits; and the waits that are needed for that.
 *
 * Steps count from 1 here; of a stream's steps the newest stands for all before it. */
#ifndef COMPILER_WAITS_H
#define COMPILER_WAITS_H

#include "graph/plan/plan.h"

/* ---- what is proved ---- */

typedef struct Order {
  uint32_t n_streams;
  const PlanProgram *program;
  uint32_t *before; /* by step and stream: the stream's newest step that has run when it begins */
  /* By step from 0: the last step that may begin before it has run, itself if all later ones come
   * behind it. */
  uint32_t *until;
} Order;

/* From the streams and waits of the program.  Release with order_free, also after a failure. */
Status order_find(const PlanProgram *program, Diag *diag, Order *out);
void order_free(Order *order);
/* True when step `a` has run before step `b` begins; 0 is the program's beginning. */
bool order_before(const Order *order, uint32_t a, uint32_t b);

/* ---- what is needed ---- */

typedef struct Waits {
  PlanProgram *program;
  uint32_t n_streams, cap;
  uint32_t *after; /* by step and stream: the stream's newest step that has run when it has */
  uint32_t now[TARGET_STREAMS_MAX][TARGET_STREAMS_MAX]; /* by stream: `after` of its newest step */
} Waits;

/* Begins anew: takes the program's waits away; its steps have streams, below n_streams.  Release
 * with waits_free, also after a failure. */
Status waits_create(PlanProgram *program, uint32_t n_streams, Diag *diag, Waits *out);
void waits_free(Waits *waits);
/* The program's next step (from 0) follows, on each stream, step need[stream]; 0: none.  It waits
 * for those of them that it would not follow otherwise. */
Status waits_step(Waits *waits, uint32_t step, const uint32_t *need, Diag *diag);
/* All steps are there: the program's end follows the last of each stream. */
Status waits_end(Waits *waits, Diag *diag);

#endif
