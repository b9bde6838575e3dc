/* Whole plans: the same programs on the CPU and on the device `cuda`, value by value. */
#ifndef TESTS_CUDA_PLAN_LAB_H
#define TESTS_CUDA_PLAN_LAB_H

#include "graph/base/philox.h"
#include "graph/ir/precision.h"
#include "kernels/cuda/target.h"
#include "runtime/execute/init.h"
#include "tests/cuda/cuda_lab.h"
#include "tests/support.h"

#include <math.h>

/* Outputs of all programs, then states, as doubles; `bytes` as they are. */
typedef struct PlanValues {
  double *at;
  char *bytes;
  size_t n, cap, n_bytes, cap_bytes;
  size_t first[8192]; /* of each tensor, and of the end */
  char name[8192][64];
  uint32_t n_tensors;
} PlanValues;

static inline void plan_values_add(PlanValues *v, const char *name, const Tensor *t) {
  int64_t count = shape_count(&t->shape);
  size_t bytes = (size_t)tensor_bytes(t);
  if (v->n + (size_t)count > v->cap) v->cap = 2 * (v->n + (size_t)count);
  if (v->n_bytes + bytes > v->cap_bytes) v->cap_bytes = 2 * (v->n_bytes + bytes);
  v->at = realloc(v->at, (v->cap + 1) * sizeof *v->at);
  v->bytes = realloc(v->bytes, v->cap_bytes + 1);
  if (!v->at || !v->bytes || v->n_tensors + 1 >= 8192) exit(1);
  snprintf(v->name[v->n_tensors], sizeof v->name[0], "%s", name);
  v->first[v->n_tensors++] = v->n;
  for (int64_t i = 0; i < count; i++) v->at[v->n++] = dtype_desc(t->dtype)->get(t->data, i);
  memcpy(v->bytes + v->n_bytes, t->data, bytes);
  v->n_bytes += bytes;
  v->first[v->n_tensors] = v->n;
}

static inline void plan_values_free(PlanValues *v) {
  if (!v) return;
  free(v->at);
  free(v->bytes);
  free(v);
}

/* The value of an element of an input at a step: images and other tensors are drawn, labels come in
 * pairs, scalars are small. */
static inline void plan_lab_set(const Plan *plan, const Tensor *t, const char *name, int64_t step) {
  uint64_t site = philox_site(name);
  bool labels = strcmp(name, "labels") == 0;
  for (int64_t i = 0; i < shape_count(&t->shape); i++) {
    double value = 1e-3;
    if (strcmp(name, "lambda") == 0) value = 1;
    if (strcmp(name, "seed") == 0) value = 3;
    if (strcmp(name, "step") == 0) value = (double)step;
    if (t->shape.rank) value = philox_uniform(1, (uint64_t)step, site, (uint64_t)i);
    if (labels && plan->training.n_domains) value = (double)(i / 2 % plan->training.ids[0]);
    if (!dtype_is_float(t->dtype) && t->shape.rank && !labels) value = (double)(i % 2);
    tensor_set(t, i, value);
  }
}

static inline void plan_lab_fill(Executor *x, uint32_t program, int64_t step) {
  const Plan *plan = executor_plan(x);
  const PlanProgram *p = &plan->programs[program];
  for (uint32_t i = 0; i < p->n_inputs; i++) {
    const char *name = plan_text(plan, p->inputs[i].name);
    Tensor t;
    if (executor_input(x, program, name, &t)) plan_lab_set(plan, &t, name, step);
  }
}

/* Every program `runs` times, the last time from the first states again, its outputs, and the
 * states behind it. */
static inline Status plan_lab_run(Executor *x, int runs, PlanValues *out, Diag *diag) {
  const Plan *plan = executor_plan(x);
  const Tensor *states;
  for (uint32_t program = 0; program < plan->n_programs; program++) {
    TRY(init_states(x, 3, diag));
    for (int run = 0; run < runs; run++) {
      if (run + 1 == runs) TRY(init_states(x, 3, diag));
      plan_lab_fill(x, program, run);
      TRY(run + 1 < runs ? executor_run(x, program, diag) : executor_steps(x, program, diag));
    }
    const Graph *g = plan->programs[program].graph;
    for (uint32_t i = 0; i < g->n_outputs; i++) {
      Tensor t;
      TRY(executor_read(x, program, &i, 1, &t, diag));
      plan_values_add(out, graph_text(g, g->outputs[i].name), &t);
    }
    TRY(executor_commit(x, program, diag));
    TRY(executor_states_read(x, &states, diag));
    for (uint32_t i = 0; i < plan->n_states; i++)
      plan_values_add(out, plan_text(plan, plan->states[i].name), &states[i]);
  }
  return STATUS_OK;
}

