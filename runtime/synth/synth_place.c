/* Backgrounds: a wide picture of the place for every camera; images are cut from it. */
#include "runtime/synth/synth_scene.h"

#include <math.h>
#include <stdlib.h>

#define PANORAMA_WIDTH 640
#define PANORAMA_HEIGHT 288
#define STYLES 8

static Rgb any_color(Draws *d, float low, float high, float saturation) {
  float base = draws_range(d, low, high);
  float red = base + draws_range(d, -saturation, saturation);
  float green = base + draws_range(d, -saturation, saturation);
  float blue = base + draws_range(d, -saturation, saturation);
  return (Rgb){red, green, blue};
}

Domain scene_domain_draw(uint64_t seed, int domain) {
  Draws draws = {seed, philox_site("synth/domain"), (uint64_t)domain, 0}, *d = &draws;
  Domain place = {.style = domain % STYLES};
  place.wall = any_color(d, 0.3f, 0.75f, 0.15f);
  place.ground = any_color(d, 0.25f, 0.65f, 0.1f);
  place.accent = any_color(d, 0.2f, 0.8f, 0.35f);
  place.exposure = draws_range(d, 0.8f, 1.2f);
  place.saturation = draws_range(d, 0.45f, 1.1f);
  place.gamma = draws_range(d, 0.75f, 1.2f);
  place.blur = draws_range(d, 0.2f, 1.0f);
  place.detail = draws_range(d, 0.45f, 0.95f);
  place.noise = draws_range(d, 0.01f, 0.045f);
  place.haze = draws_range(d, 0, 0.12f);
  place.occlusion = draws_range(d, 0.15f, 0.4f);
  place.crowd = draws_range(d, 0.1f, 0.4f);
  place.pitch = draws_range(d, 0.05f, 0.35f);
  return place;
}

/* ---- elements ------------------------------------------------------------------------------ */

typedef struct Ground {
  Canvas *canvas;
  Draws *d;
  float horizon, width, height;
} Ground;

static void box(Ground *g, float x0, float y0, float x1, float y1, Rgb color) {
  Material m = material_plain(color, 0.15f, 0);
  paint_box(g->canvas, x0, y0, x1, y1, &m);
}

/* Lines of a floor that recede towards the horizon. */
static void floor_tiles(Ground *g, Rgb line, float gap) {
  float vanish = draws_range(g->d, 0.2f, 0.8f) * g->width, y = 6;
  Material m = material_plain(line, 0, 0);
  for (float x = -g->width; x < 2 * g->width; x += gap)
    paint_capsule(g->canvas, (Point){vanish + (x - vanish) * 0.3f, g->horizon}, 0.7f,
                  (Point){x, g->height}, 1.4f, &m);
  for (; y < g->height - g->horizon; y *= 1.35f)
    box(g, 0, g->horizon + y, g->width, g->horizon + y + 1.5f, line);
}

static void row_of_boxes(Ground *g, float y0, float y1, float wide, float gap, Rgb a, Rgb b) {
  for (float x = draws_range(g->d, -wide, 0); x < g->width; x += wide + gap)
    box(g, x, y0, x + wide, y1, draws_next(g->d) < 0.6 ? a : b);
}

static void tree(Ground *g, float x, float size) {
  Draws *d = g->d;
  Material trunk = material_plain((Rgb){.27f, .2f, .14f}, 0.5f, 0.3f);
  paint_capsule(g->canvas, (Point){x, g->horizon + 8}, size * 0.07f,
                (Point){x + draws_range(d, -5, 5), g->horizon - size}, size * 0.05f, &trunk);
  for (int i = 0; i < 9; i++) {
    float green = draws_range(d, 0.18f, 0.42f);
    Material leaves = material_plain((Rgb){green * 0.7f, green, green * 0.45f}, 0.7f, 0.4f);
    float high = size * draws_range(d, 0.15f, 0.3f), wide = size * draws_range(d, 0.2f, 0.4f);
    float across = x + draws_range(d, -0.5f, 0.5f) * size;
    float down = g->horizon - size * draws_range(d, 0.7f, 1.6f);
    paint_ellipse(g->canvas, (Point){across, down}, wide, high, &leaves);
  }
}

static void car(Ground *g, float x, float size) {
  Draws *d = g->d;
  Material body = material_plain(any_color(d, 0.15f, 0.8f, 0.2f), 0.4f, 0);
  Material glass = material_plain((Rgb){.2f, .24f, .28f}, 0.2f, 0);
  Material tyre = material_plain((Rgb){.06f, .06f, .06f}, 0, 0);
  float y = g->horizon + draws_range(d, 4, 20);
  paint_ellipse(g->canvas, (Point){x, y - size * 0.3f}, size * 0.6f, size * 0.3f, &glass);
  paint_box(g->canvas, x - size, y - size * 0.35f, x + size, y, &body);
  paint_ellipse(g->canvas, (Point){x - size * 0.6f, y}, size * 0.2f, size * 0.2f, &tyre);
  paint_ellipse(g->canvas, (Point){x + size * 0.6f, y}, size * 0.2f, size * 0.2f, &tyre);
}

