/* Ops that move, index, select or pool elements, over shapes of all kinds. */
#include "tests/kernels/kernel_test.h"

static const DType types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_BOOL};

/* A random shape of `rank` axes and at most about `limit` elements. */
static Shape random_shape(Lab *lab, int rank, int64_t limit) {
  static const int64_t lengths[] = {1, 2, 3, 5, 8, 17, 33, 64, 130};
  Shape s = {.rank = (uint8_t)rank};
  int64_t count = 1;
  for (int i = 0; i < rank; i++) {
    s.dim[i] = lengths[lab_pick(lab, 9)];
    if (count * s.dim[i] > limit) s.dim[i] = 1;
    count *= s.dim[i];
  }
  return s;
}

static NodeId make_transpose(Lab *lab, NodeId a, const Shape *s) {
  int64_t axes[RANK_MAX];
  for (int i = 0; i < s->rank; i++) axes[i] = i;
  for (int i = s->rank - 1; i > 0; i--) {
    int64_t k = lab_pick(lab, i + 1), t = axes[i];
    axes[i] = axes[k];
    axes[k] = t;
  }
  return emit_transpose(&lab->e, a, axes);
}

static NodeId make_slice(Lab *lab, NodeId a, const Shape *s) {
  int64_t start[RANK_MAX], size[RANK_MAX];
  for (int i = 0; i < s->rank; i++) {
    start[i] = lab_pick(lab, s->dim[i]);
    size[i] = 1 + lab_pick(lab, s->dim[i] - start[i]);
  }
  return emit_slice(&lab->e, a, start, size);
}

static NodeId make_pad(Lab *lab, NodeId a, const Shape *s) {
  int64_t before[RANK_MAX], after[RANK_MAX];
  for (int i = 0; i < s->rank; i++) {
    before[i] = lab_pick(lab, 3);
    after[i] = lab_pick(lab, 3);
  }
  return emit_pad(&lab->e, a, before, after);
}

static NodeId make_concat(Lab *lab, NodeId a, const Shape *s) {
  NodeId parts[5] = {a};
  int64_t axis = lab_pick(lab, s->rank);
  uint32_t n = 2 + (uint32_t)lab_pick(lab, 3);
  for (uint32_t i = 1; i < n; i++) {
    Shape part = *s;
    part.dim[axis] = 1 + lab_pick(lab, 5);
    parts[i] = i == 2 ? a : lab_input(lab, emit_dtype(&lab->e, a), part.rank, part.dim);
  }
  return emit_concat(&lab->e, parts, n, axis);
}

static NodeId make_broadcast(Lab *lab, NodeId a, const Shape *s) {
  Shape to = *s;
  for (int i = 0; i < s->rank; i++)
    if (s->dim[i] == 1) to.dim[i] = 1 + lab_pick(lab, 9);
  return emit_broadcast(&lab->e, a, &to);
}

typedef NodeId (*Make)(Lab *lab, NodeId a, const Shape *s);

static void check_moves(Make make, const char *name) {
  for (uint64_t seed = 1; seed <= 120; seed++) {
    Lab lab;
    char what[160], text[SHAPE_TEXT_MAX];
    lab_init(&lab, DTYPE_F32, seed);
    Shape s = random_shape(&lab, 1 + (int)lab_pick(&lab, 5), seed % 10 ? 5000 : 100000);
    DType dtype = types[lab_pick(&lab, 5)];
    NodeId a = lab_input(&lab, dtype, s.rank, s.dim), id = make(&lab, a, &s);
    snprintf(what, sizeof what, "%s %s seed %llu", name, shape_text(&s, text, sizeof text),
             (unsigned long long)seed);
    if (id != a) CU_ASSERT(lab_check_node(&lab, id, 0, what));
    lab_free(&lab);
  }
}

static void test_transpose(void) {
  check_moves(make_transpose, "transpose");
}
static void test_slice(void) {
  check_moves(make_slice, "slice");
}
static void test_pad(void) {
  check_moves(make_pad, "pad");
}
static void test_concat(void) {
  check_moves(make_concat, "concat");
}
static void test_broadcast(void) {
  check_moves(make_broadcast, "broadcast");
}

LAB_MAIN("move", {"transpose", test_transpose}, {"slice", test_slice}, {"pad", test_pad},
         {"concat", test_concat}, {"broadcast", test_broadcast})
