/* A dense, row-major value in memory that someone else owns. */
#ifndef GRAPH_IR_TENSOR_H
#define GRAPH_IR_TENSOR_H

#include "graph/ir/ir.h"

typedef struct Tensor {
  void *data;
  DType dtype;
  Shape shape;
} Tensor;

/* Element `i` of a tensor as a double, and back (rounded to its type). */
double tensor_get(const Tensor *tensor, int64_t i);
void tensor_set(const Tensor *tensor, int64_t i, double value);
/* Why a number as written cannot be an element of this type, as the end of a sentence ("is no whole
 * number"); NULL when it can.  Numbers are held as doubles: i64 takes what is exact there. */
const char *tensor_refuses(DType dtype, double value);
int64_t tensor_bytes(const Tensor *tensor);

#endif
