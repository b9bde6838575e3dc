/* Matrix products: handles, sizes, types. */
#include "tests/cusim/cases.h"

/* z (8 x 6) = x (8 x 4) * x' (4 x 6), with ones and a workspace of a page. */
typedef struct Setup {
  cublasHandle_t handle;
  void *workspace;
} Setup;

static Setup make(Bench *b, bool stream, bool workspace, bool math) {
  Setup s = {0};
  OK(b, b->cu->cudaMalloc(&s.workspace, 4096));
  OK(b, b->cu->cublasCreate_v2(&s.handle));
  if (stream) OK(b, b->cu->cublasSetStream_v2(s.handle, b->s));
  if (workspace) OK(b, b->cu->cublasSetWorkspace_v2(s.handle, s.workspace, 4096));
  if (math) OK(b, b->cu->cublasSetMathMode(s.handle, CUBLAS_DEFAULT_MATH));
  return s;
}

static void drop(Bench *b, const Setup *s) {
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cublasDestroy_v2(s->handle));
  OK(b, b->cu->cudaFree(s->workspace));
}

typedef struct Sizes {
  const float *a, *b;
  float *c;
  int lda, ldc;
  cudaDataType type;
  float beta;
} Sizes;

static Sizes plain(const Bench *b) {
  return (Sizes){.a = b->x, .b = b->x, .c = b->z, .lda = 8, .ldc = 8, .type = CUDA_R_32F};
}

