/* Every row of the op tests, with its first and second derivatives, through all passes and the
 * executor: the same numbers as the reference finds on the graph as it was emitted. */
#include "tests/compiler/program_lab.h"
#include "tests/ops/op_rows.h"
#include "tests/values.h"

/* Results and the gradients of two orders become outputs. */
static bool add_outputs(OpCase *c) {
  NodeId values[4 * CASE_INPUTS_MAX] = {0};
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->n_results; i++) values[n++] = c->results[i];
  NodeId scalar = case_project(c, c->results, c->n_results);
  for (int order = 1; scalar && order <= 2; order++) {
    if (!case_gradient(c, scalar, &values[n])) return false;
    scalar = case_project(c, &values[n], c->n_by);
    n += c->n_by;
  }
  for (uint32_t i = 0; i < n; i++) {
    char name[32];
    snprintf(name, sizeof name, "out%u", i);
    uint32_t string = strings_intern(c->lab.symbols->strings, name);
    if (values[i] && graph_add_output(c->lab.graph, string, values[i], true) != STATUS_OK)
      return false;
  }
  return true;
}

static void compare(OpCase *c, Executor *executor) {
  const Graph *g = c->lab.graph;
  char text[300];
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor have = value_output(executor, 0, i);
    NodeId want = g->outputs[i].node;
    double error = lab_error(&c->lab, want, have.data, 1e-3);
    bool good = error <= (g->nodes[want].dtype == DTYPE_F32 ? 3e-4 : 1e-11);
    if (!good)
      printf("\n  %s: output %s is off by %g\n", case_text(c, text, sizeof text),
             graph_text(g, g->outputs[i].name), error);
    CU_ASSERT(good);
  }
}

static void run_row(const OpRow *row, DType dtype, uint64_t seed) {
  OpCase c;
  Executor *executor = NULL;
  CU_ASSERT_FATAL(case_init(&c, row, dtype, seed));
  CU_ASSERT_FATAL(add_outputs(&c));
  CU_ASSERT_EQUAL_FATAL(lab_reference(&c.lab), STATUS_OK);
  Plan *plan = program_compile(&c.lab, NULL, 0);
  CU_ASSERT_PTR_NOT_NULL(plan);
  if (plan && executor_create(plan, 2, c.lab.diag, &executor) == STATUS_OK) {
    CU_ASSERT_EQUAL(executor_prepare(executor, 0, c.lab.diag), STATUS_OK);
    program_feed(&c.lab, executor);
    CU_ASSERT_EQUAL(executor_run(executor, 0, c.lab.diag), STATUS_OK);
    compare(&c, executor);
  }
  executor_destroy(executor);
  program_release(plan);
  case_free(&c);
}

static void test_rows(void) {
  for (size_t i = 0; i < N_OP_ROWS; i++) {
    DType types[DTYPE_COUNT];
    uint32_t op = op_table_find(ops_table(), op_rows[i].op), n = case_types(&op_rows[i], types);
    for (uint32_t t = 0; t < n; t++)
      if (op != OP_STATE && op != OP_INPUT) run_row(&op_rows[i], types[t], 1);
  }
}

LAB_MAIN("programs", {"every row, compiled and run", test_rows})
