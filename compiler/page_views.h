/* The pictures of a page: each part of a program that opens, from the whole down to nodes. */
#ifndef COMPILER_PAGE_VIEWS_H
#define COMPILER_PAGE_VIEWS_H

#include "graph/draw/draw_pages.h"
#include "graph/plan/plan.h"

#include <jansson.h>

/* Adds `views` to a program's data, and to its nodes the view that shows each by itself or among
 * fewest others, and the box there.  Pictures are added to `pictures`. */
Status page_views(const Plan *plan, const PlanProgram *program, DrawPages *pictures, Diag *diag,
                  json_t *data);

#endif
