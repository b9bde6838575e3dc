/* resize and resize-adjoint: each element of a result by itself, from tables of each axis. */
#include "ops/resize.h"
#include "kernels/cuda/index.h"
#include "kernels/cuda/target.h"

#define THREADS 256

typedef struct Axes {
  int64_t from[2], to[2]; /* of resize, also when its adjoint is meant */
} Axes;

static Status function(Kernel *k, const char *name, DType dtype, ResizeMode mode, bool wide,
                       KernelError *error, CudaFunction **f) {
  return cuda_index_function(k, cuda_text_resize, name, wide, error, f,
                             "#define T %s\n#define MODE %d\n", cuda_type(dtype), (int)mode);
}

static void tables(Kernel *k, CudaFunction *f, const Axes *a, const CudaResizeWork *work) {
  int64_t threads[2];
  for (int d = 0; d < 2; d++) threads[d] = a->from[d] + 2 > a->to[d] ? a->from[d] + 2 : a->to[d];
  cuda_launch_elements(k, f, threads[0] + threads[1], THREADS);
  for (int d = 0; d < 2; d++) cuda_arg_work(k, work->parts[d], a->to[d] * 8, CUDA_WRITES);
  for (int d = 0; d < 2; d++) cuda_arg_work(k, work->firsts[d], a->to[d] * 4, CUDA_WRITES);
  for (int d = 0; d < 2; d++) cuda_arg_work(k, work->begins[d], (a->from[d] + 2) * 4, CUDA_WRITES);
  cuda_arg_i64(k, threads[0] + threads[1]);
  cuda_arg_i64(k, threads[0]);
  for (int d = 0; d < 2; d++) {
    cuda_arg_i64(k, a->from[d]);
    cuda_arg_i64(k, a->to[d]);
  }
}

Status cuda_build_resize(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape, *out = &g->nodes[id].shape;
  bool adjoint = g->nodes[id].op == OP_RESIZE_ADJOINT;
  const Shape *from = adjoint ? out : in, *to = adjoint ? in : out;
  DType dtype = (DType)g->nodes[id].dtype;
  Axes a = {.from = {from->dim[1], from->dim[2]}, .to = {to->dim[1], to->dim[2]}};
  CudaResizeWork work = cuda_resize_work(a.from, a.to);
  ResizeMode mode = resize_mode(g, id);
  int64_t n = shape_count(out), read = shape_count(in);
  bool wide = cuda_index_wide(n > read ? n : read);
  uint32_t input;
  CudaFunction *f;
  if (!cuda_spec_inputs(spec, &input, 1)) return cuda_no_input(k, error);
  if (!dtype_is_float(dtype)) return cuda_no_type(k, dtype, error);
  TRY(function(k, "resize_tables", dtype, mode, wide, error, &f));
  tables(k, f, &a, &work);
  TRY(function(k, adjoint ? "resize_adjoint" : "resize", dtype, mode, wide, error, &f));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, input);
  cuda_arg_output(k, spec, 0);
  for (int d = 0; d < 2; d++) cuda_arg_work(k, work.parts[d], a.to[d] * 8, CUDA_READS);
  for (int d = 0; d < 2; d++) cuda_arg_work(k, work.firsts[d], a.to[d] * 4, CUDA_READS);
  cuda_arg_index(k, n, wide);
  cuda_arg_divisor(k, out->dim[3], wide);
  cuda_arg_divisor(k, out->dim[2], wide);
  cuda_arg_divisor(k, out->dim[1], wide);
  cuda_arg_index(k, in->dim[1], wide);
  cuda_arg_index(k, in->dim[2], wide);
  for (int d = 0; d < 2 && adjoint; d++)
    cuda_arg_work(k, work.begins[d], (a.from[d] + 2) * 4, CUDA_READS);
  return STATUS_OK;
}
