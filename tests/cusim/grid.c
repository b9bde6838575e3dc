/* Grids: threads as a GPU would run them, one at a time.
 *
 * Threads that wait are fibers.  A barrier opens when all threads of the block are at it, a warp's
 * exchange when all lanes of its mask are; when nobody can go on and nobody is released, they
 * diverged. */
#include "tests/cusim/grid.h"
#include "tests/cusim/fibers.h"
#include "tests/cusim/sim.h"
#include "tests/cusim/watch.h"

#include <stdio.h>
#include <string.h>

#define THREADS_MOST 1024
#define NO_NUMBER 0xff

typedef enum State { RUNS, AT_BARRIER, IN_WARP, ENDED } State;

typedef struct Thread {
  State state;
  int line; /* where it waits */
  CusimIndex index;
  CusimWarp what;
  unsigned mask, from;
  unsigned long long value; /* given, then got */
} Thread;

static struct {
  const CusimModule *module;
  const CusimEntry *entry;
  void *const *args;
  Thread threads[THREADS_MOST];
  uint32_t n, current, waiting, ended; /* threads; at a barrier; that have ended */
  bool failed;
  bool inside; /* still so at the next launch: this one was left by a jump */
} now;

static const CudaCall call = CUDA_CALL_cudaLaunchKernel;

/* ---- what threads call ---- */

/* The kernel ends here: its fiber is not entered again.  b: another thread, or NULL. */
static void diverge(const char *what, const Thread *a, const Thread *b) {
  const CusimIndex at = now.module->place->block;
  static const char *const where[] = {"goes on", "is at a barrier", "is in its warp's exchange",
                                      "has ended"};
  char other[64] = "";
  if (now.failed) return;
  now.failed = true;
  if (b)
    snprintf(other, sizeof other, "; thread %td %s (line %d)", b - now.threads, where[b->state],
             b->line);
  sim_fault(call, CUSIM_DIVERGENCE, "'%s', block (%u, %u, %u), thread %td, line %d: %s%s",
            now.entry->name, at.x, at.y, at.z, a - now.threads, a->line, what, other);
}

static void leave(Thread *t, State state, int line) {
  t->state = state;
  t->line = line;
  fiber_leave(now.current);
}

static void barrier(int line) {
  now.waiting++;
  leave(&now.threads[now.current], AT_BARRIER, line);
}

/* Lane by lane what the exchange gives. */
static void exchange(Thread *lanes, unsigned mask) {
  unsigned long long given[32], ballot = 0;
  for (unsigned i = 0; i < 32; i++) {
    if (!(mask >> i & 1)) continue;
    given[i] = lanes[i].value;
    ballot |= lanes[i].value << i;
  }
  for (unsigned i = 0; i < 32; i++) {
    if (!(mask >> i & 1)) continue;
    Thread *t = &lanes[i];
    t->state = RUNS;
    if (t->what == CUSIM_WARP_BALLOT) t->value = ballot;
    if (t->what != CUSIM_WARP_SHUFFLE) continue;
    if (t->from < 32 && mask >> t->from & 1)
      t->value = given[t->from];
    else
      diverge("takes the value of a lane that is not in the mask", t, NULL);
  }
}

/* Whether all lanes of this one's mask are here. */
static bool warp_complete(const Thread *t, Thread *lanes, unsigned mask) {
  for (unsigned i = 0; i < 32; i++)
    if (mask >> i & 1 && (lanes[i].state != IN_WARP || !(lanes[i].mask >> (t - lanes) & 1)))
      return false;
  for (unsigned i = 0; i < 32; i++)
    if (mask >> i & 1 &&
        (lanes[i].mask != t->mask || lanes[i].what != t->what || lanes[i].line != t->line)) {
      diverge("another exchange than that of a lane of its mask", t, &lanes[i]);
      return false;
    }
  return true;
}

static unsigned long long warp(CusimWarp what, unsigned mask, unsigned long long value,
                               unsigned from, int line) {
  uint32_t i = now.current;
  Thread *t = &now.threads[i], *lanes = &now.threads[i / 32 * 32];
  uint32_t there = now.n - i / 32 * 32;
  *t = (Thread){.state = IN_WARP,
                .line = line,
                .index = t->index,
                .what = what,
                .mask = mask,
                .from = from,
                .value = value};
  if (!(mask >> (i % 32) & 1)) diverge("the lane is not in its own mask", t, NULL);
  if (there < 32) mask &= (1u << there) - 1;
  if (!now.failed && warp_complete(t, lanes, mask)) {
    exchange(lanes, mask);
    if (what == CUSIM_WARP_SYNC && now.module->watched &&
        mask == (there < 32 ? (1u << there) - 1 : 0xffffffffu))
      watch_warp(i / 32);
    if (!now.failed) return t->value;
  }
  leave(t, t->state, line);
  return t->value;
}

/* ---- a block ---- */

