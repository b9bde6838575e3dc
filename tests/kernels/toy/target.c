/* Facts of the toy's kernels, unlike the CPU's wherever a plan may show it. */
#include "tests/kernels/toy/target.h"

#include "kernels/cpu/work.h"
#include "kernels/shards.h"
#include "ops/fuse_rules.h"
#include "ops/ops.h"

static bool toy_fusable(const Graph *g, NodeId id) {
  uint16_t op = g->nodes[id].op;
  return fuse_op_allowed(g, id) && op != OP_TANH && op != OP_SELECT;
}

/* Room of its own behind what the CPU's kernels need; some for every kernel. */
static int64_t toy_work_bytes(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                              const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  int64_t bytes = kernel_work_bytes(g, nodes, n_nodes, outputs, n_outputs, shards);
  return bytes < 0 ? bytes : bytes + 24;
}

const Target target_toy = {
    .name = "toy",
    .alignment = 512,
    .fuse = {.nodes = 13, .results = 6, .reads = 8, .again = 4, .leaves = 2, .more_bytes = 0},
    .in_place = false,
    .streams = {.compute = 3,
                .collectives = true,
                .launch_ns = 3000,
                .wait_ns = 1000,
                .macs = 20000000,
                .bytes = 3000000,
                .link = 200000},
    .fusable = toy_fusable,
    .work_bytes = toy_work_bytes,
    .shards = shards_rows};
