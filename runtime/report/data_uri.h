/* Files inside pages and pictures, which so stand alone. */
#ifndef RUNTIME_REPORT_DATA_URI_H
#define RUNTIME_REPORT_DATA_URI_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* `data:TYPE;base64,...`: for src and href attributes. */
void data_uri_put(FILE *out, const char *type, const uint8_t *bytes, size_t n);
/* By its first bytes: `image/jpeg`, `image/png`, `image/bmp`; NULL: none of them. */
const char *data_uri_type(const uint8_t *bytes, size_t n);
/* The image file at `path`; a file that cannot be read, or is none, puts an empty picture and
 * returns 0, else 1. */
int data_uri_put_image(FILE *out, const char *path);

#endif
