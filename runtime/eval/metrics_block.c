/* Ranks a block of queries after the other: the gallery passes by panel after panel, and of each
 * panel it is only counted how many entries lie before each match.  So no row of the matrix of
 * distances is ever whole, nor is anything sorted but the matches.
 *
 * A rank needs no sorted gallery: it is 1 + the number of valid entries before the match.  What a
 * match's own score is, is known before: entries of the query's identity are met first. */
#include "graph/base/threads.h"
#include "kernels/product.h"
#include "runtime/eval/metrics_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MOST 65536   /* entries of the queries' own identities in a block of several queries */
#define COMPARED_MOST 64 /* matches that each entry is compared with; of more, by bisection */

typedef struct Match {
  float score;
  int64_t index;
  uint64_t key;
} Match;

/* A query of a block. */
typedef struct Slot {
  Match *match;    /* (n) by (distance, index) */
  int64_t *ahead;  /* (n) entries before the match, by comparing */
  int64_t *before; /* (n + 1) entries between two matches, the latter included, by bisection */
  uint64_t *keys;  /* (n) */
  int64_t n, removed;
  float zero, scale; /* distance = zero - score * scale */
  RerankRow row;
} Slot;

typedef struct Block {
  int64_t first, n, own; /* queries; entries of their own identities */
} Block;

typedef struct Blocks {
  const Evaluation *e;
  Block *block;
  int64_t n, most_own;
  atomic_llong next;
  atomic_bool failed; /* no memory */
} Blocks;

typedef struct Work { /* of one thread */
  Blocks *blocks;
  float *score;  /* (block, panel) */
  void *scratch; /* of the products */
  Slot *slots;   /* (block) */
  Match *match;
  int64_t *ahead, *before, *rows; /* of all slots; rows: of the entries of one query's identity */
  float *own;                     /* (most_own) their scores */
  float *sums;                    /* (gallery) of rerank_row_fill */
  uint64_t *keys;
  MetricsCurve curve;
} Work;

ProductRows metrics_rows(const MetricsSet *set, int64_t dim, int64_t first, int64_t n) {
  if (set->rows) return (ProductRows){set->features, set->rows + first, n};
  return (ProductRows){set->features + first * dim, NULL, n};
}

/* ---- keys ---------------------------------------------------------------------------------- */

/* Ascending keys are ascending (distance, index): the score's bits, made monotone and turned round,
 * then the index. */
static uint64_t order_key(float score, int64_t index) {
  uint32_t bits;
  score += 0.0f; /* -0 and 0 tie */
  memcpy(&bits, &score, sizeof bits);
  bits = bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
  return (uint64_t)bits << 32 | (uint32_t)index;
}

static int compare_matches(const void *a, const void *b) {
  const Match *x = a, *y = b;
  return (x->key > y->key) - (x->key < y->key);
}

/* The number of keys below `key`, without branches that the data decides. */
static int64_t keys_below(const uint64_t *keys, int64_t n, uint64_t key) {
  const uint64_t *base = keys;
  while (n > 1) {
    int64_t half = n / 2;
    base += base[half - 1] < key ? half : 0;
    n -= half;
  }
  return base - keys + (*base < key);
}

/* ---- the matches of a query ---------------------------------------------------------------- */

static int bin_of(const Slot *s, float score) {
  float bin = (s->zero - score * s->scale) * (METRICS_BINS / 2);
  return bin < 0 ? 0 : bin < METRICS_BINS ? (int)bin : METRICS_BINS - 1;
}

/* Pairs of one person go where they belong, and out of those that are counted with all others. */
static void count_own(Work *w, const Slot *s, float score, bool removed) {
  MetricsCurve *curve = &w->curve;
  int bin = bin_of(s, score);
  curve->other[bin]--;
  curve->n_other--;
  if (removed) return;
  curve->same[bin]++;
  curve->n_same++;
}

