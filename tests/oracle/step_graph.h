/* The graph of one training step of CDVM as the build pass leaves it, every node in f64 by the
 * reference kernels, with states and inputs by the closed formula. */
#ifndef TESTS_ORACLE_STEP_GRAPH_H
#define TESTS_ORACLE_STEP_GRAPH_H

#include "compiler/pipeline.h"
#include "tests/ops/replay.h"
#include "tests/oracle/formula.h"
#include "tests/support.h"

/* Away from 1, so that a factor that is left out or taken twice shows. */
#define STEP_INNER_LR 0.03
#define STEP_LAMBDA 0.7

typedef struct StepGraph {
  Diag *diag;
  Model *model;
  Plan *plan;
  Lab lab; /* only graph, diag, values */
  const PlanProgram *program;
  double draws; /* factor on e */
  uint32_t n;   /* trainable parameters */
  uint32_t *states;
} StepGraph;

static inline const char *step_parameter(const StepGraph *s, uint32_t k) {
  return plan_text(s->plan, s->plan->states[s->states[k]].name);
}

/* The node of output PREFIX + name; NODE_NONE when the step has none. */
static inline NodeId step_output(const StepGraph *s, const char *prefix, const char *name) {
  const Graph *g = s->lab.graph;
  char text[512];
  snprintf(text, sizeof text, "%s%s", prefix, name);
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (strcmp(graph_text(g, g->outputs[i].name), text) == 0) return g->outputs[i].node;
  return NODE_NONE;
}

/* The value of a field's tensor; NULL when the step computes none: 0 everywhere. */
static inline const double *step_field(const StepGraph *s, const char *prefix, uint32_t k) {
  NodeId id = step_output(s, prefix, step_parameter(s, k));
  return id ? s->lab.values[id] : NULL;
}

static inline void step_fill(StepGraph *s, NodeId id) {
  const Graph *g = s->lab.graph;
  Tensor t = {lab_value(&s->lab, id), (DType)g->nodes[id].dtype, g->nodes[id].shape};
  if (g->nodes[id].op == OP_STATE) {
    const State *state = &s->plan->states[node_attr_int(g, id, STATE_INDEX)];
    formula_state(plan_text(s->plan, state->name), &t);
    return;
  }
  const char *name = graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME));
  if (strcmp(name, "images") == 0)
    formula_images(&t, false);
  else if (strcmp(name, "labels") == 0)
    formula_labels(&t, 2);
  else if (strncmp(name, "e/", 2) == 0) {
    formula_draws(name, &t);
    for (int64_t i = 0; i < shape_count(&t.shape); i++)
      tensor_set(&t, i, s->draws * tensor_get(&t, i));
  } else
    tensor_set(&t, 0, strcmp(name, "lambda") == 0 ? STEP_LAMBDA : STEP_INNER_LR);
}

/* Computes what the outputs need. */
static inline void step_compute(StepGraph *s) {
  const Graph *g = s->lab.graph;
  NodeId *targets = calloc(g->n_outputs + 1, sizeof *targets);
  for (uint32_t i = 0; i < g->n_outputs; i++) targets[i] = g->outputs[i].node;
  bool *needed = replay_needed(g, targets, g->n_outputs);
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint32_t n = g->nodes[id].n_inputs;
    if (!needed[id]) continue;
    if (lab_given(&s->lab, id)) {
      step_fill(s, id);
      continue;
    }
    const void **inputs = calloc(n + 1, sizeof *inputs);
    void *out = lab_value(&s->lab, id);
    for (uint32_t i = 0; i < n; i++) inputs[i] = lab_value(&s->lab, node_input(g, id, i));
    CU_ASSERT_EQUAL_FATAL(reference_run(g, id, inputs, out, s->diag), STATUS_OK);
    free(inputs);
  }
  free(needed);
  free(targets);
}

/* The program at width 8 and 32x16 images, computed. */
static inline StepGraph step_open(const char *path, const char *program, double draws) {
  static const char *const keep[] = {"F:*", "v:*", "JTv:*", "u:*", "G:*", "theta1:*", "*/inv"};
  static const char *const inputs[] = {"e/*"};
  const char *defines[] = {"width=8", "height=32", "image_width=16", "batch_ids=2", "ids=8 8 8"};
  ModelOptions options = {.path = path, .root = ".", .defines = defines, .n_defines = 5};
  BuildOptions build = {.precision = precision_find("f64"),
                        .shards = 1,
                        .keep = keep,
                        .n_keep = sizeof keep / sizeof *keep,
                        .inputs = inputs,
                        .n_inputs = 1};
  StepGraph s = {.diag = diag_create(), .draws = draws};
  Status status = model_load(&options, ops_table(), s.diag, &s.model);
  if (status == STATUS_OK) status = build_plan(s.model, &build, s.diag, &s.plan);
  if (status != STATUS_OK) diag_print(s.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  uint32_t at = plan_program_find(s.plan, program);
  CU_ASSERT_NOT_EQUAL_FATAL(at, UINT32_MAX);
  s.program = &s.plan->programs[at];
  s.lab = (Lab){.graph = s.program->graph, .diag = s.diag};
  s.states = calloc(s.plan->n_states + 1, sizeof *s.states);
  for (uint32_t i = 0; i < s.plan->n_states; i++)
    if (s.plan->states[i].trainable) s.states[s.n++] = i;
  step_compute(&s);
  return s;
}

static inline void step_close(StepGraph *s) {
  for (uint32_t i = 0; i < s->lab.n_values; i++) free(s->lab.values[i]);
  free(s->lab.values);
  free(s->states);
  pipeline_release(s->plan);
  model_destroy(s->model);
  diag_destroy(s->diag);
}

#endif
