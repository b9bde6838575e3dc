/* What `graphrun info` says of a plan. */
#include "tests/support.h"

#include <sys/wait.h>

static char *info(const char *plan, int *code) {
  char line[1200];
  snprintf(line, sizeof line, "%s info %s 2>&1", getenv("GRAPHRUN"), plan);
  FILE *pipe = popen(line, "r");
  char *text = NULL;
  size_t size = 0;
  if (!pipe || getdelim(&text, &size, 0, pipe) < 0) exit(1);
  int status = pclose(pipe);
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return text;
}

static void says(const char *text, const char *line) {
  CU_ASSERT_PTR_NOT_NULL(strstr(text, line));
  if (!strstr(text, line)) printf("missing: %s\n", line);
}

static void test_cdvm(void) {
  const char *defines[] = {"@models/small.defs", "batch_ids=3", "lr=0.0625"};
  Compiled c = support_compile("models/cdvm.xml", defines, 3, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  const char *plan = support_path("info.plan.xml");
  CU_ASSERT_EQUAL_FATAL(plan_write(c.plan, ops_table(), plan, c.diag), STATUS_OK);
  int code;
  char *text = info(plan, &code), line[128];
  CU_ASSERT_EQUAL(code, 0);
  snprintf(line, sizeof line, "memory      state %lld bytes, arena %lld bytes",
           (long long)c.plan->state_bytes, (long long)plan_arena_bytes(c.plan));
  says(text, line);
  snprintf(line, sizeof line, "model       cdvm %016llx, f32, plan version %d",
           (unsigned long long)c.plan->model_hash, PLAN_VERSION);
  says(text, line);
  says(text, "domains (identities): market1501 (751) cuhk03 (843) cuhk01 (971)");
  says(text, "identities x images: 3 x 2 rows of a domain");
  says(text, "resize 128 x 64, pad and crop 5, flip 0.5");
  says(text, "    inner_lr = lr * 1\n");
  says(text, "    lr=0.0625\n");
  says(text, "program step/cuhk01 (train, holds out cuhk01)");
  says(text, "batch of 2 x 3 x 2 rows (groups, units, rows of a unit): 3 shards");
  says(text, "    images                           f32  (3, 6, 128, 64, 3)");
  says(text, "    train/total                      f32  ()");
  says(text, "program evaluate (evaluate)");
  for (uint32_t i = 0; i < c.plan->n_states; i++) {
    snprintf(line, sizeof line, "\n    %s ", plan_text(c.plan, c.plan->states[i].name));
    says(text, line);
  }
  free(text);
  support_release(&c);
}

/* A plan that another version of graphc wrote, and a file that is none. */
static void test_refusals(void) {
  static const char *const contents[] = {"", "hello\n", "<plan version='0'/>\n"};
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    int code;
    char *text = info(support_write("no.plan.xml", contents[i]), &code);
    CU_ASSERT_EQUAL(code, 1);
    says(text, "no.plan.xml");
    says(text, "error: ");
    free(text);
  }
}

/* A checkpoint is told apart from other files that are no plans; info says what it holds. */
static void test_no_plan(void) {
  static const char file[] = "\2\0\0\0\0\0\0\0{}";
  FILE *out = fopen(support_path("c.safetensors"), "wb");
  CU_ASSERT_FATAL(out && fwrite(file, 1, sizeof file - 1, out) == sizeof file - 1);
  fclose(out);
  int code;
  char *text = info(support_path("c.safetensors"), &code);
  CU_ASSERT_EQUAL(code, 0);
  says(text, "weights     safetensors\ntensors     0, 0 elements\n");
  free(text);
  Diag *diag = diag_create();
  Plan *plan;
  CU_ASSERT_EQUAL(
      plan_read(support_path("c.safetensors"), ops_table(), targets_table(), diag, &plan),
      STATUS_INVALID);
  text = support_messages(diag);
  says(text, "c.safetensors: error: this is a safetensors file (a checkpoint?), no plan\nhint: a ");
  says(text, "exec and eval --weights=F");
  free(text);
  diag_destroy(diag);
  text = info(support_write("m.xml", "<model name='m'/>\n"), &code);
  says(text, "m.xml: error: this is no plan\nhint: graphc MODEL.xml makes a plan from a model\n");
  free(text);
}

int main(void) {
  static const SupportTest tests[] = {
      {"cdvm", test_cdvm}, {"refusals", test_refusals}, {"no plan", test_no_plan}};
  return support_run("info", tests, sizeof tests / sizeof *tests);
}
