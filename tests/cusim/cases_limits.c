/* Limits of what is modelled, and calls at the wrong time or on the wrong device. */
#include "tests/cusim/dnn_build.h"

#include <pthread.h>

static void begin(Bench *b) {
  OK(b, b->cu->cudaStreamBeginCapture(b->t, cudaStreamCaptureModeThreadLocal));
}

static cudaGraph_t finish(Bench *b) {
  cudaGraph_t graph = NULL;
  OK(b, b->cu->cudaStreamEndCapture(b->t, &graph));
  return graph;
}

static void drop_graph(Bench *b, cudaGraph_t graph) {
  if (graph) OK(b, b->cu->cudaGraphDestroy(graph));
}

/* ---- while a stream is captured ---- */

static void create_blas(Bench *b) {
  cublasHandle_t handle = NULL;
  if (b->wrong) begin(b);
  OK(b, b->cu->cublasCreate_v2(&handle));
  if (b->wrong) drop_graph(b, finish(b));
  if (handle) OK(b, b->cu->cublasDestroy_v2(handle));
}

static void create_dnn(Bench *b) {
  cudnnHandle_t handle = NULL;
  if (b->wrong) begin(b);
  OK(b, b->cu->cudnnCreate(&handle));
  if (b->wrong) drop_graph(b, finish(b));
  if (handle) OK(b, b->cu->cudnnDestroy(handle));
}

static void create_comm(Bench *b) {
  ncclUniqueId id;
  ncclComm_t comm = NULL;
  OK(b, b->cu->ncclGetUniqueId(&id));
  if (b->wrong) begin(b);
  OK(b, b->cu->ncclCommInitRank(&comm, 1, id, 0));
  if (b->wrong) drop_graph(b, finish(b));
  if (comm) OK(b, b->cu->ncclCommDestroy(comm));
}

static void load_library(Bench *b) {
  cudaLibrary_t library = NULL;
  if (b->wrong) begin(b);
  OK(b, b->cu->cudaLibraryLoadData(&library, "cusim scale", NULL, NULL, 0, NULL, NULL, 0));
  if (b->wrong) drop_graph(b, finish(b));
  if (library) OK(b, b->cu->cudaLibraryUnload(library));
}

static void unload_library(Bench *b) {
  cudaLibrary_t library = NULL;
  OK(b, b->cu->cudaLibraryLoadData(&library, "cusim scale", NULL, NULL, 0, NULL, NULL, 0));
  if (b->wrong) begin(b);
  OK(b, b->cu->cudaLibraryUnload(library));
  if (b->wrong) drop_graph(b, finish(b));
}

static void destroy_stream(Bench *b) {
  cudaStream_t u = NULL;
  OK(b, b->cu->cudaStreamCreateWithFlags(&u, cudaStreamNonBlocking));
  if (b->wrong) begin(b);
  OK(b, b->cu->cudaStreamDestroy(u));
  if (b->wrong) drop_graph(b, finish(b));
}

static void *end_capture(void *of) {
  Bench *b = of;
  drop_graph(b, finish(b));
  return NULL;
}

static void ended_by_another_thread(Bench *b) {
  pthread_t thread;
  begin(b);
  if (!b->wrong)
    end_capture(b);
  else if (pthread_create(&thread, NULL, end_capture, b) == 0)
    pthread_join(thread, NULL);
}

/* ---- flags and numbers ---- */

static void wait_flags(Bench *b) {
  OK(b, b->cu->cudaEventRecord(b->event, b->s));
  OK(b, b->cu->cudaStreamWaitEvent(b->t, b->event,
                                   b->wrong ? cudaEventWaitExternal : cudaEventWaitDefault));
}

static void instantiate_flags(Bench *b) {
  cudaGraphExec_t exec = NULL;
  begin(b);
  cudaGraph_t graph = finish(b);
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph,
                                    b->wrong ? cudaGraphInstantiateFlagAutoFreeOnLaunch : 0));
  if (exec) OK(b, b->cu->cudaGraphExecDestroy(exec));
  drop_graph(b, graph);
}

