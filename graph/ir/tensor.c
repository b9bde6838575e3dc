/* Reads and writes single elements of any type as a double, and says which doubles a type cannot
 * hold: no value is cut or wrapped in silence. */
#include "graph/ir/tensor.h"

#include <math.h>

double tensor_get(const Tensor *t, int64_t i) {
  switch (t->dtype) {
  case DTYPE_F32:
    return (double)((const float *)t->data)[i];
  case DTYPE_F64:
    return ((const double *)t->data)[i];
  case DTYPE_I32:
    return ((const int32_t *)t->data)[i];
  case DTYPE_I64:
    return (double)((const int64_t *)t->data)[i];
  default:
    return ((const uint8_t *)t->data)[i];
  }
}

void tensor_set(const Tensor *t, int64_t i, double value) {
  switch (t->dtype) {
  case DTYPE_F32:
    ((float *)t->data)[i] = (float)value;
    break;
  case DTYPE_F64:
    ((double *)t->data)[i] = value;
    break;
  case DTYPE_I32:
    ((int32_t *)t->data)[i] = (int32_t)value;
    break;
  case DTYPE_I64:
    ((int64_t *)t->data)[i] = (int64_t)value;
    break;
  default:
    ((uint8_t *)t->data)[i] = value != 0;
    break;
  }
}

const char *tensor_refuses(DType dtype, double value) {
  if (!isfinite(value)) return "is not finite";
  if (dtype == DTYPE_F64) return NULL;
  if (dtype == DTYPE_F32) return isfinite((float)value) ? NULL : "is too large for f32";
  if (dtype == DTYPE_BOOL) return value == 0 || value == 1 ? NULL : "is no bool, which is 0 or 1";
  if (value != floor(value)) return "is no whole number";
  if (dtype == DTYPE_I32)
    return value >= INT32_MIN && value <= INT32_MAX ? NULL : "does not fit into 32 bits";
  return fabs(value) < 0x1p53 ? NULL : "is too large: i64 is written exactly below 2^53 only";
}

int64_t tensor_bytes(const Tensor *t) {
  return shape_count(&t->shape) * (int64_t)dtype_size(t->dtype);
}
