/* Training on a device that fails: one message with its place, nothing left, and the checkpoint
 * that was written before is whole, so that the run can go on and ends in the same bits. */
#include "tests/runtime/device/broken.h"
#include "tests/runtime/device/device_test.h"
#include "tests/runtime/train/train_test.h"

/* Hundreds of runs, and no test of the disk. */
int fsync(int file) {
  return file < 0 ? -1 : 0;
}
int fdatasync(int file) {
  return file < 0 ? -1 : 0;
}

static const char *plan(void) {
  static const char *path;
  if (path) return path;
  const char *model = support_write(
      "line.xml",
      "<model name='line' xmlns='urn:graphc:model:1'><program name='step' kind='train'>\n"
      "<random name='x' shape='32 1'/><parameter name='slope' shape='1'/>\n"
      "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>\n"
      "<gradient name='G' of='loss'/><state-field name='m'/>\n"
      "<field name='v' value='0.5 * m + G'/>\n"
      "<commit field='theta' value='theta - 0.05 * v'/><commit field='m' value='v'/>\n"
      "<output value='loss'/></program>\n<training steps='3' warmup-steps='0'/></model>\n");
  Compiled c = device_test_compile(model, NULL, 0, toy->backend->target);
  path = strdup(support_path("line.plan.xml"));
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  support_release(&c);
  return path;
}

/* A folder of its own for each call. */
static TrainOptions options(const DeviceTable *device) {
  static int number;
  char name[32];
  snprintf(name, sizeof name, "run%d", number++);
  return (TrainOptions){.plan = plan(),
                        .device = device,
                        .out = support_path(name),
                        .seed = 3,
                        .checkpoint_every = 2};
}

/* The steps that a folder's checkpoint has done; -1: there is none. */
static int64_t steps_done(const char *folder) {
  SafeFile *file;
  const char *path = train_file(folder, "checkpoint.safetensors");
  if (!train_exists(path)) return -1;
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL_FATAL(safe_read(path, diag, &file), STATUS_OK);
  int64_t step = atoll(safe_metadata(file, "step"));
  safe_close(file);
  diag_destroy(diag);
  return step;
}

static TrainOptions whole; /* a run in which nothing is broken */

static void fails_well(BrokenCall call, uint32_t at, BrokenHow how) {
  TrainOptions o = options(broken_table(toy));
  char *text, what[64];
  device_test_clear(TOY_LAZY, 0);
  broken_set(call, at, how);
  Status status = train_with(&o, &text);
  snprintf(what, sizeof what, "%s is broken", broken_names[call]);
  uint32_t errors = 0;
  for (const char *e = text; (e = strstr(e, "error: ")); e++) errors++;
  bool ok = broken.done && status == STATUS_SYSTEM && errors == 1 && strstr(text, what) &&
            (strstr(text, "'toy'") || strstr(text, "line.xml:") || call == BROKEN_open) &&
            !control->faults && !control->alive;
  if (!ok)
    printf("\n  %s, call %u (%d): status %d: %s%s", broken_names[call], at, (int)how, (int)status,
           text, control->fault);
  CU_ASSERT(ok);
  free(text);
  int64_t done = steps_done(o.out);
  o.device = toy;
  o.resume = done >= 0;
  train_ok(&o);
  train_same(o.out, whole.out);
}

static void failures_leave_a_checkpoint(void) {
  uint32_t made[BROKEN_N];
  whole = options(broken_table(toy));
  whole.out = strdup(whole.out);
  device_test_clear(TOY_LAZY, 0);
  broken_set(BROKEN_N, 0, BROKEN_NOT);
  train_ok(&whole);
  CU_ASSERT(device_test_clean("training"));
  memcpy(made, broken.made, sizeof made);
  CU_ASSERT_EQUAL(steps_done(whole.out), 3);
  CU_ASSERT(made[BROKEN_copy_in] > 3 && made[BROKEN_copy_out] >= 5 && made[BROKEN_launch] > 0);
  for (BrokenCall call = 0; call < BROKEN_observe; call++)
    for (uint32_t at = 0; at < made[call]; at++) {
      fails_well(call, at, BROKEN_FAILS);
      if (call >= BROKEN_copy_in && call <= BROKEN_wait) fails_well(call, at, BROKEN_LATE);
    }
}

static bool differs(const char *folder, const char *name) {
  return !train_same_file(train_file(folder, name), train_file(whole.out, name));
}

/* What is dropped changes the run's files, or is a fault; except the wait for inputs on their way:
 * the trainer reads a step's scalars before it sets inputs anew, and that waits, too
 * (test_device_calls.c has a caller who needs it). */
static void every_call_is_needed(void) {
  uint32_t made[BROKEN_N], n = 0, missed = 0;
  device_test_clear(TOY_LAZY, 0);
  broken_set(BROKEN_N, 0, BROKEN_NOT);
  TrainOptions o = options(broken_table(toy));
  train_ok(&o);
  memcpy(made, broken.made, sizeof made);
  for (BrokenCall call = BROKEN_copy_in; call < BROKEN_N; call++)
    for (uint32_t at = 0; at < made[call]; at++) {
      o = options(broken_table(toy));
      device_test_clear(TOY_LAZY, 0);
      broken_set(call, at, BROKEN_DROPPED);
      char *text;
      bool seen = train_with(&o, &text) != STATUS_OK || control->faults || control->alive ||
                  control->loose || differs(o.out, "checkpoint.safetensors") ||
                  differs(o.out, "checkpoint.safetensors.prev") || differs(o.out, "metrics.jsonl");
      free(text);
      broken_clean();
      if (call == BROKEN_synchronise && broken.after == BROKEN_copy_in) continue;
      if (!seen) printf("\n  nobody misses call %u of %s", at, broken_names[call]);
      missed += !seen;
      n++;
    }
  printf("(%u of %u) ", n - missed, n);
  CU_ASSERT_EQUAL(missed, 0);
}

/* The CPU's run of the same plan writes the same files. */
static void same_files(void) {
  const DeviceTable *cpu;
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL_FATAL(device_find("cpu", diag, &cpu), STATUS_OK);
  Backend backend = *cpu->backend;
  DeviceTable table = *cpu;
  backend.target = toy->backend->target;
  table.backend = &backend;
  TrainOptions o = options(&table);
  train_ok(&o);
  train_same(o.out, whole.out);
  diag_destroy(diag);
  free((void *)(uintptr_t)whole.out);
}

int main(void) {
  static const SupportTest tests[] = {{"failures leave a checkpoint", failures_leave_a_checkpoint},
                                      {"every call is needed", every_call_is_needed},
                                      {"the files of the CPU", same_files}};
  if (!device_test_load()) return 1;
  return support_run("training on devices", tests, sizeof tests / sizeof *tests);
}
