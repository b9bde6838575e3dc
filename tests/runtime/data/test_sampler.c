/* The samplers: what a round holds, that draws are functions of (seed, domain, round), seeking. */
#include "runtime/data/sampler.h"
#include "tests/support.h"

#define IMAGES_MAX 64

/* A domain of `n` identities with counts[i] training images each, interleaved, and one gallery
 * image that must never be drawn. */
typedef struct Made {
  DataImage images[IMAGES_MAX];
  const char *classes[16];
  DataDomain domain;
} Made;

static void make_domain(Made *m, const char *name, const uint32_t *counts, uint32_t n) {
  static const char *const names[16] = {"0", "1", "2", "3", "4", "5", "6", "7"};
  memset(m, 0, sizeof *m);
  uint32_t used = 0;
  m->images[used++] = (DataImage){.label = -1, .split = SPLIT_GALLERY};
  for (uint32_t round = 0; round < IMAGES_MAX; round++)
    for (uint32_t i = 0; i < n; i++)
      if (round < counts[i]) m->images[used++] = (DataImage){.pid = i, .label = (int32_t)i};
  for (uint32_t i = 0; i < n; i++) m->classes[i] = names[i];
  m->domain = (DataDomain){.name = name,
                           .images = m->images,
                           .n_images = used,
                           .classes = m->classes,
                           .n_classes = n,
                           .n_train = used - 1};
}

static Sampler *create(const PlanSampler *plan, const Made *m, uint64_t seed, Diag *diag) {
  Sampler *s = NULL;
  CU_ASSERT_EQUAL_FATAL(sampler_create(plan, &m->domain, seed, diag, &s), STATUS_OK);
  return s;
}

/* Checks one batch: identity-major, each identity once, and no image that `seen` already has. */
static void check_batch(const Made *m, const PlanSampler *plan, const uint32_t *batch, int *seen) {
  bool taken[16] = {false};
  for (int64_t i = 0; i < plan->batch_ids; i++) {
    int32_t label = m->images[batch[i * plan->batch_images]].label;
    CU_ASSERT_FATAL(label >= 0);
    CU_ASSERT_FALSE(taken[label]);
    taken[label] = true;
    for (int64_t j = 0; j < plan->batch_images; j++) {
      uint32_t image = batch[i * plan->batch_images + j];
      CU_ASSERT_EQUAL(m->images[image].label, label);
      seen[image]++;
    }
  }
}

/* Every round uses each image at most once, and ends only when fewer than batch_ids identities have
 * batch_images unused images. */
static void test_rounds(void) {
  static const uint32_t counts[] = {2, 7, 4, 5, 9, 3};
  const PlanSampler plan = {0, 3, 2};
  Made m;
  make_domain(&m, "d", counts, 6);
  for (uint64_t seed = 0; seed < 20; seed++) {
    Diag *diag = diag_create();
    Sampler *s = create(&plan, &m, seed, diag);
    CU_ASSERT_PTR_NULL(diag_entry(diag, 0));
    int seen[IMAGES_MAX] = {0};
    int64_t round = 0;
    for (int i = 0; i < 100; i++) {
      uint32_t batch[6];
      sampler_next(s, batch);
      SamplerPosition at = sampler_position(s);
      if (at.round != round) {
        CU_ASSERT_EQUAL(at.round, round + 1);
        CU_ASSERT_EQUAL(at.batch, 1);
        int left[6] = {0}, enough = 0;
        for (uint32_t k = 1; k < m.domain.n_images; k++) {
          CU_ASSERT(seen[k] <= 1);
          left[m.images[k].label] += !seen[k];
        }
        for (int g = 0; g < 6; g++) enough += left[g] >= 2;
        CU_ASSERT(enough < 3);
        memset(seen, 0, sizeof seen);
        round = at.round;
      }
      check_batch(&m, &plan, batch, seen);
    }
    CU_ASSERT(round >= 20);
    sampler_destroy(s);
    diag_destroy(diag);
  }
}

