/* What the programs have at hand: two streams, an event, buffers, two kernels. */
#include "tests/cusim/cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cudaError_t run_scale(const CusimGrid *grid, void *const *args) {
  const float *x = *(float *const *)args[0];
  float *y = *(float *const *)args[1];
  float a = *(const float *)args[2];
  int32_t n = *(const int32_t *)args[3];
  uint64_t threads = (uint64_t)grid->grid.x * grid->block.x;
  for (uint64_t i = 0; i < threads && i < (uint64_t)n; i++) y[i] = a * x[i];
  return cudaSuccess;
}

static cudaError_t run_probe(const CusimGrid *grid, void *const *args) {
  (void)grid;
  volatile float *x = *(float *const *)args[0];
  float *y = *(float *const *)args[1];
  const volatile float *other = *(float *const *)args[2];
  float sum = 0;
  for (int i = 0; i < 4; i++) y[i] = x[i];
  switch ((Probe) * (const int32_t *)args[3]) {
  case PROBE_NOTHING:
    break;
  case PROBE_READ_FAR:
    sum = x[100000];
    break;
  case PROBE_WRITE_NEAR:
    y[4] = 1;
    break;
  case PROBE_WRITE_INPUT:
    x[1] = 2;
    break;
  case PROBE_WRITE_GUARD:
    y[N] = 1;
    break;
  case PROBE_READ_OTHER:
    sum = other[0];
    break;
  case PROBE_FAIL:
    return cudaErrorLaunchFailure;
  }
  y[0] += 0 * sum;
  return cudaSuccess;
}

static const CusimKernel kernels[] = {
    {.name = "scale", .params = "ppfi", .run = run_scale, .threads = 512},
    {.name = "probe", .params = "pppi", .run = run_probe, .shared = 1024},
};

void bench_scale(Bench *b, cudaStream_t on, const float *x, float *y, float a, int32_t n) {
  void *args[] = {&x, &y, &a, &n};
  CudaAccess accesses[] = {{x, (size_t)n * sizeof *x, CUDA_READS},
                           {y, (size_t)n * sizeof *y, CUDA_WRITES}};
  b->cu->declare(accesses, 2);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->scale, (dim3){((unsigned)n + 127) / 128, 1, 1},
                                (dim3){128, 1, 1}, args, 0, on));
}

void bench_probe(Bench *b, cudaStream_t on, const float *x, float *y, const float *other,
                 Probe what) {
  int32_t number = (int32_t)what;
  void *args[] = {&x, &y, &other, &number};
  CudaAccess accesses[] = {{x, 16, CUDA_READS}, {y, 16, CUDA_WRITES}};
  b->cu->declare(accesses, 2);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->probe, (dim3){1, 1, 1}, (dim3){1, 1, 1}, args, 0,
                                on));
}

static char *program_log(Bench *b, nvrtcProgram program) {
  size_t size = 0;
  OK(b, b->cu->nvrtcGetProgramLogSize(program, &size));
  char *log = calloc(1, size + 1);
  if (log && size) OK(b, b->cu->nvrtcGetProgramLog(program, log));
  return log;
}

cudaLibrary_t bench_load(Bench *b, const char *text, const char *architecture, bool print) {
  const CudaCalls *cu = b->cu;
  char arch[64];
  const char *const options[] = {arch, "--fmad=false", "--std=c++17"};
  nvrtcProgram program = NULL;
  cudaLibrary_t library = NULL;
  size_t size = 0;
  snprintf(arch, sizeof arch, "--gpu-architecture=%s", architecture);
  OK(b, cu->nvrtcCreateProgram(&program, text, "text.cu", 0, NULL, NULL));
  if (!program) return NULL;
  nvrtcResult result = cu->nvrtcCompileProgram(program, 3, options);
  OK(b, result);
  if (result == NVRTC_SUCCESS) {
    OK(b, cu->nvrtcGetCUBINSize(program, &size));
    char *cubin = calloc(1, size + 1);
    if (cubin && size) OK(b, cu->nvrtcGetCUBIN(program, cubin));
    OK(b, cu->cudaLibraryLoadData(&library, cubin, NULL, NULL, 0, NULL, NULL, 0));
    free(cubin);
  } else if (print) {
    char *log = program_log(b, program);
    printf("\n%s", log ? log : "");
    free(log);
  }
  OK(b, cu->nvrtcDestroyProgram(&program));
  return library;
}

