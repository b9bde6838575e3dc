/* Reverse-mode differentiation on the graph, for pass build. */
#ifndef COMPILER_DIFFERENTIATE_H
#define COMPILER_DIFFERENTIATE_H

#include "ops/emit.h"

typedef struct DiffRequest {
  const NodeId *outputs;    /* the values that are differentiated ... */
  const NodeId *cotangents; /* ... and their cotangents, of the same shape and type; NODE_NONE: 0 */
  uint32_t n_outputs;
  const NodeId *by; /* the sweep ends at these nodes (parameters, or what stands in for them) */
  uint32_t n_by;
  const NodeId *hold; /* these count as constants */
  uint32_t n_hold;
  Reversal reversal; /* what reversal layers of the forward graph do in this sweep */
  Role role;         /* stamped on the nodes that are made */
} DiffRequest;

/* gradients[i] = sum over outputs o of (d o / d by[i])^T cotangent(o); NODE_NONE where that is
 * zero. Appends ordinary nodes to the emitter's graph; their derivatives can be taken in turn.
 * O(n). */
Status differentiate(Emitter *e, const DiffRequest *request, NodeId *gradients);

#endif
