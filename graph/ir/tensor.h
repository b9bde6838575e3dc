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
/* Of a tensor of whole numbers or bool: exactly, where a double would round an i64. */
int64_t tensor_get_int(const Tensor *tensor, int64_t i);
/* The first n elements of a floating tensor as C's floats, and back. */
void tensor_get_floats(const Tensor *tensor, float *to, int64_t n);
void tensor_set_floats(const Tensor *tensor, const float *from, int64_t n);
/* No element is infinite or no number; always true of types that are not floating. */
bool tensor_is_finite(const Tensor *tensor);
int64_t tensor_bytes(const Tensor *tensor);

#endif
