/* The texts that the models' fused groups become, compiled by NVIDIA's own compiler where it is
 * installed: for each kind no more registers than registers.txt allows, and nothing spilled. */
#include "kernels/cuda/backend.h"
#include "kernels/cuda/modules.h"
#include "kernels/cuda/target.h"
#include "ops/fuse_rules.h"
#include "tests/cusim/real_nvrtc.h"
#include "tests/support.h"

#define BUDGETS "tests/kernels/cuda/registers.txt"

/* ---- the groups of the models ---- */

static CudaContext context;
static uint32_t n_steps;

static bool is_generated(const Graph *g, const NodeId *nodes, uint32_t n) {
  uint32_t op = g->nodes[nodes[0]].op;
  if (n > 1 || op == OP_VARIANCE) return true;
  return fuse_op_allowed(g, nodes[0]) && op != OP_CONSTANT && op != OP_BROADCAST &&
         op != OP_STOP_GRADIENT;
}

static int by_id(const void *a, const void *b) {
  NodeId x = *(const NodeId *)a, y = *(const NodeId *)b;
  return (x > y) - (x < y);
}

static bool is_in(const NodeId *nodes, uint32_t n, NodeId id) {
  for (uint32_t i = 0; i < n; i++)
    if (nodes[i] == id) return true;
  return false;
}

static void add_step(const PlanProgram *p, const PlanStep *step, uint32_t shards) {
  const NodeId *nodes = &p->step_nodes[step->first];
  NodeId inputs[1024], outputs[1024];
  KernelSpec spec = {.graph = p->graph,
                     .nodes = nodes,
                     .n_nodes = step->count,
                     .inputs = inputs,
                     .outputs = outputs,
                     .shards = shards,
                     .work_bytes = step->work_bytes};
  if (!is_generated(p->graph, nodes, step->count)) return;
  for (uint32_t k = 0; k < step->count; k++) {
    if (p->node_offset[nodes[k]] != OFFSET_NONE) outputs[spec.n_outputs++] = nodes[k];
    for (uint32_t i = 0; i < p->graph->nodes[nodes[k]].n_inputs; i++) {
      NodeId in = node_input(p->graph, nodes[k], i);
      if (is_in(nodes, step->count, in) || is_in(inputs, spec.n_inputs, in)) continue;
      CU_ASSERT_FATAL(spec.n_inputs < 1024);
      inputs[spec.n_inputs++] = in;
    }
  }
  qsort(inputs, spec.n_inputs, sizeof *inputs, by_id);
  qsort(outputs, spec.n_outputs, sizeof *outputs, by_id);
  KernelError error;
  Kernel *kernel;
  Status status = backend_cuda.create(&context, &spec, &error, &kernel);
  if (status != STATUS_OK) printf("\n  %s", error.text);
  CU_ASSERT_EQUAL(status, STATUS_OK);
  backend_cuda.destroy(kernel);
  n_steps++;
}

static void add_model(const char *path, const char *const *defines, uint32_t n, DType precision) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {.build = {.precision = precision_plain(precision),
                                        .shards = 4,
                                        .ranks = 1,
                                        .target = &target_cuda_sm90}};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (uint32_t p = 0; p < c.plan->n_programs; p++)
    for (uint32_t s = 0; s < c.plan->programs[p].n_steps; s++)
      add_step(&c.plan->programs[p], &c.plan->programs[p].steps[s], c.plan->shards);
  support_release(&c);
}

static void add_example(const char *path) {
  add_model(path, NULL, 0, DTYPE_F32);
  add_model(path, NULL, 0, DTYPE_F64);
}

/* ---- budgets ---- */

#define KINDS_MAX 16
typedef struct Kind {
  char name[40];
  uint32_t allowed, used, kernels;
} Kind;
static Kind kinds[KINDS_MAX];
static uint32_t n_kinds;

