/* What the GPU can do at most, by the host's clock around many commands: for bench. */
#include "runtime/cuda/device_parts.h"

#include <time.h>

#define COPIES 20
#define PRODUCTS 20
#define COPY_BYTES ((size_t)64 << 20)
#define SIDE 1024

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct Probe {
  CudaDevice *c;
  cudaStream_t stream;
  char *at; /* three matrices, or two buffers of COPY_BYTES; then a workspace */
  DType type;
  KernelError *error;
} Probe;

static Status copies(const Probe *p) {
  const CudaCalls *calls = p->c->context.calls;
  for (int i = 0; i < COPIES; i++)
    TRY(cuda_check(&p->c->context,
                   calls->cudaMemcpyAsync(p->at + COPY_BYTES, p->at, COPY_BYTES,
                                          cudaMemcpyDeviceToDevice, p->stream),
                   "a copy fails", p->error));
  return STATUS_OK;
}

static Status products(const Probe *p) {
  const CudaContext *x = &p->c->context;
  const bool wide = p->type == DTYPE_F64;
  const int n = SIDE;
  const cudaDataType type = wide ? CUDA_R_64F : CUDA_R_32F;
  const size_t bytes = (size_t)n * (size_t)n * dtype_size(p->type);
  const double one = 1, zero = 0;
  const float one_f = 1, zero_f = 0;
  for (int i = 0; i < PRODUCTS; i++)
    TRY(cuda_check_blas(x,
                        x->calls->cublasGemmEx(
                            x->blas, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n,
                            wide ? (const void *)&one : &one_f, p->at, type, n, p->at + bytes, type,
                            n, wide ? (const void *)&zero : &zero_f, p->at + 2 * bytes, type, n,
                            wide ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                        "a product fails", p->error));
  return STATUS_OK;
}

/* Seconds of the second of two runs. */
static Status timed(const Probe *p, Status (*run)(const Probe *), double *out) {
  double begin = 0;
  for (int i = 0; i < 2; i++) {
    begin = now();
    TRY(run(p));
    TRY(cuda_check(&p->c->context, p->c->context.calls->cudaStreamSynchronize(p->stream),
                   "the GPU fails", p->error));
  }
  *out = now() - begin;
  return STATUS_OK;
}

static Status measure(const Probe *p, DeviceLimits *out) {
  CudaContext *x = &p->c->context;
  double seconds;
  cublasHandle_t blas;
  TRY(cuda_check(x, x->calls->cudaMemsetAsync(p->at, 0, 2 * COPY_BYTES, p->stream), "a fill fails",
                 p->error));
  TRY(timed(p, copies, &seconds));
  out->triad = 2.0 * (double)COPY_BYTES * COPIES / seconds;
  TRY(cuda_context_blas(x, p->error, &blas));
  TRY(cuda_check_blas(x, x->calls->cublasSetStream_v2(blas, p->stream), "a product fails",
                      p->error));
  TRY(cuda_check_blas(x,
                      x->calls->cublasSetWorkspace_v2(blas, p->at + 2 * COPY_BYTES, COPY_BYTES / 2),
                      "a product fails", p->error));
  TRY(cuda_check_blas(
      x,
      x->calls->cublasSetMathMode(blas, x->tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH),
      "a product fails", p->error));
  TRY(timed(p, products, &seconds));
  out->macs = (double)(SIDE) * (SIDE) * (SIDE)*PRODUCTS / seconds;
  return STATUS_OK;
}

Status cuda_limits(Device *device, DType type, DeviceLimits *out) {
  CudaDevice *c = (CudaDevice *)device;
  void *at = NULL;
  device->error.tag = DEVICE_TAG_NONE;
  TRY(cuda_device_use(c));
  TRY(cuda_device_check(c, c->context.calls->cudaMalloc(&at, 3 * COPY_BYTES),
                        "no memory on the GPU", DEVICE_TAG_NONE));
  Probe probe = {c, c->streams[STREAM_STEPS].stream, at, type, &device->error.what};
  Status status = measure(&probe, out);
  if (status != STATUS_OK) c->context.calls->cudaStreamSynchronize(probe.stream);
  c->context.calls->cudaFree(at);
  return status;
}
