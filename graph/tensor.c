#include "graph/tensor.h"

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

int64_t tensor_bytes(const Tensor *t) {
  return shape_count(&t->shape) * (int64_t)dtype_size(t->dtype);
}
