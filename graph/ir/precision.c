/* The table of precisions. */
#include "graph/ir/precision.h"

#include <stdio.h>
#include <string.h>

const Precision precision_table[PRECISION_COUNT] = {
    {"f32", DTYPE_F32, DTYPE_F64, DTYPE_F32},
    {"f64", DTYPE_F64, DTYPE_F64, DTYPE_F64},
    {"f32+f64", DTYPE_F32, DTYPE_F64, DTYPE_F64},
};

const Precision *precision_find(const char *name) {
  for (size_t i = 0; i < PRECISION_COUNT; i++)
    if (strcmp(precision_table[i].name, name) == 0) return &precision_table[i];
  return NULL;
}

const Precision *precision_of(DType storage, DType sum, DType master) {
  for (size_t i = 0; i < PRECISION_COUNT; i++) {
    const Precision *p = &precision_table[i];
    if (p->storage == storage && p->sum == sum && p->master == master) return p;
  }
  return NULL;
}

const Precision *precision_plain(DType dtype) {
  return precision_of(dtype, dtype_sum(dtype), dtype);
}

const char *precision_names(char text[PRECISION_NAMES_MAX]) {
  size_t n = 0;
  *text = 0;
  for (size_t i = 0; i < PRECISION_COUNT && n < PRECISION_NAMES_MAX; i++)
    n += (size_t)snprintf(text + n, PRECISION_NAMES_MAX - n, "%s%s", i ? " " : "",
                          precision_table[i].name);
  return text;
}
