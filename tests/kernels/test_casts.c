/* Casts of values that the new type does not hold: to an integer the nearest end, whichever type
 * they come from; NaN is 0; fractions are cut off towards 0. */
#include "tests/kernels/kernel_test.h"

typedef struct Want {
  double from;
  int32_t i32;
  int64_t i64;
} Want;

#define F32_BELOW_31 2147483520 /* the largest f32 below 2^31; of 2^63 likewise */
#define F32_BELOW_63 9223371487098961920
#define F64_BELOW_63 9223372036854774784

/* Numbers that f32 and f64 hold alike. */
static const Want floats[] = {{0, 0, 0},
                              {-0.0, 0, 0},
                              {2.75, 2, 2},
                              {-2.75, -2, -2},
                              {NAN, 0, 0},
                              {INFINITY, INT32_MAX, INT64_MAX},
                              {-INFINITY, INT32_MIN, INT64_MIN},
                              {1e30, INT32_MAX, INT64_MAX},
                              {-1e30, INT32_MIN, INT64_MIN},
                              {0x1p31, INT32_MAX, 2147483648},
                              {-0x1p31, INT32_MIN, -2147483648},
                              {0x1p31 + 256, INT32_MAX, 2147483904},
                              {-0x1p31 - 256, INT32_MIN, -2147483904},
                              {0x1p31 - 128, F32_BELOW_31, F32_BELOW_31},
                              {0x1p63, INT32_MAX, INT64_MAX},
                              {-0x1p63, INT32_MIN, INT64_MIN},
                              {0x1p63 - 0x1p39, INT32_MAX, F32_BELOW_63}};
/* Those that only f64 holds. */
static const Want doubles[] = {{2147483647.5, INT32_MAX, 2147483647},
                               {-2147483648.5, INT32_MIN, -2147483648},
                               {0x1p63 - 1024, INT32_MAX, F64_BELOW_63},
                               {1e300, INT32_MAX, INT64_MAX}};
static const int64_t wholes[] = {0,          -7,          INT32_MAX,        INT32_MIN,
                                 2147483648, -2147483649, (int64_t)1 << 40, -((int64_t)1 << 40),
                                 INT64_MAX,  INT64_MIN,   4294967296};
#define COUNT_OF(LIST) (int64_t)(sizeof LIST / sizeof *LIST)
#define TIMES 7 /* so that vectors and their rests are both there */

static NodeId cast_of(Lab *lab, NodeId x, DType to) {
  int64_t type = to;
  EmitAttr attrs[] = {{&type, 1}};
  return emit_node(&lab->e, OP_CAST, &x, 1, attrs);
}

static int64_t element(const void *data, DType dtype, int64_t i) {
  return dtype == DTYPE_I32 ? ((const int32_t *)data)[i] : ((const int64_t *)data)[i];
}

/* The kernel gives the reference's bits; here the reference gives the values of the list. */
static void check_floats(const Want *list, int64_t n, DType from, DType to) {
  Lab lab;
  int64_t count = TIMES * n;
  lab_init(&lab, from, 1);
  NodeId x = lab_input(&lab, from, 1, &count);
  Tensor t = {lab_value(&lab, x), from, {1, {count}}};
  for (int64_t i = 0; i < count; i++) tensor_set(&t, i, list[i % n].from);
  NodeId y = cast_of(&lab, x, to);
  CU_ASSERT(lab_check_node(&lab, y, 0, "cast"));
  for (int64_t i = 0; i < count; i++) {
    const Want *w = &list[i % n];
    int64_t want = to == DTYPE_I32 ? w->i32 : w->i64, have = element(lab.values[y], to, i);
    if (have != want)
      printf("\n  %g from %s to %s is %lld, not %lld\n", w->from, dtype_name(from), dtype_name(to),
             (long long)have, (long long)want);
    CU_ASSERT_EQUAL_FATAL(have, want);
  }
  lab_free(&lab);
}

static void test_floats(void) {
  for (int to = DTYPE_I32; to <= DTYPE_I64; to++) {
    check_floats(floats, COUNT_OF(floats), DTYPE_F32, (DType)to);
    check_floats(floats, COUNT_OF(floats), DTYPE_F64, (DType)to);
    check_floats(doubles, COUNT_OF(doubles), DTYPE_F64, (DType)to);
  }
}

static void test_wholes(void) {
  Lab lab;
  int64_t n = COUNT_OF(wholes), count = TIMES * n;
  lab_init(&lab, DTYPE_F32, 1);
  NodeId x = lab_input(&lab, DTYPE_I64, 1, &count), y = cast_of(&lab, x, DTYPE_I32);
  int64_t *data = lab_value(&lab, x);
  for (int64_t i = 0; i < count; i++) data[i] = wholes[i % n];
  CU_ASSERT(lab_check_node(&lab, y, 0, "cast of i64"));
  for (int64_t i = 0; i < count; i++) {
    int64_t want = wholes[i % n];
    want = want > INT32_MAX ? INT32_MAX : want < INT32_MIN ? INT32_MIN : want;
    CU_ASSERT_EQUAL_FATAL(element(lab.values[y], DTYPE_I32, i), want);
  }
  lab_free(&lab);
}

LAB_MAIN("casts", {"from floating types", test_floats}, {"from i64", test_wholes})
