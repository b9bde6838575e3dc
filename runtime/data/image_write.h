/* Images as files. */
#ifndef RUNTIME_DATA_IMAGE_WRITE_H
#define RUNTIME_DATA_IMAGE_WRITE_H

#include "runtime/data/image.h"

/* PNG in memory: `*out` is the caller's, free().  STATUS_SYSTEM: out of memory. */
Status image_png(const Image *image, uint8_t **out, size_t *out_bytes);

#endif
