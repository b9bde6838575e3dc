/* Products of rows of f32 outside of plans: with them an evaluation compares features. */
#ifndef KERNELS_PRODUCT_H
#define KERNELS_PRODUCT_H

#include <stdint.h>

#define PRODUCT_SCRATCH (64 << 10) /* bytes that product_rows works in */

/* A matrix whose row i is row rows[i] of `data`, or row i where `rows` is NULL. */
typedef struct ProductRows {
  const float *data;
  const int64_t *rows;
  int64_t count;
} ProductRows;

/* c[m * c_row + n] = row first + m of `a` times row n of `b`, for m < n_a and every n; rows have
 * `dim` elements.  An element is one chain of fused multiply-adds in ascending order of the
 * dimension: the same bits on any machine and for any cut of the rows.  `scratch`: PRODUCT_SCRATCH
 * bytes, 64-byte aligned. */
void product_rows(const ProductRows *a, int64_t first, int64_t n_a, const ProductRows *b,
                  int64_t dim, float *c, int64_t c_row, void *scratch);

#endif
