/* Names of values: the nearest scope's first, then outwards; `/` names from the top. */
#include "runtime/execute/execute.h"
#include "tests/support.h"
#include "tests/values.h"

static const char *const model =
    "<model name='m' xmlns='urn:graphc:model:1'>\n<program name='p'>\n"
    "<constant name='x' values='1'/>\n"
    "<constant name='top' values='10'/>\n"
    "<scope name='a'>\n"
    "  <constant name='x' values='2'/>\n"
    "  <constant name='middle' values='20'/>\n"
    "  <scope name='b'>\n"
    "    <scope name='c'>\n"
    "      <neg name='outwards' in='x'/>\n" /* a/x: b has none yet */
    "      <neg name='absolute' in='/x'/>\n"
    "      <neg name='from-middle' in='middle'/>\n"
    "      <neg name='from-top' in='top'/>\n"
    "    </scope>\n"
    "    <constant name='x' values='3'/>\n"
    "    <scope name='d'>\n"
    "      <neg name='nearest' in='x'/>\n"
    "      <neg name='by-path' in='a/x'/>\n" /* from the top: no scope around has an a */
    "      <constant name='x' values='4'/>\n"
    "      <neg name='own' in='x'/>\n"
    "      <neg name='cousin' in='c/outwards'/>\n"
    "    </scope>\n"
    "  </scope>\n"
    "</scope>\n"
    "<scope name='last'><constant name='out' values='7'/></scope>\n"
    "<neg name='result' in='last'/>\n" /* a scope's name is its value `out` */
    "<scope name='deep'><scope name='out'><scope name='out'><constant name='out' values='8'/>\n"
    "</scope></scope><neg name='inner' in='out'/></scope>\n"
    "<neg name='through' in='deep'/>\n" /* and so on */
    "<output value='a/b/c/outwards'/><output value='a/b/c/absolute'/>\n"
    "<output value='a/b/c/from-middle'/><output value='a/b/c/from-top'/>\n"
    "<output value='a/b/d/nearest'/><output value='a/b/d/by-path'/><output value='a/b/d/own'/>\n"
    "<output value='a/b/d/cousin'/><output value='result'/>\n"
    "<output value='deep/inner'/><output value='through'/>\n"
    "</program>\n</model>\n";

static const double expected[] = {-2, -1, -20, -10, -3, -2, -4, 2, -7, -8, -8};

static void test_scopes(void) {
  Compiled c = support_compile(support_write("names.xml", model), NULL, 0, DTYPE_F64);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  Executor *x;
  CU_ASSERT_EQUAL_FATAL(executor_create(c.plan, 1, c.diag, &x), STATUS_OK);
  CU_ASSERT_EQUAL(executor_run(x, 0, c.diag), STATUS_OK);
  const Graph *g = c.plan->programs[0].graph;
  CU_ASSERT_EQUAL_FATAL(g->n_outputs, sizeof expected / sizeof *expected);
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    Tensor t = value_output(x, 0, i);
    if (tensor_get(&t, 0) != expected[i])
      printf("\n  %s is %g, not %g\n", graph_text(g, g->outputs[i].name), tensor_get(&t, 0),
             expected[i]);
    CU_ASSERT_EQUAL(tensor_get(&t, 0), expected[i]);
  }
  executor_destroy(x);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"scopes", test_scopes}};
  return support_run("names", tests, 1);
}