/* Scores of the entries of query q's identity, in the order of by_id. */
static void score_own(const Evaluation *e, Work *w, int64_t q, const Slot *s) {
  Own own = e->own[q];
  const MetricsSet *g = e->gallery;
  for (int64_t i = 0; i < own.n; i++) {
    int64_t j = e->by_id[own.at + i].index;
    w->rows[i] = g->rows ? g->rows[j] : j;
  }
  /* The query is the side that is packed: a product of two rows has the same bits either way. */
  ProductRows query = metrics_rows(e->query, e->dim, q, 1);
  ProductRows entries = {g->features, w->rows, own.n};
  product_rows(&entries, 0, own.n, &query, e->dim, w->own, 1, w->scratch);
  for (int64_t i = 0; i < own.n; i++) {
    int64_t j = e->by_id[own.at + i].index;
    w->own[i] *= e->scale[1][j];
    if (e->rerank) rerank_scores(e->rerank, q, &s->row, j, 1, &w->own[i]);
  }
}

static void find_matches(const Evaluation *e, Work *w, int64_t q, Slot *s) {
  Own own = e->own[q];
  const int64_t *cameras = e->gallery->cameras;
  s->n = s->removed = 0;
  s->zero = e->rerank ? 0 : 1;
  s->scale = e->rerank ? 1 : e->scale[0][q];
  if (own.n) score_own(e, w, q, s);
  for (int64_t i = 0; i < own.n; i++) {
    int64_t j = e->by_id[own.at + i].index;
    bool removed = cameras[j] == e->query->cameras[q];
    if (e->curve) count_own(w, s, w->own[i], removed);
    if (removed)
      s->removed++;
    else
      s->match[s->n++] = (Match){w->own[i], j, order_key(w->own[i], j)};
  }
  qsort(s->match, (size_t)s->n, sizeof *s->match, compare_matches);
  for (int64_t i = 0; i < s->n; i++) s->keys[i] = s->match[i].key;
  memset(s->ahead, 0, (size_t)s->n * sizeof *s->ahead);
  memset(s->before, 0, (size_t)(s->n + 1) * sizeof *s->before);
  for (int64_t i = 0; s->n && i < own.n; i++) {
    int64_t j = e->by_id[own.at + i].index;
    if (cameras[j] == e->query->cameras[q])
      s->before[keys_below(s->keys, s->n, order_key(w->own[i], j))]--;
  }
}

/* ---- a panel ------------------------------------------------------------------------------- */

static int64_t count_above(const float *score, int64_t n, float than) {
  int32_t above = 0;
  for (int64_t j = 0; j < n; j++) above += score[j] > than;
  return above;
}

static int64_t count_from(const float *score, int64_t n, float than) {
  int32_t from = 0;
  for (int64_t j = 0; j < n; j++) from += score[j] >= than;
  return from;
}

/* Of equal entries those with a lower index are before. */
static void compare_panel(const Slot *s, const float *score, int64_t first, int64_t n) {
  for (int64_t i = 0; i < s->n; i++) {
    int64_t lower = s->match[i].index - first;
    lower = lower < 0 ? 0 : lower > n ? n : lower;
    s->ahead[i] += count_from(score, lower, s->match[i].score) +
                   count_above(score + lower, n - lower, s->match[i].score);
  }
}

static void bisect_panel(const Slot *s, const float *score, int64_t first, int64_t n) {
  for (int64_t j = 0; j < n; j++)
    s->before[keys_below(s->keys, s->n, order_key(score[j], first + j))]++;
}

static void curve_panel(Work *w, const Slot *s, const float *score, int64_t n) {
  for (int64_t j = 0; j < n; j++) w->curve.other[bin_of(s, score[j])]++;
  w->curve.n_other += (uint64_t)n;
}

/* Panels come in the order of the gallery: of equal ones the later is behind.  Until the query is
 * finished the score itself stands there, turned round: rounding makes equal distances of some
 * scores that are not. */
