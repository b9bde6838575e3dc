/* The op table, made from ops/list.inc.  Primitives come first; they are closed under
 * differentiation (tests/ops checks it). Composites expand to primitives while the graph is built,
 * so no plan contains one. */
#ifndef OPS_OPS_H
#define OPS_OPS_H

#include "graph/ir/op.h"

typedef enum OpId {
  OP_NONE,
#define PRIMITIVE(ID, NAME) OP_##ID,
#include "ops/list.inc"
  OP_PRIMITIVE_COUNT, /* the first composite */
} OpId;

/* Attribute indices of the primitives, in descriptor order. */
enum { CONSTANT_VALUES, CONSTANT_SHAPE, CONSTANT_DTYPE }; /* 1 or count values */
enum { IOTA_AXIS, IOTA_SHAPE, IOTA_DTYPE };               /* value = index along axis */
enum { INPUT_NAME, INPUT_SHAPE, INPUT_DTYPE };            /* name: string id */
enum { STATE_INDEX, STATE_SHAPE, STATE_DTYPE };           /* index into the model's states */
enum { RANDOM_SITE, RANDOM_DISTRIBUTION, RANDOM_SHAPE, RANDOM_DTYPE };
enum { RANDOM_NORMAL, RANDOM_UNIFORM }; /* site: string id */
enum { POWER_EXPONENT };
enum { CAST_DTYPE };
enum { REDUCE_AXES, REDUCE_WIDE }; /* the axes also of OP_VARIANCE */
enum { ARG_MAX_AXIS };             /* also OP_REDUCE_MAX, OP_PICK */
enum { PLACE_AXIS, PLACE_LENGTH };
enum { ARG_SORT_AXIS, ARG_SORT_DESCENDING, ARG_SORT_COUNT }; /* count 0: all */
enum { SCAN_AXIS, SCAN_EXCLUSIVE, SCAN_REVERSE };
enum { BROADCAST_SHAPE }; /* also OP_RESHAPE */
enum { TRANSPOSE_AXES };
enum { SLICE_START, SLICE_SIZE };
enum { PAD_BEFORE, PAD_AFTER };
enum { CONCAT_AXIS };
enum { COLLECTIVE_RANKS }; /* OP_ALL_REDUCE, OP_ALL_GATHER */
enum { SCATTER_ROWS };
enum { MATMUL_TRANSPOSE_A, MATMUL_TRANSPOSE_B };
/* Spatial attributes are pairs (height, width). CONV_SIZE: dx: height, width of x; dw: kernel. */
enum { CONV_STRIDE, CONV_PAD, CONV_DILATION, CONV_GROUPS, CONV_SIZE };
/* POOL_PAD: (height, width), or (top, left, bottom, right). POOL_SIZE of scatter and spread:
 * height, width of x. */
enum { POOL_KERNEL, POOL_STRIDE, POOL_PAD, POOL_DILATION, POOL_SIZE };

/* RESIZE_SIZE: height, width of the result; also OP_RESIZE_ADJOINT. */
enum { RESIZE_MODE, RESIZE_ALIGN, RESIZE_SIZE };

const OpTable *ops_table(void);
static inline const OpDesc *op_desc(uint32_t op) {
  return ops_table()->ops[op];
}

/* Ranks meet in it: no kernel runs it, but a device's collective. */
static inline bool op_meets(uint32_t op) {
  return op == OP_ALL_REDUCE || op == OP_ALL_GATHER;
}

/* Multiply-adds of a node, which infer_node has found to fit into 63 bits. */
int64_t node_macs(const Graph *graph, NodeId node);
/* The number that an elementwise kernel takes beside its operands: the value of the op's first
 * attribute when that is floating (an exponent), else 0. */
double node_param(const Graph *graph, NodeId node);

#endif
