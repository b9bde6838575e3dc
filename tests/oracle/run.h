/* Runs the cases of the oracle: compiles the model with a case's -D values, sets states and inputs
 * by the closed formula, runs its programs, compares.  test_oracle_N.c takes every fourth case. */
#ifndef TESTS_ORACLE_RUN_H
#define TESTS_ORACLE_RUN_H

#include "tests/oracle/compare.h"
#include "tests/values.h"

#define ORACLE_SHARDS 4

/* "extract" is what the file calls evaluate. */
static const char *oracle_program(const Comparison *c, size_t i) {
  const json_t *programs = json_object_get(c->entry, "programs");
  const char *name = json_string_value(json_array_get(programs, i));
  return strcmp(name, "evaluate") == 0 ? "extract" : name;
}

/* Moves the programs that the case runs to the front; how many they are.  The states stay those of
 * all. */
static uint32_t oracle_choose(const Comparison *c, Plan *plan) {
  size_t n = json_array_size(json_object_get(c->entry, "programs"));
  uint32_t kept = 0;
  for (uint32_t p = 0; p < plan->n_programs; p++)
    for (size_t i = 0; i < n; i++) {
      if (strcmp(plan_text(plan, plan->programs[p].name), oracle_program(c, i)) != 0) continue;
      PlanProgram other = plan->programs[kept];
      plan->programs[kept++] = plan->programs[p];
      plan->programs[p] = other;
      break;
    }
  return kept;
}

/* The passes behind the build pass for the programs that the case runs alone, which is most of a
 * case's time: the plan has the others again when it is released. */
static Status oracle_plan(Comparison *c, const PipelineOptions *pipeline) {
  Compiled *k = &c->compiled;
  TRY(build_plan(k->model, &pipeline->build, k->diag, &k->plan));
  c->programs = k->plan->n_programs;
  k->plan->n_programs = oracle_choose(c, k->plan);
  return pipeline_finish(k->plan, pipeline, NULL, k->diag);
}

static bool oracle_compile(Comparison *c) {
  static const char *const keep[] = {
      "F:*",    "v:*",        "JTv:*",         "p:*",           "u:*",           "G:*",
      "norm/*", "????*/mu/*", "????*/sigma/*", "????*/muhat/*", "????*/sighat/*"};
  static const char *const inputs[] = {"e/*"};
  const json_t *list = json_object_get(c->entry, "defines");
  const char *defines[32];
  uint32_t n = 0;
  for (; n < json_array_size(list) && n < 32; n++)
    defines[n] = json_string_value(json_array_get(list, n));
  ModelOptions options = {.path = ORACLE_MODEL, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {.build = {.precision = precision_find("f64"),
                                        .shards = 4,
                                        .target = &target_cpu,
                                        .keep = keep,
                                        .n_keep = sizeof keep / sizeof *keep,
                                        .inputs = inputs,
                                        .n_inputs = 1}};
  Compiled *k = &c->compiled;
  k->diag = diag_create();
  k->status = model_load(&options, ops_table(), k->diag, &k->model);
  if (k->status == STATUS_OK) k->status = oracle_plan(c, &pipeline);
  if (k->status == STATUS_OK) k->status = executor_create(k->plan, 2, k->diag, &c->executor);
  if (k->status != STATUS_OK) {
    printf("\n    %s:\n", c->name);
    diag_print(k->diag, stdout);
  }
  return k->status == STATUS_OK;
}

static int64_t oracle_parameter(const Comparison *c, const char *name) {
  for (uint32_t i = 0; i < c->compiled.model->n_params; i++)
    if (strcmp(c->compiled.model->params[i].name, name) == 0)
      return strtoll(c->compiled.model->params[i].value, NULL, 10);
  return 0;
}

static void oracle_set_states(const Comparison *c) {
  for (uint32_t i = 0; i < c->compiled.plan->n_states; i++) {
    Tensor t = value_state(c->executor, i);
    formula_state(plan_text(c->compiled.plan, c->compiled.plan->states[i].name), &t);
  }
  values_send(c->executor);
}

/* Inputs must be set before every run. */
static void oracle_set_inputs(const Comparison *c) {
  const json_t *scalars = json_object_get(c->entry, "inputs");
  const Graph *g = c->compiled.plan->programs[c->program].graph;
  bool duplicates = json_object_get(c->entry, "duplicates") != NULL;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_INPUT) continue;
    const char *name = graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME));
    Tensor t;
    if (!executor_input(c->executor, c->program, name, &t)) continue;
    if (strcmp(name, "images") == 0)
      formula_images(&t, duplicates);
    else if (strcmp(name, "labels") == 0)
      formula_labels(&t, oracle_parameter(c, "batch_images"));
    else if (strncmp(name, "e/", 2) == 0)
      formula_draws(name, &t);
    else if (json_object_get(scalars, name))
      tensor_set(&t, 0, json_number_value(json_object_get(scalars, name)));
    else
      CU_FAIL("an input that the oracle does not know");
  }
}

