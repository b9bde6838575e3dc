/* Matrix products, by cuBLAS.
 *
 * cuBLAS has columns where we have rows: what it takes for a matrix of n x m is ours of m x n. With
 * C = op(A) op(B) it is asked for C' = op(B)' op(A)', so operands change places and nothing is
 * moved.  The batch has as few axes as its steps allow; a call runs over the longest of them, and
 * there is one for each place along the others.
 *
 * Sizes are numbers of 32 bits in these calls.  What does not fit, and a batch of very many calls,
 * is left to a plain kernel (text/product.cu). */
#include "kernels/cuda/kernel.h"

#define CALLS_MAX 256
#define BATCH_MAX 65535 /* of a call: what the third axis of a grid has */
#define PLAIN_THREADS 256

/* A batch axis: its length, and the step from one entry to the next, in elements; 0: the operand is
 * repeated. */
typedef struct BatchAxis {
  int64_t length, a, b, c;
} BatchAxis;

typedef struct Product {
  uint32_t a, b; /* inputs of the kernel */
  bool ta, tb, tf32;
  DType dtype;
  int64_t m, n, k;
  BatchAxis axes[RANK_MAX]; /* the last varies fastest */
  int n_axes;
  BatchAxis inner; /* of each call; length 1: none */
  int64_t calls;   /* over the axes that are left */
  size_t work_bytes;
} Product;

/* ---- what is multiplied ---- */

/* Steps along the batch axes of an operand, aligned with the result's `rank`. */
static void batch_steps(const Shape *s, int rank, int64_t *steps) {
  int64_t step = s->dim[s->rank - 2] * s->dim[s->rank - 1];
  for (int i = rank - 3, own = s->rank - 3; i >= 0; i--, own--) {
    steps[i] = own >= 0 && s->dim[own] > 1 ? step : 0;
    if (own >= 0) step *= s->dim[own];
  }
}

/* Entries that share B, and whose rows of A follow each other, are rows of one product. */
static void join_rows(Product *p) {
  const BatchAxis *last = p->n_axes ? &p->axes[p->n_axes - 1] : NULL;
  if (!last || p->ta || last->b != 0 || last->a != p->m * p->k) return;
  if (last->length > INT32_MAX / p->m) return;
  p->m *= last->length;
  p->n_axes--;
}

static void make_batch(Product *p, const Shape *a, const Shape *b, const Shape *out) {
  int64_t a_steps[RANK_MAX], b_steps[RANK_MAX], c_steps[RANK_MAX];
  batch_steps(a, out->rank, a_steps);
  batch_steps(b, out->rank, b_steps);
  batch_steps(out, out->rank, c_steps);
  for (int i = 0; i < out->rank - 2; i++) {
    BatchAxis *last = p->n_axes ? &p->axes[p->n_axes - 1] : NULL;
    BatchAxis axis = {out->dim[i], a_steps[i], b_steps[i], c_steps[i]};
    if (axis.length == 1) continue;
    if (last && last->a == axis.a * axis.length && last->b == axis.b * axis.length)
      *last = (BatchAxis){last->length * axis.length, axis.a, axis.b, axis.c};
    else
      p->axes[p->n_axes++] = axis;
  }
  join_rows(p);
}

/* Takes the longest axis out of the list, for one call to run over. */
static void take_inner(Product *p) {
  int longest = 0;
  p->inner = (BatchAxis){.length = 1};
  for (int i = 1; i < p->n_axes; i++)
    if (p->axes[i].length >= p->axes[longest].length) longest = i;
  if (p->n_axes) {
    p->inner = p->axes[longest];
    p->n_axes--;
    for (int i = longest; i < p->n_axes; i++) p->axes[i] = p->axes[i + 1];
  }
  p->calls = 1;
  for (int i = 0; i < p->n_axes; i++) p->calls *= p->axes[i].length;
}

static bool for_cublas(const Product *p) {
  return p->m <= INT32_MAX && p->n <= INT32_MAX && p->k <= INT32_MAX &&
         p->calls * ((p->inner.length + BATCH_MAX - 1) / BATCH_MAX) <= CALLS_MAX;
}

/* ---- by cuBLAS ---- */

static Status set_up(const Product *p, CudaContext *x, cudaStream_t stream, void *work,
                     KernelError *error) {
  static const char *const what = "cuBLAS cannot be set up for a product";
  const CudaCalls *calls = x->calls;
  /* A new stream takes the workspace away, so it comes first.  A workspace of its own for each
   * product makes its bits independent of what else runs. */
  TRY(cuda_check_blas(x, calls->cublasSetStream_v2(x->blas, stream), what, error));
  TRY(cuda_check_blas(x, calls->cublasSetWorkspace_v2(x->blas, work, p->work_bytes), what, error));
  return cuda_check_blas(
      x,
      calls->cublasSetMathMode(x->blas, p->tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH),
      what, error);
}

