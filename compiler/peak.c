/* What is alive at the peak.
 *
 * The peak is the step where the most bytes are taken: those of liveness.h, and where steps overlap
 * also those whose users may still be at work.  What the plan reserves beyond their sum is gaps
 * between them. */
#include "compiler/peak.h"

#include "compiler/liveness.h"
#include "ops/ops.h"

#include <stdlib.h>

typedef struct Finder {
  const Plan *plan;
  const PlanProgram *p;
  Lives lives;
  uint32_t *end;  /* by buffer: the last step that uses it */
  NodeId *value;  /* by buffer of a value: what is in it at the peak */
  NodeId *heir;   /* by buffer: what is made in it last */
  NodeId *reader; /* by base: who reads it last */
  bool *lost;     /* by node: a state that is overwritten by then */
} Finder;

static bool finder_create(Finder *f) {
  const Lives *l = &f->lives;
  f->end = calloc((size_t)l->n_items + 1, sizeof *f->end);
  f->value = calloc((size_t)l->n_values + 1, sizeof *f->value);
  f->heir = calloc((size_t)l->n_values + 1, sizeof *f->heir);
  f->reader = calloc(f->p->graph->n_nodes, sizeof *f->reader);
  f->lost = calloc(f->p->graph->n_nodes, sizeof *f->lost);
  return f->end && f->value && f->heir && f->reader && f->lost;
}

static void finder_free(Finder *f) {
  lives_free(&f->lives);
  free(f->end);
  free(f->value);
  free(f->heir);
  free(f->reader);
  free(f->lost);
}

/* Later steps have larger ids: who reads last is found by going up. */
static void find_readers(Finder *f) {
  const Graph *g = f->p->graph;
  for (NodeId id = 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; f->lives.step_of[id] && i < g->nodes[id].n_inputs; i++) {
      NodeId *reader = &f->reader[f->lives.base[node_input(g, id, i)]];
      if (f->lives.step_of[id] >= f->lives.step_of[*reader]) *reader = id;
    }
}

/* States whose bytes hold their next value once step `at` is done. */
static void find_lost(Finder *f, uint32_t at) {
  const Graph *g = f->p->graph;
  const Lives *l = &f->lives;
  bool *written = calloc((size_t)f->plan->n_states + 1, sizeof *written);
  for (uint32_t i = 0; written && i < g->n_commits; i++) {
    NodeId b = l->base[g->commits[i].value];
    bool in_state = l->state[b] == g->commits[i].state && g->nodes[b].op != OP_STATE;
    if (in_state && l->step_of[b] <= at) written[g->commits[i].state] = true;
  }
  for (NodeId id = 1; written && id < g->n_nodes; id++)
    f->lost[id] = g->nodes[id].op == OP_STATE && written[l->state[id]];
  free(written);
}

static NodeId last_member(const PlanProgram *p, uint32_t step) {
  const PlanStep *s = &p->steps[step - 1];
  return p->step_nodes[s->first + s->count - 1];
}

static PeakRow row_of(const Finder *f, uint32_t item, uint32_t at) {
  const Lives *l = &f->lives;
  int64_t taken = l->items[item].bytes;
  if (item >= l->n_values) {
    uint32_t step = l->items[item].start; /* of another stream when it is not `at` */
    int64_t bytes = l->work[step - 1];
    return (PeakRow){.kind = step == at ? PEAK_WORK : PEAK_HELD,
                     .node = last_member(f->p, step),
                     .bytes = bytes,
                     .align = taken - bytes,
                     .maker = step,
                     .freed = step,
                     .again = AGAIN_NOTHING};
  }
  NodeId value = f->value[item], heir = f->heir[item];
  int64_t bytes = value_bytes(&f->p->graph->nodes[value]);
  return (PeakRow){.kind = f->end[item] < at ? PEAK_HELD : PEAK_VALUE,
                   .node = value,
                   .bytes = bytes,
                   .align = taken - bytes,
                   .maker = l->step_of[value],
                   .freed = f->end[item],
                   .reader = f->reader[heir],
                   .heir = heir == value ? NODE_NONE : heir};
}

static int by_size(const void *a, const void *b) {
  const PeakRow *x = a, *y = b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->node != y->node) return x->node < y->node ? -1 : 1;
  return (int)x->kind - (int)y->kind;
}

static void add_row(Peak *peak, const PeakRow *row) {
  peak->rows[peak->n++] = *row;
  peak->alignment += row->align;
  *(row->kind == PEAK_VALUE  ? &peak->values
    : row->kind == PEAK_WORK ? &peak->work
                             : &peak->held) += row->bytes;
}

static void add_sums(const Finder *f, Peak *peak) {
  const Plan *plan = f->plan;
  peak->scratch = f->p->scratch_bytes;
  peak->gaps = peak->scratch - peak->values - peak->work - peak->held - peak->alignment;
  for (uint32_t i = 0; i < plan->n_states; i++)
    peak->state +=
        shape_count(&plan->states[i].shape) * (int64_t)dtype_size((DType)plan->states[i].dtype);
  peak->state_align = plan->state_bytes - peak->state;
  peak->reserved = plan->state_bytes + peak->scratch;
}

static Status list_rows(Finder *f, Peak *peak, Diag *diag) {
  Lives *l = &f->lives;
  for (uint32_t i = 0; i < l->n_items; i++) f->end[i] = l->items[i].end;
  TRY(lives_take(f->p, l, diag));
  OffsetBound bound = l->taken;
  peak->step = bound.step;
  peak->rows = calloc((size_t)l->n_items + 1, sizeof *peak->rows);
  if (!peak->rows) return diag_no_memory(diag, l->n_items * sizeof *peak->rows);
  lives_values(l, f->p->graph->n_nodes, bound.step, f->value);
  lives_values(l, f->p->graph->n_nodes, f->p->n_steps, f->heir);
  find_readers(f);
  find_lost(f, bound.step);
  for (uint32_t i = 0; i < l->n_items; i++) {
    if (l->items[i].start > bound.step || l->items[i].end < bound.step) continue;
    PeakRow row = row_of(f, i, bound.step);
    add_row(peak, &row);
  }
  qsort(peak->rows, peak->n, sizeof *peak->rows, by_size);
  add_sums(f, peak);
  return peak_cost(f->p, l->base, f->lost, peak, diag);
}

Status peak_find(const Plan *plan, const PlanProgram *program, Diag *diag, Peak *out) {
  *out = (Peak){0};
  Finder f = {.plan = plan, .p = program};
  Status status = lives_find(plan, program, diag, &f.lives);
  if (status == STATUS_OK && !finder_create(&f))
    status = diag_no_memory(diag, program->graph->n_nodes * sizeof *f.reader);
  if (status == STATUS_OK) status = list_rows(&f, out, diag);
  finder_free(&f);
  return status;
}

void peak_free(Peak *peak) {
  free(peak->rows);
  *peak = (Peak){0};
}
