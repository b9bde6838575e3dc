/* How the index space of a fused group is traversed, and in which order its sums add.
 *
 * Axes that every member treats alike are joined.  What remains is read as
 *     outer axes x rows x inner run,
 * the inner run being one or more of the last axes.  A block is a number of whole rows, or, where
 * the inner run is long, a piece of one row: elements that lie together.  Blocks show in no result.
 *
 * A sum's order follows from the space's shape, the axes that it adds up, its own batch and
 * `shards`: from the sum alone, whatever it is fused with (kernels/fuse_order.c).  Its *planes* are
 * runs of the space that lie together; a plane has `columns`, each of which is added up:
 *   - 1: the plane is a run whose elements fall on one element of the result;
 *   - more: `rows` rows of so many elements, which are kept, or kept in part (`folds`).
 * A plane, or a piece of a run, is a *stream*: element e goes to lane e mod `lanes`; lanes add in
 * the operand's type, and after FUSE_FLUSH elements per lane they are folded into f64 sums.
 * Streams that fall on the same element add in sequence in f64.  Where the first axis is added up,
 * streams end at the bounds of shards: there is one f64 sum for each shard, and these join in the
 * binary tree.  Any implementation has the same bits. */
#ifndef KERNELS_FUSE_LOOPS_H
#define KERNELS_FUSE_LOOPS_H

#include "graph/ir/ir.h"
#include "kernels/shards.h"

#define FUSE_BLOCK 1024 /* elements of a block at most */
#define FUSE_LANES 64
#define FUSE_FLUSH 64

/* A value read from outside at every point of the space. */
typedef struct FuseView {
  NodeId node;              /* the value; an iota or constant of the group itself */
  NodeId from;              /* the member that reads: a broadcast, or the value itself */
  int64_t stride[RANK_MAX]; /* elements, along the joined axes */
} FuseView;

/* The order of a sum.  Axes here are the sum's own: kept and added up by turns. */
typedef struct FuseOrder {
  int64_t columns, rows; /* of a plane */
  int64_t piece;         /* a run of one column is several streams of so many elements */
  int64_t lanes;         /* of a stream, over all columns */
  bool folds;            /* columns fall on fewer elements of the result */
  int n_outer;           /* axes before the plane's */
  int64_t outer[RANK_MAX];
  uint32_t outer_reduced;
  int64_t lead;   /* elements for one index of the first axis where that is kept; else 0 */
  bool partial;   /* streams of several planes or shards fall on one element */
  bool sharded;   /* cut into `shards`; else these are one */
  Shards shards;  /* of the space */
  int64_t factor; /* elements of the space for one index that shards count */
} FuseOrder;

typedef struct FuseSum {
  NodeId node;              /* reduce-sum or variance */
  NodeId operand;           /* what is added up; for a variance the graph has no node for it */
  int64_t count;            /* elements of the result */
  int64_t stride[RANK_MAX]; /* of the result, along the joined axes; 0 where added up */
  uint32_t reduced;         /* bit i: joined axis i is added up */
  uint32_t column_axes, row_axes; /* joined axes of a plane; others are outer */
  int64_t outer_stride[RANK_MAX]; /* of the result, along order.outer */
  FuseOrder order;
} FuseSum;

typedef struct FuseLoops {
  int rank;
  int64_t dim[RANK_MAX]; /* joined axes */
  int inner;             /* axes inner.. are the inner run; axis inner - 1, if any, the rows */
  int64_t run, piece;    /* elements of the inner run; of a block's part of it */
  int64_t rows, block_rows;
  int64_t elements, bytes; /* of the space; of all that is read and written */
  FuseView *views;
  FuseSum *sums;
  uint32_t n_views, n_sums;
} FuseLoops;

/* False when out of memory. Free with fuse_loops_free. */
bool fuse_loops(const Graph *graph, const NodeId *nodes, uint32_t n_nodes, const NodeId *outputs,
                uint32_t n_outputs, uint32_t shards, FuseLoops *loops);
void fuse_loops_free(FuseLoops *loops);

/* The order in which a sum over the axes `reduced` (of `shape`, a mask) adds. */
FuseOrder fuse_order(const Graph *graph, const Shape *shape, uint32_t reduced, uint32_t batch,
                     uint32_t shards);
/* Of sums over the same axes of one space. */
bool fuse_order_equal(const FuseOrder *a, const FuseOrder *b);
/* Elements [*first, *last) of the space of shard j, in group g of the batch. */
void fuse_order_segment(const FuseOrder *order, int64_t elements, uint32_t j, int64_t g,
                        int64_t *first, int64_t *last);
/* The result's stride along the outer axes: shapes of the space and of a result with the reduced
 * axes of length 1. */
void fuse_order_strides(const FuseOrder *order, int64_t count, int64_t *stride);

#endif
