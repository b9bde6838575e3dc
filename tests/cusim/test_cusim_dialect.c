/* The dialect of kernel texts is what it says: every name of it is known to the simulator and,
 * where it is installed, to NVIDIA's NVRTC, with the same sizes; and the simulator has the values
 * that are stated here. */
#include "tests/cusim/cases.h"
#include "tests/cusim/real_nvrtc.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char everything[] =
    "typedef unsigned int u32;\n"
    "typedef long long i64;\n"
    "typedef unsigned long long u64;\n"
    "\n"
    "#define ONE(F) static_assert(sizeof(F(1.0f)) == 4 && sizeof(F##f(1.0f)) == 4 && "
    "sizeof(F(1.0)) == 8, #F);\n"
    "#define TWO(F) static_assert(sizeof(F(1.0f, 1.0f)) == 4 && sizeof(F##f(1.0f, 1.0f)) == 4 && "
    "sizeof(F(1.0, 1.0)) == 8, #F);\n"
    "ONE(sqrt) ONE(cbrt) ONE(fabs) ONE(exp) ONE(exp2) ONE(expm1) ONE(log) ONE(log2) ONE(log10)\n"
    "ONE(log1p) ONE(sin) ONE(cos) ONE(tan) ONE(asin) ONE(acos) ONE(atan) ONE(sinh) ONE(cosh)\n"
    "ONE(tanh) ONE(asinh) ONE(acosh) ONE(atanh) ONE(erf) ONE(erfc) ONE(tgamma) ONE(lgamma)\n"
    "ONE(floor) ONE(ceil) ONE(trunc) ONE(round) ONE(rint) ONE(nearbyint)\n"
    "TWO(pow) TWO(fmin) TWO(fmax) TWO(fmod) TWO(remainder) TWO(fdim) TWO(hypot) TWO(atan2)\n"
    "TWO(copysign) TWO(nextafter)\n"
    "static_assert(sizeof(fma(1.0f, 1.0f, 1.0f)) == 4 && sizeof(fmaf(1, 1, 1)) == 4, \"fma\");\n"
    "static_assert(sizeof(fma(1.0, 1.0, 1.0)) == 8, \"fma\");\n"
    "static_assert(sizeof(ldexp(1.0f, 1)) == 4 && sizeof(ldexpf(1, 1)) == 4, \"ldexp\");\n"
    "static_assert(sizeof(rsqrt(1.0f)) == 4 && sizeof(rsqrtf(1)) == 4 && sizeof(rsqrt(1.0)) == 8, "
    "\"\");\n"
    "static_assert(sizeof(normcdff(1)) == 4 && sizeof(normcdf(1.0)) == 8, \"normcdf\");\n"
    "static_assert(sizeof(lrint(1.0f)) == 8 && sizeof(llround(1.0)) == 8 && sizeof(llrintf(1)) == "
    "8, \"\");\n"
    "static_assert(sizeof(abs(1)) == 4 && sizeof(abs((i64)1)) == 8 && sizeof(abs(1.0f)) == 4, "
    "\"abs\");\n"
    "static_assert(sizeof(min(1.0f, 2.0f)) == 4 && sizeof(max(1.0, 2.0)) == 8, \"min\");\n"
    "static_assert(sizeof(min(1, 2)) == 4 && sizeof(max((i64)1, (i64)2)) == 8, \"min\");\n"
    "static_assert(sizeof(min(1u, 2u)) == 4 && sizeof(max((u64)1, (u64)2)) == 8, \"min\");\n"
    "static_assert(sizeof(float4) == 16 && sizeof(double2) == 16 && sizeof(uint3) == 12, "
    "\"vectors\");\n"
    "static_assert(sizeof(size_t) == 8 && sizeof(warpSize) == 4, \"\");\n"
    "#if __CUDA_ARCH__ < 800\n"
    "#error an architecture that is not asked for\n"
    "#endif\n"
    "\n"
    "__constant__ float halves[2] = {0.5f, 1.5f};\n"
    "__device__ const int primes[4] = {2, 3, 5, 7};\n"
    "\n"
    "static __device__ __forceinline__ float inline_sum(float a, float b) {\n"
    "  return a + b;\n"
    "}\n"
    "static __device__ __noinline__ float called_sum(float a, float b) {\n"
    "  return a + b;\n"
    "}\n"
    "struct __align__(8) Couple {\n"
    "  int first;\n"
    "  float second;\n"
    "};\n"
    "\n"
    "/* What is to come out stands in the test. */\n"
    "extern \"C\" __global__ void __launch_bounds__(64, 1)\n"
    "values(const float *__restrict__ x, double *__restrict__ out, int *counts, u64 *large, Couple "
    "c) {\n"
    "  const u32 t = threadIdx.x, all = 0xffffffffu;\n"
    "  int n = 0;\n"
    "#define PUT(expression)   {     double value = (double)(expression);     if (t == 40) out[n] "
    "= value;     n++; }\n"
    "  PUT(sqrt(x[0]))\n"
    "  PUT(fma(x[1], x[2], x[3]))\n"
    "  PUT(x[1] * x[2] + x[3])\n"
    "  PUT(__fadd_rn(x[0], x[1]))\n"
    "  PUT(__fmaf_rn(x[1], x[2], x[3]))\n"
    "  PUT(__ddiv_rn(1.0, 3.0))\n"
    "  PUT(__fsqrt_rn(2.0f))\n"
    "  PUT(__float_as_uint(1.0f))\n"
    "  PUT(__uint_as_float(0x40490fdbu))\n"
    "  PUT(__double_as_longlong(1.0) >> 52)\n"
    "  PUT(__umulhi(0x80000001u, 6u))\n"
    "  PUT(__mulhi(-5, 1 << 30))\n"
    "  PUT(__umul64hi((u64)1 << 63, 10ull))\n"
    "  PUT(__clz(1))\n"
    "  PUT(__clz(0))\n"
    "  PUT(__clzll(1))\n"
    "  PUT(__popc(0xf0f0u))\n"
    "  PUT(__ffs(8))\n"
    "  PUT(__ffsll(0))\n"
    "  PUT(min(-3, 2))\n"
    "  PUT(max(3u, 2u))\n"
    "  PUT(fmin(1.0f, __uint_as_float(0x7fc00000u)))\n"
    "  PUT(isnan(x[0]) + isinf(x[0]) + isfinite(x[0]))\n"
    "  PUT(rint(2.5f))\n"
    "  PUT(round(2.5f))\n"
    "  PUT(llrint(-2.5))\n"
    "  PUT(inline_sum(halves[0], halves[1]) + called_sum(x[0], 1))\n"
    "  PUT(primes[t % 4])\n"
    "  PUT(c.first + c.second)\n"
    "  PUT(__shfl_sync(all, (int)t, 3))\n"
    "  PUT(__shfl_sync(all, (int)t, 3, 4))\n"
    "  PUT(__shfl_up_sync(all, (int)t, 9))\n"
    "  PUT(__shfl_down_sync(all, (float)t, 2))\n"
    "  PUT(__shfl_xor_sync(all, (double)t, 31))\n"
    "  PUT(__shfl_xor_sync(all, (u64)t << 40, 1) >> 40)\n"
    "  PUT(__ballot_sync(all, t & 1))\n"
    "  PUT(__any_sync(all, t == 41))\n"
    "  PUT(__all_sync(all, t > 40))\n"
    "  PUT(gridDim.x * 1000 + blockDim.x * 10 + blockIdx.x)\n"
    "  __syncwarp();\n"
    "  __threadfence();\n"
    "  atomicAdd(&counts[0], 2);\n"
    "  atomicMax(&counts[1], (int)t);\n"
    "  atomicMin((u32 *)&counts[2], t + 5);\n"
    "  atomicOr(&counts[3], 1 << (t % 8));\n"
    "  if (t == 7) atomicCAS(&counts[4], 0, 9);\n"
    "  if (t == 8) atomicExch(&counts[5], 8);\n"
    "  atomicSub(&counts[6], 1);\n"
    "  atomicAnd((u32 *)&counts[7], ~(1u << (t % 4)));\n"
    "  atomicAdd(large, (u64)1 << 33);\n"
    "  atomicXor(large + 1, (u64)t);\n"
    "  atomicMin(large + 2, (u64)t + 1);\n"
    "  atomicMax((i64 *)large + 3, (i64)t);\n"
    "}\n";

