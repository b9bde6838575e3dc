/* The draws that make an identity. */
#include "runtime/synth/synth_person.h"

#define COUNT(A) ((int)(sizeof(A) / sizeof *(A)))

static const Rgb upper_colors[] = {{.08f, .08f, .09f}, {.27f, .27f, .29f}, {.55f, .55f, .55f},
                                   {.86f, .86f, .84f}, {.12f, .16f, .33f}, {.30f, .43f, .64f},
                                   {.58f, .15f, .16f}, {.70f, .62f, .48f}, {.31f, .36f, .22f}};
static const float upper_weights[] = {6, 3, 3, 4, 3, 1.5f, 1, 1.5f, 1};
static const Rgb lower_colors[] = {{.08f, .08f, .09f}, {.13f, .16f, .29f}, {.29f, .36f, .50f},
                                   {.45f, .45f, .46f}, {.66f, .58f, .45f}, {.31f, .23f, .17f}};
static const float lower_weights[] = {5, 4, 4, 2, 1.5f, 1};
static const Rgb hair_colors[] = {
    {.07f, .06f, .05f}, {.20f, .13f, .08f}, {.55f, .42f, .24f}, {.55f, .54f, .52f}};
static const float hair_weights[] = {5, 3, 1.5f, 1};
static const Rgb shoe_colors[] = {
    {.07f, .07f, .07f}, {.85f, .85f, .83f}, {.35f, .22f, .13f}, {.55f, .16f, .15f}};
static const float shoe_weights[] = {5, 4, 2, 1};
static const Rgb skins[] = {{.85f, .66f, .54f}, {.74f, .54f, .40f}, {.50f, .34f, .24f}};

static Rgb jitter(Rgb color, Draws *d) {
  float by = draws_range(d, -0.025f, 0.025f);
  return (Rgb){color.r + by, color.g + by, color.b + by};
}

static float luma(Rgb c) {
  return .3f * c.r + .59f * c.g + .11f * c.b;
}

/* A colour of the palette whose brightness differs enough to show a pattern in grey, too. */
static Rgb contrast(Rgb first, Draws *d) {
  Rgb color = first;
  for (int tries = 0; tries < 20; tries++) {
    color = upper_colors[draws_weighted(d, upper_weights, COUNT(upper_colors))];
    float difference = luma(color) - luma(first);
    if (difference * difference > 0.05f) break;
  }
  return color;
}

static Cloth cloth_draw(Draws *d, const Rgb *colors, const float *color_weights, int n,
                        const float *texture_weights) {
  Cloth cloth;
  cloth.color = jitter(colors[draws_weighted(d, color_weights, n)], d);
  cloth.second = contrast(cloth.color, d);
  cloth.texture = (Texture)draws_weighted(d, texture_weights, TEXTURE_COUNT);
  cloth.period = draws_range(d, 0.035f, 0.085f);
  return cloth;
}

static void draw_body(Person *p, Draws *d) {
  p->build = draws_range(d, 0.82f, 1.25f);
  p->shoulder = draws_range(d, 0.88f, 1.14f);
  p->leg = draws_range(d, 0.46f, 0.54f);
  p->head = draws_range(d, 0.88f, 1.12f);
  p->lean = draws_range(d, -0.01f, 0.09f);
  p->stride = draws_range(d, 0.25f, 0.55f);
  p->skin = skins[draws_pick(d, COUNT(skins))];
  p->posture = (Posture)draws_weighted(d, (float[]){6, 2, 2}, POSTURE_KINDS);
}

static void draw_clothes(Person *p, Draws *d) {
  static const float upper_textures[TEXTURE_COUNT] = {17, 2, 1.5f, 1.5f, 1, 1, 1.5f, 1.5f};
  static const float lower_textures[TEXTURE_COUNT] = {22, 0.5f, 1, 1.5f, 0.7f, 1, 0, 0};
  p->upper = cloth_draw(d, upper_colors, upper_weights, COUNT(upper_colors), upper_textures);
  p->lower = cloth_draw(d, lower_colors, lower_weights, COUNT(lower_colors), lower_textures);
  p->upper_kind = (UpperKind)draws_weighted(d, (float[]){5, 5, 4, 1.5f, 2, 1}, UPPER_KINDS);
  p->lower_kind = (LowerKind)draws_weighted(d, (float[]){7, 2, 4, 2.5f, 1.3f, 0.8f}, LOWER_KINDS);
  p->hem = draws_range(d, -0.04f, 0.04f);
  p->open = draws_next(d) < 0.5;
  p->inner = contrast(p->upper.color, d);
  p->logo = draws_next(d) < 0.18 && p->upper.texture == TEXTURE_PLAIN;
  p->logo_back = draws_next(d) < 0.3;
  p->belt = draws_next(d) < 0.25;
  p->bare_legs = draws_next(d) < 0.6;
  p->has_scarf = draws_next(d) < 0.15;
  p->scarf = contrast(p->upper.color, d);
  p->shoes = shoe_colors[draws_weighted(d, shoe_weights, COUNT(shoe_colors))];
  p->boots = draws_next(d) < 0.2;
}

static void draw_belongings(Person *p, Draws *d) {
  p->hair = (HairKind)draws_weighted(d, (float[]){5, 3, 1.5f, 1, 0.7f}, HAIR_KINDS);
  p->hair_color = hair_colors[draws_weighted(d, hair_weights, COUNT(hair_colors))];
  p->hat = (HatKind)draws_weighted(d, (float[]){9, 1.5f, 1, 0.5f}, HAT_KINDS);
  p->hat_color = upper_colors[draws_weighted(d, upper_weights, COUNT(upper_colors))];
  p->bag = (BagKind)draws_weighted(d, (float[]){5, 3, 2, 1.2f, 0.5f}, BAG_KINDS);
  p->bag_color = contrast(p->upper.color, d);
  p->bag_size = draws_range(d, 0.75f, 1.3f);
  p->bag_side = draws_next(d) < 0.5 ? -1 : 1;
}

Person person_draw(Draws *draws) {
  Person p = {0};
  draw_body(&p, draws);
  draw_clothes(&p, draws);
  draw_belongings(&p, draws);
  return p;
}
