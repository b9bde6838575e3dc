/* Accuracy of the elementary functions, in units in the last place, against the C library's long
 * double; special values; and the same bits with every instruction set. */
#include "tests/kernels/kernel_test.h"

#define POINTS 200000

typedef struct Function {
  const char *name;
  OpId op;
  double exponent; /* power only */
  double low, high;
  bool logarithmic; /* points are spread evenly in ln |x|; both signs when low is negative */
  double f64_ulp;   /* bound in f64; in f32 it is 0.501 */
} Function;

static const Function functions[] = {
    {"exp", OP_EXP, 0, -745, 709.7, false, 1.5},
    {"exp near 0", OP_EXP, 0, -1e-3, 1e-3, false, 1},
    {"log", OP_LOG, 0, 1e-307, 1e307, true, 1},
    {"log near 1", OP_LOG, 0, 0.9, 1.1, false, 1},
    {"log of subnormals", OP_LOG, 0, 5e-324, 1e-308, true, 1},
    {"tanh", OP_TANH, 0, -25, 25, false, 3},
    {"tanh near 0", OP_TANH, 0, 1e-300, 1e-2, true, 3},
    {"1 / cosh^2", OP_TANH_SLOPE, 0, -370, 370, false, 4},
    {"1 / cosh^2 near 0", OP_TANH_SLOPE, 0, 1e-300, 2, true, 3.5},
    {"expm1", OP_EXPM1, 0, -50, 709.7, false, 2.5},
    {"expm1 near 0", OP_EXPM1, 0, 1e-310, 1, true, 2.5},
    {"expm1 below 0", OP_EXPM1, 0, -1, 0, false, 2.5},
    {"log1p", OP_LOG1P, 0, -0.9999999, 4, false, 1},
    {"log1p near 0", OP_LOG1P, 0, 1e-310, 0.5, true, 1},
    {"log1p far", OP_LOG1P, 0, 0.3, 1e300, true, 1},
    {"sigmoid", OP_SIGMOID, 0, -745, 40, false, 2.5},
    {"sigmoid near 0", OP_SIGMOID, 0, -1, 1, false, 2.5},
    {"softplus", OP_SOFTPLUS, 0, -745, 40, false, 2},
    {"softplus near 0", OP_SOFTPLUS, 0, -1, 1, false, 2},
    {"softplus far", OP_SOFTPLUS, 0, 1, 1e300, true, 1},
    {"erf", OP_ERF, 0, -7, 7, false, 1.5},
    {"erf near 0", OP_ERF, 0, 1e-300, 1e-2, true, 1},
    {"erfc", OP_ERFC, 0, -7, 7, false, 3},
    {"erfc far out", OP_ERFC, 0, 0.5, 26.5, false, 3.5},
    {"erfc near 0", OP_ERFC, 0, 1e-300, 1e-2, true, 1},
    {"gauss", OP_GAUSS, 0, -6, 6, false, 1.5},
    {"gauss far out", OP_GAUSS, 0, 5, 27.2, false, 1.5},
    {"gauss near 0", OP_GAUSS, 0, 1e-300, 1, true, 1},
    {"sin", OP_SIN, 0, -10, 10, false, 1},
    {"sin near 0", OP_SIN, 0, 1e-300, 1e-2, true, 1},
    {"sin of large angles", OP_SIN, 0, -1e6, 1e6, false, 2},
    {"cos", OP_COS, 0, -10, 10, false, 1},
    {"cos of large angles", OP_COS, 0, -1e6, 1e6, false, 2},
    {"sin of any angle", OP_SIN, 0, 1, 3.4e38, true, 2},
    {"cos of any angle", OP_COS, 0, 1, 3.4e38, true, 2},
    {"x^3", OP_POWER, 3, -100, 100, false, 3},
    {"x^-5", OP_POWER, -5, 0.01, 100, false, 5},
    {"x^(1/3)", OP_POWER, 1.0 / 3, 1e-6, 1e6, true, 8},
    {"x^2.5", OP_POWER, 2.5, 1e-3, 1e3, true, 25},
    {"x^-3 among subnormals", OP_POWER, -3, 0x1p341, 0x1p358, true, 2},
    {"x^-2 among subnormals", OP_POWER, -2, 0x1p511, 0x1p537, true, 2},
    {"x^-31 among subnormals", OP_POWER, -31, 0x1p33, 0x1.8p34, true, 16},
    {"x^-3 next to infinity", OP_POWER, -3, 0x1.a2p-342, 0x1p-338, true, 3},
    {"x^-8 next to infinity", OP_POWER, -8, 0x1.08p-128, 0x1p-127, true, 8},
    {"x^33", OP_POWER, 33, -2, 2, false, 600},
};

