/* Tables of expressions, made from the lists that the CPU's loops are made from. */
#include "kernels/cuda/expressions.h"

#include "kernels/cuda/kernel.h"

#include <string.h>

#define FLOAT_ROW(CPU) [DTYPE_F32] = #CPU, [DTYPE_F64] = #CPU
#define NUMBER_ROW(CPU) FLOAT_ROW(CPU), [DTYPE_I32] = #CPU, [DTYPE_I64] = #CPU
#define FLOAT_UNARY(ID, NAME, CPU, REFERENCE) [OP_##ID] = {FLOAT_ROW(CPU)},
#define FLOAT_BINARY(ID, NAME, CPU, REFERENCE) [OP_##ID] = {FLOAT_ROW(CPU)},
#define NUMBER_BINARY(ID, NAME, CPU, REFERENCE) [OP_##ID] = {NUMBER_ROW(CPU)},
#define NUMBER_CHOICE(ID, NAME, CPU, REFERENCE) [OP_##ID] = {NUMBER_ROW(CPU)},
#define NUMBER_COMPARE(ID, NAME, CPU, REFERENCE) [OP_##ID] = {NUMBER_ROW(CPU)},
#define ANY_COMPARE(ID, NAME, CPU, REFERENCE) [OP_##ID] = {NUMBER_ROW(CPU), [DTYPE_BOOL] = #CPU},
#define BOOL_UNARY(ID, NAME, CPU, REFERENCE) [OP_##ID] = {[DTYPE_BOOL] = #CPU},
#define BOOL_BINARY(ID, NAME, CPU, REFERENCE) [OP_##ID] = {[DTYPE_BOOL] = #CPU},

/* The loops of kernels/cpu/fused_ops.inc, for one element. */
#define TURN(F, QUARTER)                                                                           \
  "TURN_FAR((double)x, (double)(T)own_" #F "((double)x)) ? sine_far((double)x, " #QUARTER          \
  ") : own_" #F "((double)x)"
#define ANY_ROW(ID, NAME, T) [DTYPE_##ID] = "x ? y : z",

static const char *const table[OP_PRIMITIVE_COUNT][DTYPE_COUNT] = {
#include "kernels/elementwise.inc"
    [OP_SIN] = {[DTYPE_F32] = TURN(sin, 0), [DTYPE_F64] = TURN(sin, 0)},
    [OP_COS] = {[DTYPE_F32] = TURN(cos, 1), [DTYPE_F64] = TURN(cos, 1)},
    [OP_POWER] =
        {[DTYPE_F32] = "own_power((double)x, PARAM)", [DTYPE_F64] = "own_power((double)x, PARAM)"},
    [OP_SELECT] = {DTYPE_LIST(ANY_ROW)},
};

static const char *const casts[DTYPE_COUNT][DTYPE_COUNT] = {
#define CAST(FROM, F, TO, T, EXPR) [DTYPE_##FROM][DTYPE_##TO] = #EXPR,
#include "kernels/casts.inc"
};

static const char *const wrapping[DTYPE_COUNT] = {[DTYPE_I32] = "u32", [DTYPE_I64] = "u64"};

const char *cuda_expression(uint32_t op, DType of) {
  return op < OP_PRIMITIVE_COUNT ? table[op][of] : NULL;
}

const char *cuda_cast_expression(DType from, DType to) {
  return casts[from][to];
}

const char *cuda_expression_type(uint32_t op, DType of) {
#undef NUMBER_BINARY
#define NUMBER_BINARY(ID, NAME, CPU, REFERENCE) case OP_##ID:
  switch (op) {
#include "kernels/elementwise.inc"
    return wrapping[of] ? wrapping[of] : cuda_type(of);
  default:
    return cuda_type(of);
  }
}

bool cuda_expression_own(const char *expression) {
  return strstr(expression, "OWN(") || strstr(expression, "own_") ||
         strstr(expression, "TO_INT(") || strstr(expression, "INT32_");
}
