/* Handles of libraries, and what their failures are called. */
#include "kernels/cuda/context.h"

#include "kernels/cuda/modules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

Status cuda_fail(KernelError *error, Status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error->text, sizeof error->text, format, args);
  va_end(args);
  return status;
}

Status cuda_check(const CudaContext *c, cudaError_t code, const char *what, KernelError *error) {
  if (code == cudaSuccess) return STATUS_OK;
  return cuda_fail(error, STATUS_SYSTEM, "%s: %s (%s)", what, c->calls->cudaGetErrorString(code),
                   c->calls->cudaGetErrorName(code));
}

Status cuda_check_blas(const CudaContext *c, cublasStatus_t code, const char *what,
                       KernelError *error) {
  if (code == CUBLAS_STATUS_SUCCESS) return STATUS_OK;
  return cuda_fail(error, STATUS_SYSTEM, "%s: %s", what, c->calls->cublasGetStatusString(code));
}

Status cuda_check_dnn(const CudaContext *c, cudnnStatus_t code, const char *what,
                      KernelError *error) {
  if (code == CUDNN_STATUS_SUCCESS) return STATUS_OK;
  char why[128] = "";
  c->calls->cudnnGetLastErrorString(why, sizeof why);
  why[strcspn(why, "\n")] = 0;
  return cuda_fail(error, STATUS_SYSTEM, "%s: %s%s%s", what, c->calls->cudnnGetErrorString(code),
                   *why ? ": " : "", why);
}

Status cuda_check_nccl(const CudaContext *c, ncclResult_t code, const char *what,
                       KernelError *error) {
  if (code == ncclSuccess) return STATUS_OK;
  return cuda_fail(error, STATUS_SYSTEM, "%s: %s", what, c->calls->ncclGetErrorString(code));
}

Status cuda_context_blas(CudaContext *c, KernelError *error, cublasHandle_t *out) {
  *out = NULL;
  if (!c->blas) {
    TRY(c->need(c, CUDA_LIBRARY_CUBLAS, error));
    TRY(cuda_check_blas(c, c->calls->cublasCreate_v2(&c->blas), "cuBLAS does not start", error));
  }
  *out = c->blas;
  return STATUS_OK;
}

Status cuda_context_dnn(CudaContext *c, KernelError *error, cudnnHandle_t *out) {
  *out = NULL;
  if (!c->dnn) {
    TRY(c->need(c, CUDA_LIBRARY_CUDNN, error));
    TRY(cuda_check_dnn(c, c->calls->cudnnCreate(&c->dnn), "cuDNN does not start", error));
  }
  *out = c->dnn;
  return STATUS_OK;
}

void cuda_context_release(CudaContext *c) {
  cuda_context_drop_convolutions(c);
  cuda_modules_destroy(c->modules, c->calls);
  if (c->blas) c->calls->cublasDestroy_v2(c->blas);
  if (c->dnn) c->calls->cudnnDestroy(c->dnn);
  c->modules = NULL;
  c->blas = NULL;
  c->dnn = NULL;
}
