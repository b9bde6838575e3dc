/* Formulas with tails: value, first and second derivative, through the kernels, in f32 and f64,
 * over the whole range on which they are finite, against closed forms in long double in which
 * nothing cancels.  An error counts in units of the last place of what is right, so that a tail
 * that is small, but wrong, fails. */
#include "compiler/differentiate.h"
#include "compiler/tensor_expr.h"
#include "tests/kernels/kernel_test.h"

typedef long double Real;
typedef Real (*Exact)(Real x);

/* ---- what is right ---- */

static Real tail(Real x) { /* e^-|x| */
  return expl(-fabsl(x));
}
static Real sigmoid(Real x) {
  return (x < 0 ? tail(x) : 1) / (1 + tail(x));
}
static Real slope(Real x) { /* of sigmoid */
  return tail(x) / ((1 + tail(x)) * (1 + tail(x)));
}
static Real bend(Real x) { /* of slope */
  return -slope(x) * tanhl(x / 2);
}
static Real even(Real x) { /* ln(1 + e^-|x|) */
  return log1pl(tail(x));
}
static Real softplus(Real x) {
  return fmaxl(x, 0) + even(x);
}
static Real minus_softplus(Real x) {
  return -softplus(x);
}
static Real mirrored(Real x) {
  return sigmoid(-x);
}
static Real minus_sigmoid(Real x) {
  return -sigmoid(x);
}
static Real minus_mirrored(Real x) {
  return -sigmoid(-x);
}
static Real minus_slope(Real x) {
  return -slope(x);
}
static Real minus_bend(Real x) {
  return -bend(x);
}
static Real log_sigmoid(Real x) {
  return -softplus(-x);
}
static Real softplus_mirrored(Real x) {
  return softplus(-x);
}
static Real odd(Real x) { /* of even; the mean of both sides at 0 */
  return x < 0 ? sigmoid(x) : x > 0 ? -sigmoid(-x) : 0;
}
static Real tanh_slope(Real x) {
  return 4 * slope(2 * x);
}
static Real tanh_bend(Real x) {
  return -2 * tanhl(x) * tanh_slope(x);
}
static Real gauss(Real x) {
  return expl(-x * x);
}
static Real gauss_slope(Real x) {
  return -2 * x * gauss(x);
}
static Real gauss_bend(Real x) {
  return (4 * x * x - 2) * gauss(x);
}
#define TWO_BY_ROOT_PI 1.128379167095512573896158903121545L
static Real erf_slope(Real x) {
  return TWO_BY_ROOT_PI * gauss(x);
}
static Real erf_bend(Real x) {
  return TWO_BY_ROOT_PI * gauss_slope(x);
}
static Real erfc_slope(Real x) {
  return -erf_slope(x);
}
static Real erfc_bend(Real x) {
  return -erf_bend(x);
}
static Real log1p_slope(Real x) {
  return 1 / (1 + x);
}
static Real log1p_bend(Real x) {
  return -1 / ((1 + x) * (1 + x));
}
static Real quarter_loss(Real x) { /* target 1/4 */
  return (x > 0 ? 0.75L * x : -0.25L * x) + even(x);
}
static Real quarter_slope(Real x) {
  return x > 0 ? 0.75L - sigmoid(-x) : sigmoid(x) - 0.25L;
}

/* ---- rows ---- */

typedef struct Row {
  const char *formula;
  Exact right[3];   /* value, first and second derivative */
  double low, high; /* where all of them are finite in f64; in f32 what is not is left out */
  double ulps[3];
  double floor; /* errors of the first derivative are measured against this at least: its roots */
} Row;

