/* Re-ranking against the published algorithm, written as it stands there: dense matrices of all
 * pairs, in f64. */
#include "graph/base/philox.h"
#include "runtime/eval/metrics_parts.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUERIES = 37, GALLERY = 211, ALL = QUERIES + GALLERY, DIM = 24, PEOPLE = 23 };

static float features[ALL * DIM];
static int64_t ids[ALL], cameras[ALL];
static double distance[ALL][ALL], weight[ALL][ALL], mean[ALL][ALL];
static int order[ALL][ALL];

static void make_features(void) {
  uint64_t site = philox_site("test/rerank");
  for (int i = 0; i < ALL; i++) {
    ids[i] = i % PEOPLE;
    cameras[i] = i / PEOPLE % 4;
    for (int k = 0; k < DIM; k++)
      features[i * DIM + k] = (float)(philox_normal(1, 0, site, (uint64_t)(ids[i] * DIM + k)) +
                                      1.3 * philox_normal(2, 0, site, (uint64_t)(i * DIM + k)));
  }
}

/* ---- as published -------------------------------------------------------------------------- */

static double cosine(int i, int j) {
  double xy = 0, xx = 0, yy = 0;
  for (int k = 0; k < DIM; k++) {
    double x = (double)features[i * DIM + k], y = (double)features[j * DIM + k];
    xy += x * y, xx += x * x, yy += y * y;
  }
  return xy / sqrt(xx * yy);
}

static const double *sorted_by;

static int compare_places(const void *a, const void *b) {
  int x = *(const int *)a, y = *(const int *)b;
  if (sorted_by[x] != sorted_by[y]) return sorted_by[x] < sorted_by[y] ? -1 : 1;
  return x - y;
}

static void dense_distances(void) {
  for (int i = 0; i < ALL; i++) {
    double most = 0;
    for (int j = 0; j < ALL; j++) {
      distance[i][j] = i == j ? 0 : 2 - 2 * cosine(i, j); /* squared, of rows of length 1 */
      most = fmax(most, distance[i][j]);
      order[i][j] = j;
    }
    for (int j = 0; j < ALL; j++) distance[i][j] /= most;
    sorted_by = distance[i];
    qsort(order[i], ALL, sizeof order[i][0], compare_places);
  }
}

static bool is_near(int i, int j, int k) {
  for (int a = 0; a < k; a++)
    if (order[i][a] == j) return true;
  return false;
}

static void dense_weights(int k1) {
  int half = (int)rint(k1 / 2.0) + 1;
  memset(weight, 0, sizeof weight);
  for (int i = 0; i < ALL; i++) {
    bool own[ALL] = {0}, set[ALL];
    for (int j = 0; j < ALL; j++) own[j] = is_near(i, j, k1 + 1) && is_near(j, i, k1 + 1);
    memcpy(set, own, sizeof set);
    for (int c = 0; c < ALL; c++) {
      int size = 0, shared = 0;
      if (!own[c]) continue;
      for (int j = 0; j < ALL; j++)
        if (is_near(c, j, half) && is_near(j, c, half)) size++, shared += own[j];
      if (!(shared > 2.0 / 3 * size)) continue;
      for (int j = 0; j < ALL; j++) set[j] |= is_near(c, j, half) && is_near(j, c, half);
    }
    double sum = 0;
    for (int j = 0; j < ALL; j++) sum += set[j] ? exp(-distance[i][j]) : 0;
    for (int j = 0; j < ALL; j++) weight[i][j] = set[j] ? exp(-distance[i][j]) / sum : 0;
  }
}

static double final_distance(int q, int g, double lambda) {
  double least = 0;
  for (int c = 0; c < ALL; c++) least += fmin(mean[q][c], mean[QUERIES + g][c]);
  return (1 - lambda) * (1 - least / (2 - least)) + lambda * distance[q][QUERIES + g];
}

