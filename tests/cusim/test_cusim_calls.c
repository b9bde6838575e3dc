/* The simulator runs what it is given, says what the documents say, and fails on request. */
#include "tests/cusim/cases.h"

#include <CUnit/Basic.h>
#include <dlfcn.h>
#include <string.h>

static const struct {
  CudaLibrary library;
  const char *name;
} calls[] = {
#define CALL(library, name) {CUDA_LIBRARY_##library, #name},
#include "kernels/cuda/calls.inc"
#undef CALL
};

static void open_plain(Bench *b, CusimOrder order, uint64_t seed) {
  *b = (Bench){0};
  bench_open(b, &(CusimOptions){.devices = 1, .order = order, .seed = seed});
  CU_ASSERT_EQUAL_FATAL(b->errors, 0);
}

static void close_plain(Bench *b) {
  CusimReport report;
  bench_close(b, &report);
  CU_ASSERT_EQUAL(b->errors, 0);
  if (report.faults) printf("\n%s", report.text);
  CU_ASSERT_EQUAL(report.faults, 0);
}

/* x, y, z over two streams and back: (1, 2, 6), then all of it once more. */
static void launch_three(Bench *b) {
  bench_scale(b, b->s, b->x, b->y, 2, N);
  bench_wait(b, b->t, b->s);
  bench_scale(b, b->t, b->y, b->z, 3, N);
  bench_wait(b, b->s, b->t);
  bench_scale(b, b->s, b->z, b->x, 0.5f, N);
}

static void expect(Bench *b, const float *at, float value) {
  OK(b, b->cu->cudaMemcpyAsync(b->h, at, BYTES, cudaMemcpyDeviceToHost, b->s));
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  uint32_t differ = 0;
  for (int i = 0; i < N; i++) differ += b->h[i] != value;
  CU_ASSERT_EQUAL(differ, 0);
}

static void results(void) {
  for (uint64_t seed = 0; seed < 12; seed++) {
    Bench b;
    open_plain(&b, seed == 0 ? CUSIM_LAZY : seed == 1 ? CUSIM_EAGER : CUSIM_RANDOM, seed);
    launch_three(&b);
    expect(&b, b.x, 3);
    launch_three(&b);
    expect(&b, b.x, 9);
    close_plain(&b);
  }
}

/* A graph does at each launch what its calls did, and nothing while it is captured. */
static void graph_results(void) {
  for (uint64_t seed = 0; seed < 12; seed++) {
    Bench b;
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    open_plain(&b, seed == 0 ? CUSIM_LAZY : seed == 1 ? CUSIM_EAGER : CUSIM_RANDOM, seed);
    OK(&b, b.cu->cudaStreamBeginCapture(b.s, cudaStreamCaptureModeGlobal));
    launch_three(&b);
    OK(&b, b.cu->cudaStreamEndCapture(b.s, &graph));
    expect(&b, b.x, 1);
    OK(&b, b.cu->cudaGraphInstantiate(&exec, graph, 0));
    OK(&b, b.cu->cudaGraphDestroy(graph));
    for (int i = 0; i < 3; i++) OK(&b, b.cu->cudaGraphLaunch(exec, b.s));
    expect(&b, b.x, 27);
    OK(&b, b.cu->cudaGraphExecDestroy(exec));
    close_plain(&b);
  }
}

#define LARGE ((size_t)5 << 20)

/* Two streams in the midst of a large allocation, beside each other and on one byte. */
static void large_allocations(void) {
  for (size_t shared = 0; shared < 2; shared++) {
    Bench b;
    CusimReport report;
    char *large = NULL;
    open_plain(&b, CUSIM_LAZY, 0);
    OK(&b, b.cu->cudaMalloc((void **)&large, LARGE));
    OK(&b, b.cu->cudaMemsetAsync(large + 3000000, 0, 1000000, b.s));
    OK(&b, b.cu->cudaMemsetAsync(large + 4000000 - shared, 0, 1000000, b.t));
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    OK(&b, b.cu->cudaStreamSynchronize(b.t));
    OK(&b, b.cu->cudaFree(large));
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.faults, shared);
    CU_ASSERT_EQUAL(report.rule, shared ? CUSIM_WRITE_AFTER_WRITE : CUSIM_NONE);
  }
}

