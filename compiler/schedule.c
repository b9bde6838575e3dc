/* Pass order, its second part: the order.
 *
 * List scheduling: among the groups whose operands are ready, one that frees at least as many bytes
 * as it allocates runs at once (weight gradients that end an activation's life, updates that end a
 * gradient's); otherwise the one that comes first in program order, which is forward order and then
 * the reverse of it.  A group that makes a state's new value waits for the state's other readers,
 * so that the value can be written over the old one; where that is impossible the wait is given up.
 */
#include "compiler/groups.h"

#include "graph/base/array.h"
#include "graph/plan/plan.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

typedef struct Heap {
  uint32_t *items; /* groups */
  uint32_t n;
} Heap;

typedef struct Scheduler {
  Groups *u;
  Diag *diag;
  const Graph *g;
  NodeId *base;         /* by node: the value whose bytes it is (views resolved) */
  uint32_t *read_first; /* by group: distinct values it reads */
  NodeId *reads;
  uint32_t *reader_first; /* by node: distinct groups that read it */
  uint32_t *readers;
  uint32_t *remaining;          /* by node: readers that have not run */
  uint32_t *waiting;            /* by group: operands (groups) that have not run, and waits */
  uint32_t *wait_first, *waits; /* by group: groups that wait for it (state readers -> commit) */
  bool *pinned, *done, *ready;
  int64_t *made; /* by group: bytes of stored members */
  uint32_t *key; /* by group: place in program order */
  Heap program, eager;
} Scheduler;

static void heap_push(Heap *h, const uint32_t *key, uint32_t group) {
  uint32_t i = h->n++;
  while (i && key[h->items[(i - 1) / 2]] > key[group]) {
    h->items[i] = h->items[(i - 1) / 2];
    i = (i - 1) / 2;
  }
  h->items[i] = group;
}

static uint32_t heap_pop(Heap *h, const uint32_t *key) {
  uint32_t top = h->items[0], last = h->items[--h->n], i = 0;
  for (;;) {
    uint32_t c = 2 * i + 1;
    if (c >= h->n) break;
    if (c + 1 < h->n && key[h->items[c + 1]] < key[h->items[c]]) c++;
    if (key[h->items[c]] >= key[last]) break;
    h->items[i] = h->items[c];
    i = c;
  }
  h->items[i] = last;
  return top;
}

/* ---- reads ---- */

typedef struct ReadList {
  Scheduler *s;
  uint32_t *stamp, clock;
  NodeId *out;
  uint32_t n, cap;
  bool failed;
} ReadList;

static void add_read(void *context, NodeId value) {
  ReadList *r = context;
  value = r->s->base[value];
  if (r->stamp[value] == r->clock) return;
  r->stamp[value] = r->clock;
  r->failed = r->failed || ARRAY_RESERVE(r->out, r->cap, r->n, 1, NULL) != STATUS_OK;
  if (!r->failed) r->out[r->n++] = value;
}

/* Distinct outside values of every group; members of the group itself are left out. */
static bool collect_reads(Scheduler *s) {
  Groups *u = s->u;
  ReadList r = {.s = s, .stamp = calloc(s->g->n_nodes, sizeof(uint32_t))};
  if (!r.stamp) return false;
  for (uint32_t group = 0; group < u->n_groups && !r.failed; group++) {
    r.clock++;
    for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++)
      r.stamp[u->members[k]] = r.clock;
    s->read_first[group] = r.n;
    for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++)
      groups_each_read(u, u->members[k], add_read, &r);
  }
  s->read_first[u->n_groups] = r.n;
  s->reads = r.out;
  free(r.stamp);
  return !r.failed && (r.out || r.n == 0);
}

static bool collect_readers(Scheduler *s) {
  uint32_t n = s->read_first[s->u->n_groups];
  s->readers = calloc(n + 1, sizeof *s->readers);
  if (!s->readers) return false;
  for (uint32_t k = 0; k < n; k++) s->remaining[s->reads[k]]++;
  for (NodeId id = 0; id < s->g->n_nodes; id++)
    s->reader_first[id + 1] = s->reader_first[id] + s->remaining[id];
  uint32_t *at = calloc(s->g->n_nodes, sizeof *at);
  if (!at) return false;
  for (uint32_t group = 0; group < s->u->n_groups; group++)
    for (uint32_t k = s->read_first[group]; k < s->read_first[group + 1]; k++) {
      NodeId v = s->reads[k];
      s->readers[s->reader_first[v] + at[v]++] = group;
    }
  free(at);
  return true;
}

/* ---- stored members ---- */

