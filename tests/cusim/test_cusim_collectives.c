/* Collectives give what they should, for ranks of one thread and for a thread each, eagerly and
 * from graphs; threads have devices and errors of their own. */
#include "tests/cusim/cases.h"
#include "tests/cusim/values.h"

#include <CUnit/Basic.h>
#include <pthread.h>
#include <string.h>

#define RANKS CUSIM_DEVICES
#define COUNT 96 /* elements of a rank's part; a multiple of the ranks */

/* What a rank has; `errors` counts calls that failed. */
typedef struct Rank {
  const CudaCalls *cu;
  int n, rank;
  ncclUniqueId id;
  ncclComm_t comm;
  cudaStream_t s;
  char *device, *host; /* n parts, twice */
  ncclDataType_t type;
  ValueType values;
  uint32_t errors, wrong;
} Rank;

static double operand(int rank, int64_t i) {
  return (double)((i * 3 + rank * 5) % 11) - 4;
}

static size_t bytes_of(const Rank *r, int64_t n) {
  return (size_t)n * value_size(r->values);
}

static void begin(Rank *r) {
  OK(r, r->cu->cudaSetDevice(r->rank));
  OK(r, r->cu->cudaStreamCreateWithFlags(&r->s, cudaStreamNonBlocking));
  OK(r, r->cu->cudaMalloc((void **)&r->device, bytes_of(r, 2 * r->n * COUNT)));
  OK(r, r->cu->cudaHostAlloc((void **)&r->host, bytes_of(r, r->n * COUNT), cudaHostAllocDefault));
}

static void end(Rank *r) {
  OK(r, r->cu->cudaStreamSynchronize(r->s));
  OK(r, r->cu->ncclCommDestroy(r->comm));
  OK(r, r->cu->cudaFree(r->device));
  OK(r, r->cu->cudaFreeHost(r->host));
  OK(r, r->cu->cudaStreamDestroy(r->s));
}

/* All n parts of the operand. */
static void send(Rank *r) {
  OK(r, r->cu->cudaStreamSynchronize(r->s));
  for (int64_t i = 0; i < r->n * COUNT; i++)
    value_store(r->host, r->values, (size_t)i, operand(r->rank, i));
  OK(r, r->cu->cudaMemcpyAsync(r->device, r->host, bytes_of(r, r->n * COUNT),
                               cudaMemcpyHostToDevice, r->s));
}

typedef enum What { SUM, MOST, SUM_IN_PLACE, GATHER, GATHER_IN_PLACE, SCATTER, KINDS } What;

static void give(Rank *r, What what) {
  char *out = r->device + bytes_of(r, r->n * COUNT),
       *mine = r->device + bytes_of(r, r->rank * COUNT);
  size_t all = (size_t)r->n * COUNT;
  switch (what) {
  case SUM:
    OK(r, r->cu->ncclAllReduce(r->device, out, all, r->type, ncclSum, r->comm, r->s));
    break;
  case MOST:
    OK(r, r->cu->ncclAllReduce(r->device, out, all, r->type, ncclMax, r->comm, r->s));
    break;
  case SUM_IN_PLACE:
    OK(r, r->cu->ncclAllReduce(r->device, r->device, all, r->type, ncclSum, r->comm, r->s));
    break;
  case GATHER:
    OK(r, r->cu->ncclAllGather(r->device, out, COUNT, r->type, r->comm, r->s));
    break;
  case GATHER_IN_PLACE:
    OK(r, r->cu->ncclAllGather(mine, r->device, COUNT, r->type, r->comm, r->s));
    break;
  default:
    OK(r, r->cu->ncclReduceScatter(r->device, mine, COUNT, r->type, ncclSum, r->comm, r->s));
  }
}

/* Element i of what rank r has afterwards. */
static double expected(const Rank *r, What what, int64_t i) {
  double value = what == MOST ? -100 : 0;
  switch (what) {
  case GATHER:
    return operand((int)(i / COUNT), i % COUNT);
  case GATHER_IN_PLACE:
    return operand((int)(i / COUNT), i);
  case SCATTER:
    i += r->rank * COUNT;
    break;
  default:
    break;
  }
  for (int k = 0; k < r->n; k++)
    value = what == MOST ? (operand(k, i) > value ? operand(k, i) : value) : value + operand(k, i);
  return value;
}

static void look(Rank *r, What what) {
  int64_t n = what == SCATTER ? COUNT : r->n * COUNT;
  const char *from = what == SUM || what == MOST || what == GATHER
                         ? r->device + bytes_of(r, r->n * COUNT)
                         : r->device + (what == SCATTER ? bytes_of(r, r->rank * COUNT) : 0);
  OK(r, r->cu->cudaMemcpyAsync(r->host, from, bytes_of(r, n), cudaMemcpyDeviceToHost, r->s));
  OK(r, r->cu->cudaStreamSynchronize(r->s));
  for (int64_t i = 0; i < n; i++)
    r->wrong += value_load(r->host, r->values, (size_t)i) != expected(r, what, i);
}

