/* Every ablation compiles at its own size and at the small one, runs a step there, and leaves
 * nothing of what it turns off behind: no parameter, no node, no random site. */
#include "tests/support.h"
#include "tests/values.h"

#include "graph/base/philox.h"
#include "runtime/execute/execute.h"
#include "runtime/execute/init.h"

#include <fnmatch.h>
#include <math.h>

/* What is left; SMALL: looked at in the small size alone; FIRST: order 1, PLAIN: no meta step. */
enum {
  ENCODERS = 1,
  DOM = 2,
  ATTR = 4,
  SITES = 8,
  WS = 16,
  META = 32,
  SECOND = 64,
  HALF = 128,
  SMALL = 256
};
#define ALL (ENCODERS | DOM | ATTR | SITES | WS | META | SECOND)

static const struct {
  const char *file;
  int left;
} ablations[] = {
    {"table4_baseline", META | SECOND},
    {"table4_dis", ENCODERS | DOM | WS | META | SECOND},
    {"table4_aug", ENCODERS | SITES | META | SECOND},
    {"table4_attr", ATTR | META | SECOND},
    {"table4_all", ALL},
    {"table5_no_ws", ENCODERS | DOM | META | SECOND},
    {"table6_determined", ENCODERS | DOM | WS | META | SECOND},
    {"table6_elastic", ENCODERS | DOM | WS | SITES | META | SECOND},
    {"figure4a_V1", ALL},
    {"figure4a_V2", ALL},
    {"figure4a_V4", ALL},
    {"figure4a_V8", ALL},
    {"figure4a_V16", ALL},
    {"order1", ALL & ~SECOND},
    {"plain", ALL & ~META & ~SECOND},
    {"table4_equal_capacity", ENCODERS | META | SECOND | SMALL},
    {"metatest_others", ALL | SMALL},
    {"test_ensemble", ALL | SMALL},
    {"test_global_only", ALL | SMALL},
    {"eq6_printed", ALL | SMALL},
    {"eq6_invariant", ALL | SMALL},
    {"style_half", ALL | HALF | SMALL},
    {"centres_parameters", ALL | SMALL},
    {"plain_between", ALL | SMALL},
};
#define N_ABLATIONS (sizeof ablations / sizeof *ablations)

static uint32_t count_states(const Plan *plan, const char *pattern) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    n += fnmatch(pattern, plan_text(plan, plan->states[i].name), 0) == 0;
  return n;
}

static uint32_t count_nodes(const PlanProgram *p, const char *scope) {
  uint32_t n = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    n += fnmatch(scope, graph_text(p->graph, p->graph->nodes[id].stamp.scope), 0) == 0;
  return n;
}

static uint32_t count_random(const PlanProgram *p) {
  uint32_t n = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++) n += p->graph->nodes[id].op == OP_RANDOM;
  return n;
}

static uint32_t highest_order(const PlanProgram *p) {
  uint32_t order = 0;
  for (NodeId id = 1; id < p->graph->n_nodes; id++)
    if (p->graph->nodes[id].stamp.order > order) order = p->graph->nodes[id].stamp.order;
  return order;
}

static void check_left(const Plan *plan, int left) {
  const PlanProgram *p = &plan->programs[0];
  CU_ASSERT_EQUAL(count_states(plan, "stage?/local*") > 0, (left & ENCODERS) != 0);
  CU_ASSERT_EQUAL(count_states(plan, "*stage?/fuse/*") > 0, (left & ENCODERS) != 0);
  CU_ASSERT_EQUAL(count_nodes(p, "*stage?/local*") > 0, (left & ENCODERS) != 0);
  CU_ASSERT_EQUAL(count_nodes(p, "*stage?/fuse*") > 0, (left & ENCODERS) != 0);
  CU_ASSERT_EQUAL(count_states(plan, "*stage?/dom/*"), left & DOM ? 16 : 0); /* and momentum */
  CU_ASSERT_EQUAL(count_nodes(p, "*stage?/dom*") > 0, (left & DOM) != 0);
  CU_ASSERT_EQUAL(count_states(plan, "*stage?/attr/*") > 0, (left & ATTR) != 0);
  CU_ASSERT_EQUAL(count_nodes(p, "*stage?/attr*") > 0, (left & ATTR) != 0);
  CU_ASSERT_EQUAL(count_nodes(p, "*stage?/ws*") > 0, (left & WS) != 0);
  CU_ASSERT_EQUAL(count_random(p), (left & SITES ? 4u : 0u) + (left & HALF ? 1u : 0u));
  CU_ASSERT_EQUAL(strncmp(plan_text(plan, p->name), "step/", 5) == 0, (left & META) != 0);
  CU_ASSERT_EQUAL(highest_order(p) > 1, (left & SECOND) != 0);
}

static void fill(const Plan *plan, const Tensor *t, const char *name) {
  uint64_t site = philox_site(name);
  bool labels = strcmp(name, "labels") == 0, images = strcmp(name, "images") == 0;
  int64_t n = shape_count(&t->shape);
  for (int64_t i = 0; i < n; i++) {
    double rate = strcmp(name, "lambda") == 0 ? 1 : strcmp(name, "seed") == 0 ? 3 : 1e-3;
    double value = images ? philox_uniform(1, 0, site, (uint64_t)i) : rate;
    if (strcmp(name, "step") == 0) value = 0;
    if (labels) value = (double)(i / 2 % plan->training.ids[0]);
    tensor_set(t, i, value);
  }
}

