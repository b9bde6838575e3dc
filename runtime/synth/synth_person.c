/* Drawing a person: a skeleton in space, seen from one side, clothed by flat shapes. */
#include "runtime/synth/synth_person.h"

#include <math.h>

/* A point of the body: to its left, up from the ground, forward; in body heights. */
typedef struct Joint {
  float l, u, f;
} Joint;

typedef struct Painter {
  Canvas *canvas;
  const Person *p;
  const Pose *pose;
  float cosine, sine, up, depth; /* of yaw; of pitch */
  Material upper, lower, skin;
} Painter;

typedef struct Limb {
  Joint root, middle, end;
} Limb;

static Point project(const Painter *w, Joint j) {
  float f = j.f + w->p->lean * (j.u > 0.5f ? j.u - 0.5f : 0), s = w->pose->scale;
  float x = j.l * w->cosine + f * w->sine, z = f * w->cosine - j.l * w->sine;
  return (Point){w->pose->foot.x + s * x, w->pose->foot.y - s * (j.u * w->up - z * w->depth)};
}

/* Towards the camera. */
static float nearness(const Painter *w, Joint j) {
  return j.f * w->cosine - j.l * w->sine;
}

/* Half of the visible width of a body part with these half widths across and along. */
static float extent(const Painter *w, float across, float along) {
  float a = across * w->cosine, b = along * w->sine;
  return sqrtf(a * a + b * b) * w->pose->scale;
}

static Material plain(const Painter *w, Rgb color) {
  return material_plain(color, w->pose->shade, w->pose->light);
}

static Material cloth_material(const Painter *w, const Cloth *cloth, Joint origin, float length) {
  Material m = plain(w, cloth->color);
  m.second = cloth->second;
  m.texture = cloth->texture;
  m.period = cloth->period * w->pose->scale;
  m.length = length * w->pose->scale;
  m.origin = project(w, origin);
  return m;
}

static void capsule(const Painter *w, Joint a, float ra, Joint b, float rb, const Material *m) {
  float s = w->pose->scale;
  paint_capsule(w->canvas, project(w, a), ra * s, project(w, b), rb * s, m);
}

/* A limb's cloth keeps its pattern along the limb. */
static Material along_limb(const Painter *w, Material m, Joint a, Joint b) {
  Point p = project(w, a), q = project(w, b);
  float dx = q.x - p.x, dy = q.y - p.y, length = sqrtf(dx * dx + dy * dy);
  m.origin = p;
  if (length > 1) m.along = (Point){dx / length, dy / length};
  return m;
}

/* ---- legs ---------------------------------------------------------------------------------- */

static Limb leg_bend(const Painter *w, float side) {
  const Person *p = w->p;
  float half = p->leg * 0.49f, phase = w->pose->phase + (side > 0 ? 0 : 3.14159265f);
  float swing = p->stride * w->pose->swing, angle = swing * sinf(phase);
  float bend = swing * (0.35f + 0.9f * fmaxf(0, cosf(phase)));
  Limb leg = {.root = {side * 0.045f * p->build, p->leg, 0}};
  leg.middle = (Joint){leg.root.l, p->leg - half * cosf(angle), half * sinf(angle)};
  leg.end = (Joint){leg.root.l, leg.middle.u - half * cosf(angle - bend),
                    leg.middle.f + half * sinf(angle - bend)};
  if (leg.end.u < 0.025f) leg.end.u = 0.025f;
  return leg;
}

