/* A plan of one program from a graph that a test emitted: the passes after the build pass. */
#ifndef TESTS_COMPILER_PROGRAM_LAB_H
#define TESTS_COMPILER_PROGRAM_LAB_H

#include "compiler/pipeline.h"
#include "kernels/cpu/target.h"
#include "ops/verify.h"
#include "runtime/execute/execute.h"
#include "tests/kernels/kernel_test.h"

/* Takes the lab's graph as it is, with its outputs and commits: lab->graph is replaced by a copy.
 */
static inline Graph *graph_copy(const Graph *g) {
  Graph *copy = graph_create(g->symbols);
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint32_t n_attrs = op_desc(g->nodes[id].op)->n_attrs;
    graph_append(copy, &g->nodes[id], node_inputs(g, id), g->nodes[id].n_inputs, NULL, 0, NULL);
    for (uint32_t a = 0; a < n_attrs; a++) {
      uint32_t n;
      const int64_t *values = node_attr(g, id, a, &n);
      graph_append_attr(copy, id, values, n);
    }
  }
  for (uint32_t i = 1; i < g->n_batches; i++) graph_add_batch(copy, g->batches[i]);
  for (uint32_t i = 0; i < g->n_commits; i++)
    graph_add_commit(copy, g->commits[i].state, g->commits[i].value);
  for (uint32_t i = 0; i < g->n_outputs; i++)
    graph_add_output(copy, g->outputs[i].name, g->outputs[i].node, g->outputs[i].declared);
  return copy;
}

/* A plan over a copy of the graph.  `states` (may be NULL) are copied. NULL when a pass fails.
 * Release with program_release: the symbols stay the lab's. */
static inline Plan *program_compile_for(Lab *lab, const State *states, uint32_t n_states,
                                        const Target *target) {
  Plan *plan = plan_create(lab->symbols);
  plan->precision = precision_plain(lab->e.float_type);
  plan->shards = lab->shards;
  plan->target = target;
  plan->n_states = n_states;
  plan->states = calloc(n_states + 1, sizeof *plan->states);
  if (n_states) memcpy(plan->states, states, n_states * sizeof *states);
  plan->n_programs = 1;
  plan->programs = calloc(1, sizeof *plan->programs);
  PlanProgram *p = &plan->programs[0];
  p->name = strings_intern(lab->symbols->strings, "test");
  p->kind = PROGRAM_OTHER;
  p->graph = graph_copy(lab->graph);
  PipelineOptions options = {.verify = true};
  if (pipeline_finish(plan, &options, NULL, lab->diag) == STATUS_OK) return plan;
  diag_print(lab->diag, stdout);
  pipeline_release(plan);
  return NULL;
}

static inline Plan *program_compile(Lab *lab, const State *states, uint32_t n_states) {
  return program_compile_for(lab, states, n_states, &target_cpu);
}

/* The CPU's target, but for streams: three for kernels, one for collectives; what a step waits for
 * takes much longer than its work. */
static inline Target program_wide(void) {
  Target wide = target_cpu;
  wide.name = "wide";
  wide.streams = (StreamFacts){.compute = 3,
                               .collectives = true,
                               .launch_ns = 3000,
                               .wait_ns = 1000,
                               .macs = 20000000,
                               .bytes = 3000000,
                               .link = 200000};
  return wide;
}

/* True when no wait of the plan follows from others, and the verifier misses each of them. */
static inline bool program_needs_waits(Plan *plan, Diag *diag) {
  PlanProgram *p = &plan->programs[0];
  bool good = verify_plan(plan, "plan", diag) == STATUS_OK && verify_needless_waits(p) == 0;
  for (uint32_t k = 0; good && k < p->n_waits; k++) {
    uint32_t wait = p->waits[k], s = 0;
    while (s < p->n_steps && k >= p->steps[s].first_wait + p->steps[s].n_waits) s++;
    uint32_t *count = s < p->n_steps ? &p->steps[s].n_waits : &p->n_joins;
    memmove(&p->waits[k], &p->waits[k + 1], (p->n_waits - k - 1) * sizeof *p->waits);
    p->n_waits--, --*count;
    for (uint32_t t = s + 1; t < p->n_steps; t++) p->steps[t].first_wait--;
    good = verify_plan(plan, "plan", NULL) != STATUS_OK;
    for (uint32_t t = s + 1; t < p->n_steps; t++) p->steps[t].first_wait++;
    memmove(&p->waits[k + 1], &p->waits[k], (p->n_waits - k) * sizeof *p->waits);
    p->waits[k] = wait;
    p->n_waits++, ++*count;
    if (!good) printf("\n  nobody misses that step %u waits for step %u\n", s, wait);
  }
  return good;
}

static inline void program_release(Plan *plan) {
  pipeline_release(plan); /* the symbols are the lab's */
}

/* Copies the lab's values of all inputs that the program still has. */
static inline void program_feed(Lab *lab, Executor *executor) {
  const Graph *g = lab->graph;
  Tensor t;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_INPUT &&
        executor_input(executor, 0, graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME)), &t))
      memcpy(t.data, lab_value(lab, id), lab_bytes(lab, id));
}

#endif
