/* Lives, aliases and results in place.
 *
 * A stored value lives from its step to the last step that reads it; inputs from before the first
 * step, outputs and committed values to the end.  Views share their operand's bytes.  A result may
 * take the bytes of an operand of its step that dies there and is read element by element.  A
 * committed value is written straight into its state where no later step reads the old one.
 *
 * Later is later in the program.  Where its steps are on several streams that is not enough:
 * whoever overwrites must be known to come behind every reader, and who takes over the bytes of
 * another buffer begins when no step can begin any more that is not behind all users of it (until).
 */
#include "compiler/liveness.h"

#include "compiler/waits.h"

#include "ops/fuse_rules.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct Life {
  uint32_t start, end;
} Life;

typedef struct Finder {
  const Plan *plan;
  const PlanProgram *p;
  const Graph *g;
  Lives *lives;
  bool *stored;  /* by base */
  Life *life;    /* by base */
  NodeId *owner; /* by base: the value whose bytes it takes over (in place), itself if none */
  Order order;
  uint32_t *newest; /* by base and stream: the last step that reads it */
} Finder;

/* All that read the value are known to have run when the step begins, but for itself. */
static bool readers_before(const Finder *f, NodeId base, uint32_t step) {
  for (uint32_t j = 0; j < f->order.n_streams; j++) {
    uint32_t reader = f->newest[(size_t)base * f->order.n_streams + j];
    if (reader && reader != step && !order_before(&f->order, reader, step)) return false;
  }
  return true;
}

static bool fixed(const Finder *f, NodeId base) {
  return f->lives->state[base] != LIVES_NONE;
}

static void set_leaves(Finder *f) {
  const Graph *g = f->g;
  Lives *l = f->lives;
  for (uint32_t s = 0; s < f->p->n_steps; s++)
    for (uint32_t k = 0; k < f->p->steps[s].count; k++)
      l->step_of[f->p->step_nodes[f->p->steps[s].first + k]] = s + 1;
  for (NodeId id = 0; id < g->n_nodes; id++) {
    uint16_t op = id ? g->nodes[id].op : 0;
    bool view = op == OP_RESHAPE && !l->step_of[id];
    l->base[id] = view ? l->base[node_input(g, id, 0)] : id;
    l->buffer[id] = LIVES_NONE;
    l->state[id] = op == OP_STATE ? (uint32_t)node_attr_int(g, id, STATE_INDEX) : LIVES_NONE;
    f->owner[id] = id;
    f->life[id] = (Life){l->step_of[id], l->step_of[id]};
    f->stored[id] = op == OP_INPUT || op == OP_STATE;
  }
}

static void keep_to_end(Finder *f, NodeId value) {
  NodeId b = f->lives->base[value];
  f->stored[b] = true;
  f->life[b].end = f->p->n_steps + 1;
}

static void find_readers(Finder *f) {
  const Graph *g = f->g;
  const Lives *l = f->lives;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (!l->step_of[id]) continue;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      NodeId b = l->base[node_input(g, id, i)];
      /* A member that reads a view of another member of its step reads memory too. */
      if (l->step_of[b] == l->step_of[id] && b == node_input(g, id, i)) continue;
      f->stored[b] = true;
      uint32_t step = l->step_of[id], stream = f->p->steps[step - 1].stream;
      uint32_t *newest = &f->newest[(size_t)b * f->order.n_streams + stream];
      if (step > *newest) *newest = step;
      if (step > f->life[b].end) f->life[b].end = step;
    }
  }
  for (uint32_t i = 0; i < g->n_outputs; i++) keep_to_end(f, g->outputs[i].node);
  for (uint32_t i = 0; i < g->n_commits; i++) keep_to_end(f, g->commits[i].value);
}

/* True when `result` of step `step` may overwrite value `b`, whoever of the step reads it. */
static bool may_overwrite(const Finder *f, NodeId result, NodeId b, uint32_t step) {
  const PlanStep *s = &f->p->steps[step - 1];
  for (uint32_t k = 0; k < s->count; k++) {
    NodeId id = f->p->step_nodes[s->first + k];
    for (uint32_t i = 0; i < f->g->nodes[id].n_inputs; i++)
      if (f->lives->base[node_input(f->g, id, i)] == b &&
          !fuse_in_place(f->plan->target, f->g, result, id, b))
        return false;
  }
  return true;
}

/* ---- committed values written into their states ---- */

