/* Decoding whatever data sets hold, refusing what is damaged, and resizing as Pillow does. */
#include "runtime/data/image.h"
#include "tests/runtime/data/image_samples.h"
#include "tests/support.h"

#include <math.h>

#define SAMPLE_MAX 1024

static size_t sample_bytes(const char *name, uint8_t *out) {
  for (size_t i = 0; i < N_IMAGE_SAMPLES; i++) {
    if (strcmp(image_samples[i].name, name) != 0) continue;
    const char *hex = image_samples[i].hex;
    size_t n = strlen(hex) / 2;
    for (size_t k = 0; k < n; k++) {
      const char digits[3] = {hex[2 * k], hex[2 * k + 1], 0};
      out[k] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
  }
  CU_FAIL_FATAL("no such sample");
  return 0;
}

/* Writes a file that is named .png whatever it holds, and decodes it. */
static Status decode(const uint8_t *bytes, size_t n, Image *image, char *error) {
  const char *path = support_path("image.png");
  FILE *file = fopen(path, "wb");
  CU_ASSERT_FATAL(file && fwrite(bytes, 1, n, file) == n && fclose(file) == 0);
  return image_read(path, image, error);
}

/* Reads a sample and checks size and pixels: within `tolerance` of the samples' formula, or of its
 * luma when `grey`. */
static void check_sample(const char *name, bool grey, int tolerance) {
  uint8_t bytes[SAMPLE_MAX];
  char error[IMAGE_ERROR_MAX] = "";
  Image image;
  size_t n = sample_bytes(name, bytes);
  Status status = decode(bytes, n, &image, error);
  if (status != STATUS_OK) printf("%s: %s\n", name, error);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  CU_ASSERT(image.height == 7 && image.width == 9);
  int worst = 0;
  for (int y = 0; y < 7; y++)
    for (int x = 0; x < 9; x++) {
      int rgb[3] = {28 * x, 36 * y, 255 - 28 * x};
      int luma = (int)lround(0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]);
      for (int c = 0; c < 3; c++) {
        int d = abs(image.rgb[(y * 9 + x) * 3 + c] - (grey ? luma : rgb[c]));
        if (d > worst) worst = d;
      }
    }
  if (worst > tolerance) printf("%s: off by %d\n", name, worst);
  CU_ASSERT(worst <= tolerance);
  free(image.rgb);
}

static void test_encodings(void) {
  check_sample("jpeg", false, 30); /* chroma of 2 x 2 pixels is shared */
  check_sample("jpeg_progressive", false, 30);
  check_sample("jpeg_arithmetic", false, 30);
  check_sample("jpeg_exif", false, 30); /* and not turned */
  check_sample("jpeg_cmyk", false, 12);
  check_sample("jpeg_grey", true, 4);
  check_sample("png", false, 0);
  check_sample("png_alpha", false, 0);
  check_sample("png_palette", false, 60); /* 16 colours */
  check_sample("png_grey", true, 1);
  check_sample("png_grey_alpha", true, 1);
  check_sample("bmp", false, 0);
}

/* Depths other than 8 bits: the high byte of 16, and black or white. */
static void test_depths(void) {
  uint8_t bytes[SAMPLE_MAX];
  char error[IMAGE_ERROR_MAX];
  Image image;
  CU_ASSERT_EQUAL_FATAL(decode(bytes, sample_bytes("png_grey16", bytes), &image, error), STATUS_OK);
  for (int i = 0; i < 63; i++) CU_ASSERT(abs(image.rgb[3 * i] - 1040 * i / 256) <= 1);
  free(image.rgb);
  CU_ASSERT_EQUAL_FATAL(decode(bytes, sample_bytes("png_1bit", bytes), &image, error), STATUS_OK);
  for (int i = 0; i < 63 * 3; i++) CU_ASSERT(image.rgb[i] == 0 || image.rgb[i] == 255);
  free(image.rgb);
}

static void check_refused(const uint8_t *bytes, size_t n, const char *expected) {
  char error[IMAGE_ERROR_MAX] = "";
  Image image;
  CU_ASSERT_EQUAL(decode(bytes, n, &image, error), STATUS_INVALID);
  CU_ASSERT_PTR_NULL(image.rgb);
  CU_ASSERT_STRING_EQUAL(error, expected);
}

static void test_refusals(void) {
  uint8_t bytes[SAMPLE_MAX];
  char error[IMAGE_ERROR_MAX];
  Image image;
  check_refused((const uint8_t *)"", 0, "is empty");
  check_refused((const uint8_t *)"hello", 5, "is no JPEG, PNG or BMP image");
  check_refused(bytes, sample_bytes("gif", bytes), "is no JPEG, PNG or BMP image");
  CU_ASSERT_EQUAL(image_read(support_path("none.jpg"), &image, error), STATUS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "cannot be read: No such file or directory");
  CU_ASSERT_EQUAL(image_read(support_folder(), &image, error), STATUS_INVALID);
  CU_ASSERT_STRING_EQUAL(error, "is no regular file");
}

