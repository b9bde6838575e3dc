/* Memory: allocations on pages of their own, which can be touched only by who may.
 *
 * An allocation has a page before and behind that is never open, and between these and its bytes a
 * guard.  The same memory has a second address, where the simulator reads and changes it whoever
 * may touch it.  A command that runs sees the bytes that it declared (opening.c). */
#include "tests/cusim/fibers.h"
#include "tests/cusim/opening.h"
#include "tests/cusim/sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define GUARD ((size_t)256) /* also the alignment that cudaMalloc promises */
#define OPEN (PROT_READ | PROT_WRITE)

/* ---- blocks ---- */

/* Two addresses of the same new memory; that of the program has a page more at both ends. */
static bool map_twice(Block *b) {
  size_t inner = b->mapped - 2 * PAGE;
  int file = memfd_create("cusim", MFD_CLOEXEC);
  if (file < 0) return false;
  bool ok = ftruncate(file, (off_t)inner) == 0;
  void *map = mmap(NULL, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void *own = mmap(NULL, inner, OPEN, MAP_SHARED | MAP_NORESERVE, file, 0);
  if (map != MAP_FAILED) b->map = map;
  if (own != MAP_FAILED) b->own = own;
  ok = ok && b->map && b->own &&
       mmap(b->map + PAGE, inner, b->device < 0 ? OPEN : PROT_NONE,
            MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, 0) != MAP_FAILED;
  close(file);
  return ok;
}

Block *block_create(size_t bytes, int device) {
  Block *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  b->mapped = (bytes + 2 * GUARD + PAGE - 1) / PAGE * PAGE + 2 * PAGE;
  b->bytes = bytes;
  b->device = device;
  if (device >= 0)
    b->defined = calloc(1, bytes);
  else
    b->modes = malloc(2 * (b->mapped / PAGE));
  if (!(device < 0 ? b->modes : b->defined) || !race_create(b) || !map_twice(b)) {
    block_destroy(b);
    return NULL;
  }
  memset(b->own, NO_NUMBER, b->mapped - 2 * PAGE);
  if (b->modes) memset(b->modes, OPEN, b->mapped / PAGE);
  b->at = b->map + PAGE + GUARD;
  b->next = sim.blocks;
  sim.blocks = b;
  return b;
}

bool block_whole(const Block *b) {
  for (size_t i = 0; i < b->mapped - 2 * PAGE; i++) {
    if (i == GUARD) i += b->bytes;
    if (i < b->mapped - 2 * PAGE && (unsigned char)b->own[i] != NO_NUMBER) return false;
  }
  return true;
}

void block_release(Block *b) {
  b->released = true;
  mmap(b->map, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
       0);
  munmap(b->own, b->mapped - 2 * PAGE);
  b->own = NULL;
  race_free(b);
}

void block_destroy(Block *b) {
  if (b->map) munmap(b->map, b->mapped);
  if (b->own) munmap(b->own, b->mapped - 2 * PAGE);
  free(b->defined);
  free(b->modes);
  race_free(b);
  free(b);
}

/* ---- pages ---- */

char *block_own(const Block *b, size_t page) {
  return b->own + (page - 1) * PAGE;
}

static void protect(const Block *b, size_t first, size_t end, int mode) {
  if (mprotect(b->map + first * PAGE, (end - first) * PAGE, mode) == 0) return;
  perror("cusim");
  abort();
}

void block_open(Block *b, size_t first, size_t end, int mode) {
  if (b->modes) {
    memset(b->modes + first, mode, end - first);
  } else if (b->opened == b->opened_to) {
    b->opened = first;
    b->opened_to = end;
  } else {
    if (first < b->opened) b->opened = first;
    if (end > b->opened_to) b->opened_to = end;
  }
  protect(b, first, end, mode);
}

void block_close(Block *b) {
  if (b->opened < b->opened_to) protect(b, b->opened, b->opened_to, PROT_NONE);
  b->opened = b->opened_to = 0;
}

Block *block_at(const void *at) {
  uintptr_t p = (uintptr_t)at;
  for (Block *b = sim.blocks; b; b = b->next)
    if (p >= (uintptr_t)b->map && p < (uintptr_t)b->map + b->mapped) return b;
  return NULL;
}

bool access_find(CudaCall call, int device, const void *at, size_t bytes, Access *out) {
  Block *b = block_at(at);
  *out = (Access){.block = b};
  if (!b) {
    sim_fault(call, device < 0 ? CUSIM_PAGEABLE : CUSIM_HOST_POINTER, "%p is %s", at,
              device < 0 ? "not pinned memory" : "not device memory");
    return false;
  }
  if (b->released) {
    sim_fault(call, CUSIM_FREED, "%p was released", at);
    return false;
  }
  if ((b->device < 0) != (device < 0)) {
    sim_fault(call, device < 0 ? CUSIM_DEVICE_POINTER : CUSIM_HOST_POINTER,
              "%p is memory of the %s", at, device < 0 ? "device" : "host");
    return false;
  }
  if (b->device != device) {
    sim_fault(call, CUSIM_WRONG_DEVICE, "%p is memory of device %d, used on %d", at, b->device,
              device);
    return false;
  }
  ptrdiff_t from = (const char *)at - b->at;
  if (from < 0 || (size_t)from > b->bytes || bytes > b->bytes - (size_t)from) {
    sim_fault(call, CUSIM_BOUNDS, "%zu bytes at %td of an allocation of %zu", bytes, from,
              b->bytes);
    return false;
  }
  out->from = (size_t)from;
  out->to = out->from + bytes;
  return true;
}

/* ---- the host's accesses ---- */

static struct sigaction before_us, before_division;
static _Thread_local sigjmp_buf escape;
static _Thread_local volatile bool running;
static _Thread_local CudaCall running_call;
static _Thread_local const Access *running_accesses;
static _Thread_local uint32_t running_n;

static bool is_write(const void *context) {
#ifdef __x86_64__
  return ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR] & 2;
#else
  (void)context;
  return true;
#endif
}

