/* How ranks add up what they hold: the compiler reserves the work buffer, runtime/ranks uses it. */
#ifndef KERNELS_COLLECTIVE_H
#define KERNELS_COLLECTIVE_H

#include <stdint.h>

/* A rank holds `count` elements of `size` bytes.  Up to COLLECTIVE_SMALL bytes every rank gets what
 * all others hold and adds up all of it; above, it adds up one part of collective_part elements,
 * and then gets the sums of the others' parts. */
#define COLLECTIVE_SMALL 16384
static inline int64_t collective_part(int64_t count, int64_t size, int64_t ranks) {
  return count * size <= COLLECTIVE_SMALL ? count : (count + ranks - 1) / ranks;
}
static inline int64_t collective_sum_work(int64_t count, int64_t size, int64_t ranks) {
  return collective_part(count, size, ranks) * size * ranks;
}

#endif
