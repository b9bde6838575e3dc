/* Places and cameras of the procedural data: what stands behind and before a person, and what the
 * camera makes of the light. */
#ifndef RUNTIME_SYNTH_SYNTH_SCENE_H
#define RUNTIME_SYNTH_SYNTH_SCENE_H

#include "graph/base/diag.h"
#include "runtime/synth/synth_person.h"

#define SCENE_SCALE 2 /* painted pixels per final pixel */
#define SCENE_WIDTH 64
#define SCENE_HEIGHT 128 /* of a final image */

/* What a place is like; its cameras vary around it. */
typedef struct Domain {
  int style; /* of the background */
  Rgb wall, ground, accent;
  float exposure, saturation, gamma, blur, detail, noise, haze; /* centres of the cameras' values */
  float occlusion, crowd; /* probabilities of an object and of another person in the picture */
  float pitch;
} Domain;

typedef struct Camera {
  const Domain *domain; /* borrowed */
  Canvas panorama;      /* owned */
  float mix[3][3];      /* light to sensor: casts and crosstalk of the channels */
  float gamma, contrast, haze, saturation, vignette, blur, detail, noise;
  float yaw, spread, flip, pitch, light, shade;
} Camera;

Domain scene_domain_draw(uint64_t seed, int domain);

/* The camera `index` of the domain, its background painted.  Released by the caller. */
Status scene_camera_create(const Domain *domain, uint64_t seed, int domain_index, int index,
                           Camera *out, Diag *diag);
void scene_camera_release(Camera *camera);

/* Memory of one renderer. */
typedef struct Studio {
  Rgb painted[SCENE_HEIGHT * SCENE_SCALE * SCENE_WIDTH * SCENE_SCALE];
  Rgb image[SCENE_HEIGHT * SCENE_WIDTH], spare[SCENE_HEIGHT * SCENE_WIDTH];
  uint8_t rgb[SCENE_HEIGHT * SCENE_WIDTH * 3]; /* the result */
} Studio;

/* One picture of `person`; `draws` decides pose, crop, clutter and noise. */
void scene_shoot(const Camera *camera, const Person *person, Draws *draws, Studio *studio);

#endif