/* What a later command writes in the midst of an earlier one's bytes takes nothing of what lies
 * before and behind. */
static void parts_stay(void) {
  for (size_t where = 0; where < 3; where++) {
    static const size_t at[] = {3000999, 3999000, 3550000};
    Bench b;
    CusimReport report;
    cudaStream_t u;
    char *large = NULL;
    open_plain(&b, CUSIM_LAZY, 0);
    OK(&b, b.cu->cudaStreamCreateWithFlags(&u, cudaStreamNonBlocking));
    OK(&b, b.cu->cudaMalloc((void **)&large, LARGE));
    OK(&b, b.cu->cudaMemsetAsync(large + 3000000, 0, 1000000, b.s));
    bench_wait(&b, b.t, b.s);
    OK(&b, b.cu->cudaMemsetAsync(large + 3001000, 0, 998000, b.t));
    OK(&b, b.cu->cudaMemsetAsync(large + at[where], 0, 1, u));
    OK(&b, b.cu->cudaStreamSynchronize(b.t));
    OK(&b, b.cu->cudaStreamSynchronize(u));
    OK(&b, b.cu->cudaFree(large));
    OK(&b, b.cu->cudaStreamDestroy(u));
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.faults, 1);
    CU_ASSERT_EQUAL(report.rule, CUSIM_WRITE_AFTER_WRITE);
  }
}

/* What a kernel only writes holds no numbers before, on pages of its own too. */
static void written_only(void) {
  const int32_t n = 5000;
  Bench b;
  float *large = NULL, *host = NULL, a = 0;
  void *args[] = {&large, &large, &a, (void *)(uintptr_t)&n};
  open_plain(&b, CUSIM_LAZY, 0);
  OK(&b, b.cu->cudaMalloc((void **)&large, LARGE));
  OK(&b, b.cu->cudaHostAlloc((void **)&host, LARGE, cudaHostAllocDefault));
  OK(&b, b.cu->cudaMemsetAsync(large, 0, LARGE, b.s));
  bench_launch(&b, b.scale, (dim3){40, 1, 1}, (dim3){128, 1, 1}, 0, args,
               &(CudaAccess){large, (size_t)n * sizeof *large, CUDA_WRITES}, 1);
  OK(&b, b.cu->cudaMemcpyAsync(host, large, LARGE, cudaMemcpyDeviceToHost, b.s));
  OK(&b, b.cu->cudaStreamSynchronize(b.s));
  int32_t numbers = 0;
  for (int32_t i = 0; i < n; i++) numbers += host[i] == host[i];
  CU_ASSERT_EQUAL(numbers, 0);
  CU_ASSERT_EQUAL(host[n], 0);
  OK(&b, b.cu->cudaFree(large));
  OK(&b, b.cu->cudaFreeHost(host));
  close_plain(&b);
}

static void commands_run_late(void) {
  Bench b;
  CusimReport before, after;
  open_plain(&b, CUSIM_LAZY, 0);
  cusim_report(&before);
  launch_three(&b);
  cusim_report(&after);
  CU_ASSERT_EQUAL(after.commands, before.commands);
  OK(&b, b.cu->cudaStreamSynchronize(b.s));
  cusim_report(&after);
  CU_ASSERT_EQUAL(after.commands, before.commands + 3);
  close_plain(&b);
}

/* Either of two copies may be the first: a copy of the other's result (a race, by intention) shows
 * which it was. */
