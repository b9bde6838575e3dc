/* Indices of 32 and of 64 bits: which, and the numbers by which texts divide. */
#include "kernels/cuda/index.h"

#include "kernels/cuda/backend.h"

#include <stdarg.h>

static int64_t narrow_limit = (int64_t)1 << 30;

void cuda_index_limit(int64_t limit) {
  narrow_limit = limit;
}

bool cuda_index_wide(int64_t largest) {
  return largest >= narrow_limit;
}

Status cuda_index_function(Kernel *k, const char *text, const char *name, bool wide,
                           KernelError *error, CudaFunction **out, const char *format, ...) {
  char defines[4096];
  int n = snprintf(defines, sizeof defines, "#define WIDE %d\n", wide);
  va_list args;
  va_start(args, format);
  n += vsnprintf(defines + n, sizeof defines - (size_t)n, format, args);
  va_end(args);
  if ((size_t)n < sizeof defines)
    n += snprintf(defines + n, sizeof defines - (size_t)n, "%s", cuda_text_index);
  if ((size_t)n >= sizeof defines)
    return cuda_fail(error, STATUS_INVALID, "the defines of '%s' are too long", name);
  return cuda_modules_function(k->context->modules, defines, text, name, error, out);
}

void cuda_arg_index(Kernel *k, int64_t value, bool wide) {
  if (wide)
    cuda_arg_i64(k, value);
  else
    cuda_arg_i32(k, (int32_t)value);
}

/* With 2^(s-1) < d <= 2^s and m = 2^(31+s) / d, rounded up, n m / 2^(31+s) exceeds n / d by less
 * than n 2^s / 2^(31+s) / d < 1 / d: its whole part is that of n / d.  m fits 32 bits.  Wide
 * indices likewise, below 2^62, with 63 for 31. */
int64_t cuda_divisor(int64_t d, bool wide) {
  uint64_t s = 0;
  while ((int64_t)1 << s < d) s++;
  if (wide) {
    unsigned __int128 power = (unsigned __int128)1 << (63 + s);
    return (int64_t)(uint64_t)((power + (uint64_t)d - 1) / (uint64_t)d);
  }
  uint64_t m = (((uint64_t)1 << (31 + s)) + (uint64_t)d - 1) / (uint64_t)d;
  return (int64_t)((31 + s) << 32 | m);
}

void cuda_arg_divisor(Kernel *k, int64_t d, bool wide) {
  cuda_arg_index(k, d, wide);
  cuda_arg_i64(k, cuda_divisor(d, wide));
}

void cuda_axis_split(const Shape *shape, int64_t axis, int64_t *outer, int64_t *row) {
  *outer = *row = 1;
  for (int i = 0; i < shape->rank; i++)
    if (i != axis) *(i < axis ? outer : row) *= shape->dim[i];
}

Status cuda_no_input(const Kernel *k, KernelError *error) {
  return cuda_fail(error, STATUS_INVALID, "'%s': an input is not listed", k->name);
}

Status cuda_no_type(const Kernel *k, DType dtype, KernelError *error) {
  return cuda_fail(error, STATUS_INVALID, "'%s' has no CUDA kernel for elements of type %s",
                   k->name, dtype_name(dtype));
}

const char *cuda_bytes_type(int64_t bytes) {
  return bytes == 16  ? "Bytes16"
         : bytes == 8 ? "u64"
         : bytes == 4 ? "u32"
         : bytes == 2 ? "unsigned short"
                      : "u8";
}

int64_t cuda_widen(int64_t bytes, const int64_t *counts, uint32_t n) {
  for (int64_t by = 16 / bytes; by > 1; by /= 2) {
    bool all = true;
    for (uint32_t i = 0; i < n; i++) all &= counts[i] % by == 0;
    if (all) return by;
  }
  return 1;
}

Status cuda_zero_output(Kernel *k, const KernelSpec *spec, KernelError *error) {
  const Node *node = &spec->graph->nodes[spec->outputs[0]];
  int64_t n = shape_count(&node->shape), bytes = (int64_t)dtype_size((DType)node->dtype);
  int64_t by = cuda_widen(bytes, &n, 1);
  bool wide = cuda_index_wide(n / by);
  CudaFunction *f;
  TRY(cuda_index_function(k, cuda_text_zero, "zero", wide, error, &f, "#define T %s\n",
                          cuda_bytes_type(bytes * by)));
  cuda_launch_elements(k, f, n / by, 256);
  cuda_arg_output(k, spec, 0);
  cuda_arg_index(k, n / by, wide);
  return STATUS_OK;
}
