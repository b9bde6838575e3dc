/* A histogram of hue, saturation and value in horizontal stripes, in whole numbers until the last
 * step. */
#include "runtime/eval/color.h"

#include <math.h>
#include <string.h>

/* The bin of a pixel in whole numbers, so that bin edges are exact.  Hue is the usual hexagon angle
 * from 0 to 6 in units of 1/delta; pixels without hue go to hue bin 0. */
static int color_bin(int r, int g, int b) {
  int high = r > g ? r : g, low = r < g ? r : g;
  if (b > high) high = b;
  if (b < low) low = b;
  int delta = high - low, hue = 0, saturation = 0;
  if (delta > 0) {
    int angle = high == r ? g - b : high == g ? b - r + 2 * delta : r - g + 4 * delta;
    if (angle < 0) angle += 6 * delta;
    hue = angle * 8 / (6 * delta);
    if (hue > 7) hue = 7;
    saturation = delta * 4 / high;
    if (saturation > 3) saturation = 3;
  }
  return (hue * 4 + saturation) * 4 + (high >> 6);
}

void color_describe(const uint8_t *rgb, int64_t height, int64_t width, int64_t stride,
                    float out[COLOR_DIM]) {
  int64_t counts[COLOR_DIM];
  memset(counts, 0, sizeof counts);
  for (int64_t y = 0; y < height; y++) {
    int64_t *stripe = counts + y * COLOR_STRIPES / height * COLOR_BINS;
    const uint8_t *p = rgb + y * stride;
    for (int64_t x = 0; x < width; x++, p += 3) stripe[color_bin(p[0], p[1], p[2])]++;
  }
  double total = (double)height * (double)width;
  for (int i = 0; i < COLOR_DIM; i++) out[i] = (float)sqrt((double)counts[i] / total);
}
