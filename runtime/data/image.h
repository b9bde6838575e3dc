/* Images: decoding (JPEG, PNG, BMP, recognised by content) and resizing. */
#ifndef RUNTIME_DATA_IMAGE_H
#define RUNTIME_DATA_IMAGE_H

#include "graph/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_ERROR_MAX 160

/* 8-bit RGB, rows of width * 3 bytes. */
typedef struct Image {
  uint8_t *rgb; /* free() */
  int64_t height, width;
} Image;

/* True when a file is called as JPEG, PNG and BMP files are: in folders only such are images. */
bool image_is_named(const char *name);

/* Decodes a file, or an image inside one (runtime/data/mat_images.h); EXIF orientation is ignored,
 * an alpha channel dropped.  A file that is truncated, or larger than 64 megapixels or 65535 pixels
 * a side, is refused.  On failure `error` (IMAGE_ERROR_MAX bytes) says why and the status is
 * STATUS_INVALID (STATUS_SYSTEM: out of memory). Thread-safe. */
Status image_read(const char *path, Image *out, char *error);

/* Resizes to float RGB in 0..1: (height, width, 3) into `out`.  Bicubic with a = -0.5; when it
 * shrinks, the kernel is widened by the factor (antialiased); in float throughout, clamped at the
 * end.  Keys, "Cubic convolution interpolation for digital image processing", 1981.  STATUS_SYSTEM:
 * out of memory. */
Status image_resize(const Image *image, int64_t height, int64_t width, float *out);

#endif