static long double exact(const Function *f, long double x) {
  switch (f->op) {
  case OP_EXP:
    return expl(x);
  case OP_LOG:
    return logl(x);
  case OP_TANH:
    return tanhl(x);
  case OP_TANH_SLOPE:
    return 4 * expl(-2 * fabsl(x)) / powl(1 + expl(-2 * fabsl(x)), 2);
  case OP_EXPM1:
    return expm1l(x);
  case OP_LOG1P:
    return log1pl(x);
  case OP_SIGMOID:
    return 1 / (1 + expl(-x));
  case OP_SOFTPLUS:
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
  case OP_ERF:
    return erfl(x);
  case OP_ERFC:
    return erfcl(x);
  case OP_GAUSS:
    return expl(-x * x);
  case OP_SIN:
    return sinl(x);
  case OP_COS:
    return cosl(x);
  default:
    return powl(x, (long double)f->exponent);
  }
}

/* Distance in units of the last place of the exact value (of f32 or f64). */
static double ulps(double have, long double want, DType dtype) {
  if (isnan(have) || isinf(have)) return INFINITY;
  int e, digits = dtype == DTYPE_F32 ? 24 : 53, least = dtype == DTYPE_F32 ? -149 : -1074;
  frexpl(want, &e);
  int last = e - digits > least ? e - digits : least;
  return (double)(fabsl((long double)have - want) / ldexpl(1, last));
}

static NodeId make(Lab *lab, const Function *f, NodeId x) {
  int64_t bits;
  memcpy(&bits, &f->exponent, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}};
  return emit_node(&lab->e, f->op, &x, 1, attrs);
}

/* Fills the input; f32 points are rounded first, so that the exact value is of the same x. */
static void fill(Lab *lab, const Function *f, NodeId x) {
  Tensor t = {lab_value(lab, x), lab->e.float_type, lab->graph->nodes[x].shape};
  for (int64_t i = 0; i < POINTS; i++) {
    double u = ((double)i + lab_uniform(lab)) / POINTS;
    double v = f->logarithmic ? exp(log(f->low) + u * (log(f->high) - log(f->low)))
                              : f->low + u * (f->high - f->low);
    tensor_set(&t, i, v);
  }
}

static void check(const Function *f, DType dtype) {
  Lab lab;
  lab_init(&lab, dtype, 9);
  NodeId x = lab_input(&lab, dtype, 1, (int64_t[]){POINTS}), y = make(&lab, f, x);
  fill(&lab, f, x);
  LabRun run = {
      .nodes = &y, .n_nodes = 1, .outputs = &y, .n_outputs = 1, .work_bytes = -1, .share = -1};
  void *results[3];
  bool same = true;
  for (int k = 0; k < 3; k++) {
    isa_limit(k == 0 ? ISA_V4 : k == 1 ? ISA_V3 : ISA_BASE);
    CU_ASSERT_EQUAL_FATAL(lab_run(&lab, &run, &results[k], NULL), STATUS_OK);
    same = same && memcmp(results[k], results[0], lab_bytes(&lab, y)) == 0;
  }
  isa_limit(ISA_V4);
  Tensor in = {lab_value(&lab, x), dtype, {0}}, out = {results[0], dtype, {0}};
  double worst = 0, at = 0;
  for (int64_t i = 0; i < POINTS; i++) {
    long double want = exact(f, (long double)tensor_get(&in, i));
    if (dtype == DTYPE_F32 && (fabsl(want) > 3.4e38L || tensor_get(&in, i) == 0)) continue;
    double error = ulps(tensor_get(&out, i), want, dtype);
    if (error > worst) worst = error, at = tensor_get(&in, i);
  }
  double bound = dtype == DTYPE_F32 ? 0.501 : f->f64_ulp;
  printf("\n    %s %-20s %.3f ulp at %g", dtype_name(dtype), f->name, worst, at);
  CU_ASSERT(worst <= bound);
  CU_ASSERT(same);
  for (int k = 0; k < 3; k++) free(results[k]);
  lab_free(&lab);
}

