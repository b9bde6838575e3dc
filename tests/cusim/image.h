/* What the simulator's NVRTC makes and cudaLibraryLoadData takes: a text and how to compile it. */
#ifndef TESTS_CUSIM_IMAGE_H
#define TESTS_CUSIM_IMAGE_H

#include "tests/cusim/module.h"

#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC "cusim-image"

typedef struct Image {
  char magic[sizeof IMAGE_MAGIC];
  uint32_t architecture, n_defines;
  size_t bytes; /* of all */
  char texts[]; /* name, source, macros; a zero behind each */
} Image;

/* To be freed; NULL: out of memory. */
Image *image_create(const char *source, const char *name, int architecture,
                    const char *const *defines, uint32_t n);
/* As module_make, watched or not as the simulation's options say. */
ModuleEnd image_make(const Image *image, const CusimModule **out, char **log);

#endif
