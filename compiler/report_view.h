/* What a report tells of, for the files that write reports. */
#ifndef COMPILER_REPORT_VIEW_H
#define COMPILER_REPORT_VIEW_H

#include "compiler/report.h"

bool report_shows(const ReportView *view, const PlanProgram *program);
bool report_shows_node(const ReportView *view, const Graph *graph, NodeId node);
/* Parts of a parameter's scope that have a row; a node's scope begins with its pass, which a
 * parameter's name lacks. */
int report_depth(const ReportView *view);
int report_work_depth(const ReportView *view);
/* STATUS_INVALID when the view's scope is neither one of nodes nor one of parameters. */
Status report_check_scope(const Plan *plan, const ReportView *view, Diag *diag);

/* The value's name; its scope when it has none. */
const char *report_label(const Graph *graph, NodeId node);

/* In what figures are printed: units of which the plan's largest program has some. */
typedef struct ReportUnits {
  double work, bytes;            /* in one */
  const char *macs, *flops, *of; /* `GMAC`, `GFLOP`, `MB`; those of smaller plans are smaller */
} ReportUnits;
ReportUnits report_units(const Plan *plan);

/* Trainable elements, and in how many tensors they are. */
int64_t report_trainable(const Plan *plan, uint32_t *tensors);

#endif
