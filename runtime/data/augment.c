/* Augmentation of one image, in the order crop, flip, jitter, erase.  Each operation draws from a
 * site of its own at (seed, step, row), so that turning one off leaves the draws of the others. */
#include "runtime/data/augment.h"

#include "graph/base/philox.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define DRAWS 64 /* index space of one slot at one site; erasing needs 1 + 10 * 4 */
#define ERASE_TRIES 10

const float augment_mean_color[3] = {0.485f, 0.456f, 0.406f};

/* The draws of one operation for one image. */
typedef struct Draws {
  AugmentDraw at;
  uint64_t site, next;
} Draws;

static Draws draws_of(const char *site, AugmentDraw at) {
  return (Draws){at, philox_site(site), at.slot * DRAWS};
}

static double draw_uniform(Draws *d, double low, double high) {
  double u = philox_uniform(d->at.seed, (uint64_t)d->at.step, d->site, d->next++);
  return low + (high - low) * u;
}

static int64_t draw_below(Draws *d, int64_t n) {
  return (int64_t)philox_below(d->at.seed, (uint64_t)d->at.step, d->site, d->next++, (uint64_t)n);
}

/* True with the given probability: always for 1, never for 0, since 0 < u < 1. */
static bool draw_chance(Draws *d, double probability) {
  return draw_uniform(d, 0, 1) < probability;
}

/* ---- geometry ---- */

/* What a window of the image's own size sees that lies `dy`, `dx` pixels (-pad .. pad) from it;
 * outside of the image is 0. */
static void crop(int64_t height, int64_t width, int64_t dy, int64_t dx, float *image,
                 float *scratch) {
  size_t row = (size_t)width * 3;
  memcpy(scratch, image, (size_t)height * row * sizeof *image);
  memset(image, 0, (size_t)height * row * sizeof *image);
  int64_t shared = width - (dx < 0 ? -dx : dx);
  if (shared <= 0) return;
  for (int64_t y = 0; y < height; y++) {
    if (y + dy < 0 || y + dy >= height) continue;
    memcpy(image + (y * width + (dx < 0 ? -dx : 0)) * 3,
           scratch + ((y + dy) * width + (dx < 0 ? 0 : dx)) * 3,
           (size_t)shared * 3 * sizeof *image);
  }
}

static void flip(int64_t height, int64_t width, float *image) {
  for (int64_t y = 0; y < height; y++)
    for (int64_t a = 0, b = width - 1; a < b; a++, b--)
      for (int c = 0; c < 3; c++) {
        float *p = image + (y * width + a) * 3 + c, *q = image + (y * width + b) * 3 + c;
        float held = *p;
        *p = *q;
        *q = held;
      }
}

/* ---- colour ---- */

/* Comparisons rather than fminf and fmaxf, whose care for NaN costs a call; no pixel is NaN. */
static float lesser(float a, float b) {
  return a < b ? a : b;
}
static float greater(float a, float b) {
  return a > b ? a : b;
}
static float clamp(float x) {
  return lesser(greater(x, 0), 1);
}

/* Luma of ITU-R BT.601. */
static float grey(const float *p) {
  return 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
}

static void brighten(int64_t pixels, float factor, float *image) {
  for (int64_t i = 0; i < pixels * 3; i++) image[i] = clamp(image[i] * factor);
}

/* Away from the mean grey of the whole image. */
static void contrast(int64_t pixels, float factor, float *image) {
  double sum = 0;
  for (int64_t i = 0; i < pixels; i++) sum += (double)grey(image + i * 3);
  float rest = (1 - factor) * (float)(sum / (double)pixels);
  for (int64_t i = 0; i < pixels * 3; i++) image[i] = clamp(image[i] * factor + rest);
}

/* Away from each pixel's own grey. */
static void saturate(int64_t pixels, float factor, float *image) {
  for (int64_t i = 0; i < pixels; i++) {
    float *p = image + i * 3, rest = (1 - factor) * grey(p);
    for (int c = 0; c < 3; c++) p[c] = clamp(p[c] * factor + rest);
  }
}

