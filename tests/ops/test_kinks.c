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
    bool good =
        fabs(have - want[i]) <= (dtype == DTYPE_F64 ? 1e-15 : 1e-7) * fmax(1, fabs(want[i]));
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

LAB_MAIN("kinks", {"f64", test_f64}, {"f32", test_f32})
