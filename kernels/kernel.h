/* Kernels: what a machine makes of one node, or of a fused group of nodes, and the table through
 * which devices reach it.
 *
 * A kernel gives the same bits each time it runs, on any number of threads: how its work is cut is
 * fixed by the graph and `shards`.  Tensors are dense and row-major. */
#ifndef KERNELS_KERNEL_H
#define KERNELS_KERNEL_H

#include "graph/base/status.h"
#include "graph/plan/target.h"

typedef struct KernelSpec {
  const Graph *graph;  /* must outlive the kernel */
  const NodeId *nodes; /* members, topological; one, or a fused group (ops/fuse_rules.h) */
  uint32_t n_nodes;
  const NodeId *inputs; /* values read from memory, each once, ascending */
  uint32_t n_inputs;
  const NodeId *outputs; /* members whose values are stored, ascending */
  uint32_t n_outputs;
  uint32_t shards;
  uint32_t rank;      /* of the process that runs it, for a rank-part */
  int64_t work_bytes; /* work buffer that the plan reserved: at least the target's work_bytes */
} KernelSpec;

/* Addresses in the memory of the device that the kernel runs on, aligned as the target says.  A
 * result may lie exactly where an input lies when every member that reads the input may be
 * overwritten so (fuse_in_place); otherwise results, inputs and the work buffer lie apart. */
typedef struct KernelArgs {
  const void *const *inputs; /* in the order of the spec */
  void *const *outputs;
  void *work;
} KernelArgs;

typedef struct Kernel Kernel; /* each backend has its own */

typedef struct KernelError {
  char text[256];
} KernelError;

/* The kernels of a machine. */
typedef struct Backend {
  const Target *target;        /* the facts that they keep */
  const Target *const *others; /* further ones, ends with NULL; the list may be NULL */
  /* Chooses and prepares an implementation.  `context` is what the device gives its kernels
   * (handles of libraries); all memory that running it needs is taken here, or is in the work
   * buffer.  On failure *error says why, and *out_kernel is NULL. */
  Status (*create)(void *context, const KernelSpec *spec, KernelError *error, Kernel **out_kernel);
  /* To be called before kernels that were created since the last time run; may be NULL. */
  Status (*finish)(void *context, KernelError *error);
  /* Puts one run of the kernel on a stream of the device; `args` and its lists must stay until it
   * has run.  Allocates nothing.  STATUS_INVALID when the data are at fault (an index out of
   * range), STATUS_SYSTEM when the machine is; then *error says why. */
  Status (*enqueue)(const Kernel *kernel, void *stream, const KernelArgs *args, KernelError *error);
  void (*destroy)(Kernel *kernel); /* may be NULL */
  /* Name of the implementation (`conv 6x64 v4`, `fused 7`), for info and bench. */
  const char *(*implementation)(const Kernel *kernel);
} Backend;

/* Its kernels run plans for this target: it is one of its own, by name. */
bool backend_runs(const Backend *backend, const Target *target);

#endif
