/* The simulator's matrix products, against plain loops that index in their own way. */
#include "tests/cusim/cases.h"
#include "tests/cusim/values.h"

#include <CUnit/Basic.h>
#include <math.h>
#include <string.h>

typedef struct Setup {
  Bench b;
  cublasHandle_t handle;
  void *workspace;
} Setup;

static void open_blas(Setup *s, cublasMath_t math) {
  *s = (Setup){0};
  bench_open(&s->b, &(CusimOptions){.devices = 1, .order = CUSIM_RANDOM, .seed = 7});
  OK(&s->b, s->b.cu->cudaMalloc(&s->workspace, 1024));
  OK(&s->b, s->b.cu->cublasCreate_v2(&s->handle));
  OK(&s->b, s->b.cu->cublasSetStream_v2(s->handle, s->b.s));
  OK(&s->b, s->b.cu->cublasSetWorkspace_v2(s->handle, s->workspace, 1024));
  OK(&s->b, s->b.cu->cublasSetMathMode(s->handle, math));
  CU_ASSERT_EQUAL_FATAL(s->b.errors, 0);
}

static void close_blas(Setup *s) {
  CusimReport report;
  OK(&s->b, s->b.cu->cudaStreamSynchronize(s->b.s));
  OK(&s->b, s->b.cu->cublasDestroy_v2(s->handle));
  OK(&s->b, s->b.cu->cudaFree(s->workspace));
  bench_close(&s->b, &report);
  CU_ASSERT_EQUAL(s->b.errors, 0);
  if (report.faults) printf("\n%s", report.text);
  CU_ASSERT_EQUAL(report.faults, 0);
}

/* Small whole numbers: sums are exact in every type. */
static void fill(Setup *s, void *to, ValueType type, size_t n, uint32_t salt) {
  for (size_t i = 0; i < n; i++) value_store(s->b.h, type, i, (double)((i * 7 + salt) % 5) - 2);
  OK(&s->b,
     s->b.cu->cudaMemcpyAsync(to, s->b.h, n * value_size(type), cudaMemcpyHostToDevice, s->b.s));
  OK(&s->b, s->b.cu->cudaStreamSynchronize(s->b.s));
}

static double number(size_t i, uint32_t salt) {
  return (double)((i * 7 + salt) % 5) - 2;
}

enum { M = 5, COLUMNS = 3, K = 4, LDA = 6, LDB = 7, LDC = 8, BATCH = 2, STRIDE = 50 };

static void product_is_right(bool ta, bool tb, cudaDataType in, cudaDataType out,
                             cublasComputeType_t compute) {
  Setup s;
  open_blas(&s, CUBLAS_DEFAULT_MATH);
  ValueType ti = value_type_of(in), to = value_type_of(out);
  float alpha32 = 2, beta32 = -1;
  double alpha64 = 2, beta64 = -1;
  bool f64 = in == CUDA_R_64F;
  fill(&s, s.b.x, ti, BATCH * STRIDE, 1);
  fill(&s, s.b.y, ti, BATCH * STRIDE, 2);
  fill(&s, s.b.z, to, BATCH * STRIDE, 3);
  OK(&s.b, s.b.cu->cublasGemmStridedBatchedEx(
               s.handle, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, M, COLUMNS,
               K, f64 ? (void *)&alpha64 : &alpha32, s.b.x, in, LDA, STRIDE, s.b.y, in, LDB, STRIDE,
               f64 ? (void *)&beta64 : &beta32, s.b.z, out, LDC, STRIDE, BATCH, compute,
               CUBLAS_GEMM_DEFAULT));
  OK(&s.b, s.b.cu->cudaMemcpyAsync(s.b.h, s.b.z, BATCH * STRIDE * value_size(to),
                                   cudaMemcpyDeviceToHost, s.b.s));
  OK(&s.b, s.b.cu->cudaStreamSynchronize(s.b.s));
  uint32_t differ = 0;
  for (size_t i = 0; i < BATCH * STRIDE; i++) {
    size_t in_batch = i % STRIDE, base = i - in_batch, row = in_batch % LDC,
           column = in_batch / LDC;
    double expected = number(i, 3);
    if (row < M && column < COLUMNS) {
      expected = -expected;
      for (size_t k = 0; k < K; k++)
        expected += 2 * number(base + (ta ? row * LDA + k : k * LDA + row), 1) *
                    number(base + (tb ? k * LDB + column : column * LDB + k), 2);
    }
    differ += value_load(s.b.h, to, i) != expected;
  }
  CU_ASSERT_EQUAL(differ, 0);
  close_blas(&s);
}

