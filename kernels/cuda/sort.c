/* arg-sort along one axis, and the order of indices for ops that add where these say.
 *
 * Items are a key and a place, no two of them equal, so that there is one order: the CPU's. */
#include "kernels/cuda/sort.h"

#define THREADS 256
#define SLOTS_LEAST 512 /* of a block: an exchange for each thread */

static int64_t power_of_two(int64_t n) {
  int64_t p = 1;
  while (p < n) p *= 2;
  return p;
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* The items of a launch: in the work buffer, or the result. */
static void arg_out(Kernel *k, const KernelSpec *spec, const CudaSort *s, int64_t first, int64_t n,
                    bool last, int64_t buffer, int64_t bytes) {
  if (!last)
    cuda_arg_work(k, buffer * s->plan.buffer, bytes, CUDA_WRITES);
  else if (first == 0 && n == s->lines)
    cuda_arg_output(k, spec, 0);
  else
    cuda_arg_update(k, spec, 0);
}

static Status function(Kernel *k, const CudaSort *s, const char *name, bool last, int64_t slots,
                       KernelError *error, CudaFunction **f) {
  int key = s->dtype == DTYPE_I32 ? 0 : 8 * (int)dtype_size(s->dtype);
  return cuda_index_function(
      k, cuda_text_sort, name, s->wide, error, f,
      "#define KEY %d\n#define DESCENDING %d\n#define LAST %d\n#define SLOTS %lld\n", key,
      s->descending, last, (long long)slots);
}

Status cuda_sort(Kernel *k, const KernelSpec *spec, const CudaSort *s, int64_t first, int64_t n,
                 KernelError *error, int64_t *kept) {
  CudaFunction *f;
  int64_t run = power_of_two(least(s->length, CUDA_SORT_RUN));
  int64_t slots = least(run * power_of_two(n), SLOTS_LEAST), runs = s->plan.runs, buffer = 0;
  int64_t item = s->dtype == DTYPE_F64 ? 16 : 8, bytes = n * s->length * item;
  bool last = s->count && s->plan.passes == 0;
  if (slots < run) slots = run;
  TRY(function(k, s, "sort_runs", last, slots, error, &f));
  cuda_launch(k, f, (n * runs * run + slots - 1) / slots, THREADS);
  cuda_arg_input(k, spec, s->input);
  arg_out(k, spec, s, first, n, last, buffer, bytes);
  cuda_arg_index(k, first, s->wide);
  cuda_arg_index(k, n, s->wide);
  cuda_arg_index(k, s->length, s->wide);
  cuda_arg_divisor(k, s->row, s->wide);
  cuda_arg_index(k, s->count, s->wide);
  cuda_arg_divisor(k, runs, s->wide);
  cuda_arg_i32(k, (int32_t)run);
  if (s->dtype == DTYPE_I32) {
    cuda_arg_fault(k, s->bound);
    cuda_arg_i64(k, s->bound);
  }
  for (int64_t pass = 1, shift = 11; pass <= s->plan.passes; pass++, shift++, buffer ^= 1) {
    last = s->count && pass == s->plan.passes;
    TRY(function(k, s, "merge_runs", last, slots, error, &f));
    cuda_launch_elements(k, f, n * s->length, THREADS);
    cuda_arg_work(k, buffer * s->plan.buffer, bytes, CUDA_READS);
    arg_out(k, spec, s, first, n, last, buffer ^ 1, bytes);
    cuda_arg_index(k, n * s->length, s->wide);
    cuda_arg_index(k, first, s->wide);
    cuda_arg_divisor(k, s->length, s->wide);
    cuda_arg_divisor(k, s->row, s->wide);
    cuda_arg_index(k, s->count, s->wide);
    cuda_arg_i32(k, (int32_t)shift);
  }
  *kept = buffer * s->plan.buffer;
  return STATUS_OK;
}

Status cuda_build_sort(const KernelSpec *spec, Kernel *k, KernelError *error) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *in = &g->nodes[node_input(g, id, 0)];
  int64_t axis = node_attr_int(g, id, ARG_SORT_AXIS), outer, kept;
  CudaSort s = {.dtype = (DType)in->dtype,
                .descending = node_attr_int(g, id, ARG_SORT_DESCENDING),
                .length = in->shape.dim[axis],
                .count = g->nodes[id].shape.dim[axis],
                .wide = cuda_index_wide(shape_count(&in->shape))};
  if (!cuda_spec_inputs(spec, &s.input, 1)) return cuda_no_input(k, error);
  if (!dtype_is_float(s.dtype)) return cuda_no_type(k, s.dtype, error);
  cuda_axis_split(&in->shape, axis, &outer, &s.row);
  s.lines = outer * s.row;
  s.plan = cuda_sort_plan(s.lines, s.length, 2 * (int64_t)dtype_size(s.dtype), false);
  if (s.plan.lines < s.lines) TRY(cuda_zero_output(k, spec, error));
  for (int64_t first = 0; first < s.lines; first += s.plan.lines)
    TRY(cuda_sort(k, spec, &s, first, least(s.lines - first, s.plan.lines), error, &kept));
  return STATUS_OK;
}
