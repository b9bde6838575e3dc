/* Every call that the executor makes of a device is needed, and each that fails is one message and
 * no leak.  A call is taken away, or fails, or copies the wrong bytes, one after the other; the toy
 * (late execution, an account of who may run when) or the results must show it. */
#include "ops/ops.h"
#include "tests/runtime/device/broken.h"
#include "tests/runtime/device/device_test.h"

/* Programs that share states; a commit that is copied and one that is not; a step without inputs;
 * steps on two streams.  Every value changes with every run. */
static const char *const model_text =
    "<model name='m' xmlns='urn:graphc:model:1'>\n<program name='p'>\n"
    "<input name='v' shape='40'/>\n<state name='sum' shape='40' value='0.5'/>\n"
    "<state name='old' shape='40'/>\n"
    "<expr name='new' value='sum + v'/>\n<expr name='more' value='new * v + old'/>\n"
    "<commit state='sum' value='new'/>\n<commit state='old' value='sum + 0.5 * more'/>\n"
    "<expr name='total' value='sum(tanh(more))'/>\n<output value='more'/>\n"
    "<output value='total'/>\n</program>\n<program name='r'>\n"
    "<input name='v' shape='40'/>\n<state name='sum' shape='40' value='0.5'/>\n"
    "<state name='old' shape='40'/>\n<reshape name='a' in='sum' shape='8 5'/>\n"
    "<reshape name='b' in='v' shape='5 8'/>\n<matmul name='a2' in='a' with='b'/>\n"
    "<matmul name='a3' in='a2' with='a2'/>\n<matmul name='b2' in='b' with='a'/>\n"
    "<matmul name='b3' in='b2' with='b2'/>\n<matmul name='c' in='b3' with='b'/>\n"
    "<matmul name='d' in='c' with='a3'/>\n<expr name='e' value='sum(tanh(d))'/>\n"
    "<commit state='old' value='old + e'/>\n<output value='a3'/>\n<output value='d'/>\n"
    "</program>\n<program name='q'>\n"
    "<state name='sum' shape='40' value='0.5'/>\n"
    "<commit state='sum' value='tanh(sum)'/>\n</program>\n</model>\n";

#define RESENT 6 /* the number of the copy that use_states sends again */

static uint32_t seen_parts;
static void count_part(void *context, uint32_t step, uint32_t phase, uint32_t task, int64_t begin,
                       int64_t end) {
  (void)context, (void)step, (void)phase, (void)task, (void)begin, (void)end;
  seen_parts++;
}

/* The host's inputs are memory of their own (not so on the CPU), and free when the call returns:
 * this sets them anew. */
static bool sets_anew = true;
static Status steps(Executor *x, uint32_t program, int run, Diag *diag) {
  device_test_fill(x, program, run);
  TRY(executor_steps(x, program, diag));
  if (sets_anew) device_test_fill(x, program, run + 5);
  return STATUS_OK;
}

static Status run_and_read(Executor *x, int run, Bytes *out, Diag *diag) {
  for (uint32_t p = 0; p < executor_plan(x)->n_programs; p++) {
    TRY(steps(x, p, run, diag));
    TRY(device_test_outputs(x, p, out, diag));
    TRY(executor_commit(x, p, diag));
  }
  return STATUS_OK;
}

static Status run_unread(Executor *x, int run, Diag *diag) {
  for (uint32_t p = 0; p < executor_plan(x)->n_programs; p++) {
    TRY(steps(x, p, run, diag));
    TRY(executor_commit(x, p, diag));
  }
  return STATUS_OK;
}

/* States are zero before they are set, and may be set anew when they are read. */
static Status use_states(Executor *x, Bytes *out, Diag *diag) {
  const Tensor *states;
  TRY(device_test_states(x, out, diag));
  TRY(init_states(x, 1, diag));
  for (int i = 0; i < 2; i++) {
    TRY(run_unread(x, i, diag));
    TRY(executor_states_read(x, &states, diag));
    tensor_set(&states[i], 3, 0.75);
    TRY(executor_states_write(x, diag));
  }
  TRY(executor_states_read(x, &states, diag));
  tensor_set(&states[0], 4, 0.25);
  return executor_states_write(x, diag);
}

