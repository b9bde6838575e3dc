/* Programs that are right, and with one thing wrong: what each of the simulator's rules must find.
 */
#ifndef TESTS_CUSIM_CASES_H
#define TESTS_CUSIM_CASES_H

#include "tests/cusim/cusim.h"

#define N 1000 /* elements of a buffer */
#define BYTES (N * sizeof(float))

/* What every program has at hand, on device 0: made before, released afterwards. */
typedef struct Bench {
  const CudaCalls *cu;
  bool wrong;      /* break the rule */
  uint32_t errors; /* calls that failed */
  cudaStream_t s, t;
  cudaEvent_t event;
  float *x, *y, *z; /* device memory, N floats; x holds ones, the others nothing */
  float *h;         /* pinned, N floats */
  cudaLibrary_t library;
  cudaKernel_t scale, probe;
} Bench;

typedef struct Case {
  CusimRule rule;
  const char *name;
  void (*run)(Bench *b);
} Case;
extern const Case cases_memory[], cases_order[], cases_capture[], cases_kernels[], cases_blas[],
    cases_collectives[], cases_dnn[], cases_limits[], cases_text[], cases_watch[];
extern const uint32_t n_cases_memory, n_cases_order, n_cases_capture, n_cases_kernels, n_cases_blas,
    n_cases_collectives, n_cases_dnn, n_cases_limits, n_cases_text, n_cases_watch;

extern const char cases_text_source[], cases_watch_source[]; /* their kernels */

/* In a right program every call succeeds. */
#define OK(b, call) ((b)->errors += (call) != 0)

/* y = a x: reads n of x, writes n of y. */
void bench_scale(Bench *b, cudaStream_t on, const float *x, float *y, float a, int32_t n);
/* Does something that its launch did not declare: what, see cases_bench.c. */
typedef enum Probe {
  PROBE_NOTHING,
  PROBE_READ_FAR,   /* a page of the operand's allocation that is not declared */
  PROBE_WRITE_NEAR, /* on a page that is declared, beside what is declared */
  PROBE_WRITE_INPUT,
  PROBE_WRITE_GUARD, /* just behind the allocation */
  PROBE_READ_OTHER,  /* another allocation */
  PROBE_FAIL,        /* ends with an error */
} Probe;
/* Reads 4 floats of x, writes 4 of y. */
void bench_probe(Bench *b, cudaStream_t on, const float *x, float *y, const float *other,
                 Probe what);
/* Compiles a text for the architecture ("sm_90") and loads it, by all the calls that this takes;
 * NULL: it does not compile, the log was printed when `print`. */
cudaLibrary_t bench_load(Bench *b, const char *text, const char *architecture, bool print);
cudaKernel_t bench_kernel(Bench *b, cudaLibrary_t library, const char *name);
void bench_launch(Bench *b, cudaKernel_t kernel, dim3 blocks, dim3 threads, size_t shared,
                  void **args, const CudaAccess *accesses, uint32_t n);
void bench_wait(Bench *b, cudaStream_t waiting, cudaStream_t first);
/* Runs one program; *out as the simulator leaves it.  Returns how many calls failed. */
uint32_t bench_run(const Case *c, bool wrong, CusimOrder order, uint64_t seed, CusimReport *out);
/* Opens, without a program; for other tests. */
void bench_open(Bench *b, const CusimOptions *options);
void bench_close(Bench *b, CusimReport *out);

#endif
