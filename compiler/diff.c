/* Differences between two compiled models.
 *
 * Values are not matched one by one: a model is a multiset of nodes in each scope, each described
 * by its op, attributes, type, shape, derivative and the ops and scopes of its operands.  What both
 * have in a scope cancels; the rest was added, removed, or, where an op has as many of both,
 * changed. So a changed node shows itself and whoever reads it, and no further. */
#include "compiler/diff.h"

#include "compiler/report_view.h"
#include "graph/base/array.h"
#include "graph/ir/source.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- nodes ---- */

static uint64_t mix(uint64_t key, const void *data, size_t bytes) {
  return XXH3_64bits_withSeed(data, bytes, key);
}

static uint64_t mix_text(uint64_t key, const char *text) {
  return mix(key, text, strlen(text) + 1);
}

static uint64_t mix_number(uint64_t key, uint64_t number) {
  return mix(key, &number, sizeof number);
}

/* Strings and states have other numbers in another model. */
static uint64_t mix_attr(uint64_t key, const Plan *plan, const Graph *g, NodeId id, uint32_t i) {
  const OpDesc *op = op_desc(g->nodes[id].op);
  uint32_t n;
  const int64_t *values = node_attr(g, id, i, &n);
  bool text = op->attrs[i].type == ATTR_STRING || op->attrs[i].type == ATTR_NAME;
  bool state = g->nodes[id].op == OP_STATE && i == STATE_INDEX;
  key = mix_number(key, n);
  for (uint32_t k = 0; k < n; k++)
    if (state)
      key = mix_text(key, plan_text(plan, plan->states[values[k]].name));
    else if (text)
      key = mix_text(key, graph_text(g, (uint32_t)values[k]));
    else
      key = mix_number(key, (uint64_t)values[k]);
  return key;
}

static uint64_t key_of(const Plan *plan, const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  uint64_t key = mix_text(node->dtype, op_desc(node->op)->name);
  key = mix_number(key, (uint64_t)node->stamp.role * 256 + node->stamp.order);
  key = mix(key, node->shape.dim, node->shape.rank * sizeof *node->shape.dim);
  for (uint32_t i = 0; i < op_desc(node->op)->n_attrs; i++) key = mix_attr(key, plan, g, id, i);
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    const Node *operand = &g->nodes[node_input(g, id, i)];
    key = mix_text(key, op_desc(operand->op)->name);
    key = mix_text(key, graph_text(g, operand->stamp.scope));
  }
  return key;
}

Status diff_collect(DiffSide *side, const Plan *plan, const PlanProgram *p, Diag *diag) {
  const Graph *g = p->graph;
  TRY(ARRAY_EXTEND(side->graphs, side->n_graphs, 1, diag));
  DiffGraph *out = &side->graphs[side->n_graphs++];
  *out = (DiffGraph){calloc(g->n_nodes, sizeof *out->nodes), 0};
  if (!out->nodes) return diag_no_memory(diag, g->n_nodes * sizeof *out->nodes);
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const Node *node = &g->nodes[id];
    out->nodes[out->n++] = (DiffNode){graph_text(g, node->stamp.scope), key_of(plan, g, id),
                                      node->stamp.loc, node->op, node->stamp.order > 0};
  }
  return STATUS_OK;
}

