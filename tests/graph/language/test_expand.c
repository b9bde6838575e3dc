/* --expand prints a model with the same plan, and the same model gives the same bytes wherever it
 * is compiled. */
#include "ops/verify.h"
#include "tests/shell.h"

#include <glob.h>

/* The plan's bytes without places, and without how settings were written, which differ between a
 * model and its expansion. */
static char *plan_bytes(Compiled *c, size_t *length) {
  Plan *plan = c->plan;
  plan->n_written = 0;
  for (uint32_t i = 1; i < plan->symbols->n_origins; i++) plan->symbols->origins[i].loc = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) plan->states[i].loc = 0;
  for (uint32_t i = 0; i < plan->n_programs; i++) {
    PlanProgram *p = &plan->programs[i];
    for (NodeId id = 1; id < p->graph->n_nodes; id++) p->graph->nodes[id].stamp.loc = 0;
    for (uint32_t k = 0; k < p->n_inputs; k++) p->inputs[k].loc = 0;
  }
  const char *path = support_path("bytes.plan.xml");
  CU_ASSERT_EQUAL_FATAL(plan_write(plan, ops_table(), path, c->diag), STATUS_OK);
  return shell_slurp(path, length);
}

/* Reading the plan that was written last loses nothing. */
static bool same_after_reading(const char *written, size_t length) {
  Diag *diag = diag_create();
  Plan *plan;
  size_t n = 0;
  char *text = NULL;
  Status status =
      plan_read(support_path("bytes.plan.xml"), ops_table(), targets_table(), diag, &plan);
  if (status == STATUS_OK) status = verify_plan(plan, "bytes.plan.xml", diag);
  if (status == STATUS_OK)
    status = plan_write(plan, ops_table(), support_path("again.plan.xml"), diag);
  if (status == STATUS_OK) text = shell_slurp(support_path("again.plan.xml"), &n);
  diag_print(diag, stdout);
  bool same = text && n == length && memcmp(text, written, n) == 0;
  free(text);
  plan_destroy(plan);
  diag_destroy(diag);
  return same;
}

static bool same_after_expansion(const char *path, const char *const *defines, uint32_t n) {
  Compiled c = support_compile(path, defines, n, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  size_t length, n_first, n_second;
  char *text = model_expand(c.model, &length);
  const char *expanded = support_write("expanded.xml", text);
  Compiled again = support_compile(expanded, NULL, 0, DTYPE_F32);
  if (again.status != STATUS_OK) diag_print(again.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(again.status, STATUS_OK);
  bool ok = c.plan->model_hash == again.plan->model_hash;
  char *text2 = model_expand(again.model, &n_second);
  ok = ok && length == n_second && strcmp(text, text2) == 0;
  char *first = plan_bytes(&c, &n_first);
  CU_ASSERT_TRUE(same_after_reading(first, n_first));
  char *second = plan_bytes(&again, &n_second);
  ok = ok && n_first == n_second && memcmp(first, second, n_first) == 0;
  if (!ok) printf("\n%s: the expansion has another plan\n", path);
  free(text);
  free(text2);
  free(first);
  free(second);
  support_release(&c);
  support_release(&again);
  return ok;
}

/* Two domains make two training programs out of three: the elements are the same. */
static void test_cdvm(void) {
  static const char *const defines[] = {"@models/small.defs", "domains=a b", "ids=5 6"};
  CU_ASSERT_TRUE(same_after_expansion("models/cdvm.xml", defines, 3));
  glob_t paths;
  CU_ASSERT_EQUAL_FATAL(glob("models/ablations/*.xml", 0, NULL, &paths), 0);
  CU_ASSERT(paths.gl_pathc >= 24);
  for (size_t i = 0; i < paths.gl_pathc; i++)
    CU_ASSERT_TRUE(same_after_expansion(paths.gl_pathv[i], defines, 3));
  globfree(&paths);
}

static void expands(const char *path) {
  CU_ASSERT_TRUE(same_after_expansion(path, NULL, 0));
}

static void test_others(void) {
  static const char *const patterns[] = {"models/examples/*.xml", "tests/models/*.xml"};
  for (size_t k = 0; k < 2; k++) CU_ASSERT(support_each_model(patterns[k], expands) >= 5);
}

/* What could be read as something else when it is read again. */
static void test_awkward(void) {
  support_write(
      "awkward.xml",
      "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
      "<param name=\"s\" type=\"string\" value=\"a &lt; b &amp; ${'$'}{c} &quot;\" doc=\"d &lt; "
      "e\"/>\n"
      "<param name=\"l\" type=\"list\" items=\"float\" value=\"1e-3 2 1e30\"/>\n"
      "<param name=\"b\" type=\"bool\" value=\"1\"/>\n"
      "<param name=\"e\" type=\"enum\" values=\"on off\" value=\"off\" doc=\"x&#10;y\"/>\n"
      "<program name=\"p\"><parameter name=\"w\" shape=\"2\" external=\"${s}\"/>\n"
      "<expr name=\"y\" value=\"w * ${l[0]} + ${l[2]}\"/><output "
      "value=\"y\"/></program></model>\n");
  CU_ASSERT_TRUE(same_after_expansion(support_path("awkward.xml"), NULL, 0));
}

/* Working folder, path of the models, locale, size of the environment, address space: none of them
 * is in the plan. */
static void test_same_bytes(void) {
  shell_must("cp -r \"$TOP/models\" .; mkdir -p far/away; cp -r models far/away; cd far\n"
             "M=cdvm_small.xml; D='-D batch_ids=2'\n"
             "\"$GRAPHC\" away/models/$M $D -o ../1.xml >/dev/null; cd ../models/ablations\n"
             "LC_ALL=de_DE.UTF-8 LC_NUMERIC=de_DE.UTF-8 X=$(head -c 5000 /dev/zero | tr '\\0' x) "
             "\"$GRAPHC\" ../$M $D -o ../../2.xml >/dev/null; cd ../..\n"
             "\"$GRAPHC\" \"$PWD/models/$M\" -D @models/small.defs $D -o 3.xml >/dev/null\n"
             "A=; ! setarch -R true 2>/dev/null || A='setarch -R'\n"
             "$A \"$GRAPHC\" models/$M $D -o 4.xml >/dev/null\n"
             "cmp 1.xml 2.xml; cmp 1.xml 3.xml; cmp 1.xml 4.xml; ! grep -q \"$PWD\" 1.xml");
}

int main(void) {
  static const SupportTest tests[] = {{"cdvm and its ablations", test_cdvm},
                                      {"other models", test_others},
                                      {"awkward texts", test_awkward},
                                      {"same bytes", test_same_bytes}};
  return support_run("expand", tests, sizeof tests / sizeof *tests);
}
