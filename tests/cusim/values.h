/* Elements of the types that cuBLAS, cuDNN and NCCL share. */
#ifndef TESTS_CUSIM_VALUES_H
#define TESTS_CUSIM_VALUES_H

#include <library_types.h>
#include <stddef.h>

typedef enum ValueType {
  VALUE_F16,
  VALUE_BF16,
  VALUE_F32,
  VALUE_F64,
  VALUE_I32,
  VALUE_I64,
  VALUE_U8
} ValueType;

size_t value_size(ValueType type);
double value_load(const void *at, ValueType type, size_t index);
/* Rounds to the nearest, ties to even. */
void value_store(void *at, ValueType type, size_t index, double value);
ValueType value_type_of(cudaDataType type); /* of the four floating-point types */

#endif
