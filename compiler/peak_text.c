/* graphc --explain-peak: the rows of compiler/peak.h in groups, as text and as JSON. */
#include "compiler/peak.h"

#include "compiler/report_json.h"
#include "compiler/report_view.h"
#include "graph/base/text.h"
#include "graph/ir/source.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows whose scopes begin alike; largest group first, and in it the largest row. */
typedef struct Group {
  const char *scope; /* not ended: `length` bytes */
  size_t length;
  int64_t bytes;
  uint32_t first, n; /* of Groups.rows */
} Group;

typedef struct Groups {
  const PeakRow **rows;
  Group *list;
  uint32_t n;
} Groups;

static const char *scope_of(const Graph *g, const PeakRow *row) {
  return graph_text(g, g->nodes[row->node].stamp.scope);
}

typedef struct Sorter {
  const Graph *graph;
  int depth;
} Sorter;

static int by_scope(const void *a, const void *b, void *context) {
  const Sorter *s = context;
  const PeakRow *x = *(const PeakRow *const *)a, *y = *(const PeakRow *const *)b;
  const char *p = scope_of(s->graph, x), *q = scope_of(s->graph, y);
  size_t n = scope_cut(p, s->depth), m = scope_cut(q, s->depth);
  int order = memcmp(p, q, n < m ? n : m);
  if (order == 0 && n != m) order = n < m ? -1 : 1;
  return order ? order : x < y ? -1 : x > y; /* as they are: largest first */
}

static int by_bytes(const void *a, const void *b) {
  const Group *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->first < y->first ? -1 : x->first > y->first;
}

static void groups_free(Groups *groups) {
  free(groups->rows);
  free(groups->list);
}

static Status groups_make(const PlanProgram *p, const Peak *peak, const ReportView *view,
                          Diag *diag, Groups *out) {
  Sorter sorter = {p->graph, report_work_depth(view)};
  *out = (Groups){calloc((size_t)peak->n + 1, sizeof *out->rows),
                  calloc((size_t)peak->n + 1, sizeof *out->list), 0};
  uint32_t n = 0;
  if (!out->rows || !out->list) {
    groups_free(out);
    return diag_no_memory(diag, peak->n * sizeof *out->list);
  }
  for (uint32_t i = 0; i < peak->n; i++)
    if (report_shows_node(view, p->graph, peak->rows[i].node)) out->rows[n++] = &peak->rows[i];
  qsort_r(out->rows, n, sizeof *out->rows, by_scope, &sorter);
  for (uint32_t i = 0; i < n; i++) {
    const char *scope = scope_of(p->graph, out->rows[i]);
    size_t length = scope_cut(scope, sorter.depth);
    Group *last = out->n ? &out->list[out->n - 1] : NULL;
    if (!last || last->length != length || memcmp(last->scope, scope, length) != 0) {
      last = &out->list[out->n++];
      *last = (Group){.scope = scope, .length = length, .first = i};
    }
    last->n++;
    last->bytes += out->rows[i]->bytes;
  }
  qsort(out->list, out->n, sizeof *out->list, by_bytes);
  return STATUS_OK;
}

/* ---- words ---- */

static const char *where(const Graph *g, NodeId id, char text[SOURCE_WHERE_MAX]) {
  uint32_t loc = id ? g->nodes[id].stamp.loc : 0;
  if (!loc) return "";
  return source_where(g->symbols, loc, text);
}

static const char *kind_name(PeakKind kind) {
  return kind == PEAK_VALUE ? "value" : kind == PEAK_WORK ? "work" : "held";
}

/* What is committed, or put out, at the end: `commit of NAME`, `output NAME`; NULL: neither. */
static const char *kept_for(const Plan *plan, const PlanProgram *p, NodeId value, char *text,
                            size_t size) {
  const Graph *g = p->graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    NodeId id = g->outputs[i].node;
    while (id != value && g->nodes[id].op == OP_RESHAPE) id = node_input(g, id, 0);
    if (id != value) continue;
    text_format(text, size, "output %s", graph_text(g, g->outputs[i].name));
    return text;
  }
  for (uint32_t i = 0; i < g->n_commits; i++) {
    NodeId id = g->commits[i].value;
    while (id != value && g->nodes[id].op == OP_RESHAPE) id = node_input(g, id, 0);
    if (id != value) continue;
    text_format(text, size, "commit of %s",
                plan_text(plan, plan->states[g->commits[i].state].name));
    return text;
  }
  return NULL;
}