static void orders_differ(void) {
  bool seen[2] = {false, false};
  for (uint64_t seed = 0; seed < 32; seed++) {
    Bench b;
    open_plain(&b, CUSIM_RANDOM, seed);
    OK(&b, b.cu->cudaMemsetAsync(b.y, 0, BYTES, b.s));
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    OK(&b, b.cu->cudaMemcpyAsync(b.y, b.x, BYTES, cudaMemcpyDeviceToDevice, b.s));
    OK(&b, b.cu->cudaMemcpyAsync(b.z, b.y, BYTES, cudaMemcpyDeviceToDevice, b.t));
    OK(&b, b.cu->cudaStreamSynchronize(b.t));
    OK(&b, b.cu->cudaMemcpyAsync(b.h, b.z, BYTES, cudaMemcpyDeviceToHost, b.s));
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    seen[b.h[0] == 1] = true;
    CusimReport report;
    bench_close(&b, &report);
    CU_ASSERT_EQUAL(report.rule, CUSIM_READ_AFTER_WRITE);
  }
  CU_ASSERT(seen[0] && seen[1]);
}

static void new_memory_is_no_number(void) {
  Bench b;
  open_plain(&b, CUSIM_LAZY, 0);
  OK(&b, b.cu->cudaMemcpyAsync(b.h, b.y, BYTES, cudaMemcpyDeviceToHost, b.s));
  OK(&b, b.cu->cudaStreamSynchronize(b.s));
  uint32_t numbers = 0;
  for (int i = 0; i < N; i++) numbers += b.h[i] == b.h[i];
  CU_ASSERT_EQUAL(numbers, 0);
  bench_close(&b, NULL);
}

/* The values of arguments are those of the call, not those when the kernel runs. */
static void arguments_are_copied(void) {
  Bench b;
  open_plain(&b, CUSIM_LAZY, 0);
  const float *x = b.x;
  float *y = b.y, a = 2;
  int32_t n = N;
  void *args[] = {&x, &y, &a, &n};
  CudaAccess accesses[] = {{x, BYTES, CUDA_READS}, {y, BYTES, CUDA_WRITES}};
  b.cu->declare(accesses, 2);
  accesses[1].bytes = 0;
  OK(&b, b.cu->cudaLaunchKernel((const void *)b.scale, (dim3){8, 1, 1}, (dim3){128, 1, 1}, args, 0,
                                b.s));
  a = 5, n = 0, x = NULL, args[1] = NULL;
  expect(&b, b.y, 2);
  close_plain(&b);
}

/* ---- errors ---- */

static void errors_pass(void) {
  Bench b;
  CusimReport report;
  size_t free = 0, total = 0;
  void *at = &b;
  open_plain(&b, CUSIM_LAZY, 0);
  const CudaCalls *cu = b.cu;
  CU_ASSERT_EQUAL(cu->cudaMemGetInfo(&free, &total), cudaSuccess);
  CU_ASSERT_EQUAL(total - free, 3 * BYTES);
  CU_ASSERT_EQUAL(cu->cudaMalloc(&at, free + 1), cudaErrorMemoryAllocation);
  CU_ASSERT_PTR_NULL(at);
  CU_ASSERT_EQUAL(cu->cudaPeekAtLastError(), cudaErrorMemoryAllocation);
  CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaErrorMemoryAllocation);
  CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaSuccess);
  CU_ASSERT_EQUAL(cu->cudaMalloc(&at, 256), cudaSuccess);
  CU_ASSERT_EQUAL((uintptr_t)at % 256, 0);
  CU_ASSERT_EQUAL(cu->cudaFree(at), cudaSuccess);
  /* An event that has not happened is no error. */
  bench_scale(&b, b.s, b.x, b.y, 2, N);
  OK(&b, cu->cudaEventRecord(b.event, b.s));
  CU_ASSERT_EQUAL(cu->cudaEventQuery(b.event), cudaErrorNotReady);
  CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaSuccess);
  cusim_report(&report);
  CU_ASSERT_EQUAL(report.faults, 0); /* too little memory is no fault of the program */
  close_plain(&b);
}

