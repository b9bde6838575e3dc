/* Which values the ranks of a run hold in parts, and which whole. */
#ifndef COMPILER_SPLIT_H
#define COMPILER_SPLIT_H

#include "graph/plan/plan.h"

/* How a value is cut: axis `axis` holds `groups` groups of equal length, of each of which every
 * rank has an equal run.  axis -1: it is whole on every rank. */
typedef struct Split {
  int axis;
  int64_t groups;
} Split;
#define SPLIT_WHOLE ((Split){-1, 1})
static inline bool split_is_whole(Split s) {
  return s.axis < 0;
}
static inline bool split_equal(Split a, Split b) {
  return a.axis == b.axis && (a.axis < 0 || a.groups == b.groups);
}

typedef enum SplitKind {
  KIND_WHOLE, /* every rank computes all of it, from whole operands */
  KIND_PARTS, /* every rank computes its part */
  KIND_SUM,   /* every rank adds up its rows, the sums of all ranks are joined */
} SplitKind;

typedef struct SplitGraph {
  const Graph *graph;
  int64_t ranks;
  uint32_t shards;
  uint8_t *kind; /* by node */
  Split *split;  /* by node: of the result */
  Split *need;   /* by place in graph->input_pool: of the operand as the node reads it */
} SplitGraph;

/* Decides for every node.  `seed` is an input whose values are known to be cut as `cut` says: each
 * rank reads only its own.  `out` is to be freed in any case. */
Status split_graph(const Graph *graph, NodeId seed, Split cut, int64_t ranks, uint32_t shards,
                   Diag *diag, SplitGraph *out);
void split_free(SplitGraph *split);

/* The shape of a rank's part. */
Shape split_shape(const Shape *shape, Split split, int64_t ranks);
/* True when the ranks can have equal parts. */
bool split_fits(const Shape *shape, Split split, int64_t ranks);
/* True when `units` units of a batch, cut into `shards` parts at most, can be dealt to so many
 * ranks that the order of additions stays: each has as many units, and its shards are an aligned
 * subtree of the binary tree in which shards join. */
bool split_deals(int64_t units, uint32_t shards, int64_t ranks);

#endif