/* `kernel 5127, conv-dw at FILE:LINE`, `the end, commit of stem/conv/weight`. */
static void freed_text(const Plan *plan, const PlanProgram *p, const PeakRow *row, char *text,
                       size_t size) {
  char place[SOURCE_WHERE_MAX], kept[256];
  const Graph *g = p->graph;
  NodeId last = row->heir ? row->heir : row->node;
  if (row->again == AGAIN_NOTHING) {
    text_format(text, size, "kernel %u, which works in it", row->freed - 1);
  } else if (row->freed > p->n_steps) {
    const char *why = kept_for(plan, p, last, kept, sizeof kept);
    text_format(text, size, "the end%s%s", why ? ", " : "", why ? why : "");
  } else if (row->reader) {
    text_format(text, size, "kernel %u, %s at %s", row->freed - 1,
                op_desc(g->nodes[row->reader].op)->name, where(g, row->reader, place));
  } else {
    text_format(text, size, row->freed ? "kernel %u, where it is made" : "never read",
                row->freed - 1);
  }
}

/* `12.885 302.043`, multiply-adds and bytes, or why there is none. */
static void again_text(const PeakRow *row, const ReportUnits *u, char *text, size_t size) {
  static const char *const words[] = {"", "(fed)", "(state is gone)", "(a long way)", "-"};
  if (row->again == AGAIN_COSTS)
    text_format(text, size, "%.3f %9.3f", (double)row->cost.macs / u->work,
                (double)row->cost.bytes / u->bytes);
  else
    text_format(text, size, "%s", words[row->again]);
}

/* ---- text ---- */

static void put_line(const char *name, int64_t bytes, int64_t of, FILE *out) {
  fprintf(out, "  %-44s %18" PRId64 " %10.3f MB %6.1f%%\n", name, bytes, (double)bytes / 1e6,
          of ? 100 * (double)bytes / (double)of : 0);
}

static void put_sums(const Plan *plan, const Peak *peak, FILE *out) {
  uint32_t values = 0, held = 0;
  char text[80];
  for (uint32_t i = 0; i < peak->n; i++) {
    values += peak->rows[i].kind == PEAK_VALUE;
    held += peak->rows[i].kind == PEAK_HELD;
  }
  fprintf(out, "  %-44s %18s %13s %7s\n", "", "bytes", "", "share");
  text_format(text, sizeof text, "values, %u", values);
  put_line(text, peak->values, peak->reserved, out);
  put_line("work buffers of the kernel", peak->work, peak->reserved, out);
  text_format(text, sizeof text, "held until other streams have read them, %u", held);
  if (held) put_line(text, peak->held, peak->reserved, out);
  put_line("alignment", peak->alignment, peak->reserved, out);
  put_line("gaps between them", peak->gaps, peak->reserved, out);
  put_line("= scratch", peak->scratch, peak->reserved, out);
  text_format(text, sizeof text, "state, %u tensors", plan->n_states);
  put_line(text, peak->state, peak->reserved, out);
  put_line("alignment of the state", peak->state_align, peak->reserved, out);
  put_line("= reserved for this program", peak->reserved, peak->reserved, out);
}

static void put_head(const Plan *plan, const PlanProgram *p, const Peak *peak, FILE *out) {
  char place[SOURCE_WHERE_MAX], number[48];
  const Graph *g = p->graph;
  fprintf(out, "peak of %s: ", plan_text(plan, p->name));
  if (peak->step == 0 || peak->step > p->n_steps) {
    fputs(report_peak_text(p, peak->step, number), out);
  } else {
    NodeId last =
        p->step_nodes[p->steps[peak->step - 1].first + p->steps[peak->step - 1].count - 1];
    fprintf(out, "%s, %s %s at %s", report_peak_text(p, peak->step, number),
            op_desc(g->nodes[last].op)->name, report_label(g, last), where(g, last, place));
  }
  fputs("\n\n", out);
}