/* Times are those of a GPU that runs what it can at once, in whatever order the simulator does. */
static void times(void) {
  float first = 0;
  for (uint64_t seed = 0; seed < 6; seed++) {
    Bench b;
    cudaEvent_t e[4];
    float ms[3], back = 0;
    open_plain(&b, (CusimOrder)(seed % 3), seed);
    const CudaCalls *cu = b.cu;
    for (int i = 0; i < 4; i++) OK(&b, cu->cudaEventCreateWithFlags(&e[i], cudaEventDefault));
    OK(&b, cu->cudaEventRecord(e[0], b.s));
    bench_scale(&b, b.s, b.x, b.y, 2, N);
    OK(&b, cu->cudaEventRecord(e[1], b.s));
    bench_scale(&b, b.t, b.x, b.z, 2, N); /* beside the first */
    OK(&b, cu->cudaEventRecord(e[2], b.t));
    bench_wait(&b, b.t, b.s);
    bench_scale(&b, b.t, b.y, b.z, 2, N); /* behind both */
    OK(&b, cu->cudaEventRecord(e[3], b.t));
    if (seed == 0) CU_ASSERT_EQUAL(cu->cudaEventElapsedTime(ms, e[0], e[3]), cudaErrorNotReady);
    if (seed == 0) CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaSuccess);
    OK(&b, cu->cudaStreamSynchronize(b.t));
    for (int i = 0; i < 3; i++) OK(&b, cu->cudaEventElapsedTime(&ms[i], e[0], e[i + 1]));
    OK(&b, cu->cudaEventElapsedTime(&back, e[3], e[0]));
    CU_ASSERT(ms[0] > 0 && ms[1] == ms[0] && ms[2] == 2 * ms[0] && back == -ms[2]);
    if (!seed) first = ms[0];
    CU_ASSERT_EQUAL(ms[0], first);
    for (int i = 0; i < 4; i++) OK(&b, cu->cudaEventDestroy(e[i]));
    close_plain(&b);
  }
}

static void errors_of_kernels_stay(void) {
  Bench b;
  CusimReport report;
  void *at;
  open_plain(&b, CUSIM_LAZY, 0);
  const CudaCalls *cu = b.cu;
  bench_probe(&b, b.s, b.x, b.y, NULL, PROBE_FAIL);
  bench_scale(&b, b.s, b.x, b.y, 2, N);
  CU_ASSERT_EQUAL(b.errors, 0); /* it has not run */
  CU_ASSERT_EQUAL(cu->cudaStreamSynchronize(b.s), cudaErrorLaunchFailure);
  CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaErrorLaunchFailure);
  CU_ASSERT_EQUAL(cu->cudaGetLastError(), cudaErrorLaunchFailure);
  CU_ASSERT_EQUAL(cu->cudaMalloc(&at, 8), cudaErrorLaunchFailure);
  CU_ASSERT_EQUAL(cu->cudaFree(b.x), cudaErrorLaunchFailure);
  bench_close(&b, &report);
  CU_ASSERT_EQUAL(report.faults, 0); /* nothing can be released: nothing is left */
}

static void errors_of_access(void) {
  Bench b;
  CusimReport report;
  open_plain(&b, CUSIM_LAZY, 0);
  bench_probe(&b, b.s, b.x, b.y, b.z, PROBE_READ_OTHER);
  CU_ASSERT_EQUAL(b.cu->cudaStreamSynchronize(b.s), cudaErrorIllegalAddress);
  bench_close(&b, &report);
  CU_ASSERT_EQUAL(report.rule, CUSIM_UNDECLARED_ACCESS);
}

