/* Reports as text. */
#include "compiler/report_view.h"
#include "compiler/streams.h"
#include "graph/base/text.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REPORT_TENSORS 10 /* of the peak, one by one in the text; JSON holds all */

static void put_count(int64_t value, FILE *out) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%" PRId64, value);
  for (int i = 0; i < n; i++) {
    fputc(digits[i], out);
    if ((n - i) % 3 == 1 && i + 1 < n && digits[i] != '-') fputc(',', out);
  }
}

static void put_bytes(int64_t bytes, const ReportUnits *u, FILE *out) {
  fprintf(out, "%.1f %s", (double)bytes / u->bytes, u->of);
}

static int64_t forward_macs(const PlanProgram *p) {
  int64_t sum = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    if (p->graph->nodes[id].stamp.role == ROLE_FORWARD) sum += node_macs(p->graph, id);
  return sum;
}

static void put_summary(const Plan *plan, const ReportView *view, FILE *out) {
  uint32_t tensors;
  char forward[32], scratch[32];
  ReportUnits u = report_units(plan);
  int64_t parameters = report_trainable(plan, &tensors);
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
  put_bytes(plan->state_bytes, &u, out);
  fputs(", arena ", out);
  put_bytes(plan_arena_bytes(plan), &u, out);
  fputs("\n\n", out);
  text_format(forward, sizeof forward, "forward %s", u.macs);
  text_format(scratch, sizeof scratch, "scratch %s", u.of);
  fprintf(out, "%-24s %10s %10s %10s %14s %14s %12s %8s\n", "program", "nodes", "kernels",
          "commits", u.macs, forward, scratch, "/bound");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (!report_shows(view, p)) continue;
    double ratio = p->lower_bound ? (double)p->scratch_bytes / (double)p->lower_bound : 1;
    fprintf(out, "%-24s %10u %10u %10u %14.3f %14.3f %12.1f %8.3f\n", plan_text(plan, p->name),
            p->graph->n_nodes - 1, p->n_steps, p->graph->n_commits, (double)p->macs / u.work,
            (double)forward_macs(p) / u.work, (double)p->scratch_bytes / u.bytes, ratio);
  }
}

static void put_meetings(const Plan *plan, const ReportView *view, FILE *out) {
  if (plan->ranks == 1) return;
  fprintf(out, "\n%-24s %12s %12s %10s %12s\n", "a rank's", "collectives", "exchanges", "sums MB",
          "gathers MB");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    ReportMeetings m = report_meetings(p);
    if (report_shows(view, p) && m.exchanges)
      fprintf(out, "%-24s %12u %12u %10.1f %12.1f\n", plan_text(plan, p->name), m.collectives,
              m.exchanges, (double)m.sum_bytes / 1e6, (double)m.gather_bytes / 1e6);
  }
}

