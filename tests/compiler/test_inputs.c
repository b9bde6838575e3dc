/* The verifier and the plan's list of inputs: what could feed the wrong value is refused. */
#include "kernels/targets.h"
#include "ops/verify.h"
#include "tests/support.h"

static Compiled compile(void) {
  const char *path = support_write(
      "m.xml", "<model name='m' xmlns='urn:graphc:model:1'><program name='p'>"
               "<input name='a' shape='2'/><input name='b' shape='2'/><input name='c' shape='3'/>"
               "<parameter name='w' shape='2' value='1'/>"
               "<expr name='y' value='sum(a * w) - sum(b)'/><output value='y'/></program></model>");
  Compiled c = support_compile(path, NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

static void swap_nodes(Plan *plan, PlanInput *in) {
  (void)plan;
  NodeId node = in[0].node;
  in[0].node = in[1].node;
  in[1].node = node;
}
static void repeat_name(Plan *plan, PlanInput *in) {
  (void)plan;
  in[2].name = in[1].name;
}
static void take_state_name(Plan *plan, PlanInput *in) {
  in[2].name = plan->states[0].name;
}
static void claim_node(Plan *plan, PlanInput *in) {
  (void)plan;
  in[2].node = in[0].node;
}
static void change_shape(Plan *plan, PlanInput *in) {
  (void)plan;
  in[0].shape.dim[0] = 3;
}
static void change_type(Plan *plan, PlanInput *in) {
  (void)plan;
  in[0].dtype = DTYPE_F64;
}
static void deny_need(Plan *plan, PlanInput *in) {
  (void)plan;
  in[0].node = NODE_NONE;
}
static void other_node(Plan *plan, PlanInput *in) {
  in[0].node = plan->programs[0].graph->n_nodes - 1;
}
static void lose_one(Plan *plan, PlanInput *in) {
  (void)in;
  plan->programs[0].n_inputs = 1;
}
static void repeat_state(Plan *plan, PlanInput *in) {
  (void)in;
  plan->states[0].name = plan->states[1].name;
}

static void test_refused(void) {
  static const struct {
    const char *what;
    void (*change)(Plan *plan, PlanInput *in);
    const char *message;
  } rows[] = {
      {"two swapped", swap_nodes, "the input 'a' of program 'p' is another node"},
      {"a name twice", repeat_name, "the input 'b' of program 'p' has the name of another"},
      {"a state's name", take_state_name,
       "the input 'w' of program 'p' has the name of another or"},
      {"a node that is another's", claim_node, "the input 'c' of program 'p' is another node"},
      {"another shape", change_shape, "the input 'a' of program 'p' is another node"},
      {"another type", change_type, "the input 'a' of program 'p' is another node"},
      {"needed and not said", deny_need, "program 'p' has inputs without a name"},
      {"no input at all", other_node, "the input 'a' of program 'p' is another node"},
      {"not listed", lose_one, "program 'p' has inputs without a name"},
      {"two states of a name", repeat_state, "two states are named 'v'"},
  };
  const char *path = support_write(
      "two.xml", "<model name='m' xmlns='urn:graphc:model:1'><program name='p'>"
                 "<input name='a' shape='2'/><input name='b' shape='2'/><input name='c' shape='3'/>"
                 "<parameter name='w' shape='2' value='1'/><parameter name='v' shape='2'/>"
                 "<expr name='y' value='sum(a * w) - sum(b * v)'/><output value='y'/></program>"
                 "</model>");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Compiled c = support_compile(path, NULL, 0, DTYPE_F32);
    CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
    diag_clear(c.diag);
    rows[i].change(c.plan, c.plan->programs[0].inputs);
    CU_ASSERT_EQUAL(verify_plan(c.plan, "plan", c.diag), STATUS_INVALID);
    char *text = support_messages(c.diag);
    if (!strstr(text, rows[i].message)) printf("\n%s: %s", rows[i].what, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, rows[i].message));
    free(text);
    support_release(&c);
  }
}

/* As declared, in this order, with what is not needed; and the same after the file. */
static void test_list(void) {
  static const char *const names[] = {"a", "b", "c"};
  Compiled c = compile();
  const char *path = support_path("m.plan.xml");
  Plan *read = NULL;
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), path, c.diag), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(plan_read(path, ops_table(), targets_table(), c.diag, &read), STATUS_OK);
  const Plan *plans[] = {c.plan, read};
  for (int k = 0; k < 2; k++) {
    const PlanProgram *p = &plans[k]->programs[0];
    CU_ASSERT_EQUAL_FATAL(p->n_inputs, 3);
    for (uint32_t i = 0; i < 3; i++) {
      CU_ASSERT_STRING_EQUAL(plan_text(plans[k], p->inputs[i].name), names[i]);
      CU_ASSERT_PTR_EQUAL(plan_input_find(p, names[i]), &p->inputs[i]);
      CU_ASSERT_EQUAL(p->inputs[i].node == NODE_NONE, i == 2);
      CU_ASSERT_EQUAL(p->inputs[i].shape.dim[0], i == 2 ? 3 : 2);
    }
    CU_ASSERT_PTR_NULL(plan_input_find(p, "w"));
    CU_ASSERT_PTR_NULL(plan_input_find(p, "nowhere"));
  }
  plan_destroy(read);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"inputs as declared", test_list},
                                      {"lists that do not fit the graph", test_refused}};
  return support_run("inputs", tests, sizeof tests / sizeof *tests);
}