static void put_row(const Plan *plan, const PlanProgram *p, const PeakRow *row,
                    const ReportUnits *u, FILE *out) {
  char shape[SHAPE_TEXT_MAX], again[64], freed[512], made[16], place[SOURCE_WHERE_MAX];
  const Graph *g = p->graph;
  const Node *node = &g->nodes[row->node];
  again_text(row, u, again, sizeof again);
  freed_text(plan, p, row, freed, sizeof freed);
  text_format(made, sizeof made, row->maker ? "%u" : "fed", row->maker - 1);
  fprintf(out, "  %12.3f %-4s %-22s %-12s %6s %22s  %s  %s; freed: %s%s%s",
          (double)row->bytes / u->bytes,
          row->again == AGAIN_NOTHING ? "-" : dtype_name((DType)node->dtype),
          row->again == AGAIN_NOTHING ? "work buffer"
                                      : shape_text(&node->shape, shape, sizeof shape),
          op_desc(node->op)->name, made, again, report_label(g, row->node),
          where(g, row->node, place), freed, row->heir ? ", with what is made in its place" : "",
          row->kind == PEAK_HELD ? "; held for kernels on other streams" : "");
  if (row->cost.inputs && row->cost.inputs >= row->bytes / 100)
    fprintf(out, "; again: keeps inputs, %.3f %s", (double)row->cost.inputs / u->bytes, u->of);
  fputc('\n', out);
}

static void put_group(const Plan *plan, const PlanProgram *p, const Groups *groups,
                      const Group *group, const ReportUnits *u, FILE *out) {
  fprintf(out, "\n%.*s: %.3f %s in %u\n", (int)group->length,
          group->length ? group->scope : "(top)", (double)group->bytes / u->bytes, u->of, group->n);
  for (uint32_t i = 0; i < group->n; i++) put_row(plan, p, groups->rows[group->first + i], u, out);
}

static const PlanProgram *largest(const Plan *plan) {
  const PlanProgram *found = plan->programs;
  for (uint32_t i = 1; i < plan->n_programs; i++)
    if (plan->programs[i].scratch_bytes > found->scratch_bytes) found = &plan->programs[i];
  return found;
}

static const PlanProgram *program_of(const Plan *plan, const ReportView *view) {
  return view->program ? view->program : largest(plan);
}

static Status put_peak(const Plan *plan, const PlanProgram *p, const Peak *peak,
                       const ReportView *view, FILE *out, Diag *diag) {
  Groups groups;
  char again[32];
  TRY(groups_make(p, peak, view, diag, &groups));
  put_head(plan, p, peak, out);
  put_sums(plan, peak, out);
  ReportUnits u = report_units(plan);
  text_format(again, sizeof again, "again: %s        %s", u.macs, u.of);
  fprintf(out, "\n  %12s %-4s %-22s %-12s %6s %22s  %s\n", u.of, "type", "shape", "made by",
          "kernel", again, "value, XML line; who reads it last");
  for (uint32_t i = 0; i < groups.n; i++) put_group(plan, p, &groups, &groups.list[i], &u, out);
  groups_free(&groups);
  if (!view->program && plan->n_programs > 1)
    fprintf(out, "\n%s needs the most of %u programs; --program=P explains another\n",
            plan_text(plan, p->name), plan->n_programs);
  return ferror(out) ? STATUS_SYSTEM : STATUS_OK;
}

static Status check_scope(const PlanProgram *p, const ReportView *view, Diag *diag) {
  return scope_is_of(p, view->scope) || !view->scope ? STATUS_OK
                                                     : scope_unknown(p, 1, view->scope, diag);
}

/* ---- JSON ---- */

static json_t *place_json(const Graph *g, NodeId id) {
  char text[SOURCE_WHERE_MAX];
  return report_json_string(where(g, id, text));
}

static json_t *again_json(const PeakRow *row) {
  static const char *const words[] = {"", "fed", "state is gone", "a long way", "work buffer"};
  if (row->again != AGAIN_COSTS) return json_pack("{s:s}", "not", words[row->again]);
  return json_pack("{s:i, s:I, s:I, s:I, s:I}", "values", (int)row->cost.nodes, "macs",
                   (json_int_t)row->cost.macs, "flops", (json_int_t)row->cost.flops, "bytes",
                   (json_int_t)row->cost.bytes, "inputs_to_keep_bytes",
                   (json_int_t)row->cost.inputs);
}