static bool inside(const Block *b, const char *at) {
  return at >= b->at && at < b->at + b->bytes;
}

/* The host, outside of any call: what is wrong about it; NULL: nothing. */
static const char *host_fault(const Block *b, const char *at, bool write, CusimRule *rule,
                              CudaCall *call) {
  *call = b->device < 0 ? CUDA_CALL_cudaHostAlloc : CUDA_CALL_cudaMalloc;
  *rule = CUSIM_FREED;
  if (b->released) return "the host touches memory that was released";
  *rule = CUSIM_HOST_ACCESS;
  if (b->device >= 0) return "the host touches device memory";
  *rule = CUSIM_BOUNDS;
  if (!inside(b, at)) return "the host touches memory beside an allocation";
  *rule = CUSIM_HOST_RACE;
  size_t offset = (size_t)(at - b->at);
  const Records *list = &b->slices[offset / b->slice];
  for (uint32_t i = 0; i < list->n; i++) {
    const Record *r = &list->at[i];
    if (offset < r->from || offset >= r->to || r->number <= sim.host.of[r->thread]) continue;
    if (!write && !r->write) continue;
    *call = r->call;
    return r->write ? "the host touches memory that a command may still write"
                    : "the host writes memory that a command may still read";
  }
  return NULL;
}

const Access *memory_accesses(uint32_t *n) {
  *n = running_n;
  return running_accesses;
}

/* Jumps stay on one stack. */
void memory_escape(void) {
  fiber_abandon();
  siglongjmp(escape, 1);
}

/* The kernel of this thread. */
static void fault_of_kernel(const Block *b, const char *at, bool write) {
  sim_fault(running_call, inside(b, at) ? CUSIM_UNDECLARED_ACCESS : CUSIM_BOUNDS,
            "the kernel %s byte %td of an allocation of %zu%s", write ? "writes" : "reads",
            at - b->at, b->bytes,
            b->released ? ", which was released" : ", which its launch does not declare so");
  memory_escape();
}

static void fault_of_host(const Block *b, const char *at, bool write) {
  CusimRule rule;
  CudaCall call;
  const char *what = host_fault(b, at, write, &rule, &call);
  size_t page = (size_t)(at - b->map) / PAGE;
  if (what) sim_fault(call, rule, "%s (byte %td of %zu)", what, at - b->at, b->bytes);
  if (b->modes) b->modes[page] = OPEN;
  protect(b, page, page + 1, OPEN);
}

