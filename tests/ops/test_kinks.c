/* Formulas at points where a part of them is not smooth: value, gradient by x and by y, and the
 * gradient by x of the sum of the gradient by x.  What is right there is what the whole formula
 * has: where kinks cancel, the derivative of the sum; where a branch is not taken, nothing of it.
 */
#include "compiler/differentiate.h"
#include "compiler/tensor_expr.h"
#include "tests/kernels/kernel_test.h"

#define COUNT_MAX 8

typedef struct Row {
  const char *formula;
  uint32_t n; /* elements of x and y */
  double x[COUNT_MAX], y[COUNT_MAX];
  double by_x[COUNT_MAX], by_y[COUNT_MAX], second[COUNT_MAX];
} Row;

static const Row rows[] = {
    /* sums in which kinks cancel */
    {"max(x, 0) + min(x, 0)", 3, {0, -1, 2}, {0}, {1, 1, 1}, {0}, {0}},
    {"max(0, x) + min(x, 0)", 3, {0, -1, 2}, {0}, {1, 1, 1}, {0}, {0}},
    {"max(x, 0) - max(-x, 0)", 3, {0, -1, 2}, {0}, {1, 1, 1}, {0}, {0}},
    {"max(x, y) + min(x, y)", 3, {1, 2, 0}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0}},
    {"max(x, y) + min(y, x)", 3, {1, 2, 0}, {1, 1, 3}, {1, 1, 1}, {1, 1, 1}, {0}},
    {"2 * max(x, 0) - abs(x)", 3, {0, -1, 2}, {0}, {1, 1, 1}, {0}, {0}},
    {"max(x, -x) - abs(x)", 3, {0, -1, 2}, {0}, {0}, {0}, {0}},
    {"abs(x) * abs(x)", 3, {0, -1, 2}, {0}, {0, -2, 4}, {0}, {2, 2, 2}},
    {"max(x, 0) - y * x + log(1 + exp(-abs(x)))",
     3,
     {0, 0, 0},
     {0.25, 0, 1},
     {0.25, 0.5, -0.5},
     {0, 0, 0},
     {0.25, 0.25, 0.25}},
    {"max(x, 0) - y * x + log(exp(-abs(x)) + 1)",
     2,
     {0, 0},
     {0.25, 1},
     {0.25, -0.5},
     {0, 0},
     {0.25, 0.25}},
    {"max(x, y) + log(1 + exp(-abs(x - y)))",
     2,
     {3, 0},
     {3, 0},
     {0.5, 0.5},
     {0.5, 0.5},
     {0.25, 0.25}},
    {"binary_cross_entropy(x, y)",
     3,
     {0, 0, 0},
     {0.25, 0, 1},
     {0.25, 0.5, -0.5},
     {0, 0, 0},
     {0.25, 0.25, 0.25}},
    /* branches that are not taken */
    {"where(less(2, x), log(x), 2 * x)",
     3,
     {0, 3, 5},
     {0},
     {2, 1 / 3.0, 0.2},
     {0},
     {0, -1 / 9.0, -0.04}},
    {"where(less(0, x), sqrt(x), x)",
     3,
     {-1, -4, 9},
     {0},
     {1, 1, 1 / 6.0},
     {0},
     {0, 0, -1 / 108.0}},
    {"where(less(x, 0), x, rsqrt(x))", 2, {-1, 4}, {0}, {1, -1 / 16.0}, {0}, {0, 3 / 128.0}},
    {"where(equal(x, 0), 0, x * sqrt(x))", 2, {0, 4}, {0}, {0, 3}, {0}, {0, 0.375}},
    {"where(less(0, x), x * log(x), 0)", 3, {0, 1, -2}, {0}, {0, 1, 0}, {0}, {0, 1, 0}},
    {"where(less(0, x), exp(log(x) * 2), x)", 3, {0, -1, 3}, {0}, {1, 1, 6}, {0}, {0, 0, 2}},
    {"where(less(x, 80), exp(x), x)", 2, {1000, 0}, {0}, {1, 1}, {0}, {0, 1}},
    {"where(less(0, x), x ^ 0.5, 0)", 3, {0, -1, 4}, {0}, {0, 0, 0.25}, {0}, {0, 0, -1 / 32.0}},
    {"where(less(0, x), 1 / (x * x * x), 0)", 3, {0, -1, 1}, {0}, {0, 0, -3}, {0}, {0, 0, 12}},
    {"where(less(-1, x), log1p(x), x)", 3, {-1, -3, 1}, {0}, {1, 1, 0.5}, {0}, {0, 0, -0.25}},
    {"where(equal(y, 0), 0, x / y)", 3, {0, 1, 3}, {0, 0, 2}, {0, 0, 0.5}, {0, 0, -0.75}, {0}},
    {"where(less(0, x), square(1 / x), 0)", 2, {0, 2}, {0}, {0, -0.25}, {0}, {0, 0.375}},
    {"where(less(0, x), sin(1 / x), 0) - where(less(0, x), sin(1 / x), 0)",
     2,
     {0, 2},
     {0},
     {0},
     {0},
     {0}},
    {"where(less(0, x), sin(4 / x) + x, 0)", 1, {0}, {0}, {0}, {0}, {0}},
    {"where(less(x, 1), 0, where(less(x, 3), log(x - 1), sqrt(x - 3)))",
     3,
     {0, 2, 7},
     {0},
     {0, 1, 0.25},
     {0},
     {0, -1, -1 / 32.0}},
    {"where(less(0, x), log(x), 0) + where(less(0, x), sqrt(x), y)",
     3,
     {0, -1, 4},
     {0},
     {0, 0, 0.5},
     {1, 1, 0},
     {0, 0, -1 / 16.0 - 1 / 32.0}},
    {"where(less(0, x), log(sqrt(x)), 0)", 3, {0, -1, 2}, {0}, {0, 0, 0.25}, {0}, {0, 0, -0.125}},
    {"where(less(0, sum(y)), sum(x) / sum(y), 0)", 2, {1, 2}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
    {"where(less(0, sum(y)), sum(x) / sum(y), 0)",
     2,
     {1, 2},
     {2, 2},
     {0.25, 0.25},
     {-0.1875, -0.1875},
     {0}},
    {"where(less(0, x), x * log(sum(y)), 0)", 2, {-1, -2}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
    {"where(less(0, x), x * log(sum(y)), 0)", 2, {-1, 2}, {1, 0}, {0, 0}, {2, 2}, {0, 0}},
    {"where(less(0, sum(x)), sum(x * log(x)), 0)", 2, {0, 0}, {0}, {0, 0}, {0}, {0, 0}},
    /* roots at 0 */
    {"sqrt(sum(square(x)))", 3, {0, 0, 0}, {0}, {0, 0, 0}, {0}, {0, 0, 0}},
    {"sqrt(sum(square(x)))", 2, {3, 4}, {0}, {0.6, 0.8}, {0}, {0.032, -0.024}},
    {"square(sqrt(sum(square(x))))", 3, {0, 0, 0}, {0}, {0, 0, 0}, {0}, {2, 2, 2}},
    {"sqrt(sum(x * x)) ^ 2", 2, {0, 3}, {0}, {0, 6}, {0}, {2, 2}},
    {"sqrt(square(x))", 3, {0, -2, 3}, {0}, {0, -1, 1}, {0}, {0, 0, 0}},
    {"sqrt(x * x + square(y))", 2, {0, 3}, {0, 4}, {0, 0.6}, {0, 0.8}, {0, 0.128}},
    {"(x ^ 2 + y ^ 2) ^ 0.5", 2, {0, 3}, {0, 4}, {0, 0.6}, {0, 0.8}, {0, 0.128}},
    {"sqrt(mean(square(x - mean(x))))", 2, {5, 5}, {0}, {0, 0}, {0}, {0, 0}},
    {"sqrt(3 * mean(square(x)))", 1, {0}, {0}, {0}, {0}, {0}},
    {"sum(abs(x) ^ 3) ^ 0.25", 2, {0, 0}, {0}, {0, 0}, {0}, {0, 0}},
    {"sqrt(abs(x))", 2, {0, 4}, {0}, {0, 0.25}, {0}, {0, -1 / 32.0}},
    {"sqrt(x)", 2, {0, 4}, {0}, {INFINITY, 0.25}, {0}, {NAN, -1 / 32.0}},
};

static NodeId resolve(void *context, const char *name) {
  const NodeId *xy = context;
  return xy[name[0] == 'y'];
}

static bool gradient_of(Lab *lab, NodeId y, const NodeId *by, NodeId *gradients) {
  Emitter *e = &lab->e;
  NodeId sum = emit_scalar(e, emit_reduce_sum(e, y, AXES_ALL)), one = emit_constant_like(e, 1, sum);
  DiffRequest request = {.outputs = &sum,
                         .cotangents = &one,
                         .n_outputs = 1,
                         .by = by,
                         .n_by = 2,
                         .reversal = REVERSAL_IDENTITY,
                         .role = ROLE_INNER};
  return differentiate(e, &request, gradients) == STATUS_OK;
}

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

static void compare(const Row *row, const Lab *lab, NodeId id, const double *want,
                    const char *what) {
  DType dtype = lab->e.float_type;
  Tensor t = {id ? lab->values[id] : NULL, dtype, {0}};
  for (uint32_t i = 0; i < row->n; i++) {
    double have = id ? tensor_get(&t, i) : 0;
    if (isnan(want[i])) continue; /* not looked at */
    bool good = have == want[i] || fabs(have - want[i]) <=
                                       (dtype == DTYPE_F64 ? 1e-15 : 1e-7) * fmax(1, fabs(want[i]));
    if (!good)
      printf("\n  %s %s, element %u: %s is %.17g, not %.17g", dtype_name(dtype), row->formula, i,
             what, have, want[i]);
    CU_ASSERT(good);
  }
}

static void check(const Row *row, DType dtype) {
  Lab lab;
  lab_init(&lab, dtype, 1);
  NodeId xy[2], first[2] = {0}, second[2] = {0};
  for (int k = 0; k < 2; k++) {
    xy[k] = lab_input(&lab, dtype, 1, (int64_t[]){row->n});
    Tensor t = {lab_value(&lab, xy[k]), dtype, {0}};
    for (uint32_t i = 0; i < row->n; i++) tensor_set(&t, i, k ? row->y[i] : row->x[i]);
  }
  NodeId value = tensor_expr(&lab.e, row->formula, resolve, xy);
  CU_ASSERT_FATAL(value && gradient_of(&lab, value, xy, first));
  if (first[0]) CU_ASSERT_FATAL(gradient_of(&lab, first[0], xy, second));
  CU_ASSERT_FATAL(run_kernels(&lab));
  compare(row, &lab, first[0], row->by_x, "by x");
  compare(row, &lab, first[1], row->by_y, "by y");
  compare(row, &lab, second[0], row->second, "second");
  lab_free(&lab);
}

static void test_f64(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check(&rows[i], DTYPE_F64);
}
static void test_f32(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) check(&rows[i], DTYPE_F32);
}

