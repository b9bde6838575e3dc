/* Several greedies, the best one wins.
 *
 * In an order of importance (by the fullest step of a life, by size, by size times life, by life):
 * each at the tightest gap among those that have one whose lives touch its own (quadratic, for up
 * to PAIRWISE_MAX items); then again and again with the items that stuck out beyond the lower bound
 * moved to the front.  By time: a sweep over the steps with a free list, best fit, for graphs of
 * any size.  Rounds are limited in units of work, never by a clock. */
#include "compiler/offset_search.h"

#include <stdlib.h>
#include <string.h>

#define PAIRWISE_MAX 30000
#define ROUNDS_MAX 24
#define ROUNDS_WORK 5e7  /* pairs of items that the rounds of one order look at beyond the first */
#define GOOD_ENOUGH 5000 /* rounds end at the lower bound and this part of it */

typedef struct Search {
  OffsetItem *items;
  uint32_t n;
  uint32_t *order;  /* permutation under work */
  int64_t *offset;  /* result of the greedy under work */
  int64_t *breadth; /* of each item: the largest sum of bytes alive at a step of its life */
} Search;

static int by_size(const void *a, const void *b, void *context) {
  const OffsetItem *items = ((const Search *)context)->items;
  const OffsetItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int by_start(const void *a, const void *b, void *context) {
  const OffsetItem *items = ((const Search *)context)->items;
  const OffsetItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->start != y->start) return x->start < y->start ? -1 : 1;
  return by_size(a, b, context);
}

static int64_t life(const OffsetItem *item) {
  return (int64_t)item->end - item->start + 1;
}

static int by_area(const void *a, const void *b, void *context) {
  const OffsetItem *items = ((const Search *)context)->items;
  const OffsetItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  double p = (double)x->bytes * (double)life(x), q = (double)y->bytes * (double)life(y);
  if (p < q || p > q) return p > q ? -1 : 1;
  return by_size(a, b, context);
}

static int by_life(const void *a, const void *b, void *context) {
  const OffsetItem *items = ((const Search *)context)->items;
  const OffsetItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (life(x) != life(y)) return life(x) > life(y) ? -1 : 1;
  return by_size(a, b, context);
}

/* Around the peak there is no freedom: what lives there is placed first. */
static int by_breadth(const void *a, const void *b, void *context) {
  const int64_t *breadth = ((const Search *)context)->breadth;
  int64_t x = breadth[*(const uint32_t *)a], y = breadth[*(const uint32_t *)b];
  if (x != y) return x > y ? -1 : 1;
  return by_area(a, b, context);
}

typedef int (*Compare)(const void *, const void *, void *);

typedef struct Range {
  int64_t offset, top;
} Range;

typedef struct Life {
  uint32_t start, end;
} Life;

/* Those that have an offset, sorted by it: two lists, since most lives do not meet an item's and
 * their ranges are then never read. */
typedef struct Found {
  Range *ranges;
  Life *lives;
  uint32_t *meet; /* scratch: whose lives meet the item's */
  uint32_t n;
} Found;

/* The start of the tightest gap. */
static int64_t find_gap(const Found *f, const OffsetItem *item) {
  int64_t at = 0, best = -1, best_gap = INT64_MAX;
  uint32_t start = item->start, end = item->end, n = 0;
  for (uint32_t j = 0; j < f->n; j++) { /* without a branch: which ones meet cannot be foretold */
    f->meet[n] = j;
    n += (uint32_t)(f->lives[j].end >= start) & (uint32_t)(f->lives[j].start <= end);
  }
  for (uint32_t k = 0; k < n && best_gap > item->bytes; k++) {
    const Range *other = &f->ranges[f->meet[k]];
    int64_t gap = other->offset - at;
    if (gap >= item->bytes && gap < best_gap) best = at, best_gap = gap;
    if (other->top > at) at = other->top;
  }
  return best < 0 ? at : best;
}

static void found_add(Found *f, const OffsetItem *item, int64_t offset) {
  uint32_t slot = f->n++;
  while (slot && f->ranges[slot - 1].offset > offset) slot--;
  size_t behind = f->n - 1 - slot;
  memmove(&f->ranges[slot + 1], &f->ranges[slot], behind * sizeof *f->ranges);
  memmove(&f->lives[slot + 1], &f->lives[slot], behind * sizeof *f->lives);
  f->ranges[slot] = (Range){offset, offset + item->bytes};
  f->lives[slot] = (Life){item->start, item->end};
}