static Status use_measures(Executor *x, Bytes *out, Diag *diag) {
  DeviceLimits limits = {0};
  seen_parts = 0;
  TRY(executor_wait(x, diag));
  control->waiting = 0;
  executor_measure(x, true);
  TRY(run_and_read(x, 5, out, diag));
  bytes_add(out, &control->waiting, sizeof control->waiting);
  executor_measure(x, false);
  TRY(executor_limits(x, DTYPE_F32, &limits, diag));
  bytes_add(out, &limits, sizeof limits);
  executor_observe(x, count_part, NULL);
  TRY(run_and_read(x, 6, out, diag));
  TRY(executor_wait(x, diag)); /* now all parts were seen */
  bytes_add(out, &seen_parts, sizeof seen_parts);
  executor_observe(x, NULL, NULL);
  TRY(run_unread(x, 7, diag));
  TRY(device_test_states(x, out, diag));
  bytes_add(out, &seen_parts, sizeof seen_parts);
  return STATUS_OK;
}

/* As training does: the inputs of the next run are sent before the outputs of this one are read;
 * at last without reading, so that a buffer is filled anew whose steps nobody followed. */
static Status use_ahead(Executor *x, Bytes *out, Diag *diag) {
  uint32_t n = executor_plan(x)->n_programs;
  if (!executor_sends(x)) return STATUS_OK;
  device_test_fill(x, 0, 0);
  for (uint32_t i = 0; i < 6 * n; i++) {
    TRY(executor_steps(x, i % n, diag));
    if (sets_anew) device_test_fill(x, i % n, (int)i + 7);
    device_test_fill(x, (i + 1) % n, (int)(i + 1));
    if (i + 1 < 6 * n) TRY(executor_send(x, (i + 1) % n, diag));
    if (i < 4 * n) TRY(device_test_outputs(x, i % n, out, diag));
    TRY(executor_commit(x, i % n, diag));
  }
  return device_test_states(x, out, diag);
}

/* All that an executor can be asked for. */
static Status use(Executor *x, Bytes *out, Diag *diag) {
  TRY(use_states(x, out, diag));
  for (int run = 0; run < 3; run++) TRY(run_and_read(x, run, out, diag));
  TRY(run_unread(x, 3, diag));
  TRY(run_unread(x, 4, diag));
  TRY(use_measures(x, out, diag));
  TRY(use_ahead(x, out, diag));
  return executor_steps(x, 2, diag); /* their end is left to executor_destroy */
}

static Status results(const Plan *plan, const DeviceTable *table, Bytes *out, Diag *diag) {
  Executor *x;
  *out = (Bytes){0};
  ExecutorOptions options = {.threads = 1, .program = EXECUTOR_ALL, .device = table};
  Status status = executor_create_with(plan, &options, diag, &x);
  if (status == STATUS_OK) status = use(x, out, diag);
  executor_destroy(x);
  return status;
}

typedef struct Case {
  Compiled c;
  const DeviceTable *table;
  Plan *plan;
  Bytes want;
  uint32_t made[BROKEN_N];
} Case;

static Case open_case(void) {
  Case k = {
      .c = device_test_compile(support_write("m.xml", model_text), NULL, 0, toy->backend->target),
      .table = broken_table(toy)};
  device_test_clear(TOY_LAZY, 0);
  broken_set(BROKEN_N, 0, BROKEN_NOT);
  CU_ASSERT_EQUAL(results(k.c.plan, k.table, &k.want, k.c.diag), STATUS_OK);
  diag_print(k.c.diag, stdout);
  CU_ASSERT_FATAL(device_test_clean("unbroken"));
  CU_ASSERT_EQUAL(plan_streams(&k.c.plan->programs[1]), 2);
  memcpy(k.made, broken.made, sizeof k.made);
  for (int call = 0; call < BROKEN_N; call++) {
    if (call == BROKEN_collective) continue; /* a_meeting */
    if (!k.made[call]) printf("\n  %s is never called", broken_names[call]);
    CU_ASSERT(k.made[call] > 0);
  }
  return k;
}

static void close_case(Case *k) {
  free(k->want.data);
  support_release(&k->c);
  broken_clean();
  device_test_clear(TOY_LAZY, 0);
}

