/* A step follows the makers of what it reads; one that writes a committed value straight into its
 * state also the earlier readers of the state, since it was to be their last (liveness.c). */
#include "compiler/step_graph.h"

#include "graph/base/array.h"
#include "ops/ops.h"

#include <stdlib.h>

#define NS_MAX ((int64_t)1 << 40) /* 18 minutes: no sum over steps can overflow */

typedef struct Maker {
  const Plan *plan;
  const PlanProgram *p;
  const Lives *l;
  StepGraph *out;
  Diag *diag;
  uint32_t cap, n_others;
  uint32_t *readers, *reader_first; /* of states: steps, ascending */
  uint32_t *stamp;                  /* by node: the step (from 1) that counted it last */
} Maker;

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

/* Calls `visit` for what the members of a step read from outside of it. */
typedef void (*ReadVisit)(Maker *m, uint32_t step, NodeId base);
static void each_read(Maker *m, uint32_t s, ReadVisit visit) {
  const PlanStep *step = &m->p->steps[s];
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = m->p->step_nodes[step->first + k];
    for (uint32_t i = 0; i < m->p->graph->nodes[id].n_inputs; i++) {
      NodeId base = m->l->base[node_input(m->p->graph, id, i)];
      if (m->l->step_of[base] != s + 1) visit(m, s, base);
    }
  }
}

/* ---- readers of states ---- */

static bool is_state(const Maker *m, NodeId base) {
  return m->l->state[base] != LIVES_NONE && m->l->step_of[base] == 0;
}

static void count_reader(Maker *m, uint32_t s, NodeId base) {
  (void)s;
  if (is_state(m, base)) m->reader_first[m->l->state[base] + 2]++;
}

static void fill_reader(Maker *m, uint32_t s, NodeId base) {
  if (is_state(m, base)) m->readers[m->reader_first[m->l->state[base] + 1]++] = s;
}

static bool find_readers(Maker *m) {
  m->reader_first = calloc((size_t)m->plan->n_states + 3, sizeof *m->reader_first);
  if (!m->reader_first) return false;
  for (uint32_t s = 0; s < m->p->n_steps; s++) each_read(m, s, count_reader);
  for (uint32_t i = 1; i < m->plan->n_states + 2; i++) m->reader_first[i + 1] += m->reader_first[i];
  m->readers = calloc((size_t)m->reader_first[m->plan->n_states + 1] + 1, sizeof *m->readers);
  if (!m->readers) return false;
  for (uint32_t s = 0; s < m->p->n_steps; s++) each_read(m, s, fill_reader);
  return true;
}

/* ---- what is followed ---- */

static Status add(Maker *m, uint32_t other) {
  StepGraph *g = m->out;
  TRY(ARRAY_RESERVE(g->others, m->cap, m->n_others, 1, m->diag));
  g->others[m->n_others++] = other;
  return STATUS_OK;
}

static Status list_step(Maker *m, uint32_t s) {
  const PlanStep *step = &m->p->steps[s];
  const Graph *graph = m->p->graph;
  const Lives *l = m->l;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = m->p->step_nodes[step->first + k];
    for (uint32_t i = 0; i < graph->nodes[id].n_inputs; i++) {
      uint32_t made = l->step_of[l->base[node_input(graph, id, i)]];
      if (made && made != s + 1) TRY(add(m, made - 1));
    }
    if (l->state[id] == LIVES_NONE) continue;
    for (uint32_t r = m->reader_first[l->state[id]]; r < m->reader_first[l->state[id] + 1]; r++)
      if (m->readers[r] < s) TRY(add(m, m->readers[r]));
  }
  return STATUS_OK;
}

static Status list_all(Maker *m) {
  StepGraph *g = m->out;
  for (uint32_t s = 0; s < m->p->n_steps; s++) {
    uint32_t first = m->n_others, n = first;
    TRY(list_step(m, s));
    if (m->n_others > first)
      qsort(&g->others[first], m->n_others - first, sizeof *g->others, by_number);
    for (uint32_t i = first; i < m->n_others; i++)
      if (n == first || g->others[n - 1] != g->others[i]) g->others[n++] = g->others[i];
    m->n_others = n;
    g->first[s + 1] = n;
  }
  return STATUS_OK;
}

/* ---- times ---- */

