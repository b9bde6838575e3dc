/* What mat_file.c and mat_parse.c share: a file of version 5 as a tree of arrays.
 *
 * "MAT-File Format", The MathWorks: a header of 128 bytes, then elements, each with a tag of type
 * and length and padded to 8 bytes; a matrix is an element of elements.  Every length is checked
 * against what holds it, depth and inflated size have an end: no bytes crash the program. */
#ifndef RUNTIME_DATA_MAT_PARSE_H
#define RUNTIME_DATA_MAT_PARSE_H

#include "graph/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MatClass {
  MAT_CELL = 1,
  MAT_STRUCT = 2,
  MAT_CHAR = 4,
  MAT_FIRST_NUMBER = 6, /* double */
  MAT_LAST_NUMBER = 15  /* 64-bit integers */
} MatClass;

typedef struct MatValue {
  uint8_t class; /* MatClass, or another that is passed over */
  bool complex;
  const char *name; /* of a variable; "" inside another */
  size_t n;         /* elements */
  /* Numbers and characters, as they are stored. */
  const uint8_t *data;
  uint32_t type; /* of an element, MAT_TYPE... */
  size_t stored; /* elements in `data` */
  /* Cells: n parts.  Structures: parts of the first element, one a field. */
  struct MatValue **parts;
  size_t n_parts;
  const char **fields; /* of structures: names of the parts */
  struct MatValue *next;
} MatValue;

/* Parses a file's bytes; the tree lives in the arena and points into `bytes`.  NULL: it was read;
 * else what is wrong. */
const char *mat_parse(Arena *arena, const uint8_t *bytes, size_t n, bool *out_swapped,
                      MatValue **out);
/* Element `i` of the data; NAN when it is no number. */
double mat_element(const MatValue *value, size_t i, bool swapped);

#endif