/* One step of the first program; every scalar is finite, and some weight moves. */
static void run_step(const Compiled *c) {
  static const char *const inputs[] = {"images", "labels", "lr",  "inner_lr",
                                       "lambda", "seed",   "step"};
  Executor *x;
  CU_ASSERT_EQUAL_FATAL(
      executor_create_with(c->plan, &(ExecutorOptions){.threads = 2}, c->diag, &x), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(init_states(x, 1, c->diag), STATUS_OK);
  uint32_t weight = plan_state_find(c->plan, "stem/conv/weight");
  CU_ASSERT_NOT_EQUAL_FATAL(weight, UINT32_MAX);
  Tensor stem = value_state(x, weight), t;
  double before = tensor_get(&stem, 0);
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
    if (executor_input(x, 0, inputs[i], &t)) fill(c->plan, &t, inputs[i]);
  Status status = executor_run(x, 0, c->diag);
  if (status != STATUS_OK) diag_print(c->diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  const Graph *g = c->plan->programs[0].graph;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor out = value_output(x, 0, i);
    if (out.shape.rank == 0) CU_ASSERT(isfinite(tensor_get(&out, 0)));
  }
  stem = value_state(x, weight);
  CU_ASSERT_NOT_EQUAL(tensor_get(&stem, 0), before);
  CU_ASSERT(isfinite(tensor_get(&stem, 0)));
  executor_destroy(x);
}

/* ---- what a reading changes against the base, at the small size ---- */

static int64_t count_parameters(const Plan *plan) {
  int64_t n = 0;
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (plan->states[i].kind == STATE_PARAMETER) n += shape_count(&plan->states[i].shape);
  return n;
}

/* Multiply-adds of the first program, which trains, and of the one that evaluates. */
static int64_t count_macs(const Plan *plan, bool evaluates) {
  for (uint32_t i = 0; evaluates && i < plan->n_programs; i++)
    if (plan->programs[i].kind == PROGRAM_EVALUATE) return plan->programs[i].macs;
  return plan->programs[0].macs;
}

static int sign(int64_t x) {
  return (x > 0) - (x < 0);
}

static const struct {
  const char *file;
  int64_t parameters; /* more than the base's; -2892: D_s, -1984: the attributes' networks */
  int step, eval;     /* whether there is more work, or less */
} changes[] = {
    {"table4_equal_capacity", -2892 - 1984, -1, -1},
    {"metatest_others", 0, 1, 0},
    {"test_ensemble", 0, 0, 1},
    {"test_global_only", 0, 0, -1},
    {"eq6_printed", 0, 0, 0},
    {"eq6_invariant", 0, 0, 0},
    {"style_half", 0, 0, 0},
    {"centres_parameters", (int64_t)(751 + 843 + 971) * 512, 0, 0},
    {"plain_between", 0, 1, 0},
};

/* Of the base, and of plain steps. */
static struct { int64_t parameters, step, eval, plain_step; } base;

/* `file` at the small size, after the base and the plain step. */
static void check_change(const char *file, const Plan *plan) {
  int64_t parameters = count_parameters(plan), step = count_macs(plan, false);
  int64_t eval = count_macs(plan, true);
  if (strcmp(file, "plain") == 0) base.plain_step = step;
  if (strcmp(file, "table4_all") == 0) {
    base.parameters = parameters;
    base.step = step;
    base.eval = eval;
  }
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    if (strcmp(file, changes[i].file) != 0) continue;
    CU_ASSERT_EQUAL(parameters - base.parameters, changes[i].parameters);
    CU_ASSERT_EQUAL(sign(step - base.step), changes[i].step);
    CU_ASSERT_EQUAL(sign(eval - base.eval), changes[i].eval);
  }
  if (strcmp(file, "plain_between") == 0) /* a plain step more, and nothing else */
    CU_ASSERT_EQUAL(step - base.step, base.plain_step);
}

static void test_ablations(void) {
  static const char *const small[] = {"@models/small.defs"};
  for (size_t i = 0; i < N_ABLATIONS; i++) {
    char path[128];
    snprintf(path, sizeof path, "models/ablations/%s.xml", ablations[i].file);
    for (uint32_t n = ablations[i].left & SMALL ? 1 : 0; n < 2; n++) {
      Compiled c = support_compile(path, small, n, DTYPE_F32);
      if (c.status != STATUS_OK) diag_print(c.diag, stdout);
      CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
      unsigned before = CU_get_number_of_failures();
      check_left(c.plan, ablations[i].left);
      if (n) {
        check_change(ablations[i].file, c.plan);
        run_step(&c);
      }
      if (CU_get_number_of_failures() != before) printf("\n  in %s\n", path);
      support_release(&c);
    }
  }
}

int main(void) {
  static const SupportTest tests[] = {{"each ablation", test_ablations}};
  return support_run("ablations", tests, sizeof tests / sizeof *tests);
}
