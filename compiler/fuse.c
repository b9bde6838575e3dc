/* Pass order, its first part: groups.
 *
 * What is fusable, and how large a group may be, is the target's to say (graph/plan/target.h).
 * Fusable nodes fall into two kinds.  *Virtual* ones are cheap functions of
 * about one stored tensor of their own size (x - mean, a masked cotangent): reading their operands
 * costs what reading them would, so every group that needs one computes it anew and it is never
 * stored. The others are *roots*.  A root joins the group of an operand, or of another root that
 * reads the same tensor, when both have the same index space and no path leads from the group to
 * the root through anything outside: then the contracted graph stays acyclic (what bounded searches
 * miss, acyclic.c repairs).  Results of reductions are never read inside their own group.
 *
 * The choice is greedy in id order, a pure function of the graph. */
#include "compiler/groups.h"

#include "ops/fuse_rules.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

enum {
  SEARCH_MAX = 3000, /* nodes visited by one search for a path */
  WINDOW = 20000,    /* distance in ids over which roots are joined */
};

typedef struct Fuser {
  const Graph *g;
  Groups *u;
  const Target *target;
  Diag *diag;
  uint8_t *ops;                                 /* ops behind a virtual node, itself included */
  uint32_t *group_min, *group_max, *group_size; /* by group: least and largest member, members */
  uint32_t *group_nodes; /* by group: what it may grow to with virtual nodes */
  uint32_t *next, *head; /* members of a group as a list, by node and by group */
  uint32_t *last_reader; /* by node: the youngest group that reads it + 1 */
  uint32_t *stamp;       /* visited marks of searches, by node */
  uint32_t *group_stamp;
  uint32_t clock;
  NodeId *stack;
} Fuser;

static bool fusable(const Fuser *f, NodeId id) {
  return f->target->fusable(f->g, id);
}

static bool is_full(const Graph *g, NodeId id, int64_t elements) {
  return shape_count(&g->nodes[id].shape) == elements;
}

/* ---- users ---- */

static Status build_users(Groups *u, Diag *diag) {
  const Graph *g = u->graph;
  u->user_first = calloc((size_t)g->n_nodes + 2, sizeof *u->user_first);
  u->users = calloc((size_t)g->n_inputs + 1, sizeof *u->users);
  if (!u->user_first || !u->users) return diag_no_memory(diag, g->n_inputs * sizeof(NodeId));
  for (NodeId id = 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) u->user_first[node_input(g, id, i) + 2]++;
  for (NodeId id = 1; id <= g->n_nodes; id++) u->user_first[id + 1] += u->user_first[id];
  for (NodeId id = 1; id < g->n_nodes; id++)
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
      u->users[u->user_first[node_input(g, id, i) + 1]++] = id;
  return STATUS_OK;
}

/* ---- virtual nodes ---- */

static bool cheap(const Graph *g, NodeId id) {
  return !op_desc(g->nodes[id].op)->costly;
}

/* A user that reads the node element by element in the node's own index space. */
static bool reads_in_space(const Fuser *f, NodeId user) {
  return fusable(f, user) && f->g->nodes[user].op != OP_BROADCAST;
}

typedef struct LeafSet {
  const Fuser *f;
  NodeId leaf[TARGET_LEAVES_MAX];
  uint32_t n;
  int64_t bytes, elements;
} LeafSet;

static void add_leaf(void *context, NodeId value) {
  LeafSet *s = context;
  const Node *node = &s->f->g->nodes[value];
  if (!is_full(s->f->g, value, s->elements)) return;
  for (uint32_t i = 0; i < s->n && i < TARGET_LEAVES_MAX; i++)
    if (s->leaf[i] == value) return;
  if (s->n < TARGET_LEAVES_MAX) s->leaf[s->n] = value;
  s->n++;
  s->bytes += s->elements * (int64_t)dtype_size((DType)node->dtype);
}

