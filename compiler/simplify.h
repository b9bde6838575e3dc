/* Pass simplify. */
#ifndef COMPILER_SIMPLIFY_H
#define COMPILER_SIMPLIFY_H

#include "graph/base/diag.h"
#include "graph/ir/ir.h"

/* Replaces *graph by an equal one: dead nodes dropped, equal values merged, what only mattered to
 * differentiation (stop-gradient, gradient-scale) removed, variance spelled out, exact algebra. */
Status simplify(Graph **graph, Diag *diag);

#endif