static bool commit_in_state(Finder *f) {
  const Graph *g = f->g;
  Lives *l = f->lives;
  NodeId *reader = calloc((size_t)f->plan->n_states + 1, sizeof *reader);
  if (!reader) return false;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_STATE) reader[l->state[id]] = id;
  for (uint32_t i = 0; i < g->n_commits; i++) {
    NodeId value = g->commits[i].value, b = l->base[value];
    NodeId state = reader[g->commits[i].state];
    uint32_t step = l->step_of[b];
    if (!step || fixed(f, b) || b != value) continue;
    bool late = state && f->life[state].end > step;
    bool same = state && f->life[state].end == step;
    if (late || (same && !may_overwrite(f, b, state, step))) continue;
    if (state && !readers_before(f, state, step)) continue;
    l->state[b] = g->commits[i].state;
  }
  free(reader);
  return true;
}

/* ---- in place ---- */

static NodeId owner(const Finder *f, NodeId b) {
  while (f->owner[b] != b) b = f->owner[b];
  return b;
}

static bool may_take(const Finder *f, NodeId result, NodeId operand, uint32_t step) {
  NodeId root = owner(f, operand);
  if (fixed(f, operand) || fixed(f, root) || !f->stored[operand]) return false;
  return f->life[root].end == step && may_overwrite(f, result, operand, step) &&
         readers_before(f, operand, step);
}

/* The first operand of the step whose bytes `result` may take; NODE_NONE: there is none. */
static NodeId find_operand(const Finder *f, NodeId result, uint32_t step) {
  const PlanStep *s = &f->p->steps[step - 1];
  for (uint32_t m = 0; m < s->count; m++) {
    NodeId member = f->p->step_nodes[s->first + m];
    for (uint32_t i = 0; i < f->g->nodes[member].n_inputs; i++) {
      NodeId operand = f->lives->base[node_input(f->g, member, i)];
      if (f->lives->step_of[operand] != step && may_take(f, result, operand, step)) return operand;
    }
  }
  return NODE_NONE;
}

static void take_over(Finder *f) {
  for (uint32_t s = 1; s <= f->p->n_steps; s++) {
    const PlanStep *step = &f->p->steps[s - 1];
    for (uint32_t k = 0; k < step->count; k++) {
      NodeId result = f->p->step_nodes[step->first + k];
      if (!f->stored[result] || fixed(f, result)) continue;
      NodeId operand = find_operand(f, result, s);
      if (!operand) continue;
      NodeId root = owner(f, operand);
      f->owner[result] = root;
      f->life[root].end = f->life[result].end; /* one buffer with both lives */
    }
  }
}

/* ---- buffers ---- */

/* Bytes of the work buffer of a step's kernel; -1: out of memory. */
static int64_t step_work(const Finder *f, uint32_t s) {
  const PlanStep *step = &f->p->steps[s];
  NodeId *outputs = calloc((size_t)step->count + 1, sizeof *outputs);
  if (!outputs) return -1;
  uint32_t n = 0;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = f->p->step_nodes[step->first + k];
    if (f->stored[id]) outputs[n++] = id;
  }
  int64_t bytes = f->plan->target->work_bytes(f->g, &f->p->step_nodes[step->first], step->count,
                                              outputs, n, f->plan->shards);
  free(outputs);
  return bytes;
}

/* The buffer of the value is in use until all that make or read it are known to have run. */
static void use_until(Finder *f, NodeId base) {
  uint32_t *until = &f->lives->until[f->lives->buffer[base]];
  for (uint32_t j = 0; j <= f->order.n_streams; j++) {
    uint32_t user = j < f->order.n_streams ? f->newest[(size_t)base * f->order.n_streams + j]
                                           : f->lives->step_of[base];
    if (user && f->order.until[user - 1] > *until) *until = f->order.until[user - 1];
  }
}

static bool list_buffers(Finder *f) {
  const Graph *g = f->g;
  Lives *l = f->lives;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (!f->stored[id] || fixed(f, id) || f->owner[id] != id || l->base[id] != id) continue;
    l->buffer[id] = l->n_items;
    l->until[l->n_items] = f->life[id].end;
    l->items[l->n_items++] = (OffsetItem){target_align(f->plan->target, value_bytes(&g->nodes[id])),
                                          f->life[id].start, f->life[id].end, 0};
  }
  l->n_values = l->n_items;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (f->stored[id] && !fixed(f, id)) {
      l->buffer[id] = l->buffer[owner(f, id)];
      use_until(f, id);
    }
  for (uint32_t s = 0; s < f->p->n_steps; s++) {
    l->work[s] = step_work(f, s);
    if (l->work[s] < 0) return false;
    if (l->work[s] == 0) continue;
    l->until[l->n_items] = f->order.until[s];
    l->items[l->n_items++] =
        (OffsetItem){target_align(f->plan->target, l->work[s]), s + 1, s + 1, 0};
  }
  return offset_bound(l->items, l->n_items, &l->bound);
}