/* ---- places -------------------------------------------------------------------------------- */

static void paint_buildings(Ground *g, const Domain *p) {
  for (float x = 0; x < g->width;) {
    float wide = draws_range(g->d, 60, 150), top = draws_range(g->d, -20, 40);
    Rgb wall = rgb_scale(p->wall, draws_range(g->d, 0.7f, 1.25f));
    box(g, x, top, x + wide, g->horizon, wall);
    for (float y = top + 8; y < g->horizon - 14; y += 22)
      for (float v = x + 6; v < x + wide - 12; v += 20)
        box(g, v, y, v + 11, y + 13, rgb_scale(wall, draws_next(g->d) < 0.8 ? 0.5f : 1.4f));
    x += wide;
  }
}

static void paint_greens(Ground *g, const Domain *p) {
  box(g, 0, 0, g->width, g->horizon, (Rgb){.68f, .75f, .82f});
  box(g, 0, g->horizon, g->width, g->horizon + 60, (Rgb){.30f, .42f, .20f});
  Material path = material_plain(p->ground, 0.1f, 0);
  paint_polygon(g->canvas,
                (Point[]){{g->width * 0.3f, g->horizon},
                          {g->width * 0.6f, g->horizon},
                          {g->width, g->height},
                          {-20, g->height}},
                4, &path);
  for (int i = 0; i < 9; i++) {
    float size = draws_range(g->d, 45, 85);
    tree(g, draws_range(g->d, 0, g->width), size);
  }
}

static void paint_platform(Ground *g, const Domain *p) {
  row_of_boxes(g, 0, g->horizon, 26, 2, p->wall, rgb_scale(p->wall, 0.92f));
  box(g, 0, g->horizon * 0.35f, g->width, g->horizon * 0.5f, p->accent);
  box(g, 0, g->horizon + 60, g->width, g->horizon + 68, (Rgb){.78f, .66f, .16f});
  for (float x = 40; x < g->width; x += 150)
    box(g, x, 0, x + 24, g->horizon + 24, rgb_scale(p->wall, 0.6f));
}

static void paint_shops(Ground *g, const Domain *p) {
  box(g, 0, 0, g->width, g->horizon, rgb_scale(p->wall, 0.7f));
  row_of_boxes(g, 24, g->horizon - 4, 78, 16, (Rgb){.85f, .82f, .7f}, (Rgb){.6f, .7f, .76f});
  row_of_boxes(g, 4, 20, 78, 16, p->accent, (Rgb){.75f, .3f, .25f});
  for (int i = 0; i < 40; i++) {
    float x = draws_range(g->d, 0, g->width), h = draws_range(g->d, 12, 50);
    Rgb color = any_color(g->d, 0.1f, 0.8f, 0.25f);
    box(g, x, g->horizon - 8 - h, x + draws_range(g->d, 5, 14), g->horizon - 8, color);
  }
}

static void row_of_cars(Ground *g, int n, float low, float high) {
  for (int i = 0; i < n; i++) {
    float size = draws_range(g->d, low, high);
    car(g, draws_range(g->d, 0, g->width), size);
  }
}

static void paint_street(Ground *g, const Domain *p) {
  paint_buildings(g, p);
  row_of_cars(g, 6, 35, 55);
  for (float x = 0; x < g->width; x += 56)
    box(g, x, g->horizon + 70, x + 28, g->horizon + 82, (Rgb){.85f, .85f, .82f});
}

static void paint_corridor(Ground *g, const Domain *p) {
  row_of_boxes(g, 0, g->horizon, 92, 0, p->wall, rgb_scale(p->wall, 1.12f));
  for (float x = 20; x < g->width; x += 120) {
    box(g, x, 30, x + 44, g->horizon, p->accent);
    box(g, x + 4, 36, x + 40, g->horizon - 40, rgb_scale(p->accent, 0.7f));
  }
  box(g, 0, g->horizon - 8, g->width, g->horizon, rgb_scale(p->wall, 0.5f));
}

static void paint_garage(Ground *g, const Domain *p) {
  box(g, 0, 0, g->width, g->horizon, rgb_scale(p->wall, 0.45f));
  box(g, 0, 12, g->width, 18, (Rgb){.9f, .9f, .85f});
  row_of_cars(g, 7, 40, 60);
  for (float x = 30; x < g->width; x += 170) {
    box(g, x, 0, x + 34, g->horizon + 30, rgb_scale(p->wall, 0.8f));
    box(g, x, g->horizon - 20, x + 34, g->horizon + 10, p->accent);
  }
}