static int by_number(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

static uint64_t place_key(const DiffSide *side, const Graph *g, NodeId id) {
  return mix_text(key_of(side->plan, g, id), graph_text(g, g->nodes[id].stamp.scope));
}

Status diff_marks(const DiffSide *side, const PlanProgram *of, const DiffSide *other,
                  const PlanProgram *than, Diag *diag, uint8_t **out) {
  uint32_t n = than->graph->n_nodes;
  uint64_t *known = calloc(n, sizeof *known);
  *out = calloc(of->graph->n_nodes, sizeof **out);
  if (!known || !*out) {
    free(known);
    free(*out);
    *out = NULL;
    return diag_no_memory(diag, n * sizeof *known);
  }
  for (NodeId id = 1; id < n; id++) known[id] = place_key(other, than->graph, id);
  qsort(known, n, sizeof *known, by_number);
  for (NodeId id = 1; id < of->graph->n_nodes; id++) {
    uint64_t key = place_key(side, of->graph, id);
    (*out)[id] = !bsearch(&key, known, n, sizeof *known, by_number);
  }
  free(known);
  return STATUS_OK;
}

void diff_side_free(DiffSide *side) {
  for (uint32_t i = 0; i < side->n_graphs; i++) free(side->graphs[i].nodes);
  free(side->graphs);
  side->graphs = NULL;
  side->n_graphs = 0;
}

/* ---- ops by scope ---- */

static int compare_rows(const DiffNode *x, const DiffNode *y, int depth) {
  size_t n = scope_cut(x->scope, depth), m = scope_cut(y->scope, depth);
  int order = memcmp(x->scope, y->scope, n < m ? n : m);
  if (order == 0 && n != m) order = n < m ? -1 : 1;
  if (order == 0 && x->op != y->op) order = x->op < y->op ? -1 : 1;
  return order ? order : (int)x->derived - (int)y->derived;
}

static int by_row(const void *a, const void *b, void *context) {
  const DiffNode *x = a, *y = b;
  int order = compare_rows(x, y, *(int *)context);
  if (order == 0 && x->key != y->key) order = x->key < y->key ? -1 : 1;
  return order ? order : x->loc < y->loc ? -1 : x->loc > y->loc;
}

/* The nodes of one row in both models; both lists are sorted by key. */
typedef struct RowNodes {
  const DiffNode *a, *b;
  uint32_t n_a, n_b;
} RowNodes;

static Status place(const DiffSide *side, const DiffNode *node, Diag *diag, DiffOp *row) {
  char text[SOURCE_WHERE_MAX] = "";
  if (node->loc) source_where(side->model->symbols, node->loc, text);
  row->at = strdup(text);
  return row->at ? STATUS_OK : diag_no_memory(diag, sizeof text);
}

static Status add_row(const Difference *d, const RowNodes *r, int depth, Diag *diag,
                      DiffProgram *out) {
  uint32_t i = 0, k = 0;
  const DiffNode *left = NULL, *came = NULL;
  DiffOp row = {0};
  while (i < r->n_a || k < r->n_b) {
    if (i < r->n_a && k < r->n_b && r->a[i].key == r->b[k].key) {
      i++, k++;
    } else if (k == r->n_b || (i < r->n_a && r->a[i].key < r->b[k].key)) {
      left = &r->a[i++];
      row.removed++;
    } else {
      came = &r->b[k++];
      row.added++;
    }
  }
  if (!left && !came) return STATUS_OK;
  const DiffNode *of = came ? came : left;
  row.changed = row.added < row.removed ? row.added : row.removed;
  row.added -= row.changed;
  row.removed -= row.changed;
  row.scope = of->scope;
  row.length = scope_cut(of->scope, depth);
  row.op = of->op;
  row.derived = of->derived;
  TRY(ARRAY_EXTEND(out->ops, out->n_ops, 1, diag));
  TRY(place(came ? d->b : d->a, of, diag, &row));
  out->ops[out->n_ops++] = row;
  return STATUS_OK;
}

/* How many nodes from the first on are of its row. */
static uint32_t run_of(const DiffGraph *g, uint32_t from, const DiffNode *like, int depth) {
  uint32_t n = 0;
  while (from + n < g->n && compare_rows(&g->nodes[from + n], like, depth) == 0) n++;
  return n;
}

static uint32_t keep_scope(DiffGraph *g, const char *scope) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->n; i++)
    if (scope_holds(scope, g->nodes[i].scope)) g->nodes[n++] = g->nodes[i];
  return g->n = n;
}

static Status find_ops(const Difference *d, DiffGraph *a, DiffGraph *b, const ReportView *view,
                       Diag *diag, DiffProgram *out) {
  int depth = report_work_depth(view);
  keep_scope(a, view->scope);
  keep_scope(b, view->scope);
  qsort_r(a->nodes, a->n, sizeof *a->nodes, by_row, &depth);
  qsort_r(b->nodes, b->n, sizeof *b->nodes, by_row, &depth);
  for (uint32_t i = 0, k = 0; i < a->n || k < b->n;) {
    const DiffNode *like = i < a->n ? &a->nodes[i] : &b->nodes[k];
    if (i < a->n && k < b->n && compare_rows(&b->nodes[k], like, depth) < 0) like = &b->nodes[k];
    RowNodes row = {&a->nodes[i], &b->nodes[k], run_of(a, i, like, depth),
                    run_of(b, k, like, depth)};
    TRY(add_row(d, &row, depth, diag, out));
    i += row.n_a;
    k += row.n_b;
  }
  return STATUS_OK;
}

