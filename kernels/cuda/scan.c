/* Cumulative sums along an axis.  The elements of a line are added in order by one thread, as on a
 * CPU: many lines run in parallel, a single long one does not. */
#include "kernels/cuda/index.h"

#define THREADS 256
#define LINES_MAX 32 /* in one block */
#define ENOUGH 512   /* blocks that keep a GPU busy */

Status cuda_build_scan(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  int64_t axis = node_attr_int(g, id, SCAN_AXIS), length = node->shape.dim[axis], outer, row;
  uint32_t input;
  CudaFunction *f;
  if (!cuda_spec_inputs(spec, &input, 1)) return cuda_no_input(k, error);
  if (!dtype_is_float((DType)node->dtype)) return cuda_no_type(k, (DType)node->dtype, error);
  cuda_axis_split(&node->shape, axis, &outer, &row);
  bool wide = cuda_index_wide(shape_count(&node->shape));
  int64_t lines = outer * row, together = 1;
  while (row == 1 && together < LINES_MAX && lines > together * ENOUGH) together *= 2;
  TRY(cuda_index_function(
      k, cuda_text_scan, row == 1 ? "scan" : "scan_apart", wide, error, &f,
      "#define T %s\n#define EXCLUSIVE %d\n#define REVERSE %d\n#define LINES %d\n",
      cuda_type((DType)node->dtype), (int)node_attr_int(g, id, SCAN_EXCLUSIVE),
      (int)node_attr_int(g, id, SCAN_REVERSE), (int)together));
  if (row == 1)
    cuda_launch(k, f, (lines + together - 1) / together, THREADS);
  else
    cuda_launch_elements(k, f, lines, THREADS);
  cuda_arg_input(k, spec, input);
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, lines, wide);
  cuda_arg_index(k, length, wide);
  if (row > 1) cuda_arg_divisor(k, row, wide);
  return STATUS_OK;
}
