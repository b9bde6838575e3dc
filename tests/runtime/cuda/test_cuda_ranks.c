/* The second-order step of a small CDVM on two simulated GPUs, a rank each: no rule of CUDA's is
 * broken, both ranks have the same bits, and launched, captured and replayed steps have them too.
 * After one step the states are the CPU's, within what the CPU's differ by when it adds up in
 * another order; this model multiplies rounding by 100 000 in the next. */
#include "tests/cuda/cuda_lab.h"
#include "tests/support.h"

#include "graph/base/philox.h"
#include "kernels/cuda/target.h"
#include "runtime/device/find.h"
#include "runtime/execute/init.h"
#include "tests/runtime/ranks/thread_ranks.h"

#include <math.h>

static const char *const tiny[] = {"width=4", "height=32", "image_width=16", "batch_ids=4",
                                   "batch_images=2"};

static Compiled compile(uint32_t ranks, uint32_t shards, const Target *target) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {
      .path = "models/cdvm_small.xml", .defines = tiny, .n_defines = sizeof tiny / sizeof *tiny};
  PipelineOptions pipeline = {.build = {.precision = precision_plain(DTYPE_F64),
                                        .shards = shards,
                                        .ranks = ranks,
                                        .target = target},
                              .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  return c;
}

static void fill(const Plan *plan, const Tensor *t, const char *name, int64_t step) {
  uint64_t site = philox_site(name);
  bool labels = strcmp(name, "labels") == 0, images = strcmp(name, "images") == 0;
  for (int64_t i = 0; i < shape_count(&t->shape); i++) {
    double value = 1e-3;
    if (strcmp(name, "lambda") == 0) value = 1;
    if (strcmp(name, "seed") == 0) value = 3;
    if (strcmp(name, "step") == 0) value = (double)step;
    if (images) value = philox_uniform(1, (uint64_t)step, site, (uint64_t)i);
    if (labels) value = (double)(i / 2 % plan->training.ids[0]);
    tensor_set(t, i, value);
  }
}

#define STEPS 3 /* launched, captured, replayed */
typedef struct Run {
  const Plan *plan;
  const DeviceTable *device;
  ThreadRank rank;
  bool eager;
  char *states, *first; /* result: their bytes in the end, and after one step */
  Status status;
} Run;

static Status read_states(const Plan *plan, Executor *x, char *to, Diag *diag) {
  const Tensor *states;
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < plan->n_states; i++)
    memcpy(to + plan->state_offset[i], states[i].data, (size_t)tensor_bytes(&states[i]));
  return STATUS_OK;
}

static Status train(Run *r, Executor *x, Diag *diag) {
  TRY(init_states(x, 1, diag));
  for (int64_t s = 0; s < STEPS; s++) {
    const PlanProgram *p = &r->plan->programs[0];
    for (uint32_t i = 0; i < p->n_inputs; i++) {
      Tensor t;
      const char *name = plan_text(r->plan, p->inputs[i].name);
      if (executor_input(x, 0, name, &t)) fill(r->plan, &t, name, s);
    }
    TRY(executor_run(x, 0, diag));
    if (s == 0) TRY(read_states(r->plan, x, r->first, diag));
  }
  return read_states(r->plan, x, r->states, diag);
}

static void *run_rank(void *context) {
  Run *r = context;
  Executor *x = NULL;
  Diag *diag = diag_create();
  Ranks *ranks = r->rank.ranks.count > 1 ? &r->rank.ranks : NULL;
  ExecutorOptions options = {.threads = 1,
                             .program = 0,
                             .ranks = ranks,
                             .device = r->device,
                             .wishes = {.place = r->rank.ranks.rank, .no_graph = r->eager}};
  if (r->device != &device_cuda) options.wishes = (DeviceWishes){0};
  r->states = calloc(1, (size_t)r->plan->state_bytes);
  r->first = calloc(1, (size_t)r->plan->state_bytes);
  r->status = executor_create_with(r->plan, &options, diag, &x);
  if (r->status == STATUS_OK) r->status = train(r, x, diag);
  if (r->status != STATUS_OK) diag_print(diag, stdout);
  executor_destroy(x);
  diag_destroy(diag);
  return NULL;
}