/* The node and the virtual ones behind it: at most so many members come with it into a group. */
static uint32_t ops_of(const Fuser *f, NodeId id) {
  uint32_t ops = 1;
  for (uint32_t i = 0; i < f->g->nodes[id].n_inputs; i++) {
    NodeId input = node_input(f->g, id, i);
    if (f->u->class[input] == CLASS_VIRTUAL) ops += f->ops[input];
  }
  return ops;
}

static bool is_virtual(Fuser *f, NodeId id, const bool *pinned) {
  const Graph *g = f->g;
  const Node *node = &g->nodes[id];
  if (pinned[id] || !fusable(f, id) || !cheap(g, id)) return false;
  for (uint32_t k = f->u->user_first[id]; k < f->u->user_first[id + 1]; k++)
    if (!reads_in_space(f, f->u->users[k])) return false;
  const FuseLimits *limits = &f->target->fuse;
  uint32_t ops = ops_of(f, id);
  if (ops > limits->again) return false;
  f->ops[id] = (uint8_t)ops;
  LeafSet set = {.f = f, .elements = shape_count(&node->shape)};
  if (node->op != OP_BROADCAST) groups_each_read(f->u, id, add_leaf, &set);
  int64_t own = set.elements * (int64_t)dtype_size((DType)node->dtype);
  int64_t more = own / 100 * limits->more_bytes + own % 100 * limits->more_bytes / 100;
  return set.n <= limits->leaves && set.bytes <= own + more;
}

void groups_each_read(const Groups *u, NodeId id, GroupsVisit visit, void *context) {
  /* Depth is bounded: a virtual node has at most 64 ops behind it (FuseLimits.again). */
  const Graph *g = u->graph;
  for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
    NodeId input = node_input(g, id, i);
    if (u->class[input] == CLASS_VIRTUAL)
      groups_each_read(u, input, visit, context);
    else
      visit(context, input);
  }
}

static Status classify(Fuser *f) {
  const Graph *g = f->g;
  bool *pinned = calloc(g->n_nodes, sizeof *pinned);
  bool *live = calloc(g->n_nodes, sizeof *live);
  if (!pinned || !live) {
    free(pinned);
    free(live);
    return diag_no_memory(f->diag, g->n_nodes);
  }
  for (uint32_t i = 0; i < g->n_outputs; i++) pinned[g->outputs[i].node] = true;
  for (uint32_t i = 0; i < g->n_commits; i++) pinned[g->commits[i].value] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    live[id] = live[id] || pinned[id];
    for (uint32_t i = 0; live[id] && i < g->nodes[id].n_inputs; i++)
      live[node_input(g, id, i)] = true;
  }
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint16_t op = g->nodes[id].op;
    NodeClass class = CLASS_GROUP;
    if (!live[id])
      class = CLASS_DEAD;
    else if (op == OP_INPUT || op == OP_STATE)
      class = CLASS_LEAF;
    else if (op == OP_RESHAPE)
      class = CLASS_VIEW;
    else if (is_virtual(f, id, pinned))
      class = CLASS_VIRTUAL;
    f->u->class[id] = (uint8_t) class;
  }
  free(pinned);
  free(live);
  return STATUS_OK;
}

/* ---- joining ---- */

typedef struct Search {
  Fuser *f;
  uint32_t top, visited;
  NodeId floor; /* least member of the group that is looked for */
} Search;

static void push(void *context, NodeId value) {
  Search *s = context;
  Fuser *f = s->f;
  if (f->stamp[value] == f->clock || f->u->class[value] == CLASS_LEAF) return;
  f->stamp[value] = f->clock;
  bool member = f->u->class[value] == CLASS_GROUP && f->u->group_of[value] != UINT32_MAX;
  NodeId youngest = member ? f->group_max[f->u->group_of[value]] : value;
  if (youngest < s->floor) return; /* what it depends on is older still, as a rule */
  f->stack[s->top++] = value;
}

