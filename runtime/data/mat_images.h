/* Images inside cuhk-03.mat, which is HDF5: cells of references to cells of references to arrays.
 *
 * Such an image's path is FILE#BOXES/NAME, as programs call it that write the images out:
 * `cuhk-03.mat#labeled/1_001_1_01.png`, of camera pair, person, camera and image, from 1.  The file
 * is opened for each image; calls may come from any thread. */
#ifndef RUNTIME_DATA_MAT_IMAGES_H
#define RUNTIME_DATA_MAT_IMAGES_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"
#include "runtime/data/image.h"

/* One image there is. */
typedef struct MatImage {
  uint32_t pair, person, image; /* from 1; images 1..5 are of the pair's first camera */
} MatImage;

typedef struct MatImages {
  MatImage *images; /* by pair, person, image; those that are empty are left out */
  size_t n;
  uint32_t pairs;
} MatImages;

/* Whether the file has the cells `boxes` (`labeled` or `detected`). */
bool mat_images_has(const char *path, const char *boxes);
/* Lists the images; errors name the file. */
Status mat_images_list(const char *path, const char *boxes, Arena *arena, Diag *diag,
                       MatImages *out);
/* The file's test sets, classic protocol: `set` from 0; pairs and persons from 1.  NULL and 0: the
 * file has none. */
Status mat_images_test_set(const char *path, uint32_t set, Arena *arena, Diag *diag, MatImage **out,
                           size_t *n);

/* The place of `#` when a path is one of an image inside a file that is there; NULL: it is not. */
const char *mat_image_inside(const char *path);
/* As image_read, of such a path. */
Status mat_image_read(const char *path, const char *inside, Image *out, char *error);

#endif