static void graph_in_graph(Bench *b) {
  cudaGraphExec_t exec = NULL;
  begin(b);
  cudaGraph_t graph = finish(b);
  OK(b, b->cu->cudaGraphInstantiate(&exec, graph, 0));
  if (b->wrong) begin(b);
  OK(b, b->cu->cudaGraphLaunch(exec, b->t));
  if (b->wrong) drop_graph(b, finish(b));
  OK(b, b->cu->cudaStreamSynchronize(b->t));
  OK(b, b->cu->cudaGraphExecDestroy(exec));
  drop_graph(b, graph);
}

static void library_options(Bench *b) {
  cudaLibrary_t library = NULL;
  enum cudaLibraryOption option = cudaLibraryBinaryIsPreserved;
  void *value = NULL;
  OK(b,
     b->cu->cudaLibraryLoadData(&library, "cusim scale", NULL, NULL, 0, &option, &value, b->wrong));
  if (library) OK(b, b->cu->cudaLibraryUnload(library));
}

static void kernel_attribute(Bench *b) {
  OK(b, b->cu->cudaKernelSetAttributeForDevice(b->scale,
                                               b->wrong
                                                   ? cudaFuncAttributePreferredSharedMemoryCarveout
                                                   : cudaFuncAttributeMaxDynamicSharedMemorySize,
                                               1024, 0));
}

static void no_arguments(Bench *b) {
  const float *x = b->x;
  float *y = b->y, a = 2;
  int32_t n = 0;
  void *args[] = {&x, &y, &a, &n};
  b->cu->declare(NULL, 0);
  OK(b, b->cu->cudaLaunchKernel((const void *)b->scale, (dim3){1, 1, 1}, (dim3){32, 1, 1},
                                b->wrong ? NULL : args, 0, b->s));
}

static void declared_twice(Bench *b) {
  if (b->wrong) b->cu->declare(NULL, 0);
  bench_scale(b, b->s, b->x, b->y, 2, N);
}

static void math_mode(Bench *b) {
  cublasHandle_t handle = NULL;
  OK(b, b->cu->cublasCreate_v2(&handle));
  OK(b, b->cu->cublasSetMathMode(handle, b->wrong ? CUBLAS_TENSOR_OP_MATH : CUBLAS_PEDANTIC_MATH));
  OK(b, b->cu->cublasDestroy_v2(handle));
}

/* ---- too many ---- */

/* As many streams as there is room for; each is forked from the capture. */
static void many_streams(Bench *b, int n, bool captured) {
  cudaStream_t streams[62];
  int made = 0;
  for (; made < n; made++)
    if (b->cu->cudaStreamCreateWithFlags(&streams[made], cudaStreamNonBlocking)) break;
  b->errors += made < n;
  if (captured) {
    begin(b);
    OK(b, b->cu->cudaEventRecord(b->event, b->t));
    for (int i = 0; i < made; i++)
      OK(b, b->cu->cudaStreamWaitEvent(streams[i], b->event, cudaEventWaitDefault));
    drop_graph(b, finish(b));
  }
  for (int i = 0; i < made; i++) OK(b, b->cu->cudaStreamDestroy(streams[i]));
}

static void too_many_streams(Bench *b) {
  many_streams(b, b->wrong ? 62 : 61, false);
}

static void too_many_forks(Bench *b) {
  many_streams(b, b->wrong ? 16 : 15, true);
}

static void too_many_graphs(Bench *b) {
  cudaGraphExec_t execs[62];
  int n = 0;
  begin(b);
  cudaGraph_t graph = finish(b);
  for (; n < (b->wrong ? 62 : 61); n++)
    if (b->cu->cudaGraphInstantiate(&execs[n], graph, 0)) break;
  for (int i = 0; i < n; i++) OK(b, b->cu->cudaGraphExecDestroy(execs[i]));
  drop_graph(b, graph);
}

