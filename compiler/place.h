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

/* The largest sum of bytes alive at one step, and the first step where it is reached: no offsets
 * can do with less. */
typedef struct PlaceBound {
  int64_t bytes;
  uint32_t step;
} PlaceBound;
bool place_bound(const PlaceItem *items, uint32_t n, PlaceBound *out); /* false: out of memory */

/* Chooses offsets such that items alive at a common step do not overlap; *out_bytes is the highest
 * end.  The search ends near `bound`, which is that of place_bound.  Deterministic. */
Status place_items(PlaceItem *items, uint32_t n, int64_t bound, Diag *diag, int64_t *out_bytes);

#endif
