/* Metrics against a plain rendering of their definition. */
#include "runtime/eval/metrics.h"
#include "tests/runtime/ranks/thread_ranks.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;

static uint64_t random_next(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static const MetricsOptions one_thread = {.threads = 1};

static double random_uniform(void) {
  return (double)(random_next() >> 11) * 0x1p-53;
}

typedef struct Sample {
  MetricsSet query, gallery;
  float *features[2];
  int64_t *ids[2], *cameras[2];
  int64_t dim;
} Sample;

/* Random sets; `levels` > 0 rounds the features so that many distances tie. */
static Sample sample_make(int64_t n_query, int64_t n_gallery, int64_t dim, int64_t n_ids,
                          int levels) {
  Sample s = {.dim = dim};
  int64_t count[2] = {n_query, n_gallery};
  for (int side = 0; side < 2; side++) {
    s.features[side] = malloc((size_t)(count[side] * dim) * sizeof(float));
    s.ids[side] = malloc((size_t)count[side] * sizeof(int64_t));
    s.cameras[side] = malloc((size_t)count[side] * sizeof(int64_t));
    for (int64_t i = 0; i < count[side]; i++) {
      s.ids[side][i] = (int64_t)(random_uniform() * (double)n_ids) - 2;
      s.cameras[side][i] = (int64_t)(random_uniform() * 3);
      for (int64_t k = 0; k < dim; k++) {
        double x = random_uniform() - 0.4;
        s.features[side][i * dim + k] = (float)(levels ? floor(x * levels) : x);
      }
    }
  }
  s.query = (MetricsSet){s.features[0], s.ids[0], s.cameras[0], n_query, NULL, NULL, NULL};
  s.gallery = (MetricsSet){s.features[1], s.ids[1], s.cameras[1], n_gallery, NULL, NULL, NULL};
  return s;
}

static void sample_free(Sample *s) {
  for (int side = 0; side < 2; side++) {
    free(s->features[side]);
    free(s->ids[side]);
    free(s->cameras[side]);
  }
}

typedef struct Item {
  float similarity;
  int64_t index;
} Item;

static int compare_items(const void *a, const void *b) {
  const Item *x = a, *y = b;
  if (x->similarity != y->similarity) return x->similarity > y->similarity ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* AP of one query by sorting; *first and *inp as in MetricsResult. */
static double plain_ap(const Sample *s, int64_t q, int64_t *first, double *chance, double *inp) {
  int64_t n = 0, hits = 0, d = s->dim;
  Item *items = malloc((size_t)s->gallery.count * sizeof *items);
  double sum = 0;
  for (int64_t j = 0; j < s->gallery.count; j++) {
    if (s->ids[1][j] == s->ids[0][q] && s->cameras[1][j] == s->cameras[0][q]) continue;
    const float *x = s->features[0] + q * d, *y = s->features[1] + j * d;
    float product = 0;
    double square = 0;
    for (int64_t k = 0; k < d; k++) product = fmaf(x[k], y[k], product);
    for (int64_t k = 0; k < d; k++) square += (double)y[k] * (double)y[k];
    items[n++] = (Item){product * (square > 0 ? (float)(1 / sqrt(square)) : 0), j};
  }
  qsort(items, (size_t)n, sizeof *items, compare_items);
  *first = 0;
  *inp = -1;
  for (int64_t i = 0; i < n; i++)
    if (s->ids[1][items[i].index] == s->ids[0][q]) {
      if (hits++ == 0) *first = i + 1;
      sum += (double)hits / (double)(i + 1);
      *inp = (double)hits / (double)(i + 1);
    }
  free(items);
  *chance = hits ? metrics_chance_ap(hits, n) : 0;
  return hits ? sum / (double)hits : -1;
}

static void check_sample(Sample *s) {
  MetricsResult r, again;
  double map = 0, minp = 0, chance = 0, one, inp;
  int64_t scored = 0, first, within[3] = {0};
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s->query, &s->gallery, s->dim, &one_thread, &r, NULL),
                        STATUS_OK);
  for (int64_t q = 0; q < s->query.count; q++) {
    double ap = plain_ap(s, q, &first, &one, &inp);
    CU_ASSERT_DOUBLE_EQUAL(r.ap[q], ap, 1e-15);
    CU_ASSERT_EQUAL(r.first[q], first);
    CU_ASSERT_DOUBLE_EQUAL(r.inp[q], inp, 1e-15);
    if (ap < 0) continue;
    scored++;
    map += ap;
    minp += inp;
    chance += one;
    within[0] += first == 1;
    within[1] += first <= 5;
    within[2] += first <= 10;
  }
  CU_ASSERT_EQUAL(r.scored, scored);
  CU_ASSERT_EQUAL(r.skipped, s->query.count - scored);
  CU_ASSERT_DOUBLE_EQUAL(r.map, map / (double)scored, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(r.minp, minp / (double)scored, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(r.chance, chance / (double)scored, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(r.rank1, (double)within[0] / (double)scored, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(r.rank5, (double)within[1] / (double)scored, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(r.rank10, (double)within[2] / (double)scored, 1e-15);
  CU_ASSERT_DOUBLE_EQUAL(metrics_cmc(&r, 1), r.rank1, 0);
  CU_ASSERT_DOUBLE_EQUAL(metrics_cmc(&r, s->gallery.count), 1, 0);
  static const MetricsOptions others[] = {{.threads = 2},
                                          {.threads = 5},
                                          {.threads = 2, .block = 3, .panel = 5},
                                          {.threads = 1, .block = 7, .panel = 33},
                                          {.threads = 3, .block = 1000, .panel = 100000}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    CU_ASSERT_EQUAL_FATAL(
        metrics_evaluate(&s->query, &s->gallery, s->dim, &others[i], &again, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(memcmp(again.ap, r.ap, (size_t)r.n_query * sizeof *r.ap), 0);
    CU_ASSERT_EQUAL(memcmp(again.inp, r.inp, (size_t)r.n_query * sizeof *r.inp), 0);
    CU_ASSERT_EQUAL(again.map, r.map);
    metrics_release(&again);
  }
  metrics_release(&r);
}

static void test_definition(void) {
  static const int64_t sizes[][4] = {{1, 5, 1, 2},       {7, 33, 3, 4},      {30, 700, 9, 3},
                                     {100, 310, 20, 25}, {230, 95, 300, 40}, {50, 200, 515, 12}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int levels = 0; levels < 4; levels++) {
      Sample s = sample_make(sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3], levels);
      s.ids[0][0] = s.ids[1][0];
      s.cameras[0][0] = s.cameras[1][0] + 1;
      if (levels == 3) /* a row of length 0 */
        memset(s.features[1], 0, (size_t)s.dim * sizeof(float));
      check_sample(&s);
      sample_free(&s);
    }
}

/* One query by hand: order e0 (removed), e2 (hit), e1, e3 (hit). */
static void test_by_hand(void) {
  float q[2] = {2, 0}, g[8] = {5, 0, 1, 1, 3, 1, 0, 1};
  int64_t qi[1] = {7}, qc[1] = {1}, gi[4] = {7, 9, 7, 7}, gc[4] = {1, 2, 2, 3};
  MetricsResult r;
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&(MetricsSet){q, qi, qc, 1, NULL, NULL, NULL},
                                         &(MetricsSet){g, gi, gc, 4, NULL, NULL, NULL}, 2,
                                         &one_thread, &r, NULL),
                        STATUS_OK);
  CU_ASSERT_DOUBLE_EQUAL(r.map, (1 + 2.0 / 3) / 2, 1e-15);
  CU_ASSERT_EQUAL(r.rank1, 1);
  CU_ASSERT_EQUAL(r.first[0], 1);
  metrics_release(&r);
}

/* Entries that point to rows give the same bits as copied rows. */
static void test_rows(void) {
  Sample s = sample_make(50, 200, 37, 12, 0);
  int64_t rows[2][200], dim = s.dim;
  float *mixed = malloc((size_t)(250 * dim) * sizeof *mixed);
  MetricsResult plain, pointed;
  for (int64_t i = 0; i < 250; i++) {
    int64_t to = i * 101 % 250, side = i >= 50;
    rows[side][side ? i - 50 : i] = to;
    memcpy(mixed + to * dim, s.features[side] + (side ? i - 50 : i) * dim,
           (size_t)dim * sizeof *mixed);
  }
  MetricsSet query = s.query, gallery = s.gallery;
  query.features = gallery.features = mixed;
  query.rows = rows[0];
  gallery.rows = rows[1];
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s.query, &s.gallery, dim, &one_thread, &plain, NULL),
                        STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(
      metrics_evaluate(&query, &gallery, dim, &(MetricsOptions){.threads = 2}, &pointed, NULL),
      STATUS_OK);
  CU_ASSERT_EQUAL(memcmp(plain.ap, pointed.ap, 50 * sizeof *plain.ap), 0);
  CU_ASSERT_EQUAL(plain.map, pointed.map);
  metrics_release(&plain);
  metrics_release(&pointed);
  free(mixed);
  sample_free(&s);
}

/* The formula against the mean over all arrangements of m matches among n. */
static void test_chance(void) {
  for (int n = 1; n <= 12; n++)
    for (int m = 1; m <= n; m++) {
      double sum = 0;
      int arrangements = 0;
      for (int bits = 0; bits < 1 << n; bits++) {
        if (__builtin_popcount((unsigned)bits) != m) continue;
        int hits = 0;
        double ap = 0;
        for (int i = 0; i < n; i++)
          if (bits >> i & 1) ap += (double)++hits / (i + 1);
        sum += ap / m;
        arrangements++;
      }
      CU_ASSERT_DOUBLE_EQUAL(metrics_chance_ap(m, n), sum / arrangements, 1e-14);
    }
  double exact = 0;
  for (int k = 1000; k >= 1; k--) exact += 1.0 / k;
  CU_ASSERT_DOUBLE_EQUAL(metrics_chance_ap(1, 1000), exact / 1000, 1e-16);
  exact = 0;
  for (int k = 64; k >= 1; k--) exact += 1.0 / k;
  CU_ASSERT_DOUBLE_EQUAL(metrics_chance_ap(1, 64), exact / 64, 1e-15);
}

typedef struct RankWork {
  ThreadRank rank;
  const Sample *sample;
  MetricsResult result;
  Status status;
} RankWork;

static void *rank_run(void *data) {
  static const MetricsRerank rerank = {4, 2, 0.3};
  RankWork *w = data;
  MetricsOptions options = {
      .threads = 2, .curve = true, .nearest = 5, .rerank = &rerank, .ranks = &w->rank.ranks};
  w->status = metrics_evaluate(&w->sample->query, &w->sample->gallery, w->sample->dim, &options,
                               &w->result, NULL);
  return NULL;
}

/* Ranks that share the queries get the bits of one process, also those that have none. */
static void test_ranks(void) {
  static const MetricsRerank rerank = {4, 2, 0.3};
  for (int64_t n_query = 3; n_query <= 60; n_query += 57) {
    Sample s = sample_make(n_query, 100, 9, 11, 0);
    s.ids[0][0] = s.ids[1][0];
    s.cameras[0][0] = s.cameras[1][0] + 1;
    ThreadMeeting meeting = {0};
    RankWork work[5];
    pthread_t threads[5];
    MetricsResult one;
    MetricsOptions options = {.curve = true, .nearest = 5, .rerank = &rerank};
    CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s.query, &s.gallery, s.dim, &options, &one, NULL),
                          STATUS_OK);
    pthread_barrier_init(&meeting.barrier, NULL, 5);
    for (uint32_t r = 0; r < 5; r++) {
      work[r] = (RankWork){{{.table = &thread_ranks, .rank = r, .count = 5}, &meeting}, &s, {0}, 0};
      pthread_create(&threads[r], NULL, rank_run, &work[r]);
    }
    for (int r = 0; r < 5; r++) {
      pthread_join(threads[r], NULL);
      const MetricsResult *own = &work[r].result;
      size_t n = (size_t)n_query, bins = METRICS_BINS * sizeof *own->curve.same;
      CU_ASSERT_EQUAL_FATAL(work[r].status, STATUS_OK);
      CU_ASSERT_EQUAL(own->map, one.map);
      CU_ASSERT_EQUAL(own->minp, one.minp);
      CU_ASSERT_EQUAL(own->chance, one.chance);
      CU_ASSERT_EQUAL(memcmp(own->ap, one.ap, n * sizeof *own->ap), 0);
      CU_ASSERT_EQUAL(memcmp(own->first, one.first, n * sizeof *own->first), 0);
      CU_ASSERT_EQUAL(memcmp(own->nearest, one.nearest, 5 * n * sizeof *own->nearest), 0);
      CU_ASSERT_EQUAL(memcmp(own->curve.same, one.curve.same, bins), 0);
      CU_ASSERT_EQUAL(memcmp(own->curve.other, one.curve.other, bins), 0);
      CU_ASSERT_EQUAL(own->curve.n_other, one.curve.n_other);
      metrics_release(&work[r].result);
    }
    pthread_barrier_destroy(&meeting.barrier);
    metrics_release(&one);
    sample_free(&s);
  }
}

/* What is found first, by sorting; ties by index, removed entries left out. */
static void test_nearest(void) {
  enum { KEEP = 7 };
  Sample s = sample_make(20, 60, 4, 5, 2);
  MetricsOptions options = {.threads = 2, .nearest = KEEP, .block = 3, .panel = 11};
  MetricsResult r;
  Item items[60];
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s.query, &s.gallery, s.dim, &options, &r, NULL),
                        STATUS_OK);
  for (int64_t q = 0; q < s.query.count; q++) {
    const float *x = s.features[0] + q * s.dim;
    double length = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < s.dim; k++) length += (double)x[k] * (double)x[k];
    for (int64_t j = 0; j < s.gallery.count; j++) {
      const float *y = s.features[1] + j * s.dim;
      float product = 0;
      double square = 0;
      if (s.ids[1][j] == s.ids[0][q] && s.cameras[1][j] == s.cameras[0][q]) continue;
      for (int64_t k = 0; k < s.dim; k++) product = fmaf(x[k], y[k], product);
      for (int64_t k = 0; k < s.dim; k++) square += (double)y[k] * (double)y[k];
      items[n++] = (Item){product * (square > 0 ? (float)(1 / sqrt(square)) : 0), j};
    }
    qsort(items, (size_t)n, sizeof *items, compare_items);
    for (int64_t k = 0; k < KEEP; k++) {
      CU_ASSERT_EQUAL(r.nearest[q * KEEP + k], items[k].index);
      double cosine = length > 0 ? (double)items[k].similarity / sqrt(length) : 0;
      CU_ASSERT_DOUBLE_EQUAL(r.nearest_distance[q * KEEP + k], 1 - cosine, 1e-5);
    }
  }
  metrics_release(&r);
  sample_free(&s);
}

