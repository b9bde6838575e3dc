/* What the page of a compiled model knows of it, as JSON: columns of numbers, one entry for each
 * node, kernel and buffer; names are numbers of `strings`. */
#ifndef COMPILER_PAGE_DATA_H
#define COMPILER_PAGE_DATA_H

#include "graph/plan/plan.h"

#include <jansson.h>

/* Nodes, kernels, buffers and bytes alive of a program; the texts they name are added to `strings`.
 * The caller releases *out. */
Status page_program(const Plan *plan, const PlanProgram *program, Strings *strings, Diag *diag,
                    json_t **out);
/* Places in the model's sources, by the numbers that nodes have: file, line, and the place that
 * used the template or include it stands in; 0: none.  The caller releases *out. */
Status page_locs(const Plan *plan, Strings *strings, Diag *diag, json_t **out);

#endif
