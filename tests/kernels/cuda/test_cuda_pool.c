/* Pooling on CUDA: windows of any kind over images, the CPU's bits; indices that lie beside their
 * windows, or nowhere. */
#include "tests/kernels/cuda/cuda_compare.h"

static void check(Lab *lab, NodeId id, bool sums, const char *name, uint64_t seed) {
  char what[160], text[SHAPE_TEXT_MAX];
  snprintf(what, sizeof what, "%s to %s, seed %llu", name,
           id ? shape_text(emit_shape(&lab->e, id), text, sizeof text) : "?",
           (unsigned long long)seed);
  CU_ASSERT(compare_node(lab, id, sums, seed, what));
}

static Window random_window(Lab *lab, int64_t *dims) {
  Window w = {0};
  for (int k = 0; k < 2; k++) {
    w.kernel[k] = 1 + lab_pick(lab, 5);
    w.stride[k] = 1 + lab_pick(lab, 4);
    w.dilation[k] = 1 + lab_pick(lab, 3);
    w.pad[k] = lab_pick(lab, w.kernel[k]);
    w.pad[2 + k] = lab_pick(lab, w.kernel[k]);
    dims[1 + k] = w.size[k] = (w.kernel[k] - 1) * w.dilation[k] + 1 + lab_pick(lab, 14);
  }
  return w;
}

static void special(Lab *lab, NodeId id) {
  static const double values[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1};
  const Node *node = &lab->graph->nodes[id];
  Tensor t = {lab_value(lab, id), (DType)node->dtype, node->shape};
  for (int64_t i = 0; i < shape_count(&node->shape); i++)
    if (lab_pick(lab, 8) == 0) tensor_set(&t, i, values[lab_pick(lab, 6)]);
}

static void test_pools(void) {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    Lab lab;
    int64_t dims[4];
    lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
    dims[0] = 1 + lab_pick(&lab, 4);
    dims[3] = 1 + lab_pick(&lab, seed % 4 ? 5 : 70);
    Window w = random_window(&lab, dims);
    NodeId x = lab_input(&lab, lab.e.float_type, 4, dims);
    if (seed % 3 == 0) special(&lab, x);
    NodeId index = emit_pool(&lab.e, OP_POOL_INDEX, x, NODE_NONE, &w);
    NodeId y = emit_pool(&lab.e, OP_POOL_GATHER, x, index, &w);
    CU_ASSERT_EQUAL(lab_reference(&lab), STATUS_OK); /* values of the index */
    NodeId small = lab_input(&lab, lab.e.float_type, 4, emit_shape(&lab.e, y)->dim);
    if (seed % 5 == 0) special(&lab, small);
    check(&lab, index, false, "pool-index", seed);
    check(&lab, y, false, "pool-gather", seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SCATTER, small, index, &w), true, "pool-scatter", seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SPREAD, small, NODE_NONE, &w), true, "pool-spread", seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SUM, x, NODE_NONE, &w), true, "pool-sum", seed);
    lab_free(&lab);
  }
}

/* Indices from outside may lie anywhere in the image: a pixel adds in the order of the windows all
 * the same. */
static void test_stray(void) {
  for (uint64_t seed = 1; seed <= 16; seed++) {
    Lab lab;
    int64_t dims[4] = {2, 0, 0, 3};
    lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
    Window w = random_window(&lab, dims);
    NodeId x = lab_input(&lab, lab.e.float_type, 4, dims);
    Shape shape = *emit_shape(&lab.e, emit_pool(&lab.e, OP_POOL_SUM, x, NODE_NONE, &w));
    NodeId y = lab_input(&lab, lab.e.float_type, 4, shape.dim);
    NodeId index = lab_input(&lab, DTYPE_I32, 4, shape.dim);
    int32_t *at = lab_value(&lab, index);
    for (int64_t i = 0; i < shape_count(&shape); i++)
      at[i] = (int32_t)lab_pick(&lab, seed % 4 ? dims[1] * dims[2] : 4);
    check(&lab, emit_pool(&lab.e, OP_POOL_GATHER, x, index, &w), false, "pool-gather", seed);
    check(&lab, emit_pool(&lab.e, OP_POOL_SCATTER, y, index, &w), false, "pool-scatter", seed);
    lab_free(&lab);
  }
}

