#include "runtime/execute/execute.h"

#include "kernels/kernel.h"
#include "ops/ops.h"
#include "runtime/execute/memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_PAGE ((size_t)4 << 10)
#define TOUCH_PARTS 64

typedef struct Step {
  Kernel *kernel;
  KernelArgs args;
  const void **inputs;
  void **outputs;
  int64_t ns;
} Step;

typedef struct Prepared {
  Step *steps;     /* NULL: not prepared */
  void **pointers; /* of all steps */
} Prepared;

struct Executor {
  const Plan *plan;
  Pool *pool;
  char *arena, *saved;
  size_t bytes;    /* mapped */
  int64_t scratch; /* bytes of the arena behind the state */
  Prepared *programs;
  bool touched, measure;
  TaskObserver observer; /* NULL: none */
  void *observer_context;
  /* the phase under way */
  const Step *step;
  uint32_t step_index, phase;
  atomic_int status;
  char error[256];
  atomic_flag error_taken;
};

/* ---- memory ---- */

static Status map_arena(Executor *x, Diag *diag) {
  int64_t bytes = x->plan->state_bytes + x->scratch, limit = memory_limit();
  if (bytes > limit)
    return diag_error(diag, STATUS_NO_FIT, plan_place(x->plan),
                      "smaller batches or pictures need less",
                      "the plan needs %lld MB of memory, there are %lld MB",
                      (long long)(bytes >> 20), (long long)(limit >> 20));
  x->bytes = ((size_t)bytes + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE;
  void *at = mmap(NULL, x->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return diag_error(diag, STATUS_SYSTEM, plan_place(x->plan),
                      "smaller batches or pictures need less",
                      "cannot map the arena of %lld bytes: %s", (long long)bytes, strerror(errno));
  x->arena = at;
  madvise(at, x->bytes, MADV_HUGEPAGE); /* a wish: without it pages are small */
  return STATUS_OK;
}

/* Page faults belong before the first step. Only what plans use is touched; what is there stays. */
static void touch(void *context, uint32_t part) {
  Executor *x = context;
  size_t bytes = (size_t)(x->plan->state_bytes + x->scratch);
  size_t huge = (bytes + HUGE_PAGE - 1) / HUGE_PAGE;
  size_t from = huge * part / TOUCH_PARTS * HUGE_PAGE,
         to = huge * (part + 1) / TOUCH_PARTS * HUGE_PAGE;
  for (size_t at = from; at < to && at < bytes; at += SMALL_PAGE)
    __atomic_fetch_or(x->arena + at, 0, __ATOMIC_RELAXED);
}

static Status create(const Plan *plan, int64_t scratch, uint32_t threads, Diag *diag,
                     Executor **out_executor) {
  *out_executor = NULL;
  Executor *x = calloc(1, sizeof *x);
  if (!x) return diag_no_memory(diag, sizeof *x);
  x->plan = plan;
  x->scratch = scratch;
  x->programs = calloc(plan->n_programs + 1u, sizeof *x->programs);
  Status status =
      x->programs ? STATUS_OK : diag_no_memory(diag, plan->n_programs * sizeof(Prepared));
  if (status == STATUS_OK) status = pool_create(threads, diag, &x->pool);
  if (status == STATUS_OK) status = map_arena(x, diag);
  if (status != STATUS_OK) {
    executor_destroy(x);
    return status;
  }
  *out_executor = x;
  return STATUS_OK;
}

Status executor_create(const Plan *plan, uint32_t threads, Diag *diag, Executor **out_executor) {
  return create(plan, plan_arena_bytes(plan) - plan->state_bytes, threads, diag, out_executor);
}

Status executor_create_program(const Plan *plan, uint32_t program, uint32_t threads, Diag *diag,
                               Executor **out_executor) {
  return create(plan, plan->programs[program].scratch_bytes, threads, diag, out_executor);
}

static void release_program(const Executor *x, uint32_t program) {
  Prepared *p = &x->programs[program];
  for (uint32_t s = 0; p->steps && s < x->plan->programs[program].n_steps; s++)
    kernel_destroy(p->steps[s].kernel);
  free(p->steps);
  free(p->pointers);
  *p = (Prepared){0};
}

void executor_destroy(Executor *x) {
  if (!x) return;
  for (uint32_t i = 0; x->programs && i < x->plan->n_programs; i++) release_program(x, i);
  pool_destroy(x->pool);
  if (x->arena) munmap(x->arena, x->bytes);
  free(x->saved);
  free(x->programs);
  free(x);
}

/* ---- preparation ---- */

static int by_id(const void *a, const void *b) {
  NodeId x = *(const NodeId *)a, y = *(const NodeId *)b;
  return x < y ? -1 : x > y;
}

typedef struct Preparer {
  Executor *x;
  const PlanProgram *p;
  uint32_t *step_of;
  NodeId *inputs, *outputs;
  void **pointer; /* next free */
} Preparer;

/* The values that a step reads from memory, each once, ascending. */
static uint32_t step_inputs(const Preparer *r, uint32_t s) {
  const Graph *g = r->p->graph;
  const PlanStep *step = &r->p->steps[s];
  uint32_t n = 0;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = r->p->step_nodes[step->first + k];
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) {
      NodeId operand = node_input(g, id, i);
      if (r->step_of[operand] != s + 1) r->inputs[n++] = operand;
    }
  }
  qsort(r->inputs, n, sizeof *r->inputs, by_id);
  uint32_t distinct = 0;
  for (uint32_t i = 0; i < n; i++)
    if (!i || r->inputs[i] != r->inputs[i - 1]) r->inputs[distinct++] = r->inputs[i];
  return distinct;
}

