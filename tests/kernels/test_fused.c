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

static int n_shared;

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
