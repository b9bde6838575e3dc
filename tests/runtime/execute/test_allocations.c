/* No step allocates: the arena and the kernels are made before the first one. */
#include "runtime/execute/execute.h"
#include "runtime/execute/init.h"
#include "tests/support.h"

static bool counting;
static unsigned long allocations;

static void note(void) {
  if (__atomic_load_n(&counting, __ATOMIC_RELAXED))
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
/* A sanitizer has allocators of its own, and tells of each use. */
extern int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void *,
                                                                         size_t),
                                                     void (*free_hook)(const volatile void *));
static void malloc_hook(const volatile void *at, size_t size) {
  (void)at, (void)size;
  note();
}
static void free_hook(const volatile void *at) {
  (void)at;
}
static void install(void) {
  if (!__sanitizer_install_malloc_and_free_hooks(malloc_hook, free_hook)) exit(1);
}
#else
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
/* These stand in for the C library's, in every library of the process. */
void *malloc(size_t size) {
  note();
  return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
  note();
  return __libc_calloc(n, size);
}
void *realloc(void *old, size_t size) {
  note();
  return __libc_realloc(old, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  note();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  note();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : 12;
}
static void install(void) {}
#endif

/* Whatever the build, or the rest of this test says nothing. */
static void test_counter(void) {
  __atomic_store_n(&counting, true, __ATOMIC_RELAXED);
  void *volatile one = malloc(1), *volatile two = calloc(1, 1),
                 *volatile three = aligned_alloc(64, 64);
  __atomic_store_n(&counting, false, __ATOMIC_RELAXED);
  CU_ASSERT_EQUAL(allocations, 3);
  free(one);
  free(two);
  free(three);
}
/* A run reuses the bytes of its inputs. */
static Status run_program(Executor *x, uint32_t program, Diag *diag) {
  const Graph *g = executor_plan(x)->programs[program].graph;
  TRY(executor_prepare(x, program, diag));
  for (NodeId id = 1; id < g->n_nodes; id++) {
    Tensor t;
    if (g->nodes[id].op == OP_INPUT &&
        executor_input(x, program, graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME)), &t))
      memset(t.data, 0, (size_t)tensor_bytes(&t));
  }
  return executor_run(x, program, diag);
}

/* Three runs of every program after the first, on one thread and on two. */
static void run_model(const char *path, const char *const *defines, uint32_t n, uint32_t threads) {
  Compiled c = support_compile(path, defines, n, DTYPE_F32);
  Executor *x = NULL;
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(executor_create(c.plan, threads, c.diag, &x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(x, 1, c.diag), STATUS_OK);
  for (uint32_t program = 0; program < c.plan->n_programs; program++) {
    CU_ASSERT_EQUAL(run_program(x, program, c.diag), STATUS_OK);
    __atomic_store_n(&allocations, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&counting, true, __ATOMIC_RELAXED);
    Status status = STATUS_OK;
    for (int i = 0; i < 3 && status == STATUS_OK; i++) status = run_program(x, program, c.diag);
    __atomic_store_n(&counting, false, __ATOMIC_RELAXED);
    CU_ASSERT_EQUAL(status, STATUS_OK);
    if (allocations)
      printf("\n  %s, %s, %u threads: %lu allocations", path,
             plan_text(c.plan, c.plan->programs[program].name), threads, allocations);
    CU_ASSERT_EQUAL(allocations, 0);
  }
  executor_destroy(x);
  support_release(&c);
}

static void run_example(const char *path) {
  for (uint32_t threads = 1; threads <= 2; threads++) run_model(path, NULL, 0, threads);
}

static void test_models(void) {
  static const char *const small[] = {"width=8", "height=32", "image_width=16", "batch_ids=2",
                                      "ids=8 8 8"};
  for (uint32_t threads = 1; threads <= 2; threads++)
    run_model("models/cdvm_small.xml", small, 5, threads);
  CU_ASSERT(support_each_model("models/examples/*.xml", run_example) >= 8);
  CU_ASSERT(support_each_model("tests/models/*.xml", run_example) >= 5);
}

int main(void) {
  install();
  static const SupportTest tests[] = {{"the counter counts", test_counter},
                                      {"steps of models", test_models}};
  return support_run("allocations", tests, sizeof tests / sizeof *tests);
}
