/* Work bytes for each kind of kernel, for the widest vectors that any processor has, since a plan
 * does not know where it will run. */
#include "kernels/cpu/work.h"

#include "kernels/collective.h"
#include "kernels/cpu/fused_passes.h"
#include "ops/ops.h"

static int64_t parts(int64_t n, int64_t part) {
  return (n + part - 1) / part;
}

/* Weight gradients: the sums of each shard, where there are too few blocks of work to fill threads
 * without a cut into shards (kernels/cpu/conv_dw.c). */
static int64_t dw_work(const Shape *w, int64_t groups, int64_t size, uint32_t shards) {
  int64_t out = w->dim[0] / groups, rows = out < WORK_DW_ROWS ? out : WORK_DW_ROWS;
  int64_t panels = parts(w->dim[1] * w->dim[2] * w->dim[3] * size, WORK_DW_BYTES);
  int64_t blocks = groups * panels * parts(out, WORK_DW_ROWS);
  if (shards == 1 || blocks >= 4 * (int64_t)shards) return 0;
  return blocks * shards * rows * WORK_DW_BYTES;
}

static const Shape *weight_shape(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  return node->op == OP_CONV_DW ? &node->shape : &g->nodes[node_input(g, id, 1)].shape;
}

/* Several input channels, each with results of its own. */
bool conv_is_depthwise(const Graph *g, NodeId id) {
  const Shape *w = weight_shape(g, id);
  int64_t groups = node_attr_int(g, id, CONV_GROUPS);
  return groups > 1 && w->dim[1] == 1 && w->dim[2] <= WORK_DEPTHWISE_ROWS;
}

/* The weights, or the sums of each shard, taps before channels. */
static int64_t depthwise_work(const Graph *g, NodeId id, int64_t size, uint32_t shards) {
  const Shape *w = weight_shape(g, id);
  int64_t bytes = w->dim[2] * w->dim[3] * parts(w->dim[0] * size, 64) * 64;
  return g->nodes[id].op == OP_CONV_DW ? bytes * shards : bytes;
}

/* The weights as panels: rows of whole vectors, of 64 bytes at most. */
static int64_t conv_work(const Graph *g, NodeId id, uint32_t shards) {
  const Node *node = &g->nodes[id];
  int64_t size = (int64_t)dtype_size((DType)node->dtype);
  int64_t groups = node_attr_int(g, id, CONV_GROUPS);
  if (conv_is_depthwise(g, id)) return depthwise_work(g, id, size, shards);
  if (node->op == OP_CONV_DW) return dw_work(&node->shape, groups, size, shards);
  const Shape *w = weight_shape(g, id);
  int64_t x = w->dim[1], y = w->dim[0] / groups; /* channels of a group */
  int64_t in = node->op == OP_CONV ? x : y, out = node->op == OP_CONV ? y : x;
  return groups * w->dim[2] * w->dim[3] * in * parts(out * size, 64) * 64;
}

static int64_t meeting_work(const Graph *g, const NodeId *nodes, uint32_t n_nodes) {
  uint32_t op = g->nodes[nodes[0]].op;
  int64_t bytes = 0;
  if (op != OP_ALL_REDUCE && op != OP_ALL_GATHER) return 0;
  for (uint32_t i = 0; i < n_nodes; i++) {
    const Node *in = &g->nodes[node_input(g, nodes[i], 0)];
    bytes += collective_bytes(shape_count(&in->shape), (DType)in->dtype);
  }
  return collective_work(op == OP_ALL_REDUCE ? COLLECTIVE_SUM : COLLECTIVE_GATHER, bytes, n_nodes,
                         node_attr_int(g, nodes[0], COLLECTIVE_RANKS));
}

int64_t kernel_work_bytes(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                          const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  uint32_t op = g->nodes[nodes[0]].op;
  if (n_nodes == 1 && (op == OP_CONV || op == OP_CONV_DX || op == OP_CONV_DW))
    return conv_work(g, nodes[0], shards);
  if (op_desc(op)->op_class == OP_CLASS_COLLECTIVE) return meeting_work(g, nodes, n_nodes);
  bool sums = false;
  for (uint32_t i = 0; i < n_nodes; i++)
    sums |= g->nodes[nodes[i]].op == OP_REDUCE_SUM || g->nodes[nodes[i]].op == OP_VARIANCE;
  FuseLoops loops;
  FusedPasses passes;
  if (!sums) return 0;
  if (!fuse_loops(g, nodes, n_nodes, outputs, n_outputs, shards, &loops)) return -1;
  int64_t bytes = fused_passes(&loops, shards, &passes) ? passes.n_cells * 8 : -1;
  fused_passes_free(&passes);
  fuse_loops_free(&loops);
  return bytes;
}