static void leg_paint(const Painter *w, const Limb *leg) {
  const Person *p = w->p;
  float b = 0.6f + 0.4f * p->build, top = 0.056f * b, knee = 0.038f * b, ankle = 0.026f * b;
  bool bare = p->lower_kind == LOWER_SHORTS || p->lower_kind == LOWER_SKIRT ||
              p->lower_kind == LOWER_LONG_SKIRT;
  Material cloth = along_limb(w, w->lower, leg->root, leg->middle), skin = w->skin;
  Material shoe = plain(w, p->shoes);
  if (bare && !p->bare_legs) skin = plain(w, (Rgb){.12f, .11f, .12f});
  if (p->lower_kind == LOWER_WIDE) knee = 0.048f * b, ankle = 0.052f * b;
  if (p->lower_kind == LOWER_SLIM) top *= 0.86f, knee *= 0.8f, ankle *= 0.8f;
  capsule(w, leg->middle, bare ? knee * 0.8f : knee, leg->end, bare ? ankle * 0.85f : ankle,
          bare ? &skin : &cloth);
  if (p->boots) {
    float along = 0.4f * (leg->middle.f - leg->end.f);
    Joint top_end = {leg->end.l, leg->end.u + 0.1f, leg->end.f + along};
    capsule(w, top_end, 0.032f * b, leg->end, 0.030f * b, &shoe);
  }
  Joint toe = {leg->end.l * 1.25f, leg->end.u - 0.008f, leg->end.f + 0.065f};
  Joint heel = {leg->end.l, leg->end.u - 0.005f, leg->end.f - 0.012f};
  capsule(w, heel, 0.021f, toe, 0.017f, &shoe);
  if (p->lower_kind == LOWER_SHORTS) {
    Joint cut = {leg->middle.l, leg->middle.u + 0.02f, leg->middle.f};
    capsule(w, leg->middle, knee * 0.8f, leg->middle, knee * 0.8f, &skin);
    capsule(w, leg->root, top, cut, knee * 1.25f, &cloth);
  } else {
    capsule(w, leg->root, top, leg->middle, knee, bare ? &skin : &cloth);
  }
}

static void skirt_paint(const Painter *w, const Limb legs[2]) {
  const Person *p = w->p;
  float low = p->lower_kind == LOWER_SKIRT ? 0.30f + p->hem : 0.11f + p->hem * 0.5f;
  float spread = 0.085f + 0.25f * fabsf(legs[0].middle.f - legs[1].middle.f) * fabsf(w->sine);
  Point top = project(w, (Joint){0, p->leg + 0.07f, 0}), hem = project(w, (Joint){0, low, 0});
  float a = extent(w, 0.085f * p->build, 0.07f * p->build);
  float b = extent(w, 0.115f * p->build, spread * p->build) + 0.02f * w->pose->scale;
  paint_polygon(w->canvas,
                (Point[]){{top.x - a, top.y},
                          {top.x + a, top.y},
                          {hem.x + b, hem.y},
                          {hem.x, hem.y + 0.012f * w->pose->scale},
                          {hem.x - b, hem.y}},
                5, &w->lower);
}

/* ---- arms ---------------------------------------------------------------------------------- */

static Limb arm_bend(const Painter *w, float side) {
  const Person *p = w->p;
  float phase = w->pose->phase + (side > 0 ? 3.14159265f : 0);
  float swing = 0.9f * p->stride * w->pose->swing * sinf(phase), bend = 0.25f + 0.3f * swing;
  float out = 0.01f + 0.012f * p->build, upper = 0.165f, fore = 0.15f;
  if (w->pose->posture == POSTURE_PHONE && side == p->bag_side) swing = 0.25f, bend = 1.9f;
  if (w->pose->posture == POSTURE_POCKETS) swing = -0.25f, bend = 0.75f, out = 0.04f;
  if (p->bag == BAG_HAND && side == p->bag_side) swing *= 0.3f, bend = 0.1f;
  if (p->bag == BAG_SUITCASE && side == p->bag_side) swing = -0.5f, bend = 0.1f;
  Limb arm = {.root = {side * 0.108f * p->shoulder * (0.6f + 0.4f * p->build), 0.80f, 0}};
  float l = arm.root.l + side * out;
  arm.middle = (Joint){l, 0.80f - upper * cosf(swing), upper * sinf(swing)};
  arm.end = (Joint){l, arm.middle.u - fore * cosf(swing + bend),
                    arm.middle.f + fore * sinf(swing + bend)};
  return arm;
}