static const Row rows[] = {
    {"sigmoid(x)", {sigmoid, slope, bend}, -800, 800, {3, 5, 9}, 0},
    {"softplus(x)", {softplus, sigmoid, slope}, -800, 800, {3, 4, 6}, 0},
    {"log_sigmoid(x)", {log_sigmoid, mirrored, minus_slope}, -800, 800, {3, 4, 6}, 0},
    {"binary_cross_entropy(x, 0)", {softplus, sigmoid, slope}, -800, 800, {3, 4, 6}, 0},
    {"binary_cross_entropy(x, 1)",
     {softplus_mirrored, minus_mirrored, slope},
     -800,
     800,
     {3, 4, 6},
     0},
    {"binary_cross_entropy(x, 0.25)",
     {quarter_loss, quarter_slope, slope},
     -800,
     800,
     {5, 6, 8},
     0.25},
    {"tanh(x)", {tanhl, tanh_slope, tanh_bend}, -400, 400, {4, 6, 10}, 0},
    {"expm1(x)", {expm1l, expl, expl}, -740, 709, {3, 3, 3}, 0},
    {"log1p(x)", {log1pl, log1p_slope, log1p_bend}, -0.99, 1e9, {2, 3, 4}, 0},
    {"erf(x)", {erfl, erf_slope, erf_bend}, -9, 9, {2, 3, 5}, 0},
    {"erfc(x)", {erfcl, erfc_slope, erfc_bend}, -9, 9, {4, 4, 5}, 0},
    /* the second derivative of these has a root at sqrt(1/2), beside which terms cancel */
    {"gauss(x)", {gauss, gauss_slope, gauss_bend}, -9, 9, {2, 4, 100}, 0},
    /* what people write */
    {"exp(-square(x))", {gauss, gauss_slope, gauss_bend}, -9, 9, {2, 4, 100}, 0},
    {"exp(-x * x)", {gauss, gauss_slope, gauss_bend}, -9, 9, {2, 4, 100}, 0},
    {"exp(-x ^ 2)", {gauss, gauss_slope, gauss_bend}, -9, 9, {2, 4, 100}, 0},
    {"exp(x * -x)", {gauss, gauss_slope, gauss_bend}, -9, 9, {2, 4, 100}, 0},
    {"1 / (1 + exp(-x))", {sigmoid, slope, bend}, -800, 800, {3, 5, 9}, 0},
    {"1 / (1 + exp(x))", {mirrored, minus_slope, minus_bend}, -800, 800, {3, 5, 9}, 0},
    {"1 / (exp(-x) + 1)", {sigmoid, slope, bend}, -800, 800, {3, 5, 9}, 0},
    {"exp(x) / (1 + exp(x))", {sigmoid, slope, bend}, -800, 800, {3, 5, 9}, 0},
    {"1 - sigmoid(x)", {mirrored, minus_slope, minus_bend}, -800, 800, {3, 5, 9}, 0},
    {"log(1 + exp(x))", {softplus, sigmoid, slope}, -800, 800, {3, 4, 6}, 0},
    {"-log(sigmoid(x))", {softplus_mirrored, minus_mirrored, slope}, -800, 800, {3, 4, 6}, 0},
    {"-log(1 / (1 + exp(-x)))",
     {softplus_mirrored, minus_mirrored, slope},
     -800,
     800,
     {3, 4, 6},
     0},
    {"log(1 - sigmoid(x))", {minus_softplus, minus_sigmoid, minus_slope}, -800, 800, {3, 4, 6}, 0},
    {"log(1 + exp(-abs(x)))", {even, odd, slope}, -800, 800, {3, 4, 6}, 0},
    {"max(x, 0) + log(1 + exp(-abs(x)))", {softplus, sigmoid, slope}, -800, 800, {3, 5, 6}, 0},
    {"max(x, 0) - 0.25 * x + log(1 + exp(-abs(x)))",
     {quarter_loss, quarter_slope, slope},
     -800,
     800,
     {5, 6, 8},
     0.25},
};

/* ---- points ---- */

#define POINTS 4096

