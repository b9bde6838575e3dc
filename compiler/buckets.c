/* Pass order, its third part: buckets.
 *
 * A message costs as much as some ten thousand bytes of it, and a step has a thousand sums, most of
 * them of a few bytes.  So collectives of one kind are joined: in the order of groups each waits
 * until a group reads one of those that wait, and then they travel together.
 *
 * Light ones travel with whatever of their kind goes first.  Heavy ones - gradients of weights -
 * wait for each other: what asks for the statistics of a batch norm should not have to wait for
 * them.  A small group that reads what has not travelled waits as well: updates of parameters
 * follow their gradients at once, and would send each by itself.  What waits is alive for longer,
 * and the work buffer holds a bucket's bytes: a bucket travels when it is full, or what waits for
 * it keeps as many bytes alive.  Gradients that only updates read so go out while the backward pass
 * is still under way; and the updates come behind the next bucket, so that a device which can do
 * both computes while the first is on its way.
 *
 * A group moves back only, never behind one that reads it, so the order stays a topological one; it
 * is the same on all ranks.  A state's new value still comes behind all readers of the old one. */
#include "compiler/groups.h"

#include "graph/base/array.h"
#include "graph/plan/plan.h"
#include "ops/fuse_rules.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* A full bucket has a part of all heavy sums of the program, so that some travel early, but no less
 * than makes a message worth its while, and no more than costs little memory. */
#define BUCKET_PARTS 32
#define BUCKET_LEAST ((int64_t)256 << 10)
#define BUCKET_MOST ((int64_t)4 << 20)
/* An update reads several values of a gradient's size: so many full buckets wait for one. */
#define HELD_PARTS 4
#define LIGHT_BYTES ((int64_t)16 << 10)
/* A group that reads more than this, without states and what has not travelled, waits for nothing
 * light: it is what the statistics are for. */
#define LIGHT_READS ((int64_t)64 << 10)

/* Sums, gathers; the light ones, and behind them the heavy ones. */
enum { SUMS = 0, GATHERS = 2, HEAVY = 1, BUCKETS = 4 };

typedef struct List {
  uint32_t *groups, n;
} List;

typedef struct Bucketer {
  Groups *u;
  List bucket[BUCKETS]; /* that wait, in their order */
  List held;            /* groups that wait for light or heavy sums */
  List late;            /* whose sums have gone out, and which nobody needs yet */
  int64_t bytes[BUCKETS], held_bytes;
  int64_t full;   /* bytes of a full bucket */
  uint8_t *waits; /* by group: its bucket + 1; HELD_LIGHT, HELD_HEAVY, LATE; 0: it does not wait */
  bool *kept;     /* by node: a state that a held or late group reads */
  NodeId *old;    /* by node: the state that its value is committed to; NODE_NONE */
  /* What the group that comes next reads: */
  bool needs[BUCKETS];
  bool needs_held[2]; /* what is held for light sums, for heavy ones */
  bool needs_late;
  int64_t reads; /* bytes that would stay alive for it */
  /* What becomes of the groups: */
  uint32_t *first, n_groups, n_members;
  NodeId *members;
} Bucketer;
enum { HELD_LIGHT = BUCKETS + 1, HELD_HEAVY, LATE };

static const NodeId *group_begin(const Groups *u, uint32_t group) {
  return &u->members[u->first[group]];
}

static NodeId base_of(const Groups *u, NodeId value) {
  while (u->class[value] == CLASS_VIEW) value = node_input(u->graph, value, 0);
  return value;
}

/* The bucket that the group may wait in; BUCKETS: none. */
static uint32_t bucket_of(const Groups *u, uint32_t group) {
  const Node *node = &u->graph->nodes[*group_begin(u, group)];
  if (node->op != OP_ALL_REDUCE && node->op != OP_ALL_GATHER) return BUCKETS;
  uint32_t kind = node->op == OP_ALL_REDUCE ? SUMS : GATHERS;
  return value_bytes(node) > LIGHT_BYTES ? kind + HEAVY : kind;
}

/* ---- what goes ---- */

static void append(Bucketer *b, uint32_t group) {
  for (uint32_t k = b->u->first[group]; k < b->u->first[group + 1]; k++)
    b->members[b->n_members++] = b->u->members[k];
  b->waits[group] = 0;
}

static void close_group(Bucketer *b) {
  b->first[++b->n_groups] = b->n_members;
}

static void each_state(void *context, NodeId value) {
  Bucketer *b = context;
  value = base_of(b->u, value);
  if (b->u->graph->nodes[value].op == OP_STATE) b->kept[value] = true;
}

static void keep_states(Bucketer *b, uint32_t group) {
  for (uint32_t k = b->u->first[group]; k < b->u->first[group + 1]; k++)
    groups_each_read(b->u, b->u->members[k], each_state, b);
}

