/* gather, scatter-add, pick, place.
 *
 * What is added up is added in the order of the index, as on a CPU, without atomics: each element
 * of the result looks for its own contributions, among all where they are few, else among the
 * indices sorted. */
#include "kernels/cuda/sort.h"

#define THREADS 256

typedef struct Indexed {
  uint32_t in[2]; /* positions of operand and index */
  DType dtype;
  /* rows of `row` elements: `n_from` of them in the operand, `n_to` in the result; pick and place:
   * `outer` x `length` x `row` with `count` indices for each of the outer x row lines */
  int64_t n_from, n_to, row, outer, length, count;
  bool wide;
} Indexed;

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static Status function(Kernel *k, const Indexed *d, const char *text, const char *name,
                       KernelError *error, CudaFunction **f) {
  return cuda_index_function(k, text, name, d->wide, error, f, "#define T %s\n",
                             cuda_type(d->dtype));
}

static Status gather(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  int64_t bytes = (int64_t)dtype_size(d->dtype), by = cuda_widen(bytes, &d->row, 1);
  int64_t row = d->row / by, n = d->n_to * row;
  CudaFunction *f;
  TRY(cuda_index_function(k, cuda_text_gather, "gather", d->wide, error, &f, "#define T %s\n",
                          cuda_bytes_type(bytes * by)));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_input(k, spec, d->in[1]);
  cuda_arg_output(k, spec, 0);
  cuda_arg_fault(k, d->n_from);
  cuda_arg_index(k, n, d->wide);
  cuda_arg_divisor(k, row, d->wide);
  cuda_arg_index(k, d->n_from, d->wide);
  return STATUS_OK;
}

static Status pick(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  int64_t n = d->outer * d->count * d->row;
  CudaFunction *f;
  TRY(cuda_index_function(k, cuda_text_gather, "pick", d->wide, error, &f, "#define T %s\n",
                          cuda_bytes_type((int64_t)dtype_size(d->dtype))));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_input(k, spec, d->in[1]);
  cuda_arg_output(k, spec, 0);
  cuda_arg_fault(k, d->length);
  cuda_arg_index(k, n, d->wide);
  cuda_arg_divisor(k, d->count * d->row, d->wide);
  cuda_arg_divisor(k, d->row, d->wide);
  cuda_arg_index(k, d->length, d->wide);
  return STATUS_OK;
}

/* ---- scatter-add ---- */