static void multiply(Bench *b, const Setup *s, const Sizes *z) {
  float one = 1;
  OK(b, b->cu->cublasGemmEx(s->handle, CUBLAS_OP_N, CUBLAS_OP_N, 8, 6, 4, &one, z->a, CUDA_R_32F,
                            z->lda, z->b, CUDA_R_32F, 4, &z->beta, z->c, z->type, z->ldc,
                            CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

static void run(Bench *b, const Sizes *z) {
  Setup s = make(b, true, true, true);
  multiply(b, &s, z);
  drop(b, &s);
}

static void without_stream(Bench *b) {
  Setup s = make(b, true, true, true), t = make(b, !b->wrong, true, true);
  Sizes z = plain(b);
  multiply(b, &t, &z);
  drop(b, &s);
  drop(b, &t);
}

static void without_workspace(Bench *b) {
  Setup s = make(b, true, !b->wrong, true);
  Sizes z = plain(b);
  multiply(b, &s, &z);
  drop(b, &s);
}

static void workspace_lost(Bench *b) {
  Setup s = make(b, true, true, true);
  Sizes z = plain(b);
  if (b->wrong) OK(b, b->cu->cublasSetStream_v2(s.handle, b->s));
  multiply(b, &s, &z);
  drop(b, &s);
}

static void workspace_not_aligned(Bench *b) {
  Setup s = make(b, true, true, true);
  OK(b, b->cu->cublasSetWorkspace_v2(s.handle, (char *)s.workspace + (b->wrong ? 128 : 256), 1024));
  drop(b, &s);
}

static void workspace_too_long(Bench *b) {
  Setup s = make(b, true, true, true);
  OK(b, b->cu->cublasSetWorkspace_v2(s.handle, s.workspace, 4096 + b->wrong));
  drop(b, &s);
}

static void without_math(Bench *b) {
  Setup s = make(b, true, true, !b->wrong);
  Sizes z = plain(b);
  multiply(b, &s, &z);
  drop(b, &s);
}

static void default_stream(Bench *b) {
  Setup s = make(b, true, true, true);
  if (b->wrong) OK(b, b->cu->cublasSetStream_v2(s.handle, NULL));
  drop(b, &s);
}

static void leading_dimension(Bench *b) {
  Sizes z = plain(b);
  z.lda = b->wrong ? 7 : 8;
  run(b, &z);
}

/* The last column ends with the buffer. */
static void result_too_long(Bench *b) {
  Sizes z = plain(b);
  z.ldc = 198;
  z.c = b->z + 2 + b->wrong;
  run(b, &z);
}

static void operand_too_long(Bench *b) {
  Sizes z = plain(b);
  z.b = b->x + N - 24 + b->wrong;
  run(b, &z);
}

static void result_on_operand(Bench *b) {
  Sizes z = plain(b);
  z.c = b->x + (b->wrong ? 31 : 32);
  run(b, &z);
}

static void types_mixed(Bench *b) {
  Sizes z = plain(b);
  if (b->wrong) z.type = CUDA_R_16BF;
  run(b, &z);
}

static void adds_to_nothing(Bench *b) {
  Sizes z = plain(b);
  z.beta = b->wrong;
  run(b, &z);
}

static void scalar_on_device(Bench *b) {
  Setup s = make(b, true, true, true);
  float zero = 0;
  OK(b, b->cu->cublasGemmEx(s.handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, b->wrong ? b->x : b->h,
                            b->x, CUDA_R_32F, 1, b->x, CUDA_R_32F, 1, &zero, b->z, CUDA_R_32F, 1,
                            CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  drop(b, &s);
}

/* Two results of 8 x 6 that begin 47 elements apart. */
static void results_overlap(Bench *b) {
  Setup s = make(b, true, true, true);
  float one = 1, zero = 0;
  OK(b, b->cu->cublasGemmStridedBatchedEx(s.handle, CUBLAS_OP_N, CUBLAS_OP_N, 8, 6, 4, &one, b->x,
                                          CUDA_R_32F, 8, 32, b->x, CUDA_R_32F, 4, 0, &zero, b->z,
                                          CUDA_R_32F, 8, b->wrong ? 47 : 48, 2, CUBLAS_COMPUTE_32F,
                                          CUBLAS_GEMM_DEFAULT));
  drop(b, &s);
}

/* Two handles, two streams, one workspace. */
static void workspace_shared(Bench *b) {
  Setup s = make(b, true, true, true), t = make(b, true, true, true);
  Sizes z = plain(b);
  OK(b, b->cu->cublasSetStream_v2(t.handle, b->t));
  OK(b, b->cu->cublasSetWorkspace_v2(t.handle, b->wrong ? s.workspace : t.workspace, 4096));
  multiply(b, &s, &z);
  z.c = b->y;
  multiply(b, &t, &z);
  OK(b, b->cu->cudaStreamSynchronize(b->t));
  drop(b, &s);
  drop(b, &t);
}

/* Between two columns of the result another stream may write. */
static void between_columns(Bench *b) {
  Setup s = make(b, true, true, true);
  Sizes z = plain(b);
  z.ldc = 16;
  multiply(b, &s, &z);
  OK(b, b->cu->cudaMemsetAsync(b->z + 8, 0, 32 + b->wrong, b->t));
  OK(b, b->cu->cudaMemsetAsync(b->z + 24 - b->wrong, 0, 32, b->t));
  drop(b, &s);
}

static void workspace_read(Bench *b) {
  Setup s = make(b, true, true, true);
  Sizes z = plain(b);
  OK(b, b->cu->cudaMemsetAsync(s.workspace, 0, 16, b->s));
  if (b->wrong) multiply(b, &s, &z);
  OK(b, b->cu->cudaMemcpyAsync(b->h, s.workspace, 16, cudaMemcpyDeviceToHost, b->s));
  drop(b, &s);
}

static void other_device_is_current(Bench *b) {
  Setup s = make(b, true, true, true);
  Sizes z = plain(b);
  OK(b, b->cu->cudaSetDevice(b->wrong));
  multiply(b, &s, &z);
  OK(b, b->cu->cudaSetDevice(0));
  drop(b, &s);
}

static void handle_after_end(Bench *b) {
  Setup s = make(b, true, true, true);
  OK(b, b->cu->cublasDestroy_v2(s.handle));
  if (b->wrong) OK(b, b->cu->cublasSetMathMode(s.handle, CUBLAS_DEFAULT_MATH));
  OK(b, b->cu->cudaFree(s.workspace));
}

static void handle_busy(Bench *b) {
  Setup s = make(b, true, true, true);
  Sizes z = plain(b);
  multiply(b, &s, &z);
  if (!b->wrong) OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cublasDestroy_v2(s.handle));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaFree(s.workspace));
}

static void handle_leaks(Bench *b) {
  Setup s = make(b, true, true, true);
  if (!b->wrong) OK(b, b->cu->cublasDestroy_v2(s.handle));
  OK(b, b->cu->cudaFree(s.workspace));
}

static void algorithm(Bench *b) {
  Setup s = make(b, true, true, true);
  float one = 1, zero = 0;
  OK(b, b->cu->cublasGemmEx(s.handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, b->x, CUDA_R_32F, 1,
                            b->x, CUDA_R_32F, 1, &zero, b->z, CUDA_R_32F, 1, CUBLAS_COMPUTE_32F,
                            b->wrong ? CUBLAS_GEMM_ALGO3 : CUBLAS_GEMM_DEFAULT));
  drop(b, &s);
}

const Case cases_blas[] = {
    {CUSIM_BLAS_SETUP, "a product without a stream", without_stream},
    {CUSIM_BLAS_SETUP, "a product without a workspace", without_workspace},
    {CUSIM_BLAS_SETUP, "a workspace set before the stream", workspace_lost},
    {CUSIM_BLAS_SETUP, "a workspace that is not aligned", workspace_not_aligned},
    {CUSIM_BLAS_SETUP, "a product without a math mode", without_math},
    {CUSIM_BOUNDS, "a workspace a byte too long", workspace_too_long},
    {CUSIM_DEFAULT_STREAM, "a handle on the default stream", default_stream},
    {CUSIM_SHAPE, "a leading dimension too small by one", leading_dimension},
    {CUSIM_BOUNDS, "a result that ends an element behind", result_too_long},
    {CUSIM_BOUNDS, "an operand that ends an element behind", operand_too_long},
    {CUSIM_OVERLAP, "a result on an operand, by an element", result_on_operand},
    {CUSIM_OVERLAP, "results of a batch, by an element", results_overlap},
    {CUSIM_TYPES, "a result of another type", types_mixed},
    {CUSIM_UNDEFINED, "a sum with what nobody wrote", adds_to_nothing},
    {CUSIM_DEVICE_POINTER, "a factor on the device", scalar_on_device},
    {CUSIM_WRITE_AFTER_WRITE, "two streams share a workspace", workspace_shared},
    {CUSIM_WRITE_AFTER_WRITE, "a column of a result on two streams", between_columns},
    {CUSIM_UNDEFINED, "what is left in a workspace", workspace_read},
    {CUSIM_CURRENT_DEVICE, "a product while another device is current", other_device_is_current},
    {CUSIM_HANDLE, "a handle after its end", handle_after_end},
    {CUSIM_BUSY, "a handle destroyed before its product ran", handle_busy},
    {CUSIM_LEAK, "a handle", handle_leaks},
    {CUSIM_NOT_MODELLED, "an algorithm by number", algorithm},
};
const uint32_t n_cases_blas = sizeof cases_blas / sizeof *cases_blas;
