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