/* The channel whose share of the chroma is down by `shift` sixths of the circle. */
static float hue_channel(float hue, float shift, float high, float chroma) {
  float k = hue + shift;
  k = k >= 6 ? k - 6 : k;
  return clamp(high - chroma * greater(0, lesser(lesser(k, 4 - k), 1)));
}

/* Turns every pixel's hue by `turn` of the circle (-1/2 .. 1/2); value and chroma stay.  Smith,
 * "Color gamut transform pairs", SIGGRAPH 1978.  Greys have hue 0 and chroma 0: they stay. */
static void turn_hue(int64_t pixels, float turn, float *image) {
  for (int64_t i = 0; i < pixels; i++) {
    float *p = image + i * 3, r = p[0], g = p[1], b = p[2];
    float high = greater(r, greater(g, b)), chroma = high - lesser(r, lesser(g, b));
    float scale = chroma > 0 ? 1 / chroma : 0;
    float green = (b - r) * scale + 2, blue = (r - g) * scale + 4;
    float hue = (high == r ? (g - b) * scale : high == g ? green : blue) + 6 * turn;
    hue = hue < 0 ? hue + 6 : hue >= 6 ? hue - 6 : hue;
    p[0] = hue_channel(hue, 5, high, chroma);
    p[1] = hue_channel(hue, 3, high, chroma);
    p[2] = hue_channel(hue, 1, high, chroma);
  }
}

static void jitter(const PlanAugment *a, AugmentDraw at, float *image) {
  Draws d = draws_of("augment/jitter", at);
  if (!draw_chance(&d, a->jitter)) return;
  int64_t pixels = a->height * a->width;
  brighten(pixels, (float)draw_uniform(&d, 1 - a->brightness, 1 + a->brightness), image);
  contrast(pixels, (float)draw_uniform(&d, 1 - a->contrast, 1 + a->contrast), image);
  saturate(pixels, (float)draw_uniform(&d, 1 - a->saturation, 1 + a->saturation), image);
  turn_hue(pixels, (float)draw_uniform(&d, -a->hue, a->hue), image);
}

/* ---- erasing ---- */

static void fill(const PlanAugment *a, int64_t top, int64_t left, int64_t height, int64_t width,
                 float *image) {
  for (int64_t y = top; y < top + height; y++)
    for (int64_t x = left; x < left + width; x++)
      memcpy(image + (y * a->width + x) * 3, augment_mean_color, sizeof augment_mean_color);
}

/* Height and width from an area and an aspect ratio; the first of ten pairs that fits. */
static void erase(const PlanAugment *a, AugmentDraw at, float *image) {
  Draws d = draws_of("augment/erase", at);
  if (!draw_chance(&d, a->erase)) return;
  double pixels = (double)a->height * (double)a->width;
  for (int i = 0; i < ERASE_TRIES; i++) {
    double area = draw_uniform(&d, a->erase_min, a->erase_max) * pixels;
    double aspect = draw_uniform(&d, a->erase_aspect, 1 / a->erase_aspect);
    double down = floor(sqrt(area * aspect) + 0.5), across = floor(sqrt(area / aspect) + 0.5);
    if (!(down >= 1 && across >= 1 && down < (double)a->height && across < (double)a->width))
      continue;
    int64_t height = (int64_t)down, width = (int64_t)across;
    int64_t top = draw_below(&d, a->height - height + 1);
    fill(a, top, draw_below(&d, a->width - width + 1), height, width, image);
    return;
  }
}

void augment_apply(const PlanAugment *a, AugmentDraw at, float *image, float *scratch) {
  if (a->pad_crop > 0) {
    Draws d = draws_of("augment/crop", at);
    int64_t dy = draw_below(&d, 2 * a->pad_crop + 1) - a->pad_crop;
    int64_t dx = draw_below(&d, 2 * a->pad_crop + 1) - a->pad_crop;
    crop(a->height, a->width, dy, dx, image, scratch);
  }
  Draws d = draws_of("augment/flip", at);
  if (draw_chance(&d, a->flip)) flip(a->height, a->width, image);
  if (a->jitter > 0) jitter(a, at, image);
  if (a->erase > 0) erase(a, at, image);
}
