/* The hand-written texts as NVIDIA's own compiler has them, where it is installed: for kinds of
 * GPU, every function with few and with many defines; nothing is spilled, and a function uses no
 * more registers than its row of text_budget.inc says. */
#include "kernels/cuda/backend.h"
#include "kernels/cuda/modules.h"
#include "kernels/cuda/target.h"
#include "tests/cusim/real_nvrtc.h"
#include "tests/kernels/lab.h"
#include "tests/support.h"

typedef struct Budget {
  const char *kernel;
  uint32_t narrow, wide; /* registers of a thread, with indices of 32 and of 64 bits */
  uint32_t seen[2];
} Budget;
static Budget budgets[] = {
#define BUDGET(NAME, NARROW, WIDE) {#NAME, NARROW, WIDE, {0}},
#include "tests/kernels/cuda/text_budget.inc"
#undef BUDGET
};
#define N_BUDGETS (sizeof budgets / sizeof *budgets)

/* ---- nodes whose kernels ask for all of them ---- */

typedef struct Bench {
  Lab lab;
  CudaContext context;
  CudaFault faults[64];
} Bench;

static void build(Bench *b, NodeId id) {
  NodeId inputs[256];
  Lab *lab = &b->lab;
  LabRun r = {.nodes = &id, .n_nodes = 1};
  CU_ASSERT_NOT_EQUAL_FATAL(id, NODE_NONE);
  KernelSpec spec = {.graph = lab->graph,
                     .nodes = &id,
                     .n_nodes = 1,
                     .inputs = inputs,
                     .n_inputs = lab_inputs(lab, &r, inputs),
                     .outputs = &id,
                     .n_outputs = 1,
                     .shards = 1};
  spec.work_bytes = target_cuda_sm90.work_bytes(lab->graph, &id, 1, &id, 1, 1);
  KernelError error = {{0}};
  Kernel *kernel;
  CU_ASSERT_EQUAL(backend_cuda.create(&b->context, &spec, &error, &kernel), STATUS_OK);
  if (!kernel) printf("\n  %s", error.text);
  if (kernel) backend_cuda.destroy(kernel);
  b->context.n_faults = 0;
}

static NodeId input(Bench *b, DType dtype, int rank, const int64_t *dims) {
  return lab_input(&b->lab, dtype, rank, dims);
}

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static void build_moves(Bench *b, DType dtype) {
  Emitter *e = &b->lab.e;
  NodeId x = input(b, dtype, 6, DIMS(3, 5, 3, 5, 3, 5)), y = input(b, dtype, 4, DIMS(9, 8, 9, 9));
  NodeId row = input(b, dtype, 1, DIMS(64)), parts[50];
  Shape flat = {.rank = 1, .dim = {3 * 5 * 3 * 5 * 3 * 5}};
  for (int i = 0; i < 50; i++) parts[i] = x;
  build(b, emit_slice(e, x, DIMS(1, 1, 1, 1, 1, 1), DIMS(2, 3, 2, 3, 2, 3)));
  build(b, emit_reshape(e, x, &flat));
  build(b, emit_slice(e, row, DIMS(32), DIMS(32)));
  build(b, emit_transpose(e, y, DIMS(3, 1, 2, 0)));
  build(b, emit_transpose(e, input(b, dtype, 2, DIMS(40, 50)), DIMS(1, 0)));
  build(b, emit_pad(e, x, DIMS(1, 1, 1, 1, 1, 1), DIMS(1, 1, 1, 1, 1, 1)));
  build(b, emit_pad(e, row, DIMS(16), DIMS(16)));
  build(b, emit_concat(e, parts, 50, 5));
  build(b, emit_concat(e, (NodeId[]){row, row}, 2, 0));
  NodeId index = input(b, DTYPE_I32, 1, DIMS(7)), lines = input(b, DTYPE_I32, 2, DIMS(40, 3));
  build(b, emit_gather(e, x, index));
  build(b, emit_gather(e, input(b, dtype, 2, DIMS(9, 16)), index));
  build(b, emit_pick(e, input(b, dtype, 2, DIMS(40, 50)), lines, 1));
}

static void build_orders(Bench *b, DType dtype) {
  Emitter *e = &b->lab.e;
  NodeId x = input(b, dtype, 2, DIMS(20, 5000));
  for (int64_t axis = 0; axis < 2; axis++) {
    EmitAttr attrs[] = {{&axis, 1}};
    build(b, emit_node(e, OP_ARG_MAX, &x, 1, attrs));
    build(b, emit_node(e, OP_REDUCE_MAX, &x, 1, attrs));
    build(b, emit_cumulative_sum(e, x, axis, false, true));
    build(b, emit_cumulative_sum(e, x, axis, true, false));
    build(b, emit_arg_sort(e, x, axis, axis == 0, 0));
  }
}

static void build_sums(Bench *b, DType dtype) {
  Emitter *e = &b->lab.e;
  NodeId few = input(b, DTYPE_I32, 1, DIMS(60)), many = input(b, DTYPE_I32, 1, DIMS(5000));
  NodeId line = input(b, DTYPE_I32, 2, DIMS(3, 60)), lines = input(b, DTYPE_I32, 2, DIMS(3, 5000));
  build(b, emit_scatter_add(e, input(b, dtype, 2, DIMS(60, 5)), few, 9));
  build(b, emit_scatter_add(e, input(b, dtype, 2, DIMS(5000, 5)), many, 9));
  build(b, emit_place(e, input(b, dtype, 2, DIMS(3, 60)), line, 1, 9));
  build(b, emit_place(e, input(b, dtype, 2, DIMS(3, 5000)), lines, 1, 9));
}

