/* Separable bicubic resampling: rows first, then columns. */
#include "runtime/data/image.h"

#include <math.h>
#include <stdlib.h>

/* The cubic kernel with a = -1/2. */
static double cubic(double x) {
  x = fabs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

/* For each output index the input range and its weights, which sum to 1. */
typedef struct Taps {
  int64_t width; /* most taps of any output */
  int64_t *first, *count;
  float *weights; /* (out, width) */
} Taps;

static void taps_free(Taps *t) {
  free(t->first);
  free(t->count);
  free(t->weights);
}

static Status taps_make(int64_t from, int64_t to, Taps *t) {
  double scale = (double)from / (double)to, stretch = scale > 1 ? scale : 1;
  t->width = (int64_t)ceil(2 * stretch) * 2 + 1;
  t->first = malloc((size_t)to * sizeof *t->first);
  t->count = malloc((size_t)to * sizeof *t->count);
  t->weights = malloc((size_t)(to * t->width) * sizeof *t->weights);
  double *w = malloc((size_t)t->width * sizeof *w);
  if (!t->first || !t->count || !t->weights || !w) {
    free(w);
    return STATUS_SYSTEM;
  }
  for (int64_t i = 0; i < to; i++) {
    double centre = ((double)i + 0.5) * scale, sum = 0;
    int64_t low = (int64_t)floor(centre - 2 * stretch + 0.5);
    int64_t high = (int64_t)floor(centre + 2 * stretch + 0.5);
    if (low < 0) low = 0;
    if (high > from) high = from;
    for (int64_t k = low; k < high; k++)
      sum += w[k - low] = cubic(((double)k + 0.5 - centre) / stretch);
    int64_t skip = 0, end = high - low; /* weights of 0 at the ends: all but one at scale 1 */
    while (skip < end - 1 && w[skip] == 0) skip++;
    while (end > skip + 1 && w[end - 1] == 0) end--;
    t->first[i] = low + skip;
    t->count[i] = end - skip;
    for (int64_t k = skip; k < end; k++) t->weights[i * t->width + k - skip] = (float)(w[k] / sum);
  }
  free(w);
  return STATUS_OK;
}

/* `row` has room for a row of the image in float. */
static void resize_rows(const Image *image, const Taps *t, int64_t width, float *row, float *out) {
  for (int64_t y = 0; y < image->height; y++) {
    const uint8_t *in = image->rgb + y * image->width * 3;
    for (int64_t i = 0; i < image->width * 3; i++) row[i] = (float)in[i];
    for (int64_t x = 0; x < width; x++) {
      const float *weight = t->weights + x * t->width, *from = row + t->first[x] * 3;
      float r = 0, g = 0, b = 0;
      for (int64_t k = 0; k < t->count[x]; k++, from += 3) {
        r += weight[k] * from[0];
        g += weight[k] * from[1];
        b += weight[k] * from[2];
      }
      float *to = out + (y * width + x) * 3;
      to[0] = r;
      to[1] = g;
      to[2] = b;
    }
  }
}

static float unit(float x) {
  x /= 255;
  x = x > 0 ? x : 0;
  return x < 1 ? x : 1;
}

static void resize_columns(const float *in, const Taps *t, int64_t height, int64_t row,
                           float *out) {
  for (int64_t y = 0; y < height; y++) {
    const float *weight = t->weights + y * t->width, *from = in + t->first[y] * row;
    float *to = out + y * row;
    for (int64_t x = 0; x < row; x++) to[x] = weight[0] * from[x];
    for (int64_t k = 1; k < t->count[y]; k++)
      for (int64_t x = 0; x < row; x++) to[x] += weight[k] * from[k * row + x];
    for (int64_t x = 0; x < row; x++) to[x] = unit(to[x]);
  }
}

Status image_resize(const Image *image, int64_t height, int64_t width, float *out) {
  Taps across = {0}, down = {0};
  /* The image at the new width, and one row of it at the old. */
  float *rows = malloc((size_t)(image->height * width + image->width) * 3 * sizeof *rows);
  Status status = rows ? taps_make(image->width, width, &across) : STATUS_SYSTEM;
  if (status == STATUS_OK) status = taps_make(image->height, height, &down);
  if (status == STATUS_OK) {
    resize_rows(image, &across, width, rows + image->height * width * 3, rows);
    resize_columns(rows, &down, height, width * 3, out);
  }
  taps_free(&across);
  taps_free(&down);
  free(rows);
  return status;
}
