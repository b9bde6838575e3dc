/* Fibers: ucontext gives each its stack, and the compiler's own jumps, which save nothing but the
 * frame, switch between them. */
#include "tests/cusim/fibers.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK ((size_t)128 << 10)
#define GUARD ((size_t)4096)

typedef struct Fiber {
  void *place[5]; /* where it left */
  bool begun;
} Fiber;
static Fiber *fibers;
static char *stacks;
static uint32_t n_fibers;
static void (*body)(uint32_t i);
static void *caller_place[5];
static uint32_t entered;
static volatile bool inside, abandoned; /* changed behind a jump */

bool fibers_have(uint32_t n, void (*runs)(uint32_t i)) {
  body = runs;
  if (n <= n_fibers) return true;
  if (stacks) munmap(stacks, n_fibers * STACK);
  free(fibers);
  stacks = mmap(NULL, n * STACK, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stacks == MAP_FAILED) stacks = NULL;
  fibers = calloc(n, sizeof *fibers);
  n_fibers = stacks && fibers ? n : 0;
  for (uint32_t i = 0; i < n_fibers; i++) mprotect(stacks + i * STACK, GUARD, PROT_NONE);
  return n_fibers == n;
}

void fibers_forget(void) {
  for (uint32_t i = 0; i < n_fibers; i++) fibers[i].begun = false;
}

bool fibers_hold(const void *at) {
  return (const char *)at >= stacks && (const char *)at < stacks + n_fibers * STACK;
}

static void begin(void) {
  uint32_t i = entered;
  for (;;) {
    body(i);
    fiber_leave(i);
  }
}

/* A jump must not be in the function that it goes to. */
static __attribute__((noinline)) void jump(void **to) {
  __builtin_longjmp(to, 1);
}

static __attribute__((noinline)) void go_first(uint32_t i) {
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = stacks + i * STACK + GUARD;
  context.uc_stack.ss_size = STACK - GUARD;
  context.uc_link = NULL;
  makecontext(&context, begin, 0);
  setcontext(&context);
  abort();
}

static __attribute__((noinline)) void go(uint32_t i) {
  if (__builtin_setjmp(caller_place)) return;
  entered = i;
  if (fibers[i].begun) jump(fibers[i].place);
  fibers[i].begun = true;
  go_first(i);
}

bool fiber_enter(uint32_t i) {
  inside = true;
  abandoned = false;
  go(i);
  inside = false;
  return !abandoned;
}

__attribute__((noinline)) void fiber_leave(uint32_t i) {
  if (__builtin_setjmp(fibers[i].place)) return;
  jump(caller_place);
}

void fiber_abandon(void) {
  if (!inside) return;
  abandoned = true;
  jump(caller_place);
}
