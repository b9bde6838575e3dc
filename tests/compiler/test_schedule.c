/* The order of steps: what runs at once, and what waits for the readers of a state. */
#include "tests/compiler/program_lab.h"

static State state_of(Lab *lab, const char *name, int64_t n) {
  return (State){.name = strings_intern(lab->symbols->strings, name),
                 .dtype = DTYPE_F32,
                 .shape = {2, {n, n}}};
}

static void output(Lab *lab, const char *name, NodeId node) {
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, name), node, true);
}

static uint32_t step_of(const PlanProgram *p, NodeId id) {
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++)
      if (p->step_nodes[p->steps[s].first + k] == id) return s;
  CU_FAIL_FATAL("in no step");
  return 0;
}

/* The update comes last in program order and could run at once, for it frees what it takes; run
 * before the product, which reads the old weight, it could not be written over that. */
static void test_commit_waits(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  Emitter *e = &lab.e;
  State states[] = {state_of(&lab, "w", 32), state_of(&lab, "m", 32)};
  NodeId w = emit_state(e, 0, DTYPE_F32, &states[0].shape);
  NodeId m = emit_state(e, 1, DTYPE_F32, &states[1].shape);
  NodeId g = lab_input(&lab, DTYPE_F32, 2, (int64_t[]){32, 32});
  NodeId late = emit_matmul(e, emit_matmul(e, m, m, false, false), w, false, false);
  NodeId next = emit_sub(e, w, g);
  output(&lab, "late", late);
  graph_add_commit(lab.graph, 0, next);
  Plan *plan = program_compile(&lab, states, 2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  const PlanProgram *p = &plan->programs[0];
  NodeId value = p->graph->commits[0].value;
  CU_ASSERT(step_of(p, value) > step_of(p, p->graph->outputs[0].node));
  CU_ASSERT_EQUAL(p->node_offset[value], plan->state_offset[0]);
  program_release(plan);
  lab_free(&lab);
}

/* Of the steps that are ready, one that frees as many bytes as it takes comes before one that
 * stands earlier and takes more. */
static void test_eager(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  Emitter *e = &lab.e;
  State states[] = {state_of(&lab, "x", 32), state_of(&lab, "y", 32), state_of(&lab, "m", 32)};
  NodeId x = emit_state(e, 0, DTYPE_F32, &states[0].shape);
  NodeId y = emit_state(e, 1, DTYPE_F32, &states[1].shape);
  NodeId m = emit_state(e, 2, DTYPE_F32, &states[2].shape);
  NodeId a = emit_matmul(e, x, m, false, false);
  NodeId b = emit_matmul(e, y, m, false, false);
  NodeId c = emit_matmul(e, a, m, false, false);
  output(&lab, "b", b);
  output(&lab, "c", c);
  Plan *plan = program_compile(&lab, states, 3);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  const PlanProgram *p = &plan->programs[0];
  CU_ASSERT_EQUAL(p->n_steps, 3);
  CU_ASSERT_EQUAL(step_of(p, p->graph->outputs[1].node), 1);
  CU_ASSERT_EQUAL(step_of(p, p->graph->outputs[0].node), 2);
  program_release(plan);
  lab_free(&lab);
}

/* Nothing frees anything: program order. */
static void test_program_order(void) {
  Lab lab;
  lab_init(&lab, DTYPE_F32, 1);
  Emitter *e = &lab.e;
  State states[] = {state_of(&lab, "x", 32), state_of(&lab, "m", 32)};
  NodeId x = emit_state(e, 0, DTYPE_F32, &states[0].shape);
  NodeId m = emit_state(e, 1, DTYPE_F32, &states[1].shape);
  for (int i = 0; i < 4; i++) {
    char name[16];
    snprintf(name, sizeof name, "y%d", i);
    output(&lab, name, emit_matmul(e, i & 1 ? x : m, i & 2 ? x : m, false, false));
  }
  Plan *plan = program_compile(&lab, states, 2);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  const PlanProgram *p = &plan->programs[0];
  for (uint32_t i = 0; i < 4; i++) CU_ASSERT_EQUAL(step_of(p, p->graph->outputs[i].node), i);
  program_release(plan);
  lab_free(&lab);
}

LAB_MAIN("schedule", {"a commit waits", test_commit_waits}, {"what frees comes first", test_eager},
         {"program order", test_program_order})
