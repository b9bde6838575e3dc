/* The painter: each shape is covered by its signed distance, which gives soft edges at any size. */
#include "runtime/synth/synth_paint.h"

#include <math.h>

int draws_weighted(Draws *d, const float *weight, int n) {
  float sum = 0;
  for (int i = 0; i < n; i++) sum += weight[i];
  float at = (float)draws_next(d) * sum;
  for (int i = 0; i < n; i++) {
    at -= weight[i];
    if (at < 0) return i;
  }
  return n - 1;
}

/* ---- surfaces ------------------------------------------------------------------------------ */

static float wave(float x) {
  return x - floorf(x);
}

static Rgb texture_color(const Material *m, float x, float y) {
  if (m->texture == TEXTURE_PLAIN) return m->color;
  float dx = x - m->origin.x, dy = y - m->origin.y;
  float v = dx * m->along.x + dy * m->along.y, u = dx * m->along.y - dy * m->along.x;
  float pv = wave(v / m->period), pu = wave(u / m->period + 0.25f), t = v / m->length;
  switch (m->texture) {
  case TEXTURE_STRIPES_ACROSS:
    return pv < 0.5f ? m->color : m->second;
  case TEXTURE_STRIPES_ALONG:
    return pu < 0.5f ? m->color : m->second;
  case TEXTURE_CHECKS:
    return rgb_mix(m->color, m->second, (pv < 0.4f ? 0.5f : 0) + (pu < 0.4f ? 0.5f : 0));
  case TEXTURE_DOTS: {
    float shift = wave(v / m->period * 0.5f) < 0.5f ? 0 : 0.5f;
    float du = wave(u / m->period + shift) - 0.5f, dv = pv - 0.5f;
    return du * du + dv * dv < 0.085f ? m->second : m->color;
  }
  case TEXTURE_GRADIENT:
    return rgb_mix(m->color, m->second, t < 0 ? 0 : t > 1 ? 1 : t);
  case TEXTURE_HALVES:
    return t < 0.45f ? m->color : m->second;
  case TEXTURE_BAND:
    return t > 0.3f && t < 0.55f ? m->second : m->color;
  default:
    return m->color;
  }
}

/* Covers a pixel.  `side` runs from -1 to 1 across the shape: surfaces bend away at both sides. */
static void put(Canvas *c, int x, int y, float cover, float side, const Material *m) {
  Rgb color = texture_color(m, (float)x + 0.5f, (float)y + 0.5f);
  float bend = side - 0.45f * m->light;
  float shade = 1 + m->shade * (0.18f - 0.42f * bend * bend);
  Rgb *p = &c->pixels[y * c->width + x];
  *p = rgb_mix(*p, rgb_scale(color, shade), cover);
}

static int clip(float x, int high) {
  return x < 0 ? 0 : x > (float)high ? high : (int)x;
}

static float saturate(float x) {
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* ---- shapes -------------------------------------------------------------------------------- */

void paint_fill(Canvas *canvas, Rgb color) {
  for (int i = 0; i < canvas->width * canvas->height; i++) canvas->pixels[i] = color;
}

void paint_capsule(Canvas *canvas, Point a, float ra, Point b, float rb, const Material *material) {
  float most = ra > rb ? ra : rb, dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
  float inverse = square > 1e-6f ? 1 / square : 0, scale = sqrtf(inverse);
  int x0 = clip(fminf(a.x, b.x) - most - 1, canvas->width);
  int x1 = clip(fmaxf(a.x, b.x) + most + 2, canvas->width);
  int y0 = clip(fminf(a.y, b.y) - most - 1, canvas->height);
  int y1 = clip(fmaxf(a.y, b.y) + most + 2, canvas->height);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      float px = (float)x + 0.5f - a.x, py = (float)y + 0.5f - a.y;
      float t = saturate((px * dx + py * dy) * inverse), radius = ra + (rb - ra) * t;
      float qx = px - t * dx, qy = py - t * dy, distance2 = qx * qx + qy * qy;
      if (distance2 >= (radius + 0.5f) * (radius + 0.5f)) continue;
      float cover = saturate(radius + 0.5f - sqrtf(distance2));
      put(canvas, x, y, cover, (qx * dy - qy * dx) * (dy < 0 ? -scale : scale) / (radius + 0.1f),
          material);
    }
}