/* No beginning of a file passes for the whole of it. */
static void test_truncated(void) {
  for (size_t i = 0; i < N_IMAGE_SAMPLES; i++) {
    uint8_t bytes[SAMPLE_MAX];
    size_t n = sample_bytes(image_samples[i].name, bytes);
    int accepted = 0, silent = 0;
    for (size_t keep = 0; keep < n; keep++) {
      char error[IMAGE_ERROR_MAX] = "";
      Image image;
      accepted += decode(bytes, keep, &image, error) == STATUS_OK;
      silent += !*error;
      free(image.rgb);
    }
    CU_ASSERT_EQUAL(accepted, 0);
    CU_ASSERT_EQUAL(silent, 0);
  }
}

/* A BMP's header says how long the file is: programs write 0 there, or what they had when they
 * stopped.  Its rows count; of the last one, all but what fills it up. */
static void test_bmp_length(void) {
  uint8_t bytes[SAMPLE_MAX];
  size_t n = sample_bytes("bmp", bytes), fill = 1;
  int accepted = 0;
  for (size_t keep = 3; keep <= n; keep++)
    for (int claim = 0; claim < 2; claim++) {
      char error[IMAGE_ERROR_MAX] = "";
      uint32_t length = claim ? (uint32_t)keep : 0;
      Image image;
      uint8_t copy[SAMPLE_MAX];
      memcpy(copy, bytes, n);
      for (int i = 0; i < 4; i++) copy[2 + i] = (uint8_t)(length >> 8 * i);
      Status status = decode(copy, keep, &image, error);
      if (keep < n - fill) CU_ASSERT_STRING_EQUAL(error, "is truncated");
      accepted += status == STATUS_OK;
      free(image.rgb);
    }
  CU_ASSERT(accepted >= 2); /* the whole file, with both claims */
}

#define TOO_LARGE "is larger than 64 megapixels or 65535 pixels a side"

/* Sizes that a header only claims are refused before memory is taken for them. */
static void test_too_large(void) {
  uint8_t bytes[SAMPLE_MAX];
  size_t n = sample_bytes("jpeg", bytes), at = 2;
  while (bytes[at + 1] != 0xC0) at += 2 + (size_t)(bytes[at + 2] << 8 | bytes[at + 3]);
  memcpy(bytes + at + 5, "\x40\x00\x40\x00", 4); /* 16384 x 16384 */
  check_refused(bytes, n, TOO_LARGE);
  n = sample_bytes("bmp", bytes);
  memcpy(bytes + 18, "\x00\x40\x00\x00\x00\x40\x00\x00", 8); /* the same */
  check_refused(bytes, n, TOO_LARGE);
  uint8_t png[SAMPLE_MAX];
  size_t length = sample_bytes("png", png);
  memcpy(png + 16, "\x00\x00\x40\x00\x00\x00\x40\x00", 8); /* the same */
  check_refused(png, length, TOO_LARGE);
  memcpy(bytes + 18, "\x01\x00\x00\x00\x00\x00\x01\x00", 8); /* 65536 x 1 */
  check_refused(bytes, n, TOO_LARGE);
}

/* Damaged bytes give an image or a message, never anything else (run under ASan). */
static void test_damaged(void) {
  uint32_t state = 12345;
  for (size_t i = 0; i < N_IMAGE_SAMPLES; i++)
    for (int trial = 0; trial < 150; trial++) {
      uint8_t bytes[SAMPLE_MAX];
      char error[IMAGE_ERROR_MAX] = "";
      Image image;
      size_t n = sample_bytes(image_samples[i].name, bytes);
      for (int k = 0; k <= trial % 4; k++) {
        state = state * 1664525 + 1013904223;
        bytes[(state >> 8) % n] = (uint8_t)(trial % 3 ? state >> 24 : 0xFF);
      }
      Status status = decode(bytes, n, &image, error);
      CU_ASSERT(status == STATUS_OK ? image.rgb && image.height > 0 && image.width > 0
                                    : !image.rgb && *error);
      free(image.rgb);
    }
}

/* ---- resizing ---- */

static uint8_t pattern(int64_t y, int64_t x, int64_t c) {
  return (uint8_t)(x * 37 + y * y * 11 + c * 91 + x * y * 5);
}

static Image make_image(int64_t height, int64_t width) {
  Image image = {malloc((size_t)(height * width) * 3), height, width};
  for (int64_t i = 0; i < height * width * 3; i++)
    image.rgb[i] = pattern(i / 3 / width, i / 3 % width, i % 3);
  return image;
}

