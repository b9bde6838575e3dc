/* Kernel texts on the simulator: compiled by its NVRTC, loaded, launched; the pattern for other
 * tests.  Results are compared with stated values. */
#include "tests/cusim/cases.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char text[] =
    "typedef long long int64_t;\n"
    "\n"
    "struct Pair {\n"
    "  float first;\n"
    "  double second;\n"
    "};\n"
    "\n"
    "/* y = a x */\n"
    "extern \"C\" __global__ void __launch_bounds__(256)\n"
    "scale(const float *__restrict__ x, float *__restrict__ y, float a, int64_t n) {\n"
    "  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;\n"
    "  if (i < n) y[i] = a * x[i];\n"
    "}\n"
    "\n"
    "__device__ float warp_sum(float v) {\n"
    "  for (int d = 16; d; d >>= 1) v += __shfl_down_sync(0xffffffffu, v, d);\n"
    "  return v;\n"
    "}\n"
    "\n"
    "/* out[block] = the sum of the block's part of x, in a fixed order */\n"
    "extern \"C\" __global__ void sum(const float *__restrict__ x, float *__restrict__ out, int n) "
    "{\n"
    "  __shared__ float part[32];\n"
    "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    "  float v = warp_sum(i < n ? x[i] : 0.0f);\n"
    "  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;\n"
    "  __syncthreads();\n"
    "  if (threadIdx.x < 32) {\n"
    "    v = warp_sum(threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0.0f);\n"
    "    if (threadIdx.x == 0) out[blockIdx.x] = v;\n"
    "  }\n"
    "}\n"
    "\n"
    "/* y = x backwards within each block, through dynamic shared memory; and a pair by value */\n"
    "extern \"C\" __global__ void turn(const float *__restrict__ x, float *__restrict__ y, Pair p) "
    "{\n"
    "  extern __shared__ float tile[];\n"
    "  int t = threadIdx.x, n = blockDim.x, base = blockIdx.x * n;\n"
    "  tile[t] = x[base + t];\n"
    "  __syncthreads();\n"
    "  y[base + t] = tile[n - 1 - t] * p.first + (float)p.second;\n"
    "}\n"
    "\n"
    "/* counts[i] = how many x are i */\n"
    "extern \"C\" __global__ void count(const float *__restrict__ x, int *counts, int n) {\n"
    "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
    "  if (i < n) atomicAdd(&counts[(int)x[i]], 1);\n"
    "}\n";

