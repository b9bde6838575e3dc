/* Similarities of neighbours (sparse, symmetric), then gradient descent with momentum and gains.
 * Rows are tasks, and sums over rows are in their order: the same bits for any threads. */
#include "runtime/eval/tsne.h"

#include "graph/base/philox.h"
#include "graph/base/threads.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 64 /* of a task */
#define LANES 8 /* sums of a row's repulsion that go on side by side */
#define BISECTIONS 64
#define EARLY 12.0 /* exaggeration of the first quarter */

typedef struct Near {
  int64_t index;
  double value; /* squared distance, then the probability */
} Near;

typedef struct Tsne {
  const ProductRows *rows;
  int64_t dim, n, keep;
  const TsneOptions *o;
  float *scale; /* (n) 1 / length; 0 for a row of zeros */
  Near *near;   /* (n, keep) */
  int64_t *from;
  Near *pair; /* symmetric: of row i from[i] .. from[i + 1] - 1, ascending */
  double *x, *y, *gradient, *speed, *gain; /* x, y: (n); the others (2 n), x first */
  double *mass;                            /* (n) a row's share of the normaliser */
  double exaggeration, momentum, rate, total;
  Threads *threads;
  atomic_bool failed;
} Tsne;

/* ---- neighbours ---------------------------------------------------------------------------- */

static int64_t row_at(const Tsne *t, int64_t i) {
  return t->rows->rows ? t->rows->rows[i] : i;
}

static uint32_t task_count(const Tsne *t) {
  return (uint32_t)((t->n + ROWS - 1) / ROWS);
}

static void task_rows(const Tsne *t, uint32_t task, int64_t *first, int64_t *end) {
  *first = (int64_t)task * ROWS;
  *end = *first + ROWS < t->n ? *first + ROWS : t->n;
}

static void scale_task(void *context, uint32_t task) {
  Tsne *t = context;
  int64_t i, end;
  for (task_rows(t, task, &i, &end); i < end; i++) {
    const float *row = t->rows->data + row_at(t, i) * t->dim;
    double sum = 0;
    for (int64_t k = 0; k < t->dim; k++) sum += (double)row[k] * (double)row[k];
    if (!isfinite(sum)) atomic_store(&t->failed, true);
    t->scale[i] = sum > 1e-70 ? (float)(1 / sqrt(sum)) : 0;
  }
}

/* Keeps the nearest by (distance, index), ascending. */
static void keep_near(Near *near, int64_t *n, int64_t keep, int64_t index, double distance) {
  if (*n == keep && !(distance < near[keep - 1].value)) return;
  int64_t at = *n < keep ? (*n)++ : keep - 1;
  for (; at > 0 && near[at - 1].value > distance; at--) near[at] = near[at - 1];
  near[at] = (Near){index, distance};
}

/* Turns squared distances into p(j | i) of the wanted perplexity: bisection of the width. */
static void weigh(Near *near, int64_t n, double perplexity) {
  double beta = 1, low = 0, high = INFINITY, least = near[0].value, want = log(perplexity);
  double sum = 0;
  for (int b = 0; b < BISECTIONS; b++) {
    double weighted = 0;
    sum = 0;
    for (int64_t j = 0; j < n; j++) {
      double p = exp(-beta * (near[j].value - least));
      sum += p;
      weighted += p * (near[j].value - least);
    }
    double entropy = log(sum) + beta * weighted / sum;
    if (b + 1 == BISECTIONS) break;
    if (entropy > want)
      low = beta;
    else
      high = beta;
    beta = isinf(high) ? 2 * beta : (low + high) / 2;
  }
  for (int64_t j = 0; j < n; j++) near[j].value = exp(-beta * (near[j].value - least)) / sum;
}

static void near_task(void *context, uint32_t task) {
  Tsne *t = context;
  int64_t first, end;
  task_rows(t, task, &first, &end);
  float *score = malloc((size_t)(end - first) * (size_t)t->n * sizeof *score);
  void *scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  if (score && scratch) {
    product_rows(t->rows, first, end - first, t->rows, t->dim, score, t->n, scratch);
    for (int64_t i = first; i < end; i++) {
      const float *row = score + (i - first) * t->n;
      int64_t n = 0;
      for (int64_t j = 0; j < t->n; j++) {
        double d = 2 - 2 * (double)(row[j] * t->scale[i] * t->scale[j]);
        if (j != i) keep_near(t->near + i * t->keep, &n, t->keep, j, d > 0 ? d : 0);
      }
      weigh(t->near + i * t->keep, n, t->o->perplexity);
    }
  } else {
    atomic_store(&t->failed, true);
  }
  free(score);
  free(scratch);
}

static int compare_near(const void *a, const void *b) {
  const Near *x = a, *y = b;
  return (x->index > y->index) - (x->index < y->index);
}