static uint32_t step_outputs(const Preparer *r, const PlanStep *step) {
  uint32_t n = 0;
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId id = r->p->step_nodes[step->first + k];
    if (r->p->node_offset[id] != OFFSET_NONE) r->outputs[n++] = id;
  }
  qsort(r->outputs, n, sizeof *r->outputs, by_id);
  return n;
}

static Status prepare_step(Preparer *r, uint32_t s, Step *out, Diag *diag) {
  const PlanStep *step = &r->p->steps[s];
  char *arena = r->x->arena;
  KernelSpec spec = {.graph = r->p->graph,
                     .nodes = &r->p->step_nodes[step->first],
                     .n_nodes = step->count,
                     .inputs = r->inputs,
                     .n_inputs = step_inputs(r, s),
                     .outputs = r->outputs,
                     .n_outputs = step_outputs(r, step),
                     .shards = r->x->plan->shards,
                     .work_bytes = step->work_bytes};
  out->inputs = (const void **)r->pointer;
  for (uint32_t i = 0; i < spec.n_inputs; i++)
    *r->pointer++ = arena + r->p->node_offset[r->inputs[i]];
  out->outputs = r->pointer;
  for (uint32_t i = 0; i < spec.n_outputs; i++)
    *r->pointer++ = arena + r->p->node_offset[r->outputs[i]];
  out->args =
      (KernelArgs){out->inputs, out->outputs, step->work_bytes ? arena + step->work_offset : NULL};
  return kernel_create(&spec, diag, &out->kernel);
}

static uint32_t count_pointers(Preparer *r) {
  uint32_t n = 0;
  for (uint32_t s = 0; s < r->p->n_steps; s++)
    n += step_inputs(r, s) + step_outputs(r, &r->p->steps[s]);
  return n;
}

Status executor_prepare(Executor *x, uint32_t program, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  Prepared *prepared = &x->programs[program];
  if (prepared->steps) return STATUS_OK;
  if (p->scratch_bytes > x->scratch)
    return diag_error(diag, STATUS_INVALID, plan_text(x->plan, p->name), NULL,
                      "the arena was made for another program");
  Preparer r = {.x = x, .p = p};
  r.step_of = calloc(p->graph->n_nodes, sizeof *r.step_of);
  r.inputs = calloc((size_t)p->graph->n_inputs + 1, sizeof *r.inputs);
  r.outputs = calloc(p->graph->n_nodes, sizeof *r.outputs);
  prepared->steps = calloc(p->n_steps + 1u, sizeof *prepared->steps);
  bool have = r.step_of && r.inputs && r.outputs && prepared->steps;
  for (uint32_t s = 0; have && s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      r.step_of[p->step_nodes[p->steps[s].first + k]] = s + 1;
  prepared->pointers = have ? calloc(count_pointers(&r) + 1u, sizeof(void *)) : NULL;
  r.pointer = prepared->pointers;
  Status status = r.pointer ? STATUS_OK : diag_no_memory(diag, p->graph->n_nodes * sizeof(void *));
  for (uint32_t s = 0; status == STATUS_OK && s < p->n_steps; s++)
    status = prepare_step(&r, s, &prepared->steps[s], diag);
  free(r.step_of);
  free(r.inputs);
  free(r.outputs);
  if (status != STATUS_OK) release_program(x, program);
  return status;
}

/* ---- running ---- */

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void run_task(void *context, uint32_t task) {
  Executor *x = context;
  int64_t begin = x->observer ? now_ns() : 0;
  Status status = kernel_run(x->step->kernel, x->phase, task, &x->step->args);
  if (x->observer) x->observer(x->observer_context, x->step_index, x->phase, task, begin, now_ns());
  if (status == STATUS_OK) return;
  if (!atomic_flag_test_and_set(&x->error_taken)) {
    snprintf(x->error, sizeof x->error, "%s", kernel_error());
    atomic_store(&x->status, STATUS_SYSTEM);
  }
}

static Status fail_step(Executor *x, uint32_t program, uint32_t s, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  const Node *node = &p->graph->nodes[p->step_nodes[p->steps[s].first]];
  const SourceLoc *loc = &x->plan->symbols->locs[node->loc];
  atomic_store(&x->status, STATUS_OK);
  atomic_flag_clear(&x->error_taken);
  return diag_error(
      diag, STATUS_INVALID, plan_text(x->plan, p->name),
      "do the data fit the plan? (labels, indices)", "step %u, %s '%s' (%s:%u): %s", s,
      op_desc(node->op)->name, graph_text(p->graph, node->name ? node->name : node->scope),
      node->loc ? plan_text(x->plan, loc->file) : "", node->loc ? loc->line : 0, x->error);
}

Status executor_steps(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_prepare(x, program, diag));
  if (!x->touched) pool_run(x->pool, touch, x, TOUCH_PARTS);
  x->touched = true;
  const PlanProgram *p = &x->plan->programs[program];
  for (uint32_t s = 0; s < p->n_steps; s++) {
    Step *step = &x->programs[program].steps[s];
    int64_t begin = x->measure ? now_ns() : 0;
    x->step = step;
    x->step_index = s;
    uint32_t phases = kernel_phases(step->kernel);
    for (x->phase = 0; x->phase < phases; x->phase++)
      pool_run(x->pool, run_task, x, kernel_tasks(step->kernel, x->phase));
    if (x->measure) step->ns += now_ns() - begin;
    if (atomic_load(&x->status) != STATUS_OK) return fail_step(x, program, s, diag);
  }
  return STATUS_OK;
}

