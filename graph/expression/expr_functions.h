/* Functions of elaboration-time expressions. */
#ifndef GRAPH_EXPRESSION_EXPR_FUNCTIONS_H
#define GRAPH_EXPRESSION_EXPR_FUNCTIONS_H

#include "graph/expression/value.h"

/* Calls `name`. False on failure: `text` (and `hint`, may stay empty) say why; both hold
 * EXPR_ERROR_MAX bytes. */
bool expr_call(Arena *arena, const char *name, const Value *args, uint32_t n, Value *out,
               char *text, char *hint);

#endif
