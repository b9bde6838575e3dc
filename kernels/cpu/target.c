/* The facts of the CPU's kernels: none depends on the processor, so that a plan is the same bytes,
 * and its results the same bits, wherever it is made and run. */
#include "kernels/cpu/target.h"

#include "kernels/cpu/work.h"
#include "kernels/shards.h"
#include "ops/fuse_rules.h"

/* The interpreter of groups keeps a block of every value in cache: results and reads are what fits
 * beside each other.  Ten ops for a value are about as fast as reading it; three reads that are no
 * larger than it (or a third larger, with masks) cost what reading it would. */
const Target target_cpu = {.name = "cpu",
                           .alignment = 64, /* a line of the cache, a vector of AVX-512 */
                           .fuse = {.nodes = 48 * (1 + 3 * 10),
                                    .results = 48,
                                    .reads = 28,
                                    .again = 10,
                                    .leaves = 3,
                                    .more_bytes = 30},
                           .in_place = true,
                           .streams = {.compute = 1},
                           .fusable = fuse_op_allowed,
                           .work_bytes = kernel_work_bytes,
                           .shards = shards_rows};
