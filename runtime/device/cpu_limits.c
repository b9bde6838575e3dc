/* Measures what bench compares with: a triad that no cache holds and products that stay in one. */
#include "runtime/device/cpu_limits.h"

#include "kernels/cpu/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIAD_ELEMENTS                                                                             \
  ((int64_t)16 << 20) /* of each of three arrays of 64 MB: beyond any cache                        \
                       */
#define TRIAD_TASKS 64u
#define REPEATS 5

typedef struct Limits {
  float *a, *b, *c;
  char *scratch;
  DType type;
  int64_t macs; /* of a task */
} Limits;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void triad(void *context, uint32_t task) {
  const Limits *l = context;
  int64_t n = TRIAD_ELEMENTS / TRIAD_TASKS, at = task * n;
  limit_triad(l->a + at, l->b + at, l->c + at, 0.5f, n);
}

static void products(void *context, uint32_t task) {
  Limits *l = context;
  limit_products(l->type, l->macs, l->scratch + (size_t)task * LIMIT_SCRATCH);
}

/* The best of some repeats: what the machine can do, not what it did beside others. */
static double best_seconds(Threads *threads, ThreadsTask run, Limits *l, uint32_t tasks) {
  double best = 1e30;
  for (int i = 0; i < REPEATS; i++) {
    double begin = now();
    threads_run(threads, run, l, tasks);
    double seconds = now() - begin;
    if (seconds < best) best = seconds;
  }
  return best;
}

Status cpu_limits(Threads *threads, DType type, DeviceLimits *out, KernelError *error) {
  uint32_t n = threads_count(threads);
  size_t bytes = (size_t)TRIAD_ELEMENTS * sizeof(float), room = (size_t)n * LIMIT_SCRATCH;
  Limits l = {.type = type, .macs = (int64_t)1 << 30};
  if (limit_products(type, 0, NULL) < 0) {
    snprintf(error->text, sizeof error->text, "there are no products of %s", dtype_name(type));
    return STATUS_INVALID;
  }
  l.a = aligned_alloc(64, 3 * bytes);
  l.scratch = aligned_alloc(64, room);
  bool ok = l.a && l.scratch;
  if (ok) {
    l.b = l.a + TRIAD_ELEMENTS;
    l.c = l.b + TRIAD_ELEMENTS;
    memset(l.a, 0, 3 * bytes);
    memset(l.scratch, 0, room);
    double seconds = best_seconds(threads, triad, &l, TRIAD_TASKS);
    out->triad = (double)(3 * bytes) / seconds;
    seconds = best_seconds(threads, products, &l, n);
    out->macs = (double)l.macs * n / seconds;
  } else {
    snprintf(error->text, sizeof error->text, "no memory for a measurement of %zu bytes",
             3 * bytes + room);
  }
  free(l.a);
  free(l.scratch);
  return ok ? STATUS_OK : STATUS_SYSTEM;
}
