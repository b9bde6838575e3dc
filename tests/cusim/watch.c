/* Watches accesses: declared or not, written before they are read, ordered or racing.
 *
 * Time is one counter, which goes on when a block begins, at a barrier and when a whole warp waits.
 * All running threads of a block are between the same two barriers.  So a mark of a cell tells by
 * its time alone whether it is of another launch, of another block of this one, from before the
 * last barrier, or of now.  Of now, two threads are ordered only by a wait of their warp. */
#include "tests/cusim/watch.h"
#include "tests/cusim/fibers.h"
#include "tests/cusim/segments.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MOST 3000000000u
#define STACK_MOST ((ptrdiff_t)8 << 20)

static struct {
  const CusimModule *module;
  const CusimEntry *entry;
  const CusimPlace *place;
  uint32_t now, launch, block, barrier; /* when each began */
  uint32_t warps[32];                   /* when each last waited */
  Segment *recent[64];                  /* of pages, where it was found */
  bool told;                            /* of this launch */
  const char *stack; /* of the caller: threads without fibers have theirs below it */
} watch;

/* ---- faults ---- */

/* The line of the text, if the tools are there. */
static int line_of(const void *pc) {
  Dl_info info;
  char command[400];
  int line = 0;
  if (!pc || sim.report.faults || !dladdr(pc, &info)) return 0;
  snprintf(command, sizeof command, "addr2line -e '%s' 0x%tx 2>/dev/null", info.dli_fname,
           (const char *)pc - 1 - (const char *)info.dli_fbase);
  FILE *f = popen(command, "r");
  if (!f) return 0;
  if (fscanf(f, "%*[^:]:%d", &line) != 1) line = 0;
  pclose(f);
  return line;
}

static __attribute__((noinline, format(printf, 3, 4))) void tell(CusimRule rule, int line,
                                                                 const char *format, ...) {
  char what[160], where[32] = "";
  const CusimIndex at = watch.place->block;
  va_list list;
  if (watch.told) return;
  watch.told = true;
  va_start(list, format);
  vsnprintf(what, sizeof what, format, list);
  va_end(list);
  if (line) snprintf(where, sizeof where, ", line %d", line);
  sim_fault(CUDA_CALL_cudaLaunchKernel, rule, "'%s', block (%u, %u, %u), thread %u%s: %s",
            watch.entry->name, at.x, at.y, at.z, watch.place->number, where, what);
}

static const char *verb(bool write) {
  return write ? "writes" : "reads";
}

/* Where an address is, in words. */
static const char *place_of(uintptr_t at, const Segment *s, char text[96]) {
  const Block *b = s ? s->block : block_at((const void *)at);
  if (s && s->shared)
    snprintf(text, 96, "byte %tu of shared memory", at - s->from);
  else if (b)
    snprintf(text, 96, "byte %td of an allocation of %zu", (const char *)at - b->at, b->bytes);
  else
    snprintf(text, 96, "%p", (const void *)at);
  return text;
}

/* Whether it is memory of the module that threads may share: of another kernel, or too far. */
static bool is_shared(const char *p) {
  const CusimModule *m = watch.module;
  if (p >= m->dynamic && p < m->dynamic + CUSIM_DYNAMIC_BYTES) return true;
  for (unsigned i = 0; i < m->n_entries; i++) {
    const CusimEntry *e = &m->entries[i];
    if ((p >= e->shared && p < e->shared_end) || (p >= e->common && p < e->common_end)) return true;
  }
  return false;
}

/* An access to what is no segment.  Stacks and constants are the thread's own. */
static __attribute__((noinline)) void outside(uintptr_t at, size_t bytes, bool write,
                                              const void *pc) {
  const char *p = (const char *)at;
  const CusimModule *m = watch.module;
  char where[96];
  bool of_module = p >= m->image && p < m->image_end;
  if (fibers_hold(p) || (p < watch.stack && p > watch.stack - STACK_MOST)) return;
  if (of_module && !write && !is_shared(p)) return;
  const Block *b = block_at(p);
  bool inside = b && p >= b->at && p < b->at + b->bytes;
  if (of_module)
    tell(CUSIM_SHARED_BOUNDS, line_of(pc), "%s %zu bytes beyond its block's shared memory",
         verb(write), bytes);
  else
    tell(inside ? CUSIM_UNDECLARED_ACCESS : CUSIM_BOUNDS, line_of(pc), "%s %s, which %s",
         verb(write), place_of(at, NULL, where),
         inside ? "its launch does not declare" : "is no memory of its own");
  memory_escape();
}