static bool is_stored(const Scheduler *s, NodeId id) {
  const Groups *u = s->u;
  if (s->pinned[id]) return true;
  for (uint32_t k = u->user_first[id]; k < u->user_first[id + 1]; k++) {
    NodeId user = u->users[k];
    if (u->class[user] == CLASS_DEAD) continue;
    if (u->class[user] != CLASS_GROUP)
      return true; /* through a view or virtual: taken as outside */
    if (u->group_of[user] != u->group_of[id]) return true;
  }
  return false;
}

static void fill_values(Scheduler *s) {
  const Graph *g = s->g;
  for (NodeId id = 1; id < g->n_nodes; id++)
    s->base[id] = s->u->class[id] == CLASS_VIEW ? s->base[node_input(g, id, 0)] : id;
  for (uint32_t i = 0; i < g->n_outputs; i++) s->pinned[s->base[g->outputs[i].node]] = true;
  for (uint32_t i = 0; i < g->n_commits; i++) s->pinned[s->base[g->commits[i].value]] = true;
  for (uint32_t group = 0; group < s->u->n_groups; group++)
    for (uint32_t k = s->u->first[group]; k < s->u->first[group + 1]; k++) {
      NodeId id = s->u->members[k];
      if (is_stored(s, id))
        s->made[group] += target_align(s->u->target, value_bytes(&g->nodes[id]));
      if (id > s->key[group]) s->key[group] = id;
    }
}

/* ---- waits of commits ---- */

/* The group that makes a commit's value, UINT32_MAX when it is a leaf. */
static uint32_t maker(const Scheduler *s, NodeId value) {
  NodeId b = s->base[value];
  return s->u->class[b] == CLASS_GROUP ? s->u->group_of[b] : UINT32_MAX;
}

/* state index -> node, for all states at once */
static NodeId *state_nodes(const Graph *g, uint32_t *out_n) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (g->commits[i].state >= n) n = g->commits[i].state + 1;
  NodeId *nodes = calloc(n + 1, sizeof *nodes);
  for (NodeId id = 1; nodes && id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_STATE && node_attr_int(g, id, STATE_INDEX) < (int64_t)n)
      nodes[node_attr_int(g, id, STATE_INDEX)] = id;
  *out_n = n;
  return nodes;
}

static bool collect_waits(Scheduler *s) {
  const Graph *g = s->g;
  uint32_t n_states, total = 0;
  NodeId *nodes = state_nodes(g, &n_states);
  if (!nodes) return false;
  for (int fill = 0; fill < 2; fill++) { /* count, then fill */
    for (uint32_t i = 0; i < g->n_commits; i++) {
      NodeId state = nodes[g->commits[i].state];
      uint32_t group = maker(s, g->commits[i].value);
      if (!state || group == UINT32_MAX) continue;
      for (uint32_t k = s->reader_first[state]; k < s->reader_first[state + 1]; k++) {
        uint32_t reader = s->readers[k];
        if (reader == group || s->key[reader] > s->key[group]) continue;
        if (fill) {
          s->waits[s->wait_first[reader + 1]++] = group;
          s->waiting[group]++;
        } else {
          s->wait_first[reader + 2]++;
          total++;
        }
      }
    }
    if (fill) break;
    for (uint32_t k = 1; k <= s->u->n_groups; k++) s->wait_first[k + 1] += s->wait_first[k];
    s->waits = calloc(total + 1, sizeof *s->waits);
    if (!s->waits) break;
  }
  free(nodes);
  return s->waits != NULL;
}

/* ---- the list ---- */

static int64_t freed(const Scheduler *s, uint32_t group) {
  int64_t bytes = 0;
  for (uint32_t k = s->read_first[group]; k < s->read_first[group + 1]; k++) {
    NodeId v = s->reads[k];
    bool scratch = s->g->nodes[v].op != OP_STATE && !s->pinned[v];
    if (scratch && s->remaining[v] == 1)
      bytes += target_align(s->u->target, value_bytes(&s->g->nodes[v]));
  }
  return bytes;
}

static void consider(Scheduler *s, uint32_t group) {
  if (s->ready[group] && !s->done[group] && s->made[group] <= freed(s, group))
    heap_push(&s->eager, s->key, group);
}

static void make_ready(Scheduler *s, uint32_t group) {
  if (s->ready[group]) return;
  s->ready[group] = true;
  heap_push(&s->program, s->key, group);
  consider(s, group);
}

static void release(Scheduler *s, uint32_t group) {
  if (s->waiting[group] && --s->waiting[group] == 0) make_ready(s, group);
}

