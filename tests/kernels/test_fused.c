/* Fused groups: random graphs over random spaces against the reference, node by node. */
#include "kernels/cpu/target.h"
#include "ops/fuse_rules.h"
#include "tests/kernels/kernel_test.h"

#define MEMBERS_MAX 40

typedef struct Maker {
  Lab *lab;
  Shape space;
  DType dtype;
  NodeId floats[MEMBERS_MAX], bools[MEMBERS_MAX];
  int n_floats, n_bools;
} Maker;

static NodeId pick_float(Maker *m) {
  return m->floats[lab_pick(m->lab, m->n_floats)];
}

/* A value that some axes of the space repeat. */
static NodeId make_broadcast(Maker *m) {
  int64_t dims[RANK_MAX];
  for (int i = 0; i < m->space.rank; i++) dims[i] = lab_pick(m->lab, 2) ? m->space.dim[i] : 1;
  NodeId small = lab_input(m->lab, m->dtype, m->space.rank, dims);
  return emit_broadcast(&m->lab->e, small, &m->space);
}

static NodeId make_leaf(Maker *m) {
  Emitter *e = &m->lab->e;
  switch (lab_pick(m->lab, 5)) {
  case 0:
    return emit_constant(e, lab_uniform(m->lab) + 0.5, m->dtype, &m->space);
  case 1:
    return m->space.rank ? emit_iota(e, lab_pick(m->lab, m->space.rank), m->dtype, &m->space)
                         : lab_input(m->lab, m->dtype, 0, NULL);
  case 2:
    return lab_input(m->lab, m->dtype, m->space.rank, m->space.dim);
  default:
    return make_broadcast(m);
  }
}

/* Functions that stay within range whatever their operands are. */
static NodeId make_float(Maker *m) {
  static const OpId unary[] = {OP_NEG, OP_ABS, OP_SIGN, OP_TANH, OP_SIN, OP_COS, OP_STOP_GRADIENT};
  static const OpId binary[] = {OP_ADD, OP_SUB, OP_MUL};
  Emitter *e = &m->lab->e;
  NodeId a = pick_float(m), b = pick_float(m);
  switch (lab_pick(m->lab, 8)) {
  case 0:
    return emit_unary(e, unary[lab_pick(m->lab, 7)], a);
  case 1:
    return emit_div(e, a, emit_shift(e, emit_unary(e, OP_ABS, b), 1));
  case 2:
    return emit_unary(e, OP_SQRT, emit_unary(e, OP_ABS, a));
  case 3:
    return emit_select(e, m->bools[lab_pick(m->lab, m->n_bools)], a, b);
  case 4:
    return emit_unary(e, OP_EXP, emit_neg(e, emit_unary(e, OP_ABS, a)));
  case 5:
    return emit_unary(e, OP_RSQRT, emit_shift(e, emit_mul(e, a, a), 1));
  default:
    return emit_binary(e, binary[lab_pick(m->lab, 3)], a, b);
  }
}

static NodeId make_bool(Maker *m) {
  static const OpId ops[] = {OP_LESS, OP_LESS_EQUAL, OP_EQUAL};
  Emitter *e = &m->lab->e;
  if (m->n_bools && lab_pick(m->lab, 3) == 0)
    return emit_binary(e, lab_pick(m->lab, 2) ? OP_AND : OP_OR,
                       m->bools[lab_pick(m->lab, m->n_bools)], m->bools[0]);
  return emit_binary(e, ops[lab_pick(m->lab, 3)], pick_float(m), pick_float(m));
}

static Shape random_space(Lab *lab) {
  static const int64_t lengths[] = {1, 1, 2, 3, 5, 8, 16, 17, 33, 64, 100, 260};
  Shape s = {.rank = (uint8_t)lab_pick(lab, 5)};
  int64_t count = 1;
  for (int i = 0; i < s.rank; i++) {
    s.dim[i] = lengths[lab_pick(lab, 12)];
    while (count * s.dim[i] > 60000) s.dim[i] = (s.dim[i] + 1) / 2;
    count *= s.dim[i];
  }
  if (s.rank && lab_pick(lab, 4) == 0 && count < 8000)
    s.dim[s.rank - 1] *= lab_pick(lab, 2) ? 1030 / (count / s.dim[s.rank - 1] + 1) + 1 : 3;
  return s;
}

/* A sum as it stands: emit_reduce_sum may rewrite it to one of another space. */
static NodeId make_sum(Maker *m) {
  int64_t axes[RANK_MAX];
  uint32_t n = 0;
  for (int i = 0; i < m->space.rank; i++)
    if (m->space.dim[i] > 1 && lab_pick(m->lab, 2)) axes[n++] = i;
  NodeId operand = pick_float(m);
  int64_t wide = lab_pick(m->lab, 4) == 0;
  EmitAttr attrs[] = {{axes, n}, {&wide, 1}};
  return n ? emit_node(&m->lab->e, OP_REDUCE_SUM, &operand, 1, attrs) : NODE_NONE;
}