static void run_all(const Plan *plan, const DeviceTable *device, bool eager, Run *runs) {
  ThreadMeeting meeting = {0};
  pthread_t threads[2];
  pthread_barrier_init(&meeting.barrier, NULL, plan->ranks);
  for (uint32_t i = 0; i < plan->ranks; i++) {
    runs[i] =
        (Run){.plan = plan,
              .device = device,
              .eager = eager,
              .rank = {{.table = &thread_ranks, .rank = i, .count = plan->ranks, .timeout = 60},
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
  for (uint32_t i = 0; i < n; i++) {
    free(runs[i].states);
    free(runs[i].first);
  }
}

/* The largest deviation of a state after one step, relative to its largest element. */
static double deviation(const Run *one, const Run *other) {
  double worst = 0;
  for (uint32_t i = 0; i < one->plan->n_states; i++) {
    const State *s = &one->plan->states[i];
    Tensor a = {.dtype = (DType)s->dtype, .shape = s->shape}, b = a;
    double scale = 1e-30, off = 0;
    a.data = one->first + one->plan->state_offset[i];
    b.data = other->first + other->plan->state_offset[i];
    for (int64_t k = 0; k < shape_count(&s->shape); k++) {
      double x = tensor_get(&a, k), y = tensor_get(&b, k);
      if (!(fabs(x - y) <= off)) off = fabs(x - y);
      if (fabs(x) > scale) scale = fabs(x);
    }
    if (!(off / scale <= worst)) worst = off / scale;
  }
  return worst;
}

static void two_gpus(void) {
  if (cuda_lab_gpus() < 2) {
    printf("%u GPUs ... ", cuda_lab_gpus());
    return;
  }
  Compiled cpu = compile(1, 4, &target_cpu), other = compile(1, 2, &target_cpu);
  Compiled gpu = compile(2, 4, &target_cuda_sm90);
  Run one[1], again[1], two[2], eager[2];
  const DeviceTable *host = NULL;
  CU_ASSERT_EQUAL_FATAL(cpu.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(other.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(gpu.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(device_find("cpu", cpu.diag, &host), STATUS_OK);
  run_all(cpu.plan, host, false, one);
  run_all(other.plan, host, false, again);
  cuda_lab_begin(
      &(CusimOptions){.devices = 2, .fast = true, .order = CUSIM_RANDOM, .seed = 3, .print = true});
  run_all(gpu.plan, &device_cuda, false, two);
  CU_ASSERT(cuda_lab_end("two GPUs"));
  cuda_lab_begin(&(CusimOptions){.devices = 2, .fast = true, .seed = 3, .print = true});
  run_all(gpu.plan, &device_cuda, true, eager);
  CU_ASSERT(cuda_lab_end("two GPUs, steps launched one by one"));
  double off = deviation(&one[0], &two[0]), bound = deviation(&one[0], &again[0]);
  printf("off by %.1e, another order on the CPU %.1e ... ", off, bound);
  CU_ASSERT(off < 20 * bound && bound < 1e-9);
  size_t bytes = (size_t)gpu.plan->state_bytes;
  CU_ASSERT_EQUAL(memcmp(two[0].states, two[1].states, bytes), 0);
  CU_ASSERT_EQUAL(memcmp(two[0].states, eager[0].states, bytes), 0);
  CU_ASSERT_EQUAL(memcmp(two[1].states, eager[1].states, bytes), 0);
  CU_ASSERT_NOT_EQUAL(memcmp(two[0].states, two[0].first, bytes), 0);
  release(one, 1);
  release(again, 1);
  release(two, 2);
  release(eager, 2);
  support_release(&cpu);
  support_release(&other);
  support_release(&gpu);
}

int main(void) {
  static const SupportTest tests[] = {{"two GPUs", two_gpus}};
  return support_run("cuda ranks", tests, sizeof tests / sizeof *tests);
}
