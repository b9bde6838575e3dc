/* A run of one program as a file for Perfetto or chrome://tracing. */
#ifndef RUNTIME_EXECUTE_TRACE_H
#define RUNTIME_EXECUTE_TRACE_H

#include "runtime/execute/execute.h"

/* A task of a kernel, or copies (executor_task_name), as it ran. */
typedef struct TraceTask {
  uint32_t step, phase, task;
  long thread;        /* any number that is the thread's own */
  int64_t begin, end; /* ns */
} TraceTask;

typedef struct TraceRun {
  const Plan *plan;
  const PlanProgram *program;
  const StepTime *times; /* by step: what ran it */
  TraceTask *tasks;      /* sorted by trace_write */
  uint32_t n_tasks;
} TraceRun;

/* Writes the trace in Chrome's JSON format, times in microseconds from the first task on:
 *   - a row of kernels for each stream of the program, an arrow for each wait between streams;
 *     args: the XML line, all lines of a fused group, scope, ops, multiply-adds, flops, bytes,
 *     implementation; steps in which ranks meet have an event where the device shows them;
 *   - where it shows copies, a row of them;
 *   - where it has one stream, a row for each thread with the tasks that it ran;
 *   - a counter: the bytes in scratch that are alive, by the plan. */
Status trace_write(const TraceRun *run, const char *path, Diag *diag);

#endif