static CusimTurn turn_of(uint32_t n) {
  if (sim.options.order == CUSIM_LAZY || n == 1) return (CusimTurn){0, 1 % n};
  if (sim.options.order == CUSIM_EAGER) return (CusimTurn){n - 1, n - 1};
  uint32_t step, a, b;
  do {
    a = step = 1 + (uint32_t)(sim_random() % (n - 1));
    for (b = n; a; a ^= b, b ^= a, a ^= b) b %= a;
  } while (b != 1);
  return (CusimTurn){(uint32_t)(sim_random() % n), step};
}

static uint32_t next(CusimTurn turn, uint32_t i, uint32_t n) {
  uint64_t sum = (uint64_t)i + turn.step;
  return (uint32_t)(sum >= n ? sum - n : sum);
}

static void body(uint32_t i) {
  Thread *t = &now.threads[i];
  now.entry->thread(now.args);
  t->state = ENDED;
  now.ended++;
}

/* All threads are at a barrier: it is the same one for all. */
static void open_barrier(void) {
  for (uint32_t i = 0; i < now.n; i++)
    if (now.threads[i].line != now.threads[0].line)
      diverge("another barrier than that of a thread of its block", &now.threads[0],
              &now.threads[i]);
  for (uint32_t i = 0; i < now.n; i++) now.threads[i].state = RUNS;
  now.waiting = 0;
  if (now.module->watched) watch_barrier();
}

/* Nobody can go on. */
static void stuck(void) {
  const Thread *a = NULL, *b = NULL;
  for (uint32_t i = 0; i < now.n; i++) {
    const Thread *t = &now.threads[i];
    if (!a && t->state != ENDED) a = t;
  }
  for (uint32_t i = 0; i < now.n; i++)
    if (!b && now.threads[i].state != a->state) b = &now.threads[i];
  diverge("waits for threads that do not come", a, b);
}

static void run_fibers(void) {
  now.waiting = now.ended = 0;
  for (uint32_t i = 0; i < now.n; i++) now.threads[i].state = RUNS;
  CusimTurn turn = turn_of(now.n);
  while (now.ended < now.n && !now.failed) {
    bool moved = false;
    for (uint32_t k = 0, i = turn.first; k < now.n && !now.failed; k++, i = next(turn, i, now.n)) {
      if (now.threads[i].state != RUNS) continue;
      moved = true;
      now.current = i;
      now.module->place->thread = now.threads[i].index;
      now.module->place->number = i;
      if (!fiber_enter(i)) memory_escape();
    }
    if (now.waiting == now.n)
      open_barrier();
    else if (!moved && now.ended < now.n)
      stuck();
  }
  if (now.failed) fibers_forget();
}

static void fill(char *from, const char *to) {
  if (from != to) memset(from, NO_NUMBER, (size_t)(to - from));
}

static void run_block(size_t dynamic) {
  const CusimEntry *e = now.entry;
  fill(e->shared, e->shared_end);
  fill(e->common, e->common_end);
  fill(now.module->dynamic, now.module->dynamic + dynamic);
  if (now.module->watched) watch_block();
  if (e->barriers)
    run_fibers();
  else
    e->block(now.args, turn_of(now.n));
}

cudaError_t grid_run(const CusimModule *module, const CusimEntry *entry, const CusimGrid *grid,
                     void *const *args) {
  const dim3 size = grid->block, blocks = grid->grid;
  now.module = module;
  now.entry = entry;
  now.args = args;
  now.failed = false;
  now.n = size.x * size.y * size.z;
  for (uint32_t i = 0; i < now.n; i++)
    now.threads[i].index = (CusimIndex){i % size.x, i / size.x % size.y, i / size.x / size.y};
  if (now.inside) fibers_forget();
  if (entry->barriers && !fibers_have(now.n, body)) return cudaErrorLaunchOutOfResources;
  *module->host = (CusimHost){.barrier = barrier, .warp = warp};
  if (module->watched &&
      !watch_begin(module, entry, grid->shared, __builtin_frame_address(0), module->host))
    return cudaErrorLaunchOutOfResources;
  module->place->block_dim = (CusimIndex){size.x, size.y, size.z};
  module->place->grid_dim = (CusimIndex){blocks.x, blocks.y, blocks.z};
  uint64_t total = (uint64_t)blocks.x * blocks.y * blocks.z;
  if (total > UINT32_MAX) {
    sim_fault(call, CUSIM_NOT_MODELLED, "'%s': %llu blocks are not modelled", entry->name,
              (unsigned long long)total);
    return cudaErrorNotSupported;
  }
  uint32_t n = (uint32_t)total;
  now.inside = true;
  CusimTurn turn = turn_of(n);
  for (uint32_t k = 0, i = turn.first; k < n && !now.failed; k++, i = next(turn, i, n)) {
    module->place->block =
        (CusimIndex){i % blocks.x, i / blocks.x % blocks.y, i / blocks.x / blocks.y};
    run_block(grid->shared);
  }
  now.inside = false;
  if (module->watched && !now.failed) watch_end();
  return now.failed ? cudaErrorLaunchFailure : cudaSuccess;
}
