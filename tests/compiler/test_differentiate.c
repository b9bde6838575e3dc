/* Differentiation: what ends, blocks and reverses a sweep. Rules of ops are tests/ops' business. */
#include "compiler/differentiate.h"
#include "tests/kernels/kernel_test.h"

#define LAMBDA 0.75

static NodeId scalar(Lab *lab, double value) {
  NodeId id = lab_input(lab, DTYPE_F64, 0, NULL);
  *(double *)lab_value(lab, id) = value;
  return id;
}

static double value_of(Lab *lab, NodeId id) {
  CU_ASSERT_EQUAL(lab_reference(lab), STATUS_OK);
  return id ? *(double *)lab->values[id] : 0;
}

/* The derivative of `of` by `by` with cotangent `with` (NODE_NONE: 1). */
static NodeId derive(Lab *lab, NodeId of, NodeId by, NodeId with, Reversal reversal) {
  NodeId one = with ? with : emit_constant_like(&lab->e, 1, of), gradient = NODE_NONE;
  DiffRequest r = {.outputs = &of,
                   .cotangents = &one,
                   .n_outputs = 1,
                   .by = &by,
                   .n_by = 1,
                   .reversal = reversal,
                   .role = ROLE_INNER};
  CU_ASSERT_EQUAL(differentiate(&lab->e, &r, &gradient), STATUS_OK);
  return gradient;
}

/* f(x) = r(x)^3 behind a reversal layer r: the gradient's own sweep gives F = -lambda 3 x^2.  A
 * sweep that enters through F differentiates r as the identity: dF/dx v = -lambda 6 x v; `reverse`
 * multiplies by -lambda once more. */
static void test_reversal(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 2), v = scalar(&lab, 5), lambda = scalar(&lab, LAMBDA);
  NodeId r = emit_gradient_scale(e, x, emit_neg(e, lambda));
  NodeId f = emit_mul(e, emit_mul(e, r, r), r);
  NodeId field = derive(&lab, f, x, NODE_NONE, REVERSAL_ACT);
  NodeId identity = derive(&lab, field, x, v, REVERSAL_IDENTITY);
  NodeId reverse = derive(&lab, field, x, v, REVERSAL_ACT);
  NodeId plain = derive(&lab, f, x, NODE_NONE, REVERSAL_IDENTITY);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, f), 8, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, field), -LAMBDA * 12, 1e-14);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, identity), -LAMBDA * 12 * 5, 1e-13);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, reverse), LAMBDA * LAMBDA * 12 * 5, 1e-13);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, plain), 12, 1e-14);
  /* lambda is no input of the derivative */
  CU_ASSERT_EQUAL(derive(&lab, f, lambda, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  lab_free(&lab);
}

/* The sweep ends at `by`: what stands behind it is not asked, other ways around it are. */
static void test_by(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 3), y = emit_mul(e, x, x); /* y = x^2 stands in for a parameter */
  NodeId f = emit_add(e, emit_mul(e, y, x), emit_mul(e, y, y));
  NodeId by[] = {y, x, NODE_NONE, y}, gradients[4];
  NodeId one = emit_constant_like(e, 1, f);
  DiffRequest r = {.outputs = &f, .cotangents = &one, .n_outputs = 1, .by = by, .n_by = 4};
  CU_ASSERT_EQUAL(differentiate(e, &r, gradients), STATUS_OK);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, gradients[0]), 3 + 2 * 9, 1e-13); /* x + 2 y */
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, gradients[1]), 9, 1e-13);         /* y: not through y */
  CU_ASSERT_EQUAL(gradients[2], NODE_NONE);
  CU_ASSERT_EQUAL(gradients[3], gradients[0]);
  /* of itself, and of what does not depend on it */
  NodeId later = scalar(&lab, 1);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, derive(&lab, x, x, NODE_NONE, REVERSAL_ACT)), 1, 0);
  CU_ASSERT_EQUAL(derive(&lab, f, later, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  CU_ASSERT_EQUAL(derive(&lab, x, f, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  lab_free(&lab);
}

static void test_hold(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 3), y = emit_mul(e, x, x), f = emit_mul(e, y, emit_mul(e, x, y));
  NodeId one = emit_constant_like(e, 1, f), gradient;
  DiffRequest r = {.outputs = &f,
                   .cotangents = &one,
                   .n_outputs = 1,
                   .by = &x,
                   .n_by = 1,
                   .hold = &y,
                   .n_hold = 1};
  CU_ASSERT_EQUAL(differentiate(e, &r, &gradient), STATUS_OK);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, gradient), 81, 1e-12); /* y^2, y held */
  r.n_hold = 0;
  CU_ASSERT_EQUAL(differentiate(e, &r, &gradient), STATUS_OK);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, gradient), 5 * 81, 1e-12); /* x^5 */
  lab_free(&lab);
}