static void fetch(Bench *b, const void *from, size_t bytes) {
  OK(b, b->cu->cudaMemcpyAsync(b->h, from, bytes, cudaMemcpyDeviceToHost, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
}

static void run_scale(Bench *b, cudaLibrary_t library) {
  const float *x = b->x;
  float *y = b->y, a = 3;
  int64_t n = N;
  bench_launch(b, bench_kernel(b, library, "scale"), (dim3){(N + 255) / 256, 1, 1},
               (dim3){256, 1, 1}, 0, (void *[]){&x, &y, &a, &n},
               (CudaAccess[]){{x, BYTES, CUDA_READS}, {y, BYTES, CUDA_WRITES}}, 2);
  fetch(b, y, BYTES);
  for (int i = 0; i < N; i++) CU_ASSERT_EQUAL(b->h[i], 3 * (float)(i % 10));
}

static void run_sum(Bench *b, cudaLibrary_t library) {
  const float *x = b->x;
  float *z = b->z;
  int32_t n = N;
  bench_launch(b, bench_kernel(b, library, "sum"), (dim3){4, 1, 1}, (dim3){256, 1, 1}, 0,
               (void *[]){&x, &z, &n},
               (CudaAccess[]){{x, BYTES, CUDA_READS}, {z, 4 * sizeof *z, CUDA_WRITES}}, 2);
  fetch(b, z, 4 * sizeof *z);
  for (int k = 0; k < 4; k++) {
    int sum = 0;
    for (int i = 256 * k; i < N && i < 256 * k + 256; i++) sum += i % 10;
    CU_ASSERT_EQUAL(b->h[k], (float)sum);
  }
}

static void run_turn(Bench *b, cudaLibrary_t library) {
  const float *x = b->x;
  float *y = b->y;
  struct {
    float first;
    double second;
  } pair = {2, 1};
  bench_launch(b, bench_kernel(b, library, "turn"), (dim3){5, 1, 1}, (dim3){200, 1, 1},
               200 * sizeof *x, (void *[]){&x, &y, &pair},
               (CudaAccess[]){{x, BYTES, CUDA_READS}, {y, BYTES, CUDA_WRITES}}, 2);
  fetch(b, y, BYTES);
  for (int i = 0; i < N; i++)
    CU_ASSERT_EQUAL(b->h[i], 2 * (float)((i / 200 * 200 + 199 - i % 200) % 10) + 1);
}

static void run_count(Bench *b, cudaLibrary_t library) {
  const float *x = b->x;
  int32_t *counts = (int32_t *)(void *)b->z, n = N, got[10];
  OK(b, b->cu->cudaMemsetAsync(counts, 0, sizeof got, b->s));
  bench_launch(b, bench_kernel(b, library, "count"), (dim3){8, 1, 1}, (dim3){128, 1, 1}, 0,
               (void *[]){&x, &counts, &n},
               (CudaAccess[]){{x, BYTES, CUDA_READS}, {counts, sizeof got, CUDA_UPDATES}}, 2);
  fetch(b, counts, sizeof got);
  memcpy(got, b->h, sizeof got);
  for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(got[i], N / 10);
}

/* In each order of threads and blocks, watched and not. */
static void results(void) {
  for (uint64_t seed = 0; seed < 8; seed++) {
    Bench b = {0};
    CusimReport report;
    bench_open(&b, &(CusimOptions){.devices = 1,
                                   .order = seed == 0   ? CUSIM_LAZY
                                            : seed == 1 ? CUSIM_EAGER
                                                        : CUSIM_RANDOM,
                                   .seed = seed,
                                   .fast = seed % 2});
    for (int i = 0; i < N; i++) b.h[i] = (float)(i % 10);
    OK(&b, b.cu->cudaMemcpyAsync(b.x, b.h, BYTES, cudaMemcpyHostToDevice, b.s));
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    cudaLibrary_t library = bench_load(&b, text, "sm_90", true);
    CU_ASSERT_PTR_NOT_NULL_FATAL(library);
    run_scale(&b, library);
    run_sum(&b, library);
    run_turn(&b, library);
    run_count(&b, library);
    OK(&b, b.cu->cudaLibraryUnload(library));
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(b.errors, 0);
    if (report.faults) printf("\n%s", report.text);
    CU_ASSERT_EQUAL(report.faults, 0);
  }
}

/* An error in a text is one of the call, with a log that names the line; no fault. */
static void errors_have_a_log(void) {
  Bench b = {0};
  CusimReport report;
  bench_open(&b, &(CusimOptions){.devices = 1});
  static const char wrong[] = "extern \"C\" __global__ void f(float *x) {\n"
                              "  x[0] = y;\n"
                              "}\n";
  static const char *const options[] = {"-arch=sm_90", "-fmad=false"};
  nvrtcProgram program;
  size_t size;
  OK(&b, b.cu->nvrtcCreateProgram(&program, wrong, "wrong.cu", 0, NULL, NULL));
  CU_ASSERT_EQUAL(b.cu->nvrtcCompileProgram(program, 2, options), NVRTC_ERROR_COMPILATION);
  OK(&b, b.cu->nvrtcGetProgramLogSize(program, &size));
  char *log = malloc(size);
  OK(&b, b.cu->nvrtcGetProgramLog(program, log));
  CU_ASSERT_PTR_NOT_NULL(strstr(log, "wrong.cu:2:"));
  CU_ASSERT_PTR_NOT_NULL(strstr(log, "y"));
  free(log);
  OK(&b, b.cu->nvrtcDestroyProgram(&program));
  bench_close(&b, &report);
  CU_ASSERT_EQUAL(b.errors, 0);
  CU_ASSERT_EQUAL(report.faults, 0);
}

/* Watched by the compiler's hook, else by the processor. */
static void division_ends_a_kernel(void) {
  static const char divide[] = "extern \"C\" __global__ void divide(int *x, int n) {\n"
                               "  x[threadIdx.x] = 7 / (n - (int)threadIdx.x);\n"
                               "}\n";
  for (int fast = 0; fast < 2; fast++) {
    Bench b = {0};
    CusimReport report;
    bench_open(&b, &(CusimOptions){.devices = 1, .fast = fast});
    void *x = b.x;
    int32_t n = 5;
    cudaLibrary_t library = bench_load(&b, divide, "sm_90", true);
    bench_launch(&b, bench_kernel(&b, library, "divide"), (dim3){1, 1, 1}, (dim3){64, 1, 1}, 0,
                 (void *[]){&x, &n}, (CudaAccess[]){{x, 256, CUDA_WRITES}}, 1);
    CU_ASSERT_EQUAL(b.cu->cudaStreamSynchronize(b.s), cudaErrorIllegalAddress);
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.rule, CUSIM_ARITHMETIC);
  }
}

/* Loads the text and runs a kernel of it; `fail` as in the options. */
static uint32_t run_failing(uint64_t call, uint32_t error, CusimReport *out) {
  Bench b = {0};
  bench_open(&b, &(CusimOptions){.devices = 1, .fail_call = call, .fail_error = error});
  if (!b.errors) {
    cudaLibrary_t library = bench_load(&b, text, "sm_90", false);
    if (library) {
      const float *x = b.x;
      float *y = b.y, a = 3;
      int64_t n = N;
      cudaKernel_t kernel = bench_kernel(&b, library, "scale");
      if (kernel)
        bench_launch(&b, kernel, (dim3){4, 1, 1}, (dim3){256, 1, 1}, 0, (void *[]){&x, &y, &a, &n},
                     (CudaAccess[]){{x, BYTES, CUDA_READS}, {y, BYTES, CUDA_WRITES}}, 2);
      OK(&b, b.cu->cudaStreamSynchronize(b.s));
      OK(&b, b.cu->cudaLibraryUnload(library));
    }
  }
  bench_close(&b, out);
  return b.errors;
}

/* Each call in turn, with each of its errors: the program sees it, and asks for nothing that is not
 * there; but what could not be released is left, or used. */
static void calls_fail(void) {
  CusimReport plain, failing;
  Bench b = {0};
  bench_open(&b, &(CusimOptions){.devices = 1});
  cusim_report(&plain);
  uint64_t first = plain.calls + 1;
  bench_close(&b, NULL);
  CU_ASSERT_EQUAL(run_failing(0, 0, &plain), 0);
  CU_ASSERT_EQUAL(plain.faults, 0);
  CU_ASSERT_EQUAL(plain.of[CUDA_CALL_nvrtcGetCUBIN], 1);
  for (uint64_t call = first; call <= plain.calls; call++)
    for (uint32_t error = 0; error < 3; error++) {
      CU_ASSERT(run_failing(call, error, &failing) > 0);
      bool ok = failing.faults == 0 || failing.rule == CUSIM_LEAK || failing.rule == CUSIM_BUSY ||
                failing.rule == CUSIM_NOT_MODELLED; /* an image that was not fetched */
      if (!ok) printf("\n%llu: %s", (unsigned long long)call, failing.text);
      CU_ASSERT(ok);
    }
}

/* Without the watch over each access, what a launch does not declare is closed all the same: also
 * to a thread that has its own stack, and threads run as before afterwards. */
static void pages_are_closed(void) {
  static const char far[] = "extern \"C\" __global__ void far(float *x, const float *y) {\n"
                            "  float v = threadIdx.x == 40 ? y[0] : 0;\n"
                            "  __syncthreads();\n"
                            "  x[threadIdx.x] = v;\n"
                            "}\n";
  for (int fast = 0; fast < 2; fast++) {
    Bench b = {0};
    CusimReport report;
    bench_open(&b, &(CusimOptions){.devices = 1, .fast = fast});
    float *x = b.x;
    const float *y = b.z;
    cudaLibrary_t library = bench_load(&b, far, "sm_90", true);
    bench_launch(&b, bench_kernel(&b, library, "far"), (dim3){1, 1, 1}, (dim3){64, 1, 1}, 0,
                 (void *[]){&x, &y}, (CudaAccess[]){{x, 256, CUDA_WRITES}}, 1);
    CU_ASSERT_EQUAL(b.errors, 0);
    CU_ASSERT_EQUAL(b.cu->cudaStreamSynchronize(b.s), cudaErrorIllegalAddress);
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.rule, CUSIM_UNDECLARED_ACCESS);
    results();
  }
}

int main(void) {
  if (!cusim_compiles()) {
    printf("skipped: kernel texts need g++ on this machine\n");
    return 77;
  }
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim text", NULL, NULL);
  if (!s || !CU_add_test(s, "results of compiled texts", results) ||
      !CU_add_test(s, "errors in texts have a log", errors_have_a_log) ||
      !CU_add_test(s, "calls fail", calls_fail) ||
      !CU_add_test(s, "pages are closed", pages_are_closed) ||
      !CU_add_test(s, "a division by zero ends a kernel", division_ends_a_kernel))
    return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