static void errors_of_capture(void) {
  Bench b;
  CusimReport report;
  cudaGraph_t graph = (cudaGraph_t)&b;
  enum cudaStreamCaptureStatus status;
  void *at;
  open_plain(&b, CUSIM_LAZY, 0);
  const CudaCalls *cu = b.cu;
  CU_ASSERT_EQUAL(cu->cudaStreamIsCapturing(b.s, &status), cudaSuccess);
  CU_ASSERT_EQUAL(status, cudaStreamCaptureStatusNone);
  CU_ASSERT_EQUAL(cu->cudaStreamBeginCapture(b.s, cudaStreamCaptureModeGlobal), cudaSuccess);
  CU_ASSERT_EQUAL(cu->cudaStreamIsCapturing(b.s, &status), cudaSuccess);
  CU_ASSERT_EQUAL(status, cudaStreamCaptureStatusActive);
  CU_ASSERT_EQUAL(cu->cudaMalloc(&at, 8), cudaErrorStreamCaptureUnsupported);
  CU_ASSERT_EQUAL(cu->cudaStreamIsCapturing(b.s, &status), cudaSuccess);
  CU_ASSERT_EQUAL(status, cudaStreamCaptureStatusInvalidated);
  CU_ASSERT_EQUAL(cu->cudaMemsetAsync(b.y, 0, 8, b.s), cudaErrorStreamCaptureInvalidated);
  CU_ASSERT_EQUAL(cu->cudaEventRecord(b.event, b.s), cudaErrorStreamCaptureInvalidated);
  CU_ASSERT_EQUAL(cu->cudaStreamEndCapture(b.s, &graph), cudaErrorStreamCaptureInvalidated);
  CU_ASSERT_PTR_NULL(graph);
  CU_ASSERT_EQUAL(cu->cudaMemsetAsync(b.y, 0, 8, b.s), cudaSuccess); /* as before */
  bench_close(&b, &report);
  CU_ASSERT_EQUAL(report.rule, CUSIM_CAPTURE_UNSAFE);
}

static void no_gpu(void) {
  CusimReport report;
  int count = 7;
  void *at;
  const CudaCalls *cu = cusim_open(&(CusimOptions){0});
  CU_ASSERT_EQUAL(cu->cudaGetDeviceCount(&count), cudaErrorNoDevice);
  CU_ASSERT_EQUAL(count, 0);
  CU_ASSERT_EQUAL(cu->cudaMalloc(&at, 8), cudaErrorNoDevice);
  CU_ASSERT_STRING_EQUAL(cu->cudaGetErrorName(cudaErrorNoDevice), "cudaErrorNoDevice");
  cusim_close(&report);
  CU_ASSERT_EQUAL(report.faults, 0);
  CU_ASSERT_EQUAL(report.calls, 3);
}

/* ---- failures on request ---- */

/* Opens, computes by calls and by a graph, and closes; `fail` as in the options. */
static uint32_t run_failing(uint64_t call, uint32_t error, uint64_t command, CusimReport *out) {
  Bench b = {0};
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  bench_open(&b, &(CusimOptions){.devices = 1,
                                 .order = CUSIM_RANDOM,
                                 .seed = 3,
                                 .fail_call = call,
                                 .fail_error = error,
                                 .fail_command = command});
  if (!b.errors) {
    launch_three(&b);
    OK(&b, b.cu->cudaStreamBeginCapture(b.s, cudaStreamCaptureModeGlobal));
    launch_three(&b);
    OK(&b, b.cu->cudaStreamEndCapture(b.s, &graph));
    if (graph) OK(&b, b.cu->cudaGraphInstantiate(&exec, graph, 0));
    if (graph) OK(&b, b.cu->cudaGraphDestroy(graph));
    if (exec) OK(&b, b.cu->cudaGraphLaunch(exec, b.s));
    OK(&b, b.cu->cudaStreamSynchronize(b.s));
    if (exec) OK(&b, b.cu->cudaGraphExecDestroy(exec));
  }
  bench_close(&b, out);
  return b.errors;
}

/* Each call in turn, with each of its errors: the program must see it. */
static void calls_fail(void) {
  CusimReport plain, failing;
  uint32_t runs = 0, unseen = 0;
  CU_ASSERT_EQUAL(run_failing(0, 0, 0, &plain), 0);
  CU_ASSERT_EQUAL(plain.faults, 0);
  for (uint64_t call = 1; call <= plain.calls; call++)
    for (uint32_t error = 0; error < 3; error++, runs++)
      unseen += run_failing(call, error, 0, &failing) == 0;
  CU_ASSERT_EQUAL(unseen, 0);
  CU_ASSERT(runs > 120);
  for (uint64_t command = 1; command <= plain.commands; command++)
    CU_ASSERT(run_failing(0, 0, command, &failing) > 0);
  printf("%u failures of calls, %llu of commands, all seen ... ", runs,
         (unsigned long long)plain.commands);
}

