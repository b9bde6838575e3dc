/* Runs kernels: the tasks of a phase on the threads of a stream, phase after phase. */
#include "kernels/cpu/backend.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

typedef struct Run {
  const Kernel *kernel;
  const KernelArgs *args;
  const CpuStream *stream;
  uint32_t phase;
  KernelError *error;
  atomic_flag error_taken; /* of several tasks that fail the first to come says why */
  atomic_int status;
} Run;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run_task(void *context, uint32_t task) {
  Run *r = context;
  const CpuStream *s = r->stream;
  int64_t begin = s->observer ? now_ns() : 0;
  Status status = kernel_run(r->kernel, r->phase, task, r->args);
  if (s->observer) s->observer(s->observer_context, r->phase, task, begin, now_ns());
  if (status == STATUS_OK || atomic_flag_test_and_set(&r->error_taken)) return;
  snprintf(r->error->text, sizeof r->error->text, "%s", kernel_error());
  atomic_store(&r->status, (int)status);
}

static Status cpu_enqueue(const Kernel *kernel, void *stream, const KernelArgs *args,
                          KernelError *error) {
  Run r = {.kernel = kernel,
           .args = args,
           .stream = stream,
           .error = error,
           .error_taken = ATOMIC_FLAG_INIT};
  uint32_t phases = kernel_phases(kernel);
  for (; r.phase < phases; r.phase++) {
    threads_run(r.stream->threads, run_task, &r, kernel_tasks(kernel, r.phase));
    if (atomic_load(&r.status) != STATUS_OK) return (Status)atomic_load(&r.status);
  }
  return STATUS_OK;
}

static Status cpu_create(void *context, const KernelSpec *spec, KernelError *error,
                         Kernel **out_kernel) {
  (void)context;
  Diag *diag = diag_create();
  Status status = kernel_create(spec, diag, out_kernel);
  const DiagEntry *entry = diag && status != STATUS_OK ? diag_entry(diag, 0) : NULL;
  if (status != STATUS_OK)
    snprintf(error->text, sizeof error->text, "%s", entry ? entry->text : "out of memory");
  diag_destroy(diag);
  return status;
}

const Backend backend_cpu = {.target = &target_cpu,
                             .create = cpu_create,
                             .enqueue = cpu_enqueue,
                             .destroy = kernel_destroy,
                             .implementation = kernel_implementation};