static __attribute__((noinline)) void forbidden(uintptr_t at, const Segment *s, const void *pc) {
  char where[96];
  tell(CUSIM_UNDECLARED_WRITE, line_of(pc), "writes %s, which its launch declares as read",
       place_of(at, s, where));
  memory_escape();
}

static __attribute__((noinline)) void misaligned(uintptr_t at, size_t bytes, const void *pc) {
  tell(CUSIM_MISALIGNED, line_of(pc), "an atomic of %zu bytes at %p", bytes, (const void *)at);
  memory_escape();
}

static __attribute__((noinline)) void undefined_bytes(uintptr_t at, const Segment *s,
                                                      const void *pc) {
  char where[96];
  if (watch.told) return;
  tell(s->shared ? CUSIM_SHARED_UNDEFINED : CUSIM_UNDEFINED, line_of(pc),
       "reads %s, which nobody wrote", place_of(at, s, where));
}

static __attribute__((noinline)) void race(uintptr_t at, const Segment *s, const Mark *old,
                                           bool write, bool old_write, const void *pc) {
  char where[96], who[40];
  if (watch.told) return;
  bool grid = old->at < watch.block || old->flags & MARK_OTHERS;
  if (grid)
    snprintf(who, sizeof who, "another block");
  else if (old->thread < MARK_WARP)
    snprintf(who, sizeof who, "thread %u", old->thread);
  else
    snprintf(who, sizeof who, "other threads");
  tell(grid ? CUSIM_GRID_RACE : CUSIM_BLOCK_RACE, line_of(pc), "%s %s, which %s %s%s", verb(write),
       place_of(at, s, where), who, old_write ? "wrote" : "read",
       grid ? "" : ": no barrier is between");
}

/* ---- marks ---- */

/* Two threads between the same barriers. */
static inline bool in_order(const Mark *m, unsigned me) {
  if (m->thread == me) return true;
  if (m->thread == MARK_MANY) return false;
  unsigned warp = m->thread & MARK_WARP ? m->thread & 31u : m->thread / 32u;
  return warp == me / 32 && m->at < watch.warps[warp];
}

/* Whether what the mark tells is not known to be before this thread's access. */
static inline bool conflicts(const Mark *m, const Segment *s, unsigned me) {
  if (m->at < watch.launch) return false;
  if (m->at < watch.block) return !s->shared;
  if (m->flags & MARK_OTHERS && !s->shared) return true;
  return m->at >= watch.barrier && !in_order(m, me);
}

static inline void mark(Mark *m, const Segment *s, unsigned me, unsigned flags) {
  unsigned thread = me;
  if (m->at >= watch.launch) {
    if (!s->shared && (m->at < watch.block || m->flags & MARK_OTHERS)) flags |= MARK_OTHERS;
    if (m->at >= watch.barrier && !in_order(m, me)) {
      unsigned warp = m->thread & MARK_WARP ? m->thread & 31u : m->thread / 32u;
      thread = m->thread != MARK_MANY && warp == me / 32 ? MARK_WARP | warp : MARK_MANY;
    }
  }
  *m = (Mark){watch.now, (uint16_t)thread, (uint16_t)flags};
}

typedef enum Kind { READS, WRITES, ATOMIC } Kind;

static inline bool fresh(const Cell *c, const Segment *s) {
  return c->write.at >= (s->shared ? watch.block : watch.launch);
}

static inline void touch_cell(uintptr_t at, Segment *s, Cell *c, Kind kind, const void *pc) {
  const unsigned me = watch.place->number;
  bool both_atomic = kind == ATOMIC && c->write.flags & MARK_ATOMIC;
  if (kind != WRITES && (s->shared || !s->read) && !fresh(c, s)) undefined_bytes(at, s, pc);
  if (!both_atomic && conflicts(&c->write, s, me)) race(at, s, &c->write, kind != READS, true, pc);
  if (kind == READS) {
    mark(&c->read, s, me, 0);
    return;
  }
  if (conflicts(&c->read, s, me)) race(at, s, &c->read, true, false, pc);
  bool plain = kind == WRITES || (c->write.at >= watch.barrier && !(c->write.flags & MARK_ATOMIC));
  mark(&c->write, s, me, plain ? 0 : MARK_ATOMIC);
}

/* An access of any size, of one segment or several. */
static __attribute__((noinline)) void touch_slowly(uintptr_t at, size_t bytes, Kind kind,
                                                   const void *pc) {
  while (bytes) {
    Segment *s = segments_find(at);
    if (!s) {
      outside(at, bytes, kind != READS, pc);
      return;
    }
    if (kind != READS && !s->write) forbidden(at, s, pc);
    size_t here = s->to - at < bytes ? s->to - at : bytes, size = (size_t)1 << s->shift;
    while ((at | (at + here)) & (size - 1)) size /= 2;
    if (size < (size_t)1 << s->shift && !segment_split(s, (uint8_t)__builtin_ctzl(size))) {
      perror("cusim");
      abort();
    }
    for (size_t k = 0; k < here; k += size)
      touch_cell(at + k, s, &s->cells[segment_cell(s, at + k)], kind, pc);
    at += here;
    bytes -= here;
  }
}

