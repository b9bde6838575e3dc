/* The device `cuda` on the simulator: what it needs to open, memory, copies, fills, streams. */
#include "tests/cuda/cuda_lab.h"
#include "tests/support.h"

static const DeviceOptions two = {.threads = 1, .streams = 3, .events = 3};

static void check_refused(const CusimOptions *options, const char *says) {
  Diag *diag = diag_create();
  Device *d;
  cuda_lab_begin(options);
  CU_ASSERT_EQUAL(device_cuda.open(&two, diag, &d), STATUS_SYSTEM);
  CU_ASSERT_PTR_NULL(d);
  CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(diag_entry(diag, 0)->text, says));
  diag_clear(diag);
  CU_ASSERT_EQUAL(device_cuda.present(&(DeviceWishes){0}, diag), STATUS_SYSTEM);
  CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(diag_entry(diag, 0)->text, says));
  CU_ASSERT_PTR_NOT_NULL(strstr(diag_entry(diag, 0)->hint, "nvidia-smi"));
  diag_clear(diag); /* what was typed comes first */
  CU_ASSERT_EQUAL(device_cuda.present(&(DeviceWishes){.which = "x"}, diag), STATUS_USAGE);
  CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(diag_entry(diag, 0)->text, "'cuda:x' is no list of GPUs"));
  CU_ASSERT(cuda_lab_end("refused"));
  diag_destroy(diag);
}

static void no_gpu(void) {
  check_refused(&(CusimOptions){.devices = 0}, "finds no GPU");
}

/* A GPU that is older than all targets is found when it is opened. */
static void old_gpu(void) {
  for (uint32_t capability = 75; capability <= 80; capability += 5) {
    Diag *diag = diag_create();
    Device *d;
    bool old = capability < 80;
    cuda_lab_begin(&(CusimOptions){.devices = 1, .capability = capability});
    CU_ASSERT_EQUAL(device_cuda.open(&two, diag, &d), old ? STATUS_SYSTEM : STATUS_OK);
    if (old)
      CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(diag_entry(diag, 0)->text,
                                          "is of compute capability 7.5, 8.0 or later is needed"));
    if (d) d->table->close(d);
    CU_ASSERT(cuda_lab_end("old GPU"));
    diag_destroy(diag);
  }
}

/* Which GPU is opened, by what stands behind the name and the process's place on its host. */
static void lists_of_gpus(void) {
  static const struct {
    const char *which;
    uint32_t place;
    Status status;
    const char *says; /* in the message */
    int gpu;          /* that is taken */
  } rows[] = {{NULL, 0, STATUS_OK, NULL, 0},
              {NULL, 1, STATUS_OK, NULL, 1},
              {NULL, 2, STATUS_SYSTEM,
               "there is no GPU 2, for process 2 of this host: the driver finds 2, GPU 0 to 1", 0},
              {"1", 0, STATUS_OK, NULL, 1},
              {"1,0", 0, STATUS_OK, NULL, 1},
              {"1,0", 1, STATUS_OK, NULL, 0},
              {"1", 1, STATUS_USAGE, "'cuda:1' names 1 GPU,", 0},
              {"7", 0, STATUS_SYSTEM,
               "there is no GPU 7, which 'cuda:7' names: the driver finds 2, GPU 0 to 1", 0},
              {"a", 0, STATUS_USAGE, "'cuda:a' is no list of GPUs", 0},
              {"0,", 0, STATUS_USAGE, "is no list", 0},
              {"0;1", 0, STATUS_USAGE, "is no list", 0},
              {"-1", 0, STATUS_USAGE, "is no list", 0},
              {"99999", 0, STATUS_USAGE, "is no list", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Diag *diag = diag_create();
    Device *d;
    DeviceOptions options = two;
    options.wishes = (DeviceWishes){.which = rows[i].which, .place = rows[i].place};
    cuda_lab_begin(&(CusimOptions){.devices = 2, .print = true});
    CU_ASSERT_EQUAL(device_cuda.open(&options, diag, &d), rows[i].status);
    Diag *early = diag_create(); /* the first of them is asked before any is started */
    if (rows[i].place == 0)
      CU_ASSERT_EQUAL(device_cuda.present(&options.wishes, early), rows[i].status);
    diag_destroy(early);
    if (rows[i].says) CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(diag_entry(diag, 0)->text, rows[i].says));
    CU_ASSERT_EQUAL(d == NULL, rows[i].status != STATUS_OK);
    if (d) CU_ASSERT_EQUAL(((CudaContext *)d->table->context(d))->ordinal, rows[i].gpu);
    if (d) d->table->close(d);
    CU_ASSERT(cuda_lab_end("lists of GPUs"));
    diag_destroy(diag);
  }
}