/* The error that was asked for, and nothing done. */
static void failures_are_exact(void) {
  Bench b;
  CusimReport report;
  void *at = NULL;
  open_plain(&b, CUSIM_LAZY, 0);
  cusim_report(&report);
  uint64_t next = report.calls + 1;
  bench_close(&b, NULL);
  for (uint32_t error = 0; error < cusim_errors(CUDA_CALL_cudaMalloc); error++) {
    b = (Bench){0};
    bench_open(&b, &(CusimOptions){.devices = 1, .fail_call = next, .fail_error = error});
    cudaError_t got = b.cu->cudaMalloc(&at, 64);
    CU_ASSERT_EQUAL(got, error ? cudaErrorInvalidValue : cudaErrorMemoryAllocation);
    CU_ASSERT_PTR_NULL(at);
    CU_ASSERT_EQUAL(b.cu->cudaGetLastError(), got);
    close_plain(&b);
  }
}

/* ---- the table ---- */

/* Those that return no status, or that of others. */
static const char *const no_status[] = {
    "cudaGetErrorName",      "cudaGetErrorString", "cudaGetLastError",    "cudaPeekAtLastError",
    "cublasGetStatusString", "cudnnGetVersion",    "cudnnGetErrorString", "cudnnGetLastErrorString",
    "ncclGetErrorString",    "nvrtcGetErrorString"};

static void every_call_can_fail(void) {
  uint32_t without = 0;
  for (CudaCall call = 0; call < CUDA_CALLS; call++) {
    bool status = true;
    CU_ASSERT_STRING_EQUAL(cusim_call_name(call), calls[call].name);
    for (size_t i = 0; i < sizeof no_status / sizeof *no_status; i++)
      status &= strcmp(no_status[i], calls[call].name) != 0;
    if (status != (cusim_errors(call) > 0)) printf("\n%s: errors\n", calls[call].name);
    CU_ASSERT_EQUAL(status, cusim_errors(call) > 0);
    without += !status;
  }
  CU_ASSERT_EQUAL(without, sizeof no_status / sizeof *no_status);
}

/* The libraries that are installed beside the headers export every name. */
static void libraries_export_the_names(void) {
  static const char *const files[CUDA_LIBRARIES] = {"libcudart.so", "libcublas.so", "libcudnn.so",
                                                    "libnccl.so", "libnvrtc.so"};
  void *libraries[CUDA_LIBRARIES];
  uint32_t names = 0;
  for (int i = 0; i < CUDA_LIBRARIES; i++) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", CUDA_LIBRARY_FOLDER, files[i]);
    libraries[i] = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!libraries[i]) printf("\n%s: not looked into: %s", files[i], dlerror());
  }
  for (CudaCall call = 0; call < CUDA_CALLS; call++) {
    void *library = libraries[calls[call].library];
    bool there = !library || dlsym(library, calls[call].name);
    if (!there) printf("\n%s does not export %s", files[calls[call].library], calls[call].name);
    CU_ASSERT(there);
    names += library && there;
  }
  printf("%u of %u names exported ... ", names, (uint32_t)CUDA_CALLS);
}

int main(void) {
  static const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {{"results", results},
               {"graph results", graph_results},
               {"commands run late", commands_run_late},
               {"orders differ", orders_differ},
               {"new memory is no number", new_memory_is_no_number},
               {"large allocations", large_allocations},
               {"parts stay", parts_stay},
               {"written only", written_only},
               {"arguments are copied", arguments_are_copied},
               {"errors pass", errors_pass},
               {"times", times},
               {"errors of kernels stay", errors_of_kernels_stay},
               {"errors of access", errors_of_access},
               {"errors of capture", errors_of_capture},
               {"no GPU", no_gpu},
               {"calls fail", calls_fail},
               {"failures are exact", failures_are_exact},
               {"every call can fail", every_call_can_fail},
               {"libraries export the names", libraries_export_the_names}};
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim calls", NULL, NULL);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    if (!s || !CU_add_test(s, tests[i].name, tests[i].run)) return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
