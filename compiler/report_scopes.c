/* Sums by scope, and what is alive at the peak. */
#include "compiler/report.h"

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
  if (scopes->n == *cap) {
    uint32_t more = *cap ? *cap * 2 : 64;
    ReportScope *grown = realloc(scopes->scopes, more * sizeof *grown);
    if (!grown) return NULL;
    scopes->scopes = grown;
    *cap = more;
  }
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

Status report_parameters(const Plan *plan, int depth, Diag *diag, ReportScopes *out) {
  *out = (ReportScopes){0};
  uint32_t cap = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    if (s->kind != STATE_PARAMETER || !s->trainable) continue;
    const char *name = plan_text(plan, s->name);
    ReportScope *scope = find(out, &cap, name, cut(name, depth, true));
    if (!scope) {
      report_scopes_free(out);
      return diag_no_memory(diag, sizeof *scope);
    }
    scope->parameters += shape_count(&s->shape);
  }
  return STATUS_OK;
}

static Status scope_of(const Graph *g, NodeId id, int depth, Diag *diag, ReportScopes *out,
                       uint32_t *cap, ReportScope **scope) {
  const char *name = graph_text(g, g->nodes[id].scope);
  *scope = find(out, cap, name, cut(name, depth, false));
  if (*scope) return STATUS_OK;
  report_scopes_free(out);
  return diag_no_memory(diag, sizeof **scope);
}

Status report_work(const PlanProgram *program, int depth, Diag *diag, ReportScopes *out) {
  *out = (ReportScopes){0};
  uint32_t cap = 0;
  const Graph *g = program->graph;
  ReportScope *scope;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    TRY(scope_of(g, id, depth, diag, out, &cap, &scope));
    int64_t macs = node_macs(g, id);
    scope->nodes++;
    scope->macs += macs;
    if (g->nodes[id].role == ROLE_FORWARD) scope->forward_macs += macs;
  }
  for (uint32_t i = 0; i < program->n_steps; i++) {
    const PlanStep *step = &program->steps[i];
    TRY(scope_of(g, program->step_nodes[step->first + step->count - 1], depth, diag, out, &cap,
                 &scope));
    scope->kernels++;
  }
  return STATUS_OK;
}

static int by_size(const void *a, const void *b) {
  const ReportTensor *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

/* Lives as the planner defines them: from its step to the last reader, outputs to the end. */
static void find_lives(const PlanProgram *p, uint32_t *start, uint32_t *end) {
  const Graph *g = p->graph;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      start[p->step_nodes[p->steps[s].first + k]] = s + 1;
  for (NodeId id = 1; id < g->n_nodes; id++) end[id] = start[id];
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    uint32_t used = start[id] ? start[id] : end[id]; /* a view hands its own use on */
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      NodeId input = node_input(g, id, i);
      if (used > end[input]) end[input] = used;
    }
  }
  for (uint32_t i = 0; i < g->n_outputs; i++) end[g->outputs[i].node] = p->n_steps + 1;
  for (uint32_t i = 0; i < g->n_commits; i++) end[g->commits[i].value] = p->n_steps + 1;
}

Status report_peak(const PlanProgram *p, Diag *diag, ReportTensor **out, uint32_t *n) {
  const Graph *g = p->graph;
  uint32_t *start = calloc(g->n_nodes, sizeof *start), *end = calloc(g->n_nodes, sizeof *end);
  ReportTensor *list = calloc(g->n_nodes, sizeof *list);
  *out = NULL;
  *n = 0;
  if (!start || !end || !list) {
    free(start);
    free(end);
    free(list);
    return diag_no_memory(diag, g->n_nodes * sizeof *list);
  }
  find_lives(p, start, end);
  uint32_t peak = p->peak_step + 1;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (p->node_offset[id] == OFFSET_NONE || g->nodes[id].op == OP_STATE) continue;
    if (!start[id] && g->nodes[id].op != OP_INPUT) continue; /* a view */
    if (start[id] <= peak && end[id] >= peak)
      list[(*n)++] = (ReportTensor){id, value_bytes(&g->nodes[id])};
  }
  free(start);
  free(end);
  qsort(list, *n, sizeof *list, by_size);
  *out = list;
  return STATUS_OK;
}
