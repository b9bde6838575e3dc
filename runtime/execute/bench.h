/* Time and memory of a program's steps: `graphrun bench`. */
#ifndef RUNTIME_EXECUTE_BENCH_H
#define RUNTIME_EXECUTE_BENCH_H

#include "runtime/device/device.h"

#define BENCH_STEPS_MAX 1000000 /* that are timed */

/* What the command line says. Strings are borrowed. */
typedef struct BenchOptions {
  const char *plan;          /* the plan's file */
  const char *program;       /* NULL: the first training program, else the first */
  const char *trace;         /* NULL; a file for one further step as Chrome trace events (JSON) */
  const DeviceTable *device; /* NULL: the CPU */
  DeviceWishes wishes;
  uint32_t threads;
  Ranks *ranks;        /* processes that run the plan together; NULL: one */
  int64_t steps, warm; /* timed steps and those before them; 0 steps: 5 */
} BenchOptions;

/* Runs the program from initial states on random inputs and prints on stdout: time per step, images
 * per second, resident memory before the arena is touched and at its peak during the timed steps,
 * a table of kernels, each beside the limits measured in the same run (a triad's bandwidth, the
 * rate of the product's inner loop), and last a line `RESULT ... median=S (MIN..MAX) base=MB
 * arena=MB step=MB`. */
Status bench_run(const BenchOptions *options, Diag *diag);

#endif
