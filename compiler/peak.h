/* What a program's memory is full of where it is fullest: each value with who made it, who frees it
 * and what it would cost to compute it again; rows that add up to what the plan reserves. */
#ifndef COMPILER_PEAK_H
#define COMPILER_PEAK_H

#include "compiler/report.h"

typedef enum PeakKind {
  PEAK_VALUE, /* read at the peak or later */
  PEAK_WORK,  /* the work buffer of the kernel at the peak; of others: held */
  PEAK_HELD,  /* read no more by then, but a step on another stream may still be at it */
} PeakKind;

typedef enum PeakAgain {
  AGAIN_COSTS,   /* what it takes is in PeakRow.again */
  AGAIN_FED,     /* an input: whoever feeds the program has it */
  AGAIN_LOST,    /* a state that it is computed from has its next value by then */
  AGAIN_UNKNOWN, /* the way back is longer than PEAK_WAY_MAX nodes */
  AGAIN_NOTHING, /* a work buffer holds no value */
} PeakAgain;
#define PEAK_WAY_MAX 20000

/* The cost of computing a value once more from what is alive at the peak, states included, and from
 * inputs. */
typedef struct PeakCost {
  uint32_t nodes;
  int64_t macs, flops;
  int64_t bytes;  /* read, written, and both for what the plan stores on the way */
  int64_t inputs; /* bytes of inputs that are gone by then: they would have to be kept */
} PeakCost;

typedef struct PeakRow {
  PeakKind kind;
  NodeId node;    /* the value; of a work buffer the last member of its kernel */
  int64_t bytes;  /* of the value */
  int64_t align;  /* that its alignment adds */
  uint32_t maker; /* the step that made it, from 1; 0: it was fed */
  /* The step that reads these bytes last, from 1, and the node that does; n_steps + 1: they are an
   * output, or a commit that is made at the end.  Where another value is made in their place by
   * then, `heir` is the last such. */
  uint32_t freed;
  NodeId reader, heir;
  PeakAgain again;
  PeakCost cost;
} PeakRow;

typedef struct Peak {
  uint32_t step; /* from 1; 0: before the first */
  PeakRow *rows; /* largest first */
  uint32_t n;
  /* scratch = values + work + held + alignment + gaps; reserved = scratch + state + state_align */
  int64_t values, work, held, alignment, gaps, scratch;
  int64_t state, state_align, reserved;
} Peak;

/* Of a complete plan.  Release with peak_free, also after a failure. */
Status peak_find(const Plan *plan, const PlanProgram *program, Diag *diag, Peak *out);
void peak_free(Peak *peak);

/* The rows as a report, text or JSON: those of the view's program, else of the program with the
 * largest scratch; of its scope only, in groups of `depth` parts.  Sums are of the whole program.
 */
Status peak_write(const Plan *plan, const ReportView *view, bool json, FILE *out, Diag *diag);

/* ---- of compiler/peak_cost.c ---- */

/* Fills `again` and `cost` of all rows. */
Status peak_cost(const PlanProgram *program, const NodeId *base, const bool *lost, Peak *peak,
                 Diag *diag);

#endif