static int64_t in_ns(int64_t amount, int64_t in_a_microsecond) {
  if (in_a_microsecond <= 0) return 0;
  int64_t us = amount / in_a_microsecond, rest = amount % in_a_microsecond;
  if (us > NS_MAX / 1000 - 1) return NS_MAX;
  return us * 1000 + rest * 1000 / in_a_microsecond;
}

/* Adds the bytes of a value once for each step that reads it. */
static void weigh_read(Maker *m, uint32_t s, NodeId base) {
  if (m->stamp[base] == s + 1) return;
  m->stamp[base] = s + 1;
  m->out->work[s] += value_bytes(&m->p->graph->nodes[base]);
}

static void find_work(Maker *m) {
  StepGraph *g = m->out;
  const StreamFacts *facts = &m->plan->target->streams;
  for (uint32_t s = 0; s < g->n; s++) {
    const PlanStep *step = &m->p->steps[s];
    int64_t macs = 0;
    g->meets[s] = op_meets(m->p->graph->nodes[m->p->step_nodes[step->first]].op);
    each_read(m, s, weigh_read);
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId id = m->p->step_nodes[step->first + k];
      if (m->l->buffer[id] != LIVES_NONE || m->l->state[id] != LIVES_NONE)
        g->work[s] += value_bytes(&m->p->graph->nodes[id]);
      macs += node_macs(m->p->graph, id);
    }
    int64_t moves = in_ns(g->work[s], g->meets[s] ? facts->link : facts->bytes);
    int64_t counts = in_ns(macs, facts->macs);
    g->work[s] = moves > counts ? moves : counts;
  }
}

int64_t step_graph_time(const StepGraph *g, const StreamFacts *facts, uint32_t s) {
  return facts->launch_ns + g->work[s];
}

static void find_paths(Maker *m) {
  StepGraph *g = m->out;
  for (uint32_t s = 0; s < g->n; s++) g->heir[s] = STEP_NONE;
  for (uint32_t s = g->n; s-- > 0;) {
    g->path[s] += step_graph_time(g, &m->plan->target->streams, s);
    for (uint32_t i = g->first[s]; i < g->first[s + 1]; i++) {
      uint32_t other = g->others[i];
      if (g->heir[other] != STEP_NONE && g->path[other] > g->path[s]) continue;
      g->path[other] = g->path[s]; /* its own time comes when its turn does */
      g->heir[other] = s;
    }
  }
}

static void find_memory(Maker *m) {
  const Lives *l = m->l;
  StepGraph *g = m->out;
  int64_t now = 0;
  for (uint32_t i = 0; i < l->n_items; i++) {
    const OffsetItem *item = &l->items[i];
    if (item->end > 0 && item->end <= g->n) g->frees[item->end - 1] += item->bytes;
    if (item->start <= 1)
      now += item->bytes; /* an input, or of the first step */
    else
      g->alive[item->start - 1] += item->bytes;
  }
  for (uint32_t s = 0; s < g->n; s++) {
    now += g->alive[s];
    g->alive[s] = now;
    now -= g->frees[s];
  }
}

/* ---- all of it ---- */

Status step_graph_find(const Plan *plan, const PlanProgram *program, const Lives *lives, Diag *diag,
                       StepGraph *g) {
  size_t n = (size_t)program->n_steps + 1;
  *g = (StepGraph){.n = program->n_steps};
  Maker m = {.plan = plan, .p = program, .l = lives, .out = g, .diag = diag};
  g->first = calloc(n + 1, sizeof *g->first);
  g->work = calloc(n, sizeof *g->work);
  g->path = calloc(n, sizeof *g->path);
  g->heir = calloc(n, sizeof *g->heir);
  g->frees = calloc(n, sizeof *g->frees);
  g->alive = calloc(n, sizeof *g->alive);
  g->meets = calloc(n, sizeof *g->meets);
  m.stamp = calloc(program->graph->n_nodes, sizeof *m.stamp);
  bool have =
      g->first && g->work && g->path && g->heir && g->frees && g->alive && g->meets && m.stamp;
  Status status =
      have && find_readers(&m) ? list_all(&m) : diag_no_memory(diag, n * sizeof(int64_t));
  if (status == STATUS_OK) {
    find_work(&m);
    find_paths(&m);
    find_memory(&m);
  }
  free(m.stamp);
  free(m.readers);
  free(m.reader_first);
  return status;
}

void step_graph_free(StepGraph *g) {
  void *const all[] = {g->first, g->others, g->work,  g->path,
                       g->heir,  g->frees,  g->alive, g->meets};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  *g = (StepGraph){0};
}
