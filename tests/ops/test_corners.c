/* What ops do where they are not smooth, against the values that the model's definition states:
 * value, gradient of the sum of the result, and the gradient of sum (i + 1) g_i, g the gradient. */
#include "tests/ops/op_case.h"

/* Lists as text; one number stands for all elements.  NULL: finite is enough, as it must be
 * wherever the list does not say nan. */
typedef struct Corner {
  const char *what;
  OpRow row;         /* `results` and `macs` are not looked at */
  uint32_t by;       /* the floating input that is moved */
  const char *value, /* of result 0 */
      *gradient, *second;
} Corner;

static const Corner corners[] = {
    /* activations */
    {"relu'(0) = 0", {"relu", "f=0,-1,2,-0(4)", "", "", 0}, 0, "0,0,2,0", "0,0,1,0", "0"},
    {"leaky relu'(0) is the slope",
     {"leaky-relu", "f=0,-1,2(3)", "slope=0.1", "", 0},
     0,
     "0,-0.1,2",
     "0.1,0.1,1",
     "0"},
    {"|x|'(0) = 0", {"abs", "f=0,-1,2(3)", "", "", 0}, 0, "0,1,2", "0,-1,1", "0"},
    {"sign", {"sign", "f=0,-3,2(3)", "", "", 0}, 0, "0,-1,1", "0", "0"},
    {"maximum: half to each of equals",
     {"maximum", "f=1,1,3(3) f=1,2,2(3)", "", "", 0},
     0,
     "1,2,3",
     "0.5,0,1",
     "0"},
    {"maximum: half to the second too",
     {"maximum", "f=1,1,3(3) f=1,2,2(3)", "", "", 0},
     1,
     "1,2,3",
     "0.5,1,0",
     "0"},
    {"minimum: half to each of equals",
     {"minimum", "f=1,1,3(3) f=1,2,2(3)", "", "", 0},
     0,
     "1,1,2",
     "0.5,1,0",
     "0"},
    {"minimum: half to the second too",
     {"minimum", "f=1,1,3(3) f=1,2,2(3)", "", "", 0},
     1,
     "1,1,2",
     "0.5,0,1",
     "0"},
    {"clamp: derivative 0 strictly outside",
     {"clamp", "f=-2,-1,0,1,2(5) f=-1() f=1()", "", "", 0},
     0,
     "-1,-1,0,1,1",
     "0,1,1,1,0",
     "0"},
    {"clamp: its bounds are constants",
     {"clamp", "f=-2,-1,0,1,2(5) f=-1() f=1()", "", "", 0},
     1,
     "-1,-1,0,1,1",
     "0",
     "0"},
    /* selections */
    {"reduce-max: the first of equals",
     {"reduce-max", "f=1,3,3,2(1,4)", "axis=1", "", 0},
     0,
     "3",
     "0,1,0,0",
     "0"},
    {"reduce-max: all equal",
     {"reduce-max", "f=2,2,2(3,1)", "axis=0", "", 0},
     0,
     "2",
     "1,0,0",
     "0"},
    {"arg-max: the first of equals",
     {"arg-max", "f=1,3,3,0,0,0(2,3)", "axis=1", "", 0},
     0,
     "1,0",
     "0",
     "0"},
    {"reduce-max: NaN is above all numbers, the first of them",
     {"reduce-max", "f=1,nan,inf,nan(1,4)", "axis=1", "", 0},
     0,
     "nan",
     "0,1,0,0",
     "0"},
    {"arg-max: NaN is above all numbers",
     {"arg-max", "f=1,inf,nan,nan,2,1,nan,1,-inf,-inf,-inf,-inf(3,4)", "axis=1", "", 0},
     0,
     "2,2,0",
     "0",
     "0"},
    {"arg-max: -0 equals 0", {"arg-max", "f=-0,0,0,-0(2,2)", "axis=1", "", 0}, 0, "0,0", "0", "0"},
    {"arg-sort: equals by their index, -0 equals 0, NaN last",
     {"arg-sort", "f=nan,2,0,-0,inf,0,nan,2(8)", "axis=0", "", 0},
     0,
     "2,3,5,1,7,4,0,6",
     "0",
     "0"},
    {"arg-sort, descending: equals by their index, NaN first",
     {"arg-sort", "f=nan,2,0,-0,inf,0,nan,2(8)", "axis=0 descending=true", "", 0},
     0,
     "0,6,4,1,7,2,3,5",
     "0",
     "0"},
    {"sort: the gradient goes where the values come from",
     {"sort", "f=3,1,2,1(4)", "", "", 0},
     0,
     "1,1,2,3",
     "1",
     "0"},
    {"top-k: the first of equals",
     {"top-k", "f=3,1,3,3(4)", "k=2", "", 0},
     0,
     "3,3",
     "1,0,1,0",
     "0"},
    {"top-k of the smallest: NaN never before a number",
     {"top-k", "f=3,nan,1,-inf(4)", "k=3 largest=false", "", 0},
     0,
     "-inf,1,3",
     "1,0,1,1",
     "0"},
    {"top-k of the largest: NaN first",
     {"top-k", "f=3,nan,1,2(4)", "k=2", "", 0},
     0,
     "nan,3",
     "1,1,0,0",
     "0"},
    {"cumulative sum",
     {"cumulative-sum", "f=1,2,4,8(4)", "axis=0", "", 0},
     0,
     "1,3,7,15",
     "4,3,2,1",
     "0"},
    {"cumulative sum, exclusive",
     {"cumulative-sum", "f=1,2,4,8(1,4)", "axis=1 exclusive=true", "", 0},
     0,
     "0,1,3,7",
     "3,2,1,0",
     "0"},
    {"cumulative sum from the end, exclusive",
     {"cumulative-sum", "f=1,2,4,8(1,4)", "axis=1 exclusive=true reverse=true", "", 0},
     0,
     "14,12,8,0",
     "0,1,2,3",
     "0"},
    {"cumulative sum: NaN from its place on",
     {"cumulative-sum", "f=1,nan,4(3)", "axis=0", "", 0},
     0,
     "1,nan,nan",
     "3,2,1",
     "0"},
    {"max-pool: NaN is above all numbers",
     {"max-pool", "f=1,nan,inf,2(1,2,2,1)", "kernel=2 stride=2", "", 0},
     0,
     "nan",
     "0,1,0,0",
     "0"},
    {"max-pool: the first of equals",
     {"max-pool", "f=5,5,1,5,5,1,1,1,7(1,3,3,1)", "kernel=2 stride=1", "", 0},
     0,
     "5,5,5,7",
     "1,1,0,1,0,0,0,0,1",
     "0"},
    {"max-pool: pads never win",
     {"max-pool", "f=-3,-1,-2,-4(1,2,2,1)", "kernel=3 stride=1 pad=1", "", 0},
     0,
     "-1",
     "0,4,0,0",
     "0"},
    {"avg-pool: pads count as 0",
     {"avg-pool", "f=9(1,1,1,1)", "kernel=3 stride=1 pad=1", "", 0},
     0,
     "1",
     "0.1111111111111111",
     "0"},
    {"avg-pool: pads do not count",
     {"avg-pool", "f=9(1,1,1,1)", "kernel=3 stride=1 pad=1 count-pads=false", "", 0},
     0,
     "9",
     "1",
     "0"},
    {"avg-pool: what reaches over the end does not count",
     {"avg-pool", "f=1,2,3,4,6(1,1,5,1)", "kernel=1,2 stride=1,2 ceil=true", "", 0},
     0,
     "1.5,3.5,6",
     "0.5,0.5,0.5,0.5,1",
     "0"},
    {"max-pool: a last window that reaches over the end",
     {"max-pool", "f=1,2,3,4,6(1,1,5,1)", "kernel=1,2 stride=1,2 ceil=true", "", 0},
     0,
     "2,4,6",
     "0,1,0,1,1",
     "0"},
    {"scatter-add: equal indices add up",
     {"scatter-add", "f=1,2,4(3) i=1,1,1(3)", "rows=2", "", 0},
     0,
     "0,7",
     "1",
     "0"},
    {"place: equal indices add up",
     {"place", "f=1,2,4(1,3) i=1,0,1(1,3)", "axis=1 length=3", "", 0},
     0,
     "2,5,0",
     "1",
     "0"},
    {"pick: equal indices share an element",
     {"pick", "f=1,2,4(1,3) i=1,1,0,1(1,4)", "axis=1", "", 0},
     0,
     "2,2,1,2",
     "1,3,0",
     "0"},
    {"gather: equal indices share a row",
     {"gather", "f=1,2,4(3) i=1,1,0(3)", "", "", 0},
     0,
     "2,2,1",
     "1,2,0",
     "0"},
    /* norms of nothing, or of one */
    {"instance norm over one pixel",
     {"instance-norm", "f=3,-4(2,1,1,1) f=2(1) f=7(1)", "", "", 0},
     0,
     "7",
     "0",
     "0"},
    {"instance norm over one pixel, by weight",
     {"instance-norm", "f=3,-4(2,1,1,1) f=2(1) f=7(1)", "", "", 0},
     1,
     "7",
     "0",
     "0"},
    {"batch norm of one row",
     {"batch-norm", "f=3,-4(1,2) f=2,2(2) f=7,8(2)", "", "", 0},
     0,
     "7,8",
     "0",
     "0"},
    {"batch norm of equal rows",
     {"batch-norm", "f=3,3(2,1) f=2(1) f=7(1)", "", "", 0},
     0,
     "7",
     "0",
     "0"},
    {"moments of one row",
     {"moments", "f=3,-4(2,1)", "groups=2 eps=0.25", "", 0},
     0,
     "3,-4",
     "1",
     "0"},
    {"normalisation of the zero vector",
     {"normalize", "f=0,0(1,2)", "", "", 0},
     0,
     "0",
     "1e6",
     "0"},
    /* gem: x > eps passes, else eps with derivative 0 */
    {"gem: all below eps", {"gem", "f=-1,0(1,1,2,1)", "eps=0.5", "", 0}, 0, "0.5", "0", "0"},
    {"gem: exactly eps", {"gem", "f=0.5,0.5(1,1,2,1)", "eps=0.5", "", 0}, 0, "0.5", "0", "0"},
    {"gem: one above eps, p = 1",
     {"gem", "f=-1,2(1,1,2,1)", "p=1 eps=0.5", "", 0},
     0,
     "1.25",
     "0,0.5",
     "0"},
    {"gem of zeros at its default eps",
     {"gem", "f=0,0,0,0(1,2,2,1)", "", "", 0},
     0,
     "1e-3",
     "0",
     "0"},
    /* losses */
    {"cross entropy of one class",
     {"cross-entropy", "f=3,4(2,1) i=0,0(2)", "smoothing=0.1", "", 0},
     0,
     "0",
     "0",
     "0"},
    {"cross entropy far away",
     {"cross-entropy", "f=0,-2000(1,2) i=1(1)", "", "", 0},
     0,
     "2000",
     "1,-1",
     "0"},
    {"softmax far away", {"softmax", "f=1e4,0,-1e4(3)", "", "", 0}, 0, "1,0,0", "0", "0"},
    {"L_c of one image", {"pair-hinge", "f=1,2(1,2)", "", "", 0}, 0, "0", "0", "0"},
    {"L_c of identical rows", {"pair-hinge", "f=1,2,1,2(2,2)", "", "", 0}, 0, "0", "0", "0"},
    {"L_c within its margin",
     {"pair-hinge", "f=1,1.0625(2,1)", "margin=0.0625", "", 0},
     0,
     "0",
     "0",
     "0"},
    {"L_c of rows nearer than 1e-4, margin 0",
     {"pair-hinge", "f=0,0.00005(2,1)", "margin=0", "", 0},
     0,
     "0",
     "0",
     "0"},
    {"L_c, one dimension apart",
     {"pair-hinge", "f=0,0.5(2,1)", "margin=0.25", "", 0},
     0,
     "0.0625",
     "-0.5,0.5",
     "-2,2"},
    {"L_v of one group", {"spread-hinge", "f=1,2(2,1)", "", "", 0}, 0, "0", "0", "0"},
    {"L_v of equal weights: |x|'(0) = 0",
     {"spread-hinge", "f=0.5,0.5(1,2)", "margin=0.25", "", 0},
     0,
     "0.0625",
     "0",
     "0"},
    {"L_v exactly at its margin",
     {"spread-hinge", "f=0,0.25(1,2)", "margin=0.25", "", 0},
     0,
     "0",
     "0",
     "0"},
    /* batch-hard */
    {"batch-hard of one image", {"batch-hard", "f=1,2(1,2) i=0(1) -", "", "", 0}, 0, "0", "0", "0"},
    {"batch-hard: no positives",
     {"batch-hard", "f=1,2(2,1) i=0,1(2) -", "", "", 0},
     0,
     "0",
     "0",
     "0"},
    {"batch-hard: no negatives count with hinge 0",
     {"batch-hard", "f=1,2(2,1) i=0,0(2) -", "", "", 0},
     0,
     "0",
     "0",
     "0"},
    {"batch-hard: all rows equal",
     {"batch-hard", "f=1,1,1,1(4,1) i=0,0,1,1(4) -", "margin=0.25", "", 0},
     0,
     "0.25",
     "0",
     "0"},
    /* Rows 0, 1 are one point, rows 2, 3 another, 3 away; every hinge is 0 - 3 + 4. Anchors 0, 1
     * take negative 2 and anchors 2, 3 take negative 0, the first of equals. */
    {"batch-hard: duplicates",
     {"batch-hard", "f=0,0,3,3(4,1) i=0,0,1,1(4) -", "margin=4", "", 0},
     0,
     "1",
     "0.75,0.25,-0.75,-0.25",
     "0"},
    /* Anchor 0: positives 1 and 2 are both 1 away: the first is taken, |y0 - y1|.  Anchors 1 and 2
     * take each other (2 away).  The negative of all is 3, at 9. Only anchors 0..2 have a positive:
     * ((1 - 9 + 20) + (2 - 8 + 20) + (2 - 10 + 20)) / 3. */
    {"batch-hard: ties to the lowest index",
     {"batch-hard", "f=0,1,-1,9(4,1) i=0,0,0,1(4) -", "margin=20", "", 0},
     0,
     "12.666666666666667",
     "0,1.3333333333333333,-0.3333333333333333,-1",
     "0"},
    /* Anchor 0 has negatives 2 and 3 at the same place: both anchors take the first. */
    {"batch-hard: equal negatives",
     {"batch-hard", "f=0,0,1,1(4,1) i=0,0,1,2(4) -", "margin=2", "", 0},
     0,
     "1",
     "0.5,0.5,-1,0",
     "0"},
    {"batch-hard: nearer than 1e-3 is distance 0",
     {"batch-hard", "f=0,0.0005,4,4(4,1) i=0,0,1,1(4) -", "margin=0.5", "", 0},
     0,
     "0",
     "0",
     "0"},
};
#define N_CORNERS (sizeof corners / sizeof *corners)