/* A third spread evenly, two thirds evenly in ln |x|, with both signs; 0 and both of its sides. */
static double point(const Row *row, int64_t i) {
  double u = ((double)i + 0.5) / POINTS, wide = fmax(fabs(row->low), fabs(row->high));
  if (i < 4) return (double[]){0, -0.0, 5e-324, -1e-300}[i];
  double x = i % 3 == 0 ? row->low + u * (row->high - row->low)
                        : (i % 3 == 1 ? 1 : -1) * exp(log(1e-30) + u * log(wide / 1e-30));
  return fmin(fmax(x, row->low), row->high);
}

static NodeId the_x(void *context, const char *name) {
  (void)name;
  return *(const NodeId *)context;
}

/* The value of every node by its kernel. */
static bool run_kernels(Lab *lab) {
  for (NodeId id = 1; id < lab->graph->n_nodes; id++) {
    void *value = lab_value(lab, id), *result;
    LabRun run = {
        .nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1, .share = -1};
    if (lab_given(lab, id)) continue;
    if (lab_run(lab, &run, &result, NULL) != STATUS_OK) return false;
    memcpy(value, result, lab_bytes(lab, id));
    free(result);
  }
  return true;
}

static NodeId total(Emitter *e, NodeId x) {
  return emit_scalar(e, emit_reduce_sum(e, x, AXES_ALL));
}

static bool slope_of(Lab *lab, NodeId x, NodeId y, NodeId *gradient) {
  NodeId sum = total(&lab->e, y), one = emit_constant_like(&lab->e, 1, sum);
  DiffRequest request = {.outputs = &sum,
                         .cotangents = &one,
                         .n_outputs = 1,
                         .by = &x,
                         .n_by = 1,
                         .reversal = REVERSAL_IDENTITY,
                         .role = ROLE_INNER};
  return differentiate(&lab->e, &request, gradient) == STATUS_OK && *gradient;
}

/* Distance from what is right, in units of its last place (at least that of `floor`). */
static double ulps(double have, Real want, double floor, DType dtype) {
  int e, digits = dtype == DTYPE_F32 ? 24 : 53, least = dtype == DTYPE_F32 ? -149 : -1074;
  if (isnan(have) || isinf(have)) return INFINITY;
  frexpl(fmaxl(fabsl(want), floor), &e);
  int last = e - digits > least ? e - digits : least;
  return (double)(fabsl((Real)have - want) / ldexpl(1, last));
}

static void check(const Row *row, DType dtype) {
  Lab lab;
  lab_init(&lab, dtype, 3);
  NodeId x = lab_input(&lab, dtype, 1, (int64_t[]){POINTS}), order[3];
  Tensor in = {lab_value(&lab, x), dtype, lab.graph->nodes[x].shape};
  for (int64_t i = 0; i < POINTS; i++) tensor_set(&in, i, point(row, i));
  order[0] = tensor_expr(&lab.e, row->formula, the_x, &x);
  CU_ASSERT_FATAL(order[0] && slope_of(&lab, x, order[0], &order[1]) &&
                  slope_of(&lab, x, order[1], &order[2]) && run_kernels(&lab));
  for (int k = 0; k < 3; k++) {
    Tensor out = {lab.values[order[k]], dtype, {0}};
    double worst = 0, at = 0;
    for (int64_t i = 0; i < POINTS; i++) {
      Real want = row->right[k](tensor_get(&in, i));
      if (dtype == DTYPE_F32 && fabsl(want) > 3.4e38L) continue;
      double error = ulps(tensor_get(&out, i), want, k == 1 ? row->floor : 0, dtype);
      if (error > worst) worst = error, at = tensor_get(&in, i);
    }
    if (!(worst <= row->ulps[k]))
      printf("\n    %s %s, order %d: %.3g ulp at %.17g", dtype_name(dtype), row->formula, k, worst,
             at);
    CU_ASSERT(worst <= row->ulps[k]);
  }
  lab_free(&lab);
}

static void test_f64(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check(&rows[i], DTYPE_F64);
}
static void test_f32(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check(&rows[i], DTYPE_F32);
}

LAB_MAIN("tails", {"f64", test_f64}, {"f32", test_f32})
