/* The colour descriptor: bins by hand, length 1, stripes, row stride. */
#include "runtime/eval/color.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float length_of(const float *x) {
  double sum = 0;
  for (int i = 0; i < COLOR_DIM; i++) sum += (double)x[i] * (double)x[i];
  return (float)sqrt(sum);
}

/* The one bin that an image of a single colour fills in each stripe. */
static int bin_of(uint8_t r, uint8_t g, uint8_t b) {
  uint8_t image[6][1][3];
  float out[COLOR_DIM];
  int found = -1;
  for (int y = 0; y < 6; y++) memcpy(image[y][0], (uint8_t[]){r, g, b}, 3);
  color_describe(&image[0][0][0], 6, 1, 3, out);
  for (int i = 0; i < COLOR_BINS; i++)
    if (out[i] > 0) {
      CU_ASSERT_EQUAL(found, -1);
      found = i;
    }
  for (int s = 0; s < COLOR_STRIPES; s++)
    CU_ASSERT_DOUBLE_EQUAL(out[s * COLOR_BINS + found], sqrt(1.0 / 6), 1e-7);
  return found;
}

static int bin(int hue, int saturation, int value) {
  return (hue * 4 + saturation) * 4 + value;
}

static void test_bins(void) {
  CU_ASSERT_EQUAL(bin_of(0, 0, 0), bin(0, 0, 0));
  CU_ASSERT_EQUAL(bin_of(255, 255, 255), bin(0, 0, 3));
  CU_ASSERT_EQUAL(bin_of(255, 0, 0), bin(0, 3, 3));
  CU_ASSERT_EQUAL(bin_of(128, 128, 0), bin(1, 3, 2)); /* 60 degrees */
  CU_ASSERT_EQUAL(bin_of(0, 255, 0), bin(2, 3, 3));   /* 120 */
  CU_ASSERT_EQUAL(bin_of(0, 255, 255), bin(4, 3, 3)); /* 180: an edge */
  CU_ASSERT_EQUAL(bin_of(0, 0, 255), bin(5, 3, 3));   /* 240 */
  CU_ASSERT_EQUAL(bin_of(255, 0, 1), bin(7, 3, 3));
  CU_ASSERT_EQUAL(bin_of(100, 50, 50), bin(0, 2, 1)); /* saturation 1/2 */
}

static void test_stripes(void) {
  enum { H = 61, W = 9, STRIDE = 40 };
  uint8_t *image = malloc(H * STRIDE), *tight = malloc(H * W * 3);
  float a[COLOR_DIM], b[COLOR_DIM];
  for (int i = 0; i < H * STRIDE; i++) image[i] = (uint8_t)(i * 37 + i / 7);
  for (int y = 0; y < H; y++) memcpy(tight + y * W * 3, image + y * STRIDE, W * 3);
  color_describe(image, H, W, STRIDE, a);
  color_describe(tight, H, W, W * 3, b);
  CU_ASSERT_EQUAL(memcmp(a, b, sizeof a), 0);
  CU_ASSERT_DOUBLE_EQUAL(length_of(a), 1, 1e-6);
  memset(tight, 0, H * W * 3);
  memset(tight, 255, W * 3); /* a white first row shows in the first stripe only */
  color_describe(tight, H, W, W * 3, b);
  CU_ASSERT_DOUBLE_EQUAL(b[bin(0, 0, 3)], sqrt(1.0 / H), 1e-7);
  for (int s = 1; s < COLOR_STRIPES; s++) CU_ASSERT_EQUAL(b[s * COLOR_BINS + 3], 0);
  free(image);
  free(tight);
}

static void test_tiny(void) {
  uint8_t pixel[3] = {1, 2, 3};
  float a[COLOR_DIM];
  color_describe(pixel, 1, 1, 3, a);
  CU_ASSERT_DOUBLE_EQUAL(length_of(a), 1, 1e-7);
}

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 2;
  CU_pSuite suite = CU_add_suite("color", NULL, NULL);
  CU_add_test(suite, "bins", test_bins);
  CU_add_test(suite, "stripes", test_stripes);
  CU_add_test(suite, "tiny", test_tiny);
  CU_basic_run_tests();
  int failed = (int)CU_get_number_of_failures();
  CU_cleanup_registry();
  return failed != 0;
}
