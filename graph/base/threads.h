/* Threads that share tasks: all run, none waits for another, and the caller is one of them. */
#ifndef GRAPH_BASE_THREADS_H
#define GRAPH_BASE_THREADS_H

#include "graph/base/diag.h"

#include <stdint.h>

#define THREADS_MAX 64

typedef struct Threads Threads;
/* One task; any thread may run it. */
typedef void (*ThreadsTask)(void *context, uint32_t task);

/* One for each core, at most THREADS_MAX. */
uint32_t threads_default(void);
/* `threads` counts the caller. */
Status threads_create(uint32_t threads, Diag *diag, Threads **out_threads);
void threads_destroy(Threads *threads);
uint32_t threads_count(const Threads *threads);
/* Runs tasks 0 .. n-1, the caller among the workers; returns when all are done. Allocates nothing.
 */
void threads_run(Threads *threads, ThreadsTask run, void *context, uint32_t n);

#endif
