/* Watches: what training warns of, how often, and what it prints of them. */
#include "tests/runtime/train/train_test.h"

/* `size` is the step's number times `factor`; a run of 40 steps. */
static const char *plan_of(const char *name, const char *factor) {
  char text[1200], file[64];
  snprintf(text, sizeof text,
           "<model name='%s' xmlns='urn:graphc:model:1'>"
           "<program name='step' kind='train'><input name='at'/><parameter name='w' shape='1'/>"
           "<expr name='size' value='at * %s'/><expr name='loss' value='sum(w)'/>"
           "<output value='loss'/><output value='size'/></program>"
           "<training steps='40' warmup-steps='0'/><schedule name='at' value='step'/>"
           "<watch output='size' above='2' message='it grew' hint='keep it small'/>"
           "</model>",
           name, factor);
  snprintf(file, sizeof file, "%s.xml", name);
  return train_plan(name, support_write(file, text), NULL, 0);
}

/* A run's stdout and stderr, for the caller to free. */
static char *printed(const TrainOptions *options) {
  const char *path = support_path("printed");
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    int out = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    Diag *diag = diag_create();
    Status status = train_run(options, diag);
    diag_print(diag, stderr);
    fflush(stdout);
    _exit(status == STATUS_OK ? 0 : 1);
  }
  int code = -1;
  CU_ASSERT(child > 0 && waitpid(child, &code, 0) == child);
  CU_ASSERT_EQUAL(code, 0);
  FILE *in = fopen(path, "r");
  char *text = calloc(1, 20000);
  if (in && text) text[fread(text, 1, 19999, in)] = 0;
  if (in) fclose(in);
  return text;
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)); at++) n++;
  return n;
}

static void says(const char *text, const char *what) {
  if (!strstr(text, what)) printf("\nexpected: %s\nprinted: %s", what, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
}

/* Values 0, 1, 2, ...: 3 is the first above 2, 30 the first that is ten times as much. */
static void test_warns(void) {
  TrainOptions o = {.plan = plan_of("grows", "1"), .out = support_path("grows"), .threads = 1};
  char *text = printed(&o);
  CU_ASSERT_EQUAL(count(text, "warning: "), 2);
  says(text, "warning: step 3: 'size' is 3, above 2: it grew\n");
  says(text, "hint: keep it small\n");
  says(text, "warning: step 30: 'size' is 30, above 2: it grew\n");
  says(text, "\n'size' was above 2 in 37 of 40 steps, at most 39 (step 39)\n");
  says(text, "size 39 "); /* the line of progress */
  CU_ASSERT_EQUAL(train_mean(o.out, 39, 40, "size"), 39);
  free(text);
}

/* A bound that is reached is not exceeded, and nothing is said of it but its value. */
static void test_silent(void) {
  TrainOptions o = {.plan = plan_of("stays", "2 / 39"), .out = support_path("stays"), .threads = 1};
  char *text = printed(&o);
  CU_ASSERT_EQUAL(count(text, "warning"), 0);
  CU_ASSERT_EQUAL(count(text, "was above"), 0);
  says(text, "size 2 ");
  free(text);
}

/* --quiet leaves the warnings: they are no progress. */
static void test_quiet(void) {
  TrainOptions o = {
      .plan = plan_of("grows", "1"), .out = support_path("quiet"), .threads = 1, .quiet = true};
  char *text = printed(&o);
  CU_ASSERT_EQUAL(count(text, "warning: "), 2);
  CU_ASSERT_EQUAL(count(text, "was above"), 0);
  free(text);
}

/* What a small variant of CDVM watches: a |J^T v| / |v|, which a step of second order has, and
 * L_inv. */
static void watched(const char *set, const char *set_too, const char *first, const char *second) {
  const char *defines[] = {
      "width=2", "blocks=1 1 1 1", "height=16", "image_width=16", "batch_ids=2", "V=1",
      set,       set_too};
  const char *want[] = {first, second};
  uint32_t n_want = second ? 2 : first ? 1 : 0;
  Compiled c = support_compile("models/cdvm_small.xml", defines, 8, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(c.plan->n_watches, n_want);
  for (uint32_t i = 0; i < n_want; i++)
    CU_ASSERT_STRING_EQUAL(plan_text(c.plan, c.plan->watches[i].output), want[i]);
  support_release(&c);
}

static void test_models(void) {
  watched("meta=on", "order=2", "norm/ratio", "train/inv");
  watched("meta=on", "order=1", "train/inv", NULL);
  watched("meta=off", "encoders=on", "train/inv", NULL);
  watched("meta=off", "encoders=off", NULL, NULL);
}

int main(void) {
  static const SupportTest tests[] = {
      {"warns of the first value, and of ten times as much", test_warns},
      {"a bound that is kept", test_silent},
      {"quiet", test_quiet},
      {"what models watch", test_models},
  };
  return support_run("watch", tests, sizeof tests / sizeof *tests);
}
