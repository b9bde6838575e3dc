/* The emitter: the one way in which nodes are made.  It type-checks (shape rules), folds constants
 * and trivial algebra, and returns an existing node when an equal one was emitted before (hash
 * consing: equal op, inputs, attributes and epoch; in a rank's part also equal batch).
 *
 * Errors are sticky: after a failure `emitter->status` is set, the error is in the diagnostics, and
 * every further call returns NODE_NONE; calls with a NODE_NONE input return NODE_NONE.  Derivative
 * rules and composites therefore need no checks of their own. */
#ifndef OPS_EMIT_H
#define OPS_EMIT_H

#include "graph/ir/source.h"
#include "ops/ops.h"

/* What a reversal layer (gradient-scale) of the forward graph does in the sweep under way. */
typedef enum Reversal {
  REVERSAL_ACT,      /* multiply by the factor: the sweep of a gradient's own scalar */
  REVERSAL_IDENTITY, /* a pullback: exact derivative of the identity */
} Reversal;

typedef struct Emitter {
  Graph *graph;
  Diag *diag;
  const Sources *sources; /* may be NULL */
  Status status;
  DType float_type; /* what `float` means where the nodes stand */
  Reversal reversal;
  uint32_t ranks; /* that compute over their shares alone (--sync=local); 0: they see one batch */
  bool batched;   /* nodes of other batches are others: sums add by their batch's units */
  Stamp stamp;    /* of the nodes that follow */
  const char *composite; /* the composite that is being expanded, for messages; NULL: none */
  uint32_t *table;       /* hash table of node ids, 0 = free */
  uint32_t table_size, table_used;
} Emitter;