static void test_f64(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) check(&functions[i], DTYPE_F64);
}
static void test_f32(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) check(&functions[i], DTYPE_F32);
}

/* ---- special values, in any place of a vector ---- */

static const struct {
  OpId op;
  double exponent, x, y;
} specials[] = {
    {OP_EXP, 0, 0, 1},
    {OP_EXP, 0, INFINITY, INFINITY},
    {OP_EXP, 0, -INFINITY, 0},
    {OP_EXP, 0, 1000, INFINITY},
    {OP_EXP, 0, -1000, 0},
    {OP_EXP, 0, NAN, NAN},
    {OP_LOG, 0, 1, 0},
    {OP_LOG, 0, 0, -INFINITY},
    {OP_LOG, 0, -0.0, -INFINITY},
    {OP_LOG, 0, -1, NAN},
    {OP_LOG, 0, -INFINITY, NAN},
    {OP_LOG, 0, INFINITY, INFINITY},
    {OP_LOG, 0, NAN, NAN},
    {OP_TANH, 0, 0, 0},
    {OP_TANH, 0, INFINITY, 1},
    {OP_TANH, 0, -INFINITY, -1},
    {OP_TANH, 0, NAN, NAN},
    {OP_TANH_SLOPE, 0, 0, 1},
    {OP_TANH_SLOPE, 0, INFINITY, 0},
    {OP_TANH_SLOPE, 0, -INFINITY, 0},
    {OP_TANH_SLOPE, 0, NAN, NAN},
    {OP_EXPM1, 0, 0, 0},
    {OP_EXPM1, 0, INFINITY, INFINITY},
    {OP_EXPM1, 0, 1000, INFINITY},
    {OP_EXPM1, 0, -INFINITY, -1},
    {OP_EXPM1, 0, -1000, -1},
    {OP_EXPM1, 0, NAN, NAN},
    {OP_LOG1P, 0, 0, 0},
    {OP_LOG1P, 0, -1, -INFINITY},
    {OP_LOG1P, 0, -1.5, NAN},
    {OP_LOG1P, 0, -INFINITY, NAN},
    {OP_LOG1P, 0, INFINITY, INFINITY},
    {OP_LOG1P, 0, NAN, NAN},
    {OP_SIGMOID, 0, 0, 0.5},
    {OP_SIGMOID, 0, INFINITY, 1},
    {OP_SIGMOID, 0, -INFINITY, 0},
    {OP_SIGMOID, 0, 1000, 1},
    {OP_SIGMOID, 0, NAN, NAN},
    {OP_SOFTPLUS, 0, INFINITY, INFINITY},
    {OP_SOFTPLUS, 0, -INFINITY, 0},
    {OP_SOFTPLUS, 0, 1000, 1000},
    {OP_SOFTPLUS, 0, NAN, NAN},
    {OP_ERF, 0, 0, 0},
    {OP_ERF, 0, 1000, 1},
    {OP_ERF, 0, INFINITY, 1},
    {OP_ERF, 0, -INFINITY, -1},
    {OP_ERF, 0, NAN, NAN},
    {OP_ERFC, 0, 0, 1},
    {OP_ERFC, 0, 1000, 0},
    {OP_ERFC, 0, INFINITY, 0},
    {OP_ERFC, 0, -INFINITY, 2},
    {OP_ERFC, 0, NAN, NAN},
    {OP_GAUSS, 0, 0, 1},
    {OP_GAUSS, 0, 1000, 0},
    {OP_GAUSS, 0, INFINITY, 0},
    {OP_GAUSS, 0, -INFINITY, 0},
    {OP_GAUSS, 0, NAN, NAN},
    {OP_SIN, 0, 0, 0},
    {OP_SIN, 0, -0.0, -0.0},
    {OP_SIN, 0, INFINITY, NAN},
    {OP_SIN, 0, NAN, NAN},
    {OP_COS, 0, 0, 1},
    {OP_COS, 0, -INFINITY, NAN},
    {OP_COS, 0, NAN, NAN},
    {OP_POWER, 3, -2, -8},
    {OP_POWER, 4, -2, 16},
    {OP_POWER, -1, -2, -0.5},
    {OP_POWER, -2, 0, INFINITY},
    {OP_POWER, 3, 0, 0},
    {OP_POWER, -3, -0.0, -INFINITY},
    {OP_POWER, -3, INFINITY, 0},
    {OP_POWER, -3, -INFINITY, -0.0},
    {OP_POWER, -4, -INFINITY, 0},
    {OP_POWER, -3, NAN, NAN},
    {OP_POWER, 0.5, 0, 0},
    {OP_POWER, 0.5, 1, 1},
    {OP_POWER, -0.5, 0, INFINITY},
    {OP_POWER, 0.5, -1, NAN},
    {OP_POWER, 0.5, NAN, NAN},
    {OP_POWER, 35, -1, -1},
    {OP_POWER, 36, -1, 1},
};