static void build_images(Bench *b, DType dtype) {
  Emitter *e = &b->lab.e;
  Window w = {.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .size = {6, 8}};
  NodeId x = input(b, dtype, 4, DIMS(2, 6, 8, 3)), y = input(b, dtype, 4, DIMS(2, 3, 4, 3));
  NodeId index = input(b, DTYPE_I32, 4, DIMS(2, 3, 4, 3));
  build(b, emit_pool(e, OP_POOL_INDEX, x, NODE_NONE, &w));
  build(b, emit_pool(e, OP_POOL_GATHER, x, index, &w));
  build(b, emit_pool(e, OP_POOL_SCATTER, y, index, &w));
  build(b, emit_pool(e, OP_POOL_SPREAD, y, NODE_NONE, &w));
  build(b, emit_pool(e, OP_POOL_SUM, x, NODE_NONE, &w));
  for (int64_t mode = 0; mode < 3; mode++) {
    build(b, emit_resize(e, OP_RESIZE, x, mode > 0, mode > 1, DIMS(9, 5)));
    build(b, emit_resize(e, OP_RESIZE_ADJOINT, x, mode > 0, mode > 1, DIMS(9, 5)));
  }
}

/* ---- what NVIDIA's compiler says ---- */

static Budget *budget_of(const char *kernel) {
  for (size_t i = 0; i < N_BUDGETS; i++)
    if (strcmp(budgets[i].kernel, kernel) == 0) return &budgets[i];
  return NULL;
}

static void check_kernel(const RealUsage *u, bool wide, int architecture) {
  Budget *b = budget_of(u->kernel);
  const char *bits = wide ? "wide " : "";
  if (!b) printf("\n  %s has no row in text_budget.inc", u->kernel);
  CU_ASSERT_PTR_NOT_NULL(b);
  if (!b) return;
  uint32_t most = wide ? b->wide : b->narrow;
  if (u->registers > b->seen[wide]) b->seen[wide] = u->registers;
  if (u->registers > most)
    printf("\n  %s%s, sm_%d: %u registers, %u are allowed", bits, u->kernel, architecture,
           u->registers, most);
  CU_ASSERT(u->registers <= most);
  if (u->stack || u->spill_stores || u->spill_loads)
    printf("\n  %s%s, sm_%d: %u bytes are spilled, the stack has %u", bits, u->kernel, architecture,
           u->spill_stores, u->stack);
  CU_ASSERT_EQUAL(u->stack + u->spill_stores + u->spill_loads, 0);
}

static void compile_text(const char *text, int architecture) {
  bool wide = strstr(text, "#define WIDE 1\n");
  RealCode code;
  CU_ASSERT(real_nvrtc_compile(text, "text.cu", architecture, &code));
  CU_ASSERT(code.ok);
  if (!code.ok) printf("\n  sm_%d: %s", architecture, code.log);
  for (uint32_t i = 0; i < code.n; i++) check_kernel(&code.kernels[i], wide, architecture);
  real_nvrtc_release(&code);
}

/* All texts for all GPUs; else each for one of them in turn. */
static bool check_text(void *unused, const char *text) {
  static const int architectures[] = {80, 90, 100};
  static uint32_t n;
  (void)unused;
  for (uint32_t a = 0; a < 3; a++)
    if (support_all() || n % 3 == a) compile_text(text, architectures[a]);
  n++;
  return true;
}

static void check_all(void (*make)(Bench *b, DType dtype), const DType *types, uint32_t n) {
  Bench b = {.context = {.architecture = 90, .multiprocessors = 132}};
  b.context.faults = b.faults;
  b.context.modules = cuda_modules_create();
  for (int wide = 0; wide < 2; wide++)
    for (uint32_t t = 0; t < n; t++) {
      lab_init(&b.lab, dtype_is_float(types[t]) ? types[t] : DTYPE_F32, 1);
      cuda_index_limit(wide ? 0 : (int64_t)1 << 30);
      make(&b, types[t]);
      lab_free(&b.lab);
    }
  cuda_modules_each(b.context.modules, check_text, NULL);
  cuda_modules_destroy(b.context.modules, NULL); /* nothing is loaded */
}

static const DType floats[] = {DTYPE_F32, DTYPE_F64}, sizes[] = {DTYPE_BOOL, DTYPE_F64};

static void moves(void) {
  check_all(build_moves, sizes, 2);
}
static void orders(void) {
  check_all(build_orders, floats, 2);
}
static void sums(void) {
  check_all(build_sums, floats, 2);
}
static void images(void) {
  check_all(build_images, floats, 2);
}

/* Registers are given in eights.  A row that is of nothing, or of much more than the most of all
 * GPUs, is out of date. */
static void rows_are_near(void) {
  for (size_t i = 0; i < N_BUDGETS; i++) {
    const Budget *b = &budgets[i];
    uint32_t narrow = (b->seen[0] + 7) / 8 * 8, wide = (b->seen[1] + 7) / 8 * 8;
    bool near = narrow && wide;
    if (support_all()) near &= b->narrow <= narrow + 16 && b->wide <= wide + 16;
    if (!near || getenv("BUDGET")) printf("\n  BUDGET(%s, %u, %u)", b->kernel, narrow, wide);
    CU_ASSERT(near);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"moves", moves},
                                      {"orders", orders},
                                      {"sums by an index", sums},
                                      {"images", images},
                                      {"budgets are near", rows_are_near}};
  if (real_nvrtc()) return support_run("cuda texts", tests, sizeof tests / sizeof *tests);
  printf("skipped: NVRTC is not installed\n");
  return 77;
}
