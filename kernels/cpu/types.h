/* The element types that the CPU computes with, in one list, from which kernels make a body and a
 * row of a table for each type.  `create` takes functions from such tables, by DType: what a table
 * lacks is an error there (spec_no_type), and nothing asks for a type while a kernel runs. */
#ifndef KERNELS_CPU_TYPES_H
#define KERNELS_CPU_TYPES_H

#include "graph/ir/dtype.h"

/* ROW(ID, suffix of names, T, SUM, more...): elements are T of C; long sums of them are held in SUM
 * and rounded once (dtype_sum; products add in T, see gemm.h). */
#define FLOAT_TYPES(ROW, ...)                                                                      \
  ROW(F32, f32, float, double, ##__VA_ARGS__)                                                      \
  ROW(F64, f64, double, double, ##__VA_ARGS__)
/* ROW(ID, suffix, T, T for arithmetic that wraps, more...). */
#define INTEGER_TYPES(ROW, ...)                                                                    \
  ROW(I32, i32, int32_t, uint32_t, ##__VA_ARGS__)                                                  \
  ROW(I64, i64, int64_t, uint64_t, ##__VA_ARGS__)

/* A row of a table by DType: NAME_f32, ... */
#define BY_TYPE(ID, S, T, SUM, NAME) [DTYPE_##ID] = NAME##_##S,

#define ELEMENT_BYTES_MAX 8

#endif