/* When all identities have as many images and their number divides, a round is every image once. */
static void test_even_round(void) {
  static const uint32_t counts[] = {4, 4, 4, 4};
  const PlanSampler plan = {0, 4, 2};
  Made m;
  make_domain(&m, "d", counts, 4);
  Sampler *s = create(&plan, &m, 5, NULL);
  int seen[IMAGES_MAX] = {0};
  for (int i = 0; i < 2; i++) {
    uint32_t batch[8];
    sampler_next(s, batch);
    check_batch(&m, &plan, batch, seen);
  }
  for (uint32_t k = 0; k < m.domain.n_images; k++) CU_ASSERT_EQUAL(seen[k], k > 0);
  CU_ASSERT_EQUAL(sampler_position(s).round, 0);
  sampler_destroy(s);
}

/* An identity with one image is drawn with that image twice; one warning for the domain. */
static void test_short_lists(void) {
  static const uint32_t counts[] = {1, 4, 1};
  const PlanSampler plan = {0, 3, 4};
  Made m;
  make_domain(&m, "shorts", counts, 3);
  Diag *diag = diag_create();
  Sampler *s = create(&plan, &m, 1, diag);
  char *text = support_messages(diag);
  CU_ASSERT_STRING_EQUAL(text,
                         "domain 'shorts': warning: 2 of 3 identities have fewer than 4 images: a "
                         "batch shows one of theirs more than once (the first is '0' with 1)\n");
  free(text);
  uint32_t batch[12];
  int seen[IMAGES_MAX] = {0};
  sampler_next(s, batch);
  check_batch(&m, &plan, batch, seen);
  CU_ASSERT_EQUAL(seen[1], 4); /* identity 0 */
  CU_ASSERT_EQUAL(seen[3], 4); /* identity 2 */
  CU_ASSERT(seen[2] == 1 && seen[4] == 1 && seen[5] == 1 && seen[6] == 1);
  sampler_destroy(s);
  diag_destroy(diag);
}

/* Two of three images repeat: [a b c] shuffled, then its first again; each is used. */
static void test_repeats(void) {
  static const uint32_t counts[] = {3};
  const PlanSampler plan = {0, 1, 5};
  Made m;
  make_domain(&m, "d", counts, 1);
  int first_twice[4] = {0};
  for (uint64_t seed = 0; seed < 200; seed++) {
    Sampler *s = create(&plan, &m, seed, NULL);
    uint32_t b[5];
    sampler_next(s, b);
    CU_ASSERT(b[0] != b[1] && b[0] != b[2] && b[1] != b[2]);
    CU_ASSERT(b[3] == b[0] && b[4] == b[1]);
    first_twice[b[0]]++;
    sampler_destroy(s);
  }
  for (int i = 1; i <= 3; i++) CU_ASSERT(first_twice[i] > 40 && first_twice[i] < 95);
}

static void test_draws(void) {
  static const uint32_t counts[] = {4, 4, 4, 4, 4, 4, 4, 4};
  const PlanSampler plan = {0, 4, 2};
  Made m, other;
  make_domain(&m, "d", counts, 8);
  make_domain(&other, "e", counts, 8);
  Sampler *a = create(&plan, &m, 1, NULL), *b = create(&plan, &m, 1, NULL);
  Sampler *c = create(&plan, &m, 2, NULL), *d = create(&plan, &other, 1, NULL);
  int same_seed = 0, other_seed = 0, other_name = 0;
  for (int i = 0; i < 20; i++) {
    uint32_t x[8], y[8], z[8], w[8];
    sampler_next(a, x);
    sampler_next(b, y);
    sampler_next(c, z);
    sampler_next(d, w);
    same_seed += memcmp(x, y, sizeof x) == 0;
    other_seed += memcmp(x, z, sizeof x) == 0;
    other_name += memcmp(x, w, sizeof x) == 0;
  }
  CU_ASSERT(same_seed == 20 && other_seed == 0 && other_name == 0);
  sampler_destroy(a);
  sampler_destroy(b);
  sampler_destroy(c);
  sampler_destroy(d);
}