/* Weight of source pixel k for output i, before normalisation: Keys' kernel with a = -1/2. */
static double keys(int64_t k, int64_t i, int64_t from, int64_t to) {
  double scale = (double)from / (double)to;
  double t = fabs((double)k + 0.5 - ((double)i + 0.5) * scale) / fmax(scale, 1), a = -0.5;
  if (t < 1) return (a + 2) * t * t * t - (a + 3) * t * t + 1;
  if (t < 2) return a * t * t * t - 5 * a * t * t + 8 * a * t - 4 * a;
  return 0;
}

/* One output value as a double sum over all pixels of the source. */
static double resized(const Image *image, int64_t height, int64_t width, int64_t y, int64_t x,
                      int64_t c) {
  double sum = 0, weights = 0;
  for (int64_t j = 0; j < image->height; j++)
    for (int64_t i = 0; i < image->width; i++) {
      double w = keys(j, y, image->height, height) * keys(i, x, image->width, width);
      sum += w * image->rgb[(j * image->width + i) * 3 + c];
      weights += w;
    }
  return fmin(fmax(sum / weights / 255, 0), 1);
}

static void test_resize(void) {
  static const int64_t sizes[][4] = {{13, 11, 7, 5}, {13, 11, 20, 17}, {13, 11, 3, 30},
                                     {1, 1, 4, 3},   {2, 9, 1, 1},     {40, 3, 5, 8},
                                     {16, 8, 32, 16}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
    Image image = make_image(sizes[s][0], sizes[s][1]);
    int64_t h = sizes[s][2], w = sizes[s][3];
    float *out = malloc((size_t)(h * w) * 3 * sizeof *out);
    CU_ASSERT_EQUAL_FATAL(image_resize(&image, h, w, out), STATUS_OK);
    double worst = 0;
    for (int64_t i = 0; i < h * w * 3; i++)
      worst =
          fmax(worst, fabs((double)out[i] - resized(&image, h, w, i / 3 / w, i / 3 % w, i % 3)));
    CU_ASSERT(worst < 2e-6);
    free(out);
    free(image.rgb);
  }
}

/* The same size is the same image, exactly. */
static void test_same_size(void) {
  Image image = make_image(13, 11);
  float out[13 * 11 * 3];
  CU_ASSERT_EQUAL(image_resize(&image, 13, 11, out), STATUS_OK);
  for (int i = 0; i < 13 * 11 * 3; i++) CU_ASSERT_EQUAL(out[i], (float)image.rgb[i] / 255);
  free(image.rgb);
}

/* What Pillow's resize(..., BICUBIC) makes of each channel in mode 'F', / 255, clamped: values at
 * 0, n/3, n/2, n-1, their sum, and the sum weighted by cos i. */
static void test_pillow(void) {
  static const struct {
    int64_t height, width;
    double at[4], sum, cosine;
  } expected[] = {{7, 5, {0.1141053, 0.4694349, 0.5463955, 0.4931381}, 51.6236229, -0.8777164},
                  {13, 11, {0.0000000, 0.0666667, 0.2117647, 0.6901961}, 210.3843137, 1.4290030},
                  {20, 17, {0.0000000, 0.5131389, 0.4131188, 0.7290253}, 500.0152780, -1.6653767},
                  {3, 30, {0.1842441, 0.4044440, 0.4984734, 0.5383632}, 132.2628408, -0.2563774}};
  Image image = make_image(13, 11);
  for (size_t s = 0; s < sizeof expected / sizeof *expected; s++) {
    float out[20 * 17 * 3];
    int64_t n = expected[s].height * expected[s].width * 3;
    CU_ASSERT_EQUAL(image_resize(&image, expected[s].height, expected[s].width, out), STATUS_OK);
    const int64_t at[4] = {0, n / 3, n / 2, n - 1};
    double sum = 0, cosine = 0;
    for (int64_t i = 0; i < n; i++) {
      sum += (double)out[i];
      cosine += (double)out[i] * cos((double)i);
    }
    for (int k = 0; k < 4; k++) CU_ASSERT_DOUBLE_EQUAL(out[at[k]], expected[s].at[k], 2e-6);
    CU_ASSERT_DOUBLE_EQUAL(sum, expected[s].sum, 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(cosine, expected[s].cosine, 1e-4);
  }
  free(image.rgb);
}

int main(void) {
  static const SupportTest tests[] = {{"encodings", test_encodings},
                                      {"depths", test_depths},
                                      {"refusals", test_refusals},
                                      {"truncated", test_truncated},
                                      {"a BMP without its length", test_bmp_length},
                                      {"too large", test_too_large},
                                      {"damaged", test_damaged},
                                      {"resize", test_resize},
                                      {"same size", test_same_size},
                                      {"pillow", test_pillow}};
  return support_run("image", tests, sizeof tests / sizeof *tests);
}
