/* `graphrun bench`: runs steps of one program, warm, and prints the median and where it went. */
#include "runtime/execute/bench.h"

#include "graph/base/philox.h"
#include "graph/base/resident.h"
#include "ops/ops.h"
#include "runtime/execute/bench_parts.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"
#include "runtime/execute/schedule.h"
#include "runtime/ranks/together.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEPS 5
#define SEED 0

/* An input and what it is fed: inputs share bytes with other values, so each step copies anew. */
typedef struct Feed {
  Tensor input;
  void *values;
} Feed;

typedef struct Bench {
  const BenchOptions *options;
  Diag *diag;
  Plan *plan;
  uint32_t program;
  Executor *x;
  Feed *feeds;
  uint32_t n_feeds;
  int64_t images; /* per step; 0: the program reads none */
  int64_t steps;
  double *seconds; /* of each timed step */
  double measured; /* seconds of the steps whose kernels were timed, together */
  double base, peak;
  bool peak_of_steps; /* false: the peak could not be reset and is the whole run's */
} Bench;

/* ---- inputs ---- */

/* Identity-major labels, small enough for every domain; rows that are no labels get 0 and 1. */
static double label_of(const Plan *plan, int64_t i) {
  int64_t per_identity =
              plan->has_sampler && plan->sampler.kind == 0 ? plan->sampler.batch_images : 2,
          classes = 2;
  if (plan->has_sampler) classes = plan->sampler.batch_ids;
  for (uint32_t d = 0; d < plan->training.n_domains; d++)
    if (plan->training.ids[d] < classes) classes = plan->training.ids[d];
  if (per_identity < 1) per_identity = 1;
  return (double)(i / per_identity % (classes > 0 ? classes : 1));
}

static void fill(const Plan *plan, const char *name, const double *schedule, const Tensor *t) {
  int64_t n = shape_count(&t->shape);
  uint32_t scheduled = plan_schedule_find(plan, name);
  if (scheduled != UINT32_MAX) {
    for (int64_t i = 0; i < n; i++) tensor_set(t, i, schedule[scheduled]);
  } else if (dtype_is_float(t->dtype)) {
    uint64_t site = philox_site(name);
    for (int64_t i = 0; i < n; i++) tensor_set(t, i, philox_uniform(SEED, 0, site, (uint64_t)i));
  } else if (t->shape.rank > 0) {
    for (int64_t i = 0; i < n; i++) tensor_set(t, i, label_of(plan, i));
  } /* integer scalars (seed, step) stay 0 */
}

/* Images: the rows of a floating input (.., height, width, channels). */
static int64_t image_rows(const Tensor *t) {
  if (!dtype_is_float(t->dtype) || t->shape.rank < 4) return 0;
  int64_t rows = 1;
  for (int i = 0; i + 3 < t->shape.rank; i++) rows *= t->shape.dim[i];
  return rows;
}

static Status make_feed(Bench *b, const char *name, const double *schedule) {
  Feed *feed = &b->feeds[b->n_feeds];
  if (!executor_input(b->x, b->program, name, &feed->input)) return STATUS_OK; /* nobody reads it */
  size_t bytes = (size_t)tensor_bytes(&feed->input);
  feed->values = calloc(1, bytes ? bytes : 1);
  if (!feed->values) return diag_no_memory(b->diag, bytes);
  b->n_feeds++;
  Tensor values = feed->input;
  values.data = feed->values;
  uint32_t scheduled = plan_schedule_find(b->plan, name);
  if (scheduled != UINT32_MAX)
    TRY(schedule_check(b->plan, scheduled, 0, schedule[scheduled], values.dtype, b->diag));
  fill(b->plan, name, schedule, &values);
  int64_t images = image_rows(&values) * (b->plan->local ? b->plan->ranks : 1);
  if (images > b->images) b->images = images;
  return STATUS_OK;
}

static Status make_feeds(Bench *b) {
  const PlanProgram *p = &b->plan->programs[b->program];
  double *schedule = calloc(b->plan->n_schedules + 1u, sizeof *schedule);
  b->feeds = calloc(p->n_inputs + 1u, sizeof *b->feeds);
  Status status =
      schedule && b->feeds ? STATUS_OK : diag_no_memory(b->diag, p->n_inputs * sizeof *b->feeds);
  if (status == STATUS_OK && b->plan->n_schedules) {
    /* Any length will do; rates are those of a warm-up's start, so that random labels do not lead
     * anywhere in the few steps. */
    Schedule s = {b->plan, 1000, 100};
    Arena *scratch = arena_create();
    status = scratch ? schedule_at(&s, 0, scratch, schedule, b->diag) : diag_no_memory(b->diag, 1);
    arena_destroy(scratch);
  }
  for (uint32_t i = 0; i < p->n_inputs && status == STATUS_OK; i++)
    status = make_feed(b, plan_text(b->plan, p->inputs[i].name), schedule);
  free(schedule);
  return status;
}

/* ---- steps ---- */

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void feed_all(const Bench *b) {
  for (uint32_t i = 0; i < b->n_feeds; i++)
    memcpy(b->feeds[i].input.data, b->feeds[i].values, (size_t)tensor_bytes(&b->feeds[i].input));
}

/* One step, feeding included. */
static Status run_step(Bench *b, double *seconds) {
  double begin = now();
  feed_all(b);
  TRY(executor_run(b->x, b->program, b->diag));
  TRY(executor_wait(b->x, b->diag));
  *seconds = now() - begin;
  return STATUS_OK;
}

/* A device that records steps is not to be timed while each kernel is waited for: its kernels are
 * timed in further steps.  It records in the second step, which is a warm one. */
static bool records(const Bench *b) {
  return b->options->device && b->options->device->sequence_begin;
}

