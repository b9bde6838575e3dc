/* Accesses cut where one of them begins or ends: from the least to the largest address, with how
 * many of them read and write what lies between two ends. */
#include "tests/cusim/pieces.h"

#include <stdlib.h>

typedef struct End {
  uintptr_t at;
  const Access *of;
  bool begins;
} End;

static int by_address(const void *a, const void *b) {
  const End *p = a, *q = b;
  return p->at < q->at ? -1 : p->at > q->at;
}

static void add_end(End *ends, uint32_t *n, const Access *a, bool begins) {
  ends[(*n)++] = (End){(uintptr_t)a->block->at + (begins ? a->from : a->to), a, begins};
}

static void add_piece(Piece *pieces, uint32_t *n, Piece p) {
  Piece *last = *n ? &pieces[*n - 1] : NULL;
  if (p.from == p.to || (!p.read && !p.write)) return;
  if (last && last->block == p.block && last->to == p.from && last->read == p.read &&
      last->write == p.write)
    last->to = p.to;
  else
    pieces[(*n)++] = p;
}

Piece *pieces_of(const Access *accesses, uint32_t n_accesses, uint32_t *n) {
  uint32_t n_ends = 0, reads = 0, writes = 0;
  End *ends = malloc((2 * (size_t)n_accesses + 1) * sizeof *ends);
  Piece *pieces = malloc((2 * (size_t)n_accesses + 1) * sizeof *pieces);
  *n = 0;
  if (!ends || !pieces) {
    free(ends);
    free(pieces);
    return NULL;
  }
  for (uint32_t i = 0; i < n_accesses; i++) {
    if (accesses[i].from == accesses[i].to) continue;
    add_end(ends, &n_ends, &accesses[i], true);
    add_end(ends, &n_ends, &accesses[i], false);
  }
  qsort(ends, n_ends, sizeof *ends, by_address);
  for (uint32_t i = 0; i < n_ends; i++) {
    const Access *a = ends[i].of;
    uint32_t step = ends[i].begins ? 1u : UINT32_MAX;
    reads += a->read ? step : 0;
    writes += a->write ? step : 0;
    if (!reads && !writes) continue; /* so the next end is of the same block */
    uintptr_t base = (uintptr_t)a->block->at;
    add_piece(pieces, n,
              (Piece){a->block, ends[i].at - base, ends[i + 1].at - base, reads > 0, writes > 0});
  }
  free(ends);
  return pieces;
}
