/* The facts of the CUDA kernels: pure functions of the graph, so that a plan is the same bytes
 * wherever it is made.  The three targets differ in the rates by which steps are given to streams,
 * and in nothing else: kernels are compiled for the GPU at hand, and a plan of one target runs on
 * all. */
#include "kernels/cuda/target.h"

#include "kernels/fuse_parts.h"
#include "kernels/shards.h"
#include "ops/fuse_rules.h"
#include "ops/ops.h"

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t bytes_of(const Graph *g, NodeId id) {
  return shape_count(&g->nodes[id].shape) * (int64_t)dtype_size((DType)g->nodes[id].dtype);
}

/* Engines of cuDNN that sum in f32 work on images with channels outermost, of which they make
 * copies there, of the weights too; partial sums come on top, and some hundred bytes in any case.
 */
int64_t cuda_work_conv(const Graph *g, NodeId id) {
  const int64_t some = 1 << 20, most = 512 << 20;
  int64_t bytes = bytes_of(g, id);
  for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) bytes += bytes_of(g, node_input(g, id, i));
  return least(bytes + bytes / 2 + some, most);
}

/* Where a result has fewer tiles than a GPU has multiprocessors, cuBLAS cuts the inner axis into
 * parts, of which it keeps a result each.  NVIDIA asks for at least 16 KiB, below which a product
 * may fail, and advises 32 MiB. */
int64_t cuda_work_matmul(const Graph *g, NodeId id) {
  const Shape *out = &g->nodes[id].shape, *a = &g->nodes[node_input(g, id, 0)].shape;
  const int64_t lowest = 16 << 10, most = 32 << 20, tile = 64, fill = 256;
  int64_t k = a->dim[a->rank - (node_attr_int(g, id, MATMUL_TRANSPOSE_A) ? 2 : 1)];
  int64_t tiles = shape_count(out) / (tile * tile) + 1;
  int64_t parts = least(k / tile + 1, fill / tiles + 1), bytes = bytes_of(g, id);
  if (bytes >= most / parts) return most;
  return bytes * parts < lowest ? lowest : bytes * parts;
}

#define SORT_BYTES ((int64_t)8 << 20) /* at once, unless one line is longer */

static int64_t aligned(int64_t bytes) {
  return (bytes + 255) / 256 * 256;
}

CudaSortPlan cuda_sort_plan(int64_t lines, int64_t length, int64_t item, bool keep) {
  CudaSortPlan p = {.runs = (length + CUDA_SORT_RUN - 1) / CUDA_SORT_RUN, .lines = lines};
  while ((int64_t)1 << p.passes < p.runs) p.passes++;
  int64_t buffers = least(p.passes + keep, 2);
  if (buffers && lines > SORT_BYTES / buffers / item / length)
    p.lines = SORT_BYTES / buffers / item / length;
  if (p.lines == 0) p.lines = 1;
  p.buffer = buffers ? aligned(p.lines * length * item) : 0;
  p.bytes = buffers * p.buffer;
  return p;
}

static int64_t work_sort(const Graph *g, NodeId id) {
  const Node *in = &g->nodes[node_input(g, id, 0)];
  int64_t length = in->shape.dim[node_attr_int(g, id, ARG_SORT_AXIS)];
  int64_t item = 2 * (int64_t)dtype_size((DType)in->dtype); /* a key and a place */
  return cuda_sort_plan(shape_count(&in->shape) / length, length, item, false).bytes;
}

/* Indices sorted; for scatter-add then where each row's begin. */
static int64_t work_added(const Graph *g, NodeId id) {
  const Shape *index = &g->nodes[node_input(g, id, 1)].shape;
  if (g->nodes[id].op == OP_PLACE) {
    int64_t count = index->dim[node_attr_int(g, id, PLACE_AXIS)];
    if (count <= CUDA_LINE_FEW) return 0;
    return cuda_sort_plan(shape_count(index) / count, count, 8, true).bytes;
  }
  if (index->dim[0] <= CUDA_ROWS_FEW) return 0;
  return cuda_sort_plan(1, index->dim[0], 8, true).bytes + (g->nodes[id].shape.dim[0] + 1) * 4;
}

