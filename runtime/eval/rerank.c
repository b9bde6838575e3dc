/* k-reciprocal encoding in four passes over all images: nearest ones, sparse rows of weights, their
 * means over neighbours, and the rows of the gallery by column. */
#include "runtime/eval/rerank.h"

#include "graph/base/threads.h"
#include "runtime/eval/metrics_parts.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Columns ascending; both arrays are one allocation, of `column`. */
typedef struct Sparse {
  uint32_t *column;
  float *value;
  uint32_t n;
} Sparse;

/* Images are numbered together: queries, then the gallery. */
struct Rerank {
  const MetricsSet *set[2];
  const float *scale[2];
  int64_t dim, block, panel, n_query, n;
  /* Neighbours, the image itself being the first: kept; of R(i, k1), R(i, k1 / 2); averaged. */
  int64_t keep, k1, half, k2;
  float lambda;
  uint32_t *near;       /* (n, keep) by (distance, index) behind the image itself */
  float *least;         /* (n) similarity of the farthest image */
  Sparse *rows, *means; /* (n); in the end of the queries' means alone */
  int64_t *from;        /* (n + 1) where each column begins in `entry`, `weight` */
  uint32_t *entry;      /* of the gallery, ascending in a column */
  float *weight;
  Threads *threads;
  atomic_bool failed; /* no memory */
};

static int set_of(const Rerank *r, int64_t image) {
  return image >= r->n_query;
}

static int64_t place_of(const Rerank *r, int64_t image) { /* in its set */
  return set_of(r, image) ? image - r->n_query : image;
}

static const uint32_t *near_of(const Rerank *r, int64_t image) {
  return r->near + image * r->keep;
}

static bool sparse_create(Sparse *s, uint32_t n) {
  *s = (Sparse){.column = malloc((size_t)n * 8 + 1), .n = n};
  s->value = (float *)(void *)(s->column + n);
  return s->column != NULL;
}

static void sparse_free(Sparse *rows, int64_t n) {
  for (int64_t i = 0; rows && i < n; i++) free(rows[i].column);
  free(rows);
}

/* ---- nearest images ------------------------------------------------------------------------ */

typedef struct Nearest { /* of one image */
  uint32_t *near;
  float *score; /* (keep) */
  int64_t n, own;
  float least;
} Nearest;

/* Of equal ones the later is behind. */
static void insert(const Rerank *r, Nearest *x, uint32_t image, float score) {
  int64_t at = x->n < r->keep ? x->n++ : r->keep - 1;
  for (; at > 1 && x->score[at - 1] < score; at--) {
    x->near[at] = x->near[at - 1];
    x->score[at] = x->score[at - 1];
  }
  x->near[at] = image;
  x->score[at] = score;
}

static void take_panel(const Rerank *r, Nearest *x, const float *score, int64_t first, int64_t n) {
  for (int64_t j = 0; j < n; j++) {
    x->least = score[j] < x->least ? score[j] : x->least;
    bool among = x->n < r->keep || score[j] > x->score[x->n - 1];
    if (among && first + j != x->own && r->keep > 1) insert(r, x, (uint32_t)(first + j), score[j]);
  }
}

/* All images against images first .. first + n - 1, which are of one set. */
static void nearest_block(Rerank *r, Nearest *x, int64_t first, int64_t n, float *score,
                          void *scratch) {
  const MetricsSet *own = r->set[set_of(r, first)];
  ProductRows rows = {own->features, own->rows, own->count};
  for (int s = 0; s < 2; s++)
    for (int64_t at = 0; at < r->set[s]->count; at += r->panel) {
      int64_t left = r->set[s]->count - at, cols = left < r->panel ? left : r->panel;
      ProductRows others = metrics_rows(r->set[s], r->dim, at, cols);
      product_rows(&rows, place_of(r, first), n, &others, r->dim, score, cols, scratch);
      for (int64_t i = 0; i < n; i++) {
        float *row = score + i * cols;
        for (int64_t j = 0; j < cols; j++) row[j] *= r->scale[s][at + j];
        take_panel(r, &x[i], row, (s ? r->n_query : 0) + at, cols);
      }
    }
}

static int64_t blocks_of(const Rerank *r, int64_t images) {
  return (images + r->block - 1) / r->block;
}

