/* Threads that share the tasks of a phase. */
#ifndef RUNTIME_EXECUTE_POOL_H
#define RUNTIME_EXECUTE_POOL_H

#include "graph/base/diag.h"

#include <stdint.h>

#define POOL_THREADS_MAX 64

typedef struct Pool Pool;
/* One task; any thread may run it. */
typedef void (*PoolTask)(void *context, uint32_t task);

/* One for each core, at most POOL_THREADS_MAX. */
uint32_t pool_default_threads(void);
/* `threads` counts the caller. */
Status pool_create(uint32_t threads, Diag *diag, Pool **out_pool);
void pool_destroy(Pool *pool);
uint32_t pool_threads(const Pool *pool);
/* Runs tasks 0 .. n-1, the caller among the workers; returns when all are done. Allocates nothing.
 */
void pool_run(Pool *pool, PoolTask run, void *context, uint32_t n);

#endif
