/* Reports as text and as JSON. */
#include "compiler/report.h"

#include "compiler/streams.h"
#include "graph/base/text.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_DEPTH 2
#define REPORT_TENSORS 10 /* of the peak, one by one in the text; JSON holds all */

static void put_count(int64_t value, FILE *out) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%" PRId64, value);
  for (int i = 0; i < n; i++) {
    fputc(digits[i], out);
    if ((n - i) % 3 == 1 && i + 1 < n && digits[i] != '-') fputc(',', out);
  }
}

static void put_bytes(int64_t bytes, FILE *out) {
  fprintf(out, "%.1f MB", (double)bytes / 1e6);
}

static int64_t trainable(const Plan *plan, uint32_t *tensors) {
  int64_t sum = 0;
  *tensors = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (plan->states[i].kind == STATE_PARAMETER && plan->states[i].trainable) {
      sum += shape_count(&plan->states[i].shape);
      ++*tensors;
    }
  return sum;
}

static int64_t forward_macs(const PlanProgram *p) {
  int64_t sum = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    if (p->graph->nodes[id].stamp.role == ROLE_FORWARD) sum += node_macs(p->graph, id);
  return sum;
}

/* ---- what is shown ---- */

static bool shows(const ReportView *view, const PlanProgram *p) {
  return !view->program || view->program == p;
}

static bool shows_tensor(const ReportView *view, const Graph *g, const ReportTensor *tensor) {
  return scope_holds(view->scope, graph_text(g, g->nodes[tensor->node].stamp.scope));
}

static int depth_of(const ReportView *view) {
  return (view->depth > 0 ? view->depth : REPORT_DEPTH) + scope_parts(view->scope);
}

/* A node's scope begins with its pass, which a parameter's name lacks. */
static int work_depth(const ReportView *view) {
  return depth_of(view) + (scope_parts(view->scope) == 0);
}

/* A scope is one of nodes, or of parameters. */
static Status check_scope(const Plan *plan, const ReportView *view, Diag *diag) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (shows(view, &plan->programs[i]) && scope_is_of(&plan->programs[i], view->scope))
      return STATUS_OK;
  ReportScopes scopes;
  TRY(report_parameters(plan, view->scope, depth_of(view), diag, &scopes));
  bool known = scopes.n > 0;
  report_scopes_free(&scopes);
  if (known || !view->scope) return STATUS_OK;
  if (view->program) return scope_unknown(view->program, 1, view->scope, diag);
  return scope_unknown(plan->programs, plan->n_programs, view->scope, diag);
}

/* ---- text ---- */

static void put_summary(const Plan *plan, const ReportView *view, FILE *out) {
  uint32_t tensors;
  int64_t parameters = trainable(plan, &tensors);
  fprintf(out, "model       %s, %s, %u shards", plan_text(plan, plan->model_name),
          plan->precision->name, plan->shards);
  if (plan->ranks > 1) fprintf(out, ", one of %u ranks", plan->ranks);
  fputc('\n', out);
  if (plan->local)
    fprintf(out,
            "batch       %" PRId64 " x %" PRId64 " rows of each domain, on each rank %" PRId64
            " x %" PRId64 ", over which it computes alone (--sync=local)\n",
            plan->sampler.batch_ids, plan->sampler.batch_images,
            plan->sampler.batch_ids / plan->ranks, plan->sampler.batch_images);
  fputs("parameters  ", out);
  put_count(parameters, out);
  fprintf(out, " in %u tensors; state ", tensors);
  put_bytes(plan->state_bytes, out);
  fputs(", arena ", out);
  put_bytes(plan_arena_bytes(plan), out);
  fputs("\n\n", out);
  fprintf(out, "%-24s %10s %10s %10s %14s %14s %12s %8s\n", "program", "nodes", "kernels",
          "commits", "GMAC", "forward GMAC", "scratch MB", "/bound");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (!shows(view, p)) continue;
    double ratio = p->lower_bound ? (double)p->scratch_bytes / (double)p->lower_bound : 1;
    fprintf(out, "%-24s %10u %10u %10u %14.3f %14.3f %12.1f %8.3f\n", plan_text(plan, p->name),
            p->graph->n_nodes - 1, p->n_steps, p->graph->n_commits, (double)p->macs / 1e9,
            (double)forward_macs(p) / 1e9, (double)p->scratch_bytes / 1e6, ratio);
  }
}