static void wrong(const Corner *corner, const char *what, int64_t i, double have, double want) {
  printf("\n  %s: %s[%lld] is %.17g, not %.17g\n", corner->what, what, (long long)i, have, want);
  CU_FAIL("see above");
}

/* `list` against a value of `n` elements; NODE_NONE stands for zero. */
static void check_list(const Corner *corner, const OpCase *c, const char *what, NodeId id,
                       int64_t n, const char *list) {
  double want = NAN;
  Tensor t = {0};
  if (id) t = (Tensor){c->lab.values[id], (DType)c->lab.graph->nodes[id].dtype, {0}};
  for (int64_t i = 0; i < n; i++) {
    if (list && *list) {
      want = strtod(list, (char **)(uintptr_t)&list);
      if (*list == ',') list++;
    }
    double have = id ? tensor_get(&t, i) : 0;
    double tolerance = c->lab.e.float_type == DTYPE_F64 ? 1e-14 : 1e-6;
    if (list && (have == want || (isnan(want) && isnan(have)))) continue;
    if (!isfinite(have) || (list && !(fabs(have - want) <= tolerance * fmax(1, fabs(want)))))
      wrong(corner, what, i, have, want);
  }
}

/* sum (i + 1) x_i */
static NodeId count_up(OpCase *c, NodeId x) {
  double weights[64];
  if (x == NODE_NONE) return NODE_NONE;
  Shape shape = *emit_shape(&c->lab.e, x);
  for (int i = 0; i < 64; i++) weights[i] = i + 1;
  NodeId w = emit_constant_list(&c->lab.e, weights, emit_dtype(&c->lab.e, x), &shape);
  return emit_scalar(&c->lab.e, emit_reduce_sum(&c->lab.e, emit_mul(&c->lab.e, x, w), AXES_ALL));
}

