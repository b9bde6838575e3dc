/* What a report tells of. */
#include "compiler/report_view.h"

#include "graph/plan/scopes.h"
#include "ops/work.h"

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

ReportUnits report_units(const Plan *plan) {
  static const ReportUnits work[] = {{1e9, 0, "GMAC", "GFLOP", NULL},
                                     {1e6, 0, "MMAC", "MFLOP", NULL},
                                     {1e3, 0, "kMAC", "kFLOP", NULL}};
  int64_t flops = 0, bytes = plan->state_bytes;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    int64_t own = 0;
    for (NodeId id = 1; id < p->graph->n_nodes; id++) own += node_flops(p->graph, id);
    if (own > flops) flops = own;
    if ((int64_t)p->scratch_bytes > bytes) bytes = (int64_t)p->scratch_bytes;
  }
  ReportUnits units = work[flops < 1000000 ? 2 : flops < 200000000 ? 1 : 0];
  bool large = bytes >= 1000000;
  units.bytes = large ? 1e6 : 1e3;
  units.of = large ? "MB" : "kB";
  return units;
}
