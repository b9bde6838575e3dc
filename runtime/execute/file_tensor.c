/* Tensors of a file as values of a plan: what fits, and the conversion. */
#include "runtime/execute/safetensors.h"

#include <string.h>

static bool is_float(const FileTensor *t) {
  return t->type == FILE_F32 || t->type == FILE_F64 || t->type == FILE_F16 || t->type == FILE_BF16;
}

static bool has_shape(const FileTensor *t, const Shape *shape) {
  if (t->rank != shape->rank) return false;
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] != shape->dim[i]) return false;
  return true;
}

/* Index of the first element that an i32 cannot hold; -1: none. */
static int64_t first_too_large(const FileTensor *t) {
  for (int64_t i = 0; i < t->count; i++) {
    double value = file_tensor_get(t, i);
    if (value < INT32_MIN || value > INT32_MAX) return i;
  }
  return -1;
}

Status file_tensor_check(const FileTensor *t, const char *path, DType dtype, const Shape *shape,
                         const char *as, Diag *diag) {
  char place[1024], have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX], taken[512] = "";
  snprintf(place, sizeof place, "%s: tensor %s", path, t->name);
  if (as) snprintf(taken, sizeof taken, " for '%s'", as);
  if (!has_shape(t, shape))
    return diag_error(diag, STATUS_INVALID, place,
                      "is it from a model with other sizes? compile with the -D it was made with",
                      "has the shape %s, the plan wants %s%s",
                      file_tensor_shape(t, have, sizeof have), shape_text(shape, want, sizeof want),
                      taken);
  if (is_float(t) && !dtype_is_float(dtype))
    return diag_error(diag, STATUS_INVALID, place, NULL,
                      "holds floating-point numbers, the plan wants %s%s", dtype_name(dtype),
                      taken);
  int64_t at = dtype == DTYPE_I32 && t->type != FILE_I32 ? first_too_large(t) : -1;
  if (at >= 0)
    return diag_error(diag, STATUS_INVALID, place, NULL, "element %lld does not fit into i32%s",
                      (long long)at, taken);
  return STATUS_OK;
}

/* Bytes can be copied as they are.  A bool's cannot: a file may hold 7 for true, a kernel 1. */
static bool same_type(FileType file, DType dtype) {
  return (file == FILE_F32 && dtype == DTYPE_F32) || (file == FILE_F64 && dtype == DTYPE_F64) ||
         (file == FILE_I32 && dtype == DTYPE_I32) || (file == FILE_I64 && dtype == DTYPE_I64);
}

void file_tensor_copy(const Tensor *to, const FileTensor *from) {
  if (same_type(from->type, to->dtype)) {
    memcpy(to->data, from->data, (size_t)tensor_bytes(to));
    return;
  }
  for (int64_t i = 0; i < from->count; i++) tensor_set(to, i, file_tensor_get(from, i));
}
