/* The executor on a device that is none of the host's, and keeps account of who runs when: every
 * example gives the bits that the CPU gives, and there is no fault. */
#include "kernels/cpu/backend.h"
#include "tests/runtime/device/device_test.h"

#define RUNS 3

/* ---- tables made of others ---- */

static DeviceTable table_for(const DeviceTable *device, const Target *target, Backend *backend) {
  DeviceTable table = *device;
  *backend = *table.backend;
  backend->target = target;
  table.backend = backend;
  return table;
}

static int64_t more_work(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                         const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  int64_t bytes = target_cpu.work_bytes(g, nodes, n_nodes, outputs, n_outputs, shards);
  return bytes < 0 ? bytes : bytes + 24;
}

/* ---- the same bits ---- */

/* Runs that follow each other unread, then all outputs; at last all states. */
static Status run_all(Executor *x, Bytes *out, Diag *diag) {
  const Plan *plan = executor_plan(x);
  TRY(init_states(x, 1, diag));
  for (uint32_t program = 0; program < plan->n_programs; program++) {
    for (int run = 0; run < RUNS; run++) {
      device_test_fill(x, program, run);
      TRY(run + 1 < RUNS ? executor_run(x, program, diag) : executor_steps(x, program, diag));
    }
    TRY(device_test_outputs(x, program, out, diag));
    TRY(executor_commit(x, program, diag));
  }
  return device_test_states(x, out, diag);
}

static Status results(const Plan *plan, const DeviceTable *table, Bytes *out, Diag *diag) {
  Executor *x;
  *out = (Bytes){0};
  ExecutorOptions options = {.threads = 2, .program = EXECUTOR_ALL, .device = table};
  Status status = executor_create_with(plan, &options, diag, &x);
  if (status == STATUS_OK) status = run_all(x, out, diag);
  executor_destroy(x);
  return status;
}

/* The plan on the table in every order, against `want`. */
static void agrees(const char *path, const Plan *plan, const DeviceTable *table,
                   const Bytes *want) {
  static const struct {
    ToyOrder order;
    uint64_t seed;
  } orders[] = {{TOY_LAZY, 0},   {TOY_EAGER, 0},  {TOY_RANDOM, 1},
                {TOY_RANDOM, 2}, {TOY_RANDOM, 3}, {TOY_RANDOM, 4}};
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    Diag *diag = diag_create();
    Bytes have;
    device_test_clear(orders[i].order, orders[i].seed);
    Status status = results(plan, table, &have, diag);
    CU_ASSERT_EQUAL(control->replays, (RUNS - 1) * plan->n_programs); /* the first is recorded */
    if (status != STATUS_OK) diag_print(diag, stdout);
    CU_ASSERT_EQUAL(status, STATUS_OK);
    if (!bytes_same(&have, want)) printf("\n  %s, order %zu: other bits\n", path, i);
    CU_ASSERT(bytes_same(&have, want));
    CU_ASSERT(device_test_clean(path));
    free(have.data);
    diag_destroy(diag);
  }
}

/* On a target whose groups are the CPU's, but on several streams: the bits of the CPU's own plan.
 * On one that cuts groups otherwise a sum may be added up in another order; there the CPU runs the
 * same plan. */
static uint32_t spread; /* programs that run on several streams */

static void count_spread(const Plan *plan) {
  for (uint32_t i = 0; i < plan->n_programs; i++) spread += plan_streams(&plan->programs[i]) > 1;
}

static void check_model(const char *path, const char *const *defines, uint32_t n) {
  static bool in_place; /* every other one */
  in_place = !in_place;
  static Target apart;
  apart = target_cpu;
  apart.name = "apart";
  apart.alignment = 512;
  apart.in_place = in_place;
  apart.streams = toy->backend->target->streams;
  apart.work_bytes = more_work;
  const DeviceTable *cpu_device;
  Backend toy_backend, cpu_backend;
  Bytes want;
  Compiled cpu = device_test_compile(path, defines, n, &target_cpu);
  CU_ASSERT_EQUAL_FATAL(device_find("cpu", cpu.diag, &cpu_device), STATUS_OK);
  DeviceTable toy_apart = table_for(toy, &apart, &toy_backend);
  DeviceTable cpu_toy = table_for(cpu_device, toy->backend->target, &cpu_backend);
  CU_ASSERT_EQUAL(results(cpu.plan, NULL, &want, cpu.diag), STATUS_OK);
  CU_ASSERT(want.n > 0);
  Compiled other = device_test_compile(path, defines, n, &apart);
  count_spread(other.plan);
  agrees(path, other.plan, &toy_apart, &want);
  free(want.data);
  Compiled own = device_test_compile(path, defines, n, toy->backend->target);
  CU_ASSERT_EQUAL(results(own.plan, &cpu_toy, &want, own.diag), STATUS_OK);
  count_spread(own.plan);
  agrees(path, own.plan, toy, &want);
  free(want.data);
  support_release(&own);
  support_release(&other);
  support_release(&cpu);
}

