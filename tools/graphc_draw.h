/* graphc --emit: pictures. */
#ifndef TOOLS_GRAPHC_DRAW_H
#define TOOLS_GRAPHC_DRAW_H

#include "tools/graphc_options.h"

#include "graph/plan/plan.h"

/* Writes a picture of the program as it is now, with what is alive at its peak once that is known.
 */
Status graphc_draw(const Args *args, const Plan *plan, const PlanProgram *program,
                   const char *format, const char *path, Diag *diag);

#endif