static inline Compiled plan_lab_compile(const char *path, const char *const *defines, uint32_t n,
                                        const char *precision, const Target *target,
                                        uint32_t ranks) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {.build = {.precision = precision_find(precision),
                                        .shards = 4,
                                        .ranks = ranks,
                                        .target = target},
                              .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

/* On a device of its own; `table` NULL: the CPU.  Prints messages. */
static inline PlanValues *plan_lab_values(const Plan *plan, const DeviceTable *table,
                                          DeviceWishes wishes, int runs) {
  PlanValues *v = calloc(1, sizeof *v);
  Diag *diag = diag_create();
  Executor *x;
  ExecutorOptions options = {
      .threads = 2, .program = EXECUTOR_ALL, .device = table, .wishes = wishes};
  if (!v) exit(1);
  Status status = executor_create_with(plan, &options, diag, &x);
  if (status == STATUS_OK) status = plan_lab_run(x, runs, v, diag);
  executor_destroy(x);
  if (status != STATUS_OK) diag_print(diag, stdout);
  CU_ASSERT_EQUAL(status, STATUS_OK);
  diag_destroy(diag);
  return v;
}

/* The largest difference within a tensor, as a part of its largest magnitude, or of 1e-6 where that
 * is less (what is 0 but for rounding); *worst is where. */
static inline double plan_lab_distance(const PlanValues *a, const PlanValues *b,
                                       const char **worst) {
  double most = 0;
  *worst = "";
  if (a->n != b->n || a->n_tensors != b->n_tensors) return INFINITY;
  for (uint32_t t = 0; t < a->n_tensors; t++) {
    /* Its gradient is 0 but for rounding, which Adam divides by its own size. */
    if (strstr(a->name[t], "attention/key/bias")) continue;
    double size = 1e-6, apart = 0;
    for (size_t i = a->first[t]; i < a->first[t + 1]; i++) {
      double d = fabs(a->at[i] - b->at[i]);
      bool same = a->at[i] == b->at[i] || (isnan(a->at[i]) && isnan(b->at[i]));
      if (!same && !(d <= apart)) apart = isnan(d) ? INFINITY : d;
      if (isfinite(b->at[i])) size = fmax(size, fabs(b->at[i]));
    }
    if (!(apart / size <= most)) {
      most = apart / size;
      *worst = a->name[t];
    }
  }
  return most;
}

typedef struct PlanCase {
  const char *precision;
  double bound; /* of a difference, as a part of the tensor's largest magnitude */
  bool fast;
} PlanCase;

/* Every thread is watched where that does not take minutes: a second compilation of all texts
 * without it would take longer than it spares. */
static inline void plan_lab_orders(const char *path, const Plan *plan, const PlanValues *want,
                                   PlanCase c) {
  static const struct {
    CusimOrder order;
    uint64_t seed;
    bool no_graph;
  } orders[] = {{CUSIM_LAZY, 0, false}, {CUSIM_RANDOM, 1, false}, {CUSIM_RANDOM, 2, true}};
  PlanValues *first = NULL;
  for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
    CusimOptions options = {.devices = 1,
                            .memory = (size_t)1 << 30,
                            .order = orders[i].order,
                            .seed = orders[i].seed,
                            .print = true,
                            .fast = c.fast};
    const char *worst;
    CusimReport report;
    cuda_lab_begin(&options);
    PlanValues *have =
        plan_lab_values(plan, &device_cuda, (DeviceWishes){.no_graph = orders[i].no_graph}, 3);
    CU_ASSERT(cuda_lab_end_report(path, &report));
    double apart = plan_lab_distance(have, want, &worst);
    if (!(apart <= c.bound)) printf("\n  %s: %.2g apart in %s\n", path, apart, worst);
    CU_ASSERT(apart <= c.bound);
    /* The first run is launched one by one, the second captured, the third replayed. */
    uint64_t launches = orders[i].no_graph ? 0 : 2 * plan->n_programs;
    CU_ASSERT(cuda_lab_real() || report.of[CUDA_CALL_cudaGraphLaunch] == launches);
    if (first)
      CU_ASSERT(first->n_bytes == have->n_bytes &&
                memcmp(first->bytes, have->bytes, have->n_bytes) == 0);
    if (first)
      plan_values_free(have);
    else
      first = have;
  }
  plan_values_free(first);
}

static inline void plan_lab_check(const char *path, const char *const *defines, uint32_t n,
                                  PlanCase c) {
  Compiled cpu =
      plan_lab_compile(path, defines, n, c.precision, target_find(targets_table(), "cpu"), 1);
  Compiled cuda = plan_lab_compile(path, defines, n, c.precision, &target_cuda_sm90, 1);
  PlanValues *want = plan_lab_values(cpu.plan, NULL, (DeviceWishes){0}, 3);
  plan_lab_orders(path, cuda.plan, want, c);
  plan_values_free(want);
  support_release(&cpu);
  support_release(&cuda);
}

#endif
