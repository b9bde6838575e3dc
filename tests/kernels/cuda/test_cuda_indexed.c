/* gather, scatter-add, pick and place on CUDA: the CPU's bits, few contributions and many, and
 * indices out of range. */
#include "tests/kernels/cuda/cuda_compare.h"

static const DType types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_BOOL};

/* Indices below `limit`; in some seeds most of them are one, or ascend. */
static NodeId index_input(Lab *lab, int rank, const int64_t *dims, int64_t limit) {
  NodeId index = lab_input(lab, DTYPE_I32, rank, dims);
  int32_t *at = lab_value(lab, index);
  int64_t n = shape_count(&lab->graph->nodes[index].shape), kind = lab_pick(lab, 3);
  for (int64_t i = 0; i < n; i++) {
    at[i] = (int32_t)lab_pick(lab, limit);
    if (kind == 1 && lab_pick(lab, 4)) at[i] = (int32_t)(limit / 2);
    if (kind == 2) at[i] = (int32_t)(i % limit);
  }
  return index;
}

static void check(Lab *lab, NodeId id, const char *name, uint64_t seed) {
  char what[160], text[SHAPE_TEXT_MAX];
  snprintf(what, sizeof what, "%s to %s, seed %llu", name,
           id ? shape_text(emit_shape(&lab->e, id), text, sizeof text) : "?",
           (unsigned long long)seed);
  CU_ASSERT(compare_node(lab, id, false, seed, what));
}

/* Rows: of one element, of a few, of some that travel in fours. */
static void test_gather(void) {
  static const int64_t rows[] = {1, 3, 4, 64, 130};
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, seed);
    int64_t dims[3] = {1 + lab_pick(&lab, 200), rows[lab_pick(&lab, 5)], 1 + lab_pick(&lab, 3)};
    int64_t n = 1 + lab_pick(&lab, 300);
    NodeId x = lab_input(&lab, types[lab_pick(&lab, 5)], 1 + (int)lab_pick(&lab, 3), dims);
    check(&lab, emit_gather(&lab.e, x, index_input(&lab, 1, &n, dims[0])), "gather", seed);
    lab_free(&lab);
  }
}

static void test_scatter(void) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, seed);
    int64_t sizes[] = {1, 7, 100, 128, 129, 600, 5000}, to = 1 + lab_pick(&lab, 90);
    int64_t dims[2] = {sizes[lab_pick(&lab, 7)], 1 + lab_pick(&lab, 9)};
    NodeId x = lab_input(&lab, types[lab_pick(&lab, 2)], 1 + (int)lab_pick(&lab, 2), dims);
    NodeId index = index_input(&lab, 1, dims, to);
    check(&lab, emit_scatter_add(&lab.e, x, index, to), "scatter-add", seed);
    lab_free(&lab);
  }
}

/* Three axes, one of them that of the lines; with lines up to 3000 long now and then. */
static void lines(Lab *lab, uint64_t seed, int64_t *axis, int64_t *dims) {
  *axis = lab_pick(lab, 3);
  for (int i = 0; i < 3; i++) dims[i] = 1 + lab_pick(lab, 12);
  dims[*axis] = 1 + lab_pick(lab, seed % 3 ? 150 : 3000);
}

static void test_pick(void) {
  for (uint64_t seed = 1; seed <= 40; seed++) {
    Lab lab;
    int64_t axis, dims[3], length;
    lab_init(&lab, DTYPE_F32, seed);
    lines(&lab, seed, &axis, dims);
    length = dims[axis];
    NodeId x = lab_input(&lab, types[lab_pick(&lab, 5)], 3, dims);
    dims[axis] = lab_pick(&lab, 2) ? 1 : 1 + lab_pick(&lab, 200);
    check(&lab, emit_pick(&lab.e, x, index_input(&lab, 3, dims, length), axis), "pick", seed);
    lab_free(&lab);
  }
}

static void test_place(void) {
  for (uint64_t seed = 1; seed <= 50; seed++) {
    Lab lab;
    int64_t axis, dims[3], length;
    lab_init(&lab, DTYPE_F32, seed);
    lines(&lab, seed, &axis, dims);
    if (lab_pick(&lab, 3) == 0) dims[axis] = 1 + 63 * lab_pick(&lab, 2);
    length = 1 + lab_pick(&lab, 200);
    NodeId x = lab_input(&lab, types[lab_pick(&lab, 2)], 3, dims);
    NodeId index = index_input(&lab, 3, dims, length);
    ((char *)lab_value(&lab, x))[3] = (char)0x80; /* perhaps a zero with a sign */
    check(&lab, emit_place(&lab.e, x, index, axis, length), "place", seed);
    lab_free(&lab);
  }
}

