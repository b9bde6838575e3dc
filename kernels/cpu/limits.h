/* What a machine can do at most, measured with our own inner loops: the denominators of `graphrun
 * bench`. Each function is one thread's share of the work. */
#ifndef KERNELS_CPU_LIMITS_H
#define KERNELS_CPU_LIMITS_H

#include "graph/ir/dtype.h"

#define LIMIT_SCRATCH (128 << 10) /* bytes that limit_products works in */

/* Runs the widest tile of the products on operands that stay in the first cache; returns the
 * multiply-adds done, at least `macs`; -1: there are no products of this type. `scratch`:
 * LIMIT_SCRATCH bytes, zeroed, 64-byte aligned. */
int64_t limit_products(DType dtype, int64_t macs, void *scratch);
/* a[i] = b[i] + s c[i]: 12 n bytes. */
void limit_triad(float *a, const float *b, const float *c, float s, int64_t n);

#endif
