/* The one way to NVIDIA's libraries: a table of pointers to the functions of calls.inc.
 *
 * The types are those of the real headers.  The table is filled from the libraries that are
 * installed, or, in tests, by a simulator; the code that calls is the same object code.  Streams
 * are always named: the default stream, memory that is not pinned, flags and attributes other than
 * those that a function's caller needs are not used; nor are events with timing but for traces. */
#ifndef KERNELS_CUDA_CALLS_H
#define KERNELS_CUDA_CALLS_H

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <nccl.h>
#include <nvrtc.h>
#include <stdint.h>

typedef enum CudaLibrary {
  CUDA_LIBRARY_CUDART,
  CUDA_LIBRARY_CUBLAS,
  CUDA_LIBRARY_CUDNN,
  CUDA_LIBRARY_NCCL,
  CUDA_LIBRARY_NVRTC,
  CUDA_LIBRARIES
} CudaLibrary;

typedef enum CudaCall {
#define CALL(library, name) CUDA_CALL_##name,
#include "kernels/cuda/calls.inc"
#undef CALL
  CUDA_CALLS
} CudaCall;

/* What a kernel does with some bytes of device memory.  A launch touches no others.  Bytes of a
 * CUDA_WRITES hold nothing before, and all of them are written. */
typedef enum CudaAccessKind { CUDA_READS, CUDA_WRITES, CUDA_UPDATES } CudaAccessKind;
typedef struct CudaAccess {
  const void *at;
  size_t bytes;
  CudaAccessKind kind;
} CudaAccess;

typedef struct CudaCalls {
#define CALL(library, name) __typeof__(name) *name;
#include "kernels/cuda/calls.inc"
#undef CALL
  /* Who wants to know what the next cudaLaunchKernel touches; NULL: nobody does.  The list is
   * copied. */
  void (*declare)(const CudaAccess *accesses, uint32_t n);
} CudaCalls;

#endif
