/* Fused groups: random graphs over random spaces against the reference, node by node. */
#include "kernels/cpu/target.h"
#include "ops/fuse_rules.h"
#include "tests/kernels/group_maker.h"
#include "tests/kernels/kernel_test.h"

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

static bool same_result(Lab *lab, LabRun r, NodeId sum, const void *as) {
  void *own[1];
  r.outputs = &sum;
  r.n_outputs = 1;
  bool same =
      lab_run(lab, &r, own, NULL) == STATUS_OK && memcmp(own[0], as, lab_bytes(lab, sum)) == 0;
  free(own[0]);
  return same;
}

/* Each sum of the group as the only result of the members, and as a group of its own that reads
 * what the group has computed: the same bits. */
static bool check_alone(Lab *lab, LabRun r, int *alone) {
  const Graph *g = lab->graph;
  void *all[64], *operand[1];
  bool good = lab_run(lab, &r, all, NULL) == STATUS_OK;
  for (uint32_t i = 0; good && i < r.n_outputs; i++) {
    NodeId sum = r.outputs[i], x;
    if (g->nodes[sum].op != OP_REDUCE_SUM) continue;
    good = same_result(lab, r, sum, all[i]);
    x = node_input(g, sum, 0);
    if (g->nodes[x].op != OP_INPUT) {
      LabRun of = r;
      of.outputs = &x;
      of.n_outputs = 1;
      good &= lab_run(lab, &of, operand, NULL) == STATUS_OK;
      memcpy(lab_value(lab, x), operand[0], lab_bytes(lab, x));
      free(operand[0]);
    }
    LabRun one = {.nodes = &sum, .n_nodes = 1, .work_bytes = -1, .share = -1};
    good &= same_result(lab, one, sum, all[i]);
    ++*alone;
  }
  lab_release(&r, all);
  return good;
}

static int n_shared, n_alone;

static bool random_group(uint64_t seed, DType dtype) {
  Lab lab;
  Group group;
  lab_init(&lab, dtype, seed);
  bool good = maker_group(&lab, dtype, &group) && lab_reference(&lab) == STATUS_OK;
  char what[160];
  snprintf(what, sizeof what, "seed %llu %s", (unsigned long long)seed, group.what);
  if (good && group.n_outputs)
    good = lab_check(&lab, group.members, group.n_members, group.outputs, group.n_outputs,
                     dtype == DTYPE_F32 ? 1e-5 : 1e-12, what);
  LabRun run = {.nodes = group.members,
                .n_nodes = group.n_members,
                .outputs = group.outputs,
                .n_outputs = group.n_outputs,
                .work_bytes = -1,
                .share = -1};
  if (good && group.n_outputs && !check_sharing(&lab, run, &n_shared)) {
    printf("\n  %s: other bits over an operand\n", what);
    good = false;
  }
  if (good && group.n_outputs && !check_alone(&lab, run, &n_alone)) {
    printf("\n  %s: a sum has other bits when it is alone\n", what);
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

/* After the random groups: many results were written over an operand, many sums done alone. */
static void test_shared(void) {
  CU_ASSERT(n_shared > 300);
  CU_ASSERT(n_alone > 300);
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
