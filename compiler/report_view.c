/* What a report tells of. */
#include "compiler/report_view.h"

#include "graph/plan/scopes.h"

#define REPORT_DEPTH 2

bool report_shows(const ReportView *view, const PlanProgram *p) {
  return !view->program || view->program == p;
}

bool report_shows_node(const ReportView *view, const Graph *g, NodeId node) {
  return scope_holds(view->scope, graph_text(g, g->nodes[node].stamp.scope));
}

int report_depth(const ReportView *view) {
  return (view->depth > 0 ? view->depth : REPORT_DEPTH) + scope_parts(view->scope);
}

int report_work_depth(const ReportView *view) {
  return report_depth(view) + (scope_parts(view->scope) == 0);
}

Status report_check_scope(const Plan *plan, const ReportView *view, Diag *diag) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (report_shows(view, &plan->programs[i]) && scope_is_of(&plan->programs[i], view->scope))
      return STATUS_OK;
  ReportTable parameters;
  TRY(report_parameters(plan, view->scope, report_depth(view), diag, &parameters));
  bool known = parameters.n > 0;
  report_table_free(&parameters);
  if (known || !view->scope) return STATUS_OK;
  if (view->program) return scope_unknown(view->program, 1, view->scope, diag);
  return scope_unknown(plan->programs, plan->n_programs, view->scope, diag);
}

const char *report_label(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  return graph_text(g, node->name ? node->name : node->stamp.scope);
}

int64_t report_trainable(const Plan *plan, uint32_t *tensors) {
  int64_t sum = 0;
  *tensors = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (plan->states[i].kind == STATE_PARAMETER && plan->states[i].trainable) {
      sum += shape_count(&plan->states[i].shape);
      ++*tensors;
    }
  return sum;
}
