/* Tensors of a file as values of a plan: their elements, what fits, the conversion, and messages
 * about them. */
#include "graph/base/text.h"
#include "runtime/execute/safetensors.h"

#include <limits.h>
#include <string.h>

/* ---- messages ---- */

static void tensor_place(const char *path, const char *name, char *place, size_t size) {
  text_format(place, size, "%s: tensor %s", path, name);
}

Status file_tensor_error(const char *path, const char *name, Diag *diag, const char *hint,
                         const char *format, ...) {
  char place[PATH_MAX + 512], text[1024];
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  tensor_place(path, name, place, sizeof place);
  return diag_error(diag, STATUS_INVALID, place, hint, "%s", text);
}

void file_tensor_warning(const char *path, const char *name, Diag *diag, const char *hint,
                         const char *format, ...) {
  char place[PATH_MAX + 512], text[1024];
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  tensor_place(path, name, place, sizeof place);
  diag_warning(diag, place, hint, "%s", text);
}

const char *file_tensor_shape(const FileTensor *t, char *text, size_t size) {
  size_t n = text_format(text, size, "(");
  int shown = t->rank < FILE_RANK_MAX ? t->rank : FILE_RANK_MAX;
  for (int i = 0; i < shown; i++)
    n = text_append(text, size, n, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
  text_append(text, size, n, shown < t->rank ? ", ...)" : ")");
  return text;
}

/* ---- elements ---- */

static double half_value(uint16_t bits) {
  int exponent = bits >> 10 & 31;
  double mantissa = bits & 1023, value;
  if (exponent == 31)
    value = mantissa != 0 ? (double)__builtin_nanf("") : (double)__builtin_inff();
  else if (exponent == 0)
    value = mantissa * 0x1p-24;
  else
    value = (mantissa + 1024) * (exponent >= 25 ? (double)(1 << (exponent - 25))
                                                : 1.0 / (double)(1 << (25 - exponent)));
  return bits >> 15 ? -value : value;
}

static size_t element_size(FileType type) {
  static const uint8_t sizes[] = {
      [FILE_F64] = 8, [FILE_F32] = 4, [FILE_F16] = 2, [FILE_BF16] = 2, [FILE_I64] = 8,
      [FILE_I32] = 4, [FILE_I16] = 2, [FILE_I8] = 1,  [FILE_U64] = 8,  [FILE_U32] = 4,
      [FILE_U16] = 2, [FILE_U8] = 1,  [FILE_BOOL] = 1};
  return sizes[type];
}

double file_tensor_get(const FileTensor *t, int64_t i) {
  size_t size = element_size(t->type);
  union {
    double f64;
    float f32;
    int64_t i64;
    int32_t i32;
    int16_t i16;
    int8_t i8;
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8;
  } v = {0};
  memcpy(&v, (const char *)t->data + (size_t)i * size, size); /* data need not be aligned */
  switch (t->type) {
  case FILE_F64:
    return v.f64;
  case FILE_F32:
    return (double)v.f32;
  case FILE_F16:
    return half_value(v.u16);
  case FILE_BF16:
    v.u32 = (uint32_t)v.u16 << 16;
    return (double)v.f32;
  case FILE_I64:
    return (double)v.i64;
  case FILE_I32:
    return v.i32;
  case FILE_I16:
    return v.i16;
  case FILE_I8:
    return v.i8;
  case FILE_U64:
    return (double)v.u64;
  case FILE_U32:
    return v.u32;
  case FILE_U16:
    return v.u16;
  default:
    return v.u8;
  }
}

/* ---- what fits ---- */

static bool is_float(const FileTensor *t) {
  return t->type == FILE_F32 || t->type == FILE_F64 || t->type == FILE_F16 || t->type == FILE_BF16;
}

static bool has_shape(const FileTensor *t, const Shape *shape) {
  if (t->rank != shape->rank) return false;
  for (int i = 0; i < t->rank; i++)
    if (t->dim[i] != shape->dim[i]) return false;
  return true;
}

/* A value of U64 that no i64 is: its highest bit is set. */
static bool is_beyond_i64(const FileTensor *t, int64_t i) {
  int64_t bits;
  memcpy(&bits, (const char *)t->data + (size_t)i * sizeof bits, sizeof bits);
  return bits < 0;
}

/* Index of the first element of an integer tensor that the type cannot hold; -1: none.  Only U64
 * has values beyond i64, which a double does not tell from the last of i64; the bounds of the
 * others are exact in one.  A BOOL that is not 0 is true. */
static int64_t first_beyond(const FileTensor *t, DType dtype) {
  const DTypeDesc *d = dtype_desc(dtype);
  if (d->is_float || t->type == FILE_BOOL) return -1;
  if (dtype == DTYPE_I64 && t->type != FILE_U64) return -1;
  for (int64_t i = 0; i < t->count; i++) {
    if (dtype == DTYPE_I64) {
      if (is_beyond_i64(t, i)) return i;
      continue;
    }
    double value = file_tensor_get(t, i);
    if (value < d->least || value > d->largest) return i;
  }
  return -1;
}

Status file_tensor_check(const FileTensor *t, const char *path, DType dtype, const Shape *shape,
                         const char *as, const char *hint, Diag *diag) {
  char have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX], taken[512] = "";
  if (as) text_format(taken, sizeof taken, " for '%s'", as);
  if (!has_shape(t, shape))
    return file_tensor_error(path, t->name, diag, hint, "has the shape %s, the plan wants %s%s",
                             file_tensor_shape(t, have, sizeof have),
                             shape_text(shape, want, sizeof want), taken);
  if (t->type == FILE_OTHER)
    return file_tensor_error(
        path, t->name, diag,
        "convert it to F32, F16 or BF16 where the file is written, or leave it out",
        "holds elements of type %s, which are not read; the plan wants %s%s", t->type_name,
        dtype_name(dtype), taken);
  if (is_float(t) && !dtype_is_float(dtype))
    return file_tensor_error(path, t->name, diag, NULL,
                             "holds floating-point numbers, the plan wants %s%s", dtype_name(dtype),
                             taken);
  int64_t at = first_beyond(t, dtype);
  if (at >= 0)
    return file_tensor_error(path, t->name, diag, NULL, "element %lld does not fit into %s%s",
                             (long long)at, dtype_name(dtype), taken);
  return STATUS_OK;
}

/* ---- conversion ---- */

/* Bytes can be copied as they are.  A bool's cannot: a file may hold 7 for true, a kernel 1.  A U64
 * that fits is the same as an i64. */
static bool same_bytes(const FileTensor *file, DType dtype) {
  if (dtype == DTYPE_BOOL) return false;
  if (dtype == DTYPE_I64 && file->type == FILE_U64) return true;
  return strcmp(file->type_name, dtype_desc(dtype)->file_name) == 0;
}

void file_tensor_copy(const Tensor *to, const FileTensor *from) {
  if (same_bytes(from, to->dtype)) {
    memcpy(to->data, from->data, (size_t)tensor_bytes(to));
    return;
  }
  for (int64_t i = 0; i < from->count; i++) tensor_set(to, i, file_tensor_get(from, i));
}
