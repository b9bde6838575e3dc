/* Two greedies, the better one wins.
 *
 * By size: the largest first, each at the lowest gap among those already placed whose lives touch
 * its own (quadratic, for up to PAIRWISE_MAX items).  By time: a sweep over the steps with a free
 * list, best fit, for graphs of any size. */
#include "compiler/place.h"

#include <stdlib.h>
#include <string.h>

#define PAIRWISE_MAX 30000

typedef struct Placer {
  PlaceItem *items;
  uint32_t n;
  uint32_t *order; /* permutation under work */
  int64_t *offset; /* result of the greedy under work */
} Placer;

static int by_size(const void *a, const void *b, void *context) {
  const PlaceItem *items = context;
  const PlaceItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int by_start(const void *a, const void *b, void *context) {
  const PlaceItem *items = context;
  const PlaceItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return by_size(a, b, context);
}

/* Placed items, kept sorted by offset. */
static int64_t greedy_by_size(Placer *p) {
  uint32_t *sorted = calloc(p->n + 1, sizeof *sorted);
  if (!sorted) return -1;
  int64_t top = 0;
  qsort_r(p->order, p->n, sizeof *p->order, by_size, p->items);
  for (uint32_t k = 0; k < p->n; k++) {
    const PlaceItem *item = &p->items[p->order[k]];
    int64_t at = 0, best = -1, best_gap = INT64_MAX;
    for (uint32_t j = 0; j < k; j++) {
      const PlaceItem *other = &p->items[sorted[j]];
      if (other->end < item->start || other->start > item->end) continue;
      int64_t gap = p->offset[sorted[j]] - at;
      if (gap >= item->bytes && gap < best_gap) best = at, best_gap = gap;
      int64_t end = p->offset[sorted[j]] + other->bytes;
      if (end > at) at = end;
    }
    if (best < 0) best = at;
    p->offset[p->order[k]] = best;
    if (best + item->bytes > top) top = best + item->bytes;
    uint32_t slot = k;
    while (slot && p->offset[sorted[slot - 1]] > best) {
      sorted[slot] = sorted[slot - 1];
      slot--;
    }
    sorted[slot] = p->order[k];
  }
  free(sorted);
  return top;
}

typedef struct Hole {
  int64_t offset, bytes;
} Hole;

typedef struct Holes {
  Hole *list; /* by offset, disjoint, merged */
  uint32_t n;
  int64_t top;
} Holes;

static int64_t holes_take(Holes *h, int64_t bytes) {
  uint32_t best = UINT32_MAX;
  for (uint32_t i = 0; i < h->n; i++)
    if (h->list[i].bytes >= bytes && (best == UINT32_MAX || h->list[i].bytes < h->list[best].bytes))
      best = i;
  if (best == UINT32_MAX) {
    /* Grow from a hole at the very top, if there is one. */
    Hole *last = h->n ? &h->list[h->n - 1] : NULL;
    int64_t at = h->top;
    if (last && last->offset + last->bytes == h->top) {
      at = last->offset;
      h->n--;
    }
    h->top = at + bytes;
    return at;
  }
  int64_t at = h->list[best].offset;
  h->list[best].offset += bytes;
  h->list[best].bytes -= bytes;
  if (h->list[best].bytes == 0) {
    memmove(&h->list[best], &h->list[best + 1], (h->n - best - 1) * sizeof *h->list);
    h->n--;
  }
  return at;
}

static void holes_give(Holes *h, int64_t offset, int64_t bytes) {
  uint32_t i = h->n;
  while (i && h->list[i - 1].offset > offset) i--;
  bool left = i && h->list[i - 1].offset + h->list[i - 1].bytes == offset;
  bool right = i < h->n && offset + bytes == h->list[i].offset;
  if (left) {
    h->list[i - 1].bytes += bytes + (right ? h->list[i].bytes : 0);
    if (right) {
      memmove(&h->list[i], &h->list[i + 1], (h->n - i - 1) * sizeof *h->list);
      h->n--;
    }
  } else if (right) {
    h->list[i].offset = offset;
    h->list[i].bytes += bytes;
  } else {
    memmove(&h->list[i + 1], &h->list[i], (h->n - i) * sizeof *h->list);
    h->list[i] = (Hole){offset, bytes};
    h->n++;
  }
}

static int by_end(const void *a, const void *b, void *context) {
  const PlaceItem *items = context;
  const PlaceItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int64_t greedy_by_time(Placer *p) {
  Holes h = {calloc(p->n + 2, sizeof *h.list), 0, 0};
  uint32_t *ends = calloc(p->n + 1, sizeof *ends), next_end = 0;
  if (!h.list || !ends) {
    free(h.list);
    free(ends);
    return -1;
  }
  for (uint32_t i = 0; i < p->n; i++) p->order[i] = ends[i] = i;
  qsort_r(p->order, p->n, sizeof *p->order, by_start, p->items);
  qsort_r(ends, p->n, sizeof *ends, by_end, p->items);
  for (uint32_t k = 0; k < p->n; k++) {
    const PlaceItem *item = &p->items[p->order[k]];
    for (; next_end < p->n && p->items[ends[next_end]].end < item->start; next_end++)
      holes_give(&h, p->offset[ends[next_end]], p->items[ends[next_end]].bytes);
    p->offset[p->order[k]] = holes_take(&h, item->bytes);
  }
  free(h.list);
  free(ends);
  return h.top;
}

Status place_items(PlaceItem *items, uint32_t n, Diag *diag, int64_t *out_bytes) {
  Placer p = {items, n, calloc(n + 1, sizeof(uint32_t)), calloc(n + 1, sizeof(int64_t))};
  int64_t *first = calloc(n + 1, sizeof *first);
  int64_t timed = -1, sized = -1;
  if (p.order && p.offset && first) {
    timed = greedy_by_time(&p);
    memcpy(first, p.offset, n * sizeof *first);
    if (timed >= 0 && n <= PAIRWISE_MAX) sized = greedy_by_size(&p);
  }
  if (timed >= 0)
    for (uint32_t i = 0; i < n; i++)
      items[i].offset = sized >= 0 && sized <= timed ? p.offset[i] : first[i];
  *out_bytes = sized >= 0 && sized <= timed ? sized : timed;
  free(p.order);
  free(p.offset);
  free(first);
  return timed < 0 ? diag_no_memory(diag, n * sizeof *items) : STATUS_OK;
}
