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
  } orders[] = {{TOY_LAZY, 0}, {TOY_EAGER, 0}, {TOY_RANDOM, 1}, {TOY_RANDOM, 2}};
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

/* On a target whose groups are the CPU's: the bits of the CPU's own plan.  On one that cuts groups
 * otherwise a sum may be added up in another order; there the CPU runs the same plan. */
static void check_model(const char *path, const char *const *defines, uint32_t n) {
  static Target apart;
  apart = target_cpu;
  apart.name = "apart";
  apart.alignment = 512;
  apart.in_place = false;
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
  agrees(path, other.plan, &toy_apart, &want);
  free(want.data);
  Compiled own = device_test_compile(path, defines, n, toy->backend->target);
  CU_ASSERT_EQUAL(results(own.plan, &cpu_toy, &want, own.diag), STATUS_OK);
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
}

int main(void) {
  static const SupportTest tests[] = {{"the same bits", same_bits}};
  if (!device_test_load()) return 1;
  return support_run("toy", tests, sizeof tests / sizeof *tests);
}