static void nearest_task(void *context, uint32_t task) {
  Rerank *r = context;
  int64_t of_queries = blocks_of(r, r->n_query);
  bool query = task < of_queries;
  int64_t first = query ? task * r->block : r->n_query + (task - of_queries) * r->block;
  int64_t left = (query ? r->n_query : r->n) - first, n = left < r->block ? left : r->block;
  Nearest *x = calloc((size_t)n, sizeof *x);
  float *nearest = malloc((size_t)(n * r->keep) * sizeof *nearest);
  float *score = malloc((size_t)(n * r->panel) * sizeof *score);
  void *scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  if (x && nearest && score && scratch) {
    for (int64_t i = 0; i < n; i++) {
      x[i] =
          (Nearest){r->near + (first + i) * r->keep, nearest + i * r->keep, 1, first + i, INFINITY};
      x[i].near[0] = (uint32_t)(first + i);
      x[i].score[0] = INFINITY;
    }
    nearest_block(r, x, first, n, score, scratch);
    for (int64_t i = 0; i < n; i++) r->least[first + i] = x[i].least;
  } else {
    atomic_store(&r->failed, true);
  }
  free(x);
  free(nearest);
  free(score);
  free(scratch);
}

/* ---- rows of weights ----------------------------------------------------------------------- */

static bool contains(const uint32_t *list, int64_t n, int64_t image) {
  for (int64_t i = 0; i < n; i++)
    if (list[i] == image) return true;
  return false;
}

/* R(i, k): of the k nearest images those that have `image` among theirs. */
static int64_t reciprocal(const Rerank *r, int64_t image, int64_t k, uint32_t *out) {
  const uint32_t *near = near_of(r, image);
  int64_t n = 0;
  for (int64_t j = 0; j < k; j++)
    if (contains(near_of(r, near[j]), k, image)) out[n++] = near[j];
  return n;
}

