/* Units: what is executed as a whole - a fused group, or a single node.  Made by the fuse pass,
 * ordered by the schedule pass, written out by the layout pass. */
#ifndef COMPILER_UNITS_H
#define COMPILER_UNITS_H

#include "graph/base/diag.h"
#include "graph/plan/target.h"

typedef enum NodeClass {
  CLASS_DEAD,
  CLASS_LEAF,    /* input, state: stored before the first step */
  CLASS_VIEW,    /* reshape: same bytes as its operand, no step */
  CLASS_VIRTUAL, /* recomputed inside every unit that reads it, never stored */
  CLASS_UNIT,    /* member of a unit */
} NodeClass;

typedef struct Units {
  const Graph *graph;
  const Target *target;
  uint8_t *class;    /* NodeClass by node */
  uint32_t *unit_of; /* by node: unit index of a CLASS_UNIT node */
  uint32_t n_units;
  uint32_t *first; /* n_units + 1 offsets into members */
  NodeId *members; /* ascending in each unit, virtual nodes not listed */
  uint32_t *order; /* unit indices in execution order (schedule pass) */
  /* users of each node, by offset (n_nodes + 1 entries) */
  uint32_t *user_first;
  NodeId *users;
} Units;

/* Groups the nodes of a simplified graph into units. */
Status units_fuse(const Graph *graph, const Target *target, Diag *diag, Units **out_units);
void units_destroy(Units *units);
/* Splits units until none depends on itself through others; units_fuse ends with it. */
Status units_make_acyclic(Units *units, Diag *diag);

/* Calls `visit` for every value from outside that node `id` reads, through virtual operands; a
 * value may be visited more than once. */
typedef void (*UnitsVisit)(void *context, NodeId value);
void units_each_read(const Units *units, NodeId id, UnitsVisit visit, void *context);

/* A topological order with a small peak. Fills units->order. */
Status units_schedule(Units *units, Diag *diag);

#endif