static void put_meetings(const Plan *plan, const ReportView *view, FILE *out) {
  if (plan->ranks == 1) return;
  fprintf(out, "\n%-24s %12s %12s %10s %12s\n", "a rank's", "collectives", "exchanges", "sums MB",
          "gathers MB");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    ReportMeetings m = report_meetings(p);
    if (shows(view, p) && m.exchanges)
      fprintf(out, "%-24s %12u %12u %10.1f %12.1f\n", plan_text(plan, p->name), m.collectives,
              m.exchanges, (double)m.sum_bytes / 1e6, (double)m.gather_bytes / 1e6);
  }
}

/* Where the target has several: what overlaps, and what that brings by its estimate. */
static Status put_streams(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  if (target_streams(plan->target) == 1) return STATUS_OK;
  fprintf(out, "\n%-24s %8s %12s %12s %12s  %s\n", "streams (estimate)", "waits", "one ms",
          "longest ms", "run ms", "steps on each");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (!shows(view, p)) continue;
    StreamTimes t;
    TRY(streams_times(plan, p, diag, &t));
    fprintf(out, "%-24s %8u %12.3f %12.3f %12.3f ", plan_text(plan, p->name), p->n_waits,
            (double)t.serial / 1e6, (double)t.path / 1e6, (double)t.run / 1e6);
    for (uint32_t k = 0; k < plan_streams(p); k++) fprintf(out, " %u", plan_stream_steps(p, k));
    fputc('\n', out);
  }
  return STATUS_OK;
}

void report_summary(const Plan *plan, FILE *out) {
  put_summary(plan, &(ReportView){0}, out);
}

static const char *node_label(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  if (node->name) return graph_text(g, node->name);
  return graph_text(g, node->stamp.scope);
}

size_t report_tensor_text(const Graph *g, const ReportTensor *tensor, char *text, size_t size) {
  const Node *node = &g->nodes[tensor->node];
  const SourceLoc *loc = &g->symbols->locs[node->stamp.loc];
  char shape[SHAPE_TEXT_MAX];
  size_t n =
      text_format(text, size, "%10.3f MB  %-12s %-24s %-10s %s", (double)tensor->bytes / 1e6,
                  op_desc(node->op)->name,
                  tensor->work ? "work buffer" : shape_text(&node->shape, shape, sizeof shape),
                  role_name((Role)node->stamp.role), node_label(g, tensor->node));
  if (node->stamp.loc)
    n = text_append(text, size, n, "  %s:%u", graph_text(g, loc->file), loc->line);
  return n;
}

static void put_tensor(const Graph *g, const ReportTensor *tensor, FILE *out) {
  char text[4096];
  report_tensor_text(g, tensor, text, sizeof text);
  fprintf(out, "  %s\n", text);
}

static Status put_peak(const Plan *plan, const PlanProgram *p, const ReportView *view, FILE *out,
                       Diag *diag) {
  ReportTensor *tensors;
  uint32_t n;
  TRY(report_peak(plan, p, diag, &tensors, &n));
  fprintf(out, "\npeak of %s: step %u of %u, %.3f MB alive\n", plan_text(plan, p->name),
          p->peak_step, p->n_steps, (double)p->lower_bound / 1e6);
  int64_t rest = 0;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!shows_tensor(view, p->graph, &tensors[i])) continue;
    if (shown++ < REPORT_TENSORS)
      put_tensor(p->graph, &tensors[i], out);
    else
      rest += tensors[i].bytes;
  }
  if (shown > REPORT_TENSORS)
    fprintf(out, "  %10.3f MB  in %u more\n", (double)rest / 1e6, shown - REPORT_TENSORS);
  free(tensors);
  return STATUS_OK;
}

