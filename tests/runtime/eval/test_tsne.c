/* t-SNE against its definition on dense matrices: the cost, and that it has a minimum where the
 * points are; clusters; the same bits. */
#include "graph/base/philox.h"
#include "runtime/eval/tsne.h"
#include "tests/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 91, DIM = 12, GROUPS = 3 };

static float features[N * DIM];

static void make_features(void) {
  uint64_t site = philox_site("test/tsne");
  for (int i = 0; i < N; i++)
    for (int k = 0; k < DIM; k++)
      features[i * DIM + k] =
          (float)(2 * philox_normal(1, 0, site, (uint64_t)(i % GROUPS * DIM + k)) +
                  philox_normal(2, 0, site, (uint64_t)(i * DIM + k)));
}

/* ---- by definition ------------------------------------------------------------------------- */

static double joint[N][N];

static double squared(int i, int j) {
  double xy = 0, xx = 0, yy = 0;
  for (int k = 0; k < DIM; k++) {
    double x = (double)features[i * DIM + k], y = (double)features[j * DIM + k];
    xy += x * y, xx += x * x, yy += y * y;
  }
  return 2 - 2 * xy / sqrt(xx * yy);
}

/* p(j | i) with all others as neighbours: perplexity N / 3 keeps N - 1 of them. */
static void make_joint(double perplexity) {
  static double p[N][N];
  for (int i = 0; i < N; i++) {
    double low = 1e-6, high = 1e6, sum = 0;
    for (int b = 0; b < 200; b++) { /* of the logarithm */
      double beta = sqrt(low * high), entropy = 0;
      sum = 0;
      for (int j = 0; j < N; j++) sum += p[i][j] = i == j ? 0 : exp(-beta * squared(i, j));
      for (int j = 0; j < N; j++)
        if (p[i][j] > 0) entropy -= p[i][j] / sum * log(p[i][j] / sum);
      if (exp(entropy) > perplexity)
        low = beta;
      else
        high = beta;
    }
    for (int j = 0; j < N; j++) p[i][j] /= sum;
  }
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) joint[i][j] = (p[i][j] + p[j][i]) / (2 * N);
}

static double divergence(const double *at) {
  double total = 0, sum = 0;
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++)
      if (i != j)
        total += 1 / (1 + pow(at[2 * i] - at[2 * j], 2) + pow(at[2 * i + 1] - at[2 * j + 1], 2));
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) {
      double q = 1 / (1 + pow(at[2 * i] - at[2 * j], 2) + pow(at[2 * i + 1] - at[2 * j + 1], 2));
      if (i != j) sum += joint[i][j] * log(joint[i][j] / (q / total));
    }
  return sum;
}

static void test_definition(void) {
  static double at[2 * N];
  double cost, perplexity = (N - 1) / 3.0;
  TsneOptions o = {.perplexity = perplexity, .steps = 2000, .seed = 4, .threads = 1};
  make_features();
  make_joint(perplexity);
  CU_ASSERT_EQUAL_FATAL(tsne_place(&(ProductRows){features, NULL, N}, DIM, &o, at, &cost, NULL),
                        STATUS_OK);
  double here = divergence(at);
  CU_ASSERT_DOUBLE_EQUAL(cost, here, 1e-5); /* products of f32 */
  double span = 0, mean = 0;
  for (int i = 0; i < 2 * N; i++) span = fmax(span, fabs(at[i]));
  for (int i = 0; i < N; i++) mean += at[2 * i];
  CU_ASSERT(fabs(mean) < 1e-6 * span);
  double slope = 0, start = 0; /* of the cost, there and where all points are together */
  for (int i = 0; i < 2 * N; i += 13) {
    double keep = at[i], h = 1e-3 * span;
    at[i] = keep + h;
    double above = divergence(at);
    at[i] = keep - h;
    slope = fmax(slope, fabs(above - divergence(at)) / (2 * h));
    CU_ASSERT(above > here || fabs(above - here) < 1e-7);
    at[i] = keep + span; /* far from its place */
    start = fmax(start, divergence(at) - here);
    at[i] = keep;
  }
  CU_ASSERT(slope * span < 0.01 * start);
}

/* Nearest in the plane is one of the own group, whatever the threads. */
static void test_groups(void) {
  static double at[2 * N], again[2 * N];
  double cost, cost_again;
  int64_t rows[N];
  TsneOptions o = {.perplexity = 10, .steps = 400, .seed = 1, .threads = 1};
  make_features();
  for (int i = 0; i < N; i++) rows[i] = N - 1 - i;
  ProductRows all = {features, rows, N};
  CU_ASSERT_EQUAL_FATAL(tsne_place(&all, DIM, &o, at, &cost, NULL), STATUS_OK);
  for (int i = 0; i < N; i++) {
    int best = -1;
    double least = INFINITY;
    for (int j = 0; j < N; j++) {
      double d = hypot(at[2 * i] - at[2 * j], at[2 * i + 1] - at[2 * j + 1]);
      if (j != i && d < least) best = j, least = d;
    }
    CU_ASSERT_EQUAL(rows[best] % GROUPS, rows[i] % GROUPS);
  }
  o.steps = 20; /* threads wait for each other twice a step */
  CU_ASSERT_EQUAL_FATAL(tsne_place(&all, DIM, &o, at, &cost, NULL), STATUS_OK);
  o.threads = 3;
  CU_ASSERT_EQUAL_FATAL(tsne_place(&all, DIM, &o, again, &cost_again, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(memcmp(at, again, sizeof at), 0);
  CU_ASSERT_EQUAL(cost, cost_again);
  o.seed = 2;
  CU_ASSERT_EQUAL(tsne_place(&all, DIM, &o, again, &cost_again, NULL), STATUS_OK);
  CU_ASSERT(memcmp(at, again, sizeof at) != 0);
}

/* Equal rows, rows of zeros: finite places.  Too few, or no numbers: refused. */
static void test_ends(void) {
  float some[6 * 2] = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 3, -1};
  double at[12], cost;
  TsneOptions o = {.perplexity = 30, .steps = 50, .threads = 1};
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(tsne_place(&(ProductRows){some, NULL, 6}, 2, &o, at, &cost, diag), STATUS_OK);
  for (int i = 0; i < 12; i++) CU_ASSERT(isfinite(at[i]));
  CU_ASSERT_EQUAL(tsne_place(&(ProductRows){some, NULL, 3}, 2, &o, at, &cost, diag),
                  STATUS_INVALID);
  diag_clear(diag);
  some[3] = NAN;
  CU_ASSERT_EQUAL(tsne_place(&(ProductRows){some, NULL, 6}, 2, &o, at, &cost, diag), STATUS_SYSTEM);
  diag_destroy(diag);
}

int main(void) {
  static const SupportTest tests[] = {
      {"by definition", test_definition}, {"groups", test_groups}, {"ends", test_ends}};
  return support_run("tsne", tests, 3);
}
