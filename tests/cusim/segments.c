/* Segments of a launch.
 *
 * Cells lie in one arena that every launch uses from its beginning: what is left in it is older
 * than the launch, and so means nothing. */
#include "tests/cusim/segments.h"
#include "tests/cusim/pieces.h"

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

static int by_begin(const void *a, const void *b) {
  uintptr_t p = ((const Segment *)a)->from, q = ((const Segment *)b)->from;
  return p < q ? -1 : p > q;
}

bool segments_set(const Access *accesses, uint32_t n) {
  for (uint32_t i = 0; i < n_segments; i++)
    if (segments[i].own) free(segments[i].cells);
  n_segments = 0;
  uint32_t n_pieces;
  Piece *pieces = pieces_of(accesses, n, &n_pieces);
  bool ok = pieces;
  for (uint32_t i = 0; ok && i < n_pieces; i++) {
    const Piece *p = &pieces[i];
    uintptr_t base = (uintptr_t)p->block->at;
    ok = add((Segment){.from = base + p->from,
                       .to = base + p->to,
                       .read = p->read,
                       .write = p->write,
                       .block = p->block});
  }
  free(pieces);
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
