/* A node's epoch says that it is to be computed anew: equal values of different epochs stay nodes
 * of their own through every pass that copies, and through a plan that is written and read. */
#include "tests/compiler/program_lab.h"

#include "compiler/rewrite.h"
#include "compiler/simplify.h"
#include "kernels/targets.h"
#include "tests/support.h"
#include "tests/values.h"

enum { EPOCHS = 3 };

/* One bit for each epoch of the nodes of an op.  After fusion a clone that a unit made for itself
 * has the epoch of its node plus a multiple of EPOCHS. */
static unsigned epochs_of(const Graph *g, uint32_t op) {
  unsigned seen = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == op) seen |= 1u << g->nodes[id].stamp.epoch % EPOCHS;
  return seen;
}

/* Of ops of every kind that passes treat: kept in a unit (tanh), made where they are read (neg),
 * folded anew (mul, broadcast), views, moves, products. */
static const OpId kinds[] = {OP_TANH,      OP_NEG,    OP_MUL,        OP_BROADCAST,
                             OP_TRANSPOSE, OP_MATMUL, OP_REDUCE_SUM, OP_RESHAPE};
#define ALL ((1u << EPOCHS) - 1)

static void check(const Graph *g, const char *pass) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (epochs_of(g, kinds[i]) != ALL) {
      printf("\n  after %s: %s has epochs %x\n", pass, op_desc(kinds[i])->name,
             epochs_of(g, kinds[i]));
      CU_FAIL("see above");
    }
}

static void make(Lab *lab) {
  Emitter *e = &lab->e;
  NodeId x = lab_input(lab, DTYPE_F64, 2, (int64_t[]){5, 5});
  NodeId row = lab_input(lab, DTYPE_F64, 2, (int64_t[]){1, 5});
  for (uint32_t i = 0; i < EPOCHS; i++) {
    char name[16];
    e->stamp = (Stamp){.epoch = i, .order = (uint8_t)i, .role = ROLE_OUTER};
    NodeId y = emit_unary(e, OP_TANH, emit_mul(e, x, row));
    NodeId turned = emit_transpose(e, emit_neg(e, y), (int64_t[]){1, 0});
    NodeId z = emit_matmul(e, turned, y, false, false);
    NodeId sum = emit_scalar(e, emit_reduce_sum(e, emit_mul(e, emit_neg(e, z), y), AXES_ALL));
    snprintf(name, sizeof name, "out%u", i);
    graph_add_output(lab->graph, strings_intern(lab->symbols->strings, name), sum, true);
  }
  e->stamp = (Stamp){0};
}

/* Equal bits: all epochs are the same computation. */
static void check_values(Lab *lab, const Plan *plan) {
  Executor *executor = NULL;
  CU_ASSERT_EQUAL_FATAL(executor_create(plan, 1, lab->diag, &executor), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(executor_prepare(executor, 0, lab->diag), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(lab_reference(lab), STATUS_OK);
  program_feed(lab, executor);
  CU_ASSERT_EQUAL_FATAL(executor_run(executor, 0, lab->diag), STATUS_OK);
  double first = tensor_get(&(Tensor){value_output(executor, 0, 0).data, DTYPE_F64, {0}}, 0);
  for (uint32_t i = 0; i < EPOCHS; i++) {
    Tensor t = value_output(executor, 0, i);
    CU_ASSERT(lab_error(lab, lab->graph->outputs[i].node, t.data, 1) < 1e-12);
    CU_ASSERT_EQUAL(tensor_get(&t, 0), first);
  }
  executor_destroy(executor);
}

static void test_passes(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  make(&lab);
  CU_ASSERT_EQUAL_FATAL(lab.e.status, STATUS_OK);
  check(lab.graph, "emission");
  Graph *g = graph_copy(lab.graph);
  CU_ASSERT_EQUAL_FATAL(rewrite_graph(&g, NULL, NULL, lab.diag), STATUS_OK);
  check(g, "a rewrite");
  CU_ASSERT_EQUAL_FATAL(rewrite_inputs(&g, (const char *[]){"none"}, 1, lab.diag), STATUS_OK);
  check(g, "values as inputs");
  CU_ASSERT_EQUAL_FATAL(simplify(&g, lab.diag), STATUS_OK);
  check(g, "simplify");
  graph_destroy(g);
  Plan *plan = program_compile(&lab, NULL, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  check(plan->programs[0].graph, "all passes");
  check_values(&lab, plan);
  program_release(plan);
  lab_free(&lab);
}

/* Every field of a stamp outlives a pass and the file. */
static void test_stamp(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F64, 1);
  Emitter *e = &lab.e;
  NodeId x = lab_input(&lab, DTYPE_F64, 2, (int64_t[]){6, 2});
  Stamp want = {
      .scope = strings_intern(lab.symbols->strings, "a/b"),
      .loc = symbols_loc(lab.symbols, 0, 41, 3, 0),
      .epoch = 2,
      .role = ROLE_UPDATE,
      .order = 3,
      .batch = (uint8_t)graph_add_batch(lab.graph, (Batch){.groups = 1, .units = 3, .unit = 2})};
  e->stamp = want;
  NodeId y = emit_unary(e, OP_TANH, x);
  graph_add_output(lab.graph, strings_intern(lab.symbols->strings, "y"), y, true);
  Plan *plan = program_compile(&lab, NULL, 0), *read = NULL;
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  const char *path = support_path("stamp.plan");
  CU_ASSERT_EQUAL_FATAL(plan_write(plan, ops_table(), path, lab.diag), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(plan_read(path, ops_table(), targets_table(), lab.diag, &read), STATUS_OK);
  for (int k = 0; k < 2; k++) {
    const Graph *g = (k ? read : plan)->programs[0].graph;
    const Node *node = &g->nodes[g->outputs[0].node];
    CU_ASSERT_STRING_EQUAL(graph_text(g, node->stamp.scope), "a/b");
    CU_ASSERT_EQUAL(g->symbols->locs[node->stamp.loc].line, 41);
    CU_ASSERT_EQUAL(node->stamp.epoch, want.epoch);
    CU_ASSERT_EQUAL(node->stamp.role, want.role);
    CU_ASSERT_EQUAL(node->stamp.order, want.order);
    CU_ASSERT_EQUAL(g->batches[node->stamp.batch].units, 3);
  }
  plan_destroy(read);
  program_release(plan);
  lab_free(&lab);
}

LAB_MAIN("epochs", {"every pass that copies", test_passes}, {"a stamp is kept", test_stamp})