static void dense(int k1, int k2) {
  dense_distances();
  dense_weights(k1);
  memset(mean, 0, sizeof mean);
  for (int i = 0; i < ALL; i++)
    for (int k = 0; k < k2; k++)
      for (int c = 0; c < ALL; c++) mean[i][c] += weight[order[i][k]][c] / k2;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static const MetricsSet query = {features, ids, cameras, QUERIES, NULL, NULL, NULL};
static const MetricsSet gallery = {
    features + QUERIES * DIM, ids + QUERIES, cameras + QUERIES, GALLERY, NULL, NULL, NULL};

static void compare_distances(const MetricsRerank *o, const MetricsOptions *sizes) {
  float scale_q[QUERIES], scale_g[GALLERY], sums[GALLERY] = {0}, score[GALLERY], one;
  float *const scale[2] = {scale_q, scale_g};
  MetricsOptions options = *sizes;
  Rerank *r;
  RerankRow row = {0};
  double worst = 0;
  options.rerank = o;
  CU_ASSERT_EQUAL_FATAL(metrics_scale(&query, "query", DIM, scale_q, NULL), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(metrics_scale(&gallery, "gallery", DIM, scale_g, NULL), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(rerank_create(&query, &gallery, DIM, scale, &options, NULL, &r), STATUS_OK);
  for (int q = 0; q < QUERIES; q++) {
    CU_ASSERT_FATAL(rerank_row_fill(r, q, sums, &row));
    for (int g = 0; g < GALLERY; g++) {
      CU_ASSERT_EQUAL(sums[g], 0);
      score[g] = 0;
      for (int k = 0; k < DIM; k++)
        score[g] = fmaf(features[q * DIM + k], features[(QUERIES + g) * DIM + k], score[g]);
      score[g] *= scale_g[g];
    }
    one = score[50];
    rerank_scores(r, q, &row, 50, 1, &one);
    rerank_scores(r, q, &row, 0, GALLERY, score);
    CU_ASSERT_EQUAL(one, score[50]);
    for (int g = 0; g < GALLERY; g++)
      worst = fmax(worst, fabs((double)-score[g] - final_distance(q, g, o->lambda)));
  }
  CU_ASSERT(worst < 2e-6);
  rerank_row_release(&row);
  rerank_destroy(r);
}

static double dense_ap(int q, double lambda) {
  double to[GALLERY], sum = 0;
  int place[GALLERY], hits = 0, rank = 0;
  for (int g = 0; g < GALLERY; g++) to[g] = final_distance(q, g, lambda), place[g] = g;
  sorted_by = to;
  qsort(place, GALLERY, sizeof *place, compare_places);
  for (int i = 0; i < GALLERY; i++) {
    int g = QUERIES + place[i];
    if (ids[g] == ids[q] && cameras[g] == cameras[q]) continue;
    rank++;
    if (ids[g] == ids[q]) sum += (double)++hits / rank;
  }
  return sum / hits;
}

static void test_published(void) {
  static const MetricsRerank rows[] = {
      {20, 6, 0.3}, {7, 3, 0.1}, {5, 1, 0.5}, {1, 1, 0.3}, {10, 20, 0}};
  static const MetricsOptions sizes[] = {{.threads = 1, .block = 256, .panel = 1024},
                                         {.threads = 3, .block = 5, .panel = 17}};
  make_features();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    dense((int)rows[i].k1, (int)rows[i].k2);
    for (int s = 0; s < 2; s++) compare_distances(&rows[i], &sizes[s]);
  }
}

static void test_evaluation(void) {
  static const MetricsRerank rerank = {20, 6, 0.3};
  MetricsOptions options = {.threads = 1};
  MetricsResult plain, ranked, again;
  make_features();
  dense(20, 6);
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&query, &gallery, DIM, &options, &plain, NULL), STATUS_OK);
  options.rerank = &rerank;
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&query, &gallery, DIM, &options, &ranked, NULL),
                        STATUS_OK);
  CU_ASSERT(ranked.map > plain.map + 0.05); /* what it is for */
  for (int q = 0; q < QUERIES; q++) CU_ASSERT_DOUBLE_EQUAL(ranked.ap[q], dense_ap(q, 0.3), 1e-12);
  options = (MetricsOptions){.threads = 4, .rerank = &rerank, .block = 3, .panel = 10};
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&query, &gallery, DIM, &options, &again, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(memcmp(again.ap, ranked.ap, QUERIES * sizeof *ranked.ap), 0);
  metrics_release(&plain);
  metrics_release(&ranked);
  metrics_release(&again);
}

/* Equal features, rows of zeros, more neighbours than images: numbers all the same. */
static void test_ends(void) {
  static const MetricsRerank rerank = {50, 60, 0.3};
  float same[6 * 2] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
  int64_t who[6] = {1, 2, 1, 2, 1, 2}, where[6] = {1, 1, 2, 2, 3, 3};
  MetricsSet q = {same, who, where, 2, NULL, NULL, NULL};
  MetricsSet g = {same + 4, who + 2, where + 2, 4, NULL, NULL, NULL};
  for (int n = 2; n <= 4; n++) { /* 2: all equal */
    MetricsResult r;
    g.count = n;
    CU_ASSERT_EQUAL_FATAL(
        metrics_evaluate(&q, &g, 2, &(MetricsOptions){.rerank = &rerank}, &r, NULL), STATUS_OK);
    CU_ASSERT(r.map > 0 && r.map <= 1);
    metrics_release(&r);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"the published algorithm", test_published},
                                      {"evaluation", test_evaluation},
                                      {"ends", test_ends}};
  return support_run("rerank", tests, 3);
}