static json_t *row_json(const Plan *plan, const PlanProgram *p, const PeakRow *row) {
  char shape[SHAPE_TEXT_MAX], freed[512];
  const Graph *g = p->graph;
  const Node *node = &g->nodes[row->node];
  freed_text(plan, p, row, freed, sizeof freed);
  return json_pack(
      "{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:o}", "kind",
      kind_name(row->kind), "value", report_label(g, row->node), "op", op_desc(node->op)->name,
      "dtype", dtype_name((DType)node->dtype), "shape",
      shape_text(&node->shape, shape, sizeof shape), "role", role_name((Role)node->stamp.role),
      "order", (int)node->stamp.order, "at", place_json(g, row->node), "bytes",
      (json_int_t)row->bytes, "align", (json_int_t)row->align, "made_kernel",
      report_json_kernel(p, row->maker), "freed_kernel", report_json_kernel(p, row->freed), "freed",
      report_json_string(freed), "freed_at", place_json(g, row->reader), "taken_over",
      row->heir ? report_label(g, row->heir) : "", "again", again_json(row));
}

static json_t *states_json(const Plan *plan) {
  static const char *const kinds[] = {"parameter", "statistic", "optimiser"};
  char shape[SHAPE_TEXT_MAX], place[SOURCE_WHERE_MAX];
  json_t *list = json_array();
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    const char *at = s->loc ? source_where(plan->symbols, s->loc, place) : "";
    int64_t bytes = shape_count(&s->shape) * (int64_t)dtype_size((DType)s->dtype);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "name",
                                          plan_text(plan, s->name), "kind", kinds[s->kind], "dtype",
                                          dtype_name((DType)s->dtype), "shape",
                                          shape_text(&s->shape, shape, sizeof shape), "bytes",
                                          (json_int_t)bytes, "at", report_json_string(at)));
  }
  return list;
}

static json_t *groups_json(const Plan *plan, const PlanProgram *p, const Groups *groups) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < groups->n; i++) {
    const Group *group = &groups->list[i];
    json_t *rows = json_array();
    for (uint32_t k = 0; k < group->n; k++)
      json_array_append_new(rows, row_json(plan, p, groups->rows[group->first + k]));
    json_array_append_new(list, json_pack("{s:s%, s:I, s:o}", "scope", group->scope, group->length,
                                          "bytes", (json_int_t)group->bytes, "rows", rows));
  }
  return list;
}

static Status put_json(const Plan *plan, const PlanProgram *p, const Peak *peak,
                       const ReportView *view, FILE *out, Diag *diag) {
  Groups groups;
  TRY(groups_make(p, peak, view, diag, &groups));
  json_t *root = json_pack(
      "{s:s, s:o, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "program",
      plan_text(plan, p->name), "kernel", report_json_kernel(p, peak->step), "kernels",
      (int)p->n_steps, "values_bytes", (json_int_t)peak->values, "work_bytes",
      (json_int_t)peak->work, "held_bytes", (json_int_t)peak->held, "alignment_bytes",
      (json_int_t)peak->alignment, "gaps_bytes", (json_int_t)peak->gaps, "scratch_bytes",
      (json_int_t)peak->scratch, "state_bytes", (json_int_t)peak->state, "state_alignment_bytes",
      (json_int_t)peak->state_align, "reserved_bytes", (json_int_t)peak->reserved, "groups",
      groups_json(plan, p, &groups), "states", states_json(plan));
  groups_free(&groups);
  bool ok = root && json_dumpf(root, out, JSON_INDENT(1)) == 0 && fputc('\n', out) != EOF;
  json_decref(root);
  return ok ? STATUS_OK : diag_error(diag, STATUS_SYSTEM, "--explain-peak", NULL, "cannot write");
}

Status peak_write(const Plan *plan, const ReportView *view, bool json, FILE *out, Diag *diag) {
  const PlanProgram *p = program_of(plan, view);
  Peak peak;
  TRY(check_scope(p, view, diag));
  Status status = peak_find(plan, p, diag, &peak);
  if (status == STATUS_OK) status = (json ? put_json : put_peak)(plan, p, &peak, view, out, diag);
  peak_free(&peak);
  return status;
}
