/* The table of element types: each column says what the elements do. */
#include "graph/ir/precision.h"
#include "graph/ir/tensor.h"
#include "tests/shell.h"

#include <math.h>

#define FOR_FLOATS(T)                                                                              \
  for (DType T = 0; T < DTYPE_COUNT; T++)                                                          \
    if (dtype_is_float(T))

static void test_elements(void) {
  for (DType t = 0; t < DTYPE_COUNT; t++) {
    const DTypeDesc *d = dtype_desc(t);
    char element[16];
    double ends[] = {0, 1, d->largest, d->is_float ? -d->largest : d->least};
    for (size_t i = 0; i < 4; i++) {
      memset(element, 0x5a, sizeof element);
      d->set(element, 0, ends[i]);
      CU_ASSERT_EQUAL(d->get(element, 0), ends[i]);
      for (size_t k = d->size; k < sizeof element; k++) CU_ASSERT_EQUAL(element[k], 0x5a);
      if (fabs(ends[i]) < 0x1p53 || d->is_float) CU_ASSERT_PTR_NULL(dtype_refuses(t, ends[i]));
    }
    DType again;
    CU_ASSERT(dtype_parse(d->name, &again) && again == t);
    CU_ASSERT_PTR_NOT_NULL(strstr(dtype_words(), d->name));
  }
  static const char first[] = "float f32 f64 i32 i64 bool"; /* plans number types so */
  CU_ASSERT_EQUAL(strncmp(dtype_words(), first, strlen(first)), 0);
  DType none;
  CU_ASSERT_FALSE(dtype_parse("float", &none));
}

/* The next number above `x` among those of the type is rounded to; halves between them go to even.
 */
static void test_rounding(void) {
  FOR_FLOATS(t) {
    const DTypeDesc *d = dtype_desc(t);
    double one = ldexp(1, d->exact), least = d->least;
    CU_ASSERT_EQUAL(dtype_round(t, one), one);
    CU_ASSERT_EQUAL(dtype_round(t, one - 1), one - 1);
    CU_ASSERT_EQUAL(dtype_round(t, one + 1), one); /* in between, and even is below */
    CU_ASSERT_EQUAL(dtype_round(t, one + 2), one + 2);
    CU_ASSERT_EQUAL(dtype_round(t, 1 + ldexp(1, 1 - d->exact)), 1 + ldexp(1, 1 - d->exact));
    CU_ASSERT_EQUAL(dtype_round(t, least), least);
    CU_ASSERT_EQUAL(dtype_round(t, d->largest), d->largest);
    double beyond = d->largest * (1 + ldexp(1, -d->exact)); /* rounds up */
    CU_ASSERT(isnan(dtype_round(t, NAN)));
    if (beyond > d->largest) { /* doubles reach beyond it */
      CU_ASSERT_EQUAL(dtype_round(t, beyond), INFINITY);
      CU_ASSERT_PTR_NOT_NULL(strstr(dtype_refuses(t, beyond), d->name));
    }
    CU_ASSERT_STRING_EQUAL(dtype_refuses(t, INFINITY), "is not finite");
  }
  CU_ASSERT_EQUAL(dtype_round(DTYPE_I32, 2.5), 2.5);
}

