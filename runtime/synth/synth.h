/* Procedural pedestrians: a data set of several domains that needs no download.
 *
 * Every domain has its own place, cameras, light and identities; identities share small palettes of
 * colours, and each camera has a strong cast of its own, so that colours alone do not tell people
 * apart across cameras while shapes, patterns, relative colours and belongings do. */
#ifndef RUNTIME_SYNTH_SYNTH_H
#define RUNTIME_SYNTH_SYNTH_H

#include "graph/base/diag.h"

#include <stdint.h>

/* Bounds of the options. */
#define SYNTH_DOMAINS_MAX 16
#define SYNTH_IDS_MAX 4999
#define SYNTH_CAMERAS_MIN 2
#define SYNTH_CAMERAS_MAX 9
#define SYNTH_IMAGES_MIN 2
#define SYNTH_IMAGES_MAX 99
#define SYNTH_DISTRACTORS_MAX 9999

/* Zero (but for dir and seed) takes the default. */
typedef struct SynthOptions {
  const char *dir; /* created when it is not there; its parent must exist */
  uint64_t seed;
  int domains;     /* 1 .. 16; default 4 */
  int train_ids;   /* training identities of a domain, 1 .. 4999; default 100 */
  int test_ids;    /* test identities of a domain, 1 .. 4999; default 60 */
  int cameras;     /* of a domain, 2 .. 9; default 3 */
  int images;      /* of an identity per camera, 2 .. 99; default 2 */
  int distractors; /* gallery images of nobody in the query (pid 0000); default 20, -1: none */
} SynthOptions;

/* Writes DIR/NAME/{bounding_box_train,query,bounding_box_test}/0001_c1s1_000001_01.jpg (64x128,
 * JPEG quality 90) for each domain, and DIR/synth.domains with lines `NAME market PATH`.  Training
 * identities are in bounding_box_train; of a test identity the first image of each camera is a
 * query and the others are in bounding_box_test.  So any domain may be a source (split=train) or
 * the unseen target (query and gallery).  Same options, same bytes (with the same JPEG library);
 * domain k does not depend on how many there are.  Existing files of these names are overwritten;
 * others in the folders stay.  STATUS_USAGE for options out of range, STATUS_SYSTEM when a file
 * cannot be written. */
Status synth_write(const SynthOptions *options, Diag *diag);

/* Name of domain `i`, NULL when i is out of range. */
const char *synth_domain_name(int i);

#endif
