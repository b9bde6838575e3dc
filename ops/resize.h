/* Where resampling reads from: what the shape rules and the kernels of resize share. */
#ifndef OPS_RESIZE_H
#define OPS_RESIZE_H

#include "graph/ir/ir.h"

typedef enum ResizeMode { RESIZE_NEAREST, RESIZE_BILINEAR, RESIZE_CORNERS } ResizeMode;
/* Of a node resize or resize-adjoint. */
ResizeMode resize_mode(const Graph *graph, NodeId node);

/* Element p of an axis resampled from `from` to `to` elements is (1 - part) of element `first` and
 * `part` of element `second`; part is 0 where they are one. */
typedef struct Mix {
  int64_t first, second;
  double part;
} Mix;
Mix resize_mix(ResizeMode mode, int64_t p, int64_t from, int64_t to);

#endif