static void products(void) {
  for (int turned = 0; turned < 4; turned++) {
    bool a = turned & 1, b = turned & 2;
    product_is_right(a, b, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F);
    product_is_right(a, b, CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F);
    product_is_right(a, b, CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F);
    product_is_right(a, b, CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F_PEDANTIC);
  }
}

/* 1 x 1: which bits of a float are used. */
static float square(cublasMath_t math, cublasComputeType_t compute, float x) {
  Setup s;
  open_blas(&s, math);
  float one = 1, zero = 0;
  s.b.h[0] = x;
  OK(&s.b, s.b.cu->cudaMemcpyAsync(s.b.x, s.b.h, 4, cudaMemcpyHostToDevice, s.b.s));
  OK(&s.b, s.b.cu->cublasGemmEx(s.handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, s.b.x,
                                CUDA_R_32F, 1, s.b.x, CUDA_R_32F, 1, &zero, s.b.z, CUDA_R_32F, 1,
                                compute, CUBLAS_GEMM_DEFAULT));
  OK(&s.b, s.b.cu->cudaMemcpyAsync(s.b.h, s.b.z, 4, cudaMemcpyDeviceToHost, s.b.s));
  OK(&s.b, s.b.cu->cudaStreamSynchronize(s.b.s));
  float result = s.b.h[0];
  close_blas(&s);
  return result;
}

static void math_modes(void) {
  float x = 1 + 0x1p-12f; /* one bit too many for TF32 */
  CU_ASSERT_EQUAL(square(CUBLAS_DEFAULT_MATH, CUBLAS_COMPUTE_32F, x), x * x);
  CU_ASSERT_EQUAL(square(CUBLAS_TF32_TENSOR_OP_MATH, CUBLAS_COMPUTE_32F, x), 1);
  CU_ASSERT_EQUAL(square(CUBLAS_DEFAULT_MATH, CUBLAS_COMPUTE_32F_FAST_TF32, x), 1);
  CU_ASSERT_EQUAL(square(CUBLAS_TF32_TENSOR_OP_MATH, CUBLAS_COMPUTE_32F_PEDANTIC, x), x * x);
}

static void values(void) {
  uint16_t half;
  uint32_t number_of = 0;
  static const struct {
    ValueType type;
    double value;
    uint16_t bits;
  } rows[] = {{VALUE_BF16, 1, 0x3f80},
              {VALUE_BF16, 1 + 0x1p-8, 0x3f80},     /* a tie goes to the even one */
              {VALUE_BF16, 1 + 3 * 0x1p-8, 0x3f82}, /* up, here */
              {VALUE_BF16, 1 + 0x1.1p-8, 0x3f81},   /* no tie */
              {VALUE_BF16, -0x1.fep127, 0xff7f},    /* the least */
              {VALUE_F16, 1 + 0x1p-11, 0x3c00},     /* a tie */
              {VALUE_F16, 65504, 0x7bff},
              {VALUE_F16, 0x1p-24, 0x0001}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, number_of++) {
    value_store(&half, rows[i].type, 0, rows[i].value);
    CU_ASSERT_EQUAL(half, rows[i].bits);
  }
  value_store(&half, VALUE_BF16, 0, NAN);
  CU_ASSERT(isnan(value_load(&half, VALUE_BF16, 0)));
  CU_ASSERT_EQUAL(number_of, 8);
}

int main(void) {
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim blas", NULL, NULL);
  if (!s || !CU_add_test(s, "products", products) || !CU_add_test(s, "math modes", math_modes) ||
      !CU_add_test(s, "values", values))
    return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
