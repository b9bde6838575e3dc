/* Every op of the table: shapes, kernels against the reference, in-place results, multiply-adds. */
#include "kernels/cpu/target.h"
#include "ops/fuse_rules.h"
#include "tests/ops/op_rows.h"

#define F32_TOLERANCE 3e-6
#define F64_TOLERANCE 2e-14

static void fail(const OpCase *c, const char *what, NodeId id) {
  char text[300];
  printf("\n  %s: node %u (%s): %s\n", case_text(c, text, sizeof text), id,
         id ? op_desc(c->lab.graph->nodes[id].op)->name : "none", what);
  CU_FAIL("see above");
}

/* ---- the table has a row for every op, and every row builds ---- */

static void test_complete(void) {
  const OpTable *table = ops_table();
  uint32_t *rows = calloc(table->count, sizeof *rows);
  CU_ASSERT_PTR_NOT_NULL_FATAL(rows);
  for (size_t i = 0; i < N_OP_ROWS; i++) rows[op_table_find(table, op_rows[i].op)]++;
  CU_ASSERT_EQUAL(rows[0], 0); /* a row that names no op */
  for (uint32_t op = 1; op < table->count; op++) {
    if (table->ops[op]->op_class == OP_CLASS_COLLECTIVE) continue; /* tests/runtime/ranks */
    if (!rows[op]) printf("\n  op '%s' has no row in tests/ops/op_rows.h\n", table->ops[op]->name);
    CU_ASSERT(rows[op] > 0);
  }
  free(rows);
}

/* Expressions give a function nothing but operands, and find it by its name. */
static void check_function(const OpTable *table, uint32_t i) {
  const OpDesc *op = table->ops[i];
  if (!op->function) return;
  CU_ASSERT(op->op_class == OP_CLASS_ELEMENTWISE || op->expand);
  CU_ASSERT(op->n_attrs == 0 && op->n_inputs >= 1 && op->n_inputs <= 3);
  for (uint32_t k = 1; k < i; k++)
    CU_ASSERT(!table->ops[k]->function || strcmp(table->ops[k]->function, op->function) != 0);
}

/* What a descriptor must hold whatever its op is. */
static void test_descriptors(void) {
  const OpTable *table = ops_table();
  for (uint32_t i = 1; i < table->count; i++) {
    const OpDesc *op = table->ops[i];
    bool composite = op->op_class == OP_CLASS_COMPOSITE;
    CU_ASSERT(op->doc && *op->doc);
    CU_ASSERT_EQUAL(composite, i >= OP_PRIMITIVE_COUNT);
    CU_ASSERT_EQUAL(composite, op->expand != NULL);
    CU_ASSERT(composite || (op->infer && op->vjp));
    CU_ASSERT(!composite || (op->n_results >= 1 && op->n_results <= COMPOSITE_RESULTS_MAX));
    CU_ASSERT(op->n_results < 2 || op->results);
    CU_ASSERT(op->n_attrs <= 16);
    CU_ASSERT(!(op->no_gradient >> op->n_inputs));
    CU_ASSERT_EQUAL(op_table_find(table, op->name), i);
    CU_ASSERT(!op->commutes || op->n_inputs == 2);
    check_function(table, i);
  }
}

static void check_shapes(const OpCase *c) {
  const char *at = c->row->results;
  for (uint32_t i = 0; i < c->n_results; i++) {
    Shape shape;
    at = parse_shape(c->row, at + (*at == ' '), &shape);
    if (!shape_equal(&shape, &c->lab.graph->nodes[c->results[i]].shape))
      fail(c, "another shape than the row states", c->results[i]);
  }
  if (*at) fail(c, "the row states more results than there are", 0);
  int64_t macs = 0;
  for (NodeId id = 1; id < c->forward_end; id++) macs += node_macs(c->lab.graph, id);
  if (macs != c->row->macs) fail(c, "other multiply-adds than the row states", c->results[0]);
}

static void test_shapes(void) {
  for (size_t i = 0; i < N_OP_ROWS; i++) {
    DType types[DTYPE_COUNT];
    uint32_t n = case_types(&op_rows[i], types);
    for (uint32_t t = 0; t < n; t++) {
      OpCase c;
      if (case_init(&c, &op_rows[i], types[t], 1))
        check_shapes(&c);
      else
        CU_FAIL("see above");
      case_free(&c);
    }
  }
}