static Status run_steps(Bench *b) {
  double seconds;
  int64_t warm = records(b) && b->options->warm < 2 ? 2 : b->options->warm;
  for (int64_t i = 0; i < warm; i++) TRY(run_step(b, &seconds));
  b->peak_of_steps = resident_reset();
  executor_measure(b->x, !records(b));
  for (int64_t i = 0; i < b->steps; i++) {
    TRY(run_step(b, &b->seconds[i]));
    b->measured += b->seconds[i];
  }
  b->peak = resident_peak();
  if (!records(b)) return STATUS_OK;
  executor_measure(b->x, true);
  b->measured = 0;
  for (int64_t i = 0; i < b->steps; i++) {
    TRY(run_step(b, &seconds));
    b->measured += seconds;
  }
  return STATUS_OK;
}

/* ---- results ---- */

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double median(const double *sorted, int64_t n) {
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static Status put_kernels(const Bench *b, const DeviceLimits *limits) {
  const PlanProgram *p = &b->plan->programs[b->program];
  StepTime *times = calloc(p->n_steps + 1u, sizeof *times);
  if (!times) return diag_no_memory(b->diag, p->n_steps * sizeof *times);
  executor_times(b->x, b->program, times);
  int64_t kernels = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) kernels += times[s].ns;
  printf("limits      %.1f GMAC/s by the product's inner loop, %.1f GB/s by a triad\n",
         limits->macs * 1e-9, limits->triad * 1e-9);
  printf("kernels     %u; %.1f%% of the step outside of them (feeding, commits)\n\n", p->n_steps,
         100 * (1 - (double)kernels * 1e-9 / b->measured));
  Status status = bench_table(b->plan, p, times, b->steps, limits, stdout, b->diag);
  free(times);
  return status;
}

static void put_result(Bench *b) {
  const PlanProgram *p = &b->plan->programs[b->program];
  qsort(b->seconds, (size_t)b->steps, sizeof *b->seconds, by_value);
  double middle = median(b->seconds, b->steps), arena = (double)plan_arena_bytes(b->plan);
  double least = b->seconds[0], most = b->seconds[b->steps - 1];
  printf("\nRESULT graphrun %s threads=%u kernels=%u", plan_text(b->plan, p->name),
         b->options->threads, p->n_steps);
  if (b->images) printf(" images/s=%.2f", (double)b->images / middle);
  printf(" median=%.4f (%.4f..%.4f) base=%.1fMB arena=%.1fMB step=%.1fMB%s\n", middle, least, most,
         b->base * 1e-6, arena * 1e-6, b->peak * 1e-6,
         b->peak_of_steps ? "" : " (peak of the whole run)");
}

static uint32_t default_program(const Plan *plan) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (plan->programs[i].kind == PROGRAM_TRAIN) return i;
  return 0;
}

static void put_head(const Bench *b) {
  const PlanProgram *p = &b->plan->programs[b->program];
  printf("plan        %s, program %s, %s, %u threads\n", b->options->plan,
         plan_text(b->plan, p->name), b->plan->precision->name, b->options->threads);
  printf("work        %.3f GMAC, scratch %.1f MB, state %.1f MB\n", (double)p->macs * 1e-9,
         (double)p->scratch_bytes * 1e-6, (double)b->plan->state_bytes * 1e-6);
}

static Status set_up(Bench *b) {
  const BenchOptions *o = b->options;
  TRY(plan_open(o->plan, o->device, b->diag, &b->plan));
  b->program = default_program(b->plan);
  if (o->program) TRY(plan_program_require(b->plan, o->plan, o->program, b->diag, &b->program));
  ExecutorOptions options = {.threads = o->threads,
                             .program = EXECUTOR_ALL,
                             .device = o->device,
                             .wishes = o->wishes,
                             .ranks = o->ranks};
  TRY(executor_create_with(b->plan, &options, b->diag, &b->x));
  TRY(executor_prepare(b->x, b->program, b->diag));
  return make_feeds(b);
}

static Status run_all(Bench *b) {
  const BenchOptions *o = b->options;
  bool stop = false;
  ranks_waits(o->ranks, "while the program was prepared");
  TRY(together(o->ranks, set_up(b), &stop, b->diag));
  b->base = resident_now(); /* plan, kernels and a batch are there, the arena is not yet */
  TRY(init_states(b->x, SEED, b->diag));
  put_head(b);
  TRY(run_steps(b));
  DeviceLimits limits;
  TRY(executor_limits(b->x, b->plan->precision->storage, &limits, b->diag));
  TRY(put_kernels(b, &limits));
  if (o->trace) {
    feed_all(b);
    bool writes = together_first(o->ranks);
    TRY(bench_trace(b->x, b->program, writes ? o->trace : NULL, b->diag));
    printf("\ntrace       %s%s\n", o->trace, o->ranks ? " (of rank 0)" : "");
  }
  put_result(b);
  return STATUS_OK;
}

Status bench_run(const BenchOptions *options, Diag *diag) {
  Bench b = {.options = options, .diag = diag};
  b.steps = options->steps > 0 ? options->steps : STEPS;
  if (b.steps > BENCH_STEPS_MAX)
    return diag_error(diag, STATUS_USAGE, "--steps", NULL, "at most %d steps are timed",
                      BENCH_STEPS_MAX);
  b.seconds = calloc((size_t)b.steps, sizeof *b.seconds);
  Status status =
      b.seconds ? run_all(&b) : diag_no_memory(diag, (size_t)b.steps * sizeof *b.seconds);
  for (uint32_t i = 0; i < b.n_feeds; i++) free(b.feeds[i].values);
  free(b.feeds);
  free(b.seconds);
  executor_destroy(b.x);
  plan_destroy(b.plan);
  return status;
}
