/* The parts of `graphrun bench`. */
#ifndef RUNTIME_EXECUTE_BENCH_PARTS_H
#define RUNTIME_EXECUTE_BENCH_PARTS_H

#include "runtime/execute/execute.h"

#include <stdio.h>

/* Kernels by implementation and by role: count, time per step, share, multiply-adds and bytes per
 * second. `times`: one entry for each step of the program, over `steps` runs. */
Status bench_table(const Plan *plan, const PlanProgram *program, const StepTime *times,
                   int64_t steps, const DeviceLimits *limits, FILE *out, Diag *diag);

/* Runs the program once more and writes every task as a Chrome trace event (chrome://tracing,
 * Perfetto): times in microseconds, one row for each thread, or for each
 * stream of the plan.  Of several ranks all run it and one writes; path NULL: not this one. */
Status bench_trace(Executor *executor, uint32_t program, const char *path, Diag *diag);

#endif
