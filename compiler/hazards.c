/* Who uses which bytes when, in the order of the program.
 *
 * Bytes belong to the value, or the work buffer, that was put there last (the tenant).  A step that
 * puts another one there must follow all users of it, of which the newest of each stream stand for
 * the others.  The tenants are kept as ranges between the boundaries of all places: a mark for each
 * boundary where a range begins.  A new tenant takes away the marks inside its place and adds two,
 * so that all of them together cost no more than there are. */
#include "compiler/hazards.h"

#include "compiler/waits.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#define TENANT_NONE UINT32_MAX

typedef struct Tenancy {
  const Plan *plan;
  PlanProgram *p;
  const Lives *l;
  uint32_t n_streams;
  int64_t *bound; /* sorted, distinct */
  uint32_t n;
  uint64_t *mark;   /* a bit for each boundary: a range begins there */
  uint32_t *tenant; /* by boundary with a mark: a value, or n_nodes + a step's work buffer */
  uint32_t *user;   /* by tenant and stream: the last step, from 1, that uses it */
} Tenancy;

/* ---- places ---- */

static int by_value(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return x < y ? -1 : x > y;
}

static bool has_place(const Tenancy *t, NodeId id) {
  return t->l->base[id] == id && t->p->node_offset[id] != OFFSET_NONE;
}

static bool find_bounds(Tenancy *t) {
  const PlanProgram *p = t->p;
  size_t n = 0;
  t->bound = calloc(2 * ((size_t)p->graph->n_nodes + p->n_steps) + 2, sizeof *t->bound);
  if (!t->bound) return false;
  for (NodeId id = 1; id < p->graph->n_nodes; id++) {
    if (!has_place(t, id)) continue;
    t->bound[n++] = p->node_offset[id];
    t->bound[n++] = p->node_offset[id] + value_bytes(&p->graph->nodes[id]);
  }
  for (uint32_t s = 0; s < p->n_steps; s++) {
    if (p->steps[s].work_bytes == 0) continue;
    t->bound[n++] = p->steps[s].work_offset;
    t->bound[n++] = p->steps[s].work_offset + p->steps[s].work_bytes;
  }
  qsort(t->bound, n, sizeof *t->bound, by_value);
  for (size_t i = 0; i < n; i++)
    if (!i || t->bound[i] != t->bound[i - 1]) t->bound[t->n++] = t->bound[i];
  return true;
}

static uint32_t bound_of(const Tenancy *t, int64_t at) {
  uint32_t low = 0, high = t->n;
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    if (t->bound[mid] < at)
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

/* ---- users ---- */

static void use(Tenancy *t, uint32_t tenant, uint32_t step) {
  uint32_t *user = &t->user[(size_t)tenant * t->n_streams + t->p->steps[step - 1].stream];
  if (step > *user) *user = step;
}

static void find_users(Tenancy *t) {
  const PlanProgram *p = t->p;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    use(t, p->graph->n_nodes + s, s + 1);
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId id = p->step_nodes[step->first + k];
      use(t, id, s + 1);
      for (uint32_t i = 0; i < p->graph->nodes[id].n_inputs; i++)
        use(t, t->l->base[node_input(p->graph, id, i)], s + 1);
    }
  }
}

/* ---- tenants ---- */

static bool marked(const Tenancy *t, uint32_t at) {
  return t->mark[at / 64] >> (at % 64) & 1;
}
static void set_mark(Tenancy *t, uint32_t at, uint32_t tenant) {
  t->mark[at / 64] |= (uint64_t)1 << (at % 64);
  t->tenant[at] = tenant;
}

/* The next mark at or behind `at`, below `end`; `end`: there is none. */
static uint32_t next_mark(const Tenancy *t, uint32_t at, uint32_t end) {
  while (at < end) {
    uint64_t word = t->mark[at / 64] >> (at % 64);
    if (word) {
      at += (uint32_t)__builtin_ctzll(word);
      return at < end ? at : end;
    }
    at = (at / 64 + 1) * 64;
  }
  return end;
}

