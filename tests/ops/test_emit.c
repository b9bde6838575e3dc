/* The emitter: folding and algebra keep values, equal nodes are one, chains of any length work.
 *
 * Random expressions are built twice, through the front ends (which fold) and node by node as they
 * stand; the reference must find equal values. */
#include "tests/kernels/kernel_test.h"

#define POOL_MAX 64

/* One value both ways. */
typedef struct Pair {
  NodeId folded, plain;
} Pair;

typedef struct Maker {
  Lab *lab;
  Shape space;
  Pair pool[POOL_MAX];
  uint32_t n;
} Maker;

static NodeId plain(Maker *m, OpId op, const NodeId *inputs, uint32_t n, const EmitAttr *attrs) {
  return emit_node(&m->lab->e, op, inputs, n, attrs);
}

static NodeId plain_shape(Maker *m, OpId op, NodeId a, const Shape *shape) {
  EmitAttr attrs[] = {{shape->dim, shape->rank}};
  return plain(m, op, &a, 1, attrs);
}

static NodeId plain_constant(Maker *m, double value, const Shape *shape) {
  int64_t bits, type = m->lab->e.float_type;
  memcpy(&bits, &value, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}, {shape->dim, shape->rank}, {&type, 1}};
  return plain(m, OP_CONSTANT, NULL, 0, attrs);
}

static Pair pick(Maker *m) {
  return m->pool[lab_pick(m->lab, m->n)];
}

static void put(Maker *m, Pair p) {
  if (p.folded && p.plain) m->pool[m->n < POOL_MAX ? m->n++ : lab_pick(m->lab, POOL_MAX)] = p;
}

static Pair make_constant(Maker *m) {
  static const double values[] = {0, 1, -1, 2, 0.5, -3};
  double value = values[lab_pick(m->lab, 6)];
  return (Pair){emit_constant(&m->lab->e, value, m->lab->e.float_type, &m->space),
                plain_constant(m, value, &m->space)};
}

/* A value of fewer elements, repeated. */
static Pair make_broadcast(Maker *m) {
  Shape small = m->space;
  for (int i = 0; i < small.rank; i++)
    if (lab_pick(m->lab, 2)) small.dim[i] = 1;
  NodeId a = lab_input(m->lab, m->lab->e.float_type, small.rank, small.dim);
  return (Pair){emit_broadcast(&m->lab->e, a, &m->space),
                plain_shape(m, OP_BROADCAST, a, &m->space)};
}

static Pair make_unary(Maker *m) {
  static const OpId ops[] = {OP_NEG, OP_NEG, OP_ABS, OP_SIGN, OP_TANH};
  OpId op = ops[lab_pick(m->lab, 5)];
  Pair a = pick(m);
  return (Pair){emit_unary(&m->lab->e, op, a.folded), plain(m, op, &a.plain, 1, NULL)};
}

static Pair make_binary(Maker *m) {
  static const OpId ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_ADD, OP_MUL};
  OpId op = ops[lab_pick(m->lab, 5)];
  Pair a = pick(m), b = pick(m);
  NodeId inputs[] = {a.plain, b.plain};
  return (Pair){emit_binary(&m->lab->e, op, a.folded, b.folded), plain(m, op, inputs, 2, NULL)};
}

static Pair make_quotient(Maker *m) {
  Pair a = pick(m), b = pick(m);
  Emitter *e = &m->lab->e;
  NodeId below = emit_shift(e, emit_mul(e, b.folded, b.folded), 1);
  NodeId one = plain_constant(m, 1, &m->space), square[] = {b.plain, b.plain};
  NodeId sum[] = {plain(m, OP_MUL, square, 2, NULL), one};
  NodeId parts[] = {a.plain, plain(m, OP_ADD, sum, 2, NULL)};
  return (Pair){emit_div(e, a.folded, below), plain(m, OP_DIV, parts, 2, NULL)};
}

static Pair make_select(Maker *m) {
  Pair a = pick(m), b = lab_pick(m->lab, 3) ? pick(m) : a, c = pick(m), d = pick(m);
  Emitter *e = &m->lab->e;
  NodeId compared[] = {c.plain, d.plain};
  NodeId inputs[] = {plain(m, OP_LESS, compared, 2, NULL), a.plain, b.plain};
  /* One condition for both: rounding may move an equality. */
  return (Pair){emit_select(e, inputs[0], a.folded, b.folded),
                plain(m, OP_SELECT, inputs, 3, NULL)};
}