static void test_refused(void) {
  static const struct {
    DType dtype;
    double value;
    const char *why;
  } rows[] = {{DTYPE_I32, 2147483647, NULL},
              {DTYPE_I32, 2147483648, "does not fit into 32 bits"},
              {DTYPE_I32, -2147483648.0, NULL},
              {DTYPE_I32, -2147483649.0, "does not fit into 32 bits"},
              {DTYPE_I32, 0.5, "is no whole number"},
              {DTYPE_I64, 0x1p53 - 1, NULL},
              {DTYPE_I64, 0x1p53, "is too large: i64 is written exactly below 2^53 only"},
              {DTYPE_BOOL, 2, "is no bool, which is 0 or 1"},
              {DTYPE_BOOL, 0.5, "is no bool, which is 0 or 1"},
              {DTYPE_F32, 3.5e38, "is too large for f32"},
              {DTYPE_F64, 3.5e38, NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *why = dtype_refuses(rows[i].dtype, rows[i].value);
    CU_ASSERT(rows[i].why ? why && strcmp(why, rows[i].why) == 0 : !why);
  }
}

/* Digits of a number as text, without leading zeros. */
static int significant(const char *text) {
  int n = 0;
  for (text += strspn(text, "-0."); *text && *text != 'e'; text++) n += *text != '.';
  return n;
}

/* What is printed reads back as the same element, and nothing shorter does. */
static void test_texts(void) {
  FOR_FLOATS(t) {
    const DTypeDesc *d = dtype_desc(t);
    char text[DTYPE_TEXT_MAX], shorter[400];
    int n_long = 0;
    for (int i = 0; i < 20000; i++) {
      double x = dtype_round(t, ldexp(sin(i * 0.7), i % 100 - 50));
      CU_ASSERT_EQUAL_FATAL(d->parse(dtype_text(t, x, text)), x);
      CU_ASSERT_EQUAL_FATAL(dtype_round(t, strtod(text, NULL)), x);
      int digits = significant(text);
      if (digits <= d->digits_kept) continue;
      snprintf(shorter, sizeof shorter, "%.*g", digits - 1, x);
      CU_ASSERT_NOT_EQUAL_FATAL(d->parse(shorter), x);
      n_long++;
    }
    CU_ASSERT(n_long > 1000);
  }
  char text[DTYPE_TEXT_MAX];
  CU_ASSERT_STRING_EQUAL(dtype_text(DTYPE_F32, (double)0.1f, text), "0.1");
  CU_ASSERT_STRING_EQUAL(dtype_text(DTYPE_F64, (double)0.1f, text), "0.10000000149011612");
}

static void test_finite(void) {
  static const double bad[] = {INFINITY, -INFINITY, NAN};
  FOR_FLOATS(t) {
    double memory[70];
    Tensor v = {memory, t, {1, {67}}};
    for (int64_t i = 0; i < 67; i++) tensor_set(&v, i, i % 2 ? dtype_desc(t)->largest : -1);
    CU_ASSERT(tensor_is_finite(&v));
    for (int64_t i = 0; i < 67; i += 11)
      for (int k = 0; k < 3; k++) {
        tensor_set(&v, i, bad[k]);
        CU_ASSERT_FALSE(tensor_is_finite(&v));
        tensor_set(&v, i, 0);
      }
    CU_ASSERT(tensor_is_finite(&v));
  }
  int32_t whole = 0x7f800000;
  CU_ASSERT(tensor_is_finite(&(Tensor){&whole, DTYPE_I32, {0}}));
}

static void test_floats(void) {
  const float from[] = {1.5f, -0.1f, 3e38f};
  float to[3];
  FOR_FLOATS(t) {
    double memory[3];
    Tensor v = {memory, t, {1, {3}}};
    tensor_set_floats(&v, from, 3);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(tensor_get(&v, i), dtype_round(t, (double)from[i]));
    tensor_get_floats(&v, to, 3);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(to[i], (float)tensor_get(&v, i));
  }
}

/* Each row is found by its name and by its types; kernels hold sums as the row says. */
static void test_precisions(void) {
  char names[PRECISION_NAMES_MAX];
  precision_names(names);
  for (size_t i = 0; i < PRECISION_COUNT; i++) {
    const Precision *p = &precision_table[i];
    CU_ASSERT_PTR_EQUAL(precision_find(p->name), p);
    CU_ASSERT_PTR_EQUAL(precision_of(p->storage, p->sum, p->master), p);
    CU_ASSERT_PTR_NOT_NULL(strstr(names, p->name));
    CU_ASSERT(dtype_is_float(p->storage) && dtype_is_float(p->master));
    CU_ASSERT_EQUAL(p->sum, dtype_sum(p->storage));
    CU_ASSERT(dtype_desc(p->master)->exact >= dtype_desc(p->storage)->exact);
  }
  CU_ASSERT_PTR_EQUAL(precision_plain(DTYPE_F32), precision_find("f32"));
  CU_ASSERT_PTR_EQUAL(precision_plain(DTYPE_F64), precision_find("f64"));
  CU_ASSERT_PTR_EQUAL(PRECISION_DEFAULT, precision_find("f32"));
  CU_ASSERT_PTR_NULL(precision_find("f33"));
  CU_ASSERT_PTR_NULL(precision_of(DTYPE_F64, DTYPE_F64, DTYPE_F32));
}

int main(void) {
  static const SupportTest tests[] = {{"elements", test_elements},
                                      {"rounding", test_rounding},
                                      {"numbers that are refused", test_refused},
                                      {"texts", test_texts},
                                      {"what is finite", test_finite},
                                      {"C's floats", test_floats},
                                      {"precisions", test_precisions}};
  return support_run("dtype", tests, sizeof tests / sizeof *tests);
}
