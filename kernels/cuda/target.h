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

#endif