/* Several outputs add up; a cotangent may be none; one output may come twice. */
static void test_outputs(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 2), y = emit_mul(e, x, x), z = emit_unary(e, OP_NEG, x);
  NodeId outputs[] = {y, z, y, x, NODE_NONE};
  NodeId cotangents[] = {scalar(&lab, 10), NODE_NONE, scalar(&lab, 100), scalar(&lab, 1000),
                         scalar(&lab, 1)};
  NodeId gradient;
  DiffRequest r = {
      .outputs = outputs, .cotangents = cotangents, .n_outputs = 5, .by = &x, .n_by = 1};
  CU_ASSERT_EQUAL(differentiate(e, &r, &gradient), STATUS_OK);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, gradient), 4 * 110 + 1000, 1e-12);
  r.n_outputs = 0;
  CU_ASSERT_EQUAL(differentiate(e, &r, &gradient), STATUS_OK);
  CU_ASSERT_EQUAL(gradient, NODE_NONE);
  lab_free(&lab);
}

/* Nothing flows through integers, conditions and stop-gradient. */
static void test_blocks(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 2.5);
  NodeId steps = emit_cast(e, emit_cast(e, x, DTYPE_I32), DTYPE_F64);
  NodeId mask = emit_cast(e, emit_less(e, emit_constant_like(e, 0, x), x), DTYPE_F64);
  CU_ASSERT_EQUAL(derive(&lab, steps, x, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  CU_ASSERT_EQUAL(derive(&lab, mask, x, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  CU_ASSERT_EQUAL(derive(&lab, emit_stop_gradient(e, x), x, NODE_NONE, REVERSAL_ACT), NODE_NONE);
  NodeId f = emit_mul(e, x, emit_stop_gradient(e, x));
  NodeId g = derive(&lab, f, x, NODE_NONE, REVERSAL_ACT);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, g), 2.5, 0);
  /* a constant in every derivative */
  CU_ASSERT_EQUAL(derive(&lab, g, x, NODE_NONE, REVERSAL_IDENTITY), NODE_NONE);
  /* f32 and f64 meet in casts that go back */
  NodeId wide = emit_cast(e, emit_cast(e, x, DTYPE_F32), DTYPE_F64);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, derive(&lab, wide, x, NODE_NONE, REVERSAL_ACT)), 1, 0);
  lab_free(&lab);
}

/* Derived nodes carry scope, batch and place of what they came from, one order more, and the role.
 */
static void test_stamps(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 2);
  e->stamp.scope = strings_intern(lab.symbols->strings, "stage1/conv1");
  e->stamp.loc = symbols_loc(lab.symbols, 0, 41, 3, 0);
  e->stamp.batch = (uint8_t)graph_add_batch(lab.graph, (Batch){.groups = 1, .units = 4, .unit = 2});
  NodeId f = emit_unary(e, OP_TANH, x);
  uint32_t scope = e->stamp.scope, loc = e->stamp.loc;
  uint8_t batch = e->stamp.batch;
  e->stamp.scope = e->stamp.loc = 0;
  e->stamp.batch = 0;
  NodeId from = lab.graph->n_nodes, g = derive(&lab, f, x, NODE_NONE, REVERSAL_ACT);
  NodeId h = derive(&lab, g, x, NODE_NONE, REVERSAL_ACT);
  const Node *first = &lab.graph->nodes[g];
  CU_ASSERT(g >= from);
  CU_ASSERT_EQUAL(first->stamp.scope, scope);
  CU_ASSERT_EQUAL(first->stamp.loc, loc);
  CU_ASSERT_EQUAL(first->stamp.batch, batch);
  CU_ASSERT_EQUAL(first->stamp.order, 1);
  CU_ASSERT_EQUAL(first->stamp.role, ROLE_INNER);
  CU_ASSERT(lab.graph->nodes[h].stamp.order >= 1);
  CU_ASSERT_EQUAL(e->stamp.scope, 0);
  CU_ASSERT_EQUAL(e->stamp.order, 0);
  CU_ASSERT_EQUAL(e->stamp.role, ROLE_FORWARD);
  lab_free(&lab);
}

/* 100,000 nodes in a row, and a value with 100,000 users: linear, without recursion. */
static void test_long(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = scalar(&lab, 0.5), y = x, sum = x;
  for (int i = 0; i < 100000; i++) y = emit_unary(e, OP_SIN, y);
  for (int i = 0; i < 100000; i++) sum = emit_add(e, sum, emit_scale(e, x, i + 2));
  NodeId g = derive(&lab, y, x, NODE_NONE, REVERSAL_ACT);
  NodeId s = derive(&lab, sum, x, NODE_NONE, REVERSAL_ACT);
  CU_ASSERT(lab.graph->n_nodes < 1200000);
  double slope = value_of(&lab, g), point = 0.5, want = 1;
  for (int i = 0; i < 100000; i++) {
    want *= cos(point);
    point = sin(point);
  }
  CU_ASSERT_DOUBLE_EQUAL(slope / want, 1, 1e-10);
  CU_ASSERT_DOUBLE_EQUAL(value_of(&lab, s), 1 + 100000.0 * 100003 / 2, 1e-3);
  lab_free(&lab);
}

LAB_MAIN("differentiate", {"reversal layers", test_reversal}, {"where a sweep ends", test_by},
         {"held values", test_hold}, {"several outputs", test_outputs},
         {"what blocks", test_blocks}, {"stamps", test_stamps}, {"long chains", test_long})
