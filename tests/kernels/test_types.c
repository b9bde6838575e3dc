/* Element types for which a kernel has no function: the creation fails and names op and type.  The
 * shape rules refuse such nodes, so these are made without them. */
#include "kernels/cpu/types.h"
#include "tests/kernels/kernel_test.h"

/* The node of op `op` that the row asks for, with an operand of each kind, of i64. */
typedef struct Row {
  OpId op;
  int rank; /* of the first operand */
  int64_t groups;
} Row;
static const Row rows[] = {
    {OP_REDUCE_MAX, 2, 1},     {OP_ARG_MAX, 2, 1},     {OP_ARG_SORT, 2, 1},   {OP_RESIZE, 4, 1},
    {OP_CUMULATIVE_SUM, 2, 1}, {OP_SCATTER_ADD, 2, 1}, {OP_PLACE, 2, 1},      {OP_MATMUL, 2, 1},
    {OP_CONV, 4, 1},           {OP_CONV_DX, 4, 1},     {OP_CONV_DW, 4, 1},    {OP_CONV, 4, 4},
    {OP_CONV_DX, 4, 4},        {OP_CONV_DW, 4, 4},     {OP_POOL_INDEX, 4, 1}, {OP_POOL_SUM, 4, 1},
    {OP_REDUCE_SUM, 2, 1},     {OP_EXP, 2, 1},         {OP_NOT, 2, 1}};

/* The node as emitted with f64, and then everything floating is i64. */
static NodeId make(Lab *lab, const Row *row) {
  Emitter *e = &lab->e;
  Window w = {.kernel = {1, 1},
              .stride = {1, 1},
              .dilation = {1, 1},
              .size = {4, 4},
              .groups = row->groups};
  NodeId x = lab_input(lab, DTYPE_F64, row->rank, (int64_t[]){4, 4, 4, 4});
  const int64_t weights[] = {4, 4 / row->groups, 1, 1};
  NodeId index = lab_input(lab, DTYPE_I32, 2, (int64_t[]){4, 4});
  switch (row->op) {
  case OP_REDUCE_MAX:
    return emit_reduce_max(e, x, 1);
  case OP_ARG_MAX:
    return emit_arg_max(e, x, 1);
  case OP_ARG_SORT:
    return emit_arg_sort(e, x, 1, false, 0);
  case OP_RESIZE:
    return emit_resize(e, OP_RESIZE, x, 1, 0, (int64_t[]){8, 8});
  case OP_CUMULATIVE_SUM:
    return emit_cumulative_sum(e, x, 1, false, false);
  case OP_SCATTER_ADD:
    return emit_scatter_add(e, x, lab_input(lab, DTYPE_I32, 1, (int64_t[]){4}), 6);
  case OP_PLACE:
    return emit_place(e, x, index, 1, 6);
  case OP_MATMUL:
    return emit_matmul(e, x, lab_input(lab, DTYPE_F64, 2, (int64_t[]){4, 4}), false, false);
  case OP_CONV:
    return emit_conv(e, x, lab_input(lab, DTYPE_F64, 4, weights), &w);
  case OP_CONV_DX:
    return emit_conv_dx(e, x, lab_input(lab, DTYPE_F64, 4, weights), &w);
  case OP_CONV_DW:
    w.size[0] = w.size[1] = 1;
    return emit_conv_dw(e, x, lab_input(lab, DTYPE_F64, 4, (int64_t[]){4, 4, 4, 4}), &w);
  case OP_POOL_INDEX:
  case OP_POOL_SUM:
    w.kernel[0] = w.kernel[1] = 2;
    return emit_pool(e, row->op, x, NODE_NONE, &w);
  case OP_REDUCE_SUM:
    return emit_reduce_sum(e, x, 2);
  default:
    return emit_node(e, row->op == OP_NOT ? OP_NEG : row->op, &x, 1, NULL);
  }
}

static void test_missing(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Lab lab;
    lab_init(&lab, DTYPE_F64, i);
    NodeId id = make(&lab, &rows[i]), inputs[2];
    if (!id) diag_print(lab.diag, stdout);
    CU_ASSERT_NOT_EQUAL_FATAL(id, NODE_NONE);
    Graph *g = lab.graph;
    if (rows[i].op == OP_NOT) g->nodes[id].op = OP_NOT; /* of bool only */
    for (NodeId n = 1; n < g->n_nodes; n++)
      if (g->nodes[n].dtype == DTYPE_F64) g->nodes[n].dtype = DTYPE_I64;
    uint32_t n = g->nodes[id].n_inputs;
    for (uint32_t k = 0; k < n; k++) inputs[k] = node_input(g, id, k);
    KernelSpec spec = {.graph = g,
                       .nodes = &id,
                       .n_nodes = 1,
                       .inputs = inputs,
                       .n_inputs = n,
                       .outputs = &id,
                       .n_outputs = 1,
                       .shards = 4,
                       .work_bytes = 1 << 20};
    Kernel *kernel;
    char want[100];
    snprintf(want, sizeof want, "(%s): there is none for elements of type i64",
             op_desc(rows[i].op)->name);
    CU_ASSERT_EQUAL(kernel_create(&spec, lab.diag, &kernel), STATUS_INVALID);
    CU_ASSERT_PTR_NULL(kernel);
    const DiagEntry *e = diag_entry(lab.diag, 0);
    bool named = e && strstr(e->text, want);
    if (!named) printf("\n  %s: %s\n", want, e ? e->text : "no message");
    CU_ASSERT(named);
    lab_free(&lab);
  }
}

/* The kernels' list and the table of types say the same. */
static void test_list(void) {
#define SAME(ID, S, T, SUM)                                                                        \
  CU_ASSERT_STRING_EQUAL(dtype_name(DTYPE_##ID), #S);                                              \
  CU_ASSERT_EQUAL(dtype_size(DTYPE_##ID), sizeof(T));                                              \
  CU_ASSERT_EQUAL(dtype_size(dtype_sum(DTYPE_##ID)), sizeof(SUM));                                 \
  CU_ASSERT(dtype_is_float(DTYPE_##ID));                                                           \
  n++;
  int n = 0, floats = 0;
  FLOAT_TYPES(SAME)
  for (DType t = 0; t < DTYPE_COUNT; t++) {
    CU_ASSERT(dtype_size(t) <= ELEMENT_BYTES_MAX);
    floats += dtype_is_float(t);
  }
  CU_ASSERT_EQUAL(n, floats);
}

LAB_MAIN("types", {"the list", test_list}, {"no function for a type", test_missing})