static void go(Bucketer *b, uint32_t group) {
  append(b, group);
  close_group(b);
}

static void late_go(Bucketer *b) {
  if (b->late.n == 0) return;
  for (uint32_t i = 0; i < b->late.n; i++) go(b, b->late.groups[i]);
  b->late.n = 0;
  memset(b->kept, 0, b->u->graph->n_nodes * sizeof *b->kept);
  for (uint32_t i = 0; i < b->held.n; i++) keep_states(b, b->held.groups[i]);
}

/* Light sums have travelled: what waited for nothing else goes. */
static void light_go(Bucketer *b) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < b->held.n; i++) {
    uint32_t group = b->held.groups[i];
    if (b->waits[group] == HELD_HEAVY)
      b->held.groups[left++] = group;
    else
      go(b, group);
  }
  b->held.n = left;
}

/* All sums have travelled: what waited for them is late from now on, what was late goes. */
static void heavy_go(Bucketer *b) {
  late_go(b);
  for (uint32_t i = 0; i < b->held.n; i++) {
    b->late.groups[b->late.n++] = b->held.groups[i];
    b->waits[b->held.groups[i]] = LATE;
  }
  b->held.n = 0;
  b->held_bytes = 0;
}

static void empty(Bucketer *b, uint32_t which) {
  for (uint32_t i = 0; i < b->bucket[which].n; i++) append(b, b->bucket[which].groups[i]);
  b->bucket[which].n = 0;
  b->bytes[which] = 0;
}

/* What waits in the bucket, and what is light. */
static void travel(Bucketer *b, uint32_t which) {
  uint32_t light = which & ~(uint32_t)HEAVY, before = b->n_members;
  empty(b, light);
  if (which != light) empty(b, which);
  if (b->n_members > before) close_group(b);
  if (light != SUMS) return;
  if (which == light)
    light_go(b);
  else
    heavy_go(b);
}

/* ---- what waits ---- */

static void note_read(void *context, NodeId value) {
  Bucketer *b = context;
  const Groups *u = b->u;
  value = base_of(u, value);
  const Node *node = &u->graph->nodes[value];
  uint8_t waits = u->class[value] == CLASS_GROUP ? b->waits[u->group_of[value]] : 0;
  if (waits == LATE)
    b->needs_late = true;
  else if (waits == HELD_LIGHT || waits == HELD_HEAVY)
    b->needs_held[waits == HELD_HEAVY] = true;
  else if (waits)
    b->needs[waits - 1] = true;
  else if (node->op != OP_STATE)
    b->reads += value_bytes(node);
}

static void note_reads(Bucketer *b, uint32_t group) {
  memset(b->needs, 0, sizeof b->needs);
  b->needs_held[0] = b->needs_held[1] = b->needs_late = false;
  b->reads = 0;
  for (uint32_t k = b->u->first[group]; k < b->u->first[group + 1]; k++)
    groups_each_read(b->u, b->u->members[k], note_read, b);
}

/* It reads sums that have not travelled, and may come behind them later: what keeps its operands
 * alive is little. */
static bool may_hold(const Bucketer *b, uint32_t group) {
  const Groups *u = b->u;
  bool heavy = b->needs[SUMS + HEAVY] || b->needs_held[1];
  if (!heavy && !b->needs[SUMS] && !b->needs_held[0]) return false;
  if (b->reads > (heavy ? b->full * HELD_PARTS : LIGHT_READS)) return false;
  for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++)
    if (!fuse_op_allowed(u->graph, u->members[k])) return false;
  return true;
}

static void hold(Bucketer *b, uint32_t group) {
  bool heavy = b->needs[SUMS + HEAVY] || b->needs_held[1];
  b->held.groups[b->held.n++] = group;
  b->held_bytes += b->reads;
  b->waits[group] = heavy ? HELD_HEAVY : HELD_LIGHT;
  keep_states(b, group);
  if (b->held_bytes > b->full * HELD_PARTS) travel(b, SUMS + HEAVY);
}

static void wait_in(Bucketer *b, uint32_t group, uint32_t which) {
  int64_t bytes = value_bytes(&b->u->graph->nodes[*group_begin(b->u, group)]);
  if (b->bucket[which].n && b->bytes[which] + bytes > b->full) travel(b, which);
  b->bucket[which].groups[b->bucket[which].n++] = group;
  b->bytes[which] += bytes;
  b->waits[group] = (uint8_t)(which + 1);
  if (b->bytes[which] >= b->full) travel(b, which);
}

/* True when the group makes the new value of a state whose old one a held group reads. */
static bool overwrites(const Bucketer *b, uint32_t group) {
  for (uint32_t k = b->u->first[group]; k < b->u->first[group + 1]; k++)
    if (b->kept[b->old[b->u->members[k]]]) return true;
  return false;
}