static const double expected[] = {
    /* x = 2, 3, 1/3 rounded, -1: of the third product and sum nothing is left but for fma */
    1.41421353816986083984375, /* sqrt */
    2.98023223876953125e-08,
    0,
    5,
    2.98023223876953125e-08,
    1.0 / 3,
    1.41421353816986083984375,
    0x3f800000,
    3.1415927410125732421875,
    1023,
    3, /* __umulhi */
    -2,
    5,
    31,
    32,
    63,
    8,
    4,
    0,
    -3,
    3,
    1, /* fmin */
    1,
    2,
    3,
    -2,
    5, /* sums */
    2,
    11.5,
    35, /* shuffles, of thread 40 */
    43,
    40,
    42,
    55,
    41,
    0xaaaaaaaa,
    1,
    0,
    1640};
#define VALUES (sizeof expected / sizeof *expected)

typedef struct Buffers {
  float x[4];
  double out[64];
  int32_t counts[8];
  uint64_t large[4];
} Buffers;

static void run_values(Bench *b, Buffers *h) {
  struct {
    int32_t first;
    float second;
  } couple = {4, 7.5f};
  char *at;
  OK(b, b->cu->cudaMalloc((void **)&at, sizeof *h));
  void *host;
  OK(b, b->cu->cudaHostAlloc(&host, sizeof *h, cudaHostAllocDefault));
  Buffers *pinned = host;
  *pinned = (Buffers){.x = {2, 3, 1.0f / 3, -1}, .counts = {[2] = 100, [7] = 255}, .large[2] = 99};
  OK(b, b->cu->cudaMemcpyAsync(at, host, sizeof *h, cudaMemcpyHostToDevice, b->s));
  const float *x = (float *)(void *)at;
  double *out = (double *)(void *)(at + offsetof(Buffers, out));
  int32_t *counts = (int32_t *)(void *)(at + offsetof(Buffers, counts));
  uint64_t *large = (uint64_t *)(void *)(at + offsetof(Buffers, large));
  cudaLibrary_t library = bench_load(b, everything, "sm_90", true);
  CU_ASSERT_PTR_NOT_NULL_FATAL(library);
  bench_launch(b, bench_kernel(b, library, "values"), (dim3){1, 1, 1}, (dim3){64, 1, 1}, 0,
               (void *[]){&x, &out, &counts, &large, &couple},
               (CudaAccess[]){{x, sizeof h->x, CUDA_READS},
                              {out, VALUES * sizeof *out, CUDA_WRITES},
                              {counts, sizeof h->counts, CUDA_UPDATES},
                              {large, sizeof h->large, CUDA_UPDATES}},
               4);
  OK(b, b->cu->cudaMemcpyAsync(host, at, sizeof *h, cudaMemcpyDeviceToHost, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  *h = *pinned;
  OK(b, b->cu->cudaLibraryUnload(library));
  OK(b, b->cu->cudaFree(at));
  OK(b, b->cu->cudaFreeHost(host));
}

static void values(void) {
  for (int fast = 0; fast < 2; fast++) {
    Bench b = {0};
    CusimReport report;
    Buffers h;
    bench_open(&b, &(CusimOptions){.devices = 1, .fast = fast, .order = CUSIM_RANDOM, .seed = 9});
    run_values(&b, &h);
    for (size_t i = 0; i < VALUES; i++) {
      if (h.out[i] != expected[i]) printf("\n%zu: %.17g, not %.17g", i, h.out[i], expected[i]);
      CU_ASSERT_EQUAL(h.out[i], expected[i]);
    }
    static const int32_t counts[8] = {128, 63, 5, 255, 9, 8, -64, 240};
    static const uint64_t large[4] = {(uint64_t)1 << 39, 0, 1, 63};
    CU_ASSERT_EQUAL(memcmp(h.counts, counts, sizeof counts), 0);
    CU_ASSERT_EQUAL(memcmp(h.large, large, sizeof large), 0);
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(b.errors, 0);
    if (report.faults) printf("\n%s", report.text);
    CU_ASSERT_EQUAL(report.faults, 0);
  }
}

/* ---- NVIDIA's compiler ---- */

static const int architectures[] = {80, 90, 100};

static void nvrtc_takes_the_dialect(void) {
  static const char *const texts[] = {everything, cases_text_source, cases_watch_source};
  if (!real_nvrtc()) {
    printf("NVRTC is not installed ... ");
    return;
  }
  uint32_t kernels = 0;
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < 3; k++) {
      RealCode code;
      CU_ASSERT(real_nvrtc_compile(texts[i], "dialect.cu", architectures[k], &code));
      if (!code.ok) printf("\n%s", code.log);
      CU_ASSERT(code.ok && code.bytes > 0 && code.n > 0);
      kernels += code.n;
      real_nvrtc_release(&code);
    }
  printf("%u kernels ... ", kernels);
}

/* What a kernel uses is read out of what ptxas says. */
static void usage_is_read(void) {
  static const char text[] =
      "extern \"C\" __global__ void small(float *x) {\n"
      "  x[threadIdx.x] = 1;\n"
      "}\n"
      "extern \"C\" __global__ void shares(float *x) {\n"
      "  __shared__ float tile[100];\n"
      "  tile[threadIdx.x] = x[threadIdx.x];\n"
      "  __syncthreads();\n"
      "  x[threadIdx.x] = tile[99 - threadIdx.x];\n"
      "}\n"
      "extern \"C\" __global__ void stacks(float *x, int n) {\n"
      "  float own[64];\n"
      "  for (int i = 0; i < 64; i++) own[i] = x[i * n];\n"
      "  for (int i = 0; i < n; i++) own[(i * i) & 63] += own[i & 63];\n"
      "  for (int i = 0; i < 64; i++) x[i] = own[i];\n"
      "}\n"
      "extern \"C\" __global__ void __launch_bounds__(1024, 2) spills(float *x, int n) {\n"
      "  float a[48];\n"
      "  #pragma unroll\n"
      "  for (int i = 0; i < 48; i++) a[i] = x[i * n + threadIdx.x];\n"
      "  for (int k = 0; k < n; k++) {\n"
      "    #pragma unroll\n"
      "    for (int i = 0; i < 48; i++) a[i] = a[i] * a[(i + 7) % 48] + a[(i + 1) % 48];\n"
      "  }\n"
      "  #pragma unroll\n"
      "  for (int i = 0; i < 48; i++) x[i * n + threadIdx.x] = a[i];\n"
      "}\n";
  RealCode code;
  if (!real_nvrtc()) {
    printf("NVRTC is not installed ... ");
    return;
  }
  CU_ASSERT_FATAL(real_nvrtc_compile(text, "usage.cu", 90, &code) && code.ok);
  CU_ASSERT_EQUAL(code.n, 4);
  const RealUsage *small = real_nvrtc_usage(&code, "small"),
                  *shares = real_nvrtc_usage(&code, "shares"),
                  *stacks = real_nvrtc_usage(&code, "stacks"),
                  *spills = real_nvrtc_usage(&code, "spills");
  CU_ASSERT_FATAL(small && shares && stacks && spills);
  CU_ASSERT(small->registers > 0 && small->registers < 16);
  CU_ASSERT(!small->shared && !small->stack && !small->spill_stores && !small->spill_loads);
  CU_ASSERT_EQUAL(small->barriers, 0);
  CU_ASSERT_EQUAL(shares->shared, 400);
  CU_ASSERT_EQUAL(shares->barriers, 1);
  CU_ASSERT_EQUAL(stacks->stack, 256);
  CU_ASSERT(spills->registers <= 32 && spills->spill_stores > 0 && spills->spill_loads > 0);
  CU_ASSERT_PTR_NULL(real_nvrtc_usage(&code, "none"));
  real_nvrtc_release(&code);
}

/* An error has a log with its line, in both. */
static void errors_are_alike(void) {
  static const char *const wrong[] = {
      "extern \"C\" __global__ void f(float *x) {\n  x[0] = y;\n}\n",
      "extern \"C\" __global__ void f(float *x) {\n  x[0] = 1\n}\n",
      "extern \"C\" __global__ void f(const float *x) {\n"
      "  x[0] = 1;\n}\n",
      "#include <nothing.h>\n",
      "typedef int i32;\ntypedef float i32;\n",
      "__device__ double f(float x) {\n  return fmin(x, 1.0);\n}\n",
      "__device__ double f(int x) {\n  return sqrt(x);\n}\n",
      "__device__ bool f(int x) {\n  return isnan(x);\n}\n",
      "__device__ float f() {\n  return INFINITY;\n}\n",
      "__device__ int32_t f() {\n  return 0;\n}\n",
      "__device__ void f(float *x) {\n  atomicMax(x, 1.0f);\n}\n",
      "__device__ void f(long long *x) {\n  atomicAdd(x, 1ll);\n}\n",
      "__device__ void f(unsigned long *x) {\n  atomicAdd(x, 1ul);\n}\n",
      "__device__ float f(float x) {\n  return sqrtg(x);\n}\n"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    Bench b = {0};
    RealCode code;
    bench_open(&b, &(CusimOptions){.devices = 1});
    CU_ASSERT_PTR_NULL(bench_load(&b, wrong[i], "sm_90", false));
    CU_ASSERT_EQUAL(b.errors, 1);
    CusimReport report;
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.faults, 0);
    if (!real_nvrtc()) continue;
    CU_ASSERT(real_nvrtc_compile(wrong[i], "wrong.cu", 90, &code));
    CU_ASSERT(!code.ok && strstr(code.log, "wrong.cu"));
    real_nvrtc_release(&code);
  }
}

int main(void) {
  if (!cusim_compiles()) {
    printf("skipped: kernel texts need g++ on this machine\n");
    return 77;
  }
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim dialect", NULL, NULL);
  if (!s || !CU_add_test(s, "values", values) ||
      !CU_add_test(s, "NVRTC takes the dialect", nvrtc_takes_the_dialect) ||
      !CU_add_test(s, "what kernels use is read", usage_is_read) ||
      !CU_add_test(s, "errors are alike", errors_are_alike))
    return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
