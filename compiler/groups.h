/* Groups: what is executed as a whole - a fused group, or a single node.  Made by the fuse pass,
 * ordered by the schedule pass, written out by the layout pass. */
#ifndef COMPILER_GROUPS_H
#define COMPILER_GROUPS_H

#include "graph/base/diag.h"
#include "graph/plan/target.h"

typedef enum NodeClass {
  CLASS_DEAD,
  CLASS_LEAF,    /* input, state: stored before the first step */
  CLASS_VIEW,    /* reshape: same bytes as its operand, no step */
  CLASS_VIRTUAL, /* recomputed inside every group that reads it, never stored */
  CLASS_GROUP,   /* member of a group */
} NodeClass;

typedef struct Groups {
  const Graph *graph;
  const Target *target;
  uint8_t *class;     /* NodeClass by node */
  uint32_t *group_of; /* by node: group index of a CLASS_GROUP node */
  uint32_t n_groups;
  uint32_t *first; /* n_groups + 1 offsets into members */
  NodeId *members; /* ascending in each group, virtual nodes not listed */
  uint32_t *order; /* group indices in execution order (schedule pass) */
  /* users of each node, by offset (n_nodes + 1 entries) */
  uint32_t *user_first;
  NodeId *users;
} Groups;

/* Forms the groups of a simplified graph. */
Status groups_fuse(const Graph *graph, const Target *target, Diag *diag, Groups **out_groups);
void groups_destroy(Groups *groups);
/* Splits groups until none depends on itself through others; groups_fuse ends with it. */
Status groups_make_acyclic(Groups *groups, Diag *diag);

/* Calls `visit` for every value from outside that node `id` reads, through virtual operands; a
 * value may be visited more than once. */
typedef void (*GroupsVisit)(void *context, NodeId value);
void groups_each_read(const Groups *groups, NodeId id, GroupsVisit visit, void *context);

/* A topological order with a small peak. Fills groups->order. */
Status groups_schedule(Groups *groups, Diag *diag);

/* Joins collectives that may travel together into one group.  Groups are numbered anew, in
 * execution order. */
Status groups_bucket(Groups *groups, Diag *diag);

#endif