static void arm_paint(const Painter *w, const Limb *arm) {
  const Person *p = w->p;
  float b = 0.55f + 0.45f * p->build, thick = 1;
  Material sleeve = along_limb(w, w->upper, arm->root, arm->middle), lower = sleeve;
  bool plain_sleeve = p->upper.texture == TEXTURE_HALVES || p->upper.texture == TEXTURE_BAND ||
                      p->upper.texture == TEXTURE_GRADIENT;
  if (p->upper_kind == UPPER_JACKET || p->upper_kind == UPPER_COAT) thick = 1.25f;
  if (p->upper_kind == UPPER_HOODIE) thick = 1.15f;
  if (plain_sleeve) sleeve.texture = TEXTURE_PLAIN;
  if (p->upper_kind == UPPER_VEST) sleeve = plain(w, p->inner);
  lower = sleeve;
  if (p->upper_kind == UPPER_TSHIRT) lower = w->skin;
  capsule(w, arm->end, 0.019f, arm->end, 0.019f, &w->skin);
  capsule(w, arm->middle, (p->upper_kind == UPPER_TSHIRT ? 0.024f : 0.028f * thick) * b, arm->end,
          (p->upper_kind == UPPER_TSHIRT ? 0.018f : 0.022f * thick) * b, &lower);
  if (p->upper_kind == UPPER_TSHIRT) {
    Joint cut = {arm->middle.l, arm->root.u + (arm->middle.u - arm->root.u) * 0.65f,
                 arm->middle.f * 0.65f};
    capsule(w, arm->root, 0.03f * b, arm->middle, 0.024f * b, &w->skin);
    capsule(w, arm->root, 0.038f * b, cut, 0.036f * b, &sleeve);
  } else {
    capsule(w, arm->root, 0.032f * b * thick, arm->middle, 0.028f * b * thick, &sleeve);
  }
}

/* ---- torso --------------------------------------------------------------------------------- */

static void front_details(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale, facing = fabsf(w->cosine);
  bool front = w->cosine > 0.25f, back = w->cosine < -0.25f;
  bool opens = p->upper_kind == UPPER_JACKET || p->upper_kind == UPPER_COAT;
  if (front && opens && p->open) {
    Point a = project(w, (Joint){0, 0.83f, 0.06f}), b = project(w, (Joint){0, p->leg, 0.07f});
    float half = 0.034f * facing * s;
    Material inner = plain(w, p->inner);
    paint_polygon(w->canvas,
                  (Point[]){{a.x - half, a.y},
                            {a.x + half, a.y},
                            {b.x + half * 1.3f, b.y},
                            {b.x - half * 1.3f, b.y}},
                  4, &inner);
  }
  if (p->logo && (front || (back && p->logo_back))) {
    Point c = project(w, (Joint){0, 0.72f, front ? 0.065f : -0.065f});
    Material patch = plain(w, p->upper.second);
    if (p->logo_back)
      paint_ellipse(w->canvas, c, 0.05f * facing * s, 0.045f * s, &patch);
    else
      paint_box(w->canvas, c.x - 0.06f * facing * s, c.y - 0.018f * s, c.x + 0.06f * facing * s,
                c.y + 0.018f * s, &patch);
  }
  if (back && p->upper_kind == UPPER_HOODIE) {
    Point c = project(w, (Joint){0, 0.82f, -0.05f});
    Material hood = plain(w, rgb_scale(p->upper.color, 0.8f));
    paint_ellipse(w->canvas, c, 0.06f * s, 0.035f * s, &hood);
  }
}

static float torso_hem(const Person *p) {
  switch (p->upper_kind) {
  case UPPER_COAT:
    return 0.30f + p->hem;
  case UPPER_JACKET:
    return p->leg - 0.03f + p->hem * 0.5f;
  case UPPER_HOODIE:
    return p->leg - 0.01f;
  default:
    return p->leg + 0.02f + p->hem * 0.5f;
  }
}