/* ---- every call is needed ---- */

static bool notices(const Case *k, BrokenCall call, uint32_t at, BrokenHow how) {
  Bytes have;
  device_test_clear(TOY_LAZY, 0);
  broken_set(call, at, how);
  Status status = results(k->c.plan, k->table, &have, NULL);
  bool seen = status != STATUS_OK || control->faults || control->alive || control->loose ||
              !bytes_same(&have, &k->want);
  CU_ASSERT(broken.done);
  free(have.data);
  broken_clean();
  return seen;
}

/* Those that return what is asked for cannot be left out. */
static bool can_be_dropped(BrokenCall call) {
  return call != BROKEN_open && call != BROKEN_allocate && call != BROKEN_host_allocate &&
         call != BROKEN_create;
}

static void every_call_is_needed(void) {
  Case k = open_case();
  uint32_t n = 0, missed = 0;
  for (BrokenCall call = 0; call < BROKEN_N; call++)
    for (uint32_t at = 0; can_be_dropped(call) && at < k.made[call]; at++) {
      bool seen = notices(&k, call, at, BROKEN_DROPPED);
      if (!seen)
        printf("\n  nobody misses call %u of %s (tag %llx)", at, broken_names[call],
               (unsigned long long)broken.tag);
      missed += !seen;
      n++;
    }
  printf("(%u of %u) ", n - missed, n);
  CU_ASSERT_EQUAL(missed, 0);
  close_case(&k);
}

/* What nobody can see: of zeroed states (the first fetch) all parts are alike; states that are sent
 * again before a run (use_states) overwrite what was sent. */
static bool is_harmless(BrokenCall call, uint32_t at, BrokenHow how) {
  return (call == BROKEN_copy_out && at == 0 && how != BROKEN_SHORT) ||
         (call == BROKEN_copy_in && at == RESENT);
}

static void every_byte_is_needed(void) {
  static const BrokenCall calls[] = {BROKEN_copy_in, BROKEN_copy_out, BROKEN_copy_within,
                                     BROKEN_fill};
  Case k = open_case();
  uint32_t n = 0, missed = 0;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    for (uint32_t at = 0; at < k.made[calls[i]]; at++)
      for (BrokenHow how = BROKEN_SHORT; how <= BROKEN_SHIFTED; how++) {
        if (is_harmless(calls[i], at, how)) continue;
        if (calls[i] == BROKEN_fill && how == BROKEN_LONG) continue; /* has no such form */
        bool seen = notices(&k, calls[i], at, how);
        if (!seen) printf("\n  %s, call %u: %d goes unseen", broken_names[calls[i]], at, (int)how);
        missed += !seen;
        n++;
      }
  printf("(%u of %u) ", n - missed, n);
  CU_ASSERT_EQUAL(missed, 0);
  close_case(&k);
}

/* ---- failures ---- */

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* Where the message must say that it happened: the kernel with its line, else what was under way.
 */
static bool is_placed(BrokenCall call, const char *text) {
  bool program =
      begins(text, "p: error: ") || begins(text, "q: error: ") || begins(text, "r: error: ");
  bool kernel = strstr(text, ": error: kernel ") && strstr(text, "m.xml:");
  if (call == BROKEN_open) return begins(text, "toy: error: ");
  if (call == BROKEN_launch || call == BROKEN_create) return program && kernel;
  return kernel ? program : strstr(text, "the device 'toy'") && (program || begins(text, "m: "));
}

static void fails_well(const Case *k, BrokenCall call, uint32_t at, BrokenHow how) {
  Diag *diag = diag_create();
  Bytes have;
  char what[64];
  device_test_clear(TOY_LAZY, 0);
  broken_set(call, at, how);
  Status status = results(k->c.plan, k->table, &have, diag);
  char *text = support_messages(diag);
  snprintf(what, sizeof what, "%s is broken", broken_names[call]);
  bool ok = broken.done && status == STATUS_SYSTEM && diag_error_count(diag) == 1 &&
            strstr(text, what) && is_placed(call, text);
  if (!ok)
    printf("\n  %s, call %u (%d): status %d: %s", broken_names[call], at, (int)how, (int)status,
           text);
  CU_ASSERT(ok);
  if (control->faults || control->alive)
    printf("\n  %s, call %u (%d): %s, %d left", broken_names[call], at, (int)how, control->fault,
           (int)control->alive);
  CU_ASSERT(!control->faults && !control->alive);
  free(text);
  free(have.data);
  diag_destroy(diag);
}

