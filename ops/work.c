/* Operations, bytes moved and bytes alive of a plan's kernels. */
#include "ops/work.h"

#include "graph/base/checked.h"
#include "ops/ops.h"

#include <stdlib.h>

/* ---- operations ---- */

static int64_t times(int64_t count, int64_t each) {
  int64_t product;
  return checked_mul(count, each, &product) ? product : INT64_MAX;
}

int64_t node_flops(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  const OpDesc *op = op_desc(node->op);
  if (op->macs) return times(node_macs(g, id), 2);
  bool copies = node->op == OP_STOP_GRADIENT || node->op == OP_CAST;
  if (op->op_class == OP_CLASS_ELEMENTWISE) return copies ? 0 : shape_count(&node->shape);
  if (node->op == OP_CUMULATIVE_SUM) return shape_count(&node->shape);
  if (op->op_class != OP_CLASS_REDUCE) return 0;
  return times(shape_count(&g->nodes[node_input(g, id, 0)].shape), node->op == OP_VARIANCE ? 3 : 1);
}

/* ---- bytes moved ---- */

/* True for ops that read as many elements of input 0 as they write, wherever those lie. */
static bool reads_part(uint32_t op) {
  return op == OP_SLICE || op == OP_GATHER || op == OP_PICK || op == OP_POOL_GATHER;
}

static int64_t read_bytes(const Graph *g, NodeId id, uint32_t input) {
  bool part = input == 0 && reads_part(g->nodes[id].op);
  return value_bytes(&g->nodes[part ? id : node_input(g, id, input)]);
}

Status work_bytes(const Plan *plan, const PlanProgram *p, Diag *diag, int64_t *bytes) {
  const Graph *g = p->graph;
  int64_t sum = 0;
  bool fits = true;
  uint32_t *seen =
      calloc(g->n_nodes, sizeof *seen); /* by node: the last step that counted it + 1 */
  if (!seen) return diag_no_memory(diag, g->n_nodes * sizeof *seen);
  for (NodeId id = 0; id < g->n_nodes; id++) bytes[id] = 0;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++) {
      NodeId id = p->step_nodes[p->steps[s].first + k];
      if (p->node_offset[id] != OFFSET_NONE) bytes[id] = value_bytes(&g->nodes[id]);
      for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
        NodeId operand = node_input(g, id, i);
        if (seen[operand] != s + 1) bytes[id] += read_bytes(g, id, i);
        seen[operand] = s + 1;
      }
      seen[id] = s + 1;
      fits &= checked_add(sum, bytes[id], &sum);
    }
  free(seen);
  if (fits) return STATUS_OK;
  return diag_error(
      diag, STATUS_NO_FIT, plan_text(plan, plan->model_name), "smaller batches or shapes",
      "the kernels of program '%s' move more than 2^63 bytes", plan_text(plan, p->name));
}

/* ---- bytes alive ---- */

/* A value in scratch and the steps, from 1, that it is needed in. */
typedef struct Span {
  int64_t offset, bytes;
  uint32_t start, end;
} Span;

static int by_place(const void *a, const void *b) {
  const Span *x = a, *y = b;
  if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
  return x->start < y->start ? -1 : x->start > y->start;
}

typedef struct Spans {
  Span *list;
  uint32_t n;
  uint32_t *step_of; /* by node, from 1; 0: none */
  NodeId *base;      /* by node: the value whose bytes it is */
  uint32_t *end;     /* by base: the last step that needs it */
} Spans;

static void find_ends(const PlanProgram *p, const Spans *x) {
  const Graph *g = p->graph;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      x->step_of[p->step_nodes[p->steps[s].first + k]] = s + 1;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    bool view = g->nodes[id].op == OP_RESHAPE && !x->step_of[id];
    x->base[id] = view ? x->base[node_input(g, id, 0)] : id;
    x->end[id] = x->step_of[id];
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      uint32_t *end = &x->end[x->base[node_input(g, id, i)]];
      if (x->step_of[id] > *end) *end = x->step_of[id];
    }
  }
  for (uint32_t i = 0; i < g->n_outputs; i++) x->end[x->base[g->outputs[i].node]] = p->n_steps;
  for (uint32_t i = 0; i < g->n_commits; i++) x->end[x->base[g->commits[i].value]] = p->n_steps;
}

/* The spans in scratch, sorted by place: one that begins where another of the same bytes ends is
 * made in its place, and counts from the next step on. */
static void list_spans(const Plan *plan, const PlanProgram *p, Spans *x) {
  const Graph *g = p->graph;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (x->base[id] == id && p->node_offset[id] != OFFSET_NONE &&
        p->node_offset[id] >= plan->state_bytes)
      x->list[x->n++] =
          (Span){p->node_offset[id], target_align(plan->target, value_bytes(&g->nodes[id])),
                 x->step_of[id], x->end[id]};
  qsort(x->list, x->n, sizeof *x->list, by_place);
  for (uint32_t i = x->n; i-- > 1;) {
    const Span *before = &x->list[i - 1];
    if (before->offset == x->list[i].offset && before->end == x->list[i].start) x->list[i].start++;
  }
}

static void add_spans(const Plan *plan, const PlanProgram *p, const Spans *x, int64_t *alive) {
  for (uint32_t s = 0; s <= p->n_steps; s++) alive[s] = 0;
  for (uint32_t i = 0; i < x->n; i++) {
    if (x->list[i].start > x->list[i].end) continue; /* made in place, and not read any more */
    alive[x->list[i].start] += x->list[i].bytes;
    if (x->list[i].end < p->n_steps) alive[x->list[i].end + 1] -= x->list[i].bytes;
  }
  for (uint32_t s = 1; s <= p->n_steps; s++) alive[s] += alive[s - 1];
  for (uint32_t s = 0; s < p->n_steps; s++)
    if (p->steps[s].work_bytes > 0)
      alive[s + 1] += target_align(plan->target, p->steps[s].work_bytes);
}

Status work_alive(const Plan *plan, const PlanProgram *p, Diag *diag, int64_t *alive) {
  uint32_t n = p->graph->n_nodes;
  Spans x = {.list = calloc(n, sizeof *x.list),
             .step_of = calloc(n, sizeof *x.step_of),
             .base = calloc(n, sizeof *x.base),
             .end = calloc(n, sizeof *x.end)};
  bool ok = x.list && x.step_of && x.base && x.end;
  if (ok) {
    find_ends(p, &x);
    list_spans(plan, p, &x);
    add_spans(plan, p, &x, alive);
  }
  free(x.list);
  free(x.step_of);
  free(x.base);
  free(x.end);
  return ok ? STATUS_OK : diag_no_memory(diag, n * sizeof *x.list);
}