static Status put_work(const PlanProgram *p, const ReportView *view, FILE *out, Diag *diag) {
  ReportScopes scopes;
  TRY(report_work(p, view->scope, work_depth(view), diag, &scopes));
  fprintf(out, "\nmultiply-adds of %s by scope (all, forward)\n", graph_text(p->graph, p->name));
  for (uint32_t i = 0; i < scopes.n; i++) {
    if (scopes.scopes[i].macs == 0) continue;
    fprintf(out, "  %-40s ", *scopes.scopes[i].name ? scopes.scopes[i].name : "(top)");
    put_count(scopes.scopes[i].macs, out);
    fputs("  ", out);
    put_count(scopes.scopes[i].forward_macs, out);
    fputc('\n', out);
  }
  report_scopes_free(&scopes);
  return STATUS_OK;
}

Status report_text(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  TRY(check_scope(plan, view, diag));
  put_summary(plan, view, out);
  put_meetings(plan, view, out);
  TRY(put_streams(plan, view, out, diag));
  ReportScopes scopes;
  TRY(report_parameters(plan, view->scope, depth_of(view), diag, &scopes));
  if (scopes.n) fputs("\nparameters by scope\n", out);
  for (uint32_t i = 0; i < scopes.n; i++) {
    fprintf(out, "  %-40s ", *scopes.scopes[i].name ? scopes.scopes[i].name : "(top)");
    put_count(scopes.scopes[i].parameters, out);
    fputc('\n', out);
  }
  report_scopes_free(&scopes);
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    if (!shows(view, &plan->programs[k])) continue;
    TRY(put_work(&plan->programs[k], view, out, diag));
    TRY(put_peak(plan, &plan->programs[k], view, out, diag));
  }
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}

/* ---- JSON ---- */

static json_t *scopes_json(const ReportScopes *scopes, bool work) {
  json_t *list = json_object();
  for (uint32_t i = 0; i < scopes->n; i++) {
    const ReportScope *s = &scopes->scopes[i];
    json_t *value = work ? json_pack("{s:I, s:I, s:I, s:I}", "nodes", (json_int_t)s->nodes,
                                     "kernels", (json_int_t)s->kernels, "macs", (json_int_t)s->macs,
                                     "forward_macs", (json_int_t)s->forward_macs)
                         : json_integer(s->parameters);
    json_object_set_new(list, s->name, value);
  }
  return list;
}

static Status peak_json(const Plan *plan, const PlanProgram *p, const ReportView *view, Diag *diag,
                        json_t **out) {
  ReportTensor *tensors;
  uint32_t n;
  TRY(report_peak(plan, p, diag, &tensors, &n));
  const Graph *g = p->graph;
  json_t *list = json_array();
  for (uint32_t i = 0; i < n; i++) {
    if (!shows_tensor(view, g, &tensors[i])) continue;
    const Node *node = &g->nodes[tensors[i].node];
    const SourceLoc *loc = &g->symbols->locs[node->stamp.loc];
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:b, s:I, s:s, s:i}", "value",
                                    node_label(g, tensors[i].node), "op", op_desc(node->op)->name,
                                    "work", tensors[i].work, "bytes", (json_int_t)tensors[i].bytes,
                                    "file", node->stamp.loc ? graph_text(g, loc->file) : "", "line",
                                    node->stamp.loc ? (int)loc->line : 0));
  }
  free(tensors);
  *out = list;
  return STATUS_OK;
}

static Status streams_json(const Plan *plan, const PlanProgram *p, Diag *diag, json_t **out) {
  StreamTimes t;
  TRY(streams_times(plan, p, diag, &t));
  json_t *steps = json_array();
  for (uint32_t k = 0; k < plan_streams(p); k++)
    json_array_append_new(steps, json_integer(plan_stream_steps(p, k)));
  *out = json_pack("{s:o, s:i, s:I, s:I, s:I}", "kernels", steps, "waits", (int)p->n_waits,
                   "serial_ns", (json_int_t)t.serial, "path_ns", (json_int_t)t.path, "run_ns",
                   (json_int_t)t.run);
  return *out ? STATUS_OK : diag_no_memory(diag, sizeof **out);
}

