/* Segments of a launch.
 *
 * Cells lie in one arena that every launch uses from its beginning: what is left in it is older
 * than the launch, and so means nothing. */
#include "tests/cusim/segments.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static Segment *segments;
static uint32_t n_segments, cap_segments;
static Cell *arena;
static size_t cap_arena; /* bytes */

Segment *segments_all(uint32_t *n) {
  *n = n_segments;
  return segments;
}

static bool add(Segment s) {
  if (n_segments == cap_segments) {
    uint32_t cap = cap_segments ? 2 * cap_segments : 64;
    Segment *grown = realloc(segments, cap * sizeof *grown);
    if (!grown) return false;
    segments = grown;
    cap_segments = cap;
  }
  segments[n_segments++] = s;
  return true;
}

static uintptr_t begin_of(const Access *a) {
  return (uintptr_t)a->block->at + a->from;
}
static uintptr_t end_of(const Access *a) {
  return (uintptr_t)a->block->at + a->to;
}

static int by_address(const void *a, const void *b) {
  uintptr_t p = *(const uintptr_t *)a, q = *(const uintptr_t *)b;
  return p < q ? -1 : p > q;
}

static int by_begin(const void *a, const void *b) {
  return by_address(&((const Segment *)a)->from, &((const Segment *)b)->from);
}

/* Between two neighbouring ends of accesses all bytes are declared alike. */
static bool add_pieces(const Access *accesses, uint32_t n, const uintptr_t *ends, uint32_t n_ends) {
  for (uint32_t k = 0; k + 1 < n_ends; k++) {
    Segment s = {.from = ends[k], .to = ends[k + 1]};
    if (s.from == s.to) continue;
    for (uint32_t i = 0; i < n; i++) {
      if (begin_of(&accesses[i]) > s.from || end_of(&accesses[i]) < s.to) continue;
      s.block = accesses[i].block;
      s.read |= accesses[i].read;
      s.write |= accesses[i].write;
    }
    if (!s.block) continue;
    Segment *last = n_segments ? &segments[n_segments - 1] : NULL;
    if (last && last->to == s.from && last->read == s.read && last->write == s.write)
      last->to = s.to;
    else if (!add(s))
      return false;
  }
  return true;
}

bool segments_set(const Access *accesses, uint32_t n) {
  for (uint32_t i = 0; i < n_segments; i++)
    if (segments[i].own) free(segments[i].cells);
  n_segments = 0;
  uintptr_t *ends = malloc((2 * n + 1) * sizeof *ends);
  if (!ends) return false;
  for (uint32_t i = 0; i < n; i++) {
    ends[2 * i] = begin_of(&accesses[i]);
    ends[2 * i + 1] = end_of(&accesses[i]);
  }
  qsort(ends, 2 * n, sizeof *ends, by_address);
  bool ok = add_pieces(accesses, n, ends, 2 * n);
  free(ends);
  return ok;
}

bool segments_add_shared(char *from, char *to) {
  return from == to || add((Segment){.from = (uintptr_t)from,
                                     .to = (uintptr_t)to,
                                     .read = true,
                                     .write = true,
                                     .shared = true});
}

#define PLAIN_SHIFT 2
bool segments_done(void) {
  size_t cells = 0;
  qsort(segments, n_segments, sizeof *segments, by_begin);
  for (uint32_t i = 0; i < n_segments; i++) {
    segments[i].shift = PLAIN_SHIFT;
    cells += segment_cell(&segments[i], segments[i].to) + 1;
  }
  if (cells * sizeof *arena > cap_arena) {
    if (arena) munmap(arena, cap_arena);
    cap_arena = 2 * cells * sizeof *arena;
    arena = mmap(NULL, cap_arena, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) {
      arena = NULL;
      cap_arena = 0;
      return false;
    }
  }
  Cell *at = arena;
  for (uint32_t i = 0; i < n_segments; i++) {
    segments[i].cells = at;
    at += segment_cell(&segments[i], segments[i].to) + 1;
  }
  return true;
}

void segments_clear(void) {
  if (arena) memset(arena, 0, cap_arena);
}

Segment *segments_find(uintptr_t at) {
  uint32_t low = 0, high = n_segments;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    if (segments[middle].to <= at)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n_segments && segments[low].from <= at ? &segments[low] : NULL;
}

bool segment_split(Segment *s, uint8_t shift) {
  size_t n = segment_cell(s, s->to) + 1, parts = (size_t)1 << (s->shift - shift);
  Cell *cells = malloc(n * parts * sizeof *cells);
  if (!cells) return false;
  for (size_t i = 0; i < n * parts; i++) cells[i] = s->cells[i / parts];
  if (s->own) free(s->cells);
  s->cells = cells;
  s->own = true;
  s->shift = shift;
  return true;
}
