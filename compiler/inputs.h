/* What each program is fed: the inputs as they were declared, and which of them it needs. */
#ifndef COMPILER_INPUTS_H
#define COMPILER_INPUTS_H

#include "graph/language/model.h"
#include "graph/plan/plan.h"

/* Adds the inputs of the program's graph that it does not list yet.  Two values of one name, and
 * one that has a state's name, could not be told apart by who feeds them: an error with both
 * places.  `sources` may be NULL. */
Status inputs_declare(Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag);

/* The same for values that the GLOBs of --input match and that nothing reads: they are declared,
 * and not needed. */
Status inputs_declare_named(Plan *plan, PlanProgram *program, const char *const *globs, uint32_t n,
                            const Sources *sources, Diag *diag);

/* After the last pass: says of each input which node it is, and of the others that they are not
 * needed. */
void inputs_link(PlanProgram *program);

/* Warns of inputs that a program does not need, and of those that nothing supplies in training. */
void inputs_warn(const Model *model, const Plan *plan, Diag *diag);

#endif