/* ---- kernels ---- */

static uint32_t in_place[OP_PRIMITIVE_COUNT]; /* by op: operands that were written over */

/* Over each operand that the planner may give a result's place, the same bits come out. */
static void check_in_place(OpCase *c, NodeId id) {
  const Graph *g = c->lab.graph;
  const Node *node = &g->nodes[id];
  LabRun run = {.nodes = &id, .n_nodes = 1, .outputs = &id, .n_outputs = 1, .work_bytes = -1};
  for (uint32_t i = 0; i < node->n_inputs && i < 32; i++) {
    if (!fuse_in_place(&target_cpu, g, id, id, node_input(g, id, i))) continue;
    NodeId inputs[256];
    void *apart, *over;
    uint32_t n = lab_inputs(&c->lab, &run, inputs);
    run.share = -1;
    Status status = lab_run(&c->lab, &run, &apart, NULL);
    for (uint32_t k = 0; k < n; k++)
      if (inputs[k] == node_input(g, id, i)) run.share = (int)k;
    if (status == STATUS_OK) status = lab_run(&c->lab, &run, &over, NULL);
    if (status != STATUS_OK || memcmp(apart, over, lab_bytes(&c->lab, id)) != 0)
      fail(c, "other bits over an operand", id);
    in_place[node->op]++;
    free(apart);
    free(over);
  }
}

static void check_kernels(OpCase *c) {
  char text[300], what[340];
  if (lab_reference(&c->lab) != STATUS_OK) {
    fail(c, "no reference", 0);
    return;
  }
  const Graph *g = c->lab.graph;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op == OP_INPUT || g->nodes[id].op == OP_STATE) continue;
    snprintf(what, sizeof what, "%s: node %u", case_text(c, text, sizeof text), id);
    double tolerance = g->nodes[id].dtype == DTYPE_F32 ? F32_TOLERANCE : F64_TOLERANCE;
    if (g->nodes[id].op == OP_REDUCE_SUM) tolerance *= 100; /* terms may cancel */
    CU_ASSERT(lab_check(&c->lab, &id, 1, &id, 1, tolerance, what));
    check_in_place(c, id);
  }
}

/* The forward graph of every row, and the graphs of its first and second derivative: what a step
 * of training runs. */
static void test_kernels(void) {
  for (size_t i = 0; i < N_OP_ROWS; i++) {
    DType types[DTYPE_COUNT];
    uint32_t n = case_types(&op_rows[i], types);
    for (uint32_t t = 0; t < n; t++) {
      OpCase c;
      NodeId gradients[CASE_INPUTS_MAX];
      if (!case_init(&c, &op_rows[i], types[t], 1)) continue; /* test_shapes reports it */
      if (c.id != OP_STATE && c.id != OP_INPUT) {
        NodeId scalar = case_project(&c, c.results, c.n_results);
        for (int order = 1; scalar && order <= 2; order++) {
          CU_ASSERT(case_gradient(&c, scalar, gradients));
          scalar = case_project(&c, gradients, c.n_by);
        }
        check_kernels(&c);
      }
      case_free(&c);
    }
  }
}

/* Runs after test_kernels: every elementwise op was written over an operand, as plans do it. */
static void test_in_place(void) {
  for (uint32_t op = 1; op < OP_PRIMITIVE_COUNT; op++) {
    bool compares = op == OP_LESS || op == OP_LESS_EQUAL || op == OP_EQUAL;
    bool may = op_desc(op)->op_class == OP_CLASS_ELEMENTWISE && !compares;
    if (may && !in_place[op]) printf("\n  '%s' never ran in place\n", op_desc(op)->name);
    CU_ASSERT_EQUAL(may, in_place[op] > 0);
  }
}

LAB_MAIN("ops", {"a row for every op", test_complete}, {"descriptors", test_descriptors},
         {"shapes and multiply-adds", test_shapes}, {"kernels", test_kernels},
         {"in place", test_in_place})
