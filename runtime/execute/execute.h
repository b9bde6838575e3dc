/* Runs the programs of a plan on a device, in one arena.
 *
 * Values live in the device's memory.  The host gives inputs and takes outputs and states as
 * tensors in memory of its own, which is copied in and out in one batch; where the host sees the
 * device's memory (the CPU's) it is that memory, and nothing is copied. */
#ifndef RUNTIME_EXECUTE_EXECUTE_H
#define RUNTIME_EXECUTE_EXECUTE_H

#include "graph/ir/tensor.h"
#include "graph/plan/plan.h"
#include "runtime/device/device.h"

typedef struct Executor Executor;

#define EXECUTOR_ALL UINT32_MAX
typedef struct ExecutorOptions {
  uint32_t threads;
  uint32_t program; /* only programs that need no more scratch than this one; EXECUTOR_ALL: all */
  const DeviceTable *device; /* NULL: the CPU */
  DeviceWishes wishes;
  Ranks *ranks; /* as many as the plan is for, and outliving the executor; NULL: one */
} ExecutorOptions;

/* Opens the device and takes the arena; states are zero until they are written.  The plan must
 * outlive the executor and have passed the verifier.  STATUS_NO_FIT when the device has less
 * memory. */
Status executor_create_with(const Plan *plan, const ExecutorOptions *options, Diag *diag,
                            Executor **out_executor);
/* The same for all programs, on the CPU. */
Status executor_create(const Plan *plan, uint32_t threads, Diag *diag, Executor **out_executor);
void executor_destroy(Executor *executor);
const Plan *executor_plan(const Executor *executor);
/* What was asked of its device. */
const DeviceWishes *executor_wishes(const Executor *executor);

/* ---- running ---- */

/* Prepares the kernels of a program; executor_steps does so when it must. */
Status executor_prepare(Executor *executor, uint32_t program, Diag *diag);
/* Runs a program: its steps, then its commits. Inputs must be set before every run, since their
 * bytes are reused: they may be set anew when its outputs are read and its commits made.  The
 * device may still be at work when the call returns, and a failure may show in a later one. Nothing
 * is allocated once the program is prepared. */
Status executor_run(Executor *executor, uint32_t program, Diag *diag);
/* The two halves of executor_run: steps alone leave the state as it was, unless the plan writes a
 * commit straight into its state. */
Status executor_steps(Executor *executor, uint32_t program, Diag *diag);
Status executor_commit(Executor *executor, uint32_t program, Diag *diag);
/* Training's step that runs from now on: messages name it.  Without it they name none. */
void executor_step_is(Executor *executor, int64_t step);
/* True when executor_send can do something: where the host does not see the device's memory. */
bool executor_sends(const Executor *executor);
/* Sends the inputs of the program that runs next, and of no other, while the device is still at
 * work. They must be set as for a run, and may not be set anew before executor_steps of it returns.
 * Takes memory for two copies of the largest program's inputs when it is called first. */
Status executor_send(Executor *executor, uint32_t program, Diag *diag);
/* Returns when the device has done all that it was given. */
Status executor_wait(Executor *executor, Diag *diag);

/* ---- values ---- */

/* An input of the program by name: the memory that a run takes it from, valid as long as the
 * executor.  False when the program has none of that name. */
bool executor_input(const Executor *executor, uint32_t program, const char *name, Tensor *out);
/* Fetches `n` outputs of the program, by their places in its list, in one batch; out[i] is valid
 * until the next run.  Allocates the first time only. */
Status executor_read(Executor *executor, uint32_t program, const uint32_t *outputs, uint32_t n,
                     Tensor *out, Diag *diag);
/* Fetches all states, in the plan's order, unless they are here since the last run; valid until the
 * next one.  Who changes them calls executor_states_write then. */
Status executor_states_read(Executor *executor, const Tensor **out_states, Diag *diag);
/* The same without their values, for a caller that sets all of them. */
Status executor_states_new(Executor *executor, const Tensor **out_states, Diag *diag);
/* Sends the states that were read or are new; they must not be changed before they are read
 * again. */
Status executor_states_write(Executor *executor, Diag *diag);

/* ---- measuring ---- */

/* Called after every task of a kernel while it is set, on the thread that ran it; for traces.  A
 * device that runs on its own tells when a run has been waited for, also of collectives and of
 * copies: then executor_task_name(step) says of what. */
typedef void (*TaskObserver)(void *context, uint32_t step, uint32_t phase, uint32_t task,
                             int64_t begin_ns, int64_t end_ns);
/* NULL: it is a step. */
const char *executor_task_name(uint32_t step);
/* The most tasks that a run of a prepared program has; 0: the device shows none. */
uint32_t executor_tasks(const Executor *executor, uint32_t program);
void executor_observe(Executor *executor, TaskObserver observer, void *context);

/* Time spent in a step (nanoseconds) since the last reset; for bench. */
typedef struct StepTime {
  const char *implementation;
  NodeId node; /* the first member */
  uint32_t count;
  int64_t ns;
} StepTime;
/* While it is on, each step is waited for. */
void executor_measure(Executor *executor, bool on);
/* Fills one entry for each step of a prepared program; `out` holds n_steps entries. */
void executor_times(const Executor *executor, uint32_t program, StepTime *out);
/* What the device can do at most; measured, in a moment. */
Status executor_limits(Executor *executor, DType type, DeviceLimits *out, Diag *diag);

#endif