cudaKernel_t bench_kernel(Bench *b, cudaLibrary_t library, const char *name) {
  cudaKernel_t kernel = NULL;
  OK(b, b->cu->cudaLibraryGetKernel(&kernel, library, name));
  return kernel;
}

void bench_launch(Bench *b, cudaKernel_t kernel, dim3 blocks, dim3 threads, size_t shared,
                  void **args, const CudaAccess *accesses, uint32_t n) {
  b->cu->declare(accesses, n);
  OK(b, b->cu->cudaLaunchKernel((const void *)kernel, blocks, threads, args, shared, b->s));
}

void bench_wait(Bench *b, cudaStream_t waiting, cudaStream_t first) {
  OK(b, b->cu->cudaEventRecord(b->event, first));
  OK(b, b->cu->cudaStreamWaitEvent(waiting, b->event, cudaEventWaitDefault));
}

void bench_open(Bench *b, const CusimOptions *options) {
  CusimOptions all = *options;
  all.kernels = kernels;
  all.n_kernels = sizeof kernels / sizeof *kernels;
  const CudaCalls *cu = b->cu = cusim_open(&all);
  float **buffers[] = {&b->x, &b->y, &b->z};
  OK(b, cu->cudaSetDevice(0));
  OK(b, cu->cudaStreamCreateWithFlags(&b->s, cudaStreamNonBlocking));
  OK(b, cu->cudaStreamCreateWithFlags(&b->t, cudaStreamNonBlocking));
  OK(b, cu->cudaEventCreateWithFlags(&b->event, cudaEventDisableTiming));
  for (int i = 0; i < 3; i++) OK(b, cu->cudaMalloc((void **)buffers[i], BYTES));
  OK(b, cu->cudaHostAlloc((void **)&b->h, BYTES, cudaHostAllocDefault));
  OK(b, cu->cudaLibraryLoadData(&b->library, "cusim scale probe", NULL, NULL, 0, NULL, NULL, 0));
  OK(b, cu->cudaLibraryGetKernel(&b->scale, b->library, "scale"));
  OK(b, cu->cudaLibraryGetKernel(&b->probe, b->library, "probe"));
  if (b->errors) return;
  for (int i = 0; i < N; i++) b->h[i] = 1;
  OK(b, cu->cudaMemcpyAsync(b->x, b->h, BYTES, cudaMemcpyHostToDevice, b->s));
  OK(b, cu->cudaStreamSynchronize(b->s));
}

/* What a program released itself is NULL. */
void bench_close(Bench *b, CusimReport *out) {
  const CudaCalls *cu = b->cu;
  if (b->s) OK(b, cu->cudaStreamSynchronize(b->s));
  if (b->t) OK(b, cu->cudaStreamSynchronize(b->t));
  if (b->library) OK(b, cu->cudaLibraryUnload(b->library));
  OK(b, cu->cudaFree(b->x));
  OK(b, cu->cudaFree(b->y));
  OK(b, cu->cudaFree(b->z));
  OK(b, cu->cudaFreeHost(b->h));
  if (b->event) OK(b, cu->cudaEventDestroy(b->event));
  if (b->s) OK(b, cu->cudaStreamDestroy(b->s));
  if (b->t) OK(b, cu->cudaStreamDestroy(b->t));
  cusim_close(out);
}

uint32_t bench_run(const Case *c, bool wrong, CusimOrder order, uint64_t seed, CusimReport *out) {
  Bench b = {.wrong = wrong};
  bench_open(&b, &(CusimOptions){.devices = 2, .order = order, .seed = seed});
  c->run(&b);
  bench_close(&b, out);
  return b.errors;
}
