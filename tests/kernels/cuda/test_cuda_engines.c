/* cuDNN's own library, where it is installed, on every convolution of the models: it accepts the
 * operation graphs, and refuses them with a size that is wrong.  Engines are chosen, and their
 * plans made, for GPUs that are described and need not be there. */
#include "kernels/cuda/conv.h"
#include "kernels/cuda/target.h"
#include "tests/support.h"

#include <dlfcn.h>

static CudaCalls real;

static bool load_cudnn(void) {
  char path[600];
  snprintf(path, sizeof path, "%s/libcudnn.so.9", CUDA_LIBRARY_FOLDER);
  void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!library) library = dlopen("libcudnn.so.9", RTLD_LAZY | RTLD_LOCAL);
  if (!library) return false;
  /* An engine loads the compiler and unloads it again, before LeakSanitizer asks what it has kept.
   */
  snprintf(path, sizeof path, "%s/libnvrtc.so.13", CUDA_LIBRARY_FOLDER);
  dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
  *(void **)&real.cudnnBackendCreateDescriptor = dlsym(library, "cudnnBackendCreateDescriptor");
  *(void **)&real.cudnnBackendDestroyDescriptor = dlsym(library, "cudnnBackendDestroyDescriptor");
  *(void **)&real.cudnnBackendSetAttribute = dlsym(library, "cudnnBackendSetAttribute");
  *(void **)&real.cudnnBackendGetAttribute = dlsym(library, "cudnnBackendGetAttribute");
  *(void **)&real.cudnnBackendFinalize = dlsym(library, "cudnnBackendFinalize");
  return real.cudnnBackendCreateDescriptor && real.cudnnBackendDestroyDescriptor &&
         real.cudnnBackendSetAttribute && real.cudnnBackendGetAttribute &&
         real.cudnnBackendFinalize;
}

/* ---- the convolutions of the models ---- */

typedef struct Shape4 {
  CudaConv conv;
  int64_t work_bytes;
} Shape4;
#define SHAPES_MAX 4096
static Shape4 shapes[SHAPES_MAX];
static uint32_t n_shapes, n_nodes;

static void add_shape(const Graph *g, NodeId id) {
  Shape4 s = {.work_bytes = cuda_work_conv(g, id)};
  bool sound = cuda_conv_of(g, id, &s.conv);
  CU_ASSERT(sound);
  n_nodes++;
  for (uint32_t i = 0; i < n_shapes; i++)
    if (memcmp(&shapes[i], &s, sizeof s) == 0) return;
  CU_ASSERT_FATAL(n_shapes < SHAPES_MAX);
  shapes[n_shapes++] = s;
}

static void add_model(const char *path, const char *const *defines, uint32_t n, DType precision) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {.build = {.precision = precision_plain(precision),
                                        .shards = 1,
                                        .ranks = 1,
                                        .target = &target_cuda_sm90}};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  for (uint32_t p = 0; p < c.plan->n_programs; p++) {
    const Graph *g = c.plan->programs[p].graph;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (g->nodes[id].op == OP_CONV || g->nodes[id].op == OP_CONV_DX ||
          g->nodes[id].op == OP_CONV_DW)
        add_shape(g, id);
  }
  support_release(&c);
}

static void add_example(const char *path) {
  add_model(path, NULL, 0, DTYPE_F32);
  add_model(path, NULL, 0, DTYPE_F64);
}

static void collect(void) {
  static const char *const small[] = {"@models/small.defs"};
  CU_ASSERT(support_each_model("models/examples/*.xml", add_example) > 5);
  add_model("models/cdvm.xml", NULL, 0, DTYPE_F32);
  add_model("models/cdvm_small.xml", NULL, 0, DTYPE_F32);
  add_model("models/ablations/table4_all.xml", small, 1, DTYPE_F64);
  printf("%u convolutions, %u shapes ... ", n_nodes, n_shapes);
  CU_ASSERT(n_shapes > 60);
}

/* ---- graphs ---- */

static bool accepted(const CudaConv *conv) {
  const DnnMachine nowhere = {.calls = &real};
  DnnGraph graph;
  cudnnStatus_t status = dnn_graph_make(&nowhere, conv, &graph);
  dnn_graph_drop(&real, &graph);
  return status == CUDNN_STATUS_SUCCESS;
}