/* One rank, whose calls are put into groups. */
static void collective(Bench *b, int rank, int times, size_t count, ncclDataType_t type) {
  ncclUniqueId id;
  ncclComm_t comm = NULL;
  OK(b, b->cu->ncclGetUniqueId(&id));
  OK(b, b->cu->ncclCommInitRank(&comm, 1, id, rank));
  OK(b, b->cu->ncclGroupStart());
  for (int i = 0; i < times && comm; i++)
    OK(b, b->cu->ncclAllReduce(b->x, b->y, count, type, ncclSum, comm, b->s));
  OK(b, b->cu->ncclGroupEnd());
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  if (comm) OK(b, b->cu->ncclCommDestroy(comm));
}

static void rank_out_of_range(Bench *b) {
  collective(b, b->wrong, 1, N, ncclFloat32);
}
static void too_many_in_group(Bench *b) {
  collective(b, 0, b->wrong ? 257 : 256, 4, ncclFloat32);
}
static void no_elements(Bench *b) {
  collective(b, 0, 1, b->wrong ? 0 : 1, ncclFloat32);
}
static void type_unknown(Bench *b) {
  collective(b, 0, 1, 16, b->wrong ? ncclUint64 : ncclInt32);
}

/* ---- other devices, other times ---- */

static cudaStream_t stream_on(Bench *b, int device) {
  cudaStream_t u = NULL;
  OK(b, b->cu->cudaSetDevice(device));
  OK(b, b->cu->cudaStreamCreateWithFlags(&u, cudaStreamNonBlocking));
  OK(b, b->cu->cudaSetDevice(0));
  return u;
}

static void blas_on_other_device(Bench *b) {
  cublasHandle_t handle = NULL;
  cudaStream_t u = stream_on(b, b->wrong);
  OK(b, b->cu->cublasCreate_v2(&handle));
  OK(b, b->cu->cublasSetStream_v2(handle, u));
  OK(b, b->cu->cublasDestroy_v2(handle));
  OK(b, b->cu->cudaStreamDestroy(u));
}

static void dnn_on_other_device(Bench *b) {
  cudnnHandle_t handle = NULL;
  cudaStream_t u = stream_on(b, b->wrong);
  OK(b, b->cu->cudnnCreate(&handle));
  OK(b, b->cu->cudnnSetStream(handle, u));
  OK(b, b->cu->cudnnDestroy(handle));
  OK(b, b->cu->cudaStreamDestroy(u));
}

/* A convolution of one element on the bench's stream. */
typedef enum Slip {
  SLIP_NONE,
  SLIP_HANDLE,
  SLIP_TWICE,
  SLIP_RESULTS,
  SLIP_ASK,
  SLIP_DEVICE,
  SLIP_BUSY
} Slip;
static void convolve(Bench *b, Slip slip) {
  DnnSpec spec = {.x = {1, 1, 1, 1},
                  .w = {1, 1, 1, 1},
                  .y = {1, 1, 1, 1},
                  .stride = {1, 1},
                  .dilation = {1, 1},
                  .type = CUDNN_DATA_FLOAT,
                  .alpha = 1,
                  .alignment = 4,
                  .mode = CUDNN_HEUR_MODE_FALLBACK,
                  .at = {b->x, b->x + 4, b->z}};
  cudnnHandle_t handle = NULL;
  DnnPlan plan;
  int64_t n = 0;
  if (!b->wrong) slip = SLIP_NONE;
  OK(b, b->cu->cudnnCreate(&handle));
  OK(b, b->cu->cudnnSetStream(handle, b->s));
  dnn_build(b, slip == SLIP_HANDLE ? (cudnnHandle_t)(void *)b->s : handle, &spec, &plan);
  if (slip == SLIP_TWICE) OK(b, b->cu->cudnnBackendFinalize(plan.op));
  if (slip == SLIP_RESULTS)
    OK(b, b->cu->cudnnBackendGetAttribute(plan.heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                          CUDNN_TYPE_BACKEND_DESCRIPTOR, 3, &n, plan.configs));
  if (slip == SLIP_ASK)
    OK(b, b->cu->cudnnBackendGetAttribute(plan.plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                          CUDNN_TYPE_DOUBLE, 1, NULL, &n));
  OK(b, b->cu->cudaSetDevice(slip == SLIP_DEVICE));
  OK(b, b->cu->cudnnBackendExecute(handle, plan.plan, plan.pack));
  OK(b, b->cu->cudaSetDevice(0));
  if (slip != SLIP_BUSY) OK(b, b->cu->cudaStreamSynchronize(b->s));
  dnn_drop(b, &plan, FLAW_NONE);
  OK(b, b->cu->cudnnDestroy(handle));
}

