/* Maxima, cumulative sums and sorting on CUDA: the CPU's bits, with values that have no place among
 * the numbers, and at lengths of which a block or a thread has more than one part. */
#include "tests/kernels/cuda/cuda_compare.h"
#include "tests/kernels/lines.h"

/* A few long lines, side by side or one after the other. */
static Lab start_long(uint64_t seed, int64_t *axis, NodeId *x) {
  int64_t length = 500 + (int64_t)(seed * 977 % 9000), lines = 1 + (int64_t)(seed / 4 % 4);
  *axis = (int64_t)(seed / 2 % 2);
  return start(seed, 2, *axis ? (int64_t[]){lines, length} : (int64_t[]){length, lines}, x);
}

static void check(Lab *lab, NodeId id, bool sums, const char *name, uint64_t seed) {
  char what[160], text[SHAPE_TEXT_MAX];
  if (id != NODE_NONE && lab->graph->nodes[id].n_inputs == 0) return; /* the operand, or zeros */
  snprintf(what, sizeof what, "%s to %s, seed %llu", name,
           id ? shape_text(emit_shape(&lab->e, id), text, sizeof text) : "?",
           (unsigned long long)seed);
  CU_ASSERT(compare_node(lab, id, sums, seed, what));
}

static void check_maxima(Lab *lab, NodeId x, int64_t axis, uint64_t seed) {
  EmitAttr attrs[] = {{&axis, 1}};
  check(lab, emit_node(&lab->e, OP_ARG_MAX, &x, 1, attrs), false, "arg-max", seed);
  check(lab, emit_node(&lab->e, OP_REDUCE_MAX, &x, 1, attrs), false, "reduce-max", seed);
}

static void test_maxima(void) {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 20000, &axis, &x);
    check_maxima(&lab, x, axis, seed);
    lab_free(&lab);
  }
  for (uint64_t seed = 1; seed <= 10; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_long(seed, &axis, &x);
    check_maxima(&lab, x, axis, seed);
    lab_free(&lab);
  }
}

static void check_sums(Lab *lab, NodeId x, int64_t axis, uint64_t seed) {
  const Shape *shape = emit_shape(&lab->e, x);
  NodeId small = lab_input(lab, lab->e.float_type, shape->rank, shape->dim); /* finite */
  NodeId sum = emit_cumulative_sum(&lab->e, small, axis, lab_pick(lab, 2), lab_pick(lab, 2));
  check(lab, sum, false, "cumulative sum", seed);
  check(lab, emit_cumulative_sum(&lab->e, x, axis, false, false), true, "special", seed);
}

static void test_cumulative_sum(void) {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 20000, &axis, &x);
    check_sums(&lab, x, axis, seed);
    lab_free(&lab);
  }
  for (uint64_t seed = 1; seed <= 8; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_long(seed, &axis, &x);
    check_sums(&lab, x, axis, seed);
    lab_free(&lab);
  }
}

/* So many lines that blocks take several together. */
static void test_many_lines(void) {
  for (uint64_t seed = 1; seed <= 2; seed++) {
    NodeId x;
    Lab lab = start(seed, 2, (int64_t[]){seed == 1 ? 1300 : 20000, 7}, &x);
    NodeId sum = emit_cumulative_sum(&lab.e, x, 1, true, true);
    check(&lab, sum, true, "many cumulative sums", seed);
    check_maxima(&lab, x, 1, seed);
    lab_free(&lab);
  }
}

static void check_sort(Lab *lab, NodeId x, int64_t axis, uint64_t seed) {
  int64_t length = emit_shape(&lab->e, x)->dim[axis], count = lab_pick(lab, length + 1);
  check(lab, emit_arg_sort(&lab->e, x, axis, lab_pick(lab, 2), count), false, "arg-sort", seed);
}

static void test_sort(void) {
  for (uint64_t seed = 1; seed <= 30; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_lines(seed, 20000, &axis, &x);
    check_sort(&lab, x, axis, seed);
    lab_free(&lab);
  }
  for (uint64_t seed = 1; seed <= 16; seed++) {
    int64_t axis;
    NodeId x;
    Lab lab = start_long(seed, &axis, &x);
    check_sort(&lab, x, axis, seed);
    lab_free(&lab);
  }
}

/* Lengths around those of runs; a line in order, reversed, or all equal. */
static void test_sorted_lines(void) {
  static const int64_t lengths[] = {2047, 2048, 2049, 4096, 4097, 6145};
  for (int i = 0; i < 18; i++) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, 1);
    int64_t n = lengths[i % 6];
    NodeId x = lab_input(&lab, DTYPE_F32, 1, &n);
    float *v = lab_value(&lab, x);
    for (int64_t k = 0; k < n; k++) v[k] = i / 6 == 0 ? (float)k : i / 6 == 1 ? (float)-k : 7;
    check(&lab, emit_arg_sort(&lab.e, x, 0, i % 2, 0), false, "a line in order", (uint64_t)i);
    lab_free(&lab);
  }
}

/* More lines than the work buffer holds at once. */
static void test_sort_in_parts(void) {
  for (uint64_t seed = 2; seed <= 10; seed += 8) {
    NodeId x;
    int64_t axis = seed == 2;
    Lab lab = start(seed, 2, axis ? (int64_t[]){130, 2100} : (int64_t[]){2100, 130}, &x);
    check(&lab, emit_arg_sort(&lab.e, x, axis, true, 5), false, "in parts", seed);
    lab_free(&lab);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"sort", test_sort},
                                      {"lines in order", test_sorted_lines},
                                      {"sort in parts", test_sort_in_parts},
                                      {"maxima", test_maxima},
                                      {"cumulative sum", test_cumulative_sum},
                                      {"many lines", test_many_lines}};
  return compare_main("cuda order", tests, sizeof tests / sizeof *tests);
}