/* At the call, and, of what runs later, when somebody waits or calls again; not in the last waits,
 * which are the destruction's. */
static void failures_are_one_message(void) {
  Case k = open_case();
  k.made[BROKEN_synchronise]--;
  for (BrokenCall call = 0; call < BROKEN_observe; call++)
    for (uint32_t at = 0; at < k.made[call]; at++) {
      bool runs_later = call >= BROKEN_copy_in && call <= BROKEN_wait;
      fails_well(&k, call, at, BROKEN_FAILS);
      if (runs_later) {
        fails_well(&k, call, at, BROKEN_LATE);
        fails_well(&k, call, at, BROKEN_SOON);
      }
    }
  close_case(&k);
}

/* States, a run without its commits, states: a plan may write a commit straight into its state. */
static Status states_around_a_run(const Plan *plan, const DeviceTable *table, Bytes *out) {
  Executor *x;
  ExecutorOptions options = {.threads = 1, .program = EXECUTOR_ALL, .device = table};
  Status status = executor_create_with(plan, &options, NULL, &x);
  if (status == STATUS_OK) status = init_states(x, 1, NULL);
  if (status == STATUS_OK) status = device_test_states(x, out, NULL);
  if (status == STATUS_OK) status = steps(x, 0, 1, NULL);
  if (status == STATUS_OK) status = device_test_states(x, out, NULL);
  executor_destroy(x);
  return status;
}

static void states_written_by_steps(void) {
  Compiled c = device_test_compile(support_write("m.xml", model_text), NULL, 0, &target_cpu);
  Backend backend = *toy->backend;
  DeviceTable table = *toy;
  Bytes cpu = {0}, other = {0};
  backend.target = &target_cpu;
  table.backend = &backend;
  device_test_clear(TOY_LAZY, 0);
  sets_anew = false;
  CU_ASSERT_EQUAL(states_around_a_run(c.plan, NULL, &cpu), STATUS_OK);
  sets_anew = true;
  CU_ASSERT_EQUAL(states_around_a_run(c.plan, &table, &other), STATUS_OK);
  CU_ASSERT(bytes_same(&cpu, &other));
  CU_ASSERT(memcmp(cpu.data, cpu.data + cpu.n / 2, cpu.n / 2) != 0); /* else nothing is proved */
  CU_ASSERT(device_test_clean("states written by steps"));
  free(cpu.data);
  free(other.data);
  support_release(&c);
}

/* ---- ranks ---- */

/* The other rank gives what this one gives: enough to see what is given, and when. */
static Status mirror_exchange(Ranks *r, const void *from, void *to, RankBlocks blocks) {
  size_t bytes, first = rank_block(blocks, r->rank, &bytes);
  for (uint32_t k = 0; k < r->count; k++)
    memcpy((char *)to + k * blocks.block, (const char *)from + first, bytes);
  return STATUS_OK;
}

static Status mirror_gather(Ranks *r, void *value, RankBlocks blocks) {
  size_t own, other, at = rank_block(blocks, r->rank, &own);
  for (uint32_t k = 0; k < r->count; k++) {
    size_t to = rank_block(blocks, k, &other);
    if (k != r->rank) memcpy((char *)value + to, (char *)value + at, other < own ? other : own);
  }
  return STATUS_OK;
}

static Status run_rank(const Plan *plan, const DeviceTable *table, Bytes *out, Diag *diag) {
  static const RanksTable mirror = {.exchange = mirror_exchange, .gather = mirror_gather};
  Ranks ranks = {.table = &mirror, .count = 2};
  Executor *x;
  ExecutorOptions options = {
      .threads = 1, .program = EXECUTOR_ALL, .device = table, .ranks = &ranks};
  *out = (Bytes){0};
  Status status = executor_create_with(plan, &options, diag, &x);
  if (status == STATUS_OK) status = init_states(x, 1, diag);
  for (int run = 0; run < 2 && status == STATUS_OK; run++) {
    status = steps(x, 0, run, diag);
    if (status == STATUS_OK) status = device_test_outputs(x, 0, out, diag);
    if (status == STATUS_OK) status = executor_commit(x, 0, diag);
  }
  if (status == STATUS_OK) status = device_test_states(x, out, diag);
  executor_destroy(x);
  return status;
}