static void keep_nearest(const Evaluation *e, int64_t q, const float *score, int64_t first,
                         int64_t n) {
  int64_t *nearest = e->nearest + q * e->keep;
  double *distance = e->nearest_distance + q * e->keep;
  for (int64_t j = 0; j < n; j++) {
    double own = -(double)score[j];
    int64_t at = e->keep - 1, entry = first + j;
    if (nearest[at] >= 0 && !(own < distance[at])) continue;
    if (e->gallery->ids[entry] == e->query->ids[q] &&
        e->gallery->cameras[entry] == e->query->cameras[q])
      continue;
    for (; at > 0 && (nearest[at - 1] < 0 || distance[at - 1] > own); at--) {
      nearest[at] = nearest[at - 1];
      distance[at] = distance[at - 1];
    }
    nearest[at] = entry;
    distance[at] = own;
  }
}

static void take_panel(const Evaluation *e, Work *w, const Block *b, int64_t first, int64_t n) {
  const float *scale = e->scale[1] + first;
  for (int64_t i = 0; i < b->n; i++) {
    Slot *s = &w->slots[i];
    float *score = w->score + i * n;
    if (!s->n && !e->curve && !e->keep) continue;
    for (int64_t j = 0; j < n; j++) score[j] *= scale[j];
    if (e->rerank) rerank_scores(e->rerank, b->first + i, &s->row, first, n, score);
    if (e->curve) curve_panel(w, s, score, n);
    if (e->keep) keep_nearest(e, b->first + i, score, first, n);
    if (s->n > COMPARED_MOST)
      bisect_panel(s, score, first, n);
    else
      compare_panel(s, score, first, n);
  }
}

/* ---- a block ------------------------------------------------------------------------------- */

static void finish_query(const Evaluation *e, int64_t q, const Slot *s) {
  for (int64_t k = 0; k < e->keep && e->nearest[q * e->keep + k] >= 0; k++) {
    double *distance = &e->nearest_distance[q * e->keep + k];
    *distance = (double)s->zero + *distance * (double)s->scale;
  }
  e->ap[q] = e->inp[q] = -1;
  e->first[q] = 0;
  e->chance[q] = 0;
  if (s->n == 0) return;
  double sum = 0;
  int64_t between = 0, rank = 0;
  for (int64_t i = 0; i < s->n; i++) {
    between += s->before[i]; /* by bisection the match itself is the last one counted */
    rank = between + s->ahead[i] + (s->n <= COMPARED_MOST);
    if (i == 0) e->first[q] = rank;
    sum += (double)(i + 1) / (double)rank;
  }
  e->ap[q] = sum / (double)s->n;
  e->inp[q] = (double)s->n / (double)rank;
  e->chance[q] = metrics_chance_ap(s->n, e->gallery->count - s->removed);
}

static bool start_block(const Evaluation *e, Work *w, const Block *b) {
  int64_t at = 0;
  for (int64_t i = 0; i < b->n; i++) {
    int64_t q = b->first + i;
    Slot *s = &w->slots[i];
    s->match = w->match + at;
    s->ahead = w->ahead + at;
    s->keys = w->keys + at;
    s->before = w->before + at + i;
    at += e->own[q].n;
    if (e->rerank && !rerank_row_fill(e->rerank, q, w->sums, &s->row)) return false;
    find_matches(e, w, q, s);
  }
  return true;
}

static bool run_block(const Evaluation *e, Work *w, const Block *b) {
  ProductRows query = {e->query->features, e->query->rows, e->query->count};
  if (!e->products && !start_block(e, w, b)) return false;
  for (int64_t first = 0; first < e->gallery->count; first += e->panel) {
    int64_t left = e->gallery->count - first, n = left < e->panel ? left : e->panel;
    ProductRows panel = metrics_rows(e->gallery, e->dim, first, n);
    product_rows(&query, b->first, b->n, &panel, e->dim, w->score, n, w->scratch);
    if (!e->products) take_panel(e, w, b, first, n);
  }
  for (int64_t i = 0; !e->products && i < b->n; i++) finish_query(e, b->first + i, &w->slots[i]);
  return true;
}

/* ---- threads ------------------------------------------------------------------------------- */

static void work_release(Work *w) {
  int64_t n = w->slots ? w->blocks->e->block : 0;
  for (int64_t i = 0; i < n; i++) rerank_row_release(&w->slots[i].row);
  free(w->score);
  free(w->scratch);
  free(w->slots);
  free(w->match);
  free(w->ahead);
  free(w->before);
  free(w->rows);
  free(w->own);
  free(w->sums);
  free(w->keys);
  metrics_curve_release(&w->curve);
}