/* Sum over some axes and back: where factors are pulled out of sums. */
static Pair make_sum(Maker *m) {
  uint32_t mask = (uint32_t)lab_pick(m->lab, 1 << m->space.rank), n = 0;
  int64_t axes[RANK_MAX];
  for (int i = 0; i < m->space.rank; i++)
    if (mask >> i & 1) axes[n++] = i;
  EmitAttr attrs[] = {{axes, n}, {&(int64_t){false}, 1}};
  Pair a = pick(m);
  Emitter *e = &m->lab->e;
  NodeId sum = plain(m, OP_REDUCE_SUM, &a.plain, 1, attrs);
  return (Pair){emit_broadcast(e, emit_reduce_sum(e, a.folded, mask), &m->space),
                plain_shape(m, OP_BROADCAST, sum, &m->space)};
}

/* A part, padded back to its place: sums of these join. */
static Pair make_padded_part(Maker *m) {
  int64_t axis = lab_pick(m->lab, m->space.rank), start[RANK_MAX] = {0}, size[RANK_MAX];
  int64_t before[RANK_MAX] = {0}, after[RANK_MAX] = {0};
  for (int i = 0; i < m->space.rank; i++) size[i] = m->space.dim[i];
  int64_t half = size[axis] / 2;
  bool second = lab_pick(m->lab, 2);
  start[axis] = before[axis] = second ? half : 0;
  size[axis] = second ? m->space.dim[axis] - half : half;
  after[axis] = m->space.dim[axis] - before[axis] - size[axis];
  if (size[axis] == 0) return (Pair){0};
  Pair a = pick(m);
  EmitAttr cut[] = {{start, m->space.rank}, {size, m->space.rank}};
  EmitAttr pad[] = {{before, m->space.rank}, {after, m->space.rank}};
  NodeId part = plain(m, OP_SLICE, &a.plain, 1, cut);
  return (Pair){emit_pad(&m->lab->e, emit_slice(&m->lab->e, a.folded, start, size), before, after),
                plain(m, OP_PAD, &part, 1, pad)};
}

static Pair make_reshaped(Maker *m) {
  Shape flat = {1, {shape_count(&m->space)}};
  Pair a = pick(m);
  Emitter *e = &m->lab->e;
  return (Pair){emit_reshape(e, emit_reshape(e, a.folded, &flat), &m->space),
                plain_shape(m, OP_RESHAPE, plain_shape(m, OP_RESHAPE, a.plain, &flat), &m->space)};
}

static Pair make_power(Maker *m) {
  static const double exponents[] = {0, 1, 2, 3};
  double exponent = exponents[lab_pick(m->lab, 4)];
  int64_t bits;
  memcpy(&bits, &exponent, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}};
  Pair a = pick(m);
  return (Pair){emit_power(&m->lab->e, a.folded, exponent), plain(m, OP_POWER, &a.plain, 1, attrs)};
}

static bool random_expression(uint64_t seed) {
  static Pair (*const makers[])(Maker *) = {
      make_constant, make_broadcast, make_unary,      make_unary,  make_binary,
      make_binary,   make_binary,    make_quotient,   make_select, make_sum,
      make_sum,      make_power,     make_binary,     make_binary, make_padded_part,
      make_reshaped, make_binary,    make_padded_part};
  static const int64_t lengths[] = {1, 2, 3, 5};
  Lab lab;
  lab_init(&lab, DTYPE_F64, seed);
  Maker m = {.lab = &lab, .space = {.rank = (uint8_t)(1 + lab_pick(&lab, 3))}};
  for (int i = 0; i < m.space.rank; i++) m.space.dim[i] = lengths[lab_pick(&lab, 4)];
  for (int i = 0; i < 2; i++) {
    NodeId a = lab_input(&lab, DTYPE_F64, m.space.rank, m.space.dim);
    put(&m, (Pair){a, a});
  }
  for (int64_t i = 0, n = 4 + lab_pick(&lab, 20); i < n; i++)
    put(&m, makers[lab_pick(&lab, sizeof makers / sizeof *makers)](&m));
  bool good = lab.e.status == STATUS_OK && lab_reference(&lab) == STATUS_OK;
  for (uint32_t i = 0; good && i < m.n; i++) {
    double error = lab_error(&lab, m.pool[i].plain, lab.values[m.pool[i].folded], 1);
    if (error <= 1e-12) continue;
    printf("\n  seed %llu: node %u differs from node %u by %g\n", (unsigned long long)seed,
           m.pool[i].folded, m.pool[i].plain, error);
    good = false;
  }
  lab_free(&lab);
  return good;
}