/* ---- programs ---- */

static Status add_program(Difference *d, uint32_t a, uint32_t b, const ReportView *view,
                          Diag *diag) {
  TRY(ARRAY_EXTEND(d->programs, d->n_programs, 1, diag));
  DiffProgram *out = &d->programs[d->n_programs++];
  *out = (DiffProgram){0};
  DiffGraph none = {0};
  DiffGraph *x = a == UINT32_MAX ? &none : &d->a->graphs[a];
  DiffGraph *y = b == UINT32_MAX ? &none : &d->b->graphs[b];
  if (a != UINT32_MAX) {
    out->a = &d->a->plan->programs[a];
    TRY(report_program(d->a->plan, out->a, diag, &out->work_a));
  }
  if (b != UINT32_MAX) {
    out->b = &d->b->plan->programs[b];
    TRY(report_program(d->b->plan, out->b, diag, &out->work_b));
  }
  return out->a && out->b ? find_ops(d, x, y, view, diag, out) : STATUS_OK;
}

/* The program of `other` to compare with: the one of that name; else, of those whose names are not
 * in `own` and that nobody has `taken`, the first of that kind.  UINT32_MAX: there is none. */
static uint32_t partner(const Plan *own, uint32_t program, const Plan *other, const bool *taken) {
  const PlanProgram *p = &own->programs[program];
  uint32_t same = plan_program_find(other, plan_text(own, p->name));
  for (uint32_t i = 0; same == UINT32_MAX && i < other->n_programs; i++) {
    bool named = plan_program_find(own, plan_text(other, other->programs[i].name)) != UINT32_MAX;
    if (!taken[i] && !named && other->programs[i].kind == p->kind) return i;
  }
  return same;
}

static bool asked_for(const Plan *plan, uint32_t program, const char *name) {
  return !name || (program != UINT32_MAX &&
                   strcmp(plan_text(plan, plan->programs[program].name), name) == 0);
}

static Status find_programs(Difference *d, const ReportView *view, const char *program,
                            Diag *diag) {
  const Plan *a = d->a->plan, *b = d->b->plan;
  bool *taken = calloc((size_t)b->n_programs + 1, sizeof *taken);
  Status status = taken ? STATUS_OK : diag_no_memory(diag, b->n_programs);
  for (uint32_t i = 0; i < a->n_programs && status == STATUS_OK; i++) {
    uint32_t other = partner(a, i, b, taken);
    if (other != UINT32_MAX) taken[other] = true;
    if (asked_for(a, i, program) || (program && asked_for(b, other, program)))
      status = add_program(d, i, other, view, diag);
  }
  for (uint32_t i = 0; i < b->n_programs && status == STATUS_OK; i++)
    if (!taken[i] && asked_for(b, i, program)) status = add_program(d, UINT32_MAX, i, view, diag);
  free(taken);
  return status;
}

/* ---- settings ---- */

static const ModelParam *param_find(const Model *model, const char *name) {
  for (uint32_t i = 0; i < model->n_params; i++)
    if (strcmp(model->params[i].name, name) == 0) return &model->params[i];
  return NULL;
}

static Status add_setting(Difference *d, const ModelParam *a, const ModelParam *b, Diag *diag) {
  TRY(ARRAY_EXTEND(d->settings, d->n_settings, 1, diag));
  d->settings[d->n_settings++] = (DiffSetting){a, b};
  return STATUS_OK;
}

