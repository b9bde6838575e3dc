/* Plain loops for every primitive: the meaning that all other kernels are tested against.
 * Sums run in f64 in row-major order; results are rounded once, to the node's type. */
#ifndef KERNELS_REFERENCE_H
#define KERNELS_REFERENCE_H

#include "graph/ir/tensor.h"

/* Computes node `id` from dense row-major inputs.  `input`, `state` leaves have no value here: the
 * caller supplies them.  STATUS_INVALID with a message when an index is outside its range. */
Status reference_run(const Graph *graph, NodeId id, const void *const *inputs, void *output,
                     Diag *diag);

/* ---- between the files of this folder ---- */

typedef struct ReferenceCall {
  const Graph *graph;
  NodeId id;
  Tensor in[3], out; /* of variadic nodes only the first three */
  const void *const *inputs;
  Diag *diag;
} ReferenceCall;

/* Row-major place of an index vector, and the next index vector (false after the last). */
int64_t reference_at(const Shape *shape, const int64_t *index);
bool reference_next(const Shape *shape, int64_t *index);
Status reference_bad_index(const ReferenceCall *call, int64_t index);

/* a before b in the order of numbers: NaN above all. */
bool reference_less(double a, double b);

Status reference_leaf(const ReferenceCall *call);
Status reference_elementwise(const ReferenceCall *call);
Status reference_reduce(const ReferenceCall *call); /* sums */
Status reference_max(const ReferenceCall *call);
Status reference_arg_sort(const ReferenceCall *call);
Status reference_cumulative_sum(const ReferenceCall *call);
Status reference_move(const ReferenceCall *call);
Status reference_indexed(const ReferenceCall *call);
Status reference_product(const ReferenceCall *call);
Status reference_pool(const ReferenceCall *call);
Status reference_resize(const ReferenceCall *call);

#endif
