/* Steps that come again: launched one by one, captured, replayed; broken off; and what their
 * kernels noted about indices out of range, which is told where it is waited for and not before. */
#include "kernels/cuda/backend.h"
#include "tests/cuda/cuda_lab.h"
#include "tests/kernels/lab.h"
#include "tests/support.h"

#define ROWS 12
#define SECOND (STREAM_STEPS + 1)
enum { TAG_FIRST = 5, TAG_SECOND = 6 };

/* y = rows of x, then z = rows of y on another stream, by one list of indices. */
typedef struct Steps {
  Lab lab;
  NodeId inputs[2], output;
  KernelSpec spec;
  Device *device;
  Kernel *first, *second;
  CudaLabValue x, index, y, z;
  int32_t *at; /* the indices, on the host */
} Steps;

static Status create(Steps *s) {
  const Backend *backend = s->device->table->backend;
  void *context = s->device->table->context(s->device);
  KernelError *error = &s->device->error.what;
  TRY(backend->create(context, &s->spec, error, &s->first));
  TRY(backend->create(context, &s->spec, error, &s->second));
  TRY(backend->finish(context, error));
  TRY(cuda_lab_value(s->device, &s->x, ROWS * sizeof(float), lab_value(&s->lab, s->inputs[0])));
  TRY(cuda_lab_value(s->device, &s->index, ROWS * sizeof(int32_t), s->at));
  TRY(cuda_lab_value(s->device, &s->y, ROWS * sizeof(float), NULL));
  TRY(cuda_lab_value(s->device, &s->z, ROWS * sizeof(float), NULL));
  return s->device->table->synchronise(s->device, STREAM_STEPS);
}