static void check_special(size_t row, DType dtype) {
  Lab lab;
  lab_init(&lab, dtype, 3);
  Function f = {.op = specials[row].op, .exponent = specials[row].exponent};
  NodeId x = lab_input(&lab, dtype, 1, (int64_t[]){37}), y = make(&lab, &f, x);
  Tensor in = {lab_value(&lab, x), dtype, lab.graph->nodes[x].shape};
  for (int64_t i = 0; i < 37; i++) tensor_set(&in, i, specials[row].x);
  LabRun run = {
      .nodes = &y, .n_nodes = 1, .outputs = &y, .n_outputs = 1, .work_bytes = -1, .share = -1};
  void *result;
  bool good = lab_run(&lab, &run, &result, NULL) == STATUS_OK;
  Tensor out = {result, dtype, {0}};
  for (int64_t i = 0; i < 37; i++) {
    double have = tensor_get(&out, i), want = specials[row].y;
    good = good && (isnan(want) ? isnan(have) : have == want && !signbit(have) == !signbit(want));
  }
  if (!good)
    printf("\n  %s(%g), exponent %g: %g\n", op_desc(f.op)->name, specials[row].x, f.exponent,
           tensor_get(&out, 0));
  CU_ASSERT(good);
  free(result);
  lab_free(&lab);
}

/* f64 angles beside a multiple of pi/2, and so large that the next one is many turns away; values
 * by quadruple precision. */
static const struct {
  OpId op;
  double x, y;
} angles[] = {
    {OP_SIN, 1e-300, 1e-300},
    {OP_SIN, 0x1.921fb54442d18p0, 1},
    {OP_SIN, 0x1.921fb54442d18p1, 0x1.1a62633145c07p-53}, /* pi as a double is too small by this */
    {OP_COS, 0x1.921fb54442d18p0, 0x1.1a62633145c07p-54},
    {OP_COS, 0x1.6ac5b262ca1ffp849, -0x1.14ae72e6ba22fp-61}, /* nearest to a multiple of pi/2 */
    {OP_SIN, 1e300, -0x1.a2c16b010e385p-1},
    {OP_COS, 0x1.fffffffffffffp1023, -0x1.fffe62ecfab75p-1},
};

static void test_angles(void) {
  for (size_t i = 0; i < sizeof angles / sizeof *angles; i++) {
    Lab lab;
    lab_init(&lab, DTYPE_F64, 9);
    Function f = {.op = angles[i].op};
    NodeId x = lab_input(&lab, DTYPE_F64, 1, (int64_t[]){1}), y = make(&lab, &f, x);
    *(double *)lab_value(&lab, x) = angles[i].x;
    LabRun run = {
        .nodes = &y, .n_nodes = 1, .outputs = &y, .n_outputs = 1, .work_bytes = -1, .share = -1};
    void *result;
    CU_ASSERT_EQUAL_FATAL(lab_run(&lab, &run, &result, NULL), STATUS_OK);
    CU_ASSERT(ulps(*(double *)result, (long double)angles[i].y, DTYPE_F64) <= 1);
    free(result);
    lab_free(&lab);
  }
}

static void test_specials(void) {
  for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
    check_special(i, DTYPE_F64);
    check_special(i, DTYPE_F32);
  }
}

LAB_MAIN("math", {"f64", test_f64}, {"f32", test_f32}, {"special values", test_specials},
         {"angles", test_angles})