/* p(i, j) = (p(j | i) + p(i | j)) / 2 n. */
static Status symmetrise(Tsne *t, Diag *diag) {
  t->from = calloc((size_t)t->n + 2, sizeof *t->from);
  t->pair = calloc((size_t)(2 * t->n * t->keep), sizeof *t->pair);
  if (!t->from || !t->pair) return diag_no_memory(diag, (size_t)(2 * t->n * t->keep) * 16);
  int64_t *next = t->from + 1, at = 0;
  for (int64_t i = 0; i < t->n * t->keep; i++) next[t->near[i].index]++, next[i / t->keep]++;
  for (int64_t i = 0; i < t->n; i++) { /* counts become beginnings */
    int64_t count = next[i];
    next[i] = at;
    at += count;
  }
  for (int64_t i = 0; i < t->n * t->keep; i++) { /* beginnings become ends */
    int64_t a = i / t->keep, b = t->near[i].index;
    double p = t->near[i].value / (2 * (double)t->n);
    t->pair[next[a]++] = (Near){b, p};
    t->pair[next[b]++] = (Near){a, p};
  }
  int64_t kept = 0, first = 0;
  for (int64_t i = 0; i < t->n; i++) {
    int64_t end = next[i];
    qsort(t->pair + first, (size_t)(end - first), sizeof *t->pair, compare_near);
    t->from[i] = kept;
    for (int64_t j = first; j < end; j++)
      if (kept > t->from[i] && t->pair[kept - 1].index == t->pair[j].index)
        t->pair[kept - 1].value += t->pair[j].value;
      else
        t->pair[kept++] = t->pair[j];
    first = end;
  }
  t->from[t->n] = kept;
  return STATUS_OK;
}

/* ---- descent ------------------------------------------------------------------------------- */

typedef struct Force {
  double mass, x, y;
} Force;

/* Sums over all points j of q, q^2 (x - x_j), q^2 (y - y_j), where q = 1 / (1 + distance^2). */
static Force repulsion(const Tsne *t, double x, double y) {
  double mass[LANES] = {0}, fx[LANES] = {0}, fy[LANES] = {0};
  int64_t j = 0;
  for (; j + LANES <= t->n; j += LANES)
    for (int l = 0; l < LANES; l++) {
      double dx = x - t->x[j + l], dy = y - t->y[j + l], q = 1 / (1 + dx * dx + dy * dy);
      mass[l] += q;
      fx[l] += q * q * dx;
      fy[l] += q * q * dy;
    }
  for (; j < t->n; j++) {
    double dx = x - t->x[j], dy = y - t->y[j], q = 1 / (1 + dx * dx + dy * dy);
    mass[0] += q;
    fx[0] += q * q * dx;
    fy[0] += q * q * dy;
  }
  for (int l = LANES / 2; l > 0; l /= 2)
    for (int k = 0; k < l; k++) {
      mass[k] += mass[k + l];
      fx[k] += fx[k + l];
      fy[k] += fy[k + l];
    }
  return (Force){mass[0] - 1, fx[0], fy[0]}; /* without the point itself */
}

static void repel_task(void *context, uint32_t task) {
  Tsne *t = context;
  int64_t i, end;
  for (task_rows(t, task, &i, &end); i < end; i++) {
    Force f = repulsion(t, t->x[i], t->y[i]);
    t->mass[i] = f.mass;
    t->gradient[i] = f.x;
    t->gradient[t->n + i] = f.y;
  }
}

static void attract_task(void *context, uint32_t task) {
  Tsne *t = context;
  int64_t i, end;
  for (task_rows(t, task, &i, &end); i < end; i++) {
    double ax = 0, ay = 0;
    for (int64_t j = t->from[i]; j < t->from[i + 1]; j++) {
      int64_t other = t->pair[j].index;
      double dx = t->x[i] - t->x[other], dy = t->y[i] - t->y[other];
      double w = t->pair[j].value / (1 + dx * dx + dy * dy);
      ax += w * dx;
      ay += w * dy;
    }
    t->gradient[i] = 4 * (t->exaggeration * ax - t->gradient[i] / t->total);
    t->gradient[t->n + i] = 4 * (t->exaggeration * ay - t->gradient[t->n + i] / t->total);
  }
}

static void gradient(Tsne *t) {
  uint32_t tasks = task_count(t);
  threads_run(t->threads, repel_task, t, tasks);
  t->total = 0;
  for (int64_t i = 0; i < t->n; i++) t->total += t->mass[i];
  threads_run(t->threads, attract_task, t, tasks);
}