/* Comes at an instruction of this thread, which may have the lock. */
static void on_fault(int number, siginfo_t *info, void *context) {
  (void)number;
  bool locked = caller.inside;
  if (!locked) sim_lock();
  Block *b = block_at(info->si_addr);
  if (!b)
    sigaction(SIGSEGV, &before_us, NULL); /* not ours: as if we were not there */
  else if (running)
    fault_of_kernel(b, info->si_addr, is_write(context));
  else
    fault_of_host(b, info->si_addr, is_write(context));
  if (!locked) sim_unlock();
}

/* A division by zero ends a program here, and gives some number on a device. */
static void on_division(int number) {
  (void)number;
  if (!running) {
    sigaction(SIGFPE, &before_division, NULL);
    return;
  }
  sim_fault(running_call, CUSIM_ARITHMETIC, "the kernel divides by zero");
  memory_escape();
}

void memory_watch(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
  struct sigaction division = {.sa_handler = on_division, .sa_flags = SA_NODEFER};
  sigemptyset(&action.sa_mask);
  sigemptyset(&division.sa_mask);
  sigaction(SIGSEGV, &action, &before_us);
  sigaction(SIGFPE, &division, &before_division);
}

void memory_unwatch(void) {
  sigaction(SIGSEGV, &before_us, NULL);
  sigaction(SIGFPE, &before_division, NULL);
}

/* The pages on which the bytes lie shall be so. */
static void want(const Block *b, size_t from, size_t to, int mode) {
  size_t base = (size_t)(b->at - b->map);
  size_t first = (base + from) / PAGE, end = (base + to + PAGE - 1) / PAGE;
  if (end > first) memset(b->modes + b->mapped / PAGE + first, mode, end - first);
}

static bool want_for_commands(const Block *b) {
  bool any = false;
  for (int writes = 0; writes < 2; writes++)
    for (size_t s = 0; s < b->n_slices; s++)
      for (uint32_t i = 0; i < b->slices[s].n; i++) {
        const Record *r = &b->slices[s].at[i];
        if (r->number <= sim.host.of[r->thread] || r->write != (writes == 1)) continue;
        want(b, r->from, r->to, r->write ? PROT_NONE : PROT_READ);
        any = true;
      }
  return any;
}

/* Protects the pages that are not as they shall be. */
static void settle(Block *b) {
  size_t n = b->mapped / PAGE;
  unsigned char *have = b->modes, *wanted = b->modes + n;
  memcpy(wanted, have, n);
  want(b, 0, b->bytes, OPEN);
  b->shut = want_for_commands(b);
  for (size_t i = 0, end; i < n; i = end) {
    for (end = i + 1; end < n && wanted[end] == wanted[i] && have[end] == have[i];) end++;
    if (have[i] != wanted[i]) protect(b, i, end, wanted[i]);
  }
  memcpy(have, wanted, n);
}

/* Pages that hold what a command may write are closed; what it may read can be read.  A page that
 * holds other bytes too is opened by who touches those, and then no longer watched. */
void memory_settle(void) {
  for (Block *b = sim.blocks; b; b = b->next)
    if (b->device < 0 && !b->released && (b->shut || !race_quiet(b))) settle(b);
}

/* ---- a command ---- */

/* An access to what is closed ends it. */
static cudaError_t run_watched(CudaCall call, cudaError_t (*run)(void *payload), void *payload) {
  running_call = call;
  if (sigsetjmp(escape, 1)) {
    running = false;
    return cudaErrorIllegalAddress;
  }
  running = true;
  cudaError_t error = run(payload);
  running = false;
  return error;
}

cudaError_t memory_run(CudaCall call, const Access *accesses, uint32_t n,
                       cudaError_t (*run)(void *payload), void *payload) {
  Opening *opening = opening_create(accesses, n);
  if (!opening) {
    perror("cusim");
    abort();
  }
  running_accesses = accesses;
  running_n = n;
  cudaError_t error = run_watched(call, run, payload);
  opening_end(opening, call);
  return error;
}
