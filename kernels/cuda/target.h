/* The facts of the CUDA kernels, for graphc wherever it runs: no header of NVIDIA's is needed. */
#ifndef KERNELS_CUDA_TARGET_H
#define KERNELS_CUDA_TARGET_H

#include "graph/plan/target.h"

#include <stddef.h>

extern const Target target_cuda_sm80, target_cuda_sm90, target_cuda_sm100;

/* Bytes of the work buffer that a convolution (cuDNN's engines that need no more are tried) and a
 * product (cuBLAS) get. */
int64_t cuda_work_conv(const Graph *graph, NodeId node);
int64_t cuda_work_matmul(const Graph *graph, NodeId node);

/* How lines are sorted: runs in shared memory first, then merged in pairs, from one buffer of the
 * work buffer into another; a buffer holds the items of some lines at once. */
#define CUDA_SORT_RUN 2048 /* items, a power of two */
typedef struct CudaSortPlan {
  int64_t runs, passes;  /* of a line; passes merge them */
  int64_t lines;         /* at once */
  int64_t buffer, bytes; /* of one buffer, of all */
} CudaSortPlan;
/* `lines` of `length` items of `item` bytes; `keep`: the items themselves are wanted, in a buffer.
 */
CudaSortPlan cuda_sort_plan(int64_t lines, int64_t length, int64_t item, bool keep);

/* Contributions that are added where an index says are sorted by it first, unless each element of
 * the result can look at all of them: at so many. */
#define CUDA_ROWS_FEW 128 /* scatter-add */
#define CUDA_LINE_FEW 64  /* place */

/* Where in its work buffer resize has the tables of rows and of columns (text/resize.cu): what
 * elements of `to` are made of, and where those of `from` begin to be used. */
typedef struct CudaResizeWork {
  int64_t parts[2], firsts[2], begins[2], bytes;
} CudaResizeWork;
CudaResizeWork cuda_resize_work(const int64_t from[2], const int64_t to[2]);

#endif