/* The tenant of the range in which `at` lies; the first boundary has a mark always. */
static uint32_t tenant_at(const Tenancy *t, uint32_t at) {
  uint32_t word = at / 64;
  uint64_t bits = t->mark[word] & (~(uint64_t)0 >> (63 - at % 64));
  while (!bits) bits = t->mark[--word];
  return t->tenant[word * 64 + 63 - (uint32_t)__builtin_clzll(bits)];
}

/* The users of the tenant before `step` are needed by it. */
static void need_users(const Tenancy *t, uint32_t tenant, uint32_t step, uint32_t *need) {
  for (uint32_t j = 0; tenant != TENANT_NONE && j < t->n_streams; j++) {
    uint32_t user = t->user[(size_t)tenant * t->n_streams + j];
    if (user < step && user > need[j]) need[j] = user;
  }
}

/* Puts a tenant at [at, at + bytes), for `step`; from 1. */
static void move_in(Tenancy *t, uint32_t tenant, int64_t at, int64_t bytes, uint32_t step,
                    uint32_t *need) {
  if (bytes <= 0) return;
  uint32_t from = bound_of(t, at), to = bound_of(t, at + bytes);
  uint32_t behind = tenant_at(t, to);
  need_users(t, tenant_at(t, from), step, need);
  for (uint32_t i = from; (i = next_mark(t, i, to)) < to; i++) {
    need_users(t, t->tenant[i], step, need);
    t->mark[i / 64] &= ~((uint64_t)1 << (i % 64));
  }
  if (!marked(t, to)) set_mark(t, to, behind);
  set_mark(t, from, tenant);
}

static void move_in_value(Tenancy *t, NodeId id, uint32_t step, uint32_t *need) {
  move_in(t, id, t->p->node_offset[id], value_bytes(&t->p->graph->nodes[id]), step, need);
}

/* ---- the program ---- */

static void run_step(Tenancy *t, uint32_t s, uint32_t *need) {
  const PlanProgram *p = t->p;
  const PlanStep *step = &p->steps[s];
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = p->step_nodes[step->first + k];
    for (uint32_t i = 0; i < p->graph->nodes[id].n_inputs; i++) {
      uint32_t made = t->l->step_of[t->l->base[node_input(p->graph, id, i)]];
      if (!made || made > s) continue;
      uint32_t *n = &need[p->steps[made - 1].stream];
      if (made > *n) *n = made;
    }
  }
  if (step->work_bytes)
    move_in(t, p->graph->n_nodes + s, step->work_offset, step->work_bytes, s + 1, need);
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = p->step_nodes[step->first + k];
    if (has_place(t, id)) move_in_value(t, id, s + 1, need);
  }
}

static bool begin(Tenancy *t) {
  const Graph *g = t->p->graph;
  uint32_t none[TARGET_STREAMS_MAX] = {0};
  if (!find_bounds(t)) return false;
  t->mark = calloc(t->n / 64 + 1u, sizeof *t->mark);
  t->tenant = calloc(t->n + 1u, sizeof *t->tenant);
  t->user = calloc(((size_t)g->n_nodes + t->p->n_steps) * t->n_streams + 1, sizeof *t->user);
  if (!t->mark || !t->tenant || !t->user) return false;
  find_users(t);
  set_mark(t, 0, TENANT_NONE);
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (has_place(t, id) && !t->l->step_of[id]) move_in_value(t, id, 0, none);
  return true;
}

Status hazards_wait(const Plan *plan, PlanProgram *program, const Lives *lives, Diag *diag) {
  Tenancy t = {.plan = plan, .p = program, .l = lives, .n_streams = plan_streams(program)};
  Waits waits = {0};
  if (t.n_streams == 1) return STATUS_OK;
  Status status = begin(&t) ? waits_create(program, t.n_streams, diag, &waits)
                            : diag_no_memory(diag, program->n_steps * sizeof(int64_t));
  for (uint32_t s = 0; status == STATUS_OK && s < program->n_steps; s++) {
    uint32_t need[TARGET_STREAMS_MAX] = {0};
    run_step(&t, s, need);
    status = waits_step(&waits, s, need, diag);
  }
  if (status == STATUS_OK) status = waits_end(&waits, diag);
  waits_free(&waits);
  free(t.bound);
  free(t.mark);
  free(t.tenant);
  free(t.user);
  return status;
}
