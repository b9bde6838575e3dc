/* An evaluation of made features, timed beside its products. */
#include "runtime/eval/metrics_bench.h"

#include "graph/base/philox.h"
#include "graph/base/resident.h"
#include "graph/base/threads.h"
#include "runtime/eval/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define TURNS 4
#define EACH 27    /* images of a person in MSMT17's gallery */
#define CAMERAS 15 /* of it */
#define MOST (INT64_C(1) << 24)

typedef struct Bench {
  int64_t count[2], dim; /* queries, gallery */
  float *features[2];
  int64_t *ids[2], *cameras[2];
  MetricsSet set[2];
  MetricsOptions options;
  Diag *diag;
} Bench;

static Status read_sizes(Bench *b, const char *text) {
  int64_t *const to[] = {&b->count[0], &b->count[1], &b->dim};
  const char *at = text;
  bool good = true;
  for (int i = 0; i < 3 && good; i++) {
    char *end;
    errno = 0;
    long long n = strtoll(at, &end, 10);
    good = *at >= '0' && *at <= '9' && errno == 0 && n >= 1 && n <= MOST &&
           *end == (i < 2 ? ',' : '\0');
    *to[i] = n;
    at = end + 1;
  }
  if (good) return STATUS_OK;
  return diag_error(b->diag, STATUS_USAGE, "--retrieval",
                    "such as --retrieval=" METRICS_BENCH_SIZES,
                    "three numbers, QUERIES,GALLERY,DIM, not '%s'", text);
}

/* A person's features lie around a centre, so far from it that some matches are found late. */
static void make_row(float *row, int64_t dim, uint64_t person, uint64_t image) {
  static const uint64_t odd = 0x9e3779b97f4a7c15u;
  uint64_t a = (person + 1) * odd, b = (image + 1) * odd ^ 0xbf58476d1ce4e5b9u;
  for (int64_t k = 0; k < dim; k++) {
    a ^= a << 13, a ^= a >> 7, a ^= a << 17;
    b ^= b << 13, b ^= b >> 7, b ^= b << 17;
    row[k] = (float)((double)(int64_t)a * 0x1p-63 + (double)(int64_t)b * 0x1p-61);
  }
}

typedef struct Fill {
  const Bench *b;
  int side;
} Fill;

static void fill_task(void *context, uint32_t task) {
  const Fill *f = context;
  const Bench *b = f->b;
  int64_t people = (b->count[1] + EACH - 1) / EACH, i = task;
  uint64_t site = philox_site("bench/retrieval");
  b->ids[f->side][i] =
      f->side ? i % people : (int64_t)philox_below(0, 0, site, (uint64_t)i, (uint64_t)people);
  b->cameras[f->side][i] =
      (int64_t)philox_below(0, (uint64_t)f->side + 1, site, (uint64_t)i, CAMERAS);
  make_row(b->features[f->side] + i * b->dim, b->dim, (uint64_t)b->ids[f->side][i],
           (uint64_t)(i + f->side * b->count[0]));
}

static Status make_sets(Bench *b) {
  Threads *threads;
  for (int s = 0; s < 2; s++) {
    size_t n = (size_t)b->count[s];
    b->features[s] = malloc(n * (size_t)b->dim * sizeof(float));
    b->ids[s] = calloc(n, sizeof(int64_t));
    b->cameras[s] = calloc(n, sizeof(int64_t));
    if (!b->features[s] || !b->ids[s] || !b->cameras[s])
      return diag_no_memory(b->diag, n * (size_t)b->dim * sizeof(float));
  }
  TRY(threads_create((uint32_t)b->options.threads, b->diag, &threads));
  for (int s = 0; s < 2; s++) {
    Fill fill = {b, s};
    threads_run(threads, fill_task, &fill, (uint32_t)b->count[s]);
    b->set[s] = (MetricsSet){b->features[s], b->ids[s],     b->cameras[s], b->count[s],
                             NULL,           "--retrieval", NULL};
  }
  threads_destroy(threads);
  return STATUS_OK;
}

typedef struct Spent { /* seconds: on the clock; of all threads' work */
  double wall, work;
} Spent;

static double clock_at(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void spend(Spent *to, double sign) {
  to->wall += sign * clock_at(CLOCK_MONOTONIC);
  to->work += sign * clock_at(CLOCK_PROCESS_CPUTIME_ID);
}

/* Turns lie close to each other, so that what else the machine does falls on both. */
static Status take_turns(Bench *b, Spent *product, Spent *evaluation, double *map) {
  int64_t turns = b->count[0] < TURNS ? b->count[0] : TURNS;
  for (int64_t t = 0; t < turns; t++) {
    int64_t first = b->count[0] * t / turns, end = b->count[0] * (t + 1) / turns;
    MetricsSet part = {b->features[0] + first * b->dim,
                       b->ids[0] + first,
                       b->cameras[0] + first,
                       end - first,
                       NULL,
                       "--retrieval",
                       NULL};
    MetricsResult result;
    spend(product, -1);
    TRY(metrics_products(&part, &b->set[1], b->dim, &b->options, b->diag));
    spend(product, 1);
    spend(evaluation, -1);
    TRY(metrics_evaluate(&part, &b->set[1], b->dim, &b->options, &result, b->diag));
    spend(evaluation, 1);
    *map += result.map * (double)(end - first) / (double)b->count[0];
    metrics_release(&result);
  }
  return STATUS_OK;
}

static Status run(Bench *b, const char *sizes) {
  Spent product = {0}, evaluation = {0};
  double map = 0;
  TRY(read_sizes(b, sizes));
  TRY(make_sets(b));
  double features = (double)(b->count[0] + b->count[1]) * (double)b->dim * sizeof(float);
  resident_reset();
  TRY(take_turns(b, &product, &evaluation, &map));
  double peak = resident_peak(), work = (double)b->count[0] * (double)b->count[1] * (double)b->dim;
  printf("%lld queries, %lld in the gallery, features of %lld, %d threads: mAP %.2f %%\n",
         (long long)b->count[0], (long long)b->count[1], (long long)b->dim, b->options.threads,
         100 * map);
  printf("products alone %.3f s (%.1f GMAC/s), the evaluation %.3f s: %.3f times; by work of the "
         "cores %.3f times\n",
         product.wall, work / product.wall * 1e-9, evaluation.wall, evaluation.wall / product.wall,
         evaluation.work / product.work);
  printf("features %.1f MB, resident at most %.1f MB: %.3f times\n", features * 1e-6, peak * 1e-6,
         peak / features);
  printf("\nRESULT retrieval threads=%d product=%.4f evaluation=%.4f ratio=%.4f work=%.4f "
         "features=%.1fMB peak=%.1fMB memory=%.4f\n",
         b->options.threads, product.wall, evaluation.wall, evaluation.wall / product.wall,
         evaluation.work / product.work, features * 1e-6, peak * 1e-6, peak / features);
  return STATUS_OK;
}

Status metrics_bench(const MetricsBenchOptions *options, Diag *diag) {
  Bench b = {.options = {.threads = (int)options->threads}, .diag = diag};
  Status status = run(&b, options->sizes);
  for (int s = 0; s < 2; s++) {
    free(b.features[s]);
    free(b.ids[s]);
    free(b.cameras[s]);
  }
  return status;
}