static void begin(Steps *s, bool no_graph, uint64_t seed) {
  Diag *diag = diag_create();
  DeviceOptions options = {
      .threads = 1, .streams = 3, .events = EVENT_PROGRAM + 2, .wishes = {.no_graph = no_graph}};
  int64_t n = ROWS;
  memset(s, 0, sizeof *s);
  lab_init(&s->lab, DTYPE_F32, 1);
  s->inputs[0] = lab_input(&s->lab, DTYPE_F32, 1, &n);
  s->inputs[1] = lab_input(&s->lab, DTYPE_I32, 1, &n);
  s->output = emit_gather(&s->lab.e, s->inputs[0], s->inputs[1]);
  s->at = lab_value(&s->lab, s->inputs[1]);
  for (int i = 0; i < ROWS; i++) s->at[i] = i * 5 % ROWS;
  s->spec = (KernelSpec){.graph = s->lab.graph,
                         .nodes = &s->output,
                         .n_nodes = 1,
                         .inputs = s->inputs,
                         .n_inputs = 2,
                         .outputs = &s->output,
                         .n_outputs = 1,
                         .shards = 1};
  cuda_lab_begin(&(CusimOptions){.devices = 1, .order = (CusimOrder)(seed % 3), .seed = seed});
  CU_ASSERT_EQUAL_FATAL(device_cuda.open(&options, diag, &s->device), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(create(s), STATUS_OK);
  diag_destroy(diag);
}

static void end(Steps *s, const char *what, uint64_t graphs) {
  const DeviceTable *t = s->device->table;
  CudaLabValue *values[] = {&s->x, &s->index, &s->y, &s->z};
  CusimReport report;
  for (DeviceStream stream = 0; stream < 3; stream++) t->synchronise(s->device, stream);
  t->backend->destroy(s->first);
  t->backend->destroy(s->second);
  for (int i = 0; i < 4; i++) {
    t->release(s->device, values[i]->device);
    t->host_release(s->device, values[i]->host);
  }
  t->close(s->device);
  CU_ASSERT(cuda_lab_end_report(what, &report));
  CU_ASSERT(cuda_lab_real() || report.of[CUDA_CALL_cudaGraphLaunch] == graphs);
  lab_free(&s->lab);
}

/* What a sequence holds; with `breaks` something fails in its middle. */
static Status give(Steps *s, bool breaks) {
  const DeviceTable *t = s->device->table;
  KernelArgs one = {(const void *[]){s->x.device, s->index.device}, (void *[]){s->y.device}, NULL};
  KernelArgs two = {(const void *[]){s->y.device, s->index.device}, (void *[]){s->z.device}, NULL};
  TRY(t->launch(s->device, STREAM_STEPS, s->first, &one, TAG_FIRST));
  TRY(t->record(s->device, STREAM_STEPS, EVENT_PROGRAM, TAG_FIRST));
  TRY(t->wait(s->device, SECOND, EVENT_PROGRAM, TAG_SECOND));
  if (breaks) return STATUS_INVALID;
  TRY(t->launch(s->device, SECOND, s->second, &two, TAG_SECOND));
  TRY(t->record(s->device, SECOND, EVENT_PROGRAM + 1, TAG_SECOND));
  return t->wait(s->device, STREAM_STEPS, EVENT_PROGRAM + 1, TAG_SECOND);
}

static Status once(Steps *s, bool breaks) {
  const DeviceTable *t = s->device->table;
  bool done;
  TRY(t->sequence_begin(s->device, STREAM_STEPS, 3, &done));
  Status status = done ? STATUS_OK : give(s, breaks);
  Status last = t->sequence_end(s->device, STREAM_STEPS, 3, status == STATUS_OK);
  return status == STATUS_OK ? last : status;
}

/* Fetches the results, and waits for them on the stream of copies. */
static Status fetch(Steps *s) {
  const DeviceTable *t = s->device->table;
  memset(s->z.host, 0, s->z.bytes);
  TRY(t->record(s->device, STREAM_STEPS, EVENT_STEPS, 0));
  TRY(t->wait(s->device, STREAM_COPIES, EVENT_STEPS, 0));
  TRY(t->copy_out(s->device, STREAM_COPIES, &(DeviceCopy){s->z.host, s->z.device, s->z.bytes}, 1,
                  0));
  return t->synchronise(s->device, STREAM_COPIES);
}

static bool right(const Steps *s) {
  const float *x = (const float *)(const void *)s->x.host,
              *z = (const float *)(const void *)s->z.host;
  for (int i = 0; i < ROWS; i++)
    if (z[i] != x[s->at[s->at[i]]]) return false;
  return true;
}

/* Others from now on: all of x is another after the copy, behind the last steps. */
static void change(Steps *s) {
  for (int i = 0; i < ROWS; i++) ((float *)(void *)s->x.host)[i] += 1;
  CU_ASSERT_EQUAL(s->device->table->copy_in(s->device, STREAM_STEPS,
                                            &(DeviceCopy){s->x.device, s->x.host, s->x.bytes}, 1,
                                            0),
                  STATUS_OK);
}

/* The first run one by one, the second captured, the others replayed. */
static void replayed(void) {
  for (uint64_t seed = 0; seed < 9; seed++) {
    bool eager = seed % 2;
    Steps s;
    begin(&s, eager, seed);
    for (int run = 0; run < 4; run++) {
      change(&s);
      CU_ASSERT_EQUAL(once(&s, false), STATUS_OK);
      CU_ASSERT_EQUAL(fetch(&s), STATUS_OK);
      CU_ASSERT(right(&s));
    }
    end(&s, "replayed", eager ? 0 : 3);
  }
}

/* In any of the first three runs; afterwards all goes on as if it had not been. */
static void broken_off(void) {
  for (int at = 0; at < 2; at++) {
    Steps s;
    begin(&s, false, 1);
    for (int run = 0; run < 4; run++) {
      CU_ASSERT_EQUAL(once(&s, run == at), run == at ? STATUS_INVALID : STATUS_OK);
      if (run == at) continue;
      CU_ASSERT_EQUAL(fetch(&s), STATUS_OK);
      CU_ASSERT(right(&s));
    }
    end(&s, "broken off", 2);
  }
}

/* A wrong index from run `from` on, of the second kernel only. */
static void check_told(int from, uint64_t seed) {
  Steps s;
  begin(&s, false, seed);
  const DeviceTable *t = s.device->table;
  for (int run = 0; run <= from; run++) {
    CU_ASSERT_EQUAL(t->synchronise(s.device, STREAM_STEPS), STATUS_OK);
    if (run == from) ((int32_t *)(void *)s.index.host)[4] = -3;
    CU_ASSERT_EQUAL(t->copy_in(s.device, STREAM_STEPS,
                               &(DeviceCopy){s.index.device, s.index.host, s.index.bytes}, 1, 0),
                    STATUS_OK);
    CU_ASSERT_EQUAL(once(&s, false), STATUS_OK);
    /* The stream of copies has waited for no steps yet, so nothing is known of them. */
    CU_ASSERT_EQUAL(t->synchronise(s.device, STREAM_COPIES), STATUS_OK);
  }
  CU_ASSERT_EQUAL(fetch(&s), STATUS_INVALID);
  CU_ASSERT_EQUAL(s.device->error.tag, TAG_FIRST);
  CU_ASSERT_STRING_EQUAL(s.device->error.what.text,
                         "gather: index -3 (element 4) is outside 0..11");
  end(&s, "told", from > 0 ? (uint64_t)from : 0);
}

static void told(void) {
  for (int from = 0; from < 4; from++)
    for (uint64_t seed = 0; seed < 3; seed++) check_told(from, seed);
}

int main(void) {
  static const SupportTest tests[] = {{"launched, captured, replayed", replayed},
                                      {"broken off", broken_off},
                                      {"indices out of range", told}};
  if (cuda_lab_real() || cusim_compiles())
    return support_run("cuda sequences", tests, sizeof tests / sizeof *tests);
  printf("skipped: there is no C++ compiler\n");
  return 77;
}
