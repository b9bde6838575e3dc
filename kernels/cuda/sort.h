/* Lines of elements, or of indices, sorted. */
#ifndef KERNELS_CUDA_SORT_H
#define KERNELS_CUDA_SORT_H

#include "kernels/cuda/index.h"
#include "kernels/cuda/target.h"

typedef struct CudaSort {
  uint32_t input; /* of the spec */
  DType dtype;    /* of it: floating, or i32 for indices of 0 .. bound - 1 (others are noted) */
  int64_t bound;
  bool descending;
  int64_t lines, length, row; /* elements of a line are `row` apart */
  /* How many places of each line output 0 of the spec gets; 0: the sorted items stay in the work
   * buffer (u64: the index, or all ones, in the upper half, its place in the lower). */
  int64_t count;
  bool wide;
  CudaSortPlan plan;
} CudaSort;

/* Adds launches that sort lines first .. first + n - 1, at most plan.lines; *kept is where in the
 * work buffer their items are then. */
Status cuda_sort(Kernel *kernel, const KernelSpec *spec, const CudaSort *sort, int64_t first,
                 int64_t n, KernelError *error, int64_t *kept);

#endif