/* `n` entries from where the three pointers are. */
static Status multiply(const Product *p, const CudaContext *x, const void *a, const void *b,
                       void *c, int64_t n, KernelError *error) {
  const float one = 1, zero = 0;
  const double wide_one = 1, wide_zero = 0;
  const bool wide = p->dtype == DTYPE_F64;
  const void *alpha = wide ? (const void *)&wide_one : &one;
  const void *beta = wide ? (const void *)&wide_zero : &zero;
  const cudaDataType type = wide ? CUDA_R_64F : CUDA_R_32F;
  const cublasComputeType_t compute = wide      ? CUBLAS_COMPUTE_64F
                                      : p->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                : CUBLAS_COMPUTE_32F;
  const cublasOperation_t turn_b = p->tb ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t turn_a = p->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
  const int rows = (int)p->n, columns = (int)p->m, k = (int)p->k;
  const int ldb = p->tb ? k : rows, lda = p->ta ? columns : k;
  cublasStatus_t code =
      n == 1
          ? x->calls->cublasGemmEx(x->blas, turn_b, turn_a, rows, columns, k, alpha, b, type, ldb,
                                   a, type, lda, beta, c, type, rows, compute, CUBLAS_GEMM_DEFAULT)
          : x->calls->cublasGemmStridedBatchedEx(x->blas, turn_b, turn_a, rows, columns, k, alpha,
                                                 b, type, ldb, p->inner.b, a, type, lda, p->inner.a,
                                                 beta, c, type, rows, p->inner.c, (int)n, compute,
                                                 CUBLAS_GEMM_DEFAULT);
  return cuda_check_blas(x, code, "cuBLAS refuses a product", error);
}

static Status run_cublas(const Kernel *kernel, cudaStream_t stream, const KernelArgs *args,
                         KernelError *error) {
  const Product *p = kernel->data;
  const size_t size = dtype_size(p->dtype);
  TRY(set_up(p, kernel->context, stream, args->work, error));
  for (int64_t call = 0; call < p->calls; call++) {
    BatchAxis at = {0};
    int64_t rest = call;
    for (int i = p->n_axes - 1; i >= 0; i--) {
      int64_t place = rest % p->axes[i].length;
      at.a += place * p->axes[i].a;
      at.b += place * p->axes[i].b;
      at.c += place * p->axes[i].c;
      rest /= p->axes[i].length;
    }
    for (int64_t first = 0; first < p->inner.length; first += BATCH_MAX) {
      int64_t n = p->inner.length - first < BATCH_MAX ? p->inner.length - first : BATCH_MAX;
      TRY(multiply(p, kernel->context,
                   (const char *)args->inputs[p->a] + (size_t)(at.a + first * p->inner.a) * size,
                   (const char *)args->inputs[p->b] + (size_t)(at.b + first * p->inner.b) * size,
                   (char *)args->outputs[0] + (size_t)(at.c + first * p->inner.c) * size, n,
                   error));
    }
  }
  return STATUS_OK;
}

static Status build_cublas(Product *p, Kernel *kernel, KernelError *error) {
  cublasHandle_t handle;
  TRY(cuda_context_blas(kernel->context, error, &handle));
  kernel->enqueue = run_cublas;
  snprintf(kernel->name, sizeof kernel->name, "product cublas%s", p->tf32 ? " tf32" : "");
  return STATUS_OK;
}

/* ---- by our own kernel ---- */

static Status build_plain(const Product *p, const KernelSpec *spec, Kernel *kernel,
                          KernelError *error) {
  CudaFunction *function;
  char defines[40];
  snprintf(defines, sizeof defines, "#define T %s\n", cuda_type(p->dtype));
  TRY(cuda_modules_function(kernel->context->modules, defines, cuda_text_product, "product_plain",
                            error, &function));
  cuda_launch_elements(kernel, function, shape_count(&spec->graph->nodes[spec->nodes[0]].shape),
                       PLAIN_THREADS);
  cuda_arg_input(kernel, spec, p->a);
  cuda_arg_input(kernel, spec, p->b);
  cuda_arg_output(kernel, spec, 0);
  cuda_arg_i64(kernel, p->m);
  cuda_arg_i64(kernel, p->n);
  cuda_arg_i64(kernel, p->k);
  /* Steps along rows and columns of the operands say which of them are transposed. */
  cuda_arg_i64(kernel, p->ta ? 1 : p->k);
  cuda_arg_i64(kernel, p->ta ? p->m : 1);
  cuda_arg_i64(kernel, p->tb ? 1 : p->n);
  cuda_arg_i64(kernel, p->tb ? p->k : 1);
  for (int i = 0; i < RANK_MAX - 2; i++) {
    BatchAxis axis = i < p->n_axes ? p->axes[p->n_axes - 1 - i] : (BatchAxis){.length = 1};
    cuda_arg_i64(kernel, axis.length);
    cuda_arg_i64(kernel, axis.a);
    cuda_arg_i64(kernel, axis.b);
  }
  snprintf(kernel->name, sizeof kernel->name, "product plain");
  return STATUS_OK;
}

Status cuda_build_matmul(const KernelSpec *spec, Kernel *kernel, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Shape *a = &g->nodes[node_input(g, id, 0)].shape, *out = &g->nodes[id].shape;
  const Shape *b = &g->nodes[node_input(g, id, 1)].shape;
  uint32_t inputs[2];
  if (!cuda_spec_inputs(spec, inputs, 2))
    return cuda_fail(error, STATUS_INVALID, "an operand of the product is not read");
  Product *p = cuda_kernel_data(kernel, sizeof *p, error);
  if (!p) return STATUS_SYSTEM;
  *p = (Product){.a = inputs[0],
                 .b = inputs[1],
                 .ta = node_attr_int(g, id, MATMUL_TRANSPOSE_A),
                 .tb = node_attr_int(g, id, MATMUL_TRANSPOSE_B),
                 .dtype = (DType)g->nodes[id].dtype,
                 .m = out->dim[out->rank - 2],
                 .n = out->dim[out->rank - 1],
                 .work_bytes = (size_t)spec->work_bytes};
  p->tf32 = kernel->context->tf32 && p->dtype == DTYPE_F32;
  p->k = a->dim[a->rank - (p->ta ? 2 : 1)];
  make_batch(p, a, b, out);
  Product whole = *p;
  take_inner(p);
  return for_cublas(p) ? build_cublas(p, kernel, error) : build_plain(&whole, spec, kernel, error);
}