/* Pushes what a node needs; for a member of a group, what the whole group needs. */
static void expand(Search *s, NodeId id) {
  Fuser *f = s->f;
  bool member = f->u->class[id] == CLASS_GROUP && f->u->group_of[id] != UINT32_MAX;
  if (!member) {
    groups_each_read(f->u, id, push, s);
    return;
  }
  uint32_t group = f->u->group_of[id];
  if (f->group_stamp[group] == f->clock) return;
  f->group_stamp[group] = f->clock;
  for (NodeId m = f->head[group]; m; m = f->next[m]) groups_each_read(f->u, m, push, s);
}

typedef struct Reads {
  Fuser *f;
  uint32_t group;
  bool illegal; /* reads a reduction of the group, or a member by way of a view or broadcast */
  Search *search;
} Reads;

static void check_read(void *context, NodeId value) {
  Reads *r = context;
  bool member = r->f->u->class[value] == CLASS_GROUP && r->f->u->group_of[value] == r->group;
  if (!member)
    push(r->search, value);
  else if (r->f->g->nodes[value].op == OP_REDUCE_SUM)
    r->illegal = true;
}

/* True when root `id` may join: same space, room, and no path from the group to it from outside. */
static bool can_join(Fuser *f, NodeId id, uint32_t group) {
  const FuseLimits *limits = &f->target->fuse;
  if (f->group_size[group] >= limits->results || id - f->group_max[group] > WINDOW) return false;
  if (f->group_nodes[group] + ops_of(f, id) > limits->nodes) return false;
  const Shape *space = fuse_space(f->g, f->head[group]);
  if (!fusable(f, f->head[group]) || !shape_equal(space, fuse_space(f->g, id))) return false;
  f->clock++;
  Search search = {.f = f, .floor = f->group_min[group]};
  Reads reads = {.f = f, .group = group, .search = &search};
  groups_each_read(f->u, id, check_read, &reads);
  if (reads.illegal) return false;
  /* A broadcast member that is no virtual node reads a small value: handled by the search. */
  while (search.top) {
    NodeId at = f->stack[--search.top];
    if (f->u->class[at] == CLASS_GROUP && f->u->group_of[at] == group) return false;
    if (++search.visited > SEARCH_MAX) return false;
    expand(&search, at);
  }
  return true;
}

typedef struct ReadCount {
  Fuser *f;
  uint32_t n;
} ReadCount;

static void count_read(void *context, NodeId value) {
  ReadCount *c = context;
  if (c->f->stamp[value] == c->f->clock) return;
  c->f->stamp[value] = c->f->clock;
  c->n++;
}

static bool reads_fit(Fuser *f, NodeId id, uint32_t group) {
  ReadCount count = {f, 0};
  f->clock++;
  groups_each_read(f->u, id, count_read, &count);
  for (NodeId m = f->head[group]; m; m = f->next[m]) groups_each_read(f->u, m, count_read, &count);
  return count.n <= f->target->fuse.reads;
}

typedef struct Candidates {
  Fuser *f;
  uint32_t group[64];
  uint32_t n;
  int64_t elements;
} Candidates;

static void add_candidate(Candidates *c, uint32_t group) {
  for (uint32_t i = 0; i < c->n; i++)
    if (c->group[i] == group) return;
  if (c->n < 64) c->group[c->n++] = group;
}

static void collect_candidate(void *context, NodeId value) {
  Candidates *c = context;
  Fuser *f = c->f;
  if (!is_full(f->g, value, c->elements)) return;
  if (f->u->class[value] == CLASS_GROUP && fusable(f, value))
    add_candidate(c, f->u->group_of[value]);
  if (f->last_reader[value]) add_candidate(c, f->last_reader[value] - 1);
}

static void note_reader(void *context, NodeId value) {
  Candidates *c = context;
  c->f->last_reader[value] = c->group[0] + 1;
}

