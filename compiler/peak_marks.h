/* What is alive at a program's peak, for pictures: drawing knows no compiler. */
#ifndef COMPILER_PEAK_MARKS_H
#define COMPILER_PEAK_MARKS_H

#include "graph/draw/view.h"

/* The nodes in whose boxes it is counted; none before offsets are known.  The caller frees *out,
 * also after a failure. */
Status peak_marks(const Plan *plan, const PlanProgram *program, Diag *diag, ViewPeak **out,
                  uint32_t *n);

#endif