/* No value of a commit lies in another state's bytes, except the one that is committed there too
 * (ops/verify_plan.c), so copies can follow each other. */
void executor_commit(Executor *x, uint32_t program) {
  const PlanProgram *p = &x->plan->programs[program];
  for (uint32_t i = 0; i < p->graph->n_commits; i++) {
    const Commit *c = &p->graph->commits[i];
    int64_t from = p->node_offset[c->value], to = x->plan->state_offset[c->state];
    if (from != to)
      memcpy(x->arena + to, x->arena + from, (size_t)value_bytes(&p->graph->nodes[c->value]));
  }
}

Status executor_run(Executor *x, uint32_t program, Diag *diag) {
  TRY(executor_steps(x, program, diag));
  executor_commit(x, program);
  return STATUS_OK;
}

Status executor_save(Executor *x, Diag *diag) {
  size_t bytes = (size_t)x->plan->state_bytes;
  if (!x->saved) x->saved = malloc(bytes ? bytes : 1);
  if (!x->saved) return diag_no_memory(diag, bytes);
  memcpy(x->saved, x->arena, bytes);
  return STATUS_OK;
}

void executor_restore(Executor *x) {
  if (x->saved) memcpy(x->arena, x->saved, (size_t)x->plan->state_bytes);
}

/* ---- access ---- */

bool executor_input(const Executor *x, uint32_t program, const char *name, Tensor *out) {
  const PlanProgram *p = &x->plan->programs[program];
  for (NodeId id = 1; id < p->graph->n_nodes; id++) {
    const Node *node = &p->graph->nodes[id];
    if (node->op != OP_INPUT || p->node_offset[id] == OFFSET_NONE) continue;
    if (strcmp(graph_text(p->graph, (uint32_t)node_attr_int(p->graph, id, INPUT_NAME)), name) != 0)
      continue;
    *out = (Tensor){x->arena + p->node_offset[id], (DType)node->dtype, node->shape};
    return true;
  }
  return false;
}

Tensor executor_output(const Executor *x, uint32_t program, uint32_t index) {
  const PlanProgram *p = &x->plan->programs[program];
  NodeId id = p->graph->outputs[index].node;
  const Node *node = &p->graph->nodes[id];
  return (Tensor){x->arena + p->node_offset[id], (DType)node->dtype, node->shape};
}

Tensor executor_state(const Executor *x, uint32_t state) {
  const State *s = &x->plan->states[state];
  return (Tensor){x->arena + x->plan->state_offset[state], (DType)s->dtype, s->shape};
}

Pool *executor_pool(const Executor *x) {
  return x->pool;
}
const Plan *executor_plan(const Executor *x) {
  return x->plan;
}

uint32_t executor_tasks(const Executor *x, uint32_t program) {
  uint32_t n = 0;
  for (uint32_t s = 0; s < x->plan->programs[program].n_steps; s++) {
    const Kernel *kernel = x->programs[program].steps[s].kernel;
    for (uint32_t phase = 0; phase < kernel_phases(kernel); phase++)
      n += kernel_tasks(kernel, phase);
  }
  return n;
}

void executor_observe(Executor *x, TaskObserver observer, void *context) {
  x->observer = observer;
  x->observer_context = context;
}

void executor_measure(Executor *x, bool on) {
  x->measure = on;
  for (uint32_t i = 0; i < x->plan->n_programs; i++)
    for (uint32_t s = 0; x->programs[i].steps && s < x->plan->programs[i].n_steps; s++)
      x->programs[i].steps[s].ns = 0;
}

void executor_times(const Executor *x, uint32_t program, StepTime *out) {
  const PlanProgram *p = &x->plan->programs[program];
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const Step *step = &x->programs[program].steps[s];
    out[s] = (StepTime){kernel_implementation(step->kernel), p->step_nodes[p->steps[s].first],
                        p->steps[s].count, step->ns};
  }
}
