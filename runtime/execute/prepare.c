/* Prepares programs: a kernel for each step, with the addresses that it works on; what its commits
 * copy; what its inputs send. */
#include "ops/ops.h"
#include "runtime/execute/executor.h"

#include <stdlib.h>

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
  CollectivePart *part;
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

static bool is_meeting(const PlanProgram *p, const PlanStep *step) {
  return op_meets(p->graph->nodes[p->step_nodes[step->first]].op);
}

/* A step in which ranks meet: each of its members is a part of what they exchange. */
static void prepare_meeting(Preparer *r, const PlanStep *step, Step *out) {
  const Graph *g = r->p->graph;
  const NodeId *nodes = &r->p->step_nodes[step->first];
  char *arena = r->x->arena;
  out->meet = (DeviceCollective){.kind = g->nodes[nodes[0]].op == OP_ALL_REDUCE ? COLLECTIVE_SUM
                                                                                : COLLECTIVE_GATHER,
                                 .parts = r->part,
                                 .n_parts = step->count,
                                 .work = step->work_bytes ? arena + step->work_offset : NULL};
  for (uint32_t k = 0; k < step->count; k++) {
    NodeId in = node_input(g, nodes[k], 0);
    *r->part++ =
        (CollectivePart){(DType)g->nodes[in].dtype, shape_count(&g->nodes[in].shape),
                         arena + r->p->node_offset[in], arena + r->p->node_offset[nodes[k]]};
  }
}

static Status prepare_step(Preparer *r, uint32_t s, Step *out, Diag *diag) {
  const PlanStep *step = &r->p->steps[s];
  char *arena = r->x->arena;
  if (is_meeting(r->p, step)) {
    prepare_meeting(r, step, out);
    return STATUS_OK;
  }
  KernelSpec spec = {.graph = r->p->graph,
                     .nodes = &r->p->step_nodes[step->first],
                     .n_nodes = step->count,
                     .inputs = r->inputs,
                     .n_inputs = step_inputs(r, s),
                     .outputs = r->outputs,
                     .n_outputs = step_outputs(r, step),
                     .shards = r->x->plan->shards,
                     .rank = r->x->ranks ? r->x->ranks->rank : 0,
                     .work_bytes = step->work_bytes};
  out->args = (KernelArgs){.inputs = (const void *const *)r->pointer,
                           .outputs = r->pointer + spec.n_inputs,
                           .work = step->work_bytes ? arena + step->work_offset : NULL};
  for (uint32_t i = 0; i < spec.n_inputs; i++)
    *r->pointer++ = arena + r->p->node_offset[r->inputs[i]];
  for (uint32_t i = 0; i < spec.n_outputs; i++)
    *r->pointer++ = arena + r->p->node_offset[r->outputs[i]];
  const DeviceTable *t = r->x->table;
  void *context = t->context ? t->context(r->x->device) : NULL;
  KernelError error;
  Status status = t->backend->create(context, &spec, &error, &out->kernel);
  if (status == STATUS_OK) return STATUS_OK;
  return executor_step_failed(r->x, status, (uint32_t)(r->p - r->x->plan->programs), s, NULL,
                              error.text, diag);
}

static Status finish_kernels(Executor *x, uint32_t program, Diag *diag) {
  const DeviceTable *t = x->table;
  KernelError error;
  if (!t->backend->finish) return STATUS_OK;
  Status status = t->backend->finish(t->context ? t->context(x->device) : NULL, &error);
  if (status == STATUS_OK) return STATUS_OK;
  return diag_error(diag, status, plan_text(x->plan, x->plan->programs[program].name), NULL,
                    "its kernels cannot be prepared for the device '%s': %s", t->name, error.text);
}

static void count(Preparer *r, uint32_t *out_pointers, uint32_t *out_parts) {
  *out_pointers = *out_parts = 1; /* not none: NULL is no memory */
  for (uint32_t s = 0; s < r->p->n_steps; s++) {
    const PlanStep *step = &r->p->steps[s];
    if (is_meeting(r->p, step))
      *out_parts += step->count;
    else
      *out_pointers += step_inputs(r, s) + step_outputs(r, step);
  }
}

/* What is committed where the plan did not write it straight into its state. */
static Status list_commits(const Executor *x, const PlanProgram *p, Prepared *out, Diag *diag) {
  const Graph *g = p->graph;
  out->commits = calloc(g->n_commits + 1u, sizeof *out->commits);
  if (!out->commits) return diag_no_memory(diag, g->n_commits * sizeof *out->commits);
  for (uint32_t i = 0; i < g->n_commits; i++) {
    const Commit *c = &g->commits[i];
    int64_t from = p->node_offset[c->value], to = x->plan->state_offset[c->state];
    if (from == to) continue;
    out->commits[out->n_commits++] =
        (DeviceCopy){x->arena + to, x->arena + from, (size_t)value_bytes(&g->nodes[c->value])};
  }
  return STATUS_OK;
}

void executor_release(Executor *x, uint32_t program) {
  Prepared *p = &x->programs[program];
  for (uint32_t s = 0; p->steps && s < x->plan->programs[program].n_steps; s++)
    if (p->steps[s].kernel) x->table->backend->destroy(p->steps[s].kernel);
  free(p->steps);
  free(p->pointers);
  free(p->parts);
  free(p->inputs);
  free(p->commits);
  *p = (Prepared){0};
}

static Status check_alone(const Executor *x, const PlanProgram *p, Diag *diag) {
  bool meet = false;
  for (NodeId id = 1; id < p->graph->n_nodes && !x->ranks; id++)
    meet |= op_desc(p->graph->nodes[id].op)->op_class == OP_CLASS_COLLECTIVE;
  if (!meet) return STATUS_OK;
  char hint[120];
  snprintf(hint, sizeof hint, "--ranks=%u starts as many; graphc without --ranks compiles for one",
           x->plan->ranks);
  return diag_error(diag, STATUS_INVALID, plan_place(x->plan), hint,
                    "program '%s' is for %u ranks, and this process runs alone",
                    plan_text(x->plan, p->name), x->plan->ranks);
}

Status executor_prepare(Executor *x, uint32_t program, Diag *diag) {
  const PlanProgram *p = &x->plan->programs[program];
  Prepared *prepared = &x->programs[program];
  if (prepared->steps) return STATUS_OK;
  TRY(check_alone(x, p, diag));
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
  uint32_t pointers = 0, parts = 0;
  if (have) count(&r, &pointers, &parts);
  prepared->pointers = have ? calloc(pointers, sizeof *prepared->pointers) : NULL;
  prepared->parts = have ? calloc(parts, sizeof *prepared->parts) : NULL;
  r.pointer = prepared->pointers;
  r.part = prepared->parts;
  Status status =
      r.pointer && r.part ? STATUS_OK : diag_no_memory(diag, p->graph->n_nodes * sizeof(void *));
  for (uint32_t s = 0; status == STATUS_OK && s < p->n_steps; s++)
    status = prepare_step(&r, s, &prepared->steps[s], diag);
  if (status == STATUS_OK) status = finish_kernels(x, program, diag);
  free(r.step_of);
  free(r.inputs);
  free(r.outputs);
  if (status == STATUS_OK) status = executor_spread(x, program, prepared, diag);
  if (status == STATUS_OK) status = list_commits(x, p, prepared, diag);
  if (status == STATUS_OK) status = executor_input_copies(x, program, prepared, diag);
  if (status != STATUS_OK) executor_release(x, program);
  return status;
}
