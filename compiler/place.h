/* Offsets for byte intervals with lives: the planner alone, knows nothing of graphs. */
#ifndef COMPILER_PLACE_H
#define COMPILER_PLACE_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct PlaceItem {
  int64_t bytes;       /* a multiple of the alignment, > 0 */
  uint32_t start, end; /* first and last step of its life, inclusive */
  int64_t offset;      /* result */
} PlaceItem;

/* Chooses offsets such that items alive at a common step do not overlap; *out_bytes is the highest
 * end.  Deterministic. */
Status place_items(PlaceItem *items, uint32_t n, Diag *diag, int64_t *out_bytes);

#endif
