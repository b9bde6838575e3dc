/* The cut of rows into shards, by the declaration of the batch or by rows alone. */
#include "kernels/shards.h"

Shards shards_rows(const Graph *graph, uint32_t batch, int64_t rows, uint32_t shards) {
  Shards s = {1, rows, 1, 1};
  int64_t parts = 1;
  if (batch && batch < graph->n_batches) {
    const Batch *b = &graph->batches[batch];
    /* Rows that are units (one row for each identity) also follow the declaration. */
    if (batch_rows(b) == rows)
      s = (Shards){b->groups, b->units, b->unit, 1};
    else if (b->units * b->unit == rows)
      s = (Shards){1, b->units, b->unit, 1}; /* the rows of one group */
    if (b->parts) parts = b->parts;
  }
  int64_t n = s.units * parts < (int64_t)shards ? s.units * parts : (int64_t)shards;
  s.n = (uint32_t)(n / parts);
  if (s.n == 0) s.n = 1;
  return s;
}

void shards_segment(const Shards *s, uint32_t j, int64_t g, int64_t *first, int64_t *last) {
  int64_t base = g * s->units;
  *first = (base + (int64_t)j * s->units / s->n) * s->unit;
  *last = (base + (int64_t)(j + 1) * s->units / s->n) * s->unit;
}
