/* The waits that a program with offsets needs. */
#ifndef COMPILER_HAZARDS_H
#define COMPILER_HAZARDS_H

#include "compiler/liveness.h"

/* Replaces the program's waits, by which its offsets were found, by those that are needed now: a
 * step follows the makers of what it reads and all users of the bytes that it writes.  Nothing
 * changes where all steps are on one stream. */
Status hazards_wait(const Plan *plan, PlanProgram *program, const Lives *lives, Diag *diag);

#endif