/* All indices are of their windows' first pixels but one, which lies just beside its own. */
static void test_beside(void) {
  for (uint64_t seed = 1; seed <= 16; seed++) {
    Lab lab;
    int64_t d = 1 + (int64_t)(seed / 8), beyond = d + 1; /* windows of 2 x 2, from 2 p on */
    Window w = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {d, d}, .size = {9, 9}};
    lab_init(&lab, seed % 2 ? DTYPE_F32 : DTYPE_F64, seed);
    NodeId x = lab_input(&lab, lab.e.float_type, 4, (int64_t[]){1, 9, 9, 1});
    Shape shape = *emit_shape(&lab.e, emit_pool(&lab.e, OP_POOL_SUM, x, NODE_NONE, &w));
    NodeId y = lab_input(&lab, lab.e.float_type, 4, shape.dim);
    NodeId index = lab_input(&lab, DTYPE_I32, 4, shape.dim);
    int32_t *at = lab_value(&lab, index);
    for (int64_t i = 0; i < shape_count(&shape); i++)
      at[i] = (int32_t)(i / shape.dim[2] * 2 * 9 + i % shape.dim[2] * 2);
    at[shape.dim[2] + 1] += (int32_t)(seed % 8 < 2   ? beyond * 9
                                      : seed % 8 < 4 ? beyond
                                      : seed % 8 < 6 ? -9
                                                     : -1);
    check(&lab, emit_pool(&lab.e, OP_POOL_SCATTER, y, index, &w), false, "pool-scatter", seed);
    lab_free(&lab);
  }
}

static void check_bad(Lab *lab, NodeId id, const char *says) {
  void *cuda = malloc(lab_bytes(lab, id));
  KernelError error;
  CU_ASSERT_EQUAL(compare_run_cuda(lab, id, 1, cuda, &error), STATUS_INVALID);
  if (strcmp(error.text, says) != 0) printf("\n  '%s', not '%s'", error.text, says);
  CU_ASSERT_STRING_EQUAL(error.text, says);
  free(cuda);
}

static void test_bad(void) {
  Lab lab;
  Window w = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .size = {6, 8}};
  lab_init(&lab, DTYPE_F32, 1);
  NodeId x = lab_input(&lab, DTYPE_F32, 4, (int64_t[]){2, 6, 8, 3});
  NodeId y = lab_input(&lab, DTYPE_F32, 4, (int64_t[]){2, 3, 4, 3});
  NodeId index = lab_input(&lab, DTYPE_I32, 4, (int64_t[]){2, 3, 4, 3});
  NodeId gather = emit_pool(&lab.e, OP_POOL_GATHER, x, index, &w);
  NodeId scatter = emit_pool(&lab.e, OP_POOL_SCATTER, y, index, &w);
  int32_t *at = lab_value(&lab, index);
  memset(at, 0, lab_bytes(&lab, index));
  at[50] = 48;
  check_bad(&lab, gather, "pool-gather: index 48 (element 50) is outside 0..47");
  check_bad(&lab, scatter, "pool-scatter: index 48 (element 50) is outside 0..47");
  at[7] = -2;
  check_bad(&lab, gather, "pool-gather: index -2 (element 7) is outside 0..47");
  check_bad(&lab, scatter, "pool-scatter: index -2 (element 7) is outside 0..47");
  lab_free(&lab);
}

int main(void) {
  static const SupportTest tests[] = {{"pools", test_pools},
                                      {"stray indices", test_stray},
                                      {"beside windows", test_beside},
                                      {"indices out of range", test_bad}};
  return compare_main("cuda pool", tests, sizeof tests / sizeof *tests);
}