static Status scatter_few(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  CudaFunction *f;
  TRY(function(k, d, cuda_text_scatter, "scatter_few", error, &f));
  cuda_launch_elements(k, f, d->n_to * d->row, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_input(k, spec, d->in[1]);
  cuda_arg_output(k, spec, 0);
  cuda_arg_fault(k, d->n_to);
  cuda_arg_index(k, d->n_to * d->row, d->wide);
  cuda_arg_divisor(k, d->row, d->wide);
  cuda_arg_i32(k, (int32_t)d->n_from);
  cuda_arg_index(k, d->n_to, d->wide);
  return STATUS_OK;
}

static Status scatter(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  CudaSort s = {.input = d->in[1],
                .dtype = DTYPE_I32,
                .bound = d->n_to,
                .lines = 1,
                .length = d->n_from,
                .row = 1,
                .wide = d->wide,
                .plan = cuda_sort_plan(1, d->n_from, 8, true)};
  int64_t items, starts = s.plan.bytes, starts_bytes = (d->n_to + 1) * 4;
  CudaFunction *f;
  TRY(cuda_sort(k, spec, &s, 0, 1, error, &items));
  TRY(function(k, d, cuda_text_scatter, "scatter_starts", error, &f));
  cuda_launch_elements(k, f, d->n_to + 1, THREADS);
  cuda_arg_work(k, items, d->n_from * 8, CUDA_READS);
  cuda_arg_work(k, starts, starts_bytes, CUDA_WRITES);
  cuda_arg_index(k, d->n_to + 1, d->wide);
  cuda_arg_i32(k, (int32_t)d->n_from);
  TRY(function(k, d, cuda_text_scatter, "scatter", error, &f));
  cuda_launch_elements(k, f, d->n_to * d->row, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_work(k, items, d->n_from * 8, CUDA_READS);
  cuda_arg_work(k, starts, starts_bytes, CUDA_READS);
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, d->n_to * d->row, d->wide);
  cuda_arg_divisor(k, d->row, d->wide);
  return STATUS_OK;
}

/* ---- place ---- */

static Status place_few(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  int64_t n = d->outer * d->length * d->row;
  CudaFunction *f;
  TRY(function(k, d, cuda_text_place, "place_few", error, &f));
  cuda_launch_elements(k, f, n, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_input(k, spec, d->in[1]);
  cuda_arg_output(k, spec, 0);
  cuda_arg_fault(k, d->length);
  cuda_arg_index(k, n, d->wide);
  cuda_arg_divisor(k, d->length * d->row, d->wide);
  cuda_arg_divisor(k, d->row, d->wide);
  cuda_arg_i32(k, (int32_t)d->count);
  cuda_arg_index(k, d->length, d->wide);
  return STATUS_OK;
}

/* Lines first .. first + n - 1. */
static Status place_lines(const KernelSpec *spec, Kernel *k, const Indexed *d, const CudaSort *s,
                          int64_t first, int64_t n, KernelError *error) {
  int64_t items;
  CudaFunction *f;
  TRY(cuda_sort(k, spec, s, first, n, error, &items));
  TRY(function(k, d, cuda_text_place, "place", error, &f));
  cuda_launch_elements(k, f, n * d->length, THREADS);
  cuda_arg_input(k, spec, d->in[0]);
  cuda_arg_work(k, items, n * d->count * 8, CUDA_READS);
  if (n == s->lines)
    cuda_arg_output(k, spec, 0);
  else
    cuda_arg_update(k, spec, 0);
  cuda_arg_index(k, first, d->wide);
  cuda_arg_divisor(k, n, d->wide);
  cuda_arg_divisor(k, d->length, d->wide);
  cuda_arg_divisor(k, d->row, d->wide);
  cuda_arg_i32(k, (int32_t)d->count);
  return STATUS_OK;
}

static Status place(const KernelSpec *spec, Kernel *k, const Indexed *d, KernelError *error) {
  CudaSort s = {.input = d->in[1],
                .dtype = DTYPE_I32,
                .bound = d->length,
                .lines = d->outer * d->row,
                .length = d->count,
                .row = d->row,
                .wide = d->wide,
                .plan = cuda_sort_plan(d->outer * d->row, d->count, 8, true)};
  if (s.plan.lines < s.lines) TRY(cuda_zero_output(k, spec, error));
  for (int64_t first = 0; first < s.lines; first += s.plan.lines)
    TRY(place_lines(spec, k, d, &s, first, least(s.lines - first, s.plan.lines), error));
  return STATUS_OK;
}

static Indexed indexed_of(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape, *out = &node->shape;
  int64_t from = shape_count(in), to = shape_count(out);
  Indexed d = {.dtype = (DType)node->dtype,
               .row = 1,
               .outer = 1,
               .wide = cuda_index_wide(from > to ? from : to)};
  if (node->op == OP_GATHER || node->op == OP_SCATTER_ADD) {
    d.n_from = in->dim[0];
    d.n_to = out->dim[0];
    for (int i = 1; i < in->rank; i++) d.row *= in->dim[i];
  } else {
    int64_t axis = node_attr_int(g, id, node->op == OP_PICK ? ARG_MAX_AXIS : PLACE_AXIS);
    d.length = node->op == OP_PICK ? in->dim[axis] : out->dim[axis];
    d.count = node->op == OP_PICK ? out->dim[axis] : in->dim[axis];
    cuda_axis_split(in, axis, &d.outer, &d.row);
  }
  return d;
}

Status cuda_build_indexed(const KernelSpec *spec, Kernel *k, KernelError *error) {
  uint32_t op = spec->graph->nodes[spec->nodes[0]].op;
  Indexed d = indexed_of(spec->graph, spec->nodes[0]);
  if (!cuda_spec_inputs(spec, d.in, 2)) return cuda_no_input(k, error);
  if (op == OP_GATHER) return gather(spec, k, &d, error);
  if (op == OP_PICK) return pick(spec, k, &d, error);
  if (!dtype_is_float(d.dtype)) return cuda_no_type(k, d.dtype, error);
  if (d.n_from > INT32_MAX || d.count > INT32_MAX)
    return cuda_fail(error, STATUS_NO_FIT, "'%s' adds more than 2^31 - 1 contributions", k->name);
  if (op == OP_SCATTER_ADD)
    return d.n_from <= CUDA_ROWS_FEW ? scatter_few(spec, k, &d, error)
                                     : scatter(spec, k, &d, error);
  return d.count <= CUDA_LINE_FEW ? place_few(spec, k, &d, error) : place(spec, k, &d, error);
}
