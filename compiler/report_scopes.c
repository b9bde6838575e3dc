/* Sums by scope, and what is alive at the peak. */
#include "compiler/liveness.h"
#include "compiler/report.h"

#include "graph/base/array.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

static size_t cut(const char *path, int depth, bool drop_last) {
  const char *end = path + strlen(path), *at = path;
  const char *last = strrchr(path, '/');
  if (drop_last) end = last ? last : path;
  for (int i = 0; i < depth; i++) {
    const char *slash = strchr(at, '/');
    if (!slash || slash >= end) return (size_t)(end - path);
    at = slash + 1;
  }
  return at == path ? 0 : (size_t)(at - path) - 1;
}

static ReportScope *find(ReportScopes *scopes, uint32_t *cap, const char *path, size_t length) {
  uint32_t low = 0, high = scopes->n;
  while (low < high) {
    uint32_t mid = (low + high) / 2;
    const char *have = scopes->scopes[mid].name;
    int order = strncmp(have, path, length);
    if (order == 0) order = have[length] != 0;
    if (order == 0) return &scopes->scopes[mid];
    if (order < 0)
      low = mid + 1;
    else
      high = mid;
  }
  if (ARRAY_RESERVE(scopes->scopes, *cap, scopes->n, 1, NULL) != STATUS_OK) return NULL;
  char *name = strndup(path, length);
  if (!name) return NULL;
  memmove(&scopes->scopes[low + 1], &scopes->scopes[low], (scopes->n - low) * sizeof(ReportScope));
  scopes->n++;
  scopes->scopes[low] = (ReportScope){.name = name};
  return &scopes->scopes[low];
}

void report_scopes_free(ReportScopes *scopes) {
  for (uint32_t i = 0; i < scopes->n; i++) free((char *)(uintptr_t)scopes->scopes[i].name);
  free(scopes->scopes);
  *scopes = (ReportScopes){0};
}

Status report_parameters(const Plan *plan, const char *within, int depth, Diag *diag,
                         ReportScopes *out) {
  *out = (ReportScopes){0};
  uint32_t cap = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (s->kind != STATE_PARAMETER || !s->trainable) continue;
    const char *name = plan_text(plan, s->name);
    if (!scope_holds(within, name)) continue;
    ReportScope *scope = find(out, &cap, name, cut(name, depth, true));
    if (!scope) {
      report_scopes_free(out);
      return diag_no_memory(diag, sizeof *scope);
    }
    scope->parameters += shape_count(&s->shape);
  }
  return STATUS_OK;
}

static const char *node_scope(const Graph *g, NodeId id) {
  return graph_text(g, g->nodes[id].stamp.scope);
}

static Status scope_of(const Graph *g, NodeId id, int depth, Diag *diag, ReportScopes *out,
                       uint32_t *cap, ReportScope **scope) {
  const char *name = node_scope(g, id);
  *scope = find(out, cap, name, cut(name, depth, false));
  if (*scope) return STATUS_OK;
  report_scopes_free(out);
  return diag_no_memory(diag, sizeof **scope);
}

/* Of a step, counted from 1: the node that its kernel is reported by. */
static NodeId last_member(const PlanProgram *p, uint32_t step) {
  const PlanStep *s = &p->steps[step - 1];
  return p->step_nodes[s->first + s->count - 1];
}

Status report_work(const PlanProgram *program, const char *within, int depth, Diag *diag,
                   ReportScopes *out) {
  *out = (ReportScopes){0};
  uint32_t cap = 0;
  const Graph *g = program->graph;
  ReportScope *scope;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (!scope_holds(within, node_scope(g, id))) continue;
    TRY(scope_of(g, id, depth, diag, out, &cap, &scope));
    int64_t macs = node_macs(g, id);
    scope->nodes++;
    scope->macs += macs;
    if (g->nodes[id].stamp.role == ROLE_FORWARD) scope->forward_macs += macs;
  }
  for (uint32_t i = 0; i < program->n_steps; i++) {
    NodeId last = last_member(program, i + 1);
    if (!scope_holds(within, node_scope(g, last))) continue;
    TRY(scope_of(g, last, depth, diag, out, &cap, &scope));
    scope->kernels++;
  }
  return STATUS_OK;
}

static int by_size(const void *a, const void *b) {
  const ReportTensor *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return x->work - y->work;
}

Status report_peak(const Plan *plan, const PlanProgram *p, Diag *diag, ReportTensor **out,
                   uint32_t *n) {
  *out = NULL;
  *n = 0;
  Lives lives;
  Status status = lives_find(plan, p, diag, &lives);
  ReportTensor *list = calloc((size_t)lives.n_items + 1, sizeof *list);
  NodeId *values = calloc((size_t)lives.n_values + 1, sizeof *values);
  if (status == STATUS_OK && (!list || !values))
    status = diag_no_memory(diag, lives.n_items * sizeof *list);
  uint32_t at = lives.bound.step;
  if (status == STATUS_OK) lives_values(&lives, p->graph->n_nodes, at, values);
  for (uint32_t i = 0; status == STATUS_OK && i < lives.n_items; i++) {
    const OffsetItem *item = &lives.items[i];
    if (item->start > at || item->end < at) continue;
    bool work = i >= lives.n_values;
    list[(*n)++] = (ReportTensor){work ? last_member(p, at) : values[i], work, item->bytes};
  }
  lives_free(&lives);
  free(values);
  if (list) qsort(list, *n, sizeof *list, by_size);
  *out = list;
  return status;
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
