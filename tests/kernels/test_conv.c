/* Convolutions and matrix products over a table of shapes. */
#include "tests/kernels/kernel_test.h"

static int n_split;     /* weight gradients whose sums are cut into shards */
static int n_depthwise; /* cases that took the depthwise kernels */

typedef struct Case {
  int64_t n, h, w, i, o, kh, kw, stride[2], pad[2], dilation[2];
  int64_t groups;
} Case;

static const Case cases[] = {
    {1, 1, 1, 1, 1, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 1, 1, 64, 64, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {3, 5, 7, 3, 5, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 8, 8, 17, 33, 1, 1, {2, 2}, {0, 0}, {1, 1}, 1},
    {2, 9, 7, 16, 64, 1, 1, {2, 2}, {0, 0}, {1, 1}, 1},
    {4, 8, 4, 64, 16, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {3, 8, 8, 16, 16, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1},
    {2, 9, 9, 8, 24, 3, 3, {2, 2}, {1, 1}, {1, 1}, 1},
    {2, 1, 1, 5, 8, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {2, 16, 12, 3, 16, 7, 7, {2, 2}, {3, 3}, {1, 1}, 1},
    {1, 17, 19, 3, 64, 7, 7, {2, 2}, {3, 3}, {1, 1}, 1},
    {2, 11, 9, 6, 20, 5, 3, {3, 2}, {2, 1}, {1, 1}, 1},
    {2, 12, 12, 9, 10, 3, 3, {1, 1}, {2, 2}, {2, 2}, 1},
    {1, 14, 13, 4, 7, 3, 3, {2, 1}, {2, 3}, {2, 3}, 1},
    {2, 10, 10, 8, 8, 4, 2, {2, 3}, {1, 0}, {1, 1}, 1},
    {2, 6, 6, 8, 8, 3, 3, {1, 1}, {0, 0}, {1, 1}, 1},
    {2, 4, 4, 8, 8, 1, 1, {1, 1}, {2, 1}, {1, 1}, 1}, /* more padding than kernel */
    {2, 6, 5, 8, 8, 2, 2, {3, 3}, {0, 0}, {1, 1}, 1}, /* stride larger than kernel */
    {5, 7, 5, 40, 72, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {3, 7, 6, 130, 70, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},
    {2, 4, 4, 512, 128, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1},
    {4, 5, 4, 130, 128, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},  /* dw: sums turned at the end */
    {4, 17, 19, 20, 300, 1, 1, {1, 1}, {0, 0}, {1, 1}, 1}, /* dw: two blocks of rows, chunks */
    {2, 12, 11, 5, 40, 3, 5, {2, 2}, {1, 2}, {1, 2}, 1},   /* dw: taps apart */
    {8, 14, 13, 8, 12, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},   /* dw: too few blocks, so by shards */
    {7, 14, 13, 8, 12, 3, 3, {1, 1}, {1, 1}, {1, 1}, 1},   /* and an odd number of images */
    /* groups */
    {2, 8, 7, 12, 8, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2},
    {3, 9, 8, 64, 96, 3, 3, {1, 1}, {1, 1}, {1, 1}, 4},
    {2, 9, 9, 34, 51, 3, 3, {2, 2}, {1, 1}, {1, 1}, 17},
    {2, 10, 9, 30, 70, 3, 2, {2, 1}, {2, 1}, {1, 3}, 5},
    {4, 6, 5, 6, 3, 1, 1, {1, 1}, {0, 0}, {1, 1}, 3},
    {2, 7, 9, 40, 200, 1, 1, {2, 2}, {1, 1}, {1, 1}, 2},
    {2, 12, 12, 9, 12, 3, 3, {1, 1}, {2, 2}, {2, 2}, 3},
    {2, 6, 5, 8, 8, 2, 2, {3, 3}, {0, 0}, {1, 1}, 4},
    {3, 7, 6, 260, 140, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2}, /* chunks; dw: sums turned */
    /* depthwise; the last: many columns beside few taps */
    {2, 14, 13, 70, 70, 3, 3, {1, 1}, {1, 1}, {1, 1}, 70},
    {3, 9, 30, 32, 32, 3, 3, {2, 2}, {1, 1}, {1, 1}, 32},
    {2, 7, 7, 521, 521, 5, 5, {1, 1}, {2, 2}, {1, 1}, 521},
    {5, 11, 12, 17, 17, 7, 6, {2, 3}, {3, 2}, {1, 1}, 17},
    {2, 12, 13, 33, 33, 3, 3, {1, 1}, {2, 3}, {2, 3}, 33},
    {2, 9, 8, 18, 18, 3, 2, {2, 1}, {0, 0}, {1, 2}, 18},
    {2, 1, 1, 19, 19, 3, 3, {1, 1}, {1, 1}, {1, 1}, 19},
    {2, 6, 5, 8, 8, 2, 2, {3, 3}, {0, 0}, {1, 1}, 8},
    {2, 4, 4, 8, 8, 1, 1, {1, 1}, {2, 1}, {1, 1}, 8},
    {2, 3, 2, 16, 16, 3, 9, {1, 1}, {1, 4}, {1, 1}, 16},
    /* several results a channel */
    {2, 14, 13, 24, 48, 3, 3, {1, 1}, {1, 1}, {1, 1}, 24},
    {3, 9, 30, 11, 33, 3, 3, {2, 2}, {1, 1}, {1, 1}, 11},
    {2, 12, 13, 37, 148, 3, 3, {1, 1}, {2, 3}, {2, 3}, 37},
    {2, 7, 7, 130, 650, 5, 5, {1, 1}, {2, 2}, {1, 1}, 130},
    {2, 9, 20, 5, 35, 3, 2, {2, 1}, {0, 0}, {1, 2}, 5},
    {2, 6, 5, 3, 51, 3, 3, {1, 1}, {1, 1}, {1, 1}, 3},   /* more than a vector */
    {2, 5, 19, 2, 600, 3, 3, {1, 1}, {1, 1}, {1, 1}, 2}, /* more than are folded at once */
    {1, 4, 4, 2, 1200, 1, 3, {1, 3}, {0, 1}, {1, 1}, 2},
    {1, 2, 100, 2, 2, 1, 3, {1, 1}, {0, 1}, {1, 1}, 2},
    /* no copy of a window fits */
    {1, 310, 305, 2, 2, 2, 2, {1, 1}, {1, 1}, {300, 300}, 1},
    {1, 310, 305, 4, 6, 2, 2, {1, 1}, {1, 1}, {300, 300}, 2},
};
#define N_CASES (int)(sizeof cases / sizeof *cases)

static NodeId make_conv(Lab *lab, const Case *c, OpId op, DType dtype) {
  Window win = {.stride = {c->stride[0], c->stride[1]},
                .pad = {c->pad[0], c->pad[1]},
                .dilation = {c->dilation[0], c->dilation[1]},
                .groups = c->groups};
  int64_t hy = (c->h + 2 * c->pad[0] - (c->kh - 1) * c->dilation[0] - 1) / c->stride[0] + 1;
  int64_t wy = (c->w + 2 * c->pad[1] - (c->kw - 1) * c->dilation[1] - 1) / c->stride[1] + 1;
  NodeId x = lab_input(lab, dtype, 4, (int64_t[]){c->n, c->h, c->w, c->i});
  NodeId y = lab_input(lab, dtype, 4, (int64_t[]){c->n, hy, wy, c->o});
  NodeId w = lab_input(lab, dtype, 4, (int64_t[]){c->o, c->i / c->groups, c->kh, c->kw});
  win.size[0] = op == OP_CONV_DX ? c->h : c->kh;
  win.size[1] = op == OP_CONV_DX ? c->w : c->kw;
  if (op == OP_CONV) return emit_conv(&lab->e, x, w, &win);
  if (op == OP_CONV_DX) return emit_conv_dx(&lab->e, y, w, &win);
  return emit_conv_dw(&lab->e, x, y, &win);
}

static void count_kernels(Lab *lab, NodeId id) {
  LabRun run = {
      .nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1, .share = -1};
  void *result;
  char name[48];
  CU_ASSERT_EQUAL_FATAL(lab_run(lab, &run, &result, name), STATUS_OK);
  free(result);
  n_split += strstr(name, " split") != NULL;
  n_depthwise += strncmp(name, "depthwise", 9) == 0;
}

static void check_convs(OpId op, DType dtype, double tolerance) {
  int want = 0;
  n_depthwise = 0;
  for (int i = 0; i < N_CASES; i++) {
    Lab lab;
    char what[96];
    lab_init(&lab, dtype, (uint64_t)i + 1);
    if (i % 3 == 1) {
      int64_t n = cases[i].n, groups = n % 2 ? 1 : 2;
      lab.e.stamp.batch = (uint8_t)graph_add_batch(
          lab.graph, (Batch){.groups = groups, .units = n / groups, .unit = 1});
    }
    NodeId id = make_conv(&lab, &cases[i], op, dtype);
    snprintf(what, sizeof what, "%s %s case %d", op_desc(op)->name, dtype_name(dtype), i);
    CU_ASSERT(lab_check_node(&lab, id, tolerance, what));
    count_kernels(&lab, id);
    want += cases[i].groups > 1 && cases[i].groups == cases[i].i;
    lab_free(&lab);
  }
  CU_ASSERT_EQUAL(n_depthwise, want);
}

static void test_conv(void) {
  check_convs(OP_CONV, DTYPE_F32, 3e-6);
  check_convs(OP_CONV, DTYPE_F64, 1e-14);
}
static void test_dx(void) {
  check_convs(OP_CONV_DX, DTYPE_F32, 3e-6);
  check_convs(OP_CONV_DX, DTYPE_F64, 1e-14);
}
static void test_dw(void) {
  check_convs(OP_CONV_DW, DTYPE_F32, 3e-6);
  check_convs(OP_CONV_DW, DTYPE_F64, 1e-14);
  CU_ASSERT(n_split >= 4); /* both ways were taken */
  CU_ASSERT(n_split < 2 * N_CASES);
}

/* m, n, k; the batches of A and of B, aligned at the last axis and ending with 0. */
static const struct {
  int64_t m, n, k, a[4], b[4];
} products[] = {
    {1, 1, 1, {0}, {0}},         {3, 5, 7, {0}, {0}},
    {64, 64, 64, {0}, {0}},      {1, 130, 17, {0}, {0}},
    {130, 1, 33, {0}, {0}},      {97, 50, 1, {0}, {0}},
    {6, 64, 300, {0}, {0}},      {12, 10, 2048, {0}, {0}},
    {200, 190, 180, {0}, {0}},   {5, 6, 7, {3}, {3}},
    {33, 17, 40, {5}, {5}},      {70, 70, 70, {4}, {4}},
    {16, 16, 64, {60}, {60}},    {17, 33, 1, {9}, {9}},
    {7, 65, 31, {30}, {0}},                              /* rows of one product */
    {9, 70, 40, {5, 6}, {1}},    {31, 33, 20, {0}, {7}}, /* A again for each entry */
    {8, 48, 16, {6, 5}, {6, 1}}, {8, 48, 16, {6, 1}, {6, 5}},
    {5, 17, 9, {4, 1}, {1, 6}},  {3, 16, 300, {2, 3, 2}, {2, 1, 2}},
    {1, 64, 64, {40}, {1}},      {64, 1, 64, {1}, {40}},
};
#define N_PRODUCTS (int)(sizeof products / sizeof *products)

static NodeId product_input(Lab *lab, DType dtype, const int64_t *batch, int64_t rows,
                            int64_t cols) {
  int64_t dims[RANK_MAX];
  int rank = 0;
  while (batch[rank]) dims[rank] = batch[rank], rank++;
  dims[rank++] = rows;
  dims[rank++] = cols;
  return lab_input(lab, dtype, rank, dims);
}

static void test_matmul(void) {
  for (int i = 0; i < N_PRODUCTS; i++)
    for (int t = 0; t < 8; t++) {
      Lab lab;
      char what[96];
      DType dtype = t & 4 ? DTYPE_F64 : DTYPE_F32;
      bool ta = t & 1, tb = t & 2;
      int64_t m = products[i].m, n = products[i].n, k = products[i].k;
      lab_init(&lab, dtype, (uint64_t)i + 1);
      NodeId x = product_input(&lab, dtype, products[i].a, ta ? k : m, ta ? m : k);
      NodeId y = product_input(&lab, dtype, products[i].b, tb ? n : k, tb ? k : n);
      NodeId id = emit_matmul(&lab.e, x, y, ta, tb);
      snprintf(what, sizeof what, "matmul %s case %d %d %d", dtype_name(dtype), i, ta, tb);
      CU_ASSERT(lab_check_node(&lab, id, dtype == DTYPE_F32 ? 3e-6 : 1e-14, what));
      lab_free(&lab);
    }
}

LAB_MAIN("conv", {"conv", test_conv}, {"conv-dx", test_dx}, {"conv-dw", test_dw},
         {"matmul", test_matmul})