static void torso_paint(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale, thick = p->upper_kind == UPPER_COAT || p->upper_kind == UPPER_JACKET ||
                                            p->upper_kind == UPPER_VEST
                                        ? 1.12f
                                        : 1.0f;
  float wide = thick * p->shoulder * (0.6f + 0.4f * p->build);
  float shoulder = extent(w, 0.122f * wide, 0.062f * thick * p->build);
  float waist = extent(w, 0.088f * thick * p->build, 0.070f * thick * p->build);
  float hem = extent(w, 0.094f * thick * p->build, 0.074f * thick * p->build);
  float low = torso_hem(p);
  if (p->upper_kind == UPPER_COAT) hem *= 1.25f;
  Point neck = project(w, (Joint){0, 0.852f, 0}), top = project(w, (Joint){0, 0.815f, 0});
  Point chest = project(w, (Joint){0, 0.76f, 0}), middle = project(w, (Joint){0, 0.60f, 0});
  Point end = project(w, (Joint){0, low, 0});
  paint_polygon(w->canvas,
                (Point[]){{middle.x - waist, middle.y - 2},
                          {middle.x + waist, middle.y - 2},
                          {end.x + hem, end.y},
                          {end.x - hem, end.y}},
                4, &w->upper);
  paint_polygon(w->canvas,
                (Point[]){{neck.x - 0.035f * s, neck.y},
                          {neck.x + 0.035f * s, neck.y},
                          {top.x + shoulder * 0.9f, top.y},
                          {chest.x + shoulder, chest.y},
                          {middle.x + waist, middle.y},
                          {middle.x - waist, middle.y},
                          {chest.x - shoulder, chest.y},
                          {top.x - shoulder * 0.9f, top.y}},
                8, &w->upper);
  if (p->belt) {
    Point belt = project(w, (Joint){0, p->upper_kind == UPPER_COAT ? 0.58f : low + 0.015f, 0});
    Material dark = plain(w, p->upper_kind == UPPER_COAT ? p->inner : (Rgb){.1f, .08f, .07f});
    paint_box(w->canvas, belt.x - waist, belt.y - 0.012f * s, belt.x + waist, belt.y + 0.012f * s,
              &dark);
  }
  front_details(w);
}

/* ---- head ---------------------------------------------------------------------------------- */

static void hat_paint(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale * p->head;
  Point c = project(w, (Joint){0, 0.962f, -0.004f});
  Material m = plain(w, p->hat_color);
  if (p->hat == HAT_CAP) {
    paint_ellipse(w->canvas, c, 0.055f * s, 0.040f * s, &m);
    capsule(w, (Joint){0, 0.950f, 0.03f}, 0.012f, (Joint){0, 0.946f, 0.085f}, 0.010f, &m);
  } else if (p->hat == HAT_BEANIE) {
    paint_ellipse(w->canvas, (Point){c.x, c.y - 0.006f * s}, 0.057f * s, 0.055f * s, &m);
  } else {
    paint_ellipse(w->canvas, (Point){c.x, c.y - 0.01f * s}, 0.052f * s, 0.046f * s, &m);
    paint_ellipse(w->canvas, (Point){c.x, c.y + 0.012f * s}, 0.098f * s, 0.018f * s, &m);
  }
}