static bool oracle_run_program(Comparison *c, const char *program) {
  c->program = plan_program_find(c->compiled.plan, program);
  if (c->program == UINT32_MAX) {
    printf("\n    %s: no program %s", c->name, program);
    return false;
  }
  Status status = executor_prepare(c->executor, c->program, c->compiled.diag);
  if (status == STATUS_OK) oracle_set_inputs(c);
  if (status == STATUS_OK) status = executor_run(c->executor, c->program, c->compiled.diag);
  if (status != STATUS_OK) diag_print(c->compiled.diag, stdout);
  return status == STATUS_OK;
}

static void oracle_case(const Oracle *o, const char *name, const json_t *entry) {
  Comparison c = {.oracle = o, .name = name, .entry = entry};
  bool ok = oracle_compile(&c);
  if (ok) oracle_set_states(&c);
  size_t n = json_array_size(json_object_get(entry, "programs"));
  for (size_t i = 0; ok && i < n; i++) ok = oracle_run_program(&c, oracle_program(&c, i));
  if (ok) compare_all(&c);
  CU_ASSERT_TRUE(ok);
  CU_ASSERT_TRUE(c.compared > 0);
  CU_ASSERT_EQUAL(c.fields, json_object_size(json_object_get(entry, "fields")));
  CU_ASSERT_EQUAL(c.deviations, 0);
  if (c.deviations > ORACLE_MAX_PRINTED)
    printf("\n    %s: %u deviations in all", name, c.deviations);
  printf("\n    %-40s %.2g of the tolerance", name, c.worst);
  executor_destroy(c.executor);
  if (c.compiled.plan) c.compiled.plan->n_programs = c.programs;
  support_release(&c.compiled);
}

/* Under the sanitizers a step is slow: the default's, and one of each other kind of program. */
static bool oracle_chosen(size_t index, const char *name, size_t shard) {
#ifdef __SANITIZE_ADDRESS__
  static const char *const few[] = {"default", "meta=off", "stats_gradient=1",
                                    "evaluate,test_style=mean"};
  return index < SIZE_MAX && strcmp(name, few[shard]) == 0;
#else
  const char *only = getenv("ORACLE_CASE");
  return only ? strcmp(name, only) == 0 : index % ORACLE_SHARDS == shard;
#endif
}

/* A case that is renamed, or misspelt in ORACLE_CASE, must not pass by not running. */
static inline void oracle_run(size_t shard) {
  Oracle o = oracle_open();
  const char *name, *only = getenv("ORACLE_CASE");
  json_t *entry;
  size_t index = 0, ran = 0, least = 1;
#ifndef __SANITIZE_ADDRESS__
  if (only && !json_object_get(o.cases, only)) {
    printf("\n    ORACLE_CASE=%s: there is no case of this name\n", only);
    CU_FAIL("see above");
  }
  least = only ? 0 : 18;
#else
  (void)only;
#endif
  json_object_foreach(o.cases, name, entry) {
    if (!oracle_chosen(index++, name, shard)) continue;
    oracle_case(&o, name, entry);
    ran++;
  }
  CU_ASSERT_TRUE(index > 70);
  CU_ASSERT_TRUE(ran >= least);
  oracle_close(&o);
}

#endif