static void place_root(Fuser *f, NodeId id) {
  Groups *u = f->u;
  uint32_t group = UINT32_MAX;
  Candidates c = {.f = f, .elements = shape_count(fuse_space(f->g, id))};
  if (fusable(f, id)) {
    groups_each_read(u, id, collect_candidate, &c);
    for (uint32_t i = 0; i < c.n && group == UINT32_MAX; i++)
      if (can_join(f, id, c.group[i]) && reads_fit(f, id, c.group[i])) group = c.group[i];
  }
  if (group == UINT32_MAX) {
    group = u->n_groups++;
    f->group_min[group] = id;
  }
  u->group_of[id] = group;
  f->group_max[group] = id;
  f->group_size[group]++;
  f->group_nodes[group] += ops_of(f, id);
  f->next[id] = f->head[group];
  f->head[group] = id;
  c.group[0] = group;
  if (fusable(f, id)) groups_each_read(u, id, note_reader, &c);
}

static void list_members(Fuser *f) {
  Groups *u = f->u;
  for (uint32_t k = 0; k < u->n_groups; k++) u->first[k + 1] = u->first[k] + f->group_size[k];
  uint32_t *at = f->group_min; /* reused as a cursor */
  memcpy(at, u->first, u->n_groups * sizeof *at);
  for (NodeId id = 1; id < f->g->n_nodes; id++)
    if (u->class[id] == CLASS_GROUP) u->members[at[u->group_of[id]]++] = id;
}

static void fuser_free(Fuser *f) {
  free(f->ops);
  free(f->group_min);
  free(f->group_max);
  free(f->group_size);
  free(f->group_nodes);
  free(f->next);
  free(f->head);
  free(f->last_reader);
  free(f->stamp);
  free(f->group_stamp);
  free(f->stack);
}

static bool fuser_alloc(Fuser *f, uint32_t n) {
  Groups *u = f->u;
  u->class = calloc(n, sizeof *u->class);
  u->group_of = malloc(n * sizeof *u->group_of);
  u->first = calloc((size_t)n + 1, sizeof *u->first);
  u->members = calloc(n, sizeof *u->members);
  u->order = calloc(n, sizeof *u->order);
  f->ops = calloc(n, sizeof *f->ops);
  f->group_min = calloc(n, sizeof *f->group_min);
  f->group_max = calloc(n, sizeof *f->group_max);
  f->group_size = calloc(n, sizeof *f->group_size);
  f->group_nodes = calloc(n, sizeof *f->group_nodes);
  f->next = calloc(n, sizeof *f->next);
  f->head = calloc(n, sizeof *f->head);
  f->last_reader = calloc(n, sizeof *f->last_reader);
  f->stamp = calloc(n, sizeof *f->stamp);
  f->group_stamp = calloc(n, sizeof *f->group_stamp);
  f->stack = calloc(n, sizeof *f->stack);
  if (u->group_of) memset(u->group_of, 0xff, n * sizeof *u->group_of);
  return u->class && u->group_of && u->first && u->members && u->order && f->ops && f->group_min &&
         f->group_max && f->group_size && f->group_nodes && f->next && f->head && f->last_reader &&
         f->stamp && f->group_stamp && f->stack;
}

Status groups_fuse(const Graph *graph, const Target *target, Diag *diag, Groups **out_groups) {
  *out_groups = NULL;
  Groups *u = calloc(1, sizeof *u);
  if (!u) return diag_no_memory(diag, sizeof *u);
  u->graph = graph;
  u->target = target;
  Fuser f = {.g = graph, .u = u, .target = target, .diag = diag};
  Status status = fuser_alloc(&f, graph->n_nodes + 1)
                      ? build_users(u, diag)
                      : diag_no_memory(diag, graph->n_nodes * sizeof(NodeId));
  if (status == STATUS_OK) status = classify(&f);
  if (status == STATUS_OK) {
    for (NodeId id = 1; id < graph->n_nodes; id++)
      if (u->class[id] == CLASS_GROUP) place_root(&f, id);
    list_members(&f);
    status = groups_make_acyclic(u, diag);
  }
  fuser_free(&f);
  if (status != STATUS_OK) {
    groups_destroy(u);
    return status;
  }
  *out_groups = u;
  return STATUS_OK;
}

void groups_destroy(Groups *u) {
  if (!u) return;
  free(u->class);
  free(u->group_of);
  free(u->first);
  free(u->members);
  free(u->order);
  free(u->user_first);
  free(u->users);
  free(u);
}