/* ---- what a slice, a gather, a maximum leave out ---- */

static NodeId leave_out(Lab *lab, int how, NodeId x) {
  Emitter *e = &lab->e;
  NodeId square = emit_reshape_dims(e, x, 2, (int64_t[]){2, 2}), index;
  NodeId middle[] = {emit_slice_axis(e, x, 0, 1, 1), emit_slice_axis(e, x, 0, 2, 1)};
  switch (how) {
  case 0:
    return emit_slice_axis(e, x, 0, 1, 2);
  case 1:
    index = lab_input(lab, DTYPE_I32, 1, (int64_t[]){2});
    memcpy(lab_value(lab, index), (int32_t[]){2, 1}, 8);
    return emit_gather(e, x, index);
  case 2:
    return emit_reduce_max(e, square, 1);
  case 3:
    return emit_pick(e, square, emit_arg_max(e, square, 1), 1);
  case 4:
    return emit_concat(e, middle, 2, 0);
  default:
    return emit_slice_axis(e, emit_transpose(e, square, (int64_t[]){1, 0}), 0, 1, 1);
  }
}

/* f(x) at 0, 2, 4, 0, of which the middle is chosen (in the last case 2 alone): log, root, 1 / x^2.
 */
static void test_left_out(void) {
  static const double slope[3][4] = {
      {0, 1 / 2.0, 1 / 4.0, 0}, {0, 0.35355339059327379, 0.25, 0}, {0, 0.25, 0.03125, 0}};
  static const double bend[3][4] = {{0, -1 / 4.0, -1 / 16.0, 0},
                                    {0, -0.088388347648318447, -1 / 32.0, 0},
                                    {0, -0.375, -0.0234375, 0}};
  for (int how = 0; how < 6; how++)
    for (int f = 0; f < 3; f++) {
      Lab lab;
      lab_init(&lab, DTYPE_F64, 1);
      NodeId x = lab_input(&lab, DTYPE_F64, 1, (int64_t[]){4}), first[2], second[2];
      NodeId by[2] = {x, NODE_NONE}, y = x;
      memcpy(lab_value(&lab, x), (double[]){0, 2, 4, 0}, 32);
      if (f == 2)
        y = emit_neg(&lab.e,
                     emit_div(&lab.e, emit_constant_like(&lab.e, 1, x), emit_mul(&lab.e, x, x)));
      y = leave_out(&lab, how, f == 2 ? y : emit_unary(&lab.e, f ? OP_SQRT : OP_LOG, x));
      CU_ASSERT_FATAL(y && gradient_of(&lab, y, by, first) &&
                      gradient_of(&lab, first[0], by, second));
      CU_ASSERT_FATAL(run_kernels(&lab));
      for (int i = 0; i < 4; i++) {
        double taken = how == 5 && (i == 2) ? 0 : 1;
        if (how == 5 && i == 3) continue; /* its slice holds this one */
        CU_ASSERT_DOUBLE_EQUAL(((double *)lab.values[first[0]])[i], taken * slope[f][i], 1e-15);
        CU_ASSERT_DOUBLE_EQUAL(((double *)lab.values[second[0]])[i], taken * bend[f][i], 1e-15);
      }
      lab_free(&lab);
    }
}

LAB_MAIN("kinks", {"f64", test_f64}, {"f32", test_f32}, {"left out", test_left_out})
