/* Runs the programs of a plan in one arena. */
#ifndef RUNTIME_EXECUTE_EXECUTE_H
#define RUNTIME_EXECUTE_EXECUTE_H

#include "graph/ir/tensor.h"
#include "graph/plan/plan.h"
#include "runtime/execute/pool.h"

typedef struct Executor Executor;

/* Maps the arena (in huge pages where they are to be had); zero, and all of it touched before the
 * first step of the first run, so that no step meets a page fault. The plan must outlive the
 * executor and have passed the verifier.  STATUS_NO_FIT when the machine has less memory. */
Status executor_create(const Plan *plan, uint32_t threads, Diag *diag, Executor **out_executor);
/* The same for programs that need no more scratch than this one: a smaller arena. */
Status executor_create_program(const Plan *plan, uint32_t program, uint32_t threads, Diag *diag,
                               Executor **out_executor);
void executor_destroy(Executor *executor);

/* Prepares the kernels of a program; executor_run does so when it must. */
Status executor_prepare(Executor *executor, uint32_t program, Diag *diag);
/* Runs a program: its steps, then its commits. Inputs must be set before every run: their bytes are
 * reused. Nothing is allocated once the program is prepared. */
Status executor_run(Executor *executor, uint32_t program, Diag *diag);
/* The two halves of executor_run: steps alone leave the state as it was, unless the plan writes a
 * commit straight into its state; executor_save and executor_restore undo that. */
Status executor_steps(Executor *executor, uint32_t program, Diag *diag);
void executor_commit(Executor *executor, uint32_t program);
/* Copies all states aside, or back: undoes a step that must not count (a loss that became NaN). */
Status executor_save(Executor *executor, Diag *diag);
void executor_restore(Executor *executor);

/* An input of the program by name; false when it has none of that name. */
bool executor_input(const Executor *executor, uint32_t program, const char *name, Tensor *out);
/* Output `index` of the program, valid until the next run. */
Tensor executor_output(const Executor *executor, uint32_t program, uint32_t index);
Tensor executor_state(const Executor *executor, uint32_t state);
Pool *executor_pool(const Executor *executor);
const Plan *executor_plan(const Executor *executor);

/* Called after every task while it is set, on the thread that ran it; for traces. */
typedef void (*TaskObserver)(void *context, uint32_t step, uint32_t phase, uint32_t task,
                             int64_t begin_ns, int64_t end_ns);
/* Tasks of all steps of a prepared program. */
uint32_t executor_tasks(const Executor *executor, uint32_t program);
void executor_observe(Executor *executor, TaskObserver observer, void *context);

/* Time spent in a step (nanoseconds) since the last reset; for bench. */
typedef struct StepTime {
  const char *implementation;
  NodeId node; /* the first member */
  uint32_t count;
  int64_t ns;
} StepTime;
void executor_measure(Executor *executor, bool on);
/* Fills one entry for each step of a prepared program; `out` holds n_steps entries. */
void executor_times(const Executor *executor, uint32_t program, StepTime *out);

#endif