static bool work_create(Work *w, Blocks *blocks) {
  const Evaluation *e = blocks->e;
  size_t own = (size_t)blocks->most_own + 1, block = (size_t)e->block;
  *w = (Work){.blocks = blocks};
  w->score = malloc(block * (size_t)e->panel * sizeof *w->score);
  w->scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  w->slots = calloc(block, sizeof *w->slots);
  w->match = calloc(own, sizeof *w->match);
  w->ahead = calloc(own, sizeof *w->ahead);
  w->before = calloc(own + block, sizeof *w->before);
  w->rows = calloc(own, sizeof *w->rows);
  w->own = calloc(own, sizeof *w->own);
  w->keys = calloc(own, sizeof *w->keys);
  bool ok = w->score && w->scratch && w->slots && w->match && w->ahead && w->before && w->rows &&
            w->own && w->keys;
  if (e->rerank) w->sums = calloc((size_t)e->gallery->count, sizeof *w->sums);
  return ok && (!e->rerank || w->sums) &&
         (!e->curve || metrics_curve_create(&w->curve, NULL) == STATUS_OK);
}

static void *work_run(void *data) {
  Work *w = data;
  Blocks *blocks = w->blocks;
  for (;;) {
    int64_t i = atomic_fetch_add(&blocks->next, 1);
    if (i >= blocks->n || atomic_load(&blocks->failed)) return NULL;
    if (!run_block(blocks->e, w, &blocks->block[i])) atomic_store(&blocks->failed, true);
    meter_add(blocks->e->query->meter, blocks->block[i].n);
  }
}

/* Cuts the queries: blocks are full, but for those whose identities have very many entries. */
static Status plan_blocks(const Evaluation *e, Blocks *out, Diag *diag) {
  size_t n = (size_t)(e->to - e->from) + 1;
  out->block = calloc(n, sizeof *out->block);
  if (!out->block) return diag_no_memory(diag, n * sizeof *out->block);
  for (int64_t q = e->from; q < e->to; q++) {
    int64_t own = e->products ? 0 : e->own[q].n;
    Block *last = out->n ? &out->block[out->n - 1] : NULL;
    if (!last || last->n == e->block || last->own + own > OWN_MOST) {
      last = &out->block[out->n++];
      *last = (Block){.first = q};
    }
    last->n++;
    last->own += own;
    if (last->own > out->most_own) out->most_own = last->own;
  }
  return STATUS_OK;
}

/* Runs the blocks on up to the threads that are wanted, this one included; fewer when the system
 * refuses memory or threads for more. */
static Status run_threads(const Evaluation *e, Blocks *blocks, Diag *diag) {
  Work work[THREADS_MAX];
  pthread_t handles[THREADS_MAX];
  int want = e->threads < 1 ? 1 : e->threads > THREADS_MAX ? THREADS_MAX : e->threads;
  int n = 0, started = 0;
  if (want > blocks->n) want = (int)blocks->n;
  for (; n < want; n++) {
    if (work_create(&work[n], blocks)) continue;
    work_release(&work[n]);
    break;
  }
  for (int i = 1; i < n; i++, started++)
    if (pthread_create(&handles[i], NULL, work_run, &work[i]) != 0) break;
  if (n) work_run(&work[0]);
  for (int i = 1; i <= started; i++) pthread_join(handles[i], NULL);
  for (int i = 0; i < n; i++) {
    if (e->curve) metrics_curve_add(e->curve, &work[i].curve);
    work_release(&work[i]);
  }
  if ((n || !want) && !atomic_load(&blocks->failed)) return STATUS_OK;
  return diag_no_memory(diag, (size_t)(e->block * e->panel) * sizeof(float));
}

Status metrics_blocks_run(const Evaluation *e, Diag *diag) {
  Blocks blocks = {.e = e};
  Status status = plan_blocks(e, &blocks, diag);
  if (status == STATUS_OK) status = run_threads(e, &blocks, diag);
  free(blocks.block);
  return status;
}
