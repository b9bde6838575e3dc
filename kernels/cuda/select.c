/* reduce-max and arg-max along one axis. */
#include "kernels/cuda/index.h"

#define THREADS 256
#define ENOUGH (1 << 16) /* threads that keep a GPU busy */

/* How many threads share a line: as many as read neighbours together, more where lines are few. */
static int64_t parts_of(int64_t lines, int64_t length, int64_t row) {
  int64_t parts = 1;
  while (parts < THREADS && 4 * parts <= length &&
         ((row == 1 && parts < 32) || lines * parts < ENOUGH))
    parts *= 2;
  return parts;
}

Status cuda_build_select(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *in = &g->nodes[node_input(g, id, 0)];
  bool index = g->nodes[id].op == OP_ARG_MAX;
  int64_t axis = node_attr_int(g, id, ARG_MAX_AXIS), length = in->shape.dim[axis], outer, row;
  uint32_t input;
  CudaFunction *f;
  if (!cuda_spec_inputs(spec, &input, 1)) return cuda_no_input(k, error);
  if (!dtype_is_float((DType)in->dtype)) return cuda_no_type(k, (DType)in->dtype, error);
  cuda_axis_split(&in->shape, axis, &outer, &row);
  bool wide = cuda_index_wide(shape_count(&in->shape));
  const char *type = cuda_type((DType)in->dtype);
  TRY(cuda_index_function(k, cuda_text_select, "select", wide, error, &f,
                          "#define T %s\n#define R %s\n#define RESULT(value, at) (%s)\n", type,
                          index ? "int" : type, index ? "at" : "value"));
  int64_t lines = outer * row, parts = parts_of(lines, length, row), per_block = THREADS / parts;
  cuda_launch(k, f, (lines + per_block - 1) / per_block, THREADS);
  cuda_arg_input(k, spec, input);
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, lines, wide);
  cuda_arg_index(k, length, wide);
  cuda_arg_divisor(k, row, wide);
  cuda_arg_i32(k, (int32_t)parts);
  return STATUS_OK;
}