static void dnn_no_handle(Bench *b) {
  convolve(b, SLIP_HANDLE);
}
static void dnn_final_twice(Bench *b) {
  convolve(b, SLIP_TWICE);
}
static void dnn_results_twice(Bench *b) {
  convolve(b, SLIP_RESULTS);
}
static void dnn_asked_wrongly(Bench *b) {
  convolve(b, SLIP_ASK);
}
static void dnn_other_is_current(Bench *b) {
  convolve(b, SLIP_DEVICE);
}
static void dnn_busy(Bench *b) {
  convolve(b, SLIP_BUSY);
}

const Case cases_limits[] = {
    {CUSIM_CAPTURE_UNSAFE, "a handle of cuBLAS is made", create_blas},
    {CUSIM_CAPTURE_UNSAFE, "a handle of cuDNN is made", create_dnn},
    {CUSIM_CAPTURE_UNSAFE, "a communicator is made", create_comm},
    {CUSIM_CAPTURE_UNSAFE, "a library is loaded", load_library},
    {CUSIM_CAPTURE_UNSAFE, "a library is unloaded", unload_library},
    {CUSIM_CAPTURE_SYNC, "a stream is destroyed", destroy_stream},
    {CUSIM_CAPTURE_UNMATCHED, "ended by another thread", ended_by_another_thread},
    {CUSIM_NOT_MODELLED, "flags of a wait", wait_flags},
    {CUSIM_NOT_MODELLED, "flags of a graph", instantiate_flags},
    {CUSIM_NOT_MODELLED, "a graph in a graph", graph_in_graph},
    {CUSIM_NOT_MODELLED, "options of a library", library_options},
    {CUSIM_NOT_MODELLED, "another attribute of a kernel", kernel_attribute},
    {CUSIM_KERNEL_ARGUMENT, "no arguments", no_arguments},
    {CUSIM_DECLARATION, "two declarations for a launch", declared_twice},
    {CUSIM_NOT_MODELLED, "another math mode", math_mode},
    {CUSIM_NOT_MODELLED, "a stream too many", too_many_streams},
    {CUSIM_NOT_MODELLED, "a stream too many in a capture", too_many_forks},
    {CUSIM_NOT_MODELLED, "a graph too many", too_many_graphs},
    {CUSIM_INVALID, "a rank out of range", rank_out_of_range},
    {CUSIM_NOT_MODELLED, "a call too many in a group", too_many_in_group},
    {CUSIM_NOT_MODELLED, "a collective of nothing", no_elements},
    {CUSIM_NOT_MODELLED, "a type of NCCL that is not modelled", type_unknown},
    {CUSIM_CURRENT_DEVICE, "another device's stream for cuBLAS", blas_on_other_device},
    {CUSIM_CURRENT_DEVICE, "another device's stream for cuDNN", dnn_on_other_device},
    {CUSIM_HANDLE, "a stream as a handle of cuDNN", dnn_no_handle},
    {CUSIM_DNN_STATE, "an operation made final twice", dnn_final_twice},
    {CUSIM_DNN_STATE, "configurations asked for twice", dnn_results_twice},
    {CUSIM_DNN_ATTRIBUTE, "a workspace asked for in another type", dnn_asked_wrongly},
    {CUSIM_CURRENT_DEVICE, "a convolution while another device is current", dnn_other_is_current},
    {CUSIM_BUSY, "a handle of cuDNN destroyed before its convolution ran", dnn_busy},
};
const uint32_t n_cases_limits = sizeof cases_limits / sizeof *cases_limits;