static Status program_json(const Plan *plan, const PlanProgram *p, const ReportView *view,
                           Diag *diag, json_t **out) {
  ReportScopes scopes;
  json_t *tensors, *streams;
  TRY(streams_json(plan, p, diag, &streams));
  TRY(peak_json(plan, p, view, diag, &tensors));
  TRY(report_work(p, view->scope, work_depth(view), diag, &scopes));
  double ratio = p->lower_bound ? (double)p->scratch_bytes / (double)p->lower_bound : 1;
  ReportMeetings m = report_meetings(p);
  *out = json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:f, s:i, s:i, s:i, s:I, s:I, s:o, "
                   "s:o, s:o}",
                   "name", plan_text(plan, p->name), "nodes", (int)p->graph->n_nodes - 1, "kernels",
                   (int)p->n_steps, "commits", (int)p->graph->n_commits, "macs",
                   (json_int_t)p->macs, "forward_macs", (json_int_t)forward_macs(p),
                   "scratch_bytes", (json_int_t)p->scratch_bytes, "lower_bound_bytes",
                   (json_int_t)p->lower_bound, "ratio", ratio, "peak_step", (int)p->peak_step,
                   "collectives", (int)m.collectives, "exchanges", (int)m.exchanges, "sum_bytes",
                   (json_int_t)m.sum_bytes, "gather_bytes", (json_int_t)m.gather_bytes, "streams",
                   streams, "peak", tensors, "scopes", scopes_json(&scopes, true));
  report_scopes_free(&scopes);
  return *out ? STATUS_OK : diag_no_memory(diag, sizeof **out);
}

static Status plan_json(const Plan *plan, const ReportView *view, Diag *diag, json_t *root) {
  char hash[32];
  uint32_t tensors;
  ReportScopes scopes;
  snprintf(hash, sizeof hash, "%016" PRIx64, plan->model_hash);
  int64_t parameters = trainable(plan, &tensors);
  TRY(report_parameters(plan, view->scope, depth_of(view), diag, &scopes));
  json_object_set_new(root, "model", json_string(plan_text(plan, plan->model_name)));
  json_object_set_new(root, "model_hash", json_string(hash));
  json_object_set_new(root, "precision", json_string(plan->precision->name));
  json_object_set_new(root, "shards", json_integer(plan->shards));
  json_object_set_new(root, "ranks", json_integer(plan->ranks));
  json_object_set_new(root, "sync", json_string(plan->local ? "local" : "global"));
  json_object_set_new(root, "parameters", json_integer(parameters));
  json_object_set_new(root, "tensors", json_integer(tensors));
  json_object_set_new(root, "state_bytes", json_integer(plan->state_bytes));
  json_object_set_new(root, "arena_bytes", json_integer(plan_arena_bytes(plan)));
  json_object_set_new(root, "scopes", scopes_json(&scopes, false));
  report_scopes_free(&scopes);
  json_t *programs = json_array();
  json_object_set_new(root, "programs", programs);
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    json_t *program;
    if (!shows(view, &plan->programs[i])) continue;
    TRY(program_json(plan, &plan->programs[i], view, diag, &program));
    json_array_append_new(programs, program);
  }
  return STATUS_OK;
}

Status report_json(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  TRY(check_scope(plan, view, diag));
  json_t *root = json_object();
  if (!root) return diag_no_memory(diag, sizeof *root);
  Status status = plan_json(plan, view, diag, root);
  if (status == STATUS_OK && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0)
    status = diag_error(diag, STATUS_SYSTEM, "report", NULL, "cannot write");
  if (status == STATUS_OK) fputc('\n', out);
  json_decref(root);
  return status;
}
