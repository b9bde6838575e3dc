/* Parameters and states that are there for nothing. */
#ifndef COMPILER_UNREAD_H
#define COMPILER_UNREAD_H

#include "graph/language/model.h"
#include "graph/plan/plan.h"

/* After the last pass: warns, with its line, of a parameter that no output of any program depends
 * on, now or through what it changes in other states, and of a state that no program reads or
 * writes.  One that is only written, or that only its own update reads (a count, an average), may
 * be there to be fetched: nothing is said of it. */
Status unread_warn(const Model *model, const Plan *plan, Diag *diag);

#endif
