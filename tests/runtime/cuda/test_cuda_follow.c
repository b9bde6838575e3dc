/* Second-order steps of the small CDVM on 1, 2 and 4 simulated GPUs, a rank each (threads of this
 * process), captured: NCCL's order is the simulator's to check.
 *
 * Along 20 steps of the CPU: before each one every rank takes the CPU's states, behind it the
 * states must be the CPU's, but for rounding, and the same bytes on all ranks.  On their own two
 * runs whose sums round differently part after a few steps (so do two of the CPU with other
 * --shards): what 20 steps on their own must show is that ranks stay byte for byte alike, and that
 * numbers stay finite. */
#include "tests/cuda/plan_lab.h"
#include "tests/runtime/ranks/thread_ranks.h"

#define STEPS 20
#define BOUND 1e-6 /* of a tensor's largest magnitude; 8e-9 is what one step shows */

/* The states before step s, and behind the last one. */
typedef struct Trajectory {
  PlanValues *at[STEPS + 1];
} Trajectory;

typedef struct Run {
  const Plan *plan;
  const DeviceTable *table; /* NULL: the CPU */
  const Trajectory *follow; /* NULL: on its own */
  ThreadRank rank;
  Trajectory states;
  Status status;
} Run;

static Status keep(const Run *r, Executor *x, PlanValues **out, Diag *diag) {
  const Tensor *states;
  *out = calloc(1, sizeof **out);
  if (!*out) exit(1);
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < r->plan->n_states; i++)
    plan_values_add(*out, plan_text(r->plan, r->plan->states[i].name), &states[i]);
  return STATUS_OK;
}

static Status take(const Run *r, Executor *x, const PlanValues *from, Diag *diag) {
  const Tensor *states;
  size_t at = 0;
  TRY(executor_states_new(x, &states, diag));
  for (uint32_t i = 0; i < r->plan->n_states; at += (size_t)tensor_bytes(&states[i]), i++)
    memcpy(states[i].data, from->bytes + at, (size_t)tensor_bytes(&states[i]));
  return executor_states_write(x, diag);
}

static Status train(Run *r, Executor *x, Diag *diag) {
  uint32_t trained = 0;
  while (r->plan->programs[trained].kind == PROGRAM_TRAIN) trained++;
  TRY(init_states(x, 1, diag));
  TRY(keep(r, x, &r->states.at[0], diag));
  for (uint32_t s = 0; s < STEPS; s++) {
    if (r->follow) TRY(take(r, x, r->follow->at[s], diag));
    plan_lab_fill(x, s % trained, s);
    TRY(executor_run(x, s % trained, diag));
    TRY(keep(r, x, &r->states.at[s + 1], diag));
  }
  return STATUS_OK;
}

static void *run_rank(void *context) {
  Run *r = context;
  Executor *x;
  Diag *diag = diag_create();
  Ranks *ranks = &r->rank.ranks;
  ExecutorOptions options = {.threads = 1,
                             .program = EXECUTOR_ALL,
                             .device = r->table,
                             .wishes = {.place = ranks->rank},
                             .ranks = ranks->count > 1 ? ranks : NULL};
  r->status = executor_create_with(r->plan, &options, diag, &x);
  if (r->status == STATUS_OK) r->status = train(r, x, diag);
  if (r->status != STATUS_OK) diag_print(diag, stdout);
  executor_destroy(x);
  diag_destroy(diag);
  return NULL;
}

static void run_ranks(const Plan *plan, const DeviceTable *table, const Trajectory *follow,
                      Run *runs) {
  ThreadMeeting meeting = {0};
  pthread_t threads[THREAD_RANKS_MAX];
  pthread_barrier_init(&meeting.barrier, NULL, plan->ranks);
  for (uint32_t i = 0; i < plan->ranks; i++) {
    runs[i] = (Run){
        .plan = plan,
        .table = table,
        .follow = follow,
        .rank = {
            {.table = &thread_ranks, .rank = i, .count = plan->ranks, .place = i, .timeout = 600},
            &meeting}};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run_rank, &runs[i]), 0);
  }
  for (uint32_t i = 0; i < plan->ranks; i++) {
    pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL_FATAL(runs[i].status, STATUS_OK);
  }
  pthread_barrier_destroy(&meeting.barrier);
}

