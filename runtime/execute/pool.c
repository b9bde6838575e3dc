/* A round is published by its number; workers take task numbers from one counter.  Waiting threads
 * spin a bounded time (most gaps between kernels are shorter than a wake-up), then sleep. */
#include "runtime/execute/pool.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SPIN 2000 /* pauses: some tens of microseconds */
#define STACK_BYTES ((size_t)8 << 20)

struct Pool {
  uint32_t threads, started;
  pthread_t thread[POOL_THREADS_MAX];
  PoolTask run;
  void *context;
  uint32_t n;
  atomic_uint next;     /* first task that is not taken */
  atomic_uint round;    /* futex: workers wait for it to change */
  atomic_uint busy;     /* futex: workers that are not done with the round */
  atomic_uint sleepers; /* workers asleep */
  atomic_bool caller_sleeps, quit;
};

static void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static void futex_wait(atomic_uint *word, uint32_t value) {
  syscall(SYS_futex, (uint32_t *)(void *)word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int n) {
  syscall(SYS_futex, (uint32_t *)(void *)word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void work(Pool *p) {
  for (uint32_t task; (task = atomic_fetch_add(&p->next, 1)) < p->n;) p->run(p->context, task);
}

static void await_round(Pool *p, uint32_t seen) {
  for (int i = 0; i < SPIN; i++) {
    if (atomic_load(&p->round) != seen) return;
    relax();
  }
  atomic_fetch_add(&p->sleepers, 1);
  while (atomic_load(&p->round) == seen) futex_wait(&p->round, seen);
  atomic_fetch_sub(&p->sleepers, 1);
}

static void *worker(void *argument) {
  Pool *p = argument;
  for (uint32_t seen = 0;; seen++) {
    await_round(p, seen);
    if (atomic_load(&p->quit)) return NULL;
    work(p);
    if (atomic_fetch_sub(&p->busy, 1) == 1 && atomic_load(&p->caller_sleeps))
      futex_wake(&p->busy, 1);
  }
}

static void publish(Pool *p) {
  atomic_fetch_add(&p->round, 1);
  if (atomic_load(&p->sleepers)) futex_wake(&p->round, POOL_THREADS_MAX);
}

uint32_t pool_default_threads(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > POOL_THREADS_MAX ? POOL_THREADS_MAX : (uint32_t)cores;
}

Status pool_create(uint32_t threads, Diag *diag, Pool **out_pool) {
  *out_pool = NULL;
  if (threads < 1 || threads > POOL_THREADS_MAX)
    return diag_error(diag, STATUS_USAGE, "--threads", NULL, "%u threads: 1..%d are possible",
                      threads, POOL_THREADS_MAX);
  Pool *p = calloc(1, sizeof *p);
  if (!p) return diag_no_memory(diag, sizeof *p);
  p->threads = threads;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (!error) error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (uint32_t i = 1; i < threads && !error; i++) {
    error = pthread_create(&p->thread[i], &attributes, worker, p);
    if (!error) p->started++;
  }
  pthread_attr_destroy(&attributes);
  if (error) {
    pool_destroy(p);
    return diag_error(diag, STATUS_SYSTEM, "--threads", "ask for fewer",
                      "cannot start a thread: %s", strerror(error));
  }
  *out_pool = p;
  return STATUS_OK;
}

void pool_destroy(Pool *p) {
  if (!p) return;
  atomic_store(&p->quit, true);
  publish(p);
  for (uint32_t i = 1; i <= p->started; i++) pthread_join(p->thread[i], NULL);
  free(p);
}

uint32_t pool_threads(const Pool *p) {
  return p->threads;
}

void pool_run(Pool *p, PoolTask run, void *context, uint32_t n) {
  if (n <= 1 || p->threads == 1) {
    for (uint32_t i = 0; i < n; i++) run(context, i);
    return;
  }
  p->run = run;
  p->context = context;
  p->n = n;
  atomic_store(&p->next, 0);
  atomic_store(&p->busy, p->started);
  publish(p);
  work(p);
  for (int i = 0; i < SPIN; i++) {
    if (atomic_load(&p->busy) == 0) return;
    relax();
  }
  atomic_store(&p->caller_sleeps, true);
  for (uint32_t left; (left = atomic_load(&p->busy)) != 0;) futex_wait(&p->busy, left);
  atomic_store(&p->caller_sleeps, false);
}