static void test_folding(void) {
  for (uint64_t seed = 1; seed <= 3000; seed++) CU_ASSERT(random_expression(seed));
}

/* Pads of one tensor that lie apart, overlap or differ across: their sum is no pad. */
static void test_pads_apart(void) {
  static const int64_t first[][2] = {{0, 0}, {0, 0}, {0, 0}},
                       second[][2] = {{3, 0}, {1, 0}, {2, 1}};
  for (int i = 0; i < 3; i++) {
    Lab lab;
    lab_init(&lab, DTYPE_F64, 1);
    Emitter *e = &lab.e;
    NodeId a = lab_input(&lab, DTYPE_F64, 2, (int64_t[]){2, 3});
    NodeId b = lab_input(&lab, DTYPE_F64, 2, (int64_t[]){2, 3});
    NodeId x = emit_pad(e, a, first[i], (int64_t[]){4 - first[i][0], 1 - first[i][1]});
    NodeId y = emit_pad(e, b, second[i], (int64_t[]){4 - second[i][0], 1 - second[i][1]});
    NodeId inputs[] = {x, y}, folded = emit_add(e, x, y);
    NodeId stated = emit_node(e, OP_ADD, inputs, 2, NULL);
    CU_ASSERT_EQUAL_FATAL(lab_reference(&lab), STATUS_OK);
    CU_ASSERT(lab_error(&lab, stated, lab.values[folded], 1) <= 1e-15);
    lab_free(&lab);
  }
}

/* Two factors whose product f32 does not hold stay two: 1e-30 x 1e30 x 1e30 is 1e30, and with both
 * turned round 1e-30. */
static void test_large_factors(void) {
  for (int k = -30; k <= 30; k += 60) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, 1);
    Emitter *e = &lab.e;
    double factor = pow(10, k);
    NodeId x = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){1});
    NodeId y = emit_scale(e, emit_scale(e, x, factor), factor);
    CU_ASSERT_NOT_EQUAL_FATAL(y, NODE_NONE);
    CU_ASSERT_EQUAL(e->status, STATUS_OK);
    *(float *)lab_value(&lab, x) = (float)(1 / factor);
    CU_ASSERT_EQUAL_FATAL(lab_reference(&lab), STATUS_OK);
    CU_ASSERT_DOUBLE_EQUAL(*(float *)lab_value(&lab, y), factor, factor * 1e-6);
    lab_free(&lab);
  }
}

/* ---- one node for equal values ---- */

static void test_merging(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  Emitter *e = &lab.e;
  NodeId a = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){3}),
         b = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){3});
  CU_ASSERT_EQUAL(emit_add(e, a, b), emit_add(e, b, a));
  CU_ASSERT_NOT_EQUAL(emit_sub(e, a, b), emit_sub(e, b, a));
  CU_ASSERT_EQUAL(emit_constant(e, 0, DTYPE_F32, NULL), emit_constant(e, -0.0, DTYPE_F32, NULL));
  CU_ASSERT_NOT_EQUAL(emit_constant(e, 1, DTYPE_F32, NULL), emit_constant(e, 1, DTYPE_F64, NULL));
  CU_ASSERT_EQUAL(emit_constant(e, 0.1, DTYPE_F32, NULL),
                  emit_constant(e, (double)0.1f, DTYPE_F32, NULL));
  NodeId sum = emit_add(e, a, b);
  e->stamp.epoch = 1; /* a recompute clone */
  CU_ASSERT_NOT_EQUAL(emit_add(e, a, b), sum);
  e->stamp.epoch = 0;
  e->stamp.role = ROLE_OUTER; /* stamps are not part of a value's identity */
  CU_ASSERT_EQUAL(emit_add(e, a, b), sum);
  for (uint32_t i = 0; i < 5000; i++) emit_scale(e, a, i + 2); /* the table grows */
  CU_ASSERT_EQUAL(emit_add(e, a, b), sum);
  CU_ASSERT_EQUAL(e->status, STATUS_OK);
  lab_free(&lab);
}

