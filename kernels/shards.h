/* Shards: how the work of a kernel is cut into independent parts.
 *
 * The cut is a pure function of the graph and of the plan's parameter `shards`, never of the number
 * of threads: one shard is one single-threaded call, partial sums join in a fixed binary tree, so
 * results do not depend on who runs a shard.  With U units in each group of the batch there are
 * n = min(shards, U) shards; shard j holds units floor(jU/n) .. floor((j+1)U/n) - 1 of every group:
 * `groups` segments of consecutive rows of axis 0. */
#ifndef KERNELS_SHARDS_H
#define KERNELS_SHARDS_H

#include "graph/plan/target.h"

/* The shards of `rows` rows of axis 0 that belong to batch declaration `batch` (index into
 * graph->batches).  When no declaration fits the rows: one group, unit 1. */
Shards shards_rows(const Graph *graph, uint32_t batch, int64_t rows, uint32_t shards);
/* Rows [*first, *last) of shard j in group g. */
void shards_segment(const Shards *shards, uint32_t j, int64_t g, int64_t *first, int64_t *last);

#endif
