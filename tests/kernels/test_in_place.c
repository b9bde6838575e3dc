/* Every instruction of fused groups over each of its operands' memory, with every instruction set:
 * the bits that come out beside them.  The numbers are those that hide a second read of what was
 * overwritten: NaN, infinities, both zeros, subnormals, angles beyond a billion. And what no number
 * is stays none: each op against the reference on the same numbers. */
#include "kernels/cpu/fused.h"
#include "tests/kernels/kernel_test.h"

static const double specials[] = {
    NAN,    INFINITY, -INFINITY, 0.0,          -0.0,    1,       -1,    0.5,      -0.5,
    2,      -3,       1e10,      -3e9,         1e-310,  -5e-324, 1e300, -1e300,   1e38,
    -1e-40, 1e-300,   710,       -745.5,       88.8,    -103.5,  0.75,  1.570796, 3e5,
    -1e6,   1e22,     -2.5,      2147483648.0, -9.3e18, 255,     17,    -22,      1e-8};
#define N_SPECIALS (int64_t)(sizeof specials / sizeof *specials)
#define LENGTH_MAX 1100

static const int64_t lengths[] = {1,  2,  3,  5,   8,   13,  16,  17,  31,  32,        33,
                                  63, 64, 65, 127, 255, 256, 257, 300, 513, LENGTH_MAX};
static const double exponents[] = {3, -2, 0.5, -1.7, 33, 32, 0};

typedef struct Case {
  FusedFn fn;
  DType operand[3], result;
  uint32_t n_operands;
  double param;
  char name[64];
} Case;

/* Operand k of a case: its numbers start at another place of the list for each k. */
static void fill(void *to, DType dtype, int64_t n, uint32_t k) {
  Tensor t = {to, dtype, {0}};
  for (int64_t i = 0; i < n; i++) {
    double x = specials[(i * (k == 2 ? 5 : k == 1 ? 7 : 1) + 11 * k) % N_SPECIALS];
    if (dtype == DTYPE_BOOL) x = (double)((i * (k + 3) >> 1) % 2);
    if (!dtype_is_float(dtype)) x = isfinite(x) ? fmax(-1e9, fmin(1e9, x)) : 0;
    tensor_set(&t, i, x);
  }
}

/* Element sizes differ by operand, so that each buffer has room for the widest; `shift` elements
 * in front make the start unaligned. */
static bool same_over(const Case *c, int64_t n, int64_t shift, uint32_t over) {
  static _Alignas(64) char memory[4][LENGTH_MAX * 8 + 256];
  size_t size = dtype_size(c->result);
  const void *in[3] = {NULL, NULL, NULL};
  for (uint32_t k = 0; k < c->n_operands; k++) {
    char *at = memory[k] + (size_t)shift * dtype_size(c->operand[k]);
    fill(at, c->operand[k], n, k);
    in[k] = at;
  }
  char *apart = memory[3] + (size_t)shift * size, *there = (char *)(uintptr_t)in[over];
  c->fn(apart, in[0], in[1], in[2], n, c->param);
  c->fn(there, in[0], in[1], in[2], n, c->param);
  return memcmp(apart, there, (size_t)n * size) == 0;
}

/* One operand in all places, and the result there too. */
static bool same_over_all(const Case *c, int64_t n) {
  static _Alignas(64) char x[LENGTH_MAX * 8], y[LENGTH_MAX * 8];
  for (uint32_t k = 0; k < c->n_operands; k++)
    if (c->operand[k] != c->result) return true;
  fill(x, c->result, n, 0);
  c->fn(y, x, x, x, n, c->param);
  c->fn(x, x, x, x, n, c->param);
  return memcmp(x, y, (size_t)n * dtype_size(c->result)) == 0;
}

static uint32_t checked;

static void check(const Case *c, const char *isa) {
  for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
    for (uint32_t k = 0; k < c->n_operands; k++) {
      bool good = same_over_all(c, lengths[l]);
      if (dtype_size(c->operand[k]) == dtype_size(c->result))
        for (int64_t shift = 0; shift < 4; shift += 3)
          good = good && same_over(c, lengths[l], shift, k);
      if (!good)
        printf("\n  %s (%s), %lld elements: other bits over operand %u\n", c->name, isa,
               (long long)lengths[l], k);
      CU_ASSERT(good);
      checked++;
    }
}

static void check_op(const FusedTable *t, uint32_t op, DType dtype, const char *isa) {
  const OpDesc *desc = op_desc(op);
  bool compares = op == OP_LESS || op == OP_LESS_EQUAL || op == OP_EQUAL;
  Case c = {.fn = t->op[op][dtype],
            .operand = {dtype, dtype, dtype},
            .result = compares ? DTYPE_BOOL : dtype,
            .n_operands = desc->n_inputs};
  if (op == OP_SELECT) c.operand[0] = DTYPE_BOOL;
  for (size_t i = 0; i < (op == OP_POWER ? sizeof exponents / sizeof *exponents : 1); i++) {
    c.param = op == OP_POWER ? exponents[i] : 0;
    snprintf(c.name, sizeof c.name, "%s %s %g", desc->name, dtype_name(dtype), c.param);
    check(&c, isa);
  }
}