/* An example in the size that tests/oracle/NAME.defs gives it, where there is one. */
static void check_example(const char *path) {
  const char *name = strrchr(path, '/') + 1;
  char defines[256];
  snprintf(defines, sizeof defines, "@tests/oracle/%.*s.defs", (int)strcspn(name, "."), name);
  check_model(path, (const char *const[]){defines}, access(defines + 1, R_OK) == 0);
}

static void same_bits(void) {
  static const char *const small[] = {"width=8", "height=32", "image_width=16", "batch_ids=2",
                                      "ids=8 8 8"};
  CU_ASSERT(support_each_model("models/examples/*.xml", check_example) >= 8);
  check_model("models/cdvm_small.xml", small, 5);
  printf("(%u programs on several streams) ", spread);
  CU_ASSERT(spread >= 20);
}

/* ---- the account ---- */

/* A device and memory of it, for calls that no executor makes. */
typedef struct Account {
  Device *device;
  void *at, *host;
} Account;

static const DeviceOptions account_options = {
    .threads = 1, .streams = STREAM_STEPS + 3, .events = EVENT_PROGRAM + 3};

static Account account_open(void) {
  Account a;
  device_test_clear(TOY_LAZY, 0);
  CU_ASSERT_EQUAL_FATAL(toy->open(&account_options, NULL, &a.device), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(toy->allocate(a.device, 1024, &a.at), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(toy->host_allocate(a.device, 1024, &a.host), STATUS_OK);
  return a;
}

static void in(const Account *a, DeviceStream stream, size_t to, size_t bytes) {
  DeviceCopy copy = {(char *)a->at + to, a->host, bytes};
  toy->copy_in(a->device, stream, &copy, 1, 7);
}

static void out(const Account *a, DeviceStream stream, size_t from, size_t bytes) {
  DeviceCopy copy = {a->host, (char *)a->at + from, bytes};
  toy->copy_out(a->device, stream, &copy, 1, 8);
}

static void over_itself(Account *a) {
  DeviceCopy copy = {(char *)a->at + 4, a->at, 64};
  in(a, STREAM_COPIES, 0, 64);
  toy->copy_within(a->device, STREAM_COPIES, &copy, 1, 9);
}
static void never_written(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  out(a, STREAM_COPIES, 64, 64);
}
static void in_part(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  out(a, STREAM_COPIES, 0, 60);
}
static void two_at_once(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  in(a, STREAM_COPIES, 64, 64);
  out(a, STREAM_COPIES, 0, 128);
}
static void cut(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  in(a, STREAM_COPIES, 0, 32);
  out(a, STREAM_COPIES, 32, 32);
}
static void too_early(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  out(a, STREAM_STEPS, 0, 64);
}
static void over_a_write(Account *a) {
  toy->fill(a->device, STREAM_STEPS, a->at, 0, 64, 7);
  toy->fill(a->device, STREAM_COPIES, a->at, 0, 64, 8);
}
static void over_a_read(Account *a) {
  DeviceCopy copy = {(char *)a->at + 512, a->at, 64};
  in(a, STREAM_COPIES, 0, 64);
  toy->record(a->device, STREAM_COPIES, EVENT_COPIES, 7);
  toy->wait(a->device, STREAM_STEPS, EVENT_COPIES, 7);
  toy->copy_within(a->device, STREAM_STEPS, &copy, 1, 7);
  in(a, STREAM_COPIES, 0, 64);
}
static void outside(Account *a) {
  in(a, STREAM_COPIES, 1000, 64);
}
static void from_elsewhere(Account *a) {
  char mine[64] = {0};
  DeviceCopy copy = {a->at, mine, 64};
  toy->copy_in(a->device, STREAM_COPIES, &copy, 1, 7);
}
static void released(Account *a) {
  toy->release(a->device, a->at);
  in(a, STREAM_COPIES, 0, 64);
}
static void released_twice(Account *a) {
  toy->release(a->device, a->at);
  toy->release(a->device, a->at);
}
static void released_early(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  toy->release(a->device, a->at);
}
static void recorded_twice(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  toy->record(a->device, STREAM_COPIES, EVENT_COPIES, 7);
  toy->record(a->device, STREAM_COPIES, EVENT_COPIES, 7);
}
static void ended_twice(Account *a) {
  bool done;
  toy->sequence_begin(a->device, STREAM_STEPS, 0, &done);
  toy->sequence_end(a->device, STREAM_STEPS, 0, true);
  toy->sequence_end(a->device, STREAM_STEPS, 0, true);
}
static void no_stream(Account *a) {
  in(a, account_options.streams, 0, 64);
}
static void no_event(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  toy->record(a->device, STREAM_COPIES, account_options.events, 7);
}
/* Begins a sequence and lets the second stream of steps follow the first. */
static void forks(Account *a) {
  bool done;
  toy->sequence_begin(a->device, STREAM_STEPS, 0, &done);
  toy->record(a->device, STREAM_STEPS, EVENT_PROGRAM, 7);
  toy->wait(a->device, STREAM_STEPS + 1, EVENT_PROGRAM, 8);
}
static void not_inside(Account *a) {
  forks(a);
  toy->record(a->device, STREAM_STEPS + 2, EVENT_PROGRAM + 1, 9);
}
static void not_joined(Account *a) {
  forks(a);
  toy->sequence_end(a->device, STREAM_STEPS, 0, true);
}
static void from_outside(Account *a) {
  bool done;
  in(a, STREAM_COPIES, 0, 64);
  toy->record(a->device, STREAM_COPIES, EVENT_COPIES, 7);
  toy->sequence_begin(a->device, STREAM_STEPS, 0, &done);
  toy->wait(a->device, STREAM_STEPS, EVENT_COPIES, 8);
}
static void from_inside(Account *a) {
  forks(a);
  toy->sequence_end(a->device, STREAM_STEPS, 0, false);
  toy->wait(a->device, STREAM_COPIES, EVENT_PROGRAM, 8);
}
static void copies_inside(Account *a) {
  bool done;
  toy->sequence_begin(a->device, STREAM_STEPS, 0, &done);
  in(a, STREAM_STEPS, 0, 64);
}
static void host_reads(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  out(a, STREAM_COPIES, 0, 64);
  CU_ASSERT_EQUAL(*(volatile char *)a->host, -1); /* it goes on */
}
static void host_writes(Account *a) {
  in(a, STREAM_COPIES, 0, 64);
  *(volatile char *)a->host = 1;
}
static void host_reads_device(Account *a) {
  CU_ASSERT_EQUAL(*(volatile char *)a->at, -1); /* no number */
}
static void host_reads_behind(Account *a) {
  (void)((volatile char *)a->host)[4096];
}
static void left(Account *a) {
  a->at = NULL;
}

/* Every fault that there is, made on purpose, and alone. */
static void every_fault_is_found(void) {
  static const struct {
    void (*make)(Account *account);
    const char *text;
  } faults[] = {{over_itself, "a copy of 64 bytes over itself"},
                {never_written, "reads bytes that nobody wrote"},
                {in_part, "reads other than was written"},
                {two_at_once, "reads other than was written"},
                {cut, "reads bytes that nobody wrote"},
                {too_early, "reads what may not be written yet"},
                {over_a_write, "writes over what may not be written yet"},
                {over_a_read, "writes over what may not be read yet"},
                {outside, "64 bytes that are not in one allocation of the device's"},
                {from_elsewhere, "64 bytes that are not in one allocation of the host's"},
                {released, "a command names memory that was released"},
                {released_twice, "memory is released that is none, or twice"},
                {released_early, "memory is released that a command may still use"},
                {recorded_twice, "event 0 is recorded twice, nobody waited between"},
                {ended_twice, "a sequence ends that has not begun"},
                {no_stream, "there is no stream 4"},
                {no_event, "there is no event 5"},
                {not_inside, "a sequence names stream 3, which has waited for nothing in it"},
                {not_joined, "a sequence ends and has not waited for stream 2"},
                {from_outside, "event 0 is recorded outside of a sequence and waited for in one"},
                {from_inside, "event 2 is recorded in a sequence and waited for outside"},
                {copies_inside, "a sequence holds no copies"},
                {host_reads, "the host touches memory that a command may still use"},
                {host_writes, "the host touches memory that a command may still use"},
                {host_reads_device, "the host touches the device's memory"},
                {host_reads_behind, "the host touches what lies behind an allocation"},
                {left, "an allocation is left"}};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    Account a = account_open();
    faults[i].make(&a);
    for (DeviceStream s = 0; s < account_options.streams; s++) toy->synchronise(a.device, s);
    if (control->faults == 0) {
      toy->release(a.device, a.at);
      toy->host_release(a.device, a.host);
    }
    toy->close(a.device);
    bool found = control->faults > 0 && strstr(control->fault, faults[i].text);
    if (!found) printf("\n  wanted %s: %s", faults[i].text, control->fault);
    CU_ASSERT(found);
  }
  device_test_clear(TOY_LAZY, 0);
}

int main(void) {
  static const SupportTest tests[] = {{"every fault is found", every_fault_is_found},
                                      {"the same bits", same_bits}};
  if (!device_test_load()) return 1;
  return support_run("toy", tests, sizeof tests / sizeof *tests);
}
