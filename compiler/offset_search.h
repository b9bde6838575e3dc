/* Offsets for byte intervals with lives: the planner alone, knows nothing of graphs. */
#ifndef COMPILER_OFFSET_SEARCH_H
#define COMPILER_OFFSET_SEARCH_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct OffsetItem {
  int64_t bytes;       /* a multiple of the alignment, > 0 */
  uint32_t start, end; /* first and last step of its life, inclusive */
  int64_t offset;      /* result */
} OffsetItem;

/* The largest sum of bytes alive at one step, and the first step where it is reached: no offsets
 * can do with less. */
typedef struct OffsetBound {
  int64_t bytes;
  uint32_t step;
} OffsetBound;
bool offset_bound(const OffsetItem *items, uint32_t n, OffsetBound *out); /* false: out of memory */

/* Chooses offsets such that items alive at a common step do not overlap; *out_bytes is the highest
 * end.  The search ends near `bound`, which is that of offset_bound.  Deterministic. */
Status offset_search(OffsetItem *items, uint32_t n, int64_t bound, Diag *diag, int64_t *out_bytes);

#endif
