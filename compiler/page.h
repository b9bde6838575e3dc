/* A compiled model as one page for a browser: pictures that open into each other, search, memory
 * over time, kernels.  Nothing is fetched. */
#ifndef COMPILER_PAGE_H
#define COMPILER_PAGE_H

#include "graph/base/meter.h"
#include "graph/plan/plan.h"

typedef struct PageOptions {
  Meter *meter;               /* gets the nodes that are drawn; may be NULL */
  const char *source;         /* the model's file, as it was named */
  const PlanProgram *program; /* only this one; NULL: each */
} PageOptions;

/* Writes the page of a complete plan to `path`, `-` for standard output; what was there stays when
 * something fails.  Same plan, same bytes. */
Status model_page_write(const Plan *plan, const PageOptions *options, const char *path, Diag *diag);

#endif
