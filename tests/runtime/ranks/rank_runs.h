/* Plans for several ranks, run by threads of this process. */
#ifndef TESTS_RUNTIME_RANKS_RANK_RUNS_H
#define TESTS_RUNTIME_RANKS_RANK_RUNS_H

#include "tests/support.h"
#include "tests/values.h"

#include "graph/base/philox.h"
#include "runtime/execute/init.h"
#include "tests/runtime/ranks/thread_ranks.h"

#include <math.h>

typedef struct RankModel {
  const char *path, *precision;
  const char *const *defines;
  uint32_t n_defines, ranks;
  bool local;       /* --sync=local */
  const char *keep; /* a further output; NULL: none */
  uint32_t shards;  /* 0: 4 */
} RankModel;

static inline Compiled rank_compile(const RankModel *m) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = m->path,
                          .defines = m->defines,
                          .n_defines = m->n_defines,
                          .sharers = m->local ? m->ranks : 1};
  PipelineOptions pipeline = {.build = {.precision = precision_find(m->precision),
                                        .shards = m->shards ? m->shards : 4,
                                        .ranks = m->ranks,
                                        .local = m->local,
                                        .target = &target_cpu,
                                        .keep = &m->keep,
                                        .n_keep = m->keep != NULL},
                              .verify = true};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  return c;
}

typedef struct RankRun {
  const Plan *plan;
  ThreadRank rank;
  int64_t steps;
  int64_t copies; /* the batch is so many times the same rows */
  char *states;   /* result: their bytes */
  double loss;    /* result: the plan's first scalar output, of the last step */
  double *kept;   /* result: outputs that are kept, one after the other, of the last step */
  Status status;
} RankRun;

/* Values are those of the whole batch; a rank that has a share of its own gets its rows of each
 * domain, as the loader deals them. */
static inline void rank_fill(const RankRun *r, const Tensor *t, const char *name, int64_t step) {
  uint64_t site = philox_site(name);
  const Plan *plan = r->plan;
  bool labels = strcmp(name, "labels") == 0, images = strcmp(name, "images") == 0;
  int64_t n = shape_count(&t->shape), own = labels || images ? n / t->shape.dim[0] : n;
  int64_t part = own * (plan->local ? plan->ranks : 1) / r->copies;
  int64_t first = plan->local ? r->rank.ranks.rank * own : 0;
  for (int64_t i = 0; i < n; i++) {
    double value = 1e-3;
    int64_t at = i / own * part + (first + i % own) % part;
    if (strcmp(name, "lambda") == 0) value = 1;
    if (strcmp(name, "seed") == 0) value = 3;
    if (strcmp(name, "step") == 0) value = (double)step;
    if (images) value = philox_uniform(1, (uint64_t)step, site, (uint64_t)at);
    if (labels) value = (double)(at / 2 % plan->training.ids[0]);
    tensor_set(t, i, value);
  }
}

static inline Status rank_loss(Executor *x, const Plan *plan, Diag *diag, double *out) {
  const Graph *g = plan->programs[0].graph;
  Tensor t;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    const Node *node = &g->nodes[g->outputs[i].node];
    if (node->shape.rank || !dtype_is_float((DType)node->dtype)) continue;
    TRY(executor_read(x, 0, &i, 1, &t, diag));
    *out = tensor_get(&t, 0);
    return STATUS_OK;
  }
  return STATUS_OK;
}

/* Outputs that the model does not declare, in the order of their names in it. */
static inline Status rank_kept(Executor *x, const Plan *plan, Diag *diag, double **out) {
  const Graph *g = plan->programs[0].graph;
  size_t n = 0, room = 0;
  free(*out);
  *out = NULL;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor t;
    if (g->outputs[i].declared) continue;
    TRY(executor_read(x, 0, &i, 1, &t, diag));
    room += (size_t)shape_count(&t.shape);
    double *more = realloc(*out, room * sizeof *more);
    if (!more) return diag_no_memory(diag, room * sizeof *more);
    for (*out = more; n < room; n++)
      more[n] = tensor_get(&t, (int64_t)n - (int64_t)(room - (size_t)shape_count(&t.shape)));
  }
  return STATUS_OK;
}

static inline Status rank_train(RankRun *r, Executor *x, Diag *diag) {
  TRY(init_states(x, 1, diag));
  for (int64_t s = 0; s < r->steps; s++) {
    const PlanProgram *p = &r->plan->programs[0];
    for (uint32_t i = 0; i < p->n_inputs; i++) {
      Tensor t;
      const char *name = plan_text(r->plan, p->inputs[i].name);
      if (executor_input(x, 0, name, &t)) rank_fill(r, &t, name, s);
    }
    TRY(executor_steps(x, 0, diag));
    TRY(rank_loss(x, r->plan, diag, &r->loss));
    TRY(rank_kept(x, r->plan, diag, &r->kept));
    TRY(executor_commit(x, 0, diag));
  }
  const Tensor *states;
  TRY(executor_states_read(x, &states, diag));
  for (uint32_t i = 0; i < r->plan->n_states; i++)
    memcpy(r->states + r->plan->state_offset[i], states[i].data, (size_t)tensor_bytes(&states[i]));
  return STATUS_OK;
}

static inline void *rank_run(void *context) {
  RankRun *r = context;
  Executor *x;
  Diag *diag = diag_create();
  Ranks *ranks = r->rank.ranks.count > 1 ? &r->rank.ranks : NULL;
  r->states = calloc(1, (size_t)r->plan->state_bytes);
  r->status = executor_create_with(
      r->plan, &(ExecutorOptions){.threads = 1, .program = 0, .ranks = ranks}, diag, &x);
  if (r->status == STATUS_OK) r->status = rank_train(r, x, diag);
  if (r->status != STATUS_OK) diag_print(diag, stdout);
  executor_destroy(x);
  diag_destroy(diag);
  return NULL;
}

/* The states of every rank after some steps; the caller frees them. */
static inline void rank_runs(const Plan *plan, int64_t steps, int64_t copies, RankRun *runs) {
  ThreadMeeting meeting = {0};
  pthread_t threads[THREAD_RANKS_MAX];
  pthread_barrier_init(&meeting.barrier, NULL, plan->ranks);
  for (uint32_t i = 0; i < plan->ranks; i++) {
    runs[i] = (RankRun){
        .plan = plan,
        .rank = {{.table = &thread_ranks, .rank = i, .count = plan->ranks, .place = i}, &meeting},
        .steps = steps,
        .copies = copies,
        .loss = NAN};
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, rank_run, &runs[i]), 0);
  }
  for (uint32_t i = 0; i < plan->ranks; i++) pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&meeting.barrier);
}

/* The states of two runs of one plan, or of two with the same states, byte by byte. */
static inline void rank_same(const RankRun *one, const RankRun *other) {
  const Plan *plan = one->plan;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    size_t bytes =
        (size_t)shape_count(&plan->states[i].shape) * dtype_size((DType)plan->states[i].dtype);
    bool same = memcmp(one->states + plan->state_offset[i], other->states + plan->state_offset[i],
                       bytes) == 0;
    CU_ASSERT(same);
    if (!same) printf("\n  state %s differs\n", plan_text(plan, plan->states[i].name));
  }
}

#endif
