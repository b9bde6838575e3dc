/* Tensor expressions: the `value` of expr, field and commit elements.
 *
 *     sum    := term (('+' | '-') term)*
 *     term   := factor (('*' | '/') factor)*
 *     factor := '-' factor | atom ('^' number)?
 *     atom   := number | NAME | '{' path '}' | NAME '(' sum (',' sum)* ')' | '(' sum ')'
 *
 * Shapes are broadcast as in numpy.  Functions are those that the ops' descriptors name
 * (OpDesc.function) and those of tensor_expr.c; the manual lists all. */
#ifndef COMPILER_TENSOR_EXPR_H
#define COMPILER_TENSOR_EXPR_H

#include "ops/emit.h"

/* Looks a name up; NODE_NONE after it has reported that there is none. */
typedef NodeId (*TensorResolve)(void *context, const char *name);

/* Emits the expression; NODE_NONE on failure (reported at e->loc). */
NodeId tensor_expr(Emitter *e, const char *text, TensorResolve resolve, void *context);

#endif