/* Finds offsets of the items in p->order. */
static int64_t greedy_in_order(Search *p) {
  Found f = {malloc((p->n + 1) * sizeof *f.ranges), malloc((p->n + 1) * sizeof *f.lives),
             malloc((p->n + 1) * sizeof *f.meet), 0};
  int64_t top = f.ranges && f.lives && f.meet ? 0 : -1;
  for (uint32_t k = 0; top >= 0 && k < p->n; k++) {
    const OffsetItem *item = &p->items[p->order[k]];
    int64_t offset = find_gap(&f, item);
    p->offset[p->order[k]] = offset;
    if (offset + item->bytes > top) top = offset + item->bytes;
    found_add(&f, item, offset);
  }
  free(f.ranges);
  free(f.lives);
  free(f.meet);
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
  const OffsetItem *items = ((const Search *)context)->items;
  const OffsetItem *x = &items[*(const uint32_t *)a], *y = &items[*(const uint32_t *)b];
  if (x->end != y->end) return x->end < y->end ? -1 : 1;
  return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

static int64_t greedy_by_time(Search *p) {
  Holes h = {calloc(p->n + 2, sizeof *h.list), 0, 0};
  uint32_t *ends = calloc(p->n + 1, sizeof *ends), next_end = 0;
  if (!h.list || !ends) {
    free(h.list);
    free(ends);
    return -1;
  }
  for (uint32_t i = 0; i < p->n; i++) p->order[i] = ends[i] = i;
  qsort_r(p->order, p->n, sizeof *p->order, by_start, p);
  qsort_r(ends, p->n, sizeof *ends, by_end, p);
  for (uint32_t k = 0; k < p->n; k++) {
    const OffsetItem *item = &p->items[p->order[k]];
    for (; next_end < p->n && p->items[ends[next_end]].end < item->start; next_end++)
      holes_give(&h, p->offset[ends[next_end]], p->items[ends[next_end]].bytes);
    p->offset[p->order[k]] = holes_take(&h, item->bytes);
  }
  free(h.list);
  free(ends);
  return h.top;
}

/* Takes over the offsets in p->offset when their top is lower than the best so far. */
static void keep_better(Search *p, int64_t top, int64_t *best) {
  if (top < 0 || (*best >= 0 && top >= *best)) return;
  *best = top;
  for (uint32_t i = 0; i < p->n; i++) p->items[i].offset = p->offset[i];
}

/* The sum of bytes alive at each step up to the last; the caller frees. NULL: out of memory. */
static int64_t *alive_bytes(const OffsetItem *items, uint32_t n, uint32_t *out_steps) {
  uint32_t steps = 1;
  for (uint32_t i = 0; i < n; i++)
    if (items[i].end >= steps) steps = items[i].end + 1;
  int64_t *alive = calloc((size_t)steps + 1, sizeof *alive);
  *out_steps = steps;
  if (!alive) return NULL;
  for (uint32_t i = 0; i < n; i++) {
    alive[items[i].start] += items[i].bytes;
    alive[items[i].end + 1] -= items[i].bytes;
  }
  for (uint32_t s = 1; s <= steps; s++) alive[s] += alive[s - 1];
  return alive;
}

bool offset_bound(const OffsetItem *items, uint32_t n, OffsetBound *out) {
  uint32_t steps;
  int64_t *alive = alive_bytes(items, n, &steps);
  *out = (OffsetBound){0, 0};
  if (!alive) return false;
  for (uint32_t s = 0; s < steps; s++)
    if (alive[s] > out->bytes) *out = (OffsetBound){alive[s], s};
  free(alive);
  return true;
}

/* Maxima over powers of two of steps, level by level: a life is covered by two of them that
 * overlap, so each item costs two reads whatever its length. */
static bool find_breadth(Search *p) {
  uint32_t steps;
  int64_t *most = alive_bytes(p->items, p->n, &steps);
  if (!most) return false;
  for (uint32_t width = 1; width <= steps && width; width *= 2) {
    for (uint32_t i = 0; i < p->n; i++) {
      const OffsetItem *item = &p->items[i];
      uint32_t length = item->end - item->start + 1;
      if (length < width || length / 2 >= width) continue; /* width: the greatest that fits */
      int64_t a = most[item->start], b = most[item->end + 1 - width];
      p->breadth[i] = a > b ? a : b;
    }
    for (uint32_t s = 0; s + width < steps; s++)
      if (most[s + width] > most[s]) most[s] = most[s + width];
  }
  free(most);
  return true;
}

/* Moves the items that end above `bound` to the front of the order, both parts in the order that
 * they had. False: there are none. */
static bool promote(Search *p, int64_t bound) {
  uint32_t *behind = malloc((p->n + 1) * sizeof *behind), n = 0, front = 0;
  if (!behind) return false;
  for (uint32_t k = 0; k < p->n; k++) {
    uint32_t i = p->order[k];
    if (p->offset[i] + p->items[i].bytes > bound)
      p->order[front++] = i;
    else
      behind[n++] = i;
  }
  memcpy(p->order + front, behind, n * sizeof *behind);
  free(behind);
  return front > 0;
}

static void improve(Search *p, Compare compare, int64_t bound, int64_t *best) {
  double pairs = (double)p->n * (double)p->n / 2;
  for (uint32_t i = 0; i < p->n; i++) p->order[i] = i;
  qsort_r(p->order, p->n, sizeof *p->order, compare, p);
  for (int round = 0; round < ROUNDS_MAX; round++) {
    int64_t excess = *best - bound;
    if (excess <= bound / GOOD_ENOUGH || (round && (round + 1) * pairs > ROUNDS_WORK)) return;
    int64_t top = greedy_in_order(p);
    keep_better(p, top, best);
    if (top < 0 || !promote(p, bound)) return;
  }
}

Status offset_search(OffsetItem *items, uint32_t n, int64_t bound, Diag *diag, int64_t *out_bytes) {
  static const Compare orders[] = {by_breadth, by_size, by_area, by_life};
  Search p = {items, n, calloc(n + 1, sizeof(uint32_t)), calloc(n + 1, sizeof(int64_t)),
              calloc(n + 1, sizeof(int64_t))};
  int64_t best = -1;
  if (p.order && p.offset && p.breadth && find_breadth(&p)) {
    keep_better(&p, greedy_by_time(&p), &best);
    for (size_t i = 0; n <= PAIRWISE_MAX && i < sizeof orders / sizeof *orders; i++)
      improve(&p, orders[i], bound, &best);
  }
  *out_bytes = best;
  free(p.order);
  free(p.offset);
  free(p.breadth);
  return best < 0 ? diag_no_memory(diag, n * sizeof *items) : STATUS_OK;
}
