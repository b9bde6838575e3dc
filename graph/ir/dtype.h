/* Element types: whatever more than one place asks of a type is a column of one table, so that a
 * new type is a row here and rows in the kernels' tables (docs/graph.md, "How to add").  Nothing
 * else compares a floating type with another. */
#ifndef GRAPH_IR_DTYPE_H
#define GRAPH_IR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ROW(ID, name, type of C that holds an element); plans number types by this order. */
#define DTYPE_LIST(ROW)                                                                            \
  ROW(F32, f32, float)                                                                             \
  ROW(F64, f64, double)                                                                            \
  ROW(I32, i32, int32_t)                                                                           \
  ROW(I64, i64, int64_t)                                                                           \
  ROW(BOOL, bool, uint8_t)

#define DTYPE_ID(ID, NAME, TYPE) DTYPE_##ID,
typedef enum DType { DTYPE_LIST(DTYPE_ID) DTYPE_COUNT } DType;
#undef DTYPE_ID

typedef struct DTypeDesc {
  const char *name;      /* in models and messages */
  const char *file_name; /* in safetensors files */
  size_t size;           /* bytes of an element */
  bool is_float;
  /* Floating: the least normal and the largest number.  Others: the least and the largest. */
  double least, largest;
  int exact;            /* every whole number up to 2^exact is an element */
  const char *beyond;   /* what a number beyond the largest is, as the end of a sentence */
  const char *vanishes; /* floating: what a number is that becomes 0, likewise */
  DType sum;            /* floating: the type in which kernels hold long sums of elements */
  /* Element i as a double, and back: rounded to nearest; whole and in range where it is no
   * floating type. */
  double (*get)(const void *data, int64_t i);
  void (*set)(void *data, int64_t i, double value);
  /* ---- floating types only ---- */
  bool (*finite)(const void *data, int64_t n); /* all n elements */
  /* Significant digits as text: so many are always kept, with so many every element reads back. */
  int digits_kept, digits_all;
  double (*parse)(const char *text); /* the element nearest to a decimal number */
} DTypeDesc;
extern const DTypeDesc dtype_table[DTYPE_COUNT];

static inline const DTypeDesc *dtype_desc(DType dtype) {
  return &dtype_table[dtype];
}
static inline size_t dtype_size(DType dtype) {
  return dtype_table[dtype].size;
}
static inline const char *dtype_name(DType dtype) {
  return dtype_table[dtype].name;
}
static inline bool dtype_is_float(DType dtype) {
  return dtype_table[dtype].is_float;
}
/* The type in which long sums of a floating type are held until they are rounded once. */
static inline DType dtype_sum(DType dtype) {
  return dtype_table[dtype].sum;
}
bool dtype_parse(const char *name, DType *out);
/* What an attribute of a model may say, blank-separated: `float`, then the names. */
const char *dtype_words(void);
/* The nearest element of a floating type, infinite beyond the largest; others keep the value. */
double dtype_round(DType dtype, double value);
/* Why a number as written cannot be an element of this type, as the end of a sentence ("is no whole
 * number"); NULL when it can.  Numbers are held as doubles: i64 takes what is exact there. */
const char *dtype_refuses(DType dtype, double value);
/* The shortest text that reads back as the element nearest to `value`; returns `text`. */
#define DTYPE_TEXT_MAX 40
const char *dtype_text(DType dtype, double value, char text[DTYPE_TEXT_MAX]);

#endif
