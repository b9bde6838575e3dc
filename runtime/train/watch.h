/* The plan's watches: scalar outputs with a bound, above which training warns. */
#ifndef RUNTIME_TRAIN_WATCH_H
#define RUNTIME_TRAIN_WATCH_H

#include "runtime/train/scalars.h"

typedef struct Watch Watch;

Status watch_create(const Plan *plan, Diag *diag, Watch **out_watch);
void watch_destroy(Watch *watch);

/* Looks at what `step` of `program` left.  A watch warns of the first value above its bound, and of
 * later ones that are at least ten times the last it warned of: a run may last for days. */
void watch_step(Watch *watch, const Scalars *scalars, uint32_t program, int64_t step, Diag *diag);

/* For the line of progress: `norm/ratio 0.31`, each watched output as it was last; empty: none. */
void watch_text(const Watch *watch, char *text, size_t size);
/* A line about each watch that this process saw exceeded, with its line feed; empty: none was. */
void watch_summary(const Watch *watch, char *text, size_t size);

#endif
