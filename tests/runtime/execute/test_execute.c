/* The executor: a step that fails says where, and the next run is as if it had not been; commits,
 * and states that were set. */
#include "runtime/execute/execute.h"
#include "tests/support.h"
#include "tests/values.h"

static const char *const model = "<model name='m' xmlns='urn:graphc:model:1'>\n<program name='p'>\n"
                                 "<input name='index' shape='3' dtype='i32'/>\n"
                                 "<parameter name='table' shape='4 2' value='5'/>\n"
                                 "<state name='count' shape='1' value='0'/>\n"
                                 "<gather name='rows' in='table' index='index'/>\n"
                                 "<expr name='more' value='count + 1'/>\n"
                                 "<commit state='count' value='more'/>\n"
                                 "<output value='rows'/>\n</program>\n</model>\n";

typedef struct Run {
  Compiled c;
  Executor *x;
} Run;

static Run start(uint32_t threads) {
  Run r = {.c = support_compile(support_write("m.xml", model), NULL, 0, DTYPE_F32)};
  if (r.c.status != STATUS_OK) diag_print(r.c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(r.c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(executor_create(r.c.plan, threads, r.c.diag, &r.x), STATUS_OK);
  uint32_t table = plan_state_find(r.c.plan, "table");
  Tensor t = value_state(r.x, table);
  for (int i = 0; i < 8; i++) tensor_set(&t, i, i);
  values_send(r.x);
  return r;
}

static void finish(Run *r) {
  executor_destroy(r->x);
  support_release(&r->c);
}

static Status run_with(const Run *r, int a, int b, int c, Diag *diag) {
  Tensor t;
  CU_ASSERT_FATAL(executor_input(r->x, 0, "index", &t));
  tensor_set(&t, 0, a);
  tensor_set(&t, 1, b);
  tensor_set(&t, 2, c);
  return executor_run(r->x, 0, diag);
}

static double count_of(const Run *r) {
  Tensor t = value_state(r->x, plan_state_find(r->c.plan, "count"));
  return tensor_get(&t, 0);
}

static void test_failure(void) {
  static const int bad[][3] = {{4, 0, 0}, {0, -1, 0}, {0, 1, 1000000}};
  for (uint32_t threads = 1; threads <= 2; threads++) {
    Run r = start(threads);
    for (int i = 0; i < 3; i++) {
      Diag *diag = diag_create();
      double before = count_of(&r);
      CU_ASSERT_EQUAL(run_with(&r, bad[i][0], bad[i][1], bad[i][2], diag), STATUS_INVALID);
      char *text = support_messages(diag);
      CU_ASSERT_EQUAL(diag_error_count(diag), 1);
      CU_ASSERT_PTR_NOT_NULL(strstr(text, "gather 'rows' ("));
      CU_ASSERT_PTR_NOT_NULL(strstr(text, "m.xml:6): gather: index "));
      CU_ASSERT_PTR_NOT_NULL(strstr(text, " is outside 0..3\nhint: "));
      free(text);
      diag_destroy(diag);
      CU_ASSERT_EQUAL(run_with(&r, 3, 0, 2, r.c.diag), STATUS_OK);
      Tensor rows = value_output(r.x, 0, 0);
      static const double expected[] = {6, 7, 0, 1, 4, 5};
      for (int k = 0; k < 6; k++) CU_ASSERT_EQUAL(tensor_get(&rows, k), expected[k]);
      /* A program that fails is committed only as far as its plan writes into states. */
      CU_ASSERT(count_of(&r) == before + 1 || count_of(&r) == before + 2);
    }
    finish(&r);
  }
}

static void test_commits(void) {
  Run r = start(1);
  for (int i = 1; i <= 3; i++) {
    CU_ASSERT_EQUAL(run_with(&r, 0, 0, 0, r.c.diag), STATUS_OK);
    CU_ASSERT_EQUAL(count_of(&r), i);
  }
  Tensor count = value_state(r.x, plan_state_find(r.c.plan, "count"));
  tensor_set(&count, 0, 7);
  values_send(r.x);
  CU_ASSERT_EQUAL(run_with(&r, 0, 0, 0, r.c.diag), STATUS_OK);
  CU_ASSERT_EQUAL(count_of(&r), 8);
  finish(&r);
}

int main(void) {
  static const SupportTest tests[] = {{"a step that fails", test_failure},
                                      {"commits", test_commits}};
  return support_run("execute", tests, sizeof tests / sizeof *tests);
}