/* Counts of all pairs, one by one, and the curve from them. */
static void test_curve(void) {
  Sample s = sample_make(40, 300, 6, 9, 0);
  MetricsResult r, again;
  MetricsOptions options = {.threads = 1, .curve = true};
  uint64_t same = 0, other = 0, more = 0, beaten = 0, ties = 0;
  double worst = 0;
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s.query, &s.gallery, s.dim, &options, &r, NULL),
                        STATUS_OK);
  options = (MetricsOptions){.threads = 3, .curve = true, .block = 4, .panel = 77};
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&s.query, &s.gallery, s.dim, &options, &again, NULL),
                        STATUS_OK);
  size_t bytes = METRICS_BINS * sizeof *r.curve.same;
  CU_ASSERT_EQUAL(memcmp(r.curve.same, again.curve.same, bytes), 0);
  CU_ASSERT_EQUAL(memcmp(r.curve.other, again.curve.other, bytes), 0);
  MetricsPoint at = metrics_curve_at(&r.curve, 0.1);
  CU_ASSERT(at.fpr <= 0.1 && at.fpr > 0.09 && at.tpr > 0.05 && at.tpr < 0.2);
  for (int64_t q = 0; q < s.query.count; q++)
    for (int64_t j = 0; j < s.gallery.count; j++) {
      double xy = 0, xx = 0, yy = 0;
      for (int64_t k = 0; k < s.dim; k++) {
        double x = (double)s.features[0][q * s.dim + k], y = (double)s.features[1][j * s.dim + k];
        xy += x * y, xx += x * x, yy += y * y;
      }
      double distance = 1 - xy / sqrt(xx * yy);
      bool one = s.ids[0][q] == s.ids[1][j];
      if (one && s.cameras[0][q] == s.cameras[1][j]) continue;
      same += one;
      other += !one;
      if (distance > at.distance + 1e-5) continue;
      more += distance > at.distance - 1e-5; /* on which side rounding decides */
      worst += one;
    }
  CU_ASSERT_EQUAL(r.curve.n_same, same);
  CU_ASSERT_EQUAL(r.curve.n_other, other);
  CU_ASSERT(fabs(worst - at.tpr * (double)same) <= (double)more);
  for (int64_t b = 0; b < METRICS_BINS; b++) {
    other -= r.curve.other[b];
    beaten += r.curve.same[b] * other;
    ties += r.curve.same[b] * r.curve.other[b];
  }
  CU_ASSERT_EQUAL(other, 0);
  CU_ASSERT_DOUBLE_EQUAL(
      metrics_curve_area(&r.curve),
      ((double)beaten + (double)ties / 2) / ((double)same * (double)r.curve.n_other), 1e-12);
  metrics_curve_add(&r.curve, &again.curve);
  CU_ASSERT_EQUAL(r.curve.n_same, 2 * same);
  CU_ASSERT_DOUBLE_EQUAL(metrics_curve_area(&r.curve), metrics_curve_area(&again.curve), 1e-12);
  CU_ASSERT_EQUAL(metrics_curve_at(&r.curve, 1).tpr, 1);
  metrics_release(&r);
  metrics_release(&again);
  sample_free(&s);
}

