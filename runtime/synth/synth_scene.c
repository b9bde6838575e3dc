/* Pictures: a person before the camera's background, then what the camera makes of it. */
#include "runtime/synth/synth_scene.h"

#include <math.h>
#include <string.h>

#define PIXELS (SCENE_WIDTH * SCENE_HEIGHT)
#define PI 3.14159265f

/* ---- composition --------------------------------------------------------------------------- */

static void cut_background(const Camera *c, Canvas *to, Draws *d) {
  const Canvas *from = &c->panorama;
  int x0 = draws_pick(d, from->width - to->width), y0 = draws_pick(d, from->height - to->height);
  bool mirror = draws_next(d) < 0.15;
  for (int y = 0; y < to->height; y++) {
    const Rgb *row = from->pixels + (y + y0) * from->width + x0;
    Rgb *out = to->pixels + y * to->width;
    memcpy(out, row, (size_t)to->width * sizeof *out);
    for (int x = 0; mirror && x < to->width; x++) out[x] = row[to->width - 1 - x];
  }
}

static Pose draw_pose(const Camera *c, const Person *p, Draws *d) {
  Pose pose = {.pitch = c->pitch, .light = c->light, .shade = c->shade};
  pose.yaw = c->yaw + c->spread * (draws_range(d, -1, 1) + draws_range(d, -1, 1));
  if (draws_next(d) < c->flip) pose.yaw += PI;
  pose.phase = draws_range(d, 0, 2 * PI);
  pose.swing = draws_next(d) < 0.2 ? 0.1f : draws_range(d, 0.5f, 1.1f);
  pose.posture = draws_next(d) < 0.75 ? p->posture : (Posture)draws_pick(d, POSTURE_KINDS);
  pose.scale = SCENE_HEIGHT * SCENE_SCALE * draws_range(d, 0.80f, 0.97f);
  pose.foot.x = SCENE_WIDTH * SCENE_SCALE * draws_range(d, 0.41f, 0.59f);
  pose.foot.y = SCENE_HEIGHT * SCENE_SCALE * draws_range(d, 0.92f, 1.0f);
  return pose;
}

/* Somebody else, beside or behind the person. */
static void paint_passer(const Camera *c, Canvas *canvas, Draws *d, bool before) {
  Person other = person_draw(d);
  Pose pose = draw_pose(c, &other, d);
  float side = draws_next(d) < 0.5 ? -1 : 1;
  if (before) {
    pose.foot.x += side * draws_range(d, 0.45f, 0.6f) * (float)canvas->width;
    pose.foot.y += 6;
  } else {
    pose.scale *= draws_range(d, 0.5f, 0.8f);
    pose.foot.x += side * draws_range(d, 0.1f, 0.5f) * (float)canvas->width;
    pose.foot.y -= draws_range(d, 0.06f, 0.16f) * (float)canvas->height;
  }
  person_paint(canvas, &other, &pose);
}

/* A thing in front: a pole, a low wall or bin, or leaves. */
static void paint_obstacle(const Camera *c, Canvas *canvas, Draws *d) {
  float w = (float)canvas->width, h = (float)canvas->height;
  float grey = draws_range(d, 0.1f, 0.7f), x = draws_range(d, -0.1f, 1.0f) * w;
  Rgb color = rgb_mix((Rgb){grey, grey, grey}, c->domain->accent, draws_range(d, 0, 0.6f));
  Material m = material_plain(color, 0.6f, c->light);
  switch (draws_pick(d, 3)) {
  case 0:
    paint_box(canvas, x, 0, x + draws_range(d, 0.05f, 0.16f) * w, h, &m);
    break;
  case 1: {
    float wide = draws_range(d, 0.35f, 1.1f) * w;
    paint_box(canvas, x - wide / 2, h * draws_range(d, 0.68f, 0.9f), x + wide / 2, h, &m);
    break;
  }
  default:
    for (int i = 0; i < 7; i++) {
      float green = draws_range(d, 0.15f, 0.4f);
      Material leaf = material_plain((Rgb){green * 0.7f, green, green * 0.5f}, 0.6f, 0);
      float high = draws_range(d, 6, 16), wide = draws_range(d, 8, 22);
      float across = x + draws_range(d, -20, 20), down = h - draws_range(d, 0, 60);
      paint_ellipse(canvas, (Point){across, down}, wide, high, &leaf);
    }
  }
}

