/* Groups that wait for each other are taken apart.
 *
 * Joining (fuse.c) looks for paths with bounds, so that it stays linear; now and then it misses a
 * path that leads through a group which grew later, and a few groups then depend on each other in a
 * circle.  Here strongly connected components of groups are found (Tarjan 1972, without recursion)
 * and in each the group that spans the most ids is split into its members, until no circle is left:
 * single members in the graph's own order cannot form one. */
#include "compiler/groups.h"

#include <stdlib.h>
#include <string.h>

typedef struct Cycles {
  Groups *u;
  uint32_t *first, *needs; /* by group: the groups it reads */
  uint32_t *index, *low;   /* order of the visit, 0: not visited; least index reached */
  uint32_t *path, *at;     /* the path under visit and the edge that each of its groups follows */
  uint32_t *open;          /* groups whose component is not complete */
  bool *is_open, *split;
  uint32_t group; /* of the visitor */
  uint32_t clock, n_open;
  bool found;
} Cycles;

static uint32_t group_read(const Groups *u, NodeId value) {
  while (u->class[value] == CLASS_VIEW) value = node_input(u->graph, value, 0);
  return u->class[value] == CLASS_GROUP ? u->group_of[value] : UINT32_MAX;
}

static void count_need(void *context, NodeId value) {
  Cycles *c = context;
  uint32_t group = group_read(c->u, value);
  if (group != UINT32_MAX && group != c->group) c->first[c->group + 1]++;
}

static void note_need(void *context, NodeId value) {
  Cycles *c = context;
  uint32_t group = group_read(c->u, value);
  if (group != UINT32_MAX && group != c->group) c->needs[c->at[c->group]++] = group;
}

static void each_group(Cycles *c, GroupsVisit visit) {
  const Groups *u = c->u;
  for (c->group = 0; c->group < u->n_groups; c->group++)
    for (uint32_t k = u->first[c->group]; k < u->first[c->group + 1]; k++)
      groups_each_read(u, u->members[k], visit, c);
}

/* A component of two or more: its widest group is to be split. */
static void complete(Cycles *c, uint32_t root) {
  const Groups *u = c->u;
  uint32_t n = 0, widest = UINT32_MAX;
  NodeId most = 0;
  for (bool more = true; more; n++) {
    uint32_t group = c->open[--c->n_open];
    c->is_open[group] = false;
    more = group != root;
    NodeId span = u->members[u->first[group + 1] - 1] - u->members[u->first[group]];
    if (widest != UINT32_MAX && span <= most) continue;
    most = span;
    widest = group;
  }
  if (n == 1) return;
  c->split[widest] = true;
  c->found = true;
}

static void enter(Cycles *c, uint32_t group) {
  c->index[group] = c->low[group] = ++c->clock;
  c->open[c->n_open++] = group;
  c->is_open[group] = true;
  c->at[group] = c->first[group];
}

static void visit_from(Cycles *c, uint32_t start) {
  uint32_t depth = 0;
  c->path[depth++] = start;
  enter(c, start);
  while (depth) {
    uint32_t group = c->path[depth - 1];
    if (c->at[group] < c->first[group + 1]) {
      uint32_t next = c->needs[c->at[group]++];
      if (!c->index[next]) {
        enter(c, next);
        c->path[depth++] = next;
      } else if (c->is_open[next] && c->index[next] < c->low[group]) {
        c->low[group] = c->index[next];
      }
      continue;
    }
    if (c->low[group] == c->index[group]) complete(c, group);
    if (--depth && c->low[group] < c->low[c->path[depth - 1]])
      c->low[c->path[depth - 1]] = c->low[group];
  }
}

/* The members stay where they are in their list; only the bounds between groups change. */
static Status split_groups(Cycles *c, Diag *diag) {
  Groups *u = c->u;
  uint32_t n_members = u->first[u->n_groups], n = 0;
  uint32_t *first = calloc((size_t)n_members + 2, sizeof *first);
  if (!first) return diag_no_memory(diag, n_members * sizeof *first);
  for (uint32_t group = 0; group < u->n_groups; group++)
    for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++) {
      if (k == u->first[group] || c->split[group]) first[n++] = k;
      u->group_of[u->members[k]] = n - 1;
    }
  first[n] = n_members;
  memcpy(u->first, first, ((size_t)n + 1) * sizeof *first); /* it holds one for each node */
  u->n_groups = n;
  free(first);
  return STATUS_OK;
}

static bool cycles_alloc(Cycles *c) {
  size_t n = (size_t)c->u->n_groups + 2;
  c->first = calloc(n, sizeof *c->first);
  c->index = calloc(n, sizeof *c->index);
  c->low = calloc(n, sizeof *c->low);
  c->path = calloc(n, sizeof *c->path);
  c->at = calloc(n, sizeof *c->at);
  c->open = calloc(n, sizeof *c->open);
  c->is_open = calloc(n, sizeof *c->is_open);
  c->split = calloc(n, sizeof *c->split);
  if (!c->first || !c->index || !c->low || !c->path || !c->at || !c->open || !c->is_open ||
      !c->split)
    return false;
  each_group(c, count_need);
  for (uint32_t group = 0; group < c->u->n_groups; group++) c->first[group + 1] += c->first[group];
  c->needs = calloc((size_t)c->first[c->u->n_groups] + 1, sizeof *c->needs);
  if (!c->needs) return false;
  memcpy(c->at, c->first, c->u->n_groups * sizeof *c->at);
  each_group(c, note_need);
  return true;
}

static void cycles_free(Cycles *c) {
  free(c->first);
  free(c->needs);
  free(c->index);
  free(c->low);
  free(c->path);
  free(c->at);
  free(c->open);
  free(c->is_open);
  free(c->split);
}

Status groups_make_acyclic(Groups *u, Diag *diag) {
  for (bool again = true; again;) {
    Cycles c = {.u = u};
    Status status = STATUS_OK;
    if (!cycles_alloc(&c)) status = diag_no_memory(diag, u->n_groups * sizeof(uint32_t));
    for (uint32_t group = 0; status == STATUS_OK && group < u->n_groups; group++)
      if (!c.index[group]) visit_from(&c, group);
    if (status == STATUS_OK && c.found) status = split_groups(&c, diag);
    again = c.found;
    cycles_free(&c);
    TRY(status);
  }
  return STATUS_OK;
}
