/* Units that wait for each other are taken apart.
 *
 * Joining (fuse.c) looks for paths with bounds, so that it stays linear; now and then it misses a
 * path that leads through a unit which grew later, and a few units then depend on each other in a
 * circle.  Here strongly connected components of units are found (Tarjan 1972, without recursion)
 * and in each the unit that spans the most ids is split into its members, until no circle is left:
 * single members in the graph's own order cannot form one. */
#include "compiler/units.h"

#include <stdlib.h>
#include <string.h>

typedef struct Cycles {
  Units *u;
  uint32_t *first, *needs; /* by unit: the units it reads */
  uint32_t *index, *low;   /* order of the visit, 0: not visited; least index reached */
  uint32_t *path, *at;     /* the path under visit and the edge that each of its units follows */
  uint32_t *open;          /* units whose component is not complete */
  bool *is_open, *split;
  uint32_t unit; /* of the visitor */
  uint32_t clock, n_open;
  bool found;
} Cycles;

static uint32_t unit_read(const Units *u, NodeId value) {
  while (u->class[value] == CLASS_VIEW) value = node_input(u->graph, value, 0);
  return u->class[value] == CLASS_UNIT ? u->unit_of[value] : UINT32_MAX;
}

static void count_need(void *context, NodeId value) {
  Cycles *c = context;
  uint32_t unit = unit_read(c->u, value);
  if (unit != UINT32_MAX && unit != c->unit) c->first[c->unit + 1]++;
}

static void note_need(void *context, NodeId value) {
  Cycles *c = context;
  uint32_t unit = unit_read(c->u, value);
  if (unit != UINT32_MAX && unit != c->unit) c->needs[c->at[c->unit]++] = unit;
}

static void each_unit(Cycles *c, UnitsVisit visit) {
  const Units *u = c->u;
  for (c->unit = 0; c->unit < u->n_units; c->unit++)
    for (uint32_t k = u->first[c->unit]; k < u->first[c->unit + 1]; k++)
      units_each_read(u, u->members[k], visit, c);
}

/* A component of two or more: its widest unit is to be split. */
static void complete(Cycles *c, uint32_t root) {
  const Units *u = c->u;
  uint32_t n = 0, widest = UINT32_MAX;
  NodeId most = 0;
  for (bool more = true; more; n++) {
    uint32_t unit = c->open[--c->n_open];
    c->is_open[unit] = false;
    more = unit != root;
    NodeId span = u->members[u->first[unit + 1] - 1] - u->members[u->first[unit]];
    if (widest != UINT32_MAX && span <= most) continue;
    most = span;
    widest = unit;
  }
  if (n == 1) return;
  c->split[widest] = true;
  c->found = true;
}

static void enter(Cycles *c, uint32_t unit) {
  c->index[unit] = c->low[unit] = ++c->clock;
  c->open[c->n_open++] = unit;
  c->is_open[unit] = true;
  c->at[unit] = c->first[unit];
}

static void visit_from(Cycles *c, uint32_t start) {
  uint32_t depth = 0;
  c->path[depth++] = start;
  enter(c, start);
  while (depth) {
    uint32_t unit = c->path[depth - 1];
    if (c->at[unit] < c->first[unit + 1]) {
      uint32_t next = c->needs[c->at[unit]++];
      if (!c->index[next]) {
        enter(c, next);
        c->path[depth++] = next;
      } else if (c->is_open[next] && c->index[next] < c->low[unit]) {
        c->low[unit] = c->index[next];
      }
      continue;
    }
    if (c->low[unit] == c->index[unit]) complete(c, unit);
    if (--depth && c->low[unit] < c->low[c->path[depth - 1]])
      c->low[c->path[depth - 1]] = c->low[unit];
  }
}

/* The members stay where they are in their list; only the bounds between units change. */
static Status split_units(Cycles *c, Diag *diag) {
  Units *u = c->u;
  uint32_t n_members = u->first[u->n_units], n = 0;
  uint32_t *first = calloc((size_t)n_members + 2, sizeof *first);
  if (!first) return diag_no_memory(diag, n_members * sizeof *first);
  for (uint32_t unit = 0; unit < u->n_units; unit++)
    for (uint32_t k = u->first[unit]; k < u->first[unit + 1]; k++) {
      if (k == u->first[unit] || c->split[unit]) first[n++] = k;
      u->unit_of[u->members[k]] = n - 1;
    }
  first[n] = n_members;
  memcpy(u->first, first, ((size_t)n + 1) * sizeof *first); /* it holds one for each node */
  u->n_units = n;
  free(first);
  return STATUS_OK;
}

static bool cycles_alloc(Cycles *c) {
  size_t n = (size_t)c->u->n_units + 2;
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
  each_unit(c, count_need);
  for (uint32_t unit = 0; unit < c->u->n_units; unit++) c->first[unit + 1] += c->first[unit];
  c->needs = calloc((size_t)c->first[c->u->n_units] + 1, sizeof *c->needs);
  if (!c->needs) return false;
  memcpy(c->at, c->first, c->u->n_units * sizeof *c->at);
  each_unit(c, note_need);
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

Status units_make_acyclic(Units *u, Diag *diag) {
  for (bool again = true; again;) {
    Cycles c = {.u = u};
    Status status = STATUS_OK;
    if (!cycles_alloc(&c)) status = diag_no_memory(diag, u->n_units * sizeof(uint32_t));
    for (uint32_t unit = 0; status == STATUS_OK && unit < u->n_units; unit++)
      if (!c.index[unit]) visit_from(&c, unit);
    if (status == STATUS_OK && c.found) status = split_units(&c, diag);
    again = c.found;
    cycles_free(&c);
    TRY(status);
  }
  return STATUS_OK;
}