Status lives_find(const Plan *plan, const PlanProgram *program, Diag *diag, Lives *out) {
  uint32_t n = program->graph->n_nodes;
  *out = (Lives){0};
  Finder f = {.plan = plan, .p = program, .g = program->graph, .lives = out};
  out->items = calloc((size_t)n + program->n_steps + 1, sizeof *out->items);
  out->base = calloc(n, sizeof *out->base);
  out->buffer = calloc(n, sizeof *out->buffer);
  out->state = calloc(n, sizeof *out->state);
  out->step_of = calloc(n, sizeof *out->step_of);
  out->work = calloc((size_t)program->n_steps + 1, sizeof *out->work);
  out->until = calloc((size_t)n + program->n_steps + 1, sizeof *out->until);
  f.stored = calloc(n, sizeof *f.stored);
  f.life = calloc(n, sizeof *f.life);
  f.owner = calloc(n, sizeof *f.owner);
  bool ok = order_find(program, NULL, &f.order) == STATUS_OK;
  f.newest = calloc((size_t)n * f.order.n_streams + 1, sizeof *f.newest);
  ok = ok && out->items && out->base && out->buffer && out->state && out->step_of && out->work &&
       out->until && f.stored && f.life && f.owner && f.newest;
  if (ok) {
    set_leaves(&f);
    find_readers(&f);
    ok = commit_in_state(&f);
  }
  if (ok) {
    take_over(&f);
    ok = list_buffers(&f);
  }
  free(f.stored);
  free(f.life);
  free(f.owner);
  free(f.newest);
  order_free(&f.order);
  return ok ? STATUS_OK : diag_no_memory(diag, n * sizeof *out->items);
}

void lives_free(Lives *l) {
  void *const all[] = {l->items, l->base, l->buffer, l->state, l->step_of, l->work, l->until};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
  *l = (Lives){0};
}

Status lives_widen(Lives *l, Diag *diag) {
  for (uint32_t i = 0; i < l->n_items; i++) l->items[i].end = l->until[i];
  if (offset_bound(l->items, l->n_items, &l->taken)) return STATUS_OK;
  return diag_no_memory(diag, l->n_items * sizeof *l->items);
}

static void set_places(const PlanProgram *p, Lives *l) {
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    if (l->base[id] == id && l->buffer[id] != LIVES_NONE)
      l->items[l->buffer[id]].offset = p->node_offset[id];
  for (uint32_t i = l->n_values; i < l->n_items; i++)
    l->items[i].offset = p->steps[l->items[i].start - 1].work_offset;
}

static int by_start(const void *a, const void *b) {
  const OffsetItem *x = a, *y = b;
  return x->start < y->start ? -1 : x->start > y->start;
}

static bool share(const OffsetItem *a, const OffsetItem *b) {
  return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
}

/* The waits of a complete plan are fewer than those by which its offsets were found: by them alone
 * bytes would count for two. */
Status lives_take(const PlanProgram *p, Lives *l, Diag *diag) {
  OffsetItem *sorted = calloc((size_t)l->n_items + 1, sizeof *sorted);
  if (!sorted) return diag_no_memory(diag, l->n_items * sizeof *sorted);
  set_places(p, l);
  for (uint32_t i = 0; i < l->n_items; i++) sorted[i] = l->items[i];
  qsort(sorted, l->n_items, sizeof *sorted, by_start);
  for (uint32_t i = 0; i < l->n_items; i++) {
    OffsetItem *item = &l->items[i];
    uint32_t low = 0, high = l->n_items, end = item->end;
    while (low < high) { /* the first that begins behind its end */
      uint32_t mid = (low + high) / 2;
      if (sorted[mid].start <= end)
        low = mid + 1;
      else
        high = mid;
    }
    for (item->end = l->until[i]; low < l->n_items && sorted[low].start <= item->end; low++)
      if (share(item, &sorted[low])) item->end = sorted[low].start - 1;
  }
  free(sorted);
  if (offset_bound(l->items, l->n_items, &l->taken)) return STATUS_OK;
  return diag_no_memory(diag, l->n_items * sizeof *l->items);
}

void lives_values(const Lives *l, uint32_t n_nodes, uint32_t step, NodeId *nodes) {
  memset(nodes, 0, l->n_values * sizeof *nodes);
  for (NodeId id = 1; id < n_nodes; id++) {
    if (l->base[id] != id || l->buffer[id] == LIVES_NONE || l->step_of[id] > step) continue;
    NodeId *now = &nodes[l->buffer[id]];
    if (!*now || l->step_of[id] >= l->step_of[*now]) *now = id;
  }
}
