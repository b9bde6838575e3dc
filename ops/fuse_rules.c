/* Which ops a fused group may hold, and the space that each wants. */
#include "ops/fuse_rules.h"

#include "ops/ops.h"

bool fuse_op_allowed(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  uint32_t n;
  switch (node->op) {
  case OP_CONSTANT:
    node_attr(g, id, CONSTANT_VALUES, &n);
    return n == 1;
  case OP_IOTA:
  case OP_BROADCAST:
  case OP_REDUCE_SUM:
    return true;
  default:
    return op_desc(node->op)->op_class == OP_CLASS_ELEMENTWISE;
  }
}

const Shape *fuse_space(const Graph *g, NodeId id) {
  if (g->nodes[id].op == OP_REDUCE_SUM) return &g->nodes[node_input(g, id, 0)].shape;
  return &g->nodes[id].shape;
}

bool fuse_in_place(const Target *target, const Graph *g, NodeId result, NodeId reader,
                   NodeId operand) {
  const Node *r = &g->nodes[result], *o = &g->nodes[operand];
  if (!target->in_place || !target->fusable(g, result) || !target->fusable(g, reader)) return false;
  if (r->op == OP_REDUCE_SUM || g->nodes[reader].op == OP_BROADCAST) return false;
  return shape_equal(fuse_space(g, reader), &r->shape) &&
         shape_count(&o->shape) == shape_count(&r->shape) &&
         dtype_size((DType)o->dtype) == dtype_size((DType)r->dtype);
}
