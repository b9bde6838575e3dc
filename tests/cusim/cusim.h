/* A simulator of the CUDA calls of kernels/cuda/calls.inc, for machines without a GPU.
 *
 * It is written from NVIDIA's documents and compiled against NVIDIA's headers, and shares no code
 * with the backend.  Commands run late, in any order that streams and events allow.  Whatever is
 * wrong is a fault of one of the rules of rules.inc, although results happen to be right; what
 * is not modelled is a fault too.  docs/cuda.md says what is promised.  One simulation at a time.
 */
#ifndef TESTS_CUSIM_CUSIM_H
#define TESTS_CUSIM_CUSIM_H

#include "kernels/cuda/calls.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum CusimRule {
#define RULE(name, what) CUSIM_##name,
#include "tests/cusim/rules.inc"
#undef RULE
  CUSIM_RULES
} CusimRule;

#define CUSIM_DEVICES 4 /* at most */

/* Which command runs when there is a choice. */
typedef enum CusimOrder {
  CUSIM_LAZY,   /* only what somebody waits for */
  CUSIM_EAGER,  /* whatever can, at once */
  CUSIM_RANDOM, /* any number of any stream, by the seed */
} CusimOrder;

/* One launch of a simulated kernel: all of its grid. */
typedef struct CusimGrid {
  dim3 grid, block;
  size_t shared; /* dynamic, bytes */
} CusimGrid;

/* A kernel as a C function, for what is not compiled from a text.  `args` are as cudaLaunchKernel
 * has them; the memory that they point to can be touched as the launch declared it, and nothing
 * else can. */
typedef struct CusimKernel {
  const char *name;
  const char *params; /* a letter each: p a device pointer, i int32, l int64, f float, d double */
  cudaError_t (*run)(const CusimGrid *grid, void *const *args); /* or what ends it: then sticky */
  uint32_t threads; /* most in a block; 0: the device's */
  size_t shared;    /* static shared memory, bytes */
} CusimKernel;

typedef struct CusimOptions {
  uint32_t devices;    /* up to CUSIM_DEVICES; 0: no GPU is there */
  size_t memory;       /* of each device, bytes; 0: 256 MiB */
  uint32_t capability; /* of the devices: 80, 90, 100; 0: 90 */
  bool fast;           /* kernels' threads are not watched: only what launches declare is checked */
  CusimOrder order;
  uint64_t seed;
  const CusimKernel *kernels;
  uint32_t n_kernels;
  uint64_t fail_call;    /* this call, counted from 1, fails; 0: none does */
  uint32_t fail_error;   /* with this one of the errors that cusim_errors lists */
  uint64_t fail_command; /* this command fails when it runs, counted from 1 */
  uint32_t patience;     /* ms that a thread waits for others before that is a deadlock; 0: 5000 */
  bool print;            /* faults to stderr as they are found */
} CusimOptions;

typedef struct CusimReport {
  uint32_t faults;
  CusimRule rule;                 /* of the first */
  char text[256];                 /* CALL: what is wrong about it */
  uint64_t calls, of[CUDA_CALLS]; /* how many were made */
  uint64_t commands;              /* that ran */
  uint64_t needless;              /* waits for what was known to have run */
  const char *failed;             /* the call that was made to fail; NULL: none was */
} CusimReport;

/* The table; valid until cusim_close.  Commands that nobody waited for never run. */
const CudaCalls *cusim_open(const CusimOptions *options);
void cusim_report(CusimReport *out); /* so far */
/* Looks for what was left, and ends the simulation.  `out` may be NULL. */
void cusim_close(CusimReport *out);

const char *cusim_call_name(CudaCall call);
const char *cusim_rule_name(CusimRule rule);
/* How many errors a call can fail with on request; a call that returns no status has none. */
uint32_t cusim_errors(CudaCall call);

/* Whether texts can be compiled here: there is g++. */
bool cusim_compiles(void);

#endif