/* What the group reads, but for sums that have not gone out, is there. */
static void prepare(Bucketer *b, uint32_t group) {
  note_reads(b, group);
  if (overwrites(b, group)) {
    travel(b, SUMS + HEAVY);
    late_go(b);
    note_reads(b, group);
  } else if (b->needs_late) {
    late_go(b);
    note_reads(b, group);
  }
  for (uint32_t i = GATHERS; i < BUCKETS; i++)
    if (b->needs[i]) travel(b, i);
}

static void place(Bucketer *b, uint32_t group) {
  uint32_t which = bucket_of(b->u, group);
  prepare(b, group);
  if (which == BUCKETS && may_hold(b, group)) {
    hold(b, group);
    return;
  }
  if (b->needs[SUMS + HEAVY] || b->needs_held[1]) travel(b, SUMS + HEAVY);
  if (b->needs[SUMS] || b->needs_held[0]) travel(b, SUMS);
  note_reads(b, group);
  if (b->needs_late) late_go(b);
  if (which < BUCKETS)
    wait_in(b, group, which);
  else
    go(b, group);
}

/* ---- the pass ---- */

/* By node: the `state` node that its value is committed to. */
static bool find_old(Bucketer *b) {
  const Graph *g = b->u->graph;
  uint32_t n = 0;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (g->commits[i].state >= n) n = g->commits[i].state + 1;
  NodeId *nodes = calloc((size_t)n + 1, sizeof *nodes);
  if (!nodes) return false;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_STATE && node_attr_int(g, id, STATE_INDEX) < (int64_t)n)
      nodes[node_attr_int(g, id, STATE_INDEX)] = id;
  for (uint32_t i = 0; i < g->n_commits; i++)
    b->old[base_of(b->u, g->commits[i].value)] = nodes[g->commits[i].state];
  free(nodes);
  return true;
}

static bool alloc(Bucketer *b) {
  size_t n = (size_t)b->u->n_groups + 1, nodes = (size_t)b->u->graph->n_nodes + 1;
  b->waits = calloc(n, sizeof *b->waits);
  b->kept = calloc(nodes, sizeof *b->kept);
  b->old = calloc(nodes, sizeof *b->old);
  b->first = calloc(n, sizeof *b->first);
  b->members = calloc(nodes, sizeof *b->members);
  b->held.groups = calloc(n, sizeof *b->held.groups);
  b->late.groups = calloc(n, sizeof *b->late.groups);
  bool have =
      b->waits && b->kept && b->old && b->first && b->members && b->held.groups && b->late.groups;
  for (uint32_t i = 0; i < BUCKETS; i++) {
    b->bucket[i].groups = calloc(n, sizeof *b->bucket[i].groups);
    have = have && b->bucket[i].groups;
  }
  return have;
}

static void release(Bucketer *b) {
  for (uint32_t i = 0; i < BUCKETS; i++) free(b->bucket[i].groups);
  void *const all[] = {b->waits,   b->kept,        b->old,        b->first,
                       b->members, b->held.groups, b->late.groups};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void take(Groups *u, const Bucketer *b) {
  memcpy(u->members, b->members, b->n_members * sizeof *u->members);
  memcpy(u->first, b->first, (b->n_groups + 1) * sizeof *u->first);
  u->n_groups = b->n_groups;
  for (uint32_t group = 0; group < u->n_groups; group++) {
    u->order[group] = group;
    for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++)
      u->group_of[u->members[k]] = group;
  }
}

/* False: no ranks meet. */
static bool measure(Bucketer *b) {
  const Groups *u = b->u;
  int64_t heavy = 0;
  bool meet = false;
  for (uint32_t group = 0; group < u->n_groups; group++) {
    uint32_t which = bucket_of(u, group);
    meet |= which < BUCKETS;
    if (which == SUMS + HEAVY) heavy += value_bytes(&u->graph->nodes[*group_begin(u, group)]);
  }
  b->full = heavy / BUCKET_PARTS;
  if (b->full < BUCKET_LEAST) b->full = BUCKET_LEAST;
  if (b->full > BUCKET_MOST) b->full = BUCKET_MOST;
  return meet;
}

Status groups_bucket(Groups *u, Diag *diag) {
  Bucketer b = {.u = u};
  if (!measure(&b)) return STATUS_OK;
  bool have = alloc(&b) && find_old(&b);
  for (uint32_t i = 0; have && i < u->n_groups; i++) place(&b, u->order[i]);
  for (uint32_t i = BUCKETS; have && i-- > 0;) travel(&b, i);
  if (have) late_go(&b);
  if (have) take(u, &b);
  release(&b);
  return have ? STATUS_OK : diag_no_memory(diag, u->n_groups * sizeof *b.first);
}
