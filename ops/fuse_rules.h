/* What a fused group is.  Which of these a machine's kernels take, and how many, is its target's to
 * say (graph/plan/target.h).
 *
 * A group has one index space (a shape).  Members are
 *   - elementwise primitives of the space's shape,
 *   - constants (fills) and iotas of the space's shape,
 *   - broadcasts to the space's shape of a value from outside the group (read with stride 0),
 *   - reduce-sum of a member over any axes of the space: a result of the group, never read inside.
 * Values of the space's shape from outside are read from memory.  A group with reductions may also
 * store members of the space's shape.  stop-gradient is a copy. */
#ifndef OPS_FUSE_RULES_H
#define OPS_FUSE_RULES_H

#include "graph/plan/target.h"

/* True for ops that may be members at all. */
bool fuse_op_allowed(const Graph *graph, NodeId node);
/* The index space that a node wants: its own shape, or its input's for reduce-sum. */
const Shape *fuse_space(const Graph *graph, NodeId node);

/* True when `result` may be written over the bytes of `operand`, which member `reader` of the same
 * step reads: the target's groups may, and both go element by element over one index space, with
 * elements of one size. */
bool fuse_in_place(const Target *target, const Graph *graph, NodeId result, NodeId reader,
                   NodeId operand);

#endif
