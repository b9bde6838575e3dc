/* Elements of the types that cuBLAS, cuDNN and NCCL share. */
#include "tests/cusim/values.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

size_t value_size(ValueType type) {
  static const size_t sizes[] = {2, 2, 4, 8, 4, 8, 1};
  return sizes[type];
}

double value_load(const void *at, ValueType type, size_t index) {
  switch (type) {
  case VALUE_F16:
    return (double)((const _Float16 *)at)[index];
  case VALUE_BF16: {
    uint32_t bits = (uint32_t)((const uint16_t *)at)[index] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
  }
  case VALUE_F32:
    return ((const float *)at)[index];
  case VALUE_F64:
    return ((const double *)at)[index];
  case VALUE_I32:
    return ((const int32_t *)at)[index];
  case VALUE_I64:
    return (double)((const int64_t *)at)[index];
  case VALUE_U8:
    return ((const uint8_t *)at)[index];
  }
  return NAN;
}

static uint16_t bf16_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (isnan(value)) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

void value_store(void *at, ValueType type, size_t index, double value) {
  switch (type) {
  case VALUE_F16:
    ((_Float16 *)at)[index] = (_Float16)value;
    break;
  case VALUE_BF16:
    ((uint16_t *)at)[index] = bf16_of((float)value);
    break;
  case VALUE_F32:
    ((float *)at)[index] = (float)value;
    break;
  case VALUE_F64:
    ((double *)at)[index] = value;
    break;
  case VALUE_I32:
    ((int32_t *)at)[index] = (int32_t)value;
    break;
  case VALUE_I64:
    ((int64_t *)at)[index] = (int64_t)value;
    break;
  case VALUE_U8:
    ((uint8_t *)at)[index] = (uint8_t)value;
    break;
  }
}

ValueType value_type_of(cudaDataType type) {
  return type == CUDA_R_16F    ? VALUE_F16
         : type == CUDA_R_16BF ? VALUE_BF16
         : type == CUDA_R_64F  ? VALUE_F64
                               : VALUE_F32;
}
