/* A thread of its own prints the line, so that work that counts rarely is seen to go on, and who
 * counts reads no clock. */
#include "graph/base/meter.h"

#include "graph/base/duration.h"
#include "graph/base/terminal.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define PERIOD_NS 200000000 /* between two lines */

struct Meter {
  const char *what, *unit;
  _Atomic int64_t total, done;
  double started;
  pthread_t thread;
  pthread_mutex_t mutex; /* guards what follows, and the line */
  pthread_cond_t ends;
  bool ending, open;
};

static double clock_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void print_line(Meter *m) {
  char passed[DURATION_MAX], left[DURATION_MAX] = "?";
  int64_t done = atomic_load(&m->done), total = atomic_load(&m->total);
  double seconds = clock_seconds() - m->started;
  if (seconds < METER_SECONDS) return;
  if (done > total) done = total;
  if (done > 0) duration_text(seconds / (double)done * (double)(total - done), left);
  fprintf(stderr, "\r%s", m->what);
  if (total) fprintf(stderr, " %" PRId64 "/%" PRId64 " %s", done, total, m->unit);
  fprintf(stderr, "  %s  ETA %s\033[K", duration_text(seconds, passed), left);
  fflush(stderr);
  m->open = true;
}

static void clear_line(Meter *m) {
  if (m->open) fputs("\r\033[K", stderr);
  if (m->open) fflush(stderr);
  m->open = false;
}

static void *tick(void *context) {
  Meter *m = context;
  struct timespec until;
  pthread_mutex_lock(&m->mutex);
  while (!m->ending) {
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += PERIOD_NS;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&m->ends, &m->mutex, &until);
    if (!m->ending) print_line(m);
  }
  clear_line(m);
  pthread_mutex_unlock(&m->mutex);
  return NULL;
}

Meter *meter_start(const char *what, const char *unit, int64_t total) {
  pthread_condattr_t monotonic;
  Meter *m = terminal_is_live(stderr) ? calloc(1, sizeof *m) : NULL;
  if (!m) return NULL;
  *m = (Meter){.what = what, .unit = unit, .total = total, .started = clock_seconds()};
  pthread_mutex_init(&m->mutex, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&m->ends, &monotonic);
  pthread_condattr_destroy(&monotonic);
  if (pthread_create(&m->thread, NULL, tick, m) == 0) return m;
  free(m);
  return NULL;
}

void meter_expect(Meter *m, int64_t total) {
  if (m) atomic_store(&m->total, total);
}

void meter_add(Meter *m, int64_t n) {
  if (m) atomic_fetch_add(&m->done, n);
}

void meter_clear(Meter *m) {
  if (!m) return;
  pthread_mutex_lock(&m->mutex);
  clear_line(m);
  pthread_mutex_unlock(&m->mutex);
}

void meter_end(Meter *m) {
  if (!m) return;
  pthread_mutex_lock(&m->mutex);
  m->ending = true;
  pthread_cond_signal(&m->ends);
  pthread_mutex_unlock(&m->mutex);
  pthread_join(m->thread, NULL);
  pthread_mutex_destroy(&m->mutex);
  pthread_cond_destroy(&m->ends);
  free(m);
}
