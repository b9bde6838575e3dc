/* Procedural pedestrians: who somebody is (stays the same in all images), how they stand in one
 * image, and their drawing. */
#ifndef RUNTIME_SYNTH_SYNTH_PERSON_H
#define RUNTIME_SYNTH_SYNTH_PERSON_H

#include "runtime/synth/synth_paint.h"

#include <stdbool.h>

typedef enum UpperKind {
  UPPER_TSHIRT,
  UPPER_SHIRT,
  UPPER_JACKET,
  UPPER_COAT,
  UPPER_HOODIE,
  UPPER_VEST,
  UPPER_KINDS
} UpperKind;
typedef enum LowerKind {
  LOWER_TROUSERS,
  LOWER_WIDE,
  LOWER_SLIM,
  LOWER_SHORTS,
  LOWER_SKIRT,
  LOWER_LONG_SKIRT,
  LOWER_KINDS
} LowerKind;
typedef enum HairKind {
  HAIR_SHORT,
  HAIR_LONG,
  HAIR_TAIL,
  HAIR_BUN,
  HAIR_NONE,
  HAIR_KINDS
} HairKind;
typedef enum HatKind { HAT_NONE, HAT_CAP, HAT_BEANIE, HAT_BRIM, HAT_KINDS } HatKind;
typedef enum BagKind {
  BAG_NONE,
  BAG_BACKPACK,
  BAG_SHOULDER,
  BAG_HAND,
  BAG_SUITCASE,
  BAG_KINDS
} BagKind;
typedef enum Posture { POSTURE_WALK, POSTURE_PHONE, POSTURE_POCKETS, POSTURE_KINDS } Posture;

typedef struct Cloth {
  Rgb color, second;
  Texture texture;
  float period; /* of the texture, in body heights */
} Cloth;

/* Lengths are in body heights. */
typedef struct Person {
  float build, shoulder, leg, head, lean, stride;
  Rgb skin, hair_color, hat_color, inner, shoes, bag_color, scarf;
  Cloth upper, lower;
  UpperKind upper_kind;
  LowerKind lower_kind;
  HairKind hair;
  HatKind hat;
  BagKind bag;
  float bag_size, hem, bag_side; /* bag_side -1 or 1 */
  bool boots, open, logo, logo_back, has_scarf, bare_legs, belt;
  Posture posture; /* a habit, followed in most images */
} Person;

/* Draws an identity.  Colours come from small palettes that everybody shares: a person is the
 * combination of colours, patterns, garments, build and belongings. */
Person person_draw(Draws *draws);

/* One image of a person. */
typedef struct Pose {
  float yaw;   /* 0 facing the camera, pi from behind, pi/2 walking to the right of the image */
  float pitch; /* the camera looks down by this angle */
  float phase; /* of the gait, 0 .. 2 pi */
  float swing; /* of the stride, 0 .. 1 */
  Posture posture;
  Point foot;  /* pixels: the ground below the body */
  float scale; /* pixels of a body height */
  float light; /* -1 .. 1: side that the light comes from */
  float shade; /* 0 .. 1: how strong it is */
} Pose;

void person_paint(Canvas *canvas, const Person *person, const Pose *pose);

#endif
