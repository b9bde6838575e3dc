/* A prepared kernel: one node, or a fused group of nodes, bound to its implementation.
 *
 * A kernel runs in one or more phases; the tasks of a phase are independent and may run on any
 * thread in any order, phases follow each other.  Tasks are single-threaded and allocate nothing.
 * The cut into tasks is fixed by the graph and `shards` (kernels/cpu/slices.h), so that the same
 * bits come out for any number of threads. Tensors are dense and row-major. */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include "graph/base/diag.h"
#include "graph/ir/ir.h"

typedef struct KernelSpec {
  const Graph *graph;  /* must outlive the kernel */
  const NodeId *nodes; /* members, topological; one, or a fused group (ops/fuse_rules.h) */
  uint32_t n_nodes;
  const NodeId *inputs; /* values read from memory, each once, ascending */
  uint32_t n_inputs;
  const NodeId *outputs; /* members whose values are stored, ascending */
  uint32_t n_outputs;
  uint32_t shards;
  int64_t work_bytes; /* work buffer that the plan reserved: the target's work_bytes */
} KernelSpec;

typedef struct KernelArgs {
  const void *const *inputs; /* in the order of the spec */
  void *const *outputs;
  void *work; /* 64-byte aligned */
} KernelArgs;

typedef struct Kernel Kernel;

/* Chooses and prepares an implementation. An implementation that needs a larger work buffer than
 * reserved is passed over for the next one that fits. */
Status kernel_create(const KernelSpec *spec, Diag *diag, Kernel **out_kernel);
void kernel_destroy(Kernel *kernel);
uint32_t kernel_phases(const Kernel *kernel);
uint32_t kernel_tasks(const Kernel *kernel, uint32_t phase);
/* Runs one task. STATUS_SYSTEM when an index is out of range or a library call fails; then
 * kernel_error describes it.
 * A result may lie exactly where an input lies when every member that reads the input may be
 * overwritten so (fuse_in_place); otherwise results, inputs and the work buffer lie apart. */
Status kernel_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args);
/* What made the last kernel_run on the calling thread fail. */
const char *kernel_error(void);
/* Name of the implementation (`conv 6x64 v4`, `fused 7`), for info and bench. */
const char *kernel_implementation(const Kernel *kernel);

#endif