/* ---- errors are sticky and take the failed node back ---- */

static void test_failure(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  Emitter *e = &lab.e;
  NodeId a = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){3}),
         b = lab_input(&lab, DTYPE_F32, 1, (int64_t[]){4});
  uint32_t nodes = lab.graph->n_nodes;
  CU_ASSERT_EQUAL(emit_add(e, NODE_NONE, b), NODE_NONE);
  CU_ASSERT_EQUAL(e->status, STATUS_OK); /* not a failure of its own */
  CU_ASSERT_EQUAL(emit_add(e, a, b), NODE_NONE);
  CU_ASSERT_EQUAL(e->status, STATUS_INVALID);
  CU_ASSERT_EQUAL(lab.graph->n_nodes, nodes);
  CU_ASSERT_EQUAL(diag_error_count(lab.diag), 1);
  CU_ASSERT_EQUAL(emit_neg(e, a), NODE_NONE);
  CU_ASSERT_EQUAL(diag_error_count(lab.diag), 1);
  lab_free(&lab);
}

/* ---- products ---- */

static uint32_t count_op(const Graph *g, NodeId from, OpId op) {
  uint32_t n = 0;
  for (NodeId id = from; id < g->n_nodes; id++) n += g->nodes[id].op == op;
  return n;
}

/* The gradient of a factor that is repeated is one product over all rows: nothing is moved, nothing
 * of the batch's size is summed. */
static void test_repeated_factor(void) {
  for (int t = 0; t < 4; t++) {
    Lab lab;
    bool shared = t & 1, tb = t & 2; /* a factor for all entries, or one for each group */
    lab_init(&lab, DTYPE_F64, 1);
    Emitter *e = &lab.e;
    NodeId x = lab_input(&lab, DTYPE_F64, 4, (int64_t[]){3, 6, 5, 4});
    NodeId w = shared ? lab_input(&lab, DTYPE_F64, 2, tb ? (int64_t[]){7, 4} : (int64_t[]){4, 7})
                      : lab_input(&lab, DTYPE_F64, 4,
                                  tb ? (int64_t[]){3, 1, 7, 4} : (int64_t[]){3, 1, 4, 7});
    NodeId y = emit_matmul(e, x, w, false, tb),
           dy = lab_input(&lab, DTYPE_F64, 4, (int64_t[]){3, 6, 5, 7});
    NodeId from = lab.graph->n_nodes;
    NodeId dw = op_desc(OP_MATMUL)->vjp(e, y, dy, 1);
    CU_ASSERT_FATAL(dw != NODE_NONE && shape_equal(emit_shape(e, dw), emit_shape(e, w)));
    CU_ASSERT_EQUAL(count_op(lab.graph, from, OP_MATMUL), 1);
    CU_ASSERT_EQUAL(count_op(lab.graph, from, OP_TRANSPOSE), 0);
    CU_ASSERT_EQUAL(count_op(lab.graph, from, OP_REDUCE_SUM), 0);
    lab_free(&lab);
  }
}

/* ---- chains ---- */

#define CHAIN 100000

/* Factors that a sum could pull out, one after the other. */
static void test_long_products(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  Shape space = {2, {2, 3}};
  NodeId x = lab_input(&lab, DTYPE_F64, 2, space.dim);
  NodeId small = lab_input(&lab, DTYPE_F64, 2, (int64_t[]){1, 3});
  NodeId factor = emit_broadcast(e, small, &space);
  for (int i = 0; i < CHAIN; i++) x = emit_mul(e, emit_unary(e, OP_TANH, x), factor);
  NodeId y = x;
  for (int i = 0; i < CHAIN; i++) y = emit_mul(e, y, factor);
  NodeId sum = emit_reduce_sum(e, y, 1);
  CU_ASSERT_NOT_EQUAL(sum, NODE_NONE);
  CU_ASSERT(lab.graph->n_nodes < 5 * CHAIN); /* linear */
  lab_free(&lab);
}

LAB_MAIN("emit", {"folding keeps values", test_folding}, {"pads apart", test_pads_apart},
         {"large factors", test_large_factors}, {"equal nodes are one", test_merging},
         {"failures", test_failure}, {"repeated factors", test_repeated_factor},
         {"long products", test_long_products})