static bool meets_well(const Plan *plan, BrokenCall call, uint32_t at, BrokenHow how,
                       const Bytes *want) {
  Diag *diag = diag_create();
  Bytes have;
  device_test_clear(TOY_LAZY, 0);
  broken_set(call, at, how);
  Status status = run_rank(plan, broken_table(toy), &have, diag);
  char *text = support_messages(diag);
  bool ok = broken.done &&
            (status != STATUS_OK || control->faults || control->loose || !bytes_same(&have, want));
  if (how != BROKEN_DROPPED)
    ok = ok && status == STATUS_SYSTEM && diag_error_count(diag) == 1 && !control->faults &&
         !control->alive && strstr(text, "collective is broken") &&
         strstr(text, ": error: kernel ") && strstr(text, ".xml:");
  if (!ok) printf("\n  %s %u (%d): %s%s", broken_names[call], at, (int)how, text, control->fault);
  free(text);
  free(have.data);
  diag_destroy(diag);
  return ok;
}

/* Collectives are on a stream of their own. */
static bool meet_apart(const Plan *plan) {
  const PlanProgram *p = &plan->programs[0];
  bool apart = plan_streams(p) > 2;
  for (uint32_t s = 0; s < p->n_steps; s++)
    apart &= op_meets(p->graph->nodes[p->step_nodes[p->steps[s].first]].op) ==
             (p->steps[s].stream + 1 == plan_streams(p));
  return apart;
}

static void a_meeting(void) {
  static const char *const four[] = {"batch_ids=4"};
  const DeviceTable *cpu;
  Compiled c =
      device_test_compile_ranks("models/examples/cnn.xml", four, 1, toy->backend->target, 2);
  CU_ASSERT_EQUAL_FATAL(device_find("cpu", c.diag, &cpu), STATUS_OK);
  Backend backend = *cpu->backend;
  DeviceTable table = *cpu;
  Bytes want, have;
  backend.target = toy->backend->target;
  table.backend = &backend;
  sets_anew = false;
  CU_ASSERT_EQUAL(run_rank(c.plan, &table, &want, c.diag), STATUS_OK);
  sets_anew = true;
  device_test_clear(TOY_LAZY, 0);
  broken_set(BROKEN_N, 0, BROKEN_NOT);
  CU_ASSERT_EQUAL(run_rank(c.plan, broken_table(toy), &have, c.diag), STATUS_OK);
  diag_print(c.diag, stdout);
  CU_ASSERT(device_test_clean("ranks"));
  CU_ASSERT(bytes_same(&have, &want));
  uint32_t made[BROKEN_N];
  memcpy(made, broken.made, sizeof made);
  CU_ASSERT(made[BROKEN_collective] > 2);
  CU_ASSERT(meet_apart(c.plan));
  for (uint32_t at = 0; at < made[BROKEN_collective]; at++)
    for (BrokenHow how = BROKEN_DROPPED; how <= BROKEN_SOON; how++)
      CU_ASSERT(meets_well(c.plan, BROKEN_collective, at, how, &want));
  for (BrokenCall call = BROKEN_record; call <= BROKEN_wait; call++)
    for (uint32_t at = 0; at < made[call]; at++)
      CU_ASSERT(meets_well(c.plan, call, at, BROKEN_DROPPED, &want));
  free(have.data);
  table.collective = NULL;
  CU_ASSERT_EQUAL(run_rank(c.plan, &table, &have, c.diag), STATUS_INVALID);
  char *text = support_messages(c.diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "the device 'cpu' runs no plans of several ranks\nhint: "));
  free(text);
  free(want.data);
  support_release(&c);
}

static int64_t little(const Device *device) {
  (void)device;
  return 100;
}