static void read_budgets(void) {
  char line[200];
  FILE *in = fopen(BUDGETS, "r");
  CU_ASSERT_PTR_NOT_NULL_FATAL(in);
  while (fgets(line, sizeof line, in)) {
    Kind *k = &kinds[n_kinds];
    if (line[0] == '#' || line[0] == '\n') continue;
    CU_ASSERT_FATAL(n_kinds < KINDS_MAX);
    CU_ASSERT_EQUAL_FATAL(sscanf(line, "%39[^:]: %u", k->name, &k->allowed), 2);
    n_kinds++;
  }
  fclose(in);
}

static Kind *kind_of(const char *name, size_t length) {
  for (uint32_t i = 0; i < n_kinds; i++)
    if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, name, length) == 0)
      return &kinds[i];
  return NULL;
}

static const int architectures[] = {80, 90, 100};
static uint32_t n_units, n_compiled;

/* A kernel of a unit: its name, then its kind. */
static void check_kernel(const RealCode *code, const char *name, const char *comment,
                         int architecture) {
  CU_ASSERT_FATAL(strncmp(comment, "/* ", 3) == 0);
  Kind *kind = kind_of(comment + 3, strcspn(comment + 3, "*") - 1);
  CU_ASSERT_PTR_NOT_NULL_FATAL(kind);
  const RealUsage *usage = real_nvrtc_usage(code, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(usage);
  kind->kernels++;
  if (usage->registers > kind->used) kind->used = usage->registers;
  if (usage->registers > kind->allowed || usage->spill_stores || usage->spill_loads)
    printf("\n  sm_%d, %s: %u registers of %u, %u bytes spilled", architecture, kind->name,
           usage->registers, kind->allowed, usage->spill_stores);
  CU_ASSERT(usage->registers <= kind->allowed);
  CU_ASSERT_EQUAL(usage->spill_stores, 0);
  CU_ASSERT_EQUAL(usage->spill_loads, 0);
}

/* Each kernel of a unit: `#define KERNEL name`, then its kind. */
static void compile_unit(const char *text, int architecture) {
  RealCode code;
  CU_ASSERT_FATAL(real_nvrtc_compile(text, "kernels.cu", architecture, &code));
  if (!code.ok) printf("\n%s", code.log);
  CU_ASSERT_FATAL(code.ok);
  static const char define[] = "#define KERNEL ";
  for (const char *at = strstr(text, define); at; at = strstr(at, define)) {
    char name[64];
    at += strlen(define);
    size_t length = strcspn(at, "\n");
    snprintf(name, sizeof name, "%.*s", (int)length, at);
    at += length + 1;
    check_kernel(&code, name, at, architecture);
  }
  real_nvrtc_release(&code);
  n_compiled++;
}

/* All units for all GPUs; else every second one, for one of the GPUs in turn. */
static bool check_unit(void *unused, const char *text) {
  (void)unused;
  uint32_t unit = n_units++;
  for (uint32_t a = 0; a < 3; a++)
    if (support_all() || (unit % 2 == 0 && unit / 2 % 3 == a)) compile_unit(text, architectures[a]);
  return true;
}

static void budgets(void) {
  context = (CudaContext){.architecture = 90, .multiprocessors = 132};
  context.modules = cuda_modules_create();
  CU_ASSERT_PTR_NOT_NULL_FATAL(context.modules);
  read_budgets();
  CU_ASSERT(support_each_model("models/examples/*.xml", add_example) > 5);
  add_model("models/cdvm_small.xml", NULL, 0, DTYPE_F32);
  cuda_modules_each(context.modules, check_unit, NULL);
  printf("%u groups, %u units, %u compilations\n", n_steps, n_units, n_compiled);
  for (uint32_t i = 0; i < n_kinds; i++) {
    printf("    %s: %u kernels, %u registers of %u\n", kinds[i].name, kinds[i].kernels,
           kinds[i].used, kinds[i].allowed);
    CU_ASSERT(kinds[i].kernels > 0);
  }
  static const CudaCalls none;
  cuda_modules_destroy(context.modules, &none);
}

int main(void) {
  static const SupportTest tests[] = {{"registers", budgets}};
  if (real_nvrtc()) return support_run("cuda_registers", tests, 1);
  printf("skipped: NVRTC is not installed\n");
  return 77;
}
