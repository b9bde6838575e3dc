/* Sums by scope and by op, and what is alive at the peak. */
#include "compiler/liveness.h"
#include "compiler/report.h"

#include "graph/base/array.h"
#include "graph/base/checked.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"
#include "ops/work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The row of a parameter is that of the scope around it: its own name is none. */
static size_t cut_around(const char *name, int depth) {
  const char *last = strrchr(name, '/');
  size_t around = last ? (size_t)(last - name) : 0, length = scope_cut(name, depth);
  return length < around ? length : around;
}

/* The row of that name, made where it is missing; NULL: out of memory. */
static ReportSums *find(ReportTable *table, uint32_t *cap, const char *path, size_t length) {
  uint32_t low = 0, high = table->n;
  while (low < high) {
    uint32_t mid = (low + high) / 2;
    const char *have = table->rows[mid].name;
    int order = strncmp(have, path, length);
    if (order == 0) order = have[length] != 0;
    if (order == 0) return &table->rows[mid];
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  if (ARRAY_RESERVE(table->rows, *cap, table->n, 1, NULL) != STATUS_OK) return NULL;
  char *name = strndup(path, length);
  if (!name) return NULL;
  memmove(&table->rows[low + 1], &table->rows[low], (table->n - low) * sizeof *table->rows);
  table->n++;
  table->rows[low] = (ReportSums){.name = name};
  return &table->rows[low];
}

void report_table_free(ReportTable *table) {
  for (uint32_t i = 0; i < table->n; i++) free((char *)(uintptr_t)table->rows[i].name);
  free(table->rows);
  *table = (ReportTable){0};
}

Status report_parameters(const Plan *plan, const char *within, int depth, Diag *diag,
                         ReportTable *out) {
  *out = (ReportTable){0};
  uint32_t cap = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (s->kind != STATE_PARAMETER || !s->trainable) continue;
    const char *name = plan_text(plan, s->name);
    if (!scope_holds(within, name)) continue;
    ReportSums *row = find(out, &cap, name, cut_around(name, depth));
    if (!row) {
      report_table_free(out);
      return diag_no_memory(diag, sizeof *row);
    }
    row->parameters += shape_count(&s->shape);
  }
  return STATUS_OK;
}

static const char *node_scope(const Graph *g, NodeId id) {
  return graph_text(g, g->nodes[id].stamp.scope);
}

/* Of a step, counted from 1: the node that its kernel is reported by. */
static NodeId last_member(const PlanProgram *p, uint32_t step) {
  const PlanStep *s = &p->steps[step - 1];
  return p->step_nodes[s->first + s->count - 1];
}

/* A table in the making. */
typedef struct Tally {
  const Graph *g;
  const char *within;
  int depth;        /* 0: by op */
  ReportTable *out; /* NULL: no rows */
  uint32_t cap;
  ReportSums rest; /* what is in no row */
  bool failed;     /* out of memory */
} Tally;

static ReportSums *row_of(Tally *t, NodeId id) {
  const char *scope = node_scope(t->g, id), *op = op_desc(t->g->nodes[id].op)->name;
  if (t->failed || !t->out || !scope_holds(t->within, scope)) return &t->rest;
  ReportSums *row = t->depth ? find(t->out, &t->cap, scope, scope_cut(scope, t->depth))
                             : find(t->out, &t->cap, op, strlen(op));
  if (row) return row;
  t->failed = true;
  return &t->rest;
}

static void add_node(Tally *t, NodeId id, int64_t bytes) {
  ReportSums *row = row_of(t, id);
  int64_t macs = node_macs(t->g, id), flops = node_flops(t->g, id);
  row->nodes++;
  row->macs += macs;
  if (t->g->nodes[id].stamp.role == ROLE_FORWARD) row->forward_macs += macs;
  if (!checked_add(row->flops, flops, &row->flops)) row->flops = INT64_MAX;
  row->bytes += bytes;
}

static bool stands_alone(const Graph *g, NodeId id) {
  uint16_t op = g->nodes[id].op;
  return op != OP_CONSTANT && op != OP_IOTA && op != OP_BROADCAST;
}

