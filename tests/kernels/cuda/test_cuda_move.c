/* Ops that copy elements, on CUDA: every element type, shapes of all kinds, the CPU's bits. */
#include "tests/kernels/cuda/cuda_compare.h"

static const DType types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_BOOL};

/* A random shape of `rank` axes and at most about `limit` elements. */
static Shape random_shape(Lab *lab, int rank, int64_t limit) {
  static const int64_t lengths[] = {1, 2, 3, 4, 8, 16, 17, 33, 64, 130};
  Shape s = {.rank = (uint8_t)rank};
  int64_t count = 1;
  for (int i = 0; i < rank; i++) {
    s.dim[i] = lengths[lab_pick(lab, 10)];
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

/* Multiples of 4 now and then, so that elements travel in fours. */
static int64_t pick_step(Lab *lab, int64_t n) {
  int64_t i = lab_pick(lab, n);
  return lab_pick(lab, 2) ? i / 4 * 4 : i;
}

static NodeId make_slice(Lab *lab, NodeId a, const Shape *s) {
  int64_t start[RANK_MAX], size[RANK_MAX];
  for (int i = 0; i < s->rank; i++) {
    bool all = lab_pick(lab, 3) == 0;
    start[i] = all ? 0 : pick_step(lab, s->dim[i]);
    size[i] = all ? s->dim[i] : 1 + lab_pick(lab, s->dim[i] - start[i]);
    if (size[i] > 4 && lab_pick(lab, 2)) size[i] = size[i] / 4 * 4;
  }
  return emit_slice(&lab->e, a, start, size);
}

static NodeId make_pad(Lab *lab, NodeId a, const Shape *s) {
  int64_t before[RANK_MAX], after[RANK_MAX];
  for (int i = 0; i < s->rank; i++) {
    bool none = lab_pick(lab, 2);
    before[i] = none ? 0 : pick_step(lab, 6);
    after[i] = none ? 0 : pick_step(lab, 6);
  }
  return emit_pad(&lab->e, a, before, after);
}

static NodeId make_concat(Lab *lab, NodeId a, const Shape *s) {
  NodeId parts[120] = {a};
  int64_t axis = lab_pick(lab, s->rank);
  bool many = lab_pick(lab, 8) == 0;
  uint32_t n = 2 + (uint32_t)lab_pick(lab, many ? 118 : 4);
  for (uint32_t i = 1; i < n; i++) {
    Shape part = *s;
    part.dim[axis] = 1 + pick_step(lab, 5);
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

static NodeId make_reshape(Lab *lab, NodeId a, const Shape *s) {
  Shape flat = {.rank = 1, .dim = {shape_count(s)}};
  return emit_reshape(&lab->e, a, &flat);
}

typedef NodeId (*Make)(Lab *lab, NodeId a, const Shape *s);

static void check_moves(Make make, const char *name, uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    Lab lab;
    char what[160], text[SHAPE_TEXT_MAX];
    lab_init(&lab, DTYPE_F32, seed);
    Shape s = random_shape(&lab, 1 + (int)lab_pick(&lab, RANK_MAX), seed % 10 ? 5000 : 60000);
    DType dtype = types[lab_pick(&lab, 5)];
    NodeId a = lab_input(&lab, dtype, s.rank, s.dim), id = make(&lab, a, &s);
    snprintf(what, sizeof what, "%s %s seed %llu", name, shape_text(&s, text, sizeof text),
             (unsigned long long)seed);
    if (id != a) CU_ASSERT(compare_node(&lab, id, false, seed, what));
    lab_free(&lab);
  }
}

static void test_transpose(void) {
  check_moves(make_transpose, "transpose", 60);
}

/* More tiles than blocks: a block moves several, one after the other. */
static void test_many_tiles(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  NodeId a = lab_input(&lab, DTYPE_F32, 3, (int64_t[]){2, 330, 200});
  NodeId id = emit_transpose(&lab.e, a, (int64_t[]){0, 2, 1});
  for (uint64_t seed = 1; seed <= 3; seed++)
    CU_ASSERT(compare_node(&lab, id, false, seed, "transpose of many tiles"));
  lab_free(&lab);
}
static void test_slice(void) {
  check_moves(make_slice, "slice", 60);
}
static void test_pad(void) {
  check_moves(make_pad, "pad", 60);
}
static void test_concat(void) {
  check_moves(make_concat, "concat", 60);
}
static void test_broadcast(void) {
  check_moves(make_broadcast, "broadcast", 60);
}
static void test_copies(void) {
  check_moves(make_reshape, "reshape", 12);
}

/* The part of a rank, and an operand behind one that is not read. */
static void test_others(void) {
  for (uint64_t seed = 1; seed <= 6; seed++) {
    Lab lab;
    lab_init(&lab, DTYPE_F32, seed);
    NodeId factor = lab_input(&lab, DTYPE_F32, 0, NULL);
    NodeId a = lab_input(&lab, DTYPE_F32, 3, (int64_t[]){3, 4, 5});
    NodeId scale = emit_node(&lab.e, OP_GRADIENT_SCALE, (NodeId[]){a, factor}, 2, NULL);
    NodeId stop = emit_node(&lab.e, OP_STOP_GRADIENT, &a, 1, NULL);
    CU_ASSERT(compare_node(&lab, emit_rank_part(&lab.e, a), false, seed, "rank-part"));
    CU_ASSERT(compare_node(&lab, scale, false, seed, "gradient-scale"));
    CU_ASSERT(compare_node(&lab, stop, false, seed, "stop-gradient"));
    lab_free(&lab);
  }
}

/* The second axis is the ranks': each takes its own part. */
static void test_ranks(void) {
  enum { OUTER = 3, RANKS = 4, ROW = 5 };
  for (uint32_t rank = 0; rank < RANKS; rank++) {
    Lab lab;
    KernelError error;
    float have[OUTER * ROW];
    void *result = have;
    lab_init(&lab, DTYPE_F32, 1);
    NodeId a = lab_input(&lab, DTYPE_F32, 3, (int64_t[]){OUTER, RANKS, ROW});
    NodeId id = emit_rank_part(&lab.e, a);
    CU_ASSERT_EQUAL_FATAL(lab_bytes(&lab, id), sizeof have);
    KernelSpec spec = {.graph = lab.graph,
                       .nodes = &id,
                       .n_nodes = 1,
                       .inputs = &a,
                       .n_inputs = 1,
                       .outputs = &id,
                       .n_outputs = 1,
                       .shards = 1,
                       .rank = rank};
    const float *all = lab_value(&lab, a);
    cuda_lab_begin(&(CusimOptions){.devices = 1});
    CU_ASSERT_EQUAL(cuda_lab_run(&spec, (const void *[]){all}, &result, NULL, 1, &error),
                    STATUS_OK);
    CU_ASSERT(cuda_lab_end("ranks"));
    for (uint32_t i = 0; i < OUTER; i++)
      CU_ASSERT_EQUAL(memcmp(&have[i * ROW], &all[(i * RANKS + rank) * ROW], ROW * sizeof *all), 0);
    lab_free(&lab);
  }
}

/* More elements than threads. */
static void test_long(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  NodeId a = lab_input(&lab, DTYPE_BOOL, 1, (int64_t[]){300001});
  NodeId twice = emit_concat(&lab.e, (NodeId[]){a, a}, 2, 0);
  CU_ASSERT(compare_node(&lab, twice, false, 2, "a long concat"));
  lab_free(&lab);
}

/* A plan may lay a reshape over its operand. */
static void test_view(void) {
  Lab lab;
  float before[60], after[60];
  uint32_t over = 0;
  KernelError error;
  lab_init(&lab, DTYPE_F32, 1);
  NodeId a = lab_input(&lab, DTYPE_F32, 2, (int64_t[]){6, 10});
  NodeId id = make_reshape(&lab, a, emit_shape(&lab.e, a));
  KernelSpec spec = {.graph = lab.graph,
                     .nodes = &id,
                     .n_nodes = 1,
                     .inputs = &a,
                     .n_inputs = 1,
                     .outputs = &id,
                     .n_outputs = 1,
                     .shards = 1};
  memcpy(before, lab_value(&lab, a), sizeof before);
  cuda_lab_begin(&(CusimOptions){.devices = 1});
  CU_ASSERT_EQUAL(
      cuda_lab_run(&spec, (const void *[]){before}, (void *[]){after}, &over, 1, &error),
      STATUS_OK);
  CU_ASSERT(cuda_lab_end("over the operand"));
  CU_ASSERT(memcmp(before, after, sizeof before) == 0);
  lab_free(&lab);
}

int main(void) {
  static const SupportTest tests[] = {
      {"transpose", test_transpose}, {"many tiles", test_many_tiles},
      {"slice", test_slice},         {"pad", test_pad},
      {"concat", test_concat},       {"broadcast", test_broadcast},
      {"copies", test_copies},       {"ranks", test_ranks},
      {"others", test_others},       {"a long one", test_long},
      {"a view", test_view}};
  return compare_main("cuda move", tests, sizeof tests / sizeof *tests);
}