static inline void touch(const void *where, size_t bytes, Kind kind, const void *pc) {
  uintptr_t at = (uintptr_t)where;
  Segment **recent = &watch.recent[at >> 12 & 63], *s = *recent;
  if (!s || at < s->from || at >= s->to) {
    s = segments_find(at);
    if (!s) {
      outside(at, bytes, kind != READS, pc);
      return;
    }
    *recent = s;
  }
  size_t size = (size_t)1 << s->shift;
  if (((at | bytes) & (size - 1)) || at + bytes > s->to || (kind != READS && !s->write)) {
    touch_slowly(at, bytes, kind, pc);
    return;
  }
  Cell *c = &s->cells[segment_cell(s, at)];
  for (size_t k = 0; k < bytes; k += size) touch_cell(at + k, s, c++, kind, pc);
}

static void on_read(const void *at, unsigned long bytes, const void *pc) {
  touch(at, bytes, READS, pc);
}
static void on_write(const void *at, unsigned long bytes, const void *pc) {
  touch(at, bytes, WRITES, pc);
}
static void on_read4(const void *at, const void *pc) {
  touch(at, 4, READS, pc);
}
static void on_write4(const void *at, const void *pc) {
  touch(at, 4, WRITES, pc);
}
static void on_atomic(const void *at, unsigned long bytes, const void *pc) {
  if ((uintptr_t)at & (bytes - 1)) misaligned((uintptr_t)at, bytes, pc);
  touch(at, bytes, ATOMIC, pc);
}

static void on_undefined(CusimUndefined what, int line) {
  static const char *const texts[] = {
      "a conversion to an integer type that does not have the number",
      "a shift by more than the number has bits", "a division without a result",
      "an index beyond its array", "an address that is not aligned for its type"};
  tell(what == CUSIM_INDEX       ? CUSIM_ARRAY_INDEX
       : what == CUSIM_ALIGNMENT ? CUSIM_MISALIGNED
                                 : CUSIM_ARITHMETIC,
       line, "%s", texts[what]);
  if (what == CUSIM_INDEX || what == CUSIM_ALIGNMENT || what == CUSIM_DIVISION) memory_escape();
}

/* ---- time ---- */

bool watch_begin(const CusimModule *module, const CusimEntry *entry, size_t dynamic,
                 const void *stack, CusimHost *host) {
  uint32_t n;
  const Access *accesses = memory_accesses(&n);
  host->read = on_read;
  host->write = on_write;
  host->read4 = on_read4;
  host->write4 = on_write4;
  host->atomic = on_atomic;
  host->undefined = on_undefined;
  if (watch.now > TIME_MOST) {
    segments_clear();
    watch.now = 0;
  }
  uint32_t now = watch.now + 1;
  memset(&watch, 0, sizeof watch);
  watch.module = module;
  watch.entry = entry;
  watch.place = module->place;
  watch.now = watch.launch = watch.block = watch.barrier = now;
  watch.stack = stack;
  return segments_set(accesses, n) && segments_add_shared(entry->shared, entry->shared_end) &&
         segments_add_shared(entry->common, entry->common_end) &&
         segments_add_shared(module->dynamic, module->dynamic + dynamic) && segments_done();
}

void watch_block(void) {
  watch.block = watch.barrier = ++watch.now;
}

void watch_barrier(void) {
  watch.barrier = ++watch.now;
}

void watch_warp(unsigned warp) {
  watch.warps[warp] = ++watch.now;
}

/* Bytes that nobody writes hold something else in each run. */
void watch_end(void) {
  uint32_t n;
  Segment *all = segments_all(&n);
  for (uint32_t i = 0; i < n && !watch.told; i++) {
    Segment *s = &all[i];
    if (s->shared || s->read || !s->write) continue;
    for (size_t at = s->from; at < s->to; at = (at | (((size_t)1 << s->shift) - 1)) + 1)
      if (s->cells[segment_cell(s, at)].write.at < watch.launch) {
        sim_fault(CUDA_CALL_cudaLaunchKernel, CUSIM_UNWRITTEN,
                  "'%s' does not write byte %td of an allocation of %zu, which its launch declares "
                  "as written",
                  watch.entry->name, (const char *)at - s->block->at, s->block->bytes);
        watch.told = true;
        break;
      }
  }
}
