/* A kernel on CUDA beside the CPU's: the same node, the same data, the same bits. */
#ifndef TESTS_KERNELS_CUDA_CUDA_COMPARE_H
#define TESTS_KERNELS_CUDA_CUDA_COMPARE_H

#include "kernels/cuda/backend.h"
#include "kernels/cuda/target.h"
#include "tests/cuda/cuda_lab.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support.h"

/* Runs the only node of a spec on a simulation of its own.  `seed` chooses the order of threads and
 * commands, and how many bits indices have. */
static inline Status compare_run_cuda(Lab *lab, NodeId id, uint64_t seed, void *result,
                                      KernelError *error) {
  NodeId inputs[256];
  const void *in[256];
  LabRun r = {.nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .share = -1};
  KernelSpec spec = {.graph = lab->graph,
                     .nodes = &id,
                     .n_nodes = 1,
                     .inputs = inputs,
                     .outputs = &id,
                     .n_outputs = 1,
                     .shards = lab->shards};
  spec.n_inputs = lab_inputs(lab, &r, inputs);
  spec.work_bytes = target_cuda_sm80.work_bytes(lab->graph, &id, 1, &id, 1, lab->shards);
  for (uint32_t i = 0; i < spec.n_inputs; i++) in[i] = lab_value(lab, inputs[i]);
  cuda_index_limit(seed % 3 == 0 ? 0 : (int64_t)1 << 30);
  cuda_lab_begin(&(CusimOptions){.devices = 1, .order = (CusimOrder)(seed % 3), .seed = seed});
  Status status = cuda_lab_run(&spec, in, &result, NULL, 1 + (uint32_t)(seed % 4 == 0) * 2, error);
  bool clean = cuda_lab_end("simulation");
  return status == STATUS_OK && !clean ? STATUS_SYSTEM : status;
}

/* True when both hold the same bits, NaN being one value where `sums` (a NaN that arithmetic makes
 * has bits of its own on each machine). */
static inline bool compare_same(const Lab *lab, NodeId id, const void *a, const void *b,
                                bool sums) {
  const Node *node = &lab->graph->nodes[id];
  size_t size = dtype_size((DType)node->dtype);
  for (int64_t i = 0; i < shape_count(&node->shape); i++) {
    size_t at = (size_t)i * size;
    if (memcmp((const char *)a + at, (const char *)b + at, size) == 0) continue;
    double x = dtype_desc((DType)node->dtype)->get(a, i),
           y = dtype_desc((DType)node->dtype)->get(b, i);
    if (sums && isnan(x) && isnan(y)) continue;
    printf("\n  element %lld is %.17g, on the CPU %.17g", (long long)i, x, y);
    return false;
  }
  return true;
}

/* True when the kernel of the node gives what the CPU's gives; prints what not. */
static inline bool compare_node(Lab *lab, NodeId id, bool sums, uint64_t seed, const char *what) {
  LabRun r = {
      .nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1, .share = -1};
  void *cpu[1], *cuda;
  KernelError error;
  if (id == NODE_NONE) {
    printf("\n  %s: no node\n", what);
    diag_print(lab->diag, stdout);
    return false;
  }
  if (lab_run(lab, &r, cpu, NULL) != STATUS_OK) {
    printf("\n  %s: the CPU's kernel did not run: %s\n", what, kernel_error());
    return false;
  }
  cuda = malloc(lab_bytes(lab, id));
  Status status = compare_run_cuda(lab, id, seed, cuda, &error);
  bool same = status == STATUS_OK && compare_same(lab, id, cuda, cpu[0], sums);
  if (status != STATUS_OK)
    printf("\n  %s: %s\n", what, error.text);
  else if (!same)
    printf("\n  %s: other bits than the CPU's\n", what);
  free(cuda);
  lab_release(&r, cpu);
  return same;
}

/* As support_run; skipped, saying so, where texts cannot be compiled for the simulator. */
static inline int compare_main(const char *name, const SupportTest *tests, size_t n) {
  if (cuda_lab_real() || cusim_compiles()) return support_run(name, tests, n);
  printf("skipped: there is no C++ compiler\n");
  return 77;
}

#endif