/* Where no pair is of two people, there is no curve. */
static void test_no_curve(void) {
  const float f[4] = {1, 0, 0, 1e-15f};
  const int64_t id[2] = {1, 1}, cameras[2] = {1, 2};
  const MetricsSet set = {f, id, cameras, 2, NULL, NULL, NULL};
  const MetricsOptions options = {.threads = 1, .curve = true};
  MetricsResult r;
  CU_ASSERT_EQUAL_FATAL(metrics_evaluate(&set, &set, 2, &options, &r, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(r.curve.n_same, 2);
  CU_ASSERT(isnan(metrics_curve_area(&r.curve)));
  metrics_release(&r);
}

static void test_refusals(void) {
  float f[4] = {1, 0, 0, 1};
  int64_t id[2] = {1, 2}, one[2] = {1, 1};
  MetricsSet set = {f, id, one, 2, NULL, "DATA: domain d", NULL},
             empty = {f, id, one, 0, NULL, NULL, NULL};
  MetricsResult r;
  CU_ASSERT_EQUAL(metrics_evaluate(&set, &empty, 2, &one_thread, &r, NULL), STATUS_INVALID);
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(metrics_evaluate(&set, &set, 2, &one_thread, &r, diag), STATUS_INVALID);
  CU_ASSERT_PTR_NULL(r.ap);
  CU_ASSERT_STRING_EQUAL(diag_entry(diag, 0)->place, "DATA: domain d");
  diag_clear(diag);
  const float lengths[] = {1e30f, 1e-30f, 1e-42f}; /* products in f32 say nothing of these */
  for (int i = 0; i < 3; i++) {
    f[3] = lengths[i];
    CU_ASSERT_EQUAL(metrics_evaluate(&set, &set, 2, &one_thread, &r, diag), STATUS_SYSTEM);
    diag_clear(diag);
  }
  f[3] = NAN;
  CU_ASSERT_EQUAL(metrics_evaluate(&set, &set, 2, &one_thread, &r, diag), STATUS_SYSTEM);
  CU_ASSERT_STRING_EQUAL(diag_entry(diag, 0)->place, "DATA: domain d");
  diag_destroy(diag);
}

/* Identities that are found or not, half and half: the mean of n of them deviates by 1 / (2 sqrt
 * n), and 95 % lie within 1.96 deviations.  Those of an identity's queries stand or fall together.
 */
static void test_interval(void) {
  enum { IDS = 400 };
  static double ap[4 * IDS];
  static int64_t ids[4 * IDS];
  for (int queries = 1; queries <= 4; queries += 3) {
    for (int i = 0; i < queries * IDS; i++) {
      ids[i] = i / queries;
      ap[i] = (double)(ids[i] % 2);
    }
    double low = 0, high = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
      MetricsInterval x;
      CU_ASSERT_EQUAL_FATAL(metrics_bootstrap(ap, ids, queries * IDS, seed, &x, NULL), STATUS_OK);
      CU_ASSERT_DOUBLE_EQUAL(x.mean, 0.5, 1e-12);
      low += x.low / 20;
      high += x.high / 20;
    }
    CU_ASSERT_DOUBLE_EQUAL(low, 0.5 - 1.96 * 0.025, 2e-3); /* of 90 %: 8e-3 more */
    CU_ASSERT_DOUBLE_EQUAL(high, 0.5 + 1.96 * 0.025, 2e-3);
  }
}

static void test_bootstrap(void) {
  double a[200], b[200];
  int64_t ids[200];
  MetricsInterval x, y;
  for (int i = 0; i < 200; i++) {
    ids[i] = (i * 7) % 50;
    a[i] = i % 9 == 0 ? -1 : random_uniform();
    b[i] = a[i] < 0 ? -1 : a[i] + 0.1 + 0.01 * random_uniform();
  }
  CU_ASSERT_EQUAL(metrics_bootstrap(a, ids, 200, 5, &x, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(metrics_bootstrap(a, ids, 200, 5, &y, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(memcmp(&x, &y, sizeof x), 0);
  CU_ASSERT(x.low < x.mean && x.mean < x.high);
  /* about the normal interval: 1.96 standard errors of uniform numbers on each side */
  CU_ASSERT(fabs((x.high - x.low) / 2 - 1.96 * sqrt(1.0 / 12 / 178)) < 0.015);
  CU_ASSERT_EQUAL(metrics_bootstrap_paired(a, b, ids, 200, 5, &y, NULL), STATUS_OK);
  CU_ASSERT(y.low > 0.1 && y.high < 0.11 && y.share == 1);
  CU_ASSERT_EQUAL(metrics_bootstrap_paired(b, a, ids, 200, 5, &y, NULL), STATUS_OK);
  CU_ASSERT(y.low > -0.11 && y.high < -0.1 && y.share == 0);
  b[3] = -1;
  CU_ASSERT_EQUAL(metrics_bootstrap_paired(a, b, ids, 200, 5, &y, NULL), STATUS_INVALID);
  for (int i = 0; i < 200; i++) a[i] = -1;
  CU_ASSERT_EQUAL(metrics_bootstrap(a, ids, 200, 5, &x, NULL), STATUS_INVALID);
}

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 2;
  CU_pSuite suite = CU_add_suite("metrics", NULL, NULL);
  CU_add_test(suite, "definition", test_definition);
  CU_add_test(suite, "by hand", test_by_hand);
  CU_add_test(suite, "rows", test_rows);
  CU_add_test(suite, "chance", test_chance);
  CU_add_test(suite, "nearest", test_nearest);
  CU_add_test(suite, "ranks", test_ranks);
  CU_add_test(suite, "curve", test_curve);
  CU_add_test(suite, "no curve", test_no_curve);
  CU_add_test(suite, "refusals", test_refusals);
  CU_add_test(suite, "bootstrap", test_bootstrap);
  CU_add_test(suite, "interval of known width", test_interval);
  CU_basic_run_tests();
  int failed = (int)CU_get_number_of_failures();
  CU_cleanup_registry();
  return failed != 0;
}
