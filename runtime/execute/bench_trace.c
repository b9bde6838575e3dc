/* `graphrun bench --trace`: one more run, whose tasks are noted as they end. */
#include "runtime/execute/bench_parts.h"
#include "runtime/execute/trace.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Notes {
  TraceTask *tasks;
  uint32_t room;
  atomic_uint n;
} Notes;

static void observe(void *context, uint32_t step, uint32_t phase, uint32_t task, int64_t begin,
                    int64_t end) {
  Notes *t = context;
  uint32_t i = atomic_fetch_add(&t->n, 1);
  if (i < t->room) t->tasks[i] = (TraceTask){step, phase, task, syscall(SYS_gettid), begin, end};
}

static Status write_tasks(const Executor *x, uint32_t program, const Notes *t, const char *path,
                          Diag *diag) {
  const Plan *plan = executor_plan(x);
  const PlanProgram *p = &plan->programs[program];
  uint32_t n = atomic_load(&t->n) < t->room ? atomic_load(&t->n) : t->room;
  StepTime *times = calloc(p->n_steps + 1u, sizeof *times);
  if (!times) return diag_no_memory(diag, p->n_steps * sizeof *times);
  executor_times(x, program, times);
  Status status = trace_write(&(TraceRun){plan, p, times, t->tasks, n}, path, diag);
  free(times);
  return status;
}

Status bench_trace(Executor *x, uint32_t program, const char *path, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  Notes t = {.room = executor_tasks(x, program)};
  if (!t.room && executor_plan(x)->programs[program].n_steps > 0)
    return diag_error(diag, STATUS_USAGE, "--trace", NULL,
                      "the device '%s' does not show the parts of its kernels",
                      executor_plan(x)->target->name);
  t.tasks = calloc(t.room + 1u, sizeof *t.tasks);
  if (!t.tasks) return diag_no_memory(diag, t.room * sizeof *t.tasks);
  executor_observe(x, observe, &t);
  Status status = executor_run(x, program, diag);
  if (status == STATUS_OK) status = executor_wait(x, diag);
  executor_observe(x, NULL, NULL);
  if (status == STATUS_OK && path) status = write_tasks(x, program, &t, path, diag);
  free(t.tasks);
  return status;
}
