/* The table of element types. */
#include "graph/ir/dtype.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- elements ---- */

#define GET(ID, NAME, TYPE)                                                                        \
  static double get_##NAME(const void *data, int64_t i) {                                          \
    return (double)((const TYPE *)data)[i];                                                        \
  }
DTYPE_LIST(GET)

#define SET(NAME, TYPE, VALUE)                                                                     \
  static void set_##NAME(void *data, int64_t i, double value) {                                    \
    ((TYPE *)data)[i] = (TYPE)(VALUE);                                                             \
  }
SET(f32, float, value)
SET(f64, double, value)
SET(i32, int32_t, value)
SET(i64, int64_t, value)
SET(bool, uint8_t, value != 0)

/* A number is finite unless all bits of its exponent are ones: a loop that vectorises. */
#define FINITE(NAME, BITS, EXPONENT)                                                               \
  static bool finite_##NAME(const void *data, int64_t n) {                                         \
    BITS bad = 0;                                                                                  \
    for (int64_t i = 0; i < n; i++) bad |= (((const BITS *)data)[i] & (EXPONENT)) == (EXPONENT);   \
    return !bad;                                                                                   \
  }
FINITE(f32, uint32_t, 0x7f800000u)
FINITE(f64, uint64_t, 0x7ff0000000000000u)

static double parse_f32(const char *text) {
  return (double)strtof(text, NULL);
}
static double parse_f64(const char *text) {
  return strtod(text, NULL);
}

/* ---- the table ---- */

#define ROW(NAME, FILE_NAME, TYPE)                                                                 \
  .name = #NAME, .file_name = FILE_NAME, .size = sizeof(TYPE), .get = get_##NAME, .set = set_##NAME

const DTypeDesc dtype_table[DTYPE_COUNT] = {
    [DTYPE_F32] = {ROW(f32, "F32", float), .is_float = true, .least = (double)FLT_MIN,
                   .largest = (double)FLT_MAX, .exact = FLT_MANT_DIG,
                   .beyond = "is too large for f32",
                   .vanishes = "is too small for f32, which makes it 0", .sum = DTYPE_F64,
                   .finite = finite_f32, .digits_kept = FLT_DIG, .digits_all = FLT_DECIMAL_DIG,
                   .parse = parse_f32},
    [DTYPE_F64] = {ROW(f64, "F64", double), .is_float = true, .least = DBL_MIN, .largest = DBL_MAX,
                   .exact = DBL_MANT_DIG, .beyond = "is too large for f64",
                   .vanishes = "is too small for f64, which makes it 0", .sum = DTYPE_F64,
                   .finite = finite_f64, .digits_kept = DBL_DIG, .digits_all = DBL_DECIMAL_DIG,
                   .parse = parse_f64},
    [DTYPE_I32] = {ROW(i32, "I32", int32_t), .least = INT32_MIN, .largest = INT32_MAX, .exact = 31,
                   .beyond = "does not fit into 32 bits"},
    [DTYPE_I64] = {ROW(i64, "I64", int64_t), .least = -0x1p63, .largest = 0x1p63 - 1024,
                   .exact = 63, .beyond = "is too large: i64 is written exactly below 2^53 only"},
    [DTYPE_BOOL] = {ROW(bool, "BOOL", uint8_t), .least = 0, .largest = 1,
                    .beyond = "is no bool, which is 0 or 1"}};

/* ---- questions ---- */

bool dtype_parse(const char *name, DType *out) {
  for (int i = 0; i < DTYPE_COUNT; i++)
    if (strcmp(dtype_table[i].name, name) == 0) {
      *out = (DType)i;
      return true;
    }
  return false;
}

const char *dtype_words(void) {
#define WORD(ID, NAME, TYPE) " " #NAME
  return "float" DTYPE_LIST(WORD);
}

double dtype_round(DType dtype, double value) {
  union {
    char bytes[16];
    double align;
  } element;
  if (!dtype_is_float(dtype)) return value;
  dtype_table[dtype].set(&element, 0, value);
  return dtype_table[dtype].get(&element, 0);
}

const char *dtype_refuses(DType dtype, double value) {
  const DTypeDesc *d = &dtype_table[dtype];
  if (!isfinite(value)) return "is not finite";
  if (d->is_float && value != 0 && dtype_round(dtype, value) == 0) return d->vanishes;
  if (d->is_float) return isfinite(dtype_round(dtype, value)) ? NULL : d->beyond;
  if (dtype == DTYPE_BOOL) return value == 0 || value == 1 ? NULL : d->beyond;
  if (value != floor(value)) return "is no whole number";
  return value >= d->least && value <= d->largest && fabs(value) < 0x1p53 ? NULL : d->beyond;
}

/* `%g` drops trailing zeros, so the first number of digits that reads back is short enough. */
const char *dtype_text(DType dtype, double value, char text[DTYPE_TEXT_MAX]) {
  const DTypeDesc *d = &dtype_table[dtype];
  double element = dtype_round(dtype, value);
  for (int digits = d->digits_kept; digits <= d->digits_all; digits++) {
    snprintf(text, DTYPE_TEXT_MAX, "%.*g", digits, value);
    if (d->parse(text) == element) break;
  }
  return text;
}
