/* Pooling: each element of a result by itself, neighbouring channels by neighbouring threads. */
#include "kernels/cuda/index.h"
#include "ops/emit.h"

#define THREADS 256

typedef struct Pool {
  uint32_t in[2]; /* positions of operand and index */
  DType dtype;
  int64_t n, c, hx, wx, hy, wy; /* x: the large side, y: the small side */
  Window window;
  bool wide;
} Pool;

static Status function(Kernel *k, const Pool *p, const char *name, KernelError *error,
                       CudaFunction **f) {
  return cuda_index_function(k, cuda_text_pool, name, p->wide, error, f, "#define T %s\n",
                             cuda_type(p->dtype));
}

/* POOL of the text, for `n` elements. */
static void arg_pool(Kernel *k, const Pool *p, int64_t n) {
  const Window *w = &p->window;
  cuda_arg_index(k, n, p->wide);
  cuda_arg_divisor(k, p->c, p->wide);
  cuda_arg_index(k, p->hx, p->wide);
  cuda_arg_divisor(k, p->wx, p->wide);
  cuda_arg_i64(k, cuda_divisor(p->hx, p->wide));
  cuda_arg_index(k, p->hy, p->wide);
  cuda_arg_divisor(k, p->wy, p->wide);
  cuda_arg_i64(k, cuda_divisor(p->hy, p->wide));
  cuda_arg_index(k, w->kernel[0], p->wide);
  cuda_arg_index(k, w->kernel[1], p->wide);
  cuda_arg_divisor(k, w->stride[0], p->wide);
  cuda_arg_divisor(k, w->stride[1], p->wide);
  cuda_arg_index(k, w->pad[0], p->wide);
  cuda_arg_index(k, w->pad[1], p->wide);
  cuda_arg_divisor(k, w->dilation[0], p->wide);
  cuda_arg_divisor(k, w->dilation[1], p->wide);
}

/* pool-index, pool-gather, pool-sum, pool-spread. */
static Status one_launch(const KernelSpec *spec, Kernel *k, const Pool *p, const char *name,
                         bool index, int64_t n, KernelError *error) {
  CudaFunction *f;
  TRY(function(k, p, name, error, &f));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, p->in[0]);
  if (index) cuda_arg_input(k, spec, p->in[1]);
  cuda_arg_output(k, spec, 0);
  if (index) cuda_arg_fault(k, p->hx * p->wx);
  arg_pool(k, p, n);
  return STATUS_OK;
}

static Status scatter(const KernelSpec *spec, Kernel *k, const Pool *p, int64_t large,
                      int64_t small, KernelError *error) {
  CudaFunction *f;
  TRY(function(k, p, "pool_begin", error, &f));
  cuda_launch(k, f, 1, 32);
  cuda_arg_work(k, 0, 4, CUDA_WRITES);
  TRY(function(k, p, "pool_check", error, &f));
  cuda_launch_elements(k, f, small, THREADS);
  cuda_arg_input(k, spec, p->in[1]);
  cuda_arg_fault(k, p->hx * p->wx);
  cuda_arg_work(k, 0, 4, CUDA_UPDATES);
  arg_pool(k, p, small);
  TRY(function(k, p, "pool_scatter", error, &f));
  cuda_launch_elements(k, f, large, THREADS);
  cuda_arg_input(k, spec, p->in[0]);
  cuda_arg_input(k, spec, p->in[1]);
  cuda_arg_work(k, 0, 4, CUDA_READS);
  cuda_arg_output(k, spec, 0);
  arg_pool(k, p, large);
  return STATUS_OK;
}

Status cuda_build_pool(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id], *operand = &g->nodes[node_input(g, id, 0)];
  bool up = node->op == OP_POOL_SCATTER || node->op == OP_POOL_SPREAD;
  const Shape *x = up ? &node->shape : &operand->shape, *y = up ? &operand->shape : &node->shape;
  Pool p = {.dtype = (DType)operand->dtype,
            .n = x->dim[0],
            .c = x->dim[3],
            .hx = x->dim[1],
            .wx = x->dim[2],
            .hy = y->dim[1],
            .wy = y->dim[2]};
  if (!cuda_spec_inputs(spec, p.in, node->n_inputs)) return cuda_no_input(k, error);
  if (!dtype_is_float(p.dtype)) return cuda_no_type(k, p.dtype, error);
  pool_window(g, id, &p.window);
  int64_t large = shape_count(x), small = shape_count(y), largest = large > small ? large : small;
  for (int d = 0; d < 2; d++) { /* where a window begins and ends */
    int64_t end = x->dim[1 + d] + p.window.pad[d] + p.window.pad[2 + d] +
                  p.window.kernel[d] * p.window.dilation[d] + p.window.stride[d];
    if (end > largest) largest = end;
  }
  p.wide = cuda_index_wide(largest);
  switch (node->op) {
  case OP_POOL_INDEX:
    return one_launch(spec, k, &p, "pool_index", false, small, error);
  case OP_POOL_GATHER:
    return one_launch(spec, k, &p, "pool_gather", true, small, error);
  case OP_POOL_SUM:
    return one_launch(spec, k, &p, "pool_sum", false, small, error);
  case OP_POOL_SPREAD:
    return one_launch(spec, k, &p, "pool_spread", false, large, error);
  default:
    return scatter(spec, k, &p, large, small, error);
  }
}