static void run_group(Scheduler *s, uint32_t group, uint32_t position) {
  Groups *u = s->u;
  s->done[group] = true;
  u->order[position] = group;
  for (uint32_t k = s->read_first[group]; k < s->read_first[group + 1]; k++) {
    NodeId v = s->reads[k];
    if (--s->remaining[v] != 1) continue;
    for (uint32_t r = s->reader_first[v]; r < s->reader_first[v + 1]; r++)
      if (!s->done[s->readers[r]]) consider(s, s->readers[r]);
  }
  /* A reader waits once for each value that it reads. */
  for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++) {
    NodeId id = u->members[k];
    for (uint32_t r = s->reader_first[id]; r < s->reader_first[id + 1]; r++)
      release(s, s->readers[r]);
  }
  for (uint32_t k = s->wait_first[group]; k < s->wait_first[group + 1]; k++)
    release(s, s->waits[k]);
}

/* No group is ready although some are left: a commit waits for a reader that needs its value.  The
 * first in program order whose operands are all there goes ahead. */
static uint32_t give_up_wait(Scheduler *s) {
  uint32_t best = UINT32_MAX;
  for (uint32_t group = 0; group < s->u->n_groups; group++) {
    if (s->done[group] || (best != UINT32_MAX && s->key[group] >= s->key[best])) continue;
    bool there = true;
    for (uint32_t k = s->read_first[group]; k < s->read_first[group + 1]; k++) {
      NodeId v = s->reads[k];
      if (s->u->class[v] == CLASS_GROUP && !s->done[s->u->group_of[v]]) there = false;
    }
    if (there) best = group;
  }
  return best;
}

static Status schedule(Scheduler *s) {
  uint32_t n = s->u->n_groups;
  for (uint32_t group = 0; group < n; group++)
    for (uint32_t k = s->read_first[group]; k < s->read_first[group + 1]; k++)
      if (s->u->class[s->reads[k]] == CLASS_GROUP) s->waiting[group]++;
  for (uint32_t group = 0; group < n; group++)
    if (s->waiting[group] == 0) make_ready(s, group);
  for (uint32_t position = 0; position < n; position++) {
    uint32_t group = UINT32_MAX;
    while (group == UINT32_MAX && s->eager.n) {
      uint32_t candidate = heap_pop(&s->eager, s->key);
      if (!s->done[candidate]) group = candidate;
    }
    while (group == UINT32_MAX && s->program.n) {
      uint32_t candidate = heap_pop(&s->program, s->key);
      if (!s->done[candidate]) group = candidate;
    }
    if (group == UINT32_MAX) group = give_up_wait(s);
    if (group == UINT32_MAX)
      return diag_error(s->diag, STATUS_INVALID, "schedule", NULL, "the groups form a cycle");
    run_group(s, group, position);
  }
  return STATUS_OK;
}

static bool scheduler_alloc(Scheduler *s) {
  uint32_t n = s->g->n_nodes + 1, m = s->u->n_groups + 3;
  s->base = calloc(n, sizeof *s->base);
  s->read_first = calloc(m, sizeof *s->read_first);
  s->reader_first = calloc((size_t)n + 1, sizeof *s->reader_first);
  s->remaining = calloc(n, sizeof *s->remaining);
  s->waiting = calloc(m, sizeof *s->waiting);
  s->wait_first = calloc(m, sizeof *s->wait_first);
  s->pinned = calloc(n, sizeof *s->pinned);
  s->done = calloc(m, sizeof *s->done);
  s->ready = calloc(m, sizeof *s->ready);
  s->made = calloc(m, sizeof *s->made);
  s->key = calloc(m, sizeof *s->key);
  s->program.items = calloc(m, sizeof *s->program.items);
  return s->base && s->read_first && s->reader_first && s->remaining && s->waiting &&
         s->wait_first && s->pinned && s->done && s->ready && s->made && s->key && s->program.items;
}

static void scheduler_free(Scheduler *s) {
  void *const all[] = {s->base,    s->read_first, s->reads,         s->reader_first,
                       s->readers, s->remaining,  s->waiting,       s->wait_first,
                       s->waits,   s->pinned,     s->done,          s->ready,
                       s->made,    s->key,        s->program.items, s->eager.items};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

Status groups_schedule(Groups *u, Diag *diag) {
  Scheduler s = {.u = u, .diag = diag, .g = u->graph};
  Status status = STATUS_OK;
  if (!scheduler_alloc(&s)) {
    status = diag_no_memory(diag, u->n_groups * sizeof(uint32_t));
  } else {
    fill_values(&s);
    bool ok = collect_reads(&s) && collect_readers(&s) && collect_waits(&s);
    /* A group is considered once when it becomes ready and once for each value it reads. */
    size_t considered = (size_t)u->n_groups + (ok ? s.read_first[u->n_groups] : 0) + 1;
    if (ok) s.eager.items = calloc(considered, sizeof *s.eager.items);
    status = ok && s.eager.items ? schedule(&s) : diag_no_memory(diag, considered * 4);
  }
  scheduler_free(&s);
  return status;
}
