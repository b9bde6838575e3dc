/* Derivatives of every op against differences, orders 1 to 3, and closure: whatever a rule emits
 * has a rule itself.
 *
 * The value of a row is projected on random numbers to a scalar s1; its gradient by the row's
 * floating inputs is compared with central differences of s1, then projected to s2, and so on.  All
 * in f64 on the reference kernels, with the selections of the base point (replay.h). */
#include "ops/rule.h"
#include "tests/ops/op_rows.h"
#include "tests/ops/replay.h"

#define ORDERS 3
#define TOLERANCE 1e-8  /* row 15 of the targets asks for 1e-7 */
#define ELEMENTS_MAX 64 /* up to this many, each partial derivative has its own test */
#define DIRECTIONS 3
#define SEEDS 4

static double worst[ORDERS + 1];
static uint32_t compared[ORDERS + 1];
static bool flows[OP_PRIMITIVE_COUNT];   /* some row of the op has a gradient that is not zero */
static bool emitted[OP_PRIMITIVE_COUNT]; /* some derivative graph holds the op */

static void fail(const OpCase *c, int order, uint32_t input, double have, double want) {
  char text[300];
  printf("\n  %s: order %d by input %u: %.17g, differences say %.17g\n",
         case_text(c, text, sizeof text), order, input, have, want);
  CU_FAIL("see above");
}

/* One direction: the gradient's component along it against the slope.  `typical` is what such a
 * component measures when the direction says nothing about the gradient. */
static void check_slope(OpCase *c, const Replay *r, const double *gradient, double typical,
                        const double *direction, int order, uint32_t input) {
  int64_t n = shape_count(&c->lab.graph->nodes[c->by[input]].shape);
  double have = 0, want = replay_slope(r, &direction);
  for (int64_t i = 0; gradient && i < n; i++) have += gradient[i] * direction[i];
  double value = fabs(*(const double *)c->lab.values[*r->targets]);
  double scale = fmax(fabs(have), typical), error = fabs(have - want);
  /* Differences of numbers of this size cannot tell less than `noise` from zero. */
  double noise = 1e-11 * fmax(value, 1e-3);
  if (scale > 0 && error > noise) {
    double relative = error / scale;
    if (relative > worst[order]) worst[order] = relative;
  }
  compared[order]++;
  if (!(error <= TOLERANCE * scale + noise)) fail(c, order, input, have, want);
}

static void check_input(OpCase *c, NodeId scalar, NodeId gradient, int order, uint32_t input) {
  const Shape *shape = &c->lab.graph->nodes[c->by[input]].shape;
  int64_t n = shape_count(shape);
  const double *g = gradient ? c->lab.values[gradient] : NULL;
  double *direction = calloc((size_t)n, sizeof *direction), square = 0;
  const double *one = NULL;
  Replay replay = {.lab = &c->lab,
                   .targets = &scalar,
                   .weights = &one,
                   .n_targets = 1,
                   .moving = &c->by[input],
                   .n_moving = 1};
  replay_start(&replay);
  for (int64_t i = 0; g && i < n; i++) square += g[i] * g[i];
  double typical = sqrt(square / (double)n);
  for (int64_t i = 0; n <= ELEMENTS_MAX && i < n; i++) {
    direction[i] = 1;
    check_slope(c, &replay, g, typical, direction, order, input);
    direction[i] = 0;
  }
  for (int d = 0; d < DIRECTIONS; d++) {
    for (int64_t i = 0; i < n; i++) direction[i] = lab_uniform(&c->lab) * 2 - 1;
    check_slope(c, &replay, g, typical, direction, order, input);
  }
  replay_free(&replay);
  free(direction);
}

static bool all_f64(const OpCase *c) {
  for (NodeId id = 1; id < c->lab.graph->n_nodes; id++)
    if (c->lab.graph->nodes[id].dtype == DTYPE_F32) return false;
  return true;
}

static void note_ops(const OpCase *c, NodeId from) {
  for (NodeId id = from; id < c->lab.graph->n_nodes; id++)
    emitted[c->lab.graph->nodes[id].op] = true;
}

static void check_row(OpCase *c) {
  if (c->id == OP_INPUT || c->id == OP_STATE) return; /* values from outside */
  NodeId gradients[CASE_INPUTS_MAX], scalar = case_project(c, c->results, c->n_results);
  for (int order = 1; scalar && order <= ORDERS; order++) {
    NodeId from = c->lab.graph->n_nodes;
    CU_ASSERT_FATAL(case_gradient(c, scalar, gradients));
    note_ops(c, from);
    if (!all_f64(c)) return; /* a cast to f32: differences cannot resolve it */
    CU_ASSERT_EQUAL_FATAL(lab_reference(&c->lab), STATUS_OK);
    for (uint32_t i = 0; i < c->n_by; i++) {
      check_input(c, scalar, gradients[i], order, i);
      if (order == 1 && gradients[i] && c->id < OP_PRIMITIVE_COUNT) flows[c->id] = true;
    }
    scalar = case_project(c, gradients, c->n_by);
  }
}

static void test_differences(void) {
  for (size_t i = 0; i < SEEDS * N_OP_ROWS; i++) {
    OpCase c;
    if (case_init(&c, &op_rows[i % N_OP_ROWS], DTYPE_F64, i / N_OP_ROWS))
      check_row(&c);
    else
      CU_FAIL("see above");
    case_free(&c);
  }
  for (int order = 1; order <= ORDERS; order++) {
    printf("\n    order %d: %u slopes, worst relative deviation %.1e", order, compared[order],
           worst[order]);
    CU_ASSERT(compared[order] > SEEDS * N_OP_ROWS / 2); /* some rows end in constants */
  }
}

/* Ops through which nothing flows, by contract: leaves, results that are no floats, constants. */
static bool is_constant(uint32_t op) {
  return op_desc(op)->vjp == vjp_none;
}

/* Every op either lets a gradient through or is a constant by contract; and each op that some
 * derivative emits is one of those, so that a sweep of any order finds a rule. */
static void test_closure(void) {
  for (uint32_t op = 1; op < OP_PRIMITIVE_COUNT; op++) {
    if (op_desc(op)->op_class == OP_CLASS_COLLECTIVE) continue; /* made after differentiation */
    if (flows[op] == is_constant(op))
      printf("\n  %s: %s\n", op_desc(op)->name, flows[op] ? "has a gradient" : "has none");
    CU_ASSERT_NOT_EQUAL(flows[op], is_constant(op));
    CU_ASSERT(!emitted[op] || flows[op] || is_constant(op));
  }
}

LAB_MAIN("derivatives", {"differences, orders 1 to 3", test_differences},
         {"closure over the table", test_closure})