/* Gains grow where a coordinate goes on in its direction (Jacobs 1988, as in the first paper). */
static void step(Tsne *t) {
  gradient(t);
  for (int axis = 0; axis < 2; axis++) {
    double *at = axis ? t->y : t->x, mean = 0;
    const int64_t first = axis * t->n;
    for (int64_t i = 0; i < t->n; i++) {
      double *gain = &t->gain[first + i], *speed = &t->speed[first + i];
      double g = t->gradient[first + i];
      *gain = (g > 0) != (*speed > 0) ? *gain + 0.2 : *gain * 0.8;
      if (*gain < 0.01) *gain = 0.01;
      *speed = t->momentum * *speed - t->rate * *gain * g;
      at[i] += *speed;
      mean += at[i];
    }
    mean /= (double)t->n;
    for (int64_t i = 0; i < t->n; i++) at[i] -= mean;
  }
}

static void descend(Tsne *t) {
  int64_t early = t->o->steps / 4;
  double rate = (double)t->n / EARLY / 4;
  t->rate = rate > 50 ? rate : 50;
  for (int64_t s = 0; s < t->o->steps; s++) {
    t->exaggeration = s < early ? EARLY : 1;
    t->momentum = s < early ? 0.5 : 0.8;
    step(t);
    meter_add(t->o->meter, 1);
  }
}

/* Over the pairs that are neighbours; to all others p is 0. */
static double cost(Tsne *t) {
  double sum = 0;
  gradient(t);
  for (int64_t i = 0; i < t->n; i++)
    for (int64_t j = t->from[i]; j < t->from[i + 1]; j++) {
      int64_t other = t->pair[j].index;
      double dx = t->x[i] - t->x[other], dy = t->y[i] - t->y[other], p = t->pair[j].value;
      if (p > 0) sum += p * log(p * t->total * (1 + dx * dx + dy * dy));
    }
  return sum;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static Status prepare(Tsne *t, Diag *diag) {
  size_t n = (size_t)t->n;
  uint32_t tasks = task_count(t);
  t->scale = calloc(n, sizeof *t->scale);
  t->near = calloc(n * (size_t)t->keep, sizeof *t->near);
  t->x = calloc(2 * n, sizeof *t->x);
  t->y = t->x + n;
  t->gradient = calloc(2 * n, sizeof *t->gradient);
  t->speed = calloc(2 * n, sizeof *t->speed);
  t->gain = calloc(2 * n, sizeof *t->gain);
  t->mass = calloc(n, sizeof *t->mass);
  if (!t->scale || !t->near || !t->x || !t->gradient || !t->speed || !t->gain || !t->mass)
    return diag_no_memory(diag, n * (size_t)t->keep * sizeof *t->near);
  threads_run(t->threads, scale_task, t, tasks);
  if (atomic_load(&t->failed))
    return diag_error(diag, STATUS_SYSTEM, "t-SNE", "the network's output is not usable",
                      "a feature is not finite");
  threads_run(t->threads, near_task, t, tasks);
  if (atomic_load(&t->failed)) return diag_no_memory(diag, n * ROWS * sizeof(float));
  TRY(symmetrise(t, diag));
  uint64_t site = philox_site("tsne/start");
  for (int64_t i = 0; i < 2 * t->n; i++) {
    t->x[i] = 1e-4 * philox_normal(t->o->seed, 0, site, (uint64_t)i);
    t->gain[i] = 1;
  }
  return STATUS_OK;
}

static Status place(Tsne *t, double *out, double *out_cost, Diag *diag) {
  uint32_t tasks = task_count(t), threads = t->o->threads < tasks ? t->o->threads : tasks;
  TRY(threads_create(threads, diag, &t->threads));
  TRY(prepare(t, diag));
  descend(t);
  *out_cost = cost(t);
  for (int64_t i = 0; i < t->n; i++) {
    out[2 * i] = t->x[i];
    out[2 * i + 1] = t->y[i];
  }
  return STATUS_OK;
}

Status tsne_place(const ProductRows *rows, int64_t dim, const TsneOptions *o, double *out,
                  double *out_cost, Diag *diag) {
  TsneOptions options = *o;
  double most = (double)(rows->count - 1) / 3;
  if (rows->count < 4 || rows->count > TSNE_MOST)
    return diag_error(diag, STATUS_INVALID, "t-SNE", "--shown=N says how many of each domain",
                      "places 4 to %d images, not %lld", TSNE_MOST, (long long)rows->count);
  if (options.perplexity > most) options.perplexity = most;
  Tsne t = {.rows = rows, .dim = dim, .n = rows->count, .o = &options};
  t.keep = (int64_t)(3 * options.perplexity);
  if (t.keep > t.n - 1) t.keep = t.n - 1;
  Status status = place(&t, out, out_cost, diag);
  threads_destroy(t.threads);
  free(t.scale);
  free(t.near);
  free(t.from);
  free(t.pair);
  free(t.x);
  free(t.gradient);
  free(t.speed);
  free(t.gain);
  free(t.mass);
  return status;
}