static void head_paint(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale * p->head, facing = (w->cosine + 0.75f) / 1.75f;
  Material hair = plain(w, p->hair == HAIR_NONE ? p->skin : p->hair_color);
  Material scarf = plain(w, p->scarf);
  capsule(w, (Joint){0, 0.83f, 0}, 0.032f, (Joint){0, 0.90f, 0.01f}, 0.030f, &w->skin);
  if (p->has_scarf)
    capsule(w, (Joint){-0.03f, 0.85f, 0.01f}, 0.028f, (Joint){0.03f, 0.85f, 0.01f}, 0.028f, &scarf);
  Point c = project(w, (Joint){0, 0.935f, 0});
  Point back = project(w, (Joint){0, 0.942f, -0.012f}),
        face = project(w, (Joint){0, 0.925f, 0.022f});
  paint_ellipse(w->canvas, c, 0.047f * s, 0.062f * s, &w->skin);
  paint_ellipse(w->canvas, back, 0.052f * s, 0.060f * s, &hair);
  if (facing > 0)
    paint_ellipse(w->canvas, face, 0.044f * s * (0.35f + 0.65f * facing), 0.050f * s, &w->skin);
  if (p->hair == HAIR_BUN) {
    Point bun = project(w, (Joint){0, 0.985f, -0.04f});
    paint_ellipse(w->canvas, bun, 0.026f * s, 0.024f * s, &hair);
  }
  if (p->hat != HAT_NONE) hat_paint(w);
}

/* Hair that hangs down the back. */
static void hair_back_paint(const Painter *w) {
  const Person *p = w->p;
  Material hair = plain(w, p->hair_color);
  if (p->hair == HAIR_LONG)
    capsule(w, (Joint){0, 0.93f, -0.025f}, 0.054f * p->head, (Joint){0, 0.80f, -0.045f}, 0.056f,
            &hair);
  if (p->hair == HAIR_TAIL)
    capsule(w, (Joint){0, 0.95f, -0.06f}, 0.020f, (Joint){0, 0.82f, -0.075f}, 0.016f, &hair);
}

/* ---- belongings ---------------------------------------------------------------------------- */

static void backpack_paint(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale, k = p->bag_size;
  Point a = project(w, (Joint){0, 0.81f, -0.10f}),
        b = project(w, (Joint){0, 0.81f - 0.21f * k, -0.11f});
  float half = extent(w, 0.082f * k, 0.05f * k);
  Material m = plain(w, p->bag_color), dark = plain(w, rgb_scale(p->bag_color, 0.65f));
  paint_polygon(w->canvas,
                (Point[]){{a.x - half * 0.75f, a.y},
                          {a.x + half * 0.75f, a.y},
                          {a.x + half, a.y + 0.03f * s},
                          {b.x + half, b.y},
                          {b.x - half, b.y},
                          {a.x - half, a.y + 0.03f * s}},
                6, &m);
  if (w->cosine < -0.3f)
    paint_box(w->canvas, b.x - half * 0.7f, b.y - 0.085f * k * s, b.x + half * 0.7f,
              b.y - 0.012f * s, &dark);
}

static void straps_paint(const Painter *w) {
  Material m = plain(w, w->p->bag_color);
  for (float side = -1; side <= 1; side += 2)
    capsule(w, (Joint){side * 0.06f, 0.835f, 0.05f}, 0.010f, (Joint){side * 0.068f, 0.66f, 0.07f},
            0.010f, &m);
}

static void shoulder_bag_paint(const Painter *w) {
  const Person *p = w->p;
  float s = w->pose->scale, k = p->bag_size, near = w->cosine < 0 ? -0.065f : 0.065f;
  Joint at = {p->bag_side * 0.125f * p->build, p->leg + 0.02f, 0};
  Material m = plain(w, p->bag_color);
  capsule(w, (Joint){-p->bag_side * 0.06f, 0.835f, near}, 0.008f,
          (Joint){at.l * 0.8f, at.u + 0.06f, near * 0.6f}, 0.008f, &m);
  Point c = project(w, at);
  float half = extent(w, 0.03f * k, 0.075f * k) + 0.012f * s;
  paint_box(w->canvas, c.x - half, c.y - 0.055f * k * s, c.x + half, c.y + 0.05f * k * s, &m);
}

