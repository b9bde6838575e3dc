/* Passes of a fused group: how its sums share the way through the space (kernels/fuse_loops.h).
 *
 * A sum has an order of its own.  Those that can be added up on one way are a pass, with most
 * groups all; where shards are cut in different places, or columns are too wide to be held, the
 * group is computed again for the others.  A pass is cut into ranges, each done by one task. */
#ifndef KERNELS_CPU_FUSED_PASSES_H
#define KERNELS_CPU_FUSED_PASSES_H

#include "kernels/fuse_loops.h"

typedef enum FusedCut {
  FUSED_CUT_SHARDS,  /* ranges are shards */
  FUSED_CUT_SPACE,   /* ranges of the space, at multiples of `unit` elements */
  FUSED_CUT_AXIS,    /* ranges of joined axis `axis`, which all sums keep */
  FUSED_CUT_COLUMNS, /* ranges of the columns of wide planes, at multiples of `unit` */
} FusedCut;

typedef struct FusedPass {
  FusedCut cut;
  int axis;
  int64_t unit, units;    /* what FUSED_CUT_SPACE, AXIS and COLUMNS divide */
  bool wide;              /* planes are gone through piece by piece of their columns */
  bool partial;           /* some sum has cells: each range has all of them */
  const FuseSum *sharded; /* one with the pass's shards; NULL: none */
  const FuseSum *any;     /* one of the pass; NULL: it has none */
  uint32_t n_ranges;      /* with cells; else as many as there are tasks */
} FusedPass;

typedef struct FusedPasses {
  FusedPass *pass;
  uint32_t n;
  uint32_t *of;   /* by sum of the loops: its pass */
  int64_t *cells; /* by sum: offset of its cells in the work buffer, in f64; sets of order.count */
  int64_t n_cells;
} FusedPasses;

/* False when out of memory; free with fused_passes_free. */
bool fused_passes(const FuseLoops *loops, uint32_t shards, FusedPasses *passes);
void fused_passes_free(FusedPasses *passes);

#endif
