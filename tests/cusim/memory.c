/* Memory: allocations on pages of their own, which can be touched only by who may.
 *
 * An allocation has a page before and behind that is never open, and between these and its bytes a
 * guard.  A command that runs sees the bytes that it declared: pages that hold no others are opened
 * as declared; on the others the bytes that are not declared are replaced while it runs, and must
 * be unchanged afterwards.  Bytes that it only writes hold no numbers before. */
#include "tests/cusim/fibers.h"
#include "tests/cusim/sim.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGE ((size_t)4096)
#define GUARD ((size_t)256) /* also the alignment that cudaMalloc promises */
#define NO_NUMBER 0xff      /* of each byte: not a number in every floating-point type */

/* ---- blocks ---- */

Block *block_create(size_t bytes, int device) {
  Block *b = calloc(1, sizeof *b);
  if (!b) return NULL;
  size_t inner = (bytes + 2 * GUARD + PAGE - 1) / PAGE * PAGE;
  b->mapped = inner + 2 * PAGE;
  b->map = mmap(NULL, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (b->map == MAP_FAILED) b->map = NULL;
  if (b->map && device >= 0) {
    b->shadow = calloc(1, b->mapped);
    b->pages = calloc(1, b->mapped / PAGE);
  }
  if (!b->map || (device >= 0 && (!b->shadow || !b->pages))) {
    block_destroy(b);
    return NULL;
  }
  mprotect(b->map + PAGE, inner, PROT_READ | PROT_WRITE);
  memset(b->map + PAGE, NO_NUMBER, inner);
  if (device >= 0) mprotect(b->map + PAGE, inner, PROT_NONE);
  b->at = b->map + PAGE + GUARD;
  b->bytes = bytes;
  b->device = device;
  b->next = sim.blocks;
  sim.blocks = b;
  return b;
}

bool block_whole(const Block *b) {
  const char *end = b->map + b->mapped - PAGE;
  for (const char *at = b->map + PAGE; at < end; at++) {
    if (at == b->at) at += b->bytes;
    if (at < end && (unsigned char)*at != NO_NUMBER) return false;
  }
  return true;
}

void block_release(Block *b) {
  b->released = true;
  mmap(b->map, b->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
       0);
  free(b->records);
  b->records = NULL;
  b->n_records = b->cap_records = 0;
}

void block_destroy(Block *b) {
  if (b->map) munmap(b->map, b->mapped);
  free(b->shadow);
  free(b->pages);
  free(b->records);
  free(b);
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
  for (uint32_t i = 0; i < b->n_records; i++) {
    const Record *r = &b->records[i];
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
  if (what) sim_fault(call, rule, "%s (byte %td of %zu)", what, at - b->at, b->bytes);
  mprotect(b->map + (size_t)(at - b->map) / PAGE * PAGE, PAGE, PROT_READ | PROT_WRITE);
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

static void protect(const Block *b, size_t from, size_t to, int mode) {
  size_t base = (size_t)(b->at - b->map);
  size_t first = (base + from) / PAGE, end = (base + to + PAGE - 1) / PAGE;
  if (end > first) mprotect(b->map + first * PAGE, (end - first) * PAGE, mode);
}

/* Pages that hold what a command may write are closed; what it may read can be read.  A page that
 * holds other bytes too is opened by who touches those, and then no longer watched. */
void memory_settle(void) {
  for (Block *b = sim.blocks; b; b = b->next) {
    if (b->device >= 0 || b->released || !b->n_records) continue;
    protect(b, 0, b->bytes, PROT_READ | PROT_WRITE);
    for (int writes = 0; writes < 2; writes++)
      for (uint32_t i = 0; i < b->n_records; i++) {
        const Record *r = &b->records[i];
        if (r->number > sim.host.of[r->thread] && r->write == (writes == 1))
          protect(b, r->from, r->to, r->write ? PROT_NONE : PROT_READ);
      }
  }
}

/* ---- a command's accesses ---- */

/* A page on which bytes lie that are not declared as written, and what they were. */
typedef struct Saved {
  struct Saved *next;
  Block *block;
  char *page;
  unsigned char bytes[];
} Saved;

static unsigned char *shadow_of(const Block *b, const char *at) {
  return b->shadow + (at - b->map);
}

static void mark(const Access *a, bool on) {
  Block *b = a->block;
  unsigned char bits = (unsigned char)((a->read ? BYTE_READ : 0) | (a->write ? BYTE_WRITE : 0));
  unsigned char *shadow = shadow_of(b, b->at);
  for (size_t i = a->from; i < a->to; i++)
    shadow[i] = (unsigned char)(on ? shadow[i] | bits : shadow[i] & BYTE_DEFINED);
  size_t base = (size_t)(b->at - b->map);
  for (size_t p = (base + a->from) / PAGE; p <= (base + a->to - 1) / PAGE; p++)
    b->pages[p] = (unsigned char)(on ? b->pages[p] | bits : 0);
}

/* Opens one page; *list grows when some of its bytes must stay. */
static bool open_page(Block *b, size_t p, Saved **list) {
  char *page = b->map + p * PAGE;
  const unsigned char *shadow = shadow_of(b, page);
  unsigned char any = 0, all = 0xff;
  for (size_t i = 0; i < PAGE; i++) any |= shadow[i], all &= shadow[i];
  any &= BYTE_READ | BYTE_WRITE, all &= BYTE_READ | BYTE_WRITE;
  mprotect(page, PAGE, PROT_READ | PROT_WRITE);
  if (!(any == BYTE_READ && all == BYTE_READ) && !(all & BYTE_WRITE)) {
    Saved *s = malloc(sizeof *s + PAGE);
    if (!s) return false;
    *s = (Saved){.next = *list, .block = b, .page = page};
    memcpy(s->bytes, page, PAGE);
    *list = s;
  }
  if (all != BYTE_READ)
    for (size_t i = 0; i < PAGE; i++)
      if (!(shadow[i] & BYTE_READ)) page[i] = (char)NO_NUMBER;
  if (!(any & BYTE_WRITE)) mprotect(page, PAGE, PROT_READ);
  return true;
}

/* What was not declared as written must be as it was. */
static void close_saved(Saved *s, CudaCall call) {
  const unsigned char *shadow = shadow_of(s->block, s->page);
  bool told = false;
  mprotect(s->page, PAGE, PROT_READ | PROT_WRITE);
  for (size_t i = 0; i < PAGE; i++) {
    if (shadow[i] & BYTE_WRITE) continue;
    unsigned char expected = shadow[i] & BYTE_READ ? s->bytes[i] : NO_NUMBER;
    if ((unsigned char)s->page[i] != expected && !told) {
      bool in = inside(s->block, s->page + i);
      sim_fault(call, in ? CUSIM_UNDECLARED_WRITE : CUSIM_BOUNDS,
                "the kernel wrote byte %td of an allocation of %zu, which %s",
                s->page + i - s->block->at, s->block->bytes,
                in ? "its launch does not declare as written" : "is outside of it");
      told = true;
    }
    s->page[i] = (char)s->bytes[i];
  }
}

static bool open_all(const Access *accesses, uint32_t n, Saved **list) {
  for (uint32_t i = 0; i < n; i++)
    if (accesses[i].block->device >= 0) mark(&accesses[i], true);
  for (uint32_t i = 0; i < n; i++) {
    Block *b = accesses[i].block;
    if (b->device < 0) {
      protect(b, accesses[i].from, accesses[i].to, PROT_READ | PROT_WRITE);
      continue;
    }
    size_t base = (size_t)(b->at - b->map);
    for (size_t p = (base + accesses[i].from) / PAGE; p <= (base + accesses[i].to - 1) / PAGE; p++)
      if (b->pages[p]) {
        if (!open_page(b, p, list)) return false;
        b->pages[p] = 0;
      }
  }
  return true;
}

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
  Saved *saved = NULL;
  bool host = false;
  if (!open_all(accesses, n, &saved)) {
    perror("cusim");
    abort();
  }
  running_accesses = accesses;
  running_n = n;
  cudaError_t error = run_watched(call, run, payload);
  for (Saved *s = saved, *next; s; s = next) {
    next = s->next;
    close_saved(s, call);
    free(s);
  }
  for (uint32_t i = 0; i < n; i++) {
    Block *b = accesses[i].block;
    host |= b->device < 0;
    if (b->device < 0) continue;
    mark(&accesses[i], false);
    protect(b, accesses[i].from, accesses[i].to, PROT_NONE);
  }
  if (host) memory_settle();
  return error;
}