static Rank ranks[RANKS];

static void open_ranks(int n, ncclDataType_t type, ValueType values, uint64_t seed,
                       uint32_t patience) {
  const CudaCalls *cu = cusim_open(&(CusimOptions){.devices = (uint32_t)n,
                                                   .order = seed ? CUSIM_RANDOM : CUSIM_LAZY,
                                                   .seed = seed,
                                                   .patience = patience});
  ncclUniqueId id;
  CU_ASSERT_EQUAL_FATAL(cu->ncclGetUniqueId(&id), ncclSuccess);
  for (int r = 0; r < n; r++)
    ranks[r] = (Rank){.cu = cu, .n = n, .rank = r, .id = id, .type = type, .values = values};
}

static void close_ranks(int n, CusimRule rule) {
  CusimReport report;
  cusim_close(&report);
  for (int r = 0; r < n && !rule; r++) {
    CU_ASSERT_EQUAL(ranks[r].errors, 0);
    CU_ASSERT_EQUAL(ranks[r].wrong, 0);
  }
  if (report.rule != rule) printf("\n%s", report.text);
  CU_ASSERT_EQUAL(report.rule, rule);
}

static void one_thread(int n, ncclDataType_t type, ValueType values, uint64_t seed) {
  open_ranks(n, type, values, seed, 0);
  OK(ranks, ranks->cu->ncclGroupStart());
  for (int r = 0; r < n; r++) {
    begin(&ranks[r]);
    OK(&ranks[r], ranks->cu->ncclCommInitRank(&ranks[r].comm, n, ranks[r].id, r));
  }
  OK(ranks, ranks->cu->ncclGroupEnd());
  for (What what = 0; what < KINDS; what++) {
    for (int r = 0; r < n; r++) send(&ranks[r]);
    OK(ranks, ranks->cu->ncclGroupStart());
    for (int r = 0; r < n; r++) give(&ranks[r], what);
    OK(ranks, ranks->cu->ncclGroupEnd());
    for (int r = 0; r < n; r++) look(&ranks[r], what);
  }
  for (int r = 0; r < n; r++) end(&ranks[r]);
  close_ranks(n, CUSIM_NONE);
}

static void from_one_thread(void) {
  for (int n = 1; n <= RANKS; n++)
    for (uint64_t seed = 0; seed < 4; seed++) one_thread(n, ncclFloat32, VALUE_F32, seed);
  one_thread(4, ncclBfloat16, VALUE_BF16, 5);
  one_thread(3, ncclFloat16, VALUE_F16, 6);
  one_thread(2, ncclFloat64, VALUE_F64, 7);
  one_thread(2, ncclInt32, VALUE_I32, 8);
}

/* ---- a thread for each rank ---- */

static void on_threads(int n, void *(*body)(void *)) {
  pthread_t threads[RANKS];
  for (int r = 0; r < n; r++)
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[r], NULL, body, &ranks[r]), 0);
  for (int r = 0; r < n; r++) pthread_join(threads[r], NULL);
}

static void *compute(void *of) {
  Rank *r = of;
  begin(r);
  OK(r, r->cu->ncclCommInitRank(&r->comm, r->n, r->id, r->rank));
  for (int step = 0; step < 5; step++)
    for (What what = 0; what < KINDS; what++) {
      send(r);
      give(r, what);
      look(r, what);
    }
  end(r);
  return NULL;
}

/* Three collectives in a graph, each rank its own. */
static void *compute_captured(void *of) {
  Rank *r = of;
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  begin(r);
  OK(r, r->cu->ncclCommInitRank(&r->comm, r->n, r->id, r->rank));
  OK(r, r->cu->cudaStreamBeginCapture(r->s, cudaStreamCaptureModeThreadLocal));
  give(r, MOST);
  give(r, SUM);
  give(r, SUM_IN_PLACE);
  OK(r, r->cu->cudaStreamEndCapture(r->s, &graph));
  OK(r, r->cu->cudaGraphInstantiate(&exec, graph, 0));
  OK(r, r->cu->cudaGraphDestroy(graph));
  for (int step = 0; step < 4 && !r->errors; step++) {
    send(r);
    OK(r, r->cu->cudaGraphLaunch(exec, r->s));
    look(r, SUM);
    look(r, SUM_IN_PLACE);
  }
  OK(r, r->cu->cudaGraphExecDestroy(exec));
  end(r);
  return NULL;
}

static void from_threads(void) {
  for (int n = 2; n <= RANKS; n += 2)
    for (uint64_t seed = 0; seed < 3; seed++) {
      open_ranks(n, ncclFloat32, VALUE_F32, seed, 0);
      on_threads(n, compute);
      close_ranks(n, CUSIM_NONE);
      open_ranks(n, ncclFloat32, VALUE_F32, seed, 0);
      on_threads(n, compute_captured);
      close_ranks(n, CUSIM_NONE);
    }
}

