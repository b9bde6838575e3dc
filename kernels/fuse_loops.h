/* How the index space of a fused group is traversed.
 *
 * Axes that every member treats alike are joined.  What remains is read as
 *     outer axes x rows x inner run,
 * the inner run being one or more of the last axes.  A block is a number of whole rows, or, where
 * the inner run is long, a piece of one row.
 *
 * Sums: elements of a run (what is added up between two changes of the result's index) form a
 * stream; element e goes to lane e mod `lanes`, lanes add in the operand's type, and after
 * FUSE_FLUSH elements per lane they are folded into f64 sums.  A sum over axes that are cut into
 * shards leaves one f64 partial per shard; partials join in the binary tree
 * (kernels/cpu/fused_run.c).  All of this is a function of shapes and `shards` alone, so that any
 * implementation has the same bits. */
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

typedef enum FuseSumMode {
  FUSE_SUM_STREAM,  /* rows and inner run are added up */
  FUSE_SUM_COLUMNS, /* rows are added up, the inner run is kept (or kept in part) */
  FUSE_SUM_ROWS,    /* the inner run is added up, rows are kept */
  FUSE_SUM_CELLS,   /* anything else: straight into f64 cells in memory */
} FuseSumMode;

typedef struct FuseSum {
  NodeId node;    /* reduce-sum or variance */
  NodeId operand; /* what is added up; for a variance the graph has no node for it */
  FuseSumMode mode;
  bool partial;  /* through f64 cells in the work buffer; else straight into the result */
  bool sharded;  /* the cut axis is added up: one set of cells for each shard */
  int64_t count; /* elements of the result */
  int64_t stride[RANK_MAX]; /* of the result, along the joined axes; 0 where added up */
  uint32_t reduced;         /* bit i: joined axis i is added up */
  int64_t cells;            /* offset of its cells in the work buffer, in f64 */
} FuseSum;

typedef struct FuseLoops {
  int rank;
  int64_t dim[RANK_MAX]; /* joined axes */
  int inner;             /* axes inner.. are the inner run; axis inner - 1, if any, the rows */
  int64_t run, piece;    /* elements of the inner run; of a block's part of it */
  int64_t rows, block_rows;
  bool pieces_outside; /* the loop over pieces lies outside of the loop over rows */
  int cut;             /* the joined axis that shards or tasks divide; -1: one point */
  bool sharded;        /* some sum runs over the cut axis: its cut into shards shows in the bits */
  Shards shards;       /* of the cut axis in units of `factor` */
  int64_t factor;
  int64_t elements, bytes; /* of the space; of all that is read and written */
  FuseView *views;
  FuseSum *sums;
  uint32_t n_views, n_sums;
  int64_t cells; /* f64 cells in all */
} FuseLoops;

/* False when out of memory. Free with fuse_loops_free. */
bool fuse_loops(const Graph *graph, const NodeId *nodes, uint32_t n_nodes, const NodeId *outputs,
                uint32_t n_outputs, uint32_t shards, FuseLoops *loops);
void fuse_loops_free(FuseLoops *loops);

#endif
