/* Reports as JSON. */
#include "compiler/report_json.h"

#include "compiler/streams.h"
#include "graph/base/text.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

json_t *report_json_string(const char *text) {
  json_t *value = json_string(text);
  if (value || !text) return value;
  char *copy = strdup(text); /* the path of a file need not be UTF-8 */
  if (copy) text_repair(copy);
  value = copy ? json_string(copy) : NULL;
  free(copy);
  return value;
}

json_t *report_json_file(const Graph *g, uint32_t loc) {
  return report_json_string(loc ? graph_text(g, g->symbols->locs[loc].file) : "");
}

static json_t *parameters_json(const ReportTable *table) {
  json_t *list = json_object();
  for (uint32_t i = 0; i < table->n; i++)
    json_object_set_new(list, table->rows[i].name, json_integer(table->rows[i].parameters));
  return list;
}

/* `count`: what nodes are called. */
static json_t *table_json(const ReportTable *table, const char *count) {
  json_t *list = json_object();
  for (uint32_t i = 0; i < table->n; i++) {
    const ReportSums *row = &table->rows[i];
    json_object_set_new(
        list, row->name,
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", count, (json_int_t)row->nodes, "kernels",
                  (json_int_t)row->kernels, "macs", (json_int_t)row->macs, "forward_macs",
                  (json_int_t)row->forward_macs, "flops", (json_int_t)row->flops, "bytes",
                  (json_int_t)row->bytes, "kernels_unfused", (json_int_t)row->unfused));
  }
  return list;
}

json_t *report_json_kernel(const PlanProgram *p, uint32_t step) {
  return step && step <= p->n_steps ? json_integer((json_int_t)step - 1) : json_null();
}

static json_t *alive_json(const PlanProgram *p, const ReportView *view, const ReportPeak *peak) {
  const Graph *g = p->graph;
  json_t *list = json_array();
  for (uint32_t i = 0; i < peak->n; i++) {
    const ReportTensor *tensor = &peak->tensors[i];
    if (!report_shows_node(view, g, tensor->node)) continue;
    const Node *node = &g->nodes[tensor->node];
    const SourceLoc *loc = &g->symbols->locs[node->stamp.loc];
    json_array_append_new(
        list, json_pack("{s:s, s:s, s:b, s:I, s:o, s:i}", "value", report_label(g, tensor->node),
                        "op", op_desc(node->op)->name, "work", tensor->work, "bytes",
                        (json_int_t)tensor->bytes, "file", report_json_file(g, node->stamp.loc),
                        "line", node->stamp.loc ? (int)loc->line : 0));
  }
  return list;
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

static json_t *memory_json(const PlanProgram *p, const ReportPeak *peak) {
  double ratio = p->lower_bound ? (double)p->scratch_bytes / (double)p->lower_bound : 1;
  ReportMeetings m = report_meetings(p);
  return json_pack("{s:I, s:I, s:f, s:o, s:I, s:i, s:i, s:I, s:I}", "scratch_bytes",
                   (json_int_t)p->scratch_bytes, "lower_bound_bytes", (json_int_t)p->lower_bound,
                   "ratio", ratio, "peak_kernel", report_json_kernel(p, peak->step), "peak_bytes",
                   (json_int_t)peak->bytes, "collectives", (int)m.collectives, "exchanges",
                   (int)m.exchanges, "sum_bytes", (json_int_t)m.sum_bytes, "gather_bytes",
                   (json_int_t)m.gather_bytes);
}

static Status add_tables(const Plan *plan, const PlanProgram *p, const ReportView *view,
                         json_t *root, Diag *diag) {
  ReportTable scopes, ops;
  TRY(report_work(plan, p, view->scope, report_work_depth(view), diag, &scopes));
  Status status = report_work(plan, p, view->scope, 0, diag, &ops);
  if (status == STATUS_OK) {
    json_object_set_new(root, "scopes", table_json(&scopes, "nodes"));
    json_object_set_new(root, "ops", table_json(&ops, "values"));
    report_table_free(&ops);
  }
  report_table_free(&scopes);
  return status;
}

/* Appends the program to the list, which owns what there is of it also after a failure. */
static Status add_program(const Plan *plan, const PlanProgram *p, const ReportView *view,
                          json_t *list, Diag *diag) {
  ReportSums all;
  TRY(report_program(plan, p, diag, &all));
  json_t *root = json_pack(
      "{s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "name", plan_text(plan, p->name), "nodes",
      (int)p->graph->n_nodes - 1, "kernels", (int)p->n_steps, "kernels_unfused", (int)all.unfused,
      "commits", (int)p->graph->n_commits, "macs", (json_int_t)p->macs, "forward_macs",
      (json_int_t)all.forward_macs, "flops", (json_int_t)all.flops, "bytes", (json_int_t)all.bytes);
  bool ok = json_array_append_new(list, root) == 0;
  if (!ok) return diag_no_memory(diag, sizeof root);
  ReportPeak peak;
  TRY(report_peak(plan, p, diag, &peak));
  json_t *memory = memory_json(p, &peak), *part;
  ok = json_object_update(root, memory) == 0 &&
       json_object_set_new(root, "peak", alive_json(p, view, &peak)) == 0;
  json_decref(memory);
  report_peak_free(&peak);
  if (!ok) return diag_no_memory(diag, sizeof root);
  TRY(streams_json(plan, p, diag, &part));
  json_object_set_new(root, "streams", part);
  return add_tables(plan, p, view, root, diag);
}

static Status plan_json(const Plan *plan, const ReportView *view, Diag *diag, json_t *root) {
  char hash[32];
  uint32_t tensors;
  ReportTable parameters_by;
  snprintf(hash, sizeof hash, "%016" PRIx64, plan->model_hash);
  int64_t parameters = report_trainable(plan, &tensors);
  TRY(report_parameters(plan, view->scope, report_depth(view), diag, &parameters_by));
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
  json_object_set_new(root, "scopes", parameters_json(&parameters_by));
  report_table_free(&parameters_by);
  json_t *programs = json_array();
  json_object_set_new(root, "programs", programs);
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    if (!report_shows(view, &plan->programs[i])) continue;
    TRY(add_program(plan, &plan->programs[i], view, programs, diag));
  }
  return STATUS_OK;
}

Status report_json(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  TRY(report_check_scope(plan, view, diag));
  json_t *root = json_object();
  if (!root) return diag_no_memory(diag, sizeof *root);
  Status status = plan_json(plan, view, diag, root);
  if (status == STATUS_OK && json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) != 0)
    status = diag_error(diag, STATUS_SYSTEM, "report", NULL, "cannot write");
  if (status == STATUS_OK) fputc('\n', out);
  json_decref(root);
  return status;
}