/* Bytes go in on one stream, are moved on another that waits, and come out on the first. */
static Status there_and_back(Device *d, char *host, void *a, void *b, size_t n) {
  const DeviceTable *t = d->table;
  DeviceTag tag = 7;
  TRY(t->fill(d, STREAM_STEPS, b, 0x5a, n, tag));
  TRY(t->record(d, STREAM_STEPS, EVENT_STEPS, tag));
  TRY(t->copy_in(d, STREAM_COPIES, &(DeviceCopy){a, host, n}, 1, tag));
  TRY(t->wait(d, STREAM_COPIES, EVENT_STEPS, tag));
  TRY(t->record(d, STREAM_COPIES, EVENT_COPIES, tag));
  TRY(t->wait(d, STREAM_STEPS, EVENT_COPIES, tag));
  TRY(t->copy_within(d, STREAM_STEPS, &(DeviceCopy){(char *)b + n / 2, a, n / 2}, 1, tag));
  TRY(t->synchronise(d, STREAM_COPIES)); /* what is on the other stream may not have run */
  TRY(t->record(d, STREAM_STEPS, EVENT_STEPS, tag));
  TRY(t->wait(d, STREAM_COPIES, EVENT_STEPS, tag));
  TRY(t->copy_out(d, STREAM_COPIES, &(DeviceCopy){host, b, n}, 1, tag));
  return t->synchronise(d, STREAM_COPIES);
}

static void count_copy(void *context, DeviceTag tag, uint32_t phase, uint32_t task, int64_t begin,
                       int64_t end) {
  uint32_t *told = context;
  *told += tag == 7 && phase == 0 && task == 0 && begin <= end;
}

/* `told` NULL: nobody observes. */
static Status take_and_use(Device *d, size_t n, uint32_t *told, char *wrong) {
  void *a = NULL, *b = NULL, *host = NULL;
  if (told) d->table->observe(d, count_copy, told);
  Status status = d->table->allocate(d, n, &a);
  if (status == STATUS_OK) status = d->table->allocate(d, n, &b);
  if (status == STATUS_OK) status = d->table->host_allocate(d, n, &host);
  for (size_t i = 0; status == STATUS_OK && i < n; i++) ((char *)host)[i] = (char)(i * 7);
  if (status == STATUS_OK) status = there_and_back(d, host, a, b, n);
  for (size_t i = 0; status == STATUS_OK && i < n; i++)
    *wrong |= ((char *)host)[i] != (i < n / 2 ? 0x5a : (char)((i - n / 2) * 7));
  for (uint32_t s = 0; s < two.streams; s++) d->table->synchronise(d, s);
  d->table->observe(d, NULL, NULL);
  d->table->release(d, a);
  d->table->release(d, b);
  d->table->host_release(d, host);
  return status;
}

static void copies(void) {
  for (uint64_t seed = 0; seed < 12; seed++) {
    Diag *diag = diag_create();
    Device *d;
    char wrong = 0;
    cuda_lab_begin(&(CusimOptions){
        .devices = 1, .order = (CusimOrder)(seed % 3), .seed = seed, .print = true});
    CU_ASSERT_EQUAL_FATAL(device_cuda.open(&two, diag, &d), STATUS_OK);
    CU_ASSERT(d->table->memory(d) > 1 << 20);
    uint32_t told = 0;
    bool observed = seed % 2;
    CU_ASSERT_EQUAL(take_and_use(d, 1000, observed ? &told : NULL, &wrong), STATUS_OK);
    CU_ASSERT_EQUAL(told, observed ? 3 : 0); /* in, within, out */
    CU_ASSERT_EQUAL(wrong, 0);
    d->table->close(d);
    CU_ASSERT(cuda_lab_end("copies"));
    CU_ASSERT_PTR_NULL(diag_entry(diag, 0));
    diag_destroy(diag);
  }
}

/* Each call that opening, using and closing makes fails in turn: the failure is told where it can
 * be, and nothing is left. */
static void each_call_fails(void) {
  CusimReport all;
  uint64_t calls = 1, told = 0;
  for (uint64_t fail = 0; fail <= calls; fail++) {
    Diag *diag = diag_create();
    Device *d;
    char wrong = 0;
    CusimOptions options = {.devices = 1, .order = CUSIM_LAZY, .fail_call = fail};
    cuda_libraries_replace(cusim_open(&options));
    Status status = device_cuda.open(&two, diag, &d);
    CU_ASSERT_EQUAL(diag_entry(diag, 0) != NULL, status != STATUS_OK);
    if (status == STATUS_OK) {
      uint32_t observed = 0;
      status = take_and_use(d, 1000, &observed, &wrong);
      if (status != STATUS_OK) CU_ASSERT(d->error.what.text[0] != 0);
      CU_ASSERT(status != STATUS_OK || !wrong);
      d->table->close(d);
    }
    told += status != STATUS_OK;
    cusim_report(&all);
    if (!fail) calls = all.calls;
    cusim_close(&all);
    if (all.faults && !fail) printf("\n  %s", all.text);
    if (!fail) CU_ASSERT_EQUAL(all.faults, 0);
    cuda_libraries_replace(NULL);
    diag_destroy(diag);
  }
  CU_ASSERT(told > 20);
}

int main(void) {
  static const SupportTest tests[] = {{"no GPU", no_gpu},
                                      {"an old GPU", old_gpu},
                                      {"lists of GPUs", lists_of_gpus},
                                      {"copies and streams", copies},
                                      {"each call fails", each_call_fails}};
  if (cuda_lab_real()) return support_run("cuda device", tests + 3, 1);
  return support_run("cuda device", tests, sizeof tests / sizeof *tests);
}
