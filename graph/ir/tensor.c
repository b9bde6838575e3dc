/* Elements of a tensor, one by one or many, as numbers of C. */
#include "graph/ir/tensor.h"

#include <string.h>

double tensor_get(const Tensor *t, int64_t i) {
  return dtype_desc(t->dtype)->get(t->data, i);
}

int64_t tensor_get_int(const Tensor *t, int64_t i) {
  if (t->dtype == DTYPE_I64) return ((const int64_t *)t->data)[i];
  return t->dtype == DTYPE_I32 ? ((const int32_t *)t->data)[i] : ((const uint8_t *)t->data)[i];
}

void tensor_set(const Tensor *t, int64_t i, double value) {
  dtype_desc(t->dtype)->set(t->data, i, value);
}

/* f32 is C's float, whose bytes are copied. */
void tensor_get_floats(const Tensor *t, float *to, int64_t n) {
  if (t->dtype == DTYPE_F32)
    memcpy(to, t->data, (size_t)n * sizeof *to);
  else
    for (int64_t i = 0; i < n; i++) to[i] = (float)tensor_get(t, i);
}

void tensor_set_floats(const Tensor *t, const float *from, int64_t n) {
  if (t->dtype == DTYPE_F32)
    memcpy(t->data, from, (size_t)n * sizeof *from);
  else
    for (int64_t i = 0; i < n; i++) tensor_set(t, i, (double)from[i]);
}

bool tensor_is_finite(const Tensor *t) {
  const DTypeDesc *d = dtype_desc(t->dtype);
  return !d->finite || d->finite(t->data, shape_count(&t->shape));
}

int64_t tensor_bytes(const Tensor *t) {
  return shape_count(&t->shape) * (int64_t)dtype_size(t->dtype);
}
