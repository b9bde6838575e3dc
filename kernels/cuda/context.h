/* What a CUDA device gives its kernels. */
#ifndef KERNELS_CUDA_CONTEXT_H
#define KERNELS_CUDA_CONTEXT_H

#include "kernels/cuda/calls.h"
#include "kernels/kernel.h"

typedef struct CudaModules CudaModules; /* kernels/cuda/modules.h */

/* Some kernels (gathers) are told where to read by data.  Each has a word in the device's memory, a
 * CudaFault: all ones, or the least of what its threads noted about an index out of range. */
typedef uint64_t CudaFault;
#define CUDA_FAULT_NONE UINT64_MAX
/* A note is the element of the list of indices, and the index itself as far as it fits. */
#define CUDA_FAULT_INDEX_BITS 24

typedef struct CudaContext {
  const CudaCalls *calls;
  /* The functions of this library can be called from now on.  STATUS_SYSTEM: it is not there. */
  Status (*need)(struct CudaContext *context, CudaLibrary library, KernelError *error);
  int ordinal;          /* of the GPU */
  int architecture;     /* 90: sm_90, what kernels are compiled for */
  int multiprocessors;  /* blocks that run at once are a small multiple of it */
  uint32_t threads;     /* of the host that compile texts; 0: one */
  bool tf32;            /* products of f32 may be rounded to 10 bits */
  char *cache;          /* folder of compiled texts; NULL: none */
  CudaModules *modules; /* texts and functions of all kernels */
  /* Made by the first kernel that needs them (cuda_context_blas, _dnn); NULL before. */
  cublasHandle_t blas;
  cudnnHandle_t dnn;
  struct DnnPlan *convolutions; /* that were prepared for it (conv.h) */
  CudaFault *faults;            /* in the device's memory, CUDA_FAULTS_MAX of them */
  uint32_t n_faults;            /* that kernels have */
} CudaContext;
#define CUDA_FAULTS_MAX 65536

/* The handles; STATUS_SYSTEM: the library is not there, or gives none. */
Status cuda_context_blas(CudaContext *context, KernelError *error, cublasHandle_t *out);
Status cuda_context_dnn(CudaContext *context, KernelError *error, cudnnHandle_t *out);
/* Destroys handles, modules and what was prepared for kernels; all kernels are destroyed. */
void cuda_context_release(CudaContext *context);
void cuda_context_drop_convolutions(CudaContext *context);

/* Set *error to `what: the library's own text`; return STATUS_SYSTEM, or STATUS_OK where there is
 * no error.  The rest of the text says what was being done. */
Status cuda_check(const CudaContext *context, cudaError_t code, const char *what,
                  KernelError *error);
Status cuda_check_blas(const CudaContext *context, cublasStatus_t code, const char *what,
                       KernelError *error);
Status cuda_check_dnn(const CudaContext *context, cudnnStatus_t code, const char *what,
                      KernelError *error);
Status cuda_check_nccl(const CudaContext *context, ncclResult_t code, const char *what,
                       KernelError *error);
/* Sets the text; returns `status`. */
Status cuda_fail(KernelError *error, Status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