static void too_little_memory(void) {
  Compiled c =
      device_test_compile(support_write("m.xml", model_text), NULL, 0, toy->backend->target);
  DeviceTable table = *toy;
  Executor *x;
  table.memory = little;
  device_test_clear(TOY_LAZY, 0);
  CU_ASSERT_EQUAL(executor_create_with(
                      c.plan,
                      &(ExecutorOptions){.threads = 1, .program = EXECUTOR_ALL, .device = &table},
                      c.diag, &x),
                  STATUS_NO_FIT);
  char *text = support_messages(c.diag);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "error: the plan needs 1 MB of memory, "));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "the device 'toy' has 0 MB\n"));
  CU_ASSERT(device_test_clean("too little memory"));
  free(text);
  support_release(&c);
}

/* What could not be launched to its end is not given again as if it had been. */
static void sequences_are_whole(void) {
  Case k = open_case();
  Executor *x;
  Bytes want = {0}, have = {0};
  for (int fails = 0; fails < 2; fails++) {
    Bytes *out = fails ? &have : &want;
    device_test_clear(TOY_LAZY, 0);
    broken_set(BROKEN_launch, 1, fails ? BROKEN_FAILS : BROKEN_NOT);
    CU_ASSERT_EQUAL_FATAL(
        executor_create_with(
            k.c.plan, &(ExecutorOptions){.threads = 1, .program = EXECUTOR_ALL, .device = k.table},
            NULL, &x),
        STATUS_OK);
    CU_ASSERT_EQUAL(init_states(x, 1, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(steps(x, 0, 1, NULL) != STATUS_OK, fails);
    CU_ASSERT_EQUAL(steps(x, 0, 2, NULL), STATUS_OK);
    CU_ASSERT_EQUAL(device_test_outputs(x, 0, out, NULL), STATUS_OK);
    executor_destroy(x);
    CU_ASSERT(!control->faults && !control->alive);
  }
  CU_ASSERT(bytes_same(&want, &have));
  free(want.data);
  free(have.data);
  close_case(&k);
}

/* A kernel that finds the data at fault long after its launch. */
static void data_are_at_fault(void) {
  Compiled c = device_test_compile(
      support_write("g.xml", "<model name='g' xmlns='urn:graphc:model:1'>\n<program name='p'>\n"
                             "<input name='rows' shape='5 3'/><input name='at' shape='2' "
                             "dtype='i32'/>\n<gather name='some' in='rows' index='at'/>\n"
                             "<output value='some'/></program>\n</model>\n"),
      NULL, 0, toy->backend->target);
  Executor *x;
  Tensor t;
  uint32_t output = 0;
  device_test_clear(TOY_LAZY, 0);
  CU_ASSERT_EQUAL_FATAL(
      executor_create_with(c.plan,
                           &(ExecutorOptions){.threads = 1, .program = EXECUTOR_ALL, .device = toy},
                           c.diag, &x),
      STATUS_OK);
  CU_ASSERT_FATAL(executor_input(x, 0, "at", &t));
  tensor_set(&t, 1, 5);
  CU_ASSERT_EQUAL(executor_run(x, 0, c.diag), STATUS_OK); /* it has not run yet */
  CU_ASSERT_EQUAL(executor_read(x, 0, &output, 1, &t, c.diag), STATUS_INVALID);
  executor_destroy(x);
  char *text = support_messages(c.diag);
  bool ok = diag_error_count(c.diag) == 1 && strstr(text, "p: error: kernel 0, gather 'some'") &&
            strstr(text, "g.xml:4): ") && strstr(text, "hint: do the data fit the plan?");
  if (!ok) printf("\n%s", text);
  CU_ASSERT(ok);
  CU_ASSERT(!control->faults && !control->alive);
  free(text);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"every call is needed", every_call_is_needed},
                                      {"every byte is needed", every_byte_is_needed},
                                      {"failures are one message", failures_are_one_message},
                                      {"states written by steps", states_written_by_steps},
                                      {"ranks meet", a_meeting},
                                      {"too little memory", too_little_memory},
                                      {"sequences are whole", sequences_are_whole},
                                      {"data are at fault", data_are_at_fault}};
  if (!device_test_load()) return 1;
  return support_run("device calls", tests, sizeof tests / sizeof *tests);
}