/* A lone element keeps the sign of its zero, sums of such do not. */
static void test_signs(void) {
  for (int64_t count = 1; count <= 2; count++) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, 1);
    int64_t dims[] = {3, count};
    NodeId x = lab_input(&lab, DTYPE_F32, 2, dims), index = lab_input(&lab, DTYPE_I32, 2, dims);
    float *v = lab_value(&lab, x);
    int32_t *at = lab_value(&lab, index);
    for (int i = 0; i < 3 * count; i++) v[i] = -0.0f, at[i] = 1;
    check(&lab, emit_place(&lab.e, x, index, 1, 4), "zeros with a sign", 1);
    lab_free(&lab);
  }
}

/* More lines than the work buffer holds at once. */
static void test_place_in_parts(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  int64_t dims[] = {9, 66, 1800};
  NodeId x = lab_input(&lab, DTYPE_F32, 3, dims), index = index_input(&lab, 3, dims, 5);
  check(&lab, emit_place(&lab.e, x, index, 1, 5), "in parts", 5);
  lab_free(&lab);
}

/* One index is wrong, then another before it: the first in the list is told, as on the CPU. */
static void check_bad(Lab *lab, NodeId id, NodeId index, int32_t value, const char *name) {
  LabRun r = {
      .nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1, .share = -1};
  int64_t n = shape_count(&lab->graph->nodes[index].shape);
  int32_t *at = lab_value(lab, index);
  void *cpu[1], *cuda = malloc(lab_bytes(lab, id));
  KernelError error;
  at[n * 3 / 4] = value;
  for (int step = 0; step < 2; step++) {
    CU_ASSERT_EQUAL(lab_run(lab, &r, cpu, NULL), STATUS_INVALID);
    lab_release(&r, cpu);
    CU_ASSERT_EQUAL(compare_run_cuda(lab, id, (uint64_t)step, cuda, &error), STATUS_INVALID);
    CU_ASSERT(strstr(error.text, name) == error.text);
    if (strcmp(error.text, kernel_error()) != 0)
      printf("\n  '%s', on the CPU '%s'", error.text, kernel_error());
    CU_ASSERT_STRING_EQUAL(error.text, kernel_error());
    at[n / 2] = -1;
  }
  free(cuda);
}

static void test_bad(void) {
  for (int64_t n = 40; n <= 400; n += 360) {
    Lab lab;
    int64_t dims[] = {n, 3}, line[] = {3, n};
    lab_init(&lab, DTYPE_F32, 1);
    NodeId x = lab_input(&lab, DTYPE_F32, 2, dims), y = lab_input(&lab, DTYPE_F32, 2, line);
    NodeId rows = lab_input(&lab, DTYPE_F32, 2, (int64_t[]){n + 7, 3});
    NodeId a = index_input(&lab, 1, &n, 5), b = index_input(&lab, 1, &n, 5);
    NodeId c = index_input(&lab, 2, line, 5), d = index_input(&lab, 2, line, 5);
    check_bad(&lab, emit_gather(&lab.e, rows, a), a, (int32_t)n + 7, "gather");
    check_bad(&lab, emit_scatter_add(&lab.e, x, b, 5), b, 5, "scatter-add");
    check_bad(&lab, emit_pick(&lab.e, y, c, 1), c, (int32_t)n + 8000, "pick");
    check_bad(&lab, emit_place(&lab.e, y, d, 1, 5), d, 7, "place");
    lab_free(&lab);
  }
}

/* Indices beyond 2^23 are told as that or more; the element is right all the same. */
static void test_far(void) {
  static const struct {
    int32_t index;
    const char *says;
  } rows[] = {{8388606, "gather: index 8388606 (element 7) is outside 0..8"},
              {8388608, "gather: index 8388607 or more (element 7) is outside 0..8"},
              {INT32_MAX, "gather: index 8388607 or more (element 7) is outside 0..8"},
              {-8388607, "gather: index -8388607 (element 7) is outside 0..8"},
              {INT32_MIN, "gather: index -8388608 or less (element 7) is outside 0..8"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Lab lab;
    KernelError error;
    int64_t n = 9;
    float have[9];
    lab_init(&lab, DTYPE_F32, 1);
    NodeId x = lab_input(&lab, DTYPE_F32, 1, &n), index = index_input(&lab, 1, &n, 9);
    ((int32_t *)lab_value(&lab, index))[7] = rows[i].index;
    NodeId id = emit_gather(&lab.e, x, index);
    CU_ASSERT_EQUAL(compare_run_cuda(&lab, id, 1, have, &error), STATUS_INVALID);
    CU_ASSERT_STRING_EQUAL(error.text, rows[i].says);
    lab_free(&lab);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"gather", test_gather},
                                      {"scatter-add", test_scatter},
                                      {"pick", test_pick},
                                      {"place", test_place},
                                      {"signs of zeros", test_signs},
                                      {"place in parts", test_place_in_parts},
                                      {"indices out of range", test_bad},
                                      {"indices far out", test_far}};
  return compare_main("cuda indexed", tests, sizeof tests / sizeof *tests);
}
