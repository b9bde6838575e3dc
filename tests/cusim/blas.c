/* cuBLAS: handles and matrix products.
 *
 * A product says what it reads and writes column by column, so that what lies between columns is
 * not touched, and the workspace is written like a result, and holds nothing afterwards. */
#include "tests/cusim/sim.h"
#include "tests/cusim/values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Blas {
  struct Blas *next;
  int device;
  bool destroyed, math_set;
  Stream *stream;
  void *workspace;
  size_t workspace_bytes;
  cublasMath_t math;
} Blas;
static Blas *handles;

void blas_find_leaks(void) {
  for (Blas *h = handles; h; h = h->next)
    if (!h->destroyed)
      sim_fault(CUDA_CALL_cublasCreate_v2, CUSIM_LEAK, "a handle was not destroyed");
}

void blas_close(void) {
  for (Blas *h = handles, *next; h; h = next) {
    next = h->next;
    free(h);
  }
  handles = NULL;
}

#define REFUSE(call, rule, status, ...) (sim_fault(call, CUSIM_##rule, __VA_ARGS__), status)

cublasStatus_t sim_cublasGetVersion_v2(cublasHandle_t handle, int *version) {
  SIM_BEGIN(cublasGetVersion_v2, cublasStatus_t);
  (void)handle;
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

const char *sim_cublasGetStatusString(cublasStatus_t status) {
  SIM_ENTER(cublasGetStatusString);
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "CUBLAS_STATUS_SUCCESS";
  case CUBLAS_STATUS_NOT_INITIALIZED:
    return "CUBLAS_STATUS_NOT_INITIALIZED";
  case CUBLAS_STATUS_ALLOC_FAILED:
    return "CUBLAS_STATUS_ALLOC_FAILED";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CUBLAS_STATUS_ARCH_MISMATCH:
    return "CUBLAS_STATUS_ARCH_MISMATCH";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  default:
    return "unknown status";
  }
}

cublasStatus_t sim_cublasCreate_v2(cublasHandle_t *out) {
  SIM_BEGIN(cublasCreate_v2, cublasStatus_t);
  const CudaCall call = CUDA_CALL_cublasCreate_v2;
  if (!sim.options.devices) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (capture_interrupt())
    return REFUSE(call, CAPTURE_UNSAFE, CUBLAS_STATUS_NOT_INITIALIZED,
                  "called while a stream is captured");
  Blas *h = calloc(1, sizeof *h);
  if (!h) return CUBLAS_STATUS_ALLOC_FAILED;
  *h = (Blas){.next = handles, .device = caller.device};
  handles = h;
  *out = (cublasHandle_t)(void *)h;
  return CUBLAS_STATUS_SUCCESS;
}

static Blas *find(CudaCall call, const void *handle) {
  for (Blas *h = handles; h; h = h->next)
    if ((void *)h == handle && !h->destroyed) return h;
  sim_fault(call, CUSIM_HANDLE, "%p is no handle, or one that was destroyed", handle);
  return NULL;
}

cublasStatus_t sim_cublasDestroy_v2(cublasHandle_t handle) {
  SIM_BEGIN(cublasDestroy_v2, cublasStatus_t);
  Blas *h = find(CUDA_CALL_cublasDestroy_v2, handle);
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (h->stream && !h->stream->capture && !stream_quiet(h->stream))
    sim_fault(CUDA_CALL_cublasDestroy_v2, CUSIM_BUSY, "nobody waited for its products");
  h->destroyed = true;
  return CUBLAS_STATUS_SUCCESS;
}

