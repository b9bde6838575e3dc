/* How ranks exchange what they hold: the compiler reserves the work buffer, runtime/ranks uses it.
 *
 * A collective has parts, which travel together: one message between each pair of ranks holds all
 * of them, one after the other, each from a multiple of 8 bytes on. */
#ifndef KERNELS_COLLECTIVE_H
#define KERNELS_COLLECTIVE_H

#include "graph/ir/ir.h"

typedef enum CollectiveKind { COLLECTIVE_SUM, COLLECTIVE_GATHER } CollectiveKind;

typedef struct CollectivePart {
  DType dtype;   /* of a sum f32 or f64 */
  int64_t count; /* elements of a rank's operand, not 0 */
  const void *in;
  void *out; /* the sum, or the operands of all ranks one after the other */
} CollectivePart;

/* Bytes of a part in a message. */
static inline int64_t collective_bytes(int64_t count, DType dtype) {
  return (count * (int64_t)dtype_size(dtype) + 7) / 8 * 8;
}

/* Of a sum of `bytes` bytes in all.  Up to COLLECTIVE_SMALL every rank gets what all others hold
 * and adds up all of it; above, it adds up one block, and then gets the sums of the others' blocks.
 */
#define COLLECTIVE_SMALL 16384
static inline int64_t collective_block(int64_t bytes, int64_t ranks) {
  return bytes <= COLLECTIVE_SMALL ? bytes : (bytes + 8 * ranks - 1) / (8 * ranks) * 8;
}

/* Bytes of the work buffer: what the others send, and what several parts are when they lie one
 * after the other. */
static inline int64_t collective_work(CollectiveKind kind, int64_t bytes, int64_t parts,
                                      int64_t ranks) {
  if (kind == COLLECTIVE_GATHER) return parts > 1 ? bytes * ranks : 0;
  int64_t together = parts > 1 && bytes > COLLECTIVE_SMALL ? bytes : 0;
  return together + collective_block(bytes, ranks) * ranks;
}

#endif
