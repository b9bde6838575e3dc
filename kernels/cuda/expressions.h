/* What an elementwise op computes of one element, as text: the CPU's own expressions
 * (kernels/elementwise.inc, kernels/casts.inc).  They are of x, y and z, whose type is T. */
#ifndef KERNELS_CUDA_EXPRESSIONS_H
#define KERNELS_CUDA_EXPRESSIONS_H

#include "ops/ops.h"

/* For operands of type `of`; NULL: there is none.  POWER's takes its exponent as PARAM. */
const char *cuda_expression(uint32_t op, DType of);
const char *cuda_cast_expression(DType from, DType to);
/* The type T: integer arithmetic wraps. */
const char *cuda_expression_type(uint32_t op, DType of);
/* True when the text needs kernels/own_math.inc. */
bool cuda_expression_own(const char *expression);

#endif