static void shrink(const Canvas *from, Rgb *to) {
  const float part = 1.0f / (SCENE_SCALE * SCENE_SCALE);
  for (int y = 0; y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      Rgb sum = {0, 0, 0};
      for (int v = 0; v < SCENE_SCALE; v++)
        for (int u = 0; u < SCENE_SCALE; u++) {
          Rgb p = from->pixels[(y * SCENE_SCALE + v) * from->width + x * SCENE_SCALE + u];
          sum = (Rgb){sum.r + p.r, sum.g + p.g, sum.b + p.b};
        }
      to[y * SCENE_WIDTH + x] = rgb_scale(sum, part);
    }
}

/* ---- camera -------------------------------------------------------------------------------- */

static Rgb add_scaled(Rgb a, Rgb b, float t) {
  return (Rgb){a.r + b.r * t, a.g + b.g * t, a.b + b.b * t};
}

static int clamp_index(int i, int n) {
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Gaussian blur, rows then columns; the border repeats. */
static void blur(Rgb *image, Rgb *spare, float sigma) {
  float weight[5], sum = 0;
  if (sigma < 0.2f) return;
  for (int i = 0; i < 5; i++) {
    weight[i] = expf(-0.5f * (float)(i * i) / (sigma * sigma));
    sum += i == 0 ? weight[i] : 2 * weight[i];
  }
  int reach = 4;
  while (reach > 1 && weight[reach] < 0.01f) reach--;
  for (int i = 0; i < 5; i++) weight[i] /= sum;
  for (int y = 0; y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      Rgb s = {0, 0, 0};
      for (int k = -reach; k <= reach; k++)
        s = add_scaled(s, image[y * SCENE_WIDTH + clamp_index(x + k, SCENE_WIDTH)],
                       weight[k < 0 ? -k : k]);
      spare[y * SCENE_WIDTH + x] = s;
    }
  for (int y = 0; y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      Rgb s = {0, 0, 0};
      for (int k = -reach; k <= reach; k++)
        s = add_scaled(s, spare[clamp_index(y + k, SCENE_HEIGHT) * SCENE_WIDTH + x],
                       weight[k < 0 ? -k : k]);
      image[y * SCENE_WIDTH + x] = s;
    }
}

/* Samples the image at `detail` of its resolution and enlarges it again. */
static void lose_detail(Rgb *image, Rgb *spare, float detail) {
  if (detail > 0.95f) return;
  memcpy(spare, image, PIXELS * sizeof *image);
  for (int y = 0; y < SCENE_HEIGHT; y++)
    for (int x = 0; x < SCENE_WIDTH; x++) {
      float u = ((float)x + 0.5f) * detail - 0.5f, v = ((float)y + 0.5f) * detail - 0.5f;
      float u0 = floorf(u), v0 = floorf(v), tu = u - u0, tv = v - v0;
      int x0 = clamp_index((int)((u0 + 0.5f) / detail), SCENE_WIDTH);
      int x1 = clamp_index((int)((u0 + 1.5f) / detail), SCENE_WIDTH);
      int y0 = clamp_index((int)((v0 + 0.5f) / detail), SCENE_HEIGHT) * SCENE_WIDTH;
      int y1 = clamp_index((int)((v0 + 1.5f) / detail), SCENE_HEIGHT) * SCENE_WIDTH;
      image[y * SCENE_WIDTH + x] = rgb_mix(rgb_mix(spare[y0 + x0], spare[y0 + x1], tu),
                                           rgb_mix(spare[y1 + x0], spare[y1 + x1], tu), tv);
    }
}

#define CURVE 1024
/* Display value of a sensor value 0 .. 1.25, tabulated. */
static void make_curve(float curve[CURVE + 1], float gamma, float contrast, float haze) {
  for (int i = 0; i <= CURVE; i++) {
    float x = powf(fminf(1, (float)i * 1.25f / CURVE), gamma);
    x = 0.5f + (x - 0.5f) * contrast;
    curve[i] = haze + (1 - haze) * x;
  }
}

static float apply_curve(const float *curve, float x) {
  float at = x * (CURVE / 1.25f);
  if (!(at > 0)) return curve[0];
  return at >= CURVE ? curve[CURVE] : curve[(int)at];
}

static uint8_t to_byte(float x) {
  x = x * 255 + 0.5f;
  return x < 0 ? 0 : x >= 255 ? 255 : (uint8_t)x;
}

/* About normal numbers from a small generator: four uniform bytes, variance 1. */
static float noise_next(uint32_t *state) {
  uint32_t s = *state = *state * 1664525u + 1013904223u;
  s ^= s >> 15;
  s *= 0x2c1b3c6du;
  s ^= s >> 12;
  return ((float)((s & 255) + (s >> 8 & 255) + (s >> 16 & 255) + (s >> 24)) - 510) * (1 / 147.8f);
}

static void develop(const Camera *c, const Rgb *image, Draws *d, uint8_t *rgb) {
  float curve[CURVE + 1], exposure = draws_range(d, 0.7f, 1.3f);
  float tint[3], noise = c->noise * draws_range(d, 0.6f, 1.4f);
  uint32_t state = (uint32_t)(draws_next(d) * 4294967295.0);
  make_curve(curve, c->gamma * draws_range(d, 0.84f, 1.19f), c->contrast, c->haze);
  for (int i = 0; i < 3; i++) tint[i] = exposure * draws_range(d, 0.86f, 1.14f);
  for (int i = 0; i < PIXELS; i++) {
    Rgb p = image[i];
    float u = (float)(i % SCENE_WIDTH) / (SCENE_WIDTH / 2) - 1;
    float v = (float)(i / SCENE_WIDTH) / (SCENE_HEIGHT / 2) - 1;
    float fall = 1 - c->vignette * 0.5f * (u * u + v * v),
          grey = 0.3f * p.r + 0.59f * p.g + 0.11f * p.b;
    p = rgb_mix((Rgb){grey, grey, grey}, p, c->saturation);
    float common = noise_next(&state);
    for (int k = 0; k < 3; k++) {
      float x = c->mix[k][0] * p.r + c->mix[k][1] * p.g + c->mix[k][2] * p.b;
      x = apply_curve(curve, x * tint[k] * fall);
      rgb[3 * i + k] = to_byte(x + noise * (0.7f * common + 0.6f * noise_next(&state)));
    }
  }
}

void scene_shoot(const Camera *camera, const Person *person, Draws *draws, Studio *studio) {
  Canvas canvas = {studio->painted, SCENE_WIDTH * SCENE_SCALE, SCENE_HEIGHT * SCENE_SCALE};
  cut_background(camera, &canvas, draws);
  Pose pose = draw_pose(camera, person, draws);
  if (draws_next(draws) < camera->domain->crowd) paint_passer(camera, &canvas, draws, false);
  person_paint(&canvas, person, &pose);
  if (draws_next(draws) < camera->domain->crowd * 0.6f) paint_passer(camera, &canvas, draws, true);
  if (draws_next(draws) < camera->domain->occlusion) paint_obstacle(camera, &canvas, draws);
  shrink(&canvas, studio->image);
  blur(studio->image, studio->spare, camera->blur * draws_range(draws, 0.6f, 1.5f));
  lose_detail(studio->image, studio->spare, camera->detail * draws_range(draws, 0.8f, 1.15f));
  develop(camera, studio->image, draws, studio->rgb);
}