static int compare_columns(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* R*(i, k1), ascending: R(i, k1) and each R(j, k1 / 2) of its members that has more than two thirds
 * of itself in it.  Room: k1 (1 + half). */
static int64_t expanded(const Rerank *r, int64_t image, uint32_t *out) {
  int64_t own = reciprocal(r, image, r->k1, out), n = own;
  for (int64_t j = 0; j < own; j++) {
    uint32_t *part = out + n;
    int64_t of_part = reciprocal(r, out[j], r->half, part), shared = 0;
    for (int64_t i = 0; i < of_part; i++) shared += contains(out, own, part[i]);
    if (3 * shared > 2 * of_part) n += of_part;
  }
  qsort(out, (size_t)n, sizeof *out, compare_columns);
  int64_t kept = 0;
  for (int64_t i = 0; i < n; i++)
    if (i == 0 || out[i] != out[kept - 1]) out[kept++] = out[i];
  return kept;
}

static float distance_of(float cosine, float least) {
  float largest = 1 - least;
  return largest > 0 ? (1 - cosine) / largest : 0;
}

/* Distances of an image to others, in shares of the largest. */
static void distances(const Rerank *r, int64_t image, const uint32_t *list, int64_t n,
                      int64_t *rows, float *out, void *scratch) {
  int own = set_of(r, image);
  int64_t place = place_of(r, image), at = 0;
  float scale = r->scale[own][place], least = r->least[image] * scale;
  ProductRows a = {r->set[own]->features, r->set[own]->rows, r->set[own]->count};
  for (int s = 0; s < 2; s++) { /* the list is ascending: queries stand first */
    int64_t first = at;
    for (; at < n && set_of(r, list[at]) == s; at++) {
      int64_t other = place_of(r, list[at]);
      rows[at] = r->set[s]->rows ? r->set[s]->rows[other] : other;
    }
    if (at == first) continue;
    ProductRows b = {r->set[s]->features, rows + first, at - first};
    product_rows(&a, place, 1, &b, r->dim, out + first, at - first, scratch);
    for (int64_t i = first; i < at; i++)
      out[i] = distance_of(out[i] * r->scale[s][place_of(r, list[i])] * scale, least);
  }
}

#define STRIDE 256 /* images of a task */

static int64_t task_end(const Rerank *r, uint32_t task) {
  int64_t end = ((int64_t)task + 1) * STRIDE;
  return end < r->n ? end : r->n;
}

static void weights_task(void *context, uint32_t task) {
  Rerank *r = context;
  size_t room = (size_t)(r->k1 * (1 + r->half));
  uint32_t *list = malloc(room * sizeof *list);
  int64_t *rows = malloc(room * sizeof *rows);
  float *distance = malloc(room * sizeof *distance);
  void *scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  bool ok = list && rows && distance && scratch;
  for (int64_t i = (int64_t)task * STRIDE; ok && i < task_end(r, task); i++) {
    int64_t n = expanded(r, i, list);
    Sparse *s = &r->rows[i];
    ok = sparse_create(s, (uint32_t)n);
    if (!ok) break;
    float sum = 0;
    distances(r, i, list, n, rows, distance, scratch);
    memcpy(s->column, list, (size_t)n * sizeof *list);
    for (int64_t j = 0; j < n; j++) sum += s->value[j] = (float)exp(-(double)distance[j]);
    for (int64_t j = 0; j < n; j++) s->value[j] /= sum;
  }
  if (!ok) atomic_store(&r->failed, true);
  free(list);
  free(rows);
  free(distance);
  free(scratch);
}

/* ---- means over neighbours ----------------------------------------------------------------- */

/* The mean of the rows of the k2 nearest images; `dense` is zeros before and after. */
static bool mean_row(const Rerank *r, int64_t image, float *dense, uint32_t *list, Sparse *out) {
  uint32_t n = 0;
  for (int64_t k = 0; k < r->k2; k++) {
    const Sparse *s = &r->rows[near_of(r, image)[k]];
    for (uint32_t j = 0; j < s->n; j++) {
      if (dense[s->column[j]] == 0) list[n++] = s->column[j];
      dense[s->column[j]] += s->value[j];
    }
  }
  qsort(list, n, sizeof *list, compare_columns);
  bool ok = sparse_create(out, n);
  for (uint32_t j = 0; j < n; j++) {
    if (ok) {
      out->column[j] = list[j];
      out->value[j] = dense[list[j]] / (float)r->k2;
    }
    dense[list[j]] = 0;
  }
  return ok;
}

static void means_task(void *context, uint32_t task) {
  Rerank *r = context;
  float *dense = calloc((size_t)r->n, sizeof *dense);
  uint32_t *list = malloc((size_t)r->n * sizeof *list);
  bool ok = dense && list;
  for (int64_t i = (int64_t)task * STRIDE; ok && i < task_end(r, task); i++)
    ok = mean_row(r, i, dense, list, &r->means[i]);
  if (!ok) atomic_store(&r->failed, true);
  free(dense);
  free(list);
}

/* The gallery's rows by column; they themselves are needed no more. */
static Status invert(Rerank *r, Diag *diag) {
  r->from = calloc((size_t)r->n + 2, sizeof *r->from);
  if (!r->from) return diag_no_memory(diag, (size_t)r->n * sizeof *r->from);
  for (int64_t i = r->n_query; i < r->n; i++)
    for (uint32_t j = 0; j < r->means[i].n; j++) r->from[r->means[i].column[j] + 2]++;
  for (int64_t c = 0; c < r->n; c++) r->from[c + 2] += r->from[c + 1];
  size_t n = (size_t)r->from[r->n + 1];
  r->entry = malloc(n * sizeof *r->entry + 1);
  r->weight = malloc(n * sizeof *r->weight + 1);
  if (!r->entry || !r->weight) return diag_no_memory(diag, n * 8);
  for (int64_t i = r->n_query; i < r->n; i++) {
    Sparse *s = &r->means[i];
    for (uint32_t j = 0; j < s->n; j++) {
      int64_t at = r->from[s->column[j] + 1]++; /* which becomes the beginning of the next */
      r->entry[at] = (uint32_t)(i - r->n_query);
      r->weight[at] = s->value[j];
    }
    free(s->column);
    *s = (Sparse){0};
  }
  return STATUS_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static Status run(Rerank *r, ThreadsTask task, int64_t n, Diag *diag) {
  threads_run(r->threads, task, r, (uint32_t)n);
  return atomic_load(&r->failed) ? diag_no_memory(diag, (size_t)r->n * 64) : STATUS_OK;
}

static Status build(Rerank *r, Diag *diag) {
  size_t n = (size_t)r->n;
  int64_t tasks = (r->n + STRIDE - 1) / STRIDE;
  r->near = calloc(n * (size_t)r->keep, sizeof *r->near);
  r->least = calloc(n, sizeof *r->least);
  r->rows = calloc(n, sizeof *r->rows);
  if (!r->near || !r->least || !r->rows) return diag_no_memory(diag, n * (size_t)r->keep * 4);
  TRY(run(r, nearest_task, blocks_of(r, r->n_query) + blocks_of(r, r->n - r->n_query), diag));
  TRY(run(r, weights_task, tasks, diag));
  r->means = calloc(n, sizeof *r->means);
  if (!r->means) return diag_no_memory(diag, n * sizeof *r->means);
  TRY(run(r, means_task, tasks, diag));
  sparse_free(r->rows, r->n);
  r->rows = NULL;
  return invert(r, diag);
}

static int64_t at_most(int64_t k, int64_t n) {
  return k < n ? k : n;
}

Status rerank_create(const MetricsSet *query, const MetricsSet *gallery, int64_t dim,
                     float *const scale[2], const MetricsOptions *o, Diag *diag, Rerank **out) {
  Rerank *r = *out = calloc(1, sizeof *r);
  int64_t n = query->count + gallery->count;
  if (!r) return diag_no_memory(diag, sizeof *r);
  *r = (Rerank){.set = {query, gallery},
                .scale = {scale[0], scale[1]},
                .dim = dim,
                .block = o->block,
                .panel = o->panel,
                .n_query = query->count,
                .n = n,
                .k1 = at_most(o->rerank->k1 + 1, n),
                .half = at_most((int64_t)rint((double)o->rerank->k1 / 2) + 1, n),
                .k2 = at_most(o->rerank->k2, n),
                .lambda = (float)o->rerank->lambda};
  r->keep = r->k1 > r->k2 ? r->k1 : r->k2;
  Status status = n < UINT32_MAX ? STATUS_OK : diag_no_memory(diag, (size_t)n * 64);
  if (status == STATUS_OK) status = threads_create((uint32_t)o->threads, diag, &r->threads);
  if (status == STATUS_OK) status = build(r, diag);
  if (status == STATUS_OK) return STATUS_OK;
  rerank_destroy(r);
  *out = NULL;
  return status;
}

void rerank_destroy(Rerank *r) {
  if (!r) return;
  threads_destroy(r->threads);
  sparse_free(r->rows, r->n);
  sparse_free(r->means, r->n);
  free(r->near);
  free(r->least);
  free(r->from);
  free(r->entry);
  free(r->weight);
  free(r);
}

/* ---- distances of a query ------------------------------------------------------------------ */

static bool row_room(RerankRow *row) {
  if (row->n < row->room) return true;
  int64_t room = row->room ? 2 * row->room : 256;
  int64_t *index = realloc(row->index, (size_t)room * sizeof *index);
  if (index) row->index = index;
  float *distance = index ? realloc(row->distance, (size_t)room * sizeof *distance) : NULL;
  if (!distance) return false;
  row->distance = distance;
  row->room = room;
  return true;
}

static int compare_indices(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

/* The sum of the smaller weights over the columns that both have; both rows sum to 1, so that of
 * the larger ones is 2 less it. */
bool rerank_row_fill(const Rerank *r, int64_t q, float *sums, RerankRow *row) {
  const Sparse *s = &r->means[q];
  bool ok = true;
  row->n = 0;
  for (uint32_t j = 0; j < s->n; j++)
    for (int64_t at = r->from[s->column[j]]; at < r->from[s->column[j] + 1]; at++) {
      uint32_t entry = r->entry[at];
      if (sums[entry] == 0 && (ok = ok && row_room(row))) row->index[row->n++] = entry;
      sums[entry] += s->value[j] < r->weight[at] ? s->value[j] : r->weight[at];
    }
  if (row->n) qsort(row->index, (size_t)row->n, sizeof *row->index, compare_indices);
  for (int64_t i = 0; i < row->n; i++) {
    float shared = sums[row->index[i]];
    row->distance[i] = 1 - shared / (2 - shared);
    sums[row->index[i]] = 0;
  }
  return ok;
}

void rerank_row_release(RerankRow *row) {
  free(row->index);
  free(row->distance);
  *row = (RerankRow){0};
}

static int64_t lower(const RerankRow *row, int64_t index) {
  int64_t low = 0, n = row->n;
  while (n > 0) {
    int64_t half = n / 2;
    if (row->index[low + half] < index) {
      low += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return low;
}

void rerank_scores(const Rerank *r, int64_t q, const RerankRow *row, int64_t first, int64_t n,
                   float *score) {
  float scale = r->scale[0][q], least = r->least[q] * scale;
  int64_t next = lower(row, first);
  for (int64_t j = 0; j < n; j++) {
    bool near = next < row->n && row->index[next] == first + j;
    float jaccard = near ? row->distance[next++] : 1;
    score[j] = -((1 - r->lambda) * jaccard + r->lambda * distance_of(score[j] * scale, least));
  }
}