static void paint_hall(Ground *g, const Domain *p) {
  Rgb sky = {.78f, .84f, .88f};
  row_of_boxes(g, 0, g->horizon, 54, 7, sky, rgb_scale(sky, 0.88f));
  box(g, 0, g->horizon * 0.55f, g->width, g->horizon * 0.58f, rgb_scale(p->wall, 0.6f));
  row_of_boxes(g, g->horizon - 26, g->horizon + 8, 40, 30, p->accent, rgb_scale(p->accent, 0.6f));
}

/* Grain of the surfaces: cheap numbers from one draw. */
static void grain(Ground *g, float amount) {
  uint32_t state = (uint32_t)(draws_next(g->d) * 4294967295.0) | 1;
  for (int i = 0; i < g->canvas->width * g->canvas->height; i++) {
    state = state * 1664525u + 1013904223u;
    Rgb *p = &g->canvas->pixels[i];
    *p = rgb_scale(*p, 1 + amount * ((float)(state >> 16) / 32768.0f - 1));
  }
}

static void place_paint(Canvas *canvas, const Domain *p, Draws *d) {
  static void (*const paint[STYLES])(Ground *, const Domain *) = {
      paint_buildings, paint_greens,   paint_platform, paint_shops,
      paint_street,    paint_corridor, paint_hall,     paint_garage};
  Ground g = {canvas, d, draws_range(d, 90, 165), (float)canvas->width, (float)canvas->height};
  Domain here = *p;
  here.wall = rgb_mix(p->wall, any_color(d, 0.2f, 0.85f, 0.2f), 0.25f);
  here.ground = rgb_mix(p->ground, any_color(d, 0.2f, 0.75f, 0.12f), 0.3f);
  here.accent = rgb_mix(p->accent, any_color(d, 0.2f, 0.8f, 0.3f), 0.6f);
  paint_fill(canvas, here.wall);
  for (float y = g.horizon; y < g.height; y += 4)
    box(&g, 0, y, g.width, y + 4.5f, rgb_scale(here.ground, 0.8f + 0.4f * (y - g.horizon) / 150));
  if (draws_next(d) < 0.7) {
    float gap = draws_range(d, 30, 110);
    floor_tiles(&g, rgb_scale(here.ground, draws_next(d) < 0.5 ? 0.7f : 1.3f), gap);
  }
  paint[p->style](&g, &here);
  grain(&g, draws_range(d, 0.02f, 0.12f));
}

/* ---- cameras ------------------------------------------------------------------------------- */

/* Rows are what a sensor channel sees of each colour: a diagonal of gains, strong crosstalk, and
 * desaturation towards grey. */
static void draw_mix(Camera *c, float exposure, Draws *d) {
  for (int i = 0; i < 3; i++) {
    float gain = exposure * draws_range(d, 0.9f, 1.12f);
    for (int j = 0; j < 3; j++)
      c->mix[i][j] = gain * (i == j ? draws_range(d, 0.85f, 1) : draws_range(d, -0.02f, 0.12f));
  }
}

Status scene_camera_create(const Domain *domain, uint64_t seed, int domain_index, int index,
                           Camera *out, Diag *diag) {
  Draws draws = {seed, philox_site("synth/camera"), (uint64_t)domain_index << 20 | (uint64_t)index,
                 0};
  Draws *d = &draws;
  size_t bytes = (size_t)PANORAMA_WIDTH * PANORAMA_HEIGHT * sizeof(Rgb);
  *out = (Camera){.domain = domain};
  out->panorama = (Canvas){malloc(bytes), PANORAMA_WIDTH, PANORAMA_HEIGHT};
  if (!out->panorama.pixels) return diag_no_memory(diag, bytes);
  place_paint(&out->panorama, domain, d);
  draw_mix(out, domain->exposure * draws_range(d, 0.9f, 1.12f), d);
  out->gamma = domain->gamma * draws_range(d, 0.87f, 1.15f);
  out->contrast = draws_range(d, 0.85f, 1.15f);
  out->haze = domain->haze * draws_range(d, 0.3f, 1.7f);
  out->saturation = domain->saturation * draws_range(d, 0.75f, 1.25f);
  out->vignette = draws_range(d, 0, 0.35f);
  out->blur = domain->blur * draws_range(d, 0.5f, 1.5f);
  out->detail = fminf(1, domain->detail * draws_range(d, 0.8f, 1.25f));
  out->noise = domain->noise * draws_range(d, 0.5f, 1.6f);
  out->yaw = draws_range(d, -3.14159265f, 3.14159265f);
  out->spread = draws_range(d, 0.4f, 0.9f);
  out->flip = draws_range(d, 0.25f, 0.5f);
  out->pitch = domain->pitch + draws_range(d, -0.05f, 0.12f);
  out->light = draws_range(d, -1, 1);
  out->shade = draws_range(d, 0.25f, 1);
  return STATUS_OK;
}

void scene_camera_release(Camera *camera) {
  free(camera->panorama.pixels);
  camera->panorama.pixels = NULL;
}
