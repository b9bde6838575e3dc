/* Does a plan fit into the memory that its device has? */
#ifndef COMPILER_BUDGET_H
#define COMPILER_BUDGET_H

#include "graph/plan/plan.h"

/* `80G`, `512M`, `40.5Gi`, `1000000`: bytes; K, M, G, T are powers of 1000, with an `i` of 1024.
 * False when it is none, or less than 1. */
bool budget_parse(const char *text, int64_t *out_bytes);

/* What was meant by a text that is none (`80GB`, `80 g`), in `out`; false: nothing is near. */
bool budget_suggest(const char *text, char *out, size_t size);

/* STATUS_NO_FIT when the arena of some program is larger than `bytes`: the message names the
 * largest, what it needs, and the largest values at its peak with their lines.  `option` is the
 * text of which budget_parse made `bytes`. */
Status budget_check(const Plan *plan, const char *option, int64_t bytes, Diag *diag);

#endif
