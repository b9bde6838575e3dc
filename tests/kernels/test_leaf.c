/* Constants and random numbers of more elements than a task holds. */
#include "graph/base/philox.h"
#include "tests/kernels/kernel_test.h"

#define COUNT 300007

/* Element i is draw i of (seed, step, site), whichever task fills it. */
static void check_random(bool uniform, DType dtype) {
  Lab lab;
  lab_init(&lab, dtype, 5);
  NodeId seed = lab_input(&lab, DTYPE_I64, 0, NULL), step = lab_input(&lab, DTYPE_I64, 0, NULL);
  Shape shape = {1, {COUNT}};
  int64_t site = strings_intern(lab.symbols->strings, "some/site"), type = dtype,
          distribution = uniform ? RANDOM_UNIFORM : 0;
  EmitAttr attrs[] = {{&site, 1}, {&distribution, 1}, {shape.dim, 1}, {&type, 1}};
  NodeId inputs[] = {seed, step}, id = emit_node(&lab.e, OP_RANDOM, inputs, 2, attrs);
  *(int64_t *)lab_value(&lab, seed) = 7;
  *(int64_t *)lab_value(&lab, step) = 1234567890123;
  CU_ASSERT(lab_check_node(&lab, id, 0, "random"));
  LabRun run = {
      .nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1, .share = -1};
  void *drawn;
  CU_ASSERT_EQUAL_FATAL(lab_run(&lab, &run, &drawn, NULL), STATUS_OK);
  Tensor t = {drawn, dtype, shape};
  uint64_t key = philox_site("some/site");
  bool same = true;
  for (uint64_t i = 0; i < COUNT; i++) {
    double want = uniform ? philox_uniform(7, 1234567890123, key, i)
                          : philox_normal(7, 1234567890123, key, i);
    same &= tensor_get(&t, (int64_t)i) == (dtype == DTYPE_F32 ? (double)(float)want : want);
  }
  CU_ASSERT(same);
  free(drawn);
  lab_free(&lab);
}

static void test_random(void) {
  for (int i = 0; i < 4; i++) check_random(i & 1, i & 2 ? DTYPE_F64 : DTYPE_F32);
}

/* One value for all, and one for each. */
static void test_constants(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 5);
  Shape small = {2, {300, 200}};
  double *values = malloc(60000 * sizeof *values);
  for (int i = 0; i < 60000; i++) values[i] = i * 0.5 - 3;
  NodeId list = emit_constant_list(&lab.e, values, DTYPE_F32, &small);
  CU_ASSERT(lab_check_node(&lab, list, 0, "a list"));
  const float *have = lab_value(&lab, list);
  for (int i = 0; i < 60000; i++) CU_ASSERT_EQUAL_FATAL(have[i], (float)values[i]);
  Shape large = {1, {COUNT}};
  NodeId fill = emit_constant(&lab.e, 2.5, DTYPE_F32, &large);
  CU_ASSERT(lab_check_node(&lab, fill, 0, "a fill"));
  CU_ASSERT_EQUAL(((const float *)lab_value(&lab, fill))[COUNT - 1], 2.5f);
  free(values);
  lab_free(&lab);
}

LAB_MAIN("leaf", {"random numbers", test_random}, {"constants", test_constants})