static void check_corner(const Corner *corner, DType dtype) {
  OpCase c;
  NodeId first[CASE_INPUTS_MAX] = {0}, second[CASE_INPUTS_MAX] = {0};
  if (!case_init(&c, &corner->row, dtype, 1)) CU_FAIL_FATAL("see above");
  NodeId result = c.results[0], sum = NODE_NONE;
  if (dtype_is_float(emit_dtype(&c.lab.e, result)))
    sum = emit_scalar(&c.lab.e, emit_reduce_sum(&c.lab.e, result, AXES_ALL));
  if (sum) CU_ASSERT(case_gradient(&c, sum, first));
  NodeId again = count_up(&c, first[corner->by]);
  if (again) CU_ASSERT(case_gradient(&c, again, second));
  CU_ASSERT_EQUAL_FATAL(lab_reference(&c.lab), STATUS_OK);
  int64_t n = shape_count(emit_shape(&c.lab.e, c.by[corner->by]));
  check_list(corner, &c, "value", result, shape_count(emit_shape(&c.lab.e, result)), corner->value);
  check_list(corner, &c, "gradient", first[corner->by], n, corner->gradient);
  check_list(corner, &c, "second", second[corner->by], n, corner->second);
  case_free(&c);
}

static void test_f64(void) {
  for (size_t i = 0; i < N_CORNERS; i++) check_corner(&corners[i], DTYPE_F64);
}
static void test_f32(void) {
  for (size_t i = 0; i < N_CORNERS; i++) check_corner(&corners[i], DTYPE_F32);
}

LAB_MAIN("corners", {"f64", test_f64}, {"f32", test_f32})
