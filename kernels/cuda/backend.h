/* The kernels of NVIDIA's GPUs, by their table: streams are cudaStream_t, the context is a
 * CudaContext.  After creating kernels `finish` must be called before any of them runs. */
#ifndef KERNELS_CUDA_BACKEND_H
#define KERNELS_CUDA_BACKEND_H

#include "kernels/cuda/context.h"

extern const Backend backend_cuda;

/* The kernel's word for indices out of range, NULL: it has none; and what it noted there as text.
 */
const CudaFault *cuda_kernel_fault(const Kernel *kernel);
void cuda_kernel_fault_text(const Kernel *kernel, CudaFault fault, KernelError *out);
/* For tests: in kernels that are created from now on indices from `limit` on take 64 bits; at most
 * 2^30, which it is at first. */
void cuda_index_limit(int64_t limit);

#endif
