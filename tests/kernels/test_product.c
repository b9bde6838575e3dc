/* Products of rows: one chain of fused multiply-adds an element, on every instruction set, for any
 * cut of the rows. */
#include "kernels/cpu/internal.h"
#include "kernels/product.h"
#include "tests/support.h"

#include <math.h>

static float uniform(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (float)((double)(state >> 40) / 16777216 - 0.5);
}

static void check(int64_t n_a, int64_t n_b, int64_t dim, bool indirect) {
  size_t bytes = sizeof(float);
  float *a = malloc((size_t)(n_a * dim) * bytes), *b = malloc((size_t)(n_b * dim) * bytes);
  float *want = malloc((size_t)(n_a * n_b) * bytes),
        *have = malloc((size_t)(n_a * n_b + 1) * bytes);
  int64_t *rows_a = malloc((size_t)n_a * sizeof *rows_a),
          *rows_b = malloc((size_t)n_b * sizeof *rows_b);
  void *scratch = aligned_alloc(64, PRODUCT_SCRATCH);
  for (int64_t i = 0; i < n_a * dim; i++) a[i] = uniform();
  for (int64_t i = 0; i < n_b * dim; i++) b[i] = uniform();
  for (int64_t i = 0; i < n_a; i++) rows_a[i] = indirect ? (i * 7 + 3) % n_a : i;
  for (int64_t i = 0; i < n_b; i++) rows_b[i] = indirect ? (i * 5 + 1) % n_b : i;
  for (int64_t m = 0; m < n_a; m++)
    for (int64_t n = 0; n < n_b; n++) {
      float sum = 0;
      for (int64_t k = 0; k < dim; k++)
        sum = fmaf(a[rows_a[m] * dim + k], b[rows_b[n] * dim + k], sum);
      want[m * n_b + n] = sum;
    }
  ProductRows x = {a, indirect ? rows_a : NULL, n_a}, y = {b, indirect ? rows_b : NULL, n_b};
  for (int isa = ISA_BASE; isa <= ISA_V4; isa++) {
    isa_limit((Isa)isa);
    have[n_a * n_b] = 12345;
    product_rows(&x, 0, n_a, &y, dim, have, n_b, scratch);
    CU_ASSERT_EQUAL(memcmp(have, want, (size_t)(n_a * n_b) * bytes), 0);
    int64_t half = n_a / 2;
    product_rows(&x, half, n_a - half, &y, dim, have, n_b, scratch);
    CU_ASSERT_EQUAL(memcmp(have, want + half * n_b, (size_t)((n_a - half) * n_b) * bytes), 0);
    CU_ASSERT_EQUAL(have[n_a * n_b], 12345); /* nothing past the end */
  }
  isa_limit(ISA_V4);
  void *const all[] = {a, b, want, have, rows_a, rows_b, scratch};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i]);
}

static void test_products(void) {
  static const int64_t cases[][3] = {{1, 1, 1},     {1, 65, 3},    {13, 64, 256}, {12, 63, 257},
                                     {97, 130, 40}, {200, 5, 511}, {3, 33, 1030}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (int indirect = 0; indirect < 2; indirect++)
      check(cases[i][0], cases[i][1], cases[i][2], indirect);
}

int main(void) {
  static const SupportTest tests[] = {{"products", test_products}};
  return support_run("product", tests, 1);
}