static void hand_bag_paint(const Painter *w, Joint hand) {
  float s = w->pose->scale, k = w->p->bag_size;
  Material m = plain(w, w->p->bag_color);
  Point top = project(w, hand);
  float half = extent(w, 0.02f * k, 0.07f * k) + 0.012f * s;
  paint_capsule(w->canvas, top, 0.006f * s, (Point){top.x, top.y + 0.04f * s}, 0.006f * s, &m);
  paint_polygon(w->canvas,
                (Point[]){{top.x - half * 0.8f, top.y + 0.04f * s},
                          {top.x + half * 0.8f, top.y + 0.04f * s},
                          {top.x + half, top.y + (0.04f + 0.11f * k) * s},
                          {top.x - half, top.y + (0.04f + 0.11f * k) * s}},
                4, &m);
}

static void suitcase_paint(const Painter *w, Joint hand) {
  float s = w->pose->scale, k = w->p->bag_size;
  Joint base = {hand.l * 1.3f, 0.02f, hand.f - 0.16f};
  Material m = plain(w, w->p->bag_color), rod = plain(w, (Rgb){.35f, .35f, .36f});
  Point b = project(w, base);
  capsule(w, hand, 0.007f, (Joint){base.l, 0.2f, base.f}, 0.007f, &rod);
  float half = extent(w, 0.07f * k, 0.045f * k);
  paint_box(w->canvas, b.x - half, b.y - 0.23f * k * s, b.x + half, b.y, &m);
}

static void bag_paint(const Painter *w, const Limb arms[2], bool before) {
  const Person *p = w->p;
  const Limb *arm = &arms[p->bag_side > 0];
  Joint at = p->bag == BAG_BACKPACK ? (Joint){0, 0, -1} : arm->end;
  if (p->bag == BAG_SUITCASE) at.f -= 0.2f;
  if ((nearness(w, at) < 0) != before) {
    if (p->bag == BAG_BACKPACK && w->cosine > 0.1f) straps_paint(w);
    return;
  }
  if (p->bag == BAG_BACKPACK) backpack_paint(w);
  if (p->bag == BAG_SHOULDER) shoulder_bag_paint(w);
  if (p->bag == BAG_HAND) hand_bag_paint(w, arm->end);
  if (p->bag == BAG_SUITCASE) suitcase_paint(w, arm->end);
}

/* ---- whole --------------------------------------------------------------------------------- */

/* From far to near: the farther arm and leg first. */
void person_paint(Canvas *canvas, const Person *person, const Pose *pose) {
  Painter w = {.canvas = canvas, .p = person, .pose = pose};
  w.cosine = cosf(pose->yaw);
  w.sine = sinf(pose->yaw);
  w.up = cosf(pose->pitch);
  w.depth = sinf(pose->pitch);
  w.skin = plain(&w, person->skin);
  w.upper = cloth_material(&w, &person->upper, (Joint){0, 0.84f, 0}, 0.84f - torso_hem(person));
  w.lower = cloth_material(&w, &person->lower, (Joint){0, person->leg + 0.03f, 0}, person->leg);
  Limb legs[2] = {leg_bend(&w, -1), leg_bend(&w, 1)};
  Limb arms[2] = {arm_bend(&w, -1), arm_bend(&w, 1)};
  int far = nearness(&w, arms[0].root) < nearness(&w, arms[1].root) ? 0 : 1;
  bool side = fabsf(w.sine) > 0.5f, from_behind = w.cosine < 0;
  bool skirt = person->lower_kind == LOWER_SKIRT || person->lower_kind == LOWER_LONG_SKIRT;
  paint_shadow(canvas, (Point){pose->foot.x, pose->foot.y}, 0.2f * pose->scale,
               0.035f * pose->scale, 0.45f * pose->shade);
  bag_paint(&w, arms, true);
  if (side) arm_paint(&w, &arms[far]);
  if (!from_behind) hair_back_paint(&w);
  leg_paint(&w, &legs[far]);
  leg_paint(&w, &legs[1 - far]);
  if (skirt) skirt_paint(&w, legs);
  torso_paint(&w);
  head_paint(&w);
  if (from_behind) hair_back_paint(&w);
  if (!side) arm_paint(&w, &arms[far]);
  arm_paint(&w, &arms[1 - far]);
  bag_paint(&w, arms, false);
}