/* Where the target has several: what overlaps, and what that brings by its estimate. */
static Status put_streams(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  if (target_streams(plan->target) == 1) return STATUS_OK;
  fprintf(out, "\n%-24s %8s %12s %12s %12s  %s\n", "streams (estimate)", "waits", "one ms",
          "longest ms", "run ms", "kernels on each");
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    const PlanProgram *p = &plan->programs[i];
    if (!report_shows(view, p)) continue;
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

size_t report_tensor_text(const Graph *g, const ReportTensor *tensor, char *text, size_t size) {
  const Node *node = &g->nodes[tensor->node];
  const SourceLoc *loc = &g->symbols->locs[node->stamp.loc];
  char shape[SHAPE_TEXT_MAX];
  size_t n =
      text_format(text, size, "%10.3f MB  %-12s %-24s %-10s %s", (double)tensor->bytes / 1e6,
                  op_desc(node->op)->name,
                  tensor->work ? "work buffer" : shape_text(&node->shape, shape, sizeof shape),
                  role_name((Role)node->stamp.role), report_label(g, tensor->node));
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
  ReportPeak peak;
  char where[48];
  TRY(report_peak(plan, p, diag, &peak));
  fprintf(out, "\npeak of %s: %s, %.3f MB\n", plan_text(plan, p->name),
          report_peak_text(p, peak.step, where), (double)peak.bytes / 1e6);
  int64_t rest = 0;
  uint32_t shown = 0;
  for (uint32_t i = 0; i < peak.n; i++) {
    const ReportTensor *tensor = &peak.tensors[i];
    if (!report_shows_node(view, p->graph, tensor->node)) continue;
    if (shown++ < REPORT_TENSORS)
      put_tensor(p->graph, tensor, out);
    else
      rest += tensor->bytes;
  }
  if (shown > REPORT_TENSORS)
    fprintf(out, "  %10.3f MB  in %u more\n", (double)rest / 1e6, shown - REPORT_TENSORS);
  report_peak_free(&peak);
  return STATUS_OK;
}

/* The name, and columns behind it; the longest name says how far. */
static int name_width(const ReportTable *table) {
  int width = 24;
  for (uint32_t i = 0; i < table->n; i++)
    if ((int)strlen(table->rows[i].name) > width) width = (int)strlen(table->rows[i].name);
  return width < 60 ? width : 60;
}

static void put_sums(const char *name, int width, const ReportSums *row, const ReportSums *all,
                     const ReportUnits *u, FILE *out) {
  double share = all->flops ? 100 * (double)row->flops / (double)all->flops : 0;
  fprintf(out, "  %-*s %8" PRId64 " %8" PRId64 " %12.3f %12.3f %12.3f %6.1f%% %12.1f\n", width,
          *name ? name : "(top)", row->unfused, row->kernels, (double)row->macs / u->work,
          (double)row->forward_macs / u->work, (double)row->flops / u->work, share,
          (double)row->bytes / u->bytes);
}

static int by_flops(const void *a, const void *b) {
  const ReportSums *x = a, *y = b;
  if (x->flops != y->flops) return x->flops > y->flops ? -1 : 1;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return strcmp(x->name, y->name);
}

static void put_table(const char *what, ReportTable *table, const ReportSums *all,
                      const ReportUnits *u, FILE *out) {
  int width = name_width(table);
  char forward[32], moved[32];
  text_format(forward, sizeof forward, "forward %s", u->macs);
  text_format(moved, sizeof moved, "moved %s", u->of);
  fprintf(out, "\n  %-*s %8s %8s %12s %12s %12s %7s %12s\n", width, what, "unfused", "kernels",
          u->macs, forward, u->flops, "share", moved);
  for (uint32_t i = 0; i < table->n; i++) {
    const ReportSums *row = &table->rows[i];
    if (row->flops || row->bytes || row->kernels || row->unfused)
      put_sums(row->name, width, row, all, u, out);
  }
}

static Status put_work(const Plan *plan, const PlanProgram *p, const ReportView *view, FILE *out,
                       Diag *diag) {
  ReportTable ops, scopes;
  ReportUnits u = report_units(plan);
  ReportSums all;
  TRY(report_program(plan, p, diag, &all));
  TRY(report_work(plan, p, view->scope, 0, diag, &ops));
  Status status = report_work(plan, p, view->scope, report_work_depth(view), diag, &scopes);
  if (status == STATUS_OK) {
    fprintf(out, "\nwork of %s\n", graph_text(p->graph, p->name));
    qsort(ops.rows, ops.n, sizeof *ops.rows, by_flops);
    put_table("op", &ops, &all, &u, out);
    put_table("scope", &scopes, &all, &u, out);
    put_sums("all of the program", name_width(&scopes), &all, &all, &u, out);
    report_table_free(&scopes);
  }
  report_table_free(&ops);
  return status;
}

Status report_text(const Plan *plan, const ReportView *view, FILE *out, Diag *diag) {
  TRY(report_check_scope(plan, view, diag));
  put_summary(plan, view, out);
  put_meetings(plan, view, out);
  TRY(put_streams(plan, view, out, diag));
  ReportTable parameters;
  TRY(report_parameters(plan, view->scope, report_depth(view), diag, &parameters));
  if (parameters.n) fputs("\nparameters by scope\n", out);
  for (uint32_t i = 0; i < parameters.n; i++) {
    fprintf(out, "  %-40s ", *parameters.rows[i].name ? parameters.rows[i].name : "(top)");
    put_count(parameters.rows[i].parameters, out);
    fputc('\n', out);
  }
  report_table_free(&parameters);
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    if (!report_shows(view, &plan->programs[k])) continue;
    TRY(put_work(plan, &plan->programs[k], view, out, diag));
    TRY(put_peak(plan, &plan->programs[k], view, out, diag));
  }
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}