/* The workspace goes back to the library's own. */
cublasStatus_t sim_cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  SIM_BEGIN(cublasSetStream_v2, cublasStatus_t);
  const CudaCall call = CUDA_CALL_cublasSetStream_v2;
  cudaError_t error;
  Blas *h = find(call, handle);
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  Stream *s = stream_find(call, stream, &error);
  if (!s) return CUBLAS_STATUS_INVALID_VALUE;
  if (s->device != h->device)
    return REFUSE(call, CURRENT_DEVICE, CUBLAS_STATUS_INVALID_VALUE,
                  "a stream of device %d for a handle of device %d", s->device, h->device);
  h->stream = s;
  h->workspace = NULL;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t sim_cublasSetWorkspace_v2(cublasHandle_t handle, void *at, size_t bytes) {
  SIM_BEGIN(cublasSetWorkspace_v2, cublasStatus_t);
  const CudaCall call = CUDA_CALL_cublasSetWorkspace_v2;
  Access a;
  Blas *h = find(call, handle);
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!at || !bytes || (uintptr_t)at % 256)
    return REFUSE(call, BLAS_SETUP, CUBLAS_STATUS_INVALID_VALUE,
                  "%zu bytes at %p are no workspace that is aligned to 256 bytes", bytes, at);
  if (!access_find(call, h->device, at, bytes, &a)) return CUBLAS_STATUS_INVALID_VALUE;
  h->workspace = at;
  h->workspace_bytes = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t sim_cublasSetMathMode(cublasHandle_t handle, cublasMath_t math) {
  SIM_BEGIN(cublasSetMathMode, cublasStatus_t);
  const CudaCall call = CUDA_CALL_cublasSetMathMode;
  Blas *h = find(call, handle);
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  int mode = (int)math & ~(int)CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
  if (mode != CUBLAS_DEFAULT_MATH && mode != CUBLAS_PEDANTIC_MATH &&
      mode != CUBLAS_TF32_TENSOR_OP_MATH)
    return REFUSE(call, NOT_MODELLED, CUBLAS_STATUS_INVALID_VALUE, "mode %d is not modelled",
                  (int)math);
  h->math = (cublasMath_t)mode;
  h->math_set = true;
  return CUBLAS_STATUS_SUCCESS;
}

/* ---- products ---- */

typedef struct Matrix {
  const void *at;
  cudaDataType type;
  int64_t rows, columns, ld, stride; /* as it is stored; elements */
} Matrix;

typedef struct Product {
  Matrix a, b, c;
  bool a_turned, b_turned, f64, tf32;
  int64_t m, n, k, batch;
  double alpha, beta;
} Product;