static void add_kernel(Tally *t, const PlanProgram *p, uint32_t step) {
  const PlanStep *s = &p->steps[step];
  uint32_t alone = 0;
  for (uint32_t k = 0; k < s->count; k++) {
    NodeId id = p->step_nodes[s->first + k];
    if (!stands_alone(t->g, id)) continue;
    row_of(t, id)->unfused++;
    alone++;
  }
  NodeId last = last_member(p, step + 1);
  row_of(t, last)->kernels++;
  if (!alone) row_of(t, last)->unfused++;
}

static Status tally(Tally *t, const Plan *plan, const PlanProgram *program, Diag *diag) {
  int64_t *bytes = calloc(t->g->n_nodes, sizeof *bytes);
  if (!bytes) return diag_no_memory(diag, t->g->n_nodes * sizeof *bytes);
  Status status = work_bytes(plan, program, diag, bytes);
  for (NodeId id = 1; id < t->g->n_nodes && status == STATUS_OK; id++) add_node(t, id, bytes[id]);
  for (uint32_t s = 0; s < program->n_steps && status == STATUS_OK; s++) add_kernel(t, program, s);
  free(bytes);
  return t->failed ? diag_no_memory(diag, sizeof *t->out->rows) : status;
}

Status report_work(const Plan *plan, const PlanProgram *program, const char *within, int depth,
                   Diag *diag, ReportTable *out) {
  *out = (ReportTable){0};
  Tally t = {.g = program->graph, .within = within, .depth = depth, .out = out};
  Status status = tally(&t, plan, program, diag);
  if (status != STATUS_OK) report_table_free(out);
  return status;
}

Status report_program(const Plan *plan, const PlanProgram *program, Diag *diag, ReportSums *out) {
  Tally t = {.g = program->graph};
  Status status = tally(&t, plan, program, diag);
  *out = t.rest;
  return status;
}

static int by_size(const void *a, const void *b) {
  const ReportTensor *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return x->work - y->work;
}

static Status list_tensors(const PlanProgram *p, Lives *lives, Diag *diag, ReportPeak *out) {
  TRY(lives_take(p, lives, diag));
  uint32_t at = lives->taken.step;
  ReportTensor *list = calloc((size_t)lives->n_items + 1, sizeof *list);
  NodeId *values = calloc((size_t)lives->n_values + 1, sizeof *values);
  *out = (ReportPeak){.step = at, .bytes = lives->taken.bytes, .tensors = list};
  if (!list || !values) {
    free(values);
    return diag_no_memory(diag, lives->n_items * sizeof *list);
  }
  lives_values(lives, p->graph->n_nodes, at, values);
  for (uint32_t i = 0; i < lives->n_items; i++) {
    const OffsetItem *item = &lives->items[i];
    if (item->start > at || item->end < at) continue;
    bool work = i >= lives->n_values;
    list[out->n++] =
        (ReportTensor){work ? last_member(p, item->start) : values[i], work, item->bytes};
  }
  free(values);
  qsort(list, out->n, sizeof *list, by_size);
  return STATUS_OK;
}

Status report_peak(const Plan *plan, const PlanProgram *p, Diag *diag, ReportPeak *out) {
  Lives lives;
  *out = (ReportPeak){0};
  Status status = lives_find(plan, p, diag, &lives);
  if (status == STATUS_OK) status = list_tensors(p, &lives, diag, out);
  lives_free(&lives);
  if (status != STATUS_OK) report_peak_free(out);
  return status;
}

void report_peak_free(ReportPeak *peak) {
  free(peak->tensors);
  *peak = (ReportPeak){0};
}

const char *report_peak_text(const PlanProgram *p, uint32_t step, char text[48]) {
  if (step == 0) return "before the first kernel";
  if (step > p->n_steps) return "at the end";
  snprintf(text, 48, "kernel %u of %u", step - 1, p->n_steps);
  return text;
}

ReportMeetings report_meetings(const PlanProgram *p) {
  const Graph *g = p->graph;
  ReportMeetings out = {0};
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const NodeId *members = &p->step_nodes[p->steps[s].first];
    uint16_t op = g->nodes[members[0]].op;
    if (op != OP_ALL_REDUCE && op != OP_ALL_GATHER) continue;
    out.exchanges++;
    out.collectives += p->steps[s].count;
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      *(op == OP_ALL_REDUCE ? &out.sum_bytes : &out.gather_bytes) +=
          value_bytes(&g->nodes[node_input(g, members[k], 0)]);
  }
  return out;
}