static void release(Run *runs, uint32_t n) {
  for (uint32_t r = 0; r < n; r++)
    for (uint32_t s = 0; s <= STEPS; s++) plan_values_free(runs[r].states.at[s]);
}

static const char *const small[] = {"width=8", "height=32", "image_width=16", "batch_ids=4",
                                    "ids=8 8 8"};

static bool same_bytes(const PlanValues *a, const PlanValues *b) {
  return a->n_bytes == b->n_bytes && memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

static bool is_finite(const PlanValues *v) {
  for (size_t i = 0; i < v->n; i++)
    if (!isfinite(v->at[i])) return false;
  return true;
}

/* Steps 1 .. 20 of all ranks against each other and, where they follow it, the CPU. */
static void look(const Run *runs, uint32_t ranks, const Trajectory *cpu) {
  double most = 0;
  const char *worst = "", *name = "";
  for (uint32_t s = 1; s <= STEPS; s++) {
    for (uint32_t r = 1; r < ranks; r++)
      CU_ASSERT(same_bytes(runs[r].states.at[s], runs[0].states.at[s]));
    CU_ASSERT(is_finite(runs[0].states.at[s]));
    double apart = cpu ? plan_lab_distance(runs[0].states.at[s], cpu->at[s], &name) : 0;
    if (apart > most) worst = name;
    most = fmax(most, apart);
  }
  if (cpu) printf("\n  %u GPUs: %.2g apart at most (%s)", ranks, most, worst);
  CU_ASSERT(most <= BOUND);
}

static void check(uint32_t ranks, const Trajectory *cpu) {
  Run runs[THREAD_RANKS_MAX];
  char what[64];
  CusimReport report;
  Compiled c = plan_lab_compile("models/cdvm_small.xml", small, 5, "f64", &target_cuda_sm90, ranks);
  snprintf(what, sizeof what, "%u GPUs", ranks);
  for (int follow = 0; follow < 2; follow++) {
    cuda_lab_begin(&(CusimOptions){.devices = ranks,
                                   .memory = (size_t)1 << 30,
                                   .order = CUSIM_RANDOM,
                                   .seed = ranks,
                                   .patience = 600000,
                                   .print = true,
                                   .fast = true});
    run_ranks(c.plan, &device_cuda, follow ? cpu : NULL, runs);
    CU_ASSERT(cuda_lab_end_report(what, &report));
    look(runs, ranks, follow ? cpu : NULL);
    release(runs, ranks);
  }
  printf("; %llu all-reduces, %llu graphs launched\n",
         (unsigned long long)report.of[CUDA_CALL_ncclAllReduce],
         (unsigned long long)report.of[CUDA_CALL_cudaGraphLaunch]);
  support_release(&c);
}

static Run cpu;
static void on_gpus(uint32_t ranks) {
  if (cuda_lab_gpus() < ranks) {
    printf("%u GPUs ... ", cuda_lab_gpus());
    return;
  }
  Compiled c = plan_lab_compile("models/cdvm_small.xml", small, 5, "f64",
                                target_find(targets_table(), "cpu"), 1);
  if (!cpu.plan) run_ranks(c.plan, NULL, NULL, &cpu);
  check(ranks, &cpu.states);
  support_release(&c);
}

static void one(void) {
  on_gpus(1);
}
static void two(void) {
  on_gpus(2);
}
static void four(void) {
  on_gpus(4);
  if (cpu.plan) release(&cpu, 1);
}

int main(void) {
  static const SupportTest tests[] = {
      {"20 steps on 1 GPU", one}, {"20 steps on 2 GPUs", two}, {"20 steps on 4 GPUs", four}};
  return support_run("cuda follow", tests, sizeof tests / sizeof *tests);
}
