/* What the ranks of a run decide alike. */
#ifndef RUNTIME_RANKS_TOGETHER_H
#define RUNTIME_RANKS_TOGETHER_H

#include "graph/base/diag.h"
#include "runtime/ranks/ranks.h"

/* True on the rank that writes files and talks to the user. */
static inline bool together_first(const Ranks *ranks) {
  return !ranks || ranks->rank == 0;
}

/* Ranks meet with what has happened to each: all return the status of the first that failed, and
 * none goes on alone.  Messages of a rank that say what an earlier rank's say already are
 * forgotten.  *stop becomes true on all when it is on one.  Without ranks: `own`. */
Status together(Ranks *ranks, Status own, bool *stop, Diag *diag);

/* STATUS_INVALID when a rank has another value than the first: `what` says of what. */
Status together_same(Ranks *ranks, uint64_t value, const char *what, Diag *diag);

/* Before a rank that fails alone prints why: forgets it where another rank tells the same, or what
 * it follows from. */
void together_tell(Ranks *ranks, Diag *diag);

#endif
