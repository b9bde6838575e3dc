/* What builders of hand-written kernels share: texts with indices of 32 or of 64 bits. */
#ifndef KERNELS_CUDA_INDEX_H
#define KERNELS_CUDA_INDEX_H

#include "kernels/cuda/kernel.h"

/* True when indices up to `largest` take 64 bits in texts. */
bool cuda_index_wide(int64_t largest);

/* Asks for `name` of a text that stands behind text/index.cu; `format` makes its defines. */
Status cuda_index_function(Kernel *kernel, const char *text, const char *name, bool wide,
                           KernelError *error, CudaFunction **out, const char *format, ...)
    __attribute__((format(printf, 7, 8)));

/* An argument of type Index, and two (Index d, i64 by) of a divisor: quotient(n, d, by). */
void cuda_arg_index(Kernel *kernel, int64_t value, bool wide);
void cuda_arg_divisor(Kernel *kernel, int64_t d, bool wide);
/* The second of them. */
int64_t cuda_divisor(int64_t d, bool wide);

/* Elements before and behind an axis: lines along it are outer x row, `row` elements apart. */
void cuda_axis_split(const Shape *shape, int64_t axis, int64_t *outer, int64_t *row);
/* Fails: an operand is not among the inputs. */
Status cuda_no_input(const Kernel *kernel, KernelError *error);
/* Fails: elements are of a type that the kernel is not made for. */
Status cuda_no_type(const Kernel *kernel, DType dtype, KernelError *error);

/* Kernels that copy know bytes, not types: what texts call elements of 1, 2, 4, 8 or 16 bytes. */
const char *cuda_bytes_type(int64_t bytes);
/* The largest such element of at most 16 bytes that `n` counts of elements of `bytes` (and where
 * they begin) are multiples of: by what they are to be divided. */
int64_t cuda_widen(int64_t bytes, const int64_t *counts, uint32_t n);

/* Adds a launch that sets output 0 to zeros: before several that write a part of it each, which are
 * declared as updates. */
Status cuda_zero_output(Kernel *kernel, const KernelSpec *spec, KernelError *error);

#endif
