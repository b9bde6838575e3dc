/* The executor on a device that is none of the host's: unreadable memory, commands that run late.
 * Every example gives the bits that the CPU gives; no kind of call that the executor makes could be
 * left out, and each that fails is one message and no leak. */
#include "kernels/cpu/backend.h"
#include "runtime/execute/init.h"
#include "tests/kernels/toy/device.h"
#include "tests/kernels/toy/target.h"
#include "tests/support.h"

#include <glob.h>

#define RUNS 3

/* ---- tables made of others ---- */

/* The CPU's device, for plans of another target. */
static DeviceTable cpu_for(const Target *target, Backend *backend) {
  DeviceTable table = *device_find(&target_cpu);
  *backend = *table.backend;
  backend->target = target;
  table.backend = backend;
  return table;
}

static DeviceTable toy_for(const Target *target, Backend *backend) {
  DeviceTable table = device_toy;
  *backend = backend_toy;
  backend->target = target;
  table.backend = backend;
  return table;
}

static int64_t more_work(const Graph *g, const NodeId *nodes, uint32_t n_nodes,
                         const NodeId *outputs, uint32_t n_outputs, uint32_t shards) {
  int64_t bytes = target_cpu.work_bytes(g, nodes, n_nodes, outputs, n_outputs, shards);
  return bytes < 0 ? bytes : bytes + 24;
}

/* ---- results ---- */

typedef struct Bytes {
  char *data;
  size_t n;
} Bytes;

static void add(Bytes *b, const void *data, size_t n) {
  b->data = realloc(b->data, b->n + n + 1);
  if (!b->data) exit(1);
  memcpy(b->data + b->n, data, n);
  b->n += n;
}

static void fill_inputs(Executor *x, uint32_t program, int run) {
  const PlanProgram *p = &executor_plan(x)->programs[program];
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const char *name = plan_text(executor_plan(x), p->inputs[i].name);
    Tensor t;
    if (!executor_input(x, program, name, &t)) continue;
    for (int64_t k = 0; k < shape_count(&t.shape); k++)
      tensor_set(&t, k,
                 strcmp(name, "step") == 0 ? run
                 : dtype_is_float(t.dtype) ? (double)((k * 7 + run * 3) % 11) / 16 - 0.25
                                           : (double)(k % 2));
  }
}

/* Runs that follow each other unread, then all outputs; at last all states. */
static Status run_all(Executor *x, Bytes *out, Diag *diag) {
  const Plan *plan = executor_plan(x);
  const Tensor *states;
  TRY(init_states(x, 1, diag));
  for (uint32_t program = 0; program < plan->n_programs; program++) {
    for (int run = 0; run < RUNS; run++) {
      fill_inputs(x, program, run);
      TRY(run + 1 < RUNS ? executor_run(x, program, diag) : executor_steps(x, program, diag));
    }
    for (uint32_t i = 0; i < plan->programs[program].graph->n_outputs; i++) {
      Tensor t;
      TRY(executor_read(x, program, &i, 1, &t, diag));
      add(out, t.data, (size_t)tensor_bytes(&t));
    }
    TRY(executor_commit(x, program, diag));
  }
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < plan->n_states; i++)
    add(out, states[i].data, (size_t)tensor_bytes(&states[i]));
  return STATUS_OK;
}

static Status results(const Plan *plan, const DeviceTable *table, Bytes *out, Diag *diag) {
  Executor *x;
  *out = (Bytes){0};
  memset(toy_calls, 0, sizeof toy_calls);
  ExecutorOptions options = {.threads = 2, .program = EXECUTOR_ALL, .device = table};
  Status status = executor_create_with(plan, &options, diag, &x);
  if (status == STATUS_OK) status = run_all(x, out, diag);
  executor_destroy(x);
  return status;
}

static bool same(const Bytes *a, const Bytes *b) {
  return a->n == b->n && memcmp(a->data, b->data, a->n) == 0;
}