/* Rank 1 does not call: rank 0 must not wait forever. */
static void *stay_away(void *of) {
  Rank *r = of;
  begin(r);
  OK(r, r->cu->ncclCommInitRank(&r->comm, r->n, r->id, r->rank));
  send(r);
  OK(r, r->cu->cudaStreamSynchronize(r->s));
  if (r->rank == 1) return NULL;
  give(r, SUM);
  r->wrong = r->cu->cudaStreamSynchronize(r->s) == cudaErrorLaunchTimeout;
  return NULL;
}

static void ranks_that_stay_away(void) {
  open_ranks(2, ncclFloat32, VALUE_F32, 0, 100);
  on_threads(2, stay_away);
  CU_ASSERT_EQUAL(ranks[0].wrong, 1);
  close_ranks(2, CUSIM_DEADLOCK);
}

/* Rank 1 gives up: rank 0 sees it, gives up too, and its stream goes on. */
static void *give_up(void *of) {
  Rank *r = of;
  ncclResult_t result = ncclSuccess;
  begin(r);
  OK(r, r->cu->ncclCommInitRank(&r->comm, r->n, r->id, r->rank));
  send(r);
  if (r->rank == 0) give(r, SUM);
  while (r->rank == 0 && result == ncclSuccess)
    OK(r, r->cu->ncclCommGetAsyncError(r->comm, &result));
  OK(r, r->cu->ncclCommAbort(r->comm));
  OK(r, r->cu->cudaStreamSynchronize(r->s));
  OK(r, r->cu->cudaFree(r->device));
  OK(r, r->cu->cudaFreeHost(r->host));
  OK(r, r->cu->cudaStreamDestroy(r->s));
  return NULL;
}

static void ranks_that_give_up(void) {
  for (uint64_t seed = 0; seed < 3; seed++) {
    open_ranks(2, ncclFloat32, VALUE_F32, seed, 0);
    on_threads(2, give_up);
    close_ranks(2, CUSIM_NONE);
  }
}

/* ---- threads ---- */

static void *allocate(void *of) {
  Rank *r = of;
  int device = -1;
  OK(r, r->cu->cudaGetDevice(&device)); /* each begins with the first */
  OK(r, device);
  OK(r, r->cu->cudaGetLastError());
  OK(r, r->cu->cudaMalloc((void **)&r->device, 64));
  if (!r->errors) OK(r, r->cu->cudaFree(r->device));
  return NULL;
}

/* While this thread captures, another allocates: what the mode says. */
static void capture_beside(enum cudaStreamCaptureMode mode, CusimRule rule) {
  pthread_t thread;
  cudaGraph_t graph = NULL;
  void *none;
  open_ranks(2, ncclFloat32, VALUE_F32, 0, 0);
  Rank *r = &ranks[1];
  OK(r, r->cu->cudaSetDevice(1));
  OK(r, r->cu->cudaMalloc(&none, (size_t)1 << 40) != cudaErrorMemoryAllocation);
  OK(r, r->cu->cudaStreamCreateWithFlags(&r->s, cudaStreamNonBlocking));
  OK(r, r->cu->cudaStreamBeginCapture(r->s, mode));
  CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, allocate, &ranks[0]), 0);
  pthread_join(thread, NULL);
  OK(r, (r->cu->cudaStreamEndCapture(r->s, &graph) != cudaSuccess) != (rule != CUSIM_NONE));
  if (graph) OK(r, r->cu->cudaGraphDestroy(graph));
  OK(r, r->cu->cudaStreamDestroy(r->s));
  CU_ASSERT_EQUAL(ranks[1].errors, 0);
  close_ranks(2, rule);
}

static void threads_have_their_own(void) {
  capture_beside(cudaStreamCaptureModeThreadLocal, CUSIM_NONE);
  capture_beside(cudaStreamCaptureModeGlobal, CUSIM_CAPTURE_UNSAFE);
}

int main(void) {
  static const struct {
    const char *name;
    void (*run)(void);
  } tests[] = {{"from one thread", from_one_thread},
               {"from threads", from_threads},
               {"ranks that stay away", ranks_that_stay_away},
               {"ranks that give up", ranks_that_give_up},
               {"threads have their own", threads_have_their_own}};
  if (CU_initialize_registry() != CUE_SUCCESS) return 1;
  CU_pSuite s = CU_add_suite("cusim collectives", NULL, NULL);
  for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
    if (!s || !CU_add_test(s, tests[i].name, tests[i].run)) return 1;
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  unsigned failures = CU_get_number_of_failures();
  CU_cleanup_registry();
  return failures != 0;
}
