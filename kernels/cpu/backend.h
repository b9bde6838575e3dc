/* The CPU's kernels: by their table, and task by task.
 *
 * A kernel runs in one or more phases; the tasks of a phase are independent and may run on any
 * thread in any order, phases follow each other.  Tasks are single-threaded and allocate nothing.
 * The cut into tasks is fixed by the graph and `shards` (kernels/shards.h), so that the same
 * bits come out for any number of threads. */
#ifndef KERNELS_CPU_BACKEND_H
#define KERNELS_CPU_BACKEND_H

#include "graph/base/threads.h"
#include "kernels/cpu/target.h"
#include "kernels/kernel.h"

/* Called after every task while it is set, on the thread that ran it. */
typedef void (*CpuObserver)(void *context, uint32_t phase, uint32_t task, int64_t begin_ns,
                            int64_t end_ns);

/* A stream: threads that run what is put on it at once. */
typedef struct CpuStream {
  Threads *threads;
  CpuObserver observer; /* NULL: none */
  void *observer_context;
} CpuStream;

extern const Backend backend_cpu; /* streams are CpuStream; there is no context */

Status kernel_create(const KernelSpec *spec, Diag *diag, Kernel **out_kernel);
void kernel_destroy(Kernel *kernel);
uint32_t kernel_phases(const Kernel *kernel);
uint32_t kernel_tasks(const Kernel *kernel, uint32_t phase);
/* Runs one task. STATUS_INVALID when an index is out of range; then kernel_error describes it. */
Status kernel_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args);
/* What made the last kernel_run on the calling thread fail. */
const char *kernel_error(void);
const char *kernel_implementation(const Kernel *kernel);

#endif
