/* Precisions: the element types that `float` stands for in a model, by what a value is used for. */
#ifndef GRAPH_IR_PRECISION_H
#define GRAPH_IR_PRECISION_H

#include "graph/ir/dtype.h"

typedef struct Precision {
  const char *name; /* of --precision, in checkpoints and reports */
  DType storage;    /* values that a step computes */
  DType sum;        /* long sums of these, until they are rounded once: dtype_sum(storage) */
  DType master;     /* states, and the expressions that update them */
} Precision;

#define PRECISION_COUNT 3
extern const Precision precision_table[PRECISION_COUNT];
#define PRECISION_DEFAULT (&precision_table[0])

const Precision *precision_find(const char *name); /* NULL: there is none */
/* The row of these three types; NULL: there is none. */
const Precision *precision_of(DType storage, DType sum, DType master);
/* The one that has a single type for values and states; NULL: there is none. */
const Precision *precision_plain(DType dtype);
/* The names, blank-separated; returns `text`. */
#define PRECISION_NAMES_MAX 80
const char *precision_names(char text[PRECISION_NAMES_MAX]);

#endif
