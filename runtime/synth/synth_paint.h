/* A small anti-aliased painter: convex polygons, tapered capsules and ellipses with textures. */
#ifndef RUNTIME_SYNTH_SYNTH_PAINT_H
#define RUNTIME_SYNTH_SYNTH_PAINT_H

#include "graph/base/philox.h"

#include <stdint.h>

/* A stream of draws: draw i is philox(seed, step, site, i), so streams of different (site, step)
 * never touch each other. */
typedef struct Draws {
  uint64_t seed, site, step, index;
} Draws;

static inline double draws_next(Draws *d) {
  return philox_uniform(d->seed, d->step, d->site, d->index++);
}
/* Uniform in [low, high). */
static inline float draws_range(Draws *d, float low, float high) {
  return low + (high - low) * (float)draws_next(d);
}
/* Uniform in 0 .. n - 1. */
static inline int draws_pick(Draws *d, int n) {
  int i = (int)(draws_next(d) * n);
  return i < n ? i : n - 1;
}
/* An index with probability weight[i] / sum. */
int draws_weighted(Draws *d, const float *weight, int n);

typedef struct Rgb {
  float r, g, b; /* 0..1, display values */
} Rgb;

static inline Rgb rgb_mix(Rgb a, Rgb b, float t) {
  return (Rgb){a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t};
}
static inline Rgb rgb_scale(Rgb a, float t) {
  return (Rgb){a.r * t, a.g * t, a.b * t};
}

/* (height, width) pixels, row-major; owned by whoever allocated them. */
typedef struct Canvas {
  Rgb *pixels;
  int width, height;
} Canvas;

typedef struct Point {
  float x, y;
} Point;

typedef enum Texture {
  TEXTURE_PLAIN,
  TEXTURE_STRIPES_ACROSS,
  TEXTURE_STRIPES_ALONG,
  TEXTURE_CHECKS,
  TEXTURE_DOTS,
  TEXTURE_GRADIENT,
  TEXTURE_HALVES, /* upper part in the first colour, the rest in the second */
  TEXTURE_BAND,   /* one broad band across */
  TEXTURE_COUNT,
} Texture;

/* How a surface looks.  Texture coordinates run along (ax, ay) from the origin; `period` in pixels;
 * `length` is the extent of gradients, halves and bands. */
typedef struct Material {
  Rgb color, second;
  Texture texture;
  Point origin, along; /* `along` has length 1 */
  float period, length;
  float shade; /* 0 flat .. 1: strongly darker towards the edges */
  float light; /* -1 .. 1: side from which the light comes */
} Material;

static inline Material material_plain(Rgb color, float shade, float light) {
  return (Material){.color = color,
                    .second = color,
                    .along = {0, 1},
                    .period = 1,
                    .length = 1,
                    .shade = shade,
                    .light = light};
}

void paint_fill(Canvas *canvas, Rgb color);
/* From `a` (radius ra) to `b` (radius rb). */
void paint_capsule(Canvas *canvas, Point a, float ra, Point b, float rb, const Material *material);
/* A convex polygon of 3 .. 8 corners in either direction of rotation. */
void paint_polygon(Canvas *canvas, const Point *corners, int n, const Material *material);
void paint_ellipse(Canvas *canvas, Point centre, float rx, float ry, const Material *material);
/* An axis-parallel rectangle. */
void paint_box(Canvas *canvas, float x0, float y0, float x1, float y1, const Material *material);
/* Darkens an ellipse softly: a shadow on the ground. */
void paint_shadow(Canvas *canvas, Point centre, float rx, float ry, float strength);

#endif