static Status find_settings(Difference *d, Diag *diag) {
  const Model *a = d->a->model, *b = d->b->model;
  for (uint32_t i = 0; i < a->n_params; i++) {
    const ModelParam *other = param_find(b, a->params[i].name);
    if (!other || strcmp(other->value, a->params[i].value) != 0)
      TRY(add_setting(d, &a->params[i], other, diag));
  }
  for (uint32_t i = 0; i < b->n_params; i++)
    if (!param_find(a, b->params[i].name)) TRY(add_setting(d, NULL, &b->params[i], diag));
  return STATUS_OK;
}

/* ---- states ---- */

static bool states_equal(const Plan *a, const State *x, const Plan *b, const State *y) {
  return shape_equal(&x->shape, &y->shape) && x->dtype == y->dtype && x->kind == y->kind &&
         x->trainable == y->trainable && x->init == y->init && x->init_a == y->init_a &&
         x->init_b == y->init_b && x->rate == y->rate && x->decay == y->decay &&
         x->noise == y->noise &&
         strcmp(plan_text(a, x->external), plan_text(b, y->external)) == 0 &&
         strcmp(plan_text(a, x->group), plan_text(b, y->group)) == 0;
}

static Status add_state(Difference *d, const State *a, const State *b, Diag *diag) {
  TRY(ARRAY_EXTEND(d->states, d->n_states, 1, diag));
  d->states[d->n_states++] = (DiffState){a, b};
  return STATUS_OK;
}

/* By string id of one model: its state + 1. */
static uint32_t *states_by_name(const Plan *plan) {
  uint32_t *list = calloc((size_t)strings_count(plan->symbols->strings) + 1, sizeof *list);
  for (uint32_t i = 0; list && i < plan->n_states; i++) list[plan->states[i].name] = i + 1;
  return list;
}

static const State *state_named(const Plan *plan, const uint32_t *by_name, const char *name) {
  uint32_t id = strings_find(plan->symbols->strings, name);
  return id == UINT32_MAX || !by_name[id] ? NULL : &plan->states[by_name[id] - 1];
}

static Status find_states(Difference *d, Diag *diag) {
  const Plan *a = d->a->plan, *b = d->b->plan;
  uint32_t *in_a = states_by_name(a), *in_b = states_by_name(b);
  Status status = in_a && in_b ? STATUS_OK : diag_no_memory(diag, sizeof *in_a);
  for (uint32_t i = 0; i < a->n_states && status == STATUS_OK; i++) {
    const State *s = &a->states[i], *other = state_named(b, in_b, plan_text(a, s->name));
    if (!other || !states_equal(a, s, b, other)) status = add_state(d, s, other, diag);
  }
  for (uint32_t i = 0; i < b->n_states && status == STATUS_OK; i++)
    if (!state_named(a, in_a, plan_text(b, b->states[i].name)))
      status = add_state(d, NULL, &b->states[i], diag);
  free(in_a);
  free(in_b);
  return status;
}

/* ---- all ---- */

static bool costs_alike(const DiffProgram *p) {
  if (!p->a || !p->b) return false;
  return p->work_a.nodes == p->work_b.nodes && p->work_a.kernels == p->work_b.kernels &&
         p->work_a.flops == p->work_b.flops && p->work_a.bytes == p->work_b.bytes &&
         p->a->scratch_bytes == p->b->scratch_bytes && p->n_ops == 0;
}

Status difference_find(const DiffSide *a, const DiffSide *b, const ReportView *view,
                       const char *program, Diag *diag, Difference *out) {
  *out = (Difference){.a = a, .b = b};
  TRY(find_settings(out, diag));
  TRY(diff_elements(out, diag));
  TRY(find_states(out, diag));
  TRY(find_programs(out, view, program, diag));
  out->none = !out->n_settings && !out->n_elements && !out->n_states;
  for (uint32_t i = 0; i < out->n_programs; i++) {
    out->programs[i].alike = costs_alike(&out->programs[i]);
    out->none &= out->programs[i].alike;
  }
  return STATUS_OK;
}

void difference_free(Difference *d) {
  for (uint32_t i = 0; i < d->n_programs; i++) {
    for (uint32_t k = 0; k < d->programs[i].n_ops; k++)
      free((char *)(uintptr_t)d->programs[i].ops[k].at);
    free(d->programs[i].ops);
  }
  free(d->settings);
  free(d->elements);
  free(d->states);
  free(d->programs);
  *d = (Difference){0};
}