CudaResizeWork cuda_resize_work(const int64_t from[2], const int64_t to[2]) {
  CudaResizeWork w = {0};
  for (int d = 0; d < 2; d++) {
    w.parts[d] = w.bytes;
    w.firsts[d] = w.parts[d] + aligned(to[d] * 8);
    w.begins[d] = w.firsts[d] + aligned(to[d] * 4);
    w.bytes = w.begins[d] + aligned((from[d] + 2) * 4);
  }
  return w;
}

static int64_t work_resize(const Graph *g, NodeId id) {
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape, *out = &g->nodes[id].shape;
  bool adjoint = g->nodes[id].op == OP_RESIZE_ADJOINT;
  return cuda_resize_work(adjoint ? &out->dim[1] : &in->dim[1],
                          adjoint ? &in->dim[1] : &out->dim[1])
      .bytes;
}

/* Sums keep what their parts leave there. */
static int64_t work_group(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                          const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  bool sums = false;
  for (uint32_t i = 0; i < n_nodes; i++)
    sums |= g->nodes[nodes[i]].op == OP_REDUCE_SUM || g->nodes[nodes[i]].op == OP_VARIANCE;
  if (!sums) return 0;
  FuseLoops loops;
  FuseParts parts;
  if (!fuse_loops(g, nodes, n_nodes, outputs, n_outputs, shards, &loops)) return -1;
  int64_t bytes = fuse_parts(&loops, outputs, n_outputs, &parts) ? parts.cells * 8 : -1;
  fuse_parts_free(&parts);
  fuse_loops_free(&loops);
  return bytes;
}

static int64_t work_bytes(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                          const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  switch (g->nodes[nodes[0]].op) {
  case OP_CONV:
  case OP_CONV_DX:
  case OP_CONV_DW:
    return cuda_work_conv(g, nodes[0]);
  case OP_MATMUL:
    return cuda_work_matmul(g, nodes[0]);
  case OP_ARG_SORT:
    return work_sort(g, nodes[0]);
  case OP_SCATTER_ADD:
  case OP_PLACE:
    return work_added(g, nodes[0]);
  case OP_POOL_SCATTER:
    return 4; /* whether an index lies beside its window */
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return work_resize(g, nodes[0]);
  default:
    return work_group(g, nodes, n_nodes, outputs, n_outputs, shards);
  }
}

/* A group is one kernel, whose values are registers: what does not fit spills, so it has fewer
 * results and reads than a CPU's.  Reading is what takes time, ten ops are as fast as that. */
#define FACTS                                                                                      \
  .alignment = 256, /* of cudaMalloc, and what vectors and cuDNN ask for */                        \
      .fuse = {.nodes = 24 * (1 + 3 * 10),                                                         \
               .results = 12,                                                                      \
               .reads = 16,                                                                        \
               .again = 10,                                                                        \
               .leaves = 3,                                                                        \
               .more_bytes = 30},                                                                  \
  .in_place = true, .fusable = fuse_op_allowed, .work_bytes = work_bytes, .shards = shards_rows

/* Two streams of kernels: most kernels of a small step fill a fraction of a GPU.  Times and rates
 * are of data sheets (multiply-adds of f32 outside of tensor cores, a link of 200 GB/s); nothing
 * but the choice of streams depends on them. */
#define STREAMS(MACS, BYTES)                                                                       \
  .streams = {.compute = 2,                                                                        \
              .collectives = true,                                                                 \
              .launch_ns = 3000,                                                                   \
              .wait_ns = 1000,                                                                     \
              .macs = (MACS),                                                                      \
              .bytes = (BYTES),                                                                    \
              .link = 200000}

const Target target_cuda_sm80 = {.name = "cuda-sm80", FACTS, STREAMS(9700000, 1500000)};
const Target target_cuda_sm90 = {.name = "cuda-sm90", FACTS, STREAMS(33000000, 3300000)};
const Target target_cuda_sm100 = {.name = "cuda-sm100", FACTS, STREAMS(40000000, 8000000)};