static void check_table(const FusedTable *t, const char *isa) {
  for (uint32_t op = 0; op < OP_PRIMITIVE_COUNT; op++)
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
      if (t->op[op][dtype]) check_op(t, op, (DType)dtype, isa);
  for (int from = 0; from < DTYPE_COUNT; from++)
    for (int to = 0; to < DTYPE_COUNT; to++) {
      Case c = {t->cast[from][to], {(DType)from}, (DType)to, 1, 0, ""};
      snprintf(c.name, sizeof c.name, "cast %s to %s", dtype_name((DType)from),
               dtype_name((DType)to));
      CU_ASSERT_PTR_NOT_NULL_FATAL(c.fn);
      check(&c, isa);
    }
  for (int dtype = 0; dtype < DTYPE_COUNT; dtype++) {
    Case c = {t->copy[dtype], {(DType)dtype}, (DType)dtype, 1, 0, "copy"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(c.fn);
    /* A copy onto itself may not be asked for: memcpy. */
    static _Alignas(64) char x[LENGTH_MAX * 8], y[LENGTH_MAX * 8];
    fill(x, c.result, LENGTH_MAX, 0);
    c.fn(y, x, NULL, NULL, LENGTH_MAX, 0);
    CU_ASSERT(memcmp(x, y, LENGTH_MAX * dtype_size(c.result)) == 0);
  }
}

static void test_over_operands(void) {
  isa_limit(ISA_V4);
  Isa have = isa_current();
  check_table(&fused_table_base, "base");
  if (have >= ISA_V3) check_table(&fused_table_v3, "x86-64-v3");
  if (have >= ISA_V4) check_table(&fused_table_v4, "x86-64-v4");
  CU_ASSERT(checked > 3000); /* the table was not empty */
}

/* ---- against the reference ---- */

static NodeId special_input(Lab *lab, DType dtype, uint32_t k) {
  int64_t n = N_SPECIALS * N_SPECIALS;
  NodeId id = lab_input(lab, dtype, 1, &n);
  Tensor t = {lab_value(lab, id), dtype, lab->graph->nodes[id].shape};
  for (int64_t i = 0; i < n; i++)
    tensor_set(&t, i, specials[k == 0 ? i % N_SPECIALS : i / N_SPECIALS]);
  return id;
}

/* NaN where the reference says NaN and nowhere else, the same infinities, the same numbers. */
static void check_specials(OpId op, DType dtype, double exponent) {
  Lab lab;
  NodeId inputs[2];
  char what[64];
  lab_init(&lab, dtype, 1);
  for (uint32_t k = 0; k < op_desc(op)->n_inputs; k++) inputs[k] = special_input(&lab, dtype, k);
  int64_t bits;
  memcpy(&bits, &exponent, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}};
  NodeId y = emit_node(&lab.e, op, inputs, op_desc(op)->n_inputs, attrs);
  snprintf(what, sizeof what, "%s %s %g", op_desc(op)->name, dtype_name(dtype), exponent);
  double tolerance = dtype == DTYPE_F32 ? 1e-6 : op == OP_POWER ? 1e-12 : 1e-14;
  CU_ASSERT(lab_check_node(&lab, y, tolerance, what));
  lab_free(&lab);
}

static void test_specials(void) {
  for (uint32_t op = 1; op < OP_PRIMITIVE_COUNT; op++) {
    const OpDesc *desc = op_desc(op);
    if (desc->op_class != OP_CLASS_ELEMENTWISE || !fused_table_base.op[op][DTYPE_F32]) continue;
    if (op == OP_SELECT) continue;
    for (size_t i = 0; i < (op == OP_POWER ? sizeof exponents / sizeof *exponents : 1); i++) {
      check_specials((OpId)op, DTYPE_F32, op == OP_POWER ? exponents[i] : 0);
      check_specials((OpId)op, DTYPE_F64, op == OP_POWER ? exponents[i] : 0);
    }
  }
}

/* ---- maxima ---- */

/* Windows and lines with NaN first, in the middle, last, twice, alone, beside infinities. */
static void check_maximum(OpId op, DType dtype) {
  Lab lab;
  NodeId x, y;
  lab_init(&lab, dtype, 4);
  if (op == OP_POOL_INDEX) {
    x = lab_input(&lab, dtype, 4, (int64_t[]){2, 6, 5, 70});
    Window window = {.kernel = {3, 2}, .stride = {1, 2}, .pad = {1, 0, 1, 0}, .dilation = {1, 1}};
    y = emit_pool(&lab.e, op, x, NODE_NONE, &window);
  } else {
    x = lab_input(&lab, dtype, 3, (int64_t[]){3, 4, 70});
    y = op == OP_REDUCE_MAX ? emit_reduce_max(&lab.e, x, 1) : emit_arg_max(&lab.e, x, 1);
  }
  Tensor t = {lab_value(&lab, x), dtype, lab.graph->nodes[x].shape};
  for (int64_t i = 0; i < shape_count(&t.shape); i++) {
    static const double some[] = {NAN, NAN, 1, 2, 2, INFINITY, -INFINITY, -1, 0, -0.0};
    tensor_set(&t, i, some[lab_pick(&lab, 10)]);
  }
  CU_ASSERT(lab_check_node(&lab, y, 0, op_desc(op)->name));
  lab_free(&lab);
}

static void test_maxima(void) {
  static const OpId ops[] = {OP_REDUCE_MAX, OP_ARG_MAX, OP_POOL_INDEX};
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
    check_maximum(ops[i], DTYPE_F32);
    check_maximum(ops[i], DTYPE_F64);
  }
}

LAB_MAIN("in place", {"over operands", test_over_operands}, {"no number stays none", test_specials},
         {"maxima of what is no number", test_maxima})
