/* The sums of a group, cut into parts that threads without a common state add up.
 *
 * The order of additions is that of kernels/fuse_loops.h, so the bits are the CPU's.  A result is
 * the tree over shards of: for each segment of the shard, for each index of the outer axes that are
 * added up, for each piece of a long run, one *stream*; streams add in
 * sequence.  A stream is a sequence of *chunks*, which add in sequence; a chunk's elements go to
 * lanes, and lanes join in a tree.  Whoever has the values of all chunks can do the rest, so a
 * class of sums is cut where there is enough to do at once: by chunks, or by results and shards.
 *
 * Elements are numbered along the streamed axes.  The other axes are the item's (their index tells
 * items apart) or the loop's (outer axes that are added up). */
#ifndef KERNELS_FUSE_PARTS_H
#define KERNELS_FUSE_PARTS_H

#include "kernels/fuse_loops.h"

#define FUSE_CLASS_SUMS 8

typedef enum FuseCut {
  FUSE_CUT_NONE,     /* one shard has all of a result */
  FUSE_CUT_STREAMED, /* segments cut the streamed axes: each is a stream */
  FUSE_CUT_OUTER,    /* segments are ranges of the loop */
} FuseCut;

/* Sums that go through the space alike. */
typedef struct FuseClass {
  const FuseSum *sums[FUSE_CLASS_SUMS];
  uint32_t n;
  uint32_t item_axes, loop_axes, streamed; /* masks of joined axes */
  bool team;       /* lanes are threads of a team; else a thread has an element of the result */
  int64_t columns; /* of a team: elements of the result that it has */
  int64_t lanes;   /* of a team: a power of two times columns */
  int64_t chunk;   /* elements between folds */
  int64_t length;  /* elements of a stream at most */
  int64_t chunks;  /* of a stream at most */
  int64_t streams; /* that belong to an item */
  int64_t pieces;  /* streams for each index of the loop */
  FuseCut cut;
  int64_t per;     /* STREAMED: elements, OUTER: loop indices, for one index that shards count */
  int64_t items;   /* indices of the item's axes */
  bool whole;      /* an item has all streams of a shard; else one chunk of one stream */
  bool folds;      /* columns fall on fewer elements of the result */
  int64_t results; /* elements of each sum */
  int64_t cells;   /* f64 of each sum in the work buffer; 0: results are stored at once */
  int64_t at;      /* of the first sum's cells */
} FuseClass;

typedef struct FuseParts {
  FuseClass *classes;
  uint32_t n;
  int64_t cells; /* of all */
} FuseParts;

/* Of the sums that are outputs.  False when out of memory; free with fuse_parts_free. */
bool fuse_parts(const FuseLoops *loops, const NodeId *outputs, uint32_t n_outputs,
                FuseParts *parts);
void fuse_parts_free(FuseParts *parts);

#endif
