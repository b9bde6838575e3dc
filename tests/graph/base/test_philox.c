/* Random numbers: Philox4x32-10 against its published vectors, draws against their definition. */
#include "graph/base/philox.h"
#include "tests/support.h"

#include <math.h>

/* Rows `philox4x32 10` of Random123's tests/kat_vectors: counter, key, result. */
static const uint32_t vectors[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
     0xa20bc7c6, 0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
     0x5001e420, 0x24126ea1},
};

static void test_vectors(void) {
  for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
    uint32_t out[4];
    philox_block(vectors[i], vectors[i] + 4, out);
    CU_ASSERT_EQUAL(memcmp(out, vectors[i] + 6, sizeof out), 0);
  }
}

/* The key is seed xor site, the counter holds index and step, low words first. */
static void test_counter(void) {
  uint32_t out[4];
  uint64_t seed = 0x299f31d0a4093822, index = 0x85a308d3243f6a88, step = 0x0370734413198a2e;
  philox_words(seed, step, 0, index, out);
  CU_ASSERT_EQUAL(memcmp(out, vectors[2] + 6, sizeof out), 0);
  philox_words(seed ^ 12345, step, 12345, index, out);
  CU_ASSERT_EQUAL(memcmp(out, vectors[2] + 6, sizeof out), 0);
}

/* ((u32 >> 8) + .5) 2^-24, never 0 or 1; normals by Box-Muller from two of them. */
static void test_definitions(void) {
  double worst = 0;
  bool exact = true;
  for (uint64_t i = 0; i < 100000; i++) {
    uint32_t w[4];
    philox_words(7, 3, 99, i, w);
    double u = ((double)(w[0] >> 8) + 0.5) / 16777216, v = ((double)(w[1] >> 8) + 0.5) / 16777216;
    double have = philox_uniform(7, 3, 99, i);
    exact = exact && have == u && have > 0 && have < 1 && (float)have > 0 && (float)have <= 1;
    double normal = sqrt(-2 * log(u)) * cos(2 * acos(-1.0) * v);
    worst = fmax(worst, fabs(philox_normal(7, 3, 99, i) - normal));
  }
  CU_ASSERT(exact);
  CU_ASSERT(worst < 4e-15); /* polynomials of our own against the C library */
}

static void test_extremes(void) {
  /* The least uniform, 2^-25, gives the largest normal: sqrt(50 ln 2) = 5.887. */
  double most = 0;
  for (uint64_t i = 0; i < 300000; i++) most = fmax(most, fabs(philox_normal(1, 2, 3, i)));
  CU_ASSERT(most > 4 && most < 5.888);
}

static void test_moments(void) {
  double sum = 0, square = 0, fourth = 0, uniform = 0, lag = 0, last = 0;
  const int n = 300000;
  for (int i = 0; i < n; i++) {
    double x = philox_normal(11, 0, philox_site("e/stage2"), (uint64_t)i);
    uniform += philox_uniform(11, 0, philox_site("u"), (uint64_t)i);
    sum += x;
    square += x * x;
    fourth += x * x * x * x;
    lag += x * last;
    last = x;
  }
  /* Five standard deviations of each estimate. */
  CU_ASSERT_DOUBLE_EQUAL(uniform / n, 0.5, 5 * sqrt(1.0 / 12 / n));
  CU_ASSERT_DOUBLE_EQUAL(sum / n, 0, 5 / sqrt(n));
  CU_ASSERT_DOUBLE_EQUAL(square / n, 1, 5 * sqrt(2.0 / n));
  CU_ASSERT_DOUBLE_EQUAL(fourth / n, 3, 5 * sqrt(96.0 / n));
  CU_ASSERT_DOUBLE_EQUAL(lag / n, 0, 5 / sqrt(n));
}

static void test_below(void) {
  uint32_t count[7] = {0};
  for (uint64_t i = 0; i < 70000; i++) {
    uint64_t x = philox_below(5, 1, 2, i, 7);
    CU_ASSERT_FATAL(x < 7);
    count[x]++;
  }
  for (int k = 0; k < 7; k++) CU_ASSERT(abs((int)count[k] - 10000) < 500);
  CU_ASSERT_EQUAL(philox_below(5, 1, 2, 3, 1), 0);
  /* floor(x n / 2^64), x from the first word (high) and the second of the third vector. */
  uint64_t seed = 0x299f31d0a4093822, index = 0x85a308d3243f6a88, step = 0x0370734413198a2e;
  CU_ASSERT_EQUAL(philox_below(seed, step, 0, index, UINT64_MAX), 0xd16cfe0994fdccea);
  CU_ASSERT_EQUAL(philox_below(seed, step, 0, index, 1000), 818);
  CU_ASSERT(philox_below(5, 1, 2, 3, UINT64_MAX) != philox_below(5, 1, 2, 4, UINT64_MAX));
}

int main(void) {
  static const SupportTest tests[] = {{"published vectors", test_vectors},
                                      {"key and counter", test_counter},
                                      {"uniforms and normals", test_definitions},
                                      {"extremes", test_extremes},
                                      {"moments", test_moments},
                                      {"integers", test_below}};
  return support_run("philox", tests, sizeof tests / sizeof *tests);
}