static void make_group(Maker *m, bool *wanted) {
  Lab *lab = m->lab;
  m->floats[m->n_floats++] = lab_input(lab, m->dtype, m->space.rank, m->space.dim);
  for (int i = 0; i < 3; i++) m->floats[m->n_floats++] = make_leaf(m);
  m->bools[m->n_bools++] = make_bool(m);
  int64_t n = 1 + lab_pick(lab, 12);
  for (int64_t i = 0; i < n; i++) {
    if (lab_pick(lab, 6) == 0) m->floats[m->n_floats++] = make_leaf(m);
    if (lab_pick(lab, 4) == 0) m->bools[m->n_bools++] = make_bool(m);
    m->floats[m->n_floats++] = make_float(m);
  }
  wanted[m->floats[m->n_floats - 1]] = true;
  if (lab_pick(lab, 2)) wanted[pick_float(m)] = true;
  if (lab_pick(lab, 3) == 0) wanted[m->bools[m->n_bools - 1]] = true;
  int64_t sums = lab_pick(lab, 4);
  for (int64_t i = 0; i < sums; i++) wanted[make_sum(m)] = true;
}

static Shape make_batch(Lab *lab) {
  Shape space = random_space(lab);
  if (space.rank && lab_pick(lab, 2)) {
    int64_t groups = space.dim[0] % 2 ? 1 : 2;
    lab->e.stamp.batch = (uint8_t)graph_add_batch(
        lab->graph, (Batch){.groups = groups, .units = space.dim[0] / groups, .unit = 1});
  }
  return space;
}

/* Output 0 over each input that the planner may give it: the same bits. */
static bool check_sharing(Lab *lab, LabRun r, int *shared) {
  const Graph *g = lab->graph;
  NodeId inputs[256];
  void *apart[64], *over[64];
  bool good = true;
  uint32_t n = lab_inputs(lab, &r, inputs);
  if (lab_run(lab, &r, apart, NULL) != STATUS_OK) return false;
  for (uint32_t k = 0; good && k < n; k++) {
    bool may = true;
    for (uint32_t m = 0; m < r.n_nodes; m++)
      for (uint32_t i = 0; i < g->nodes[r.nodes[m]].n_inputs; i++)
        if (node_input(g, r.nodes[m], i) == inputs[k])
          may &= fuse_in_place(&target_cpu, g, r.outputs[0], r.nodes[m], inputs[k]);
    if (!may) continue;
    r.share = (int)k;
    good = lab_run(lab, &r, over, NULL) == STATUS_OK && lab_same_bits(lab, &r, apart, over);
    lab_release(&r, over);
    ++*shared;
  }
  lab_release(&r, apart);
  return good;
}

static int n_shared;

static bool random_group(uint64_t seed, DType dtype) {
  Lab lab;
  bool wanted[512] = {false};
  NodeId outputs[64], members[256];
  uint32_t n_outputs = 0, n_members = 0;
  char what[128], shape[SHAPE_TEXT_MAX];
  lab_init(&lab, dtype, seed);
  lab.shards = (uint32_t)(1 + lab_pick(&lab, 5));
  Maker m = {.lab = &lab, .space = make_batch(&lab), .dtype = dtype};
  make_group(&m, wanted);
  wanted[NODE_NONE] = false;
  for (NodeId id = 1; id < lab.graph->n_nodes; id++) {
    if (lab.graph->nodes[id].op == OP_INPUT) continue;
    members[n_members++] = id;
    if (wanted[id]) outputs[n_outputs++] = id;
  }
  bool good = lab.e.status == STATUS_OK && lab_reference(&lab) == STATUS_OK;
  snprintf(what, sizeof what, "seed %llu %s %s", (unsigned long long)seed, dtype_name(dtype),
           shape_text(&m.space, shape, sizeof shape));
  if (good && n_outputs)
    good = lab_check(&lab, members, n_members, outputs, n_outputs,
                     dtype == DTYPE_F32 ? 1e-5 : 1e-12, what);
  LabRun run = {.nodes = members,
                .n_nodes = n_members,
                .outputs = outputs,
                .n_outputs = n_outputs,
                .work_bytes = -1,
                .share = -1};
  if (good && n_outputs && !check_sharing(&lab, run, &n_shared)) {
    printf("\n  %s: other bits over an operand\n", what);
    good = false;
  }
  lab_free(&lab);
  return good;
}

static void test_random_f32(void) {
  for (uint64_t seed = 1; seed <= 300; seed++) CU_ASSERT(random_group(seed, DTYPE_F32));
}
static void test_random_f64(void) {
  for (uint64_t seed = 301; seed <= 500; seed++) CU_ASSERT(random_group(seed, DTYPE_F64));
}

/* After the random groups: many results were written over an operand. */
static void test_shared(void) {
  CU_ASSERT(n_shared > 300);
}

/* Mean of squared deviations, of which shards keep partial sums, over leading and other axes. */
static void test_variance(void) {
  static const int64_t cases[][4] = {{8, 40, 50, 3}, {5, 7, 9, 64}, {64, 33, 1, 20}};
  for (int i = 0; i < 12; i++) {
    Lab lab;
    DType dtype = i % 2 ? DTYPE_F64 : DTYPE_F32;
    const int64_t *dims = cases[i / 4];
    uint32_t axes = i & 2 ? 7 : 6;
    lab_init(&lab, dtype, (uint64_t)i + 1);
    lab.e.stamp.batch =
        (uint8_t)graph_add_batch(lab.graph, (Batch){.groups = 1, .units = dims[0], .unit = 1});
    NodeId x = lab_input(&lab, dtype, 4, dims);
    NodeId id = emit_variance(&lab.e, x, emit_mean(&lab.e, x, axes), axes);
    CU_ASSERT(lab_check_node(&lab, id, dtype == DTYPE_F32 ? 1e-6 : 1e-14, "variance"));
    lab_free(&lab);
  }
}

LAB_MAIN("fused", {"random groups, f32", test_random_f32}, {"random groups, f64", test_random_f64},
         {"over operands", test_shared}, {"variance", test_variance})