typedef struct Edge { /* distance inside = nx x + ny y + c */
  float nx, ny, c;
} Edge;

void paint_polygon(Canvas *canvas, const Point *corners, int n, const Material *material) {
  Edge edges[8];
  float area = 0, x_low = 1e9f, x_high = -1e9f, y_low = 1e9f, y_high = -1e9f;
  for (int i = 0; i < n; i++) {
    Point p = corners[i], q = corners[(i + 1) % n];
    area += p.x * q.y - q.x * p.y;
    x_low = fminf(x_low, p.x);
    x_high = fmaxf(x_high, p.x);
    y_low = fminf(y_low, p.y);
    y_high = fmaxf(y_high, p.y);
  }
  for (int i = 0; i < n; i++) {
    Point p = corners[i], q = corners[(i + 1) % n];
    float nx = p.y - q.y, ny = q.x - p.x, length = sqrtf(nx * nx + ny * ny);
    float scale = (area < 0 ? -1.0f : 1.0f) / (length > 1e-6f ? length : 1);
    edges[i] = (Edge){nx * scale, ny * scale, -(nx * p.x + ny * p.y) * scale};
    if (length <= 1e-6f) edges[i].c = 1e9f;
  }
  float middle = (x_low + x_high) / 2, half = (x_high - x_low) / 2 + 0.1f;
  int x0 = clip(x_low - 1, canvas->width), x1 = clip(x_high + 2, canvas->width);
  int y0 = clip(y_low - 1, canvas->height), y1 = clip(y_high + 2, canvas->height);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      float px = (float)x + 0.5f, py = (float)y + 0.5f, inside = 1e9f;
      for (int i = 0; i < n; i++)
        inside = fminf(inside, edges[i].nx * px + edges[i].ny * py + edges[i].c);
      if (inside > -0.5f)
        put(canvas, x, y, saturate(inside + 0.5f), (px - middle) / half, material);
    }
}

void paint_ellipse(Canvas *canvas, Point centre, float rx, float ry, const Material *material) {
  if (rx < 0.5f || ry < 0.5f) return;
  int x0 = clip(centre.x - rx - 1, canvas->width), x1 = clip(centre.x + rx + 2, canvas->width);
  int y0 = clip(centre.y - ry - 1, canvas->height), y1 = clip(centre.y + ry + 2, canvas->height);
  float least = fminf(rx, ry);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      float u = ((float)x + 0.5f - centre.x) / rx, v = ((float)y + 0.5f - centre.y) / ry;
      float square = u * u + v * v;
      if (square > 2.25f) continue;
      float cover = saturate((1 - sqrtf(square)) * least + 0.5f);
      if (cover > 0) put(canvas, x, y, cover, u, material);
    }
}

void paint_box(Canvas *canvas, float x0, float y0, float x1, float y1, const Material *material) {
  paint_polygon(canvas, (Point[]){{x0, y0}, {x1, y0}, {x1, y1}, {x0, y1}}, 4, material);
}

void paint_shadow(Canvas *canvas, Point centre, float rx, float ry, float strength) {
  int x0 = clip(centre.x - rx, canvas->width), x1 = clip(centre.x + rx + 1, canvas->width);
  int y0 = clip(centre.y - ry, canvas->height), y1 = clip(centre.y + ry + 1, canvas->height);
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++) {
      float u = ((float)x + 0.5f - centre.x) / rx, v = ((float)y + 0.5f - centre.y) / ry;
      float depth = saturate((1 - u * u - v * v) * 1.5f);
      Rgb *p = &canvas->pixels[y * canvas->width + x];
      *p = rgb_scale(*p, 1 - strength * depth);
    }
}