static Compiled compile_for(const char *path, const char *const *defines, uint32_t n,
                            const Target *target) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {.build = {.precision = DTYPE_F32, .shards = 4, .target = target},
                              .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

/* ---- the same bits ---- */

static const ToySetup orders[] = {{.order = TOY_LAZY},
                                  {.order = TOY_EAGER},
                                  {.order = TOY_RANDOM, .seed = 1},
                                  {.order = TOY_RANDOM, .seed = 2}};
#define N_ORDERS (sizeof orders / sizeof *orders)

/* The plan on the table in every order, against `want`. */
static void agrees(const char *path, const Plan *plan, const DeviceTable *table,
                   const Bytes *want) {
  /* Too slow eagerly: each command opens the memory. */
  bool large = plan_arena_bytes(plan) > 1 << 20;
  for (size_t i = 0; i < N_ORDERS; i++) {
    if (large && orders[i].order == TOY_EAGER) continue;
    Diag *diag = diag_create();
    Bytes have;
    toy_setup = orders[i];
    toy_replays = 0;
    Status status = results(plan, table, &have, diag);
    CU_ASSERT_EQUAL(toy_replays, (RUNS - 1) * plan->n_programs); /* the first run is recorded */
    if (status != STATUS_OK) diag_print(diag, stdout);
    CU_ASSERT_EQUAL(status, STATUS_OK);
    if (!same(&have, want)) printf("\n  %s, order %zu: other bits\n", path, i);
    CU_ASSERT(same(&have, want));
    CU_ASSERT_EQUAL(toy_alive, 0);
    free(have.data);
    diag_destroy(diag);
  }
  toy_setup = (ToySetup){0};
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
  Backend toy_backend, cpu_backend;
  DeviceTable toy_apart = toy_for(&apart, &toy_backend);
  DeviceTable cpu_toy = cpu_for(&target_toy, &cpu_backend);
  Bytes want;
  Compiled cpu = compile_for(path, defines, n, &target_cpu);
  CU_ASSERT_EQUAL(results(cpu.plan, NULL, &want, cpu.diag), STATUS_OK);
  CU_ASSERT(want.n > 0);
  Compiled other = compile_for(path, defines, n, &apart);
  agrees(path, other.plan, &toy_apart, &want);
  free(want.data);
  Compiled toy = compile_for(path, defines, n, &target_toy);
  CU_ASSERT_EQUAL(results(toy.plan, &cpu_toy, &want, toy.diag), STATUS_OK);
  agrees(path, toy.plan, &device_toy, &want);
  free(want.data);
  support_release(&toy);
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

/* ---- every call is needed ---- */

static const char *const counter =
    "<model name='m' xmlns='urn:graphc:model:1'>\n<program name='p'>\n"
    "<input name='v' shape='4'/>\n<state name='sum' shape='4'/>\n<state name='old' shape='4'/>\n"
    "<expr name='new' value='sum + v'/>\n<expr name='more' value='new * v + old'/>\n"
    "<commit state='sum' value='new'/>\n<commit state='old' value='sum + 0 * more'/>\n"
    "<output value='more'/>\n</program>\n</model>\n";

static void every_call_is_needed(void) {
  Compiled c = compile_for(support_write("m.xml", counter), NULL, 0, &target_toy);
  Bytes want;
  uint32_t made[TOY_CALLS], missed = 0, n = 0, seen_of[TOY_CALLS] = {0};
  CU_ASSERT_EQUAL_FATAL(results(c.plan, &device_toy, &want, c.diag), STATUS_OK);
  memcpy(made, toy_calls, sizeof made);
  for (ToyCall call = TOY_COPY_IN; call <= TOY_SYNCHRONISE; call++)
    for (uint32_t at = 0; at < made[call]; at++) {
      bool seen = false;
      for (size_t i = 0; i < N_ORDERS && !seen; i++) {
        Bytes have;
        toy_setup = orders[i];
        toy_setup.drop = call;
        toy_setup.at = at;
        seen = results(c.plan, &device_toy, &have, NULL) != STATUS_OK || !same(&have, &want);
        free(have.data);
      }
      n++;
      missed += !seen;
      seen_of[call] += seen;
    }
  /* Not all: states are zeroed and fetched before somebody sets them, and nobody reads the first
   * runs.  But there is no function of the table that the executor could do without. */
  for (ToyCall call = TOY_COPY_IN; call <= TOY_SYNCHRONISE; call++) {
    if (call == TOY_FILL) continue;
    if (!seen_of[call]) printf("\n  nobody misses %s\n", toy_call_names[call]);
    CU_ASSERT(seen_of[call] > 0);
  }
  CU_ASSERT(n - missed >= 29);
  printf("(%u of %u calls are missed when they vanish) ", n - missed, n);
  toy_setup = (ToySetup){0};
  free(want.data);
  support_release(&c);
}

/* ---- failures ---- */

static void fails_well(const Plan *plan, ToyCall call, uint32_t at, bool late) {
  Diag *diag = diag_create();
  Bytes have;
  toy_setup = (ToySetup){.fail = call, .at = at, .late = late};
  Status status = results(plan, &device_toy, &have, diag);
  char *text = support_messages(diag), what[64];
  snprintf(what, sizeof what, "%s is broken", toy_call_names[call]);
  bool ok = status == STATUS_SYSTEM && diag_error_count(diag) == 1 && strstr(text, what) &&
            strstr(text, call == TOY_CREATE ? "error: " : ": error: ");
  if (call == TOY_LAUNCH) ok = ok && strstr(text, "p: error: step ") && strstr(text, "m.xml:");
  if (!ok) printf("\n  %s, call %u: status %d: %s", toy_call_names[call], at, (int)status, text);
  CU_ASSERT(ok);
  CU_ASSERT_EQUAL(toy_alive, 0);
  free(text);
  free(have.data);
  diag_destroy(diag);
}

static void failures_are_one_message(void) {
  Compiled c = compile_for(support_write("m.xml", counter), NULL, 0, &target_toy);
  Bytes want;
  uint32_t made[TOY_CALLS];
  CU_ASSERT_EQUAL_FATAL(results(c.plan, &device_toy, &want, c.diag), STATUS_OK);
  memcpy(made, toy_calls, sizeof made);
  made[TOY_SYNCHRONISE] -= DEVICE_STREAMS; /* the last ones are the destruction's */
  for (ToyCall call = TOY_ALLOCATE; call < TOY_CALLS; call++) {
    CU_ASSERT(made[call] > 0);
    for (uint32_t at = 0; at < made[call]; at++) {
      fails_well(c.plan, call, at, false);
      if (call >= TOY_COPY_IN && call <= TOY_LAUNCH) fails_well(c.plan, call, at, true);
    }
  }
  toy_setup = (ToySetup){0};
  free(want.data);
  support_release(&c);
}

/* ---- who runs what ---- */

static void says(Status status, Diag *diag, const char *part) {
  char *text = support_messages(diag);
  if (!strstr(text, part)) printf("\n  wanted %s: %s", part, text);
  CU_ASSERT(status == STATUS_INVALID && strstr(text, part));
  free(text);
  diag_clear(diag);
}

static void plans_and_devices(void) {
  Compiled c = compile_for(support_write("m.xml", counter), NULL, 0, &target_toy);
  Executor *x;
  says(executor_create(c.plan, 1, c.diag, &x), c.diag,
       "no device of this program runs plans for the target 'toy'");
  ExecutorOptions options = {
      .threads = 1, .program = EXECUTOR_ALL, .device = device_find(&target_cpu)};
  says(executor_create_with(c.plan, &options, c.diag, &x), c.diag,
       "the plan is for the target 'toy', the device runs those for 'cpu'");
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"the same bits", same_bits},
                                      {"every call is needed", every_call_is_needed},
                                      {"failures are one message", failures_are_one_message},
                                      {"plans and devices", plans_and_devices}};
  return support_run("toy", tests, sizeof tests / sizeof *tests);
}