/* Every identity is as likely as another to be in the first batch. */
static void test_uniform(void) {
  static const uint32_t counts[] = {2, 2, 2, 2, 2, 2};
  const PlanSampler plan = {0, 2, 1};
  Made m;
  make_domain(&m, "d", counts, 6);
  int hits[IMAGES_MAX] = {0};
  for (uint64_t seed = 0; seed < 3000; seed++) {
    Sampler *s = create(&plan, &m, seed, NULL);
    uint32_t b[2];
    sampler_next(s, b);
    hits[b[0]]++;
    hits[b[1]]++;
    sampler_destroy(s);
  }
  for (int i = 1; i <= 12; i++) CU_ASSERT(hits[i] > 430 && hits[i] < 570); /* 500, 4.7 sigma wide */
}

static void test_seek(void) {
  static const uint32_t counts[] = {2, 7, 4, 5, 9, 3};
  for (uint8_t kind = 0; kind < 2; kind++) {
    const PlanSampler plan = {kind, 3, 2};
    Made m;
    make_domain(&m, "d", counts, 6);
    Sampler *s = create(&plan, &m, 9, NULL);
    for (int i = 0; i < 30; i++) {
      SamplerPosition at = sampler_position(s);
      Sampler *fresh = create(&plan, &m, 9, NULL);
      uint32_t x[6], y[6];
      CU_ASSERT_FATAL(sampler_seek(fresh, at));
      sampler_next(s, x);
      sampler_next(fresh, y);
      CU_ASSERT_EQUAL(memcmp(x, y, sizeof x), 0);
      sampler_destroy(fresh);
    }
    CU_ASSERT_FALSE(sampler_seek(s, (SamplerPosition){0, 16}));
    CU_ASSERT_FALSE(sampler_seek(s, (SamplerPosition){0, INT64_MAX}));
    CU_ASSERT_FALSE(sampler_seek(s, (SamplerPosition){-1, 0}));
    CU_ASSERT_FALSE(sampler_seek(s, (SamplerPosition){0, -1}));
    CU_ASSERT(sampler_seek(s, (SamplerPosition){INT64_MAX - 1, 0}));
    sampler_destroy(s);
  }
}

/* kind shuffle: a round is a permutation of all training images, the rest dropped. */
static void test_shuffle(void) {
  static const uint32_t counts[] = {5, 1, 7};
  const PlanSampler plan = {1, 2, 2};
  Made m;
  make_domain(&m, "d", counts, 3);
  Diag *diag = diag_create();
  Sampler *s = create(&plan, &m, 3, diag);
  CU_ASSERT_PTR_NULL(diag_entry(diag, 0));
  for (int round = 0; round < 5; round++) {
    int seen[IMAGES_MAX] = {0}, total = 0;
    for (int i = 0; i < 3; i++) {
      uint32_t b[4];
      sampler_next(s, b);
      CU_ASSERT_EQUAL(sampler_position(s).round, round);
      for (int j = 0; j < 4; j++) seen[b[j]]++;
    }
    for (uint32_t k = 0; k < m.domain.n_images; k++) {
      CU_ASSERT(seen[k] <= (k > 0));
      total += seen[k];
    }
    CU_ASSERT_EQUAL(total, 12);
  }
  sampler_destroy(s);
  diag_destroy(diag);
}

static void test_substitute(void) {
  static const uint32_t counts[] = {3, 1}; /* images: gallery, 0, 1, 0, 0 */
  for (uint8_t kind = 0; kind < 2; kind++) {
    const PlanSampler plan = {kind, 2, 1};
    Made m;
    make_domain(&m, "d", counts, 2);
    Sampler *s = create(&plan, &m, 3, NULL);
    CU_ASSERT_EQUAL(sampler_substitute(s, 1), 3);
    CU_ASSERT_EQUAL(sampler_substitute(s, 3), 4);
    CU_ASSERT_EQUAL(sampler_substitute(s, 4), 1);
    CU_ASSERT_EQUAL(sampler_substitute(s, 2), 2);
    sampler_destroy(s);
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"rounds", test_rounds},   {"even round", test_even_round}, {"short lists", test_short_lists},
      {"repeats", test_repeats}, {"draws", test_draws},           {"uniform", test_uniform},
      {"seek", test_seek},       {"shuffle", test_shuffle},       {"substitute", test_substitute}};
  return support_run("sampler", tests, sizeof tests / sizeof *tests);
}