static void graphs(void) {
  for (uint32_t i = 0; i < n_shapes; i++) {
    const CudaConv *conv = &shapes[i].conv;
    CU_ASSERT(accepted(conv));
    for (int wrong = 0; wrong < 4; wrong++) {
      CudaConv other = *conv;
      if (wrong == 0) other.hy++;
      if (wrong == 1) other.wy++;
      if (wrong == 2) other.pad[0] += other.stride[0];
      if (wrong == 3) other.kh += other.hx + 2 * other.pad[0];
      CU_ASSERT_FALSE(accepted(&other));
    }
  }
}

/* ---- engines ---- */

/* As cuDNN 9.19 describes GPUs in its deviceless mode.  Other versions may want other names; then
 * engines are not compared. */
static const char *const gpus[] = {
    "\"multiProcessorCount\":108,\"maxSharedMemoryPerBlockOptin\":166912,\"l2CacheSize\":41943040,"
    "\"deviceName\":\"NVIDIA A100-SXM4-80GB\",\"deviceVer\":800",
    "\"multiProcessorCount\":132,\"maxSharedMemoryPerBlockOptin\":232448,\"l2CacheSize\":52428800,"
    "\"deviceName\":\"NVIDIA H100 80GB HBM3\",\"deviceVer\":900",
    "\"multiProcessorCount\":148,\"maxSharedMemoryPerBlockOptin\":232448,\"l2CacheSize\":132644864,"
    "\"deviceName\":\"NVIDIA B200\",\"deviceVer\":1000"};
#define GPUS (sizeof gpus / sizeof *gpus)

static cudnnBackendDescriptor_t describe(const char *gpu) {
  char text[1024];
  DnnCalls c = {&real, CUDNN_STATUS_SUCCESS};
  int n = snprintf(
      text, sizeof text,
      "{%s,\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
      "\"regsPerBlock\":65536,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"
      "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,"
      "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"pciDeviceId\":0,\"isTccDriver\":1,"
      "\"supportCoopLaunch\":1,\"smClockRateKHz\":1980000,\"memClockRateKHz\":2619000,"
      "\"driverVer\":13000,\"cudaDeviceId\":0,\"totalGlobalMem\":85000000000}",
      gpu);
  cudnnBackendDescriptor_t d = dnn_make(&c, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  dnn_set(&c, d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, n + 1, text);
  dnn_finish(&c, d);
  if (c.status != CUDNN_STATUS_SUCCESS) dnn_drop(&real, &d);
  return d;
}

typedef struct Tally {
  uint32_t of[3][128], none; /* for each op how many shapes got which engine */
} Tally;

static void choose(const DnnMachine *machine, const Shape4 *s, bool tf32, Tally *tally) {
  DnnGraph graph;
  DnnChoice choice = {.engine = -1};
  cudnnStatus_t status = dnn_graph_make(machine, &s->conv, &graph);
  if (status == CUDNN_STATUS_SUCCESS)
    status = dnn_choose(machine, &graph, (DType)s->conv.dtype, tf32, s->work_bytes, &choice);
  CU_ASSERT_EQUAL(status, CUDNN_STATUS_SUCCESS);
  CU_ASSERT(!choice.plan || choice.workspace <= s->work_bytes);
  if (choice.plan)
    tally->of[s->conv.op - OP_CONV][choice.engine % 128]++;
  else
    tally->none++;
  dnn_drop(&real, &choice.plan);
  dnn_drop(&real, &choice.config);
  dnn_graph_drop(&real, &graph);
}

static void engines(void) {
  for (size_t i = 0; i < GPUS; i++) {
    DnnMachine machine = {.calls = &real, .device = describe(gpus[i])};
    if (!machine.device) {
      printf("this cuDNN takes no description of a GPU ... ");
      return;
    }
    for (int tf32 = 0; tf32 < 2; tf32++) {
      Tally tally = {0};
      for (uint32_t k = 0; k < n_shapes; k++) choose(&machine, &shapes[k], tf32, &tally);
      printf("\n  GPU %zu%s:", i, tf32 ? ", tf32" : "");
      for (int op = 0; op < 3; op++)
        for (int e = 0; e < 128; e++)
          if (tally.of[op][e])
            printf(" %s %d x%u", op_desc((uint16_t)(OP_CONV + op))->name, e, tally.of[op][e]);
      printf("; none x%u", tally.none);
      CU_ASSERT_EQUAL(tally.none, 0);
    }
    dnn_drop(&real, &machine.device);
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"the models' convolutions", collect}, {"graphs", graphs}, {"engines", engines}};
  if (!load_cudnn()) {
    printf("cuDNN is not installed\n");
    return 77;
  }
  return support_run("cuda engines", tests, sizeof tests / sizeof *tests);
}