static int64_t size_of(cudaDataType type) {
  return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

/* Ten bits of fraction, to the nearest. */
static float round_tf32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (isfinite(x)) bits = (bits + 0xfff + ((bits >> 13) & 1)) & ~(uint32_t)0x1fff;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static double load(const Product *p, const Matrix *m, int64_t batch, int64_t row, int64_t column) {
  size_t i = (size_t)(batch * m->stride + column * m->ld + row);
  double value = value_load(m->at, value_type_of(m->type), i);
  return p->tf32 && m->type == CUDA_R_32F && m != &p->c ? round_tf32((float)value) : value;
}

/* The left factor with its rows innermost, which are what a column of the result is made of. */
static double *take_left(const Product *p, int64_t batch) {
  double *all = malloc((size_t)(p->m * p->k + 1) * sizeof *all);
  for (int64_t k = 0; all && k < p->k; k++)
    for (int64_t row = 0; row < p->m; row++)
      all[k * p->m + row] =
          p->a_turned ? load(p, &p->a, batch, k, row) : load(p, &p->a, batch, row, k);
  return all;
}

/* sums[m] += left[m] * right: in f64, or rounded to f32. */
static void add_products(const Product *p, double *sums, const double *left, double right) {
  if (p->f64)
    for (int64_t row = 0; row < p->m; row++) sums[row] += left[row] * right;
  else
    for (int64_t row = 0; row < p->m; row++)
      sums[row] = (double)((float)sums[row] + (float)left[row] * (float)right);
}

static void store(const Product *p, int64_t batch, int64_t column, const double *sums) {
  for (int64_t row = 0; row < p->m; row++) {
    double sum = p->alpha * sums[row];
    if (p->beta != 0) sum += p->beta * load(p, &p->c, batch, row, column);
    value_store((void *)(uintptr_t)p->c.at, value_type_of(p->c.type),
                (size_t)(batch * p->c.stride + column * p->c.ld + row), sum);
  }
}

/* Each element in ascending order of k. */
static cudaError_t run_product(void *payload) {
  const Product *p = payload;
  double *left = NULL, *sums = malloc((size_t)p->m * sizeof *sums);
  bool ok = sums;
  for (int64_t batch = 0; ok && batch < p->batch; batch++) {
    free(left);
    left = take_left(p, batch);
    ok = left;
    for (int64_t column = 0; ok && column < p->n; column++) {
      memset(sums, 0, (size_t)p->m * sizeof *sums);
      for (int64_t k = 0; k < p->k; k++)
        add_products(p, sums, left + k * p->m,
                     p->b_turned ? load(p, &p->b, batch, column, k)
                                 : load(p, &p->b, batch, k, column));
      store(p, batch, column, sums);
    }
  }
  free(left);
  free(sums);
  return ok ? cudaSuccess : cudaErrorMemoryAllocation;
}

typedef struct AccessList {
  Access *items;
  uint32_t n, cap;
} AccessList;

static bool list_add(CudaCall call, AccessList *list, int device, const char *at, int64_t bytes,
                     bool read, bool write) {
  Access a;
  if (!access_find(call, device, at, (size_t)bytes, &a)) return false;
  a.read = read;
  a.write = write;
  if (list->n == list->cap) {
    uint32_t cap = list->cap ? 2 * list->cap : 64;
    Access *grown = realloc(list->items, cap * sizeof *grown);
    if (!grown) {
      perror("cusim");
      abort();
    }
    list->items = grown;
    list->cap = cap;
  }
  list->items[list->n++] = a;
  return true;
}

/* Columns that touch are one access. */
static bool list_matrix(CudaCall call, AccessList *list, int device, const Matrix *m, int64_t batch,
                        bool read, bool write) {
  int64_t size = size_of(m->type);
  bool whole = m->ld == m->rows;
  if (m->rows == 0 || m->columns == 0) return true;
  for (int64_t i = 0; i < (m->stride ? batch : 1); i++)
    for (int64_t column = 0; column < (whole ? 1 : m->columns); column++)
      if (!list_add(call, list, device,
                    (const char *)m->at + (i * m->stride + column * m->ld) * size,
                    m->rows * (whole ? m->columns : 1) * size, read, write))
        return false;
  return true;
}

static bool overlap(const Access *a, const Access *b) {
  return a->block == b->block && a->from < b->to && b->from < a->to;
}

static bool parts_overlap(const Access *a, uint32_t n, const Access *b, uint32_t m) {
  for (uint32_t i = 0; i < n; i++)
    for (uint32_t k = 0; k < m; k++)
      if (&a[i] != &b[k] && overlap(&a[i], &b[k])) return true;
  return false;
}

/* Lists are long: bounds first. */
static bool lists_overlap(const Access *a, uint32_t n, const Access *b, uint32_t m) {
  Access all[2] = {{0}, {0}};
  const Access *of[] = {a, b};
  uint32_t count[] = {n, m};
  for (int s = 0; s < 2; s++)
    for (uint32_t i = 0; i < count[s]; i++) {
      if (i == 0) all[s] = of[s][0];
      if (of[s][i].from < all[s].from) all[s].from = of[s][i].from;
      if (of[s][i].to > all[s].to) all[s].to = of[s][i].to;
    }
  return n && m && overlap(&all[0], &all[1]) && parts_overlap(a, n, b, m);
}

/* A result may lie on no operand, results of a batch not on each other, the workspace on nothing.
 */
static bool results_apart(CudaCall call, const AccessList *list, uint32_t results,
                          const Product *p) {
  const Access *first = list->items + results;
  uint32_t n = list->n - results;
  bool operand = lists_overlap(list->items, results, first, n);
  bool result = lists_overlap(first, n - 1, first + n - 1, 1);
  if (p->batch > 1 && p->c.stride < p->c.ld * (p->n - 1) + p->m)
    result |= parts_overlap(first, n, first, n);
  if (operand || result)
    sim_fault(call, CUSIM_OVERLAP, "the result or the workspace lies on %s",
              operand ? "an operand" : "another result");
  return !operand && !result;
}

static bool types_known(cublasComputeType_t compute, const Product *p) {
  cudaDataType a = p->a.type, b = p->b.type, c = p->c.type;
  switch (compute) {
  case CUBLAS_COMPUTE_64F:
  case CUBLAS_COMPUTE_64F_PEDANTIC:
    return a == CUDA_R_64F && b == a && c == a;
  case CUBLAS_COMPUTE_32F_FAST_TF32:
    return a == CUDA_R_32F && b == a && c == a;
  case CUBLAS_COMPUTE_32F:
  case CUBLAS_COMPUTE_32F_PEDANTIC:
    if (a == CUDA_R_32F) return b == a && c == a;
    return (a == CUDA_R_16F || a == CUDA_R_16BF) && b == a && (c == a || c == CUDA_R_32F);
  default:
    return false;
  }
}

/* What is wrong with sizes; NULL: nothing. */
static const char *shape_fault(const Product *p) {
  const Matrix *all[] = {&p->a, &p->b, &p->c};
  if (p->m < 0 || p->n < 0 || p->k < 0 || p->batch < 0) return "a size is negative";
  for (int i = 0; i < 3; i++) {
    if (all[i]->ld < (all[i]->rows > 1 ? all[i]->rows : 1))
      return "a leading dimension is less than the rows that are stored";
    if (all[i]->stride < 0) return "a stride is negative";
    if ((uintptr_t)all[i]->at % (uintptr_t)size_of(all[i]->type)) return "a pointer is not aligned";
  }
  return p->batch > 1 && !p->c.stride ? "all results of the batch are one" : NULL;
}

static Blas *ready(CudaCall call, const void *handle) {
  Blas *h = find(call, handle);
  if (!h) return NULL;
  const char *missing = !h->stream             ? "no stream was set"
                        : h->stream->destroyed ? "its stream was destroyed"
                        : !h->workspace        ? "no workspace was set after its stream"
                        : !h->math_set         ? "no math mode was set"
                                               : NULL;
  if (missing)
    sim_fault(call, CUSIM_BLAS_SETUP, "%s", missing);
  else if (h->device != caller.device)
    sim_fault(call, CUSIM_CURRENT_DEVICE, "a handle of device %d, while %d is current", h->device,
              caller.device);
  else
    return h;
  return NULL;
}

static bool scalars_read(CudaCall call, Product *p, const void *alpha, const void *beta) {
  const void *at[] = {alpha, beta};
  double value[2];
  for (int i = 0; i < 2; i++) {
    const Block *b = at[i] ? block_at(at[i]) : NULL;
    if (!at[i] || (b && b->device >= 0)) {
      sim_fault(call, at[i] ? CUSIM_DEVICE_POINTER : CUSIM_INVALID, "%s is not on the host",
                i ? "beta" : "alpha");
      return false;
    }
    value[i] = p->f64 ? *(const double *)at[i] : (double)*(const float *)at[i];
  }
  p->alpha = value[0];
  p->beta = value[1];
  return true;
}

static cublasStatus_t put(CudaCall call, const Blas *h, const Product *p) {
  AccessList list = {0};
  cublasStatus_t status = CUBLAS_STATUS_INVALID_VALUE;
  if (list_matrix(call, &list, h->device, &p->a, p->batch, true, false) &&
      list_matrix(call, &list, h->device, &p->b, p->batch, true, false)) {
    uint32_t results = list.n;
    if (list_matrix(call, &list, h->device, &p->c, p->batch, p->beta != 0, true) &&
        list_add(call, &list, h->device, h->workspace, (int64_t)h->workspace_bytes, false, true) &&
        results_apart(call, &list, results, p)) {
      list.items[list.n - 1].scratch = true;
      Work *w = work_create(call, list.items, list.n, run_product, p, sizeof *p);
      status = stream_put(h->stream, w) ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
    }
  }
  free(list.items);
  return status;
}

static cublasStatus_t product(CudaCall call, cublasHandle_t handle, Product p, const void *alpha,
                              const void *beta, cublasComputeType_t compute,
                              cublasGemmAlgo_t algo) {
  const Blas *h = ready(call, handle);
  if (!h) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (algo != CUBLAS_GEMM_DEFAULT)
    return REFUSE(call, NOT_MODELLED, CUBLAS_STATUS_NOT_SUPPORTED, "algorithm %d is not modelled",
                  (int)algo);
  if (!types_known(compute, &p))
    return REFUSE(call, TYPES, CUBLAS_STATUS_NOT_SUPPORTED,
                  "types %d, %d, %d with compute type %d are not modelled", (int)p.a.type,
                  (int)p.b.type, (int)p.c.type, (int)compute);
  const char *fault = shape_fault(&p);
  if (fault) return REFUSE(call, SHAPE, CUBLAS_STATUS_INVALID_VALUE, "%s", fault);
  p.f64 = p.a.type == CUDA_R_64F;
  p.tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
           (compute == CUBLAS_COMPUTE_32F && h->math == CUBLAS_TF32_TENSOR_OP_MATH);
  if (!scalars_read(call, &p, alpha, beta)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!p.m || !p.n || !p.batch) return CUBLAS_STATUS_SUCCESS;
  return put(call, h, &p);
}

/* Conjugation of real numbers is transposition. */
static Product product_of(cublasOperation_t turn_a, cublasOperation_t turn_b, int m, int n, int k) {
  bool a = turn_a != CUBLAS_OP_N, b = turn_b != CUBLAS_OP_N;
  return (Product){.a_turned = a,
                   .b_turned = b,
                   .m = m,
                   .n = n,
                   .k = k,
                   .batch = 1,
                   .a = {.rows = a ? k : m, .columns = a ? m : k},
                   .b = {.rows = b ? n : k, .columns = b ? k : n},
                   .c = {.rows = m, .columns = n}};
}

static void place(Matrix *m, const void *at, cudaDataType type, int ld, long long stride) {
  m->at = at;
  m->type = type;
  m->ld = ld;
  m->stride = stride;
}

cublasStatus_t sim_cublasGemmEx(cublasHandle_t handle, cublasOperation_t turn_a,
                                cublasOperation_t turn_b, int m, int n, int k, const void *alpha,
                                const void *a, cudaDataType a_type, int lda, const void *b,
                                cudaDataType b_type, int ldb, const void *beta, void *c,
                                cudaDataType c_type, int ldc, cublasComputeType_t compute,
                                cublasGemmAlgo_t algo) {
  SIM_BEGIN(cublasGemmEx, cublasStatus_t);
  Product p = product_of(turn_a, turn_b, m, n, k);
  place(&p.a, a, a_type, lda, 0);
  place(&p.b, b, b_type, ldb, 0);
  place(&p.c, c, c_type, ldc, 0);
  return product(CUDA_CALL_cublasGemmEx, handle, p, alpha, beta, compute, algo);
}

cublasStatus_t sim_cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t turn_a,
                                              cublasOperation_t turn_b, int m, int n, int k,
                                              const void *alpha, const void *a, cudaDataType a_type,
                                              int lda, long long a_stride, const void *b,
                                              cudaDataType b_type, int ldb, long long b_stride,
                                              const void *beta, void *c, cudaDataType c_type,
                                              int ldc, long long c_stride, int batch,
                                              cublasComputeType_t compute, cublasGemmAlgo_t algo) {
  SIM_BEGIN(cublasGemmStridedBatchedEx, cublasStatus_t);
  Product p = product_of(turn_a, turn_b, m, n, k);
  place(&p.a, a, a_type, lda, a_stride);
  place(&p.b, b, b_type, ldb, b_stride);
  place(&p.c, c, c_type, ldc, c_stride);
  p.batch = batch;
  return product(CUDA_CALL_cublasGemmStridedBatchedEx, handle, p, alpha, beta, compute, algo);
}
