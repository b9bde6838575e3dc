/* A round of tasks is published by its number; workers take task numbers from one counter.  Waiting
 * threads spin a bounded time (most gaps between kernels are shorter than a wake-up), then sleep.
 */
#include "graph/base/threads.h"

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

struct Threads {
  uint32_t threads, started;
  pthread_t thread[THREADS_MAX];
  ThreadsTask run;
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

static void work(Threads *t) {
  for (uint32_t task; (task = atomic_fetch_add(&t->next, 1)) < t->n;) t->run(t->context, task);
}

static void await_round(Threads *t, uint32_t seen) {
  for (int i = 0; i < SPIN; i++) {
    if (atomic_load(&t->round) != seen) return;
    relax();
  }
  atomic_fetch_add(&t->sleepers, 1);
  while (atomic_load(&t->round) == seen) futex_wait(&t->round, seen);
  atomic_fetch_sub(&t->sleepers, 1);
}

static void *worker(void *argument) {
  Threads *t = argument;
  for (uint32_t seen = 0;; seen++) {
    await_round(t, seen);
    if (atomic_load(&t->quit)) return NULL;
    work(t);
    if (atomic_fetch_sub(&t->busy, 1) == 1 && atomic_load(&t->caller_sleeps))
      futex_wake(&t->busy, 1);
  }
}

static void publish(Threads *t) {
  atomic_fetch_add(&t->round, 1);
  if (atomic_load(&t->sleepers)) futex_wake(&t->round, THREADS_MAX);
}

uint32_t threads_default(void) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > THREADS_MAX ? THREADS_MAX : (uint32_t)cores;
}

Status threads_create(uint32_t threads, Diag *diag, Threads **out_threads) {
  *out_threads = NULL;
  if (threads < 1 || threads > THREADS_MAX)
    return diag_error(diag, STATUS_USAGE, "--threads", NULL, "%u threads: 1..%d are possible",
                      threads, THREADS_MAX);
  Threads *t = calloc(1, sizeof *t);
  if (!t) return diag_no_memory(diag, sizeof *t);
  t->threads = threads;
  pthread_attr_t attributes;
  int error = pthread_attr_init(&attributes);
  if (!error) error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
  for (uint32_t i = 1; i < threads && !error; i++) {
    error = pthread_create(&t->thread[i], &attributes, worker, t);
    if (!error) t->started++;
  }
  pthread_attr_destroy(&attributes);
  if (error) {
    threads_destroy(t);
    return diag_error(diag, STATUS_SYSTEM, "--threads", "ask for fewer",
                      "cannot start a thread: %s", strerror(error));
  }
  *out_threads = t;
  return STATUS_OK;
}

void threads_destroy(Threads *t) {
  if (!t) return;
  atomic_store(&t->quit, true);
  publish(t);
  for (uint32_t i = 1; i <= t->started; i++) pthread_join(t->thread[i], NULL);
  free(t);
}

uint32_t threads_count(const Threads *t) {
  return t->threads;
}

void threads_run(Threads *t, ThreadsTask run, void *context, uint32_t n) {
  if (n <= 1 || t->threads == 1) {
    for (uint32_t i = 0; i < n; i++) run(context, i);
    return;
  }
  t->run = run;
  t->context = context;
  t->n = n;
  atomic_store(&t->next, 0);
  atomic_store(&t->busy, t->started);
  publish(t);
  work(t);
  for (int i = 0; i < SPIN; i++) {
    if (atomic_load(&t->busy) == 0) return;
    relax();
  }
  atomic_store(&t->caller_sleeps, true);
  for (uint32_t left; (left = atomic_load(&t->busy)) != 0;) futex_wait(&t->busy, left);
  atomic_store(&t->caller_sleeps, false);
}