/* The `float_type` of an emitter that only copies nodes, whose types are settled. */
#define FLOAT_SETTLED DTYPE_COUNT
Status emitter_init(Emitter *e, Graph *graph, DType float_type, Diag *diag, const Sources *sources);
void emitter_free(Emitter *e);
/* Stamps nodes that follow as derived from `node`: its scope, location and batch, order + 1. */
void emitter_derive(Emitter *e, NodeId node);
/* Gives the node a name if it has none. */
void emitter_name(Emitter *e, NodeId node, const char *name);
/* Reports an error at e->stamp.loc; returns NODE_NONE and makes the emitter fail. */
NodeId emitter_fail(Emitter *e, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An attribute as the caller gives it. */
typedef struct EmitAttr {
  const int64_t *values;
  uint32_t count;
} EmitAttr;
/* The node as it is given; `attrs` has one entry for each attribute of the op. */
NodeId emit_node(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs,
                 const EmitAttr *attrs);
/* Its value, by the front ends below, which fold: `<power exponent="2">` is x * x, a slice of the
 * whole is its operand.  What models say comes this way, so that there is one way to make a value:
 * an element and an expression that mean the same give the same nodes. */
NodeId emit_op(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs, const EmitAttr *attrs);

/* Leaves. `shape` NULL: a scalar. */
NodeId emit_constant(Emitter *e, double value, DType dtype, const Shape *shape);
NodeId emit_constant_like(Emitter *e, double value, NodeId like);
/* One value for each element; a fill when all are equal. */
NodeId emit_constant_list(Emitter *e, const double *values, DType dtype, const Shape *shape);
NodeId emit_iota(Emitter *e, int64_t axis, DType dtype, const Shape *shape);
NodeId emit_input(Emitter *e, uint32_t name, DType dtype, const Shape *shape);
NodeId emit_state(Emitter *e, uint32_t index, DType dtype, const Shape *shape);
NodeId emit_random(Emitter *e, uint32_t site, int distribution, NodeId seed, NodeId step,
                   DType dtype, const Shape *shape);

/* Elementwise. Two-input forms broadcast as numpy does. */
NodeId emit_unary(Emitter *e, OpId op, NodeId a);
NodeId emit_binary(Emitter *e, OpId op, NodeId a, NodeId b);
static inline NodeId emit_neg(Emitter *e, NodeId a) {
  return emit_unary(e, OP_NEG, a);
}
static inline NodeId emit_add(Emitter *e, NodeId a, NodeId b) {
  return emit_binary(e, OP_ADD, a, b);
}
static inline NodeId emit_sub(Emitter *e, NodeId a, NodeId b) {
  return emit_binary(e, OP_SUB, a, b);
}
static inline NodeId emit_mul(Emitter *e, NodeId a, NodeId b) {
  return emit_binary(e, OP_MUL, a, b);
}
static inline NodeId emit_div(Emitter *e, NodeId a, NodeId b) {
  return emit_binary(e, OP_DIV, a, b);
}
/* a < b; greater is less with exchanged arguments */
static inline NodeId emit_less(Emitter *e, NodeId a, NodeId b) {
  return emit_binary(e, OP_LESS, a, b);
}
NodeId emit_scale(Emitter *e, NodeId a, double factor); /* a * factor */
NodeId emit_shift(Emitter *e, NodeId a, double term);   /* a + term */
NodeId emit_power(Emitter *e, NodeId a, double exponent);
NodeId emit_cast(Emitter *e, NodeId a, DType dtype);
NodeId emit_select(Emitter *e, NodeId condition, NodeId a, NodeId b);
NodeId emit_stop_gradient(Emitter *e, NodeId a);
NodeId emit_gradient_scale(Emitter *e, NodeId a, NodeId factor);

/* Reductions keep reduced axes with length 1; `axes` has bit i for axis i. */
#define AXES_ALL 0xffu
NodeId emit_reduce_sum(Emitter *e, NodeId a, uint32_t axes);
/* In the type in which it is added up (dtype_sum), before it is rounded to the operand's. */
NodeId emit_wide_sum(Emitter *e, NodeId a, uint32_t axes);
NodeId emit_mean(Emitter *e, NodeId a, uint32_t axes); /* reduce_sum times 1/n */
NodeId emit_reduce_max(Emitter *e, NodeId a, int64_t axis);
NodeId emit_arg_max(Emitter *e, NodeId a, int64_t axis); /* i32, first index on ties */
/* ops/scan.c */
NodeId emit_cumulative_sum(Emitter *e, NodeId a, int64_t axis, bool exclusive, bool reverse);
/* mean of (a - mean)^2 over axes; its derivative by `mean` is taken as zero, so `mean` must be
 * emit_mean(a, axes) */
NodeId emit_variance(Emitter *e, NodeId a, NodeId mean, uint32_t axes);
int64_t emit_axes_count(const Emitter *e, NodeId a, uint32_t axes); /* elements per result */

/* Shape. */
NodeId emit_broadcast(Emitter *e, NodeId a,
                      const Shape *shape); /* same rank, axes of length 1 grow */
NodeId emit_broadcast_like(Emitter *e, NodeId a, NodeId like);
/* A value of its own with the same elements: its bytes are never another value's. */
NodeId emit_copy(Emitter *e, NodeId x);
NodeId emit_reshape(Emitter *e, NodeId a, const Shape *shape);
NodeId emit_reshape_dims(Emitter *e, NodeId a, int rank, const int64_t *dims);
NodeId emit_scalar(Emitter *e, NodeId a); /* reshape of one element to rank 0 */
NodeId emit_transpose(Emitter *e, NodeId a, const int64_t *axes);
NodeId emit_slice(Emitter *e, NodeId a, const int64_t *start, const int64_t *size);
NodeId emit_slice_axis(Emitter *e, NodeId a, int64_t axis, int64_t start, int64_t size);
NodeId emit_pad(Emitter *e, NodeId a, const int64_t *before, const int64_t *after); /* with zeros */
NodeId emit_concat(Emitter *e, const NodeId *parts, uint32_t n, int64_t axis);

/* Indexed: rows of axis 0 by an i32 vector; pick: elements of each line along
 * `axis`, the index shaped like the result; place: its adjoint, which adds up. */
NodeId emit_gather(Emitter *e, NodeId a, NodeId index);
NodeId emit_scatter_add(Emitter *e, NodeId a, NodeId index, int64_t rows);
NodeId emit_pick(Emitter *e, NodeId a, NodeId index, int64_t axis);
NodeId emit_place(Emitter *e, NodeId a, NodeId index, int64_t axis, int64_t length);

/* i32 indices of the first `count` (0: all) elements of each line in order; ops/sort.c. */
NodeId emit_arg_sort(Emitter *e, NodeId a, int64_t axis, bool descending, int64_t count);

/* Over ranks (ops/ranks.c). */
NodeId emit_all_reduce(Emitter *e, NodeId a, int64_t ranks);
NodeId emit_all_gather(Emitter *e, NodeId a, int64_t ranks);
NodeId emit_rank_part(Emitter *e, NodeId a);
NodeId emit_rank_mean(Emitter *e, NodeId a); /* the operand where e->ranks is 0 */

/* Products. */
NodeId emit_matmul(Emitter *e, NodeId a, NodeId b, bool transpose_a, bool transpose_b);
/* Window of convolutions and pooling: (height, width) pairs; pads of pools are (top, left, bottom,
 * right); groups are the convolutions'. */
typedef struct Window {
  int64_t kernel[2], stride[2], pad[4], dilation[2], size[2];
  int64_t groups; /* of channels; 0: one */
} Window;
/* The window of a pooling node, without `size`. */
void pool_window(const Graph *graph, NodeId node, Window *out);
NodeId emit_conv(Emitter *e, NodeId x, NodeId w, const Window *window);
NodeId emit_conv_dx(Emitter *e, NodeId dy, NodeId w, const Window *window);
NodeId emit_conv_dw(Emitter *e, NodeId x, NodeId dy, const Window *window);
NodeId emit_pool(Emitter *e, OpId op, NodeId a, NodeId index, const Window *window);

/* Images at another size (height, width); mode and align_corners as the attributes of `resize`.
 * `op`: OP_RESIZE or its adjoint. */
NodeId emit_resize(Emitter *e, OpId op, NodeId a, int64_t mode, int64_t align_corners,
                   const int64_t *size);

/* Accessors. */
static inline const Shape *emit_shape(const Emitter *e, NodeId a) {
  return &e->graph->nodes[a].shape;
}
static inline DType emit_dtype(const Emitter *e, NodeId a) {
  return (DType)e->graph->nodes[a].dtype;
}
/* True when the node is a constant filled with one value, which is returned in *value. */
bool emit_is_fill(const Emitter *e, NodeId a, double *value);

#endif
