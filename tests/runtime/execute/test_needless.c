/* Inputs that the model declares and no result depends on: accepted, and said. */
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

/* `mask` is folded away, `spare` read by nothing; only program q needs `k`. */
static const char model[] =
    "<model name='m' xmlns='urn:graphc:model:1'>\n<program name='p'><input name='x' shape='2'/>\n"
    "<input name='mask' shape='2 3'/>\n<input name='spare' dtype='i32'/>\n"
    "<relu name='h' in='x'/>\n"
    "<expr name='y' value='h + 0 * sum(mask)'/>\n"
    "<output value='y'/></program>\n"
    "<program name='q'><input name='k' shape='2'/><output value='k'/></program></model>";

static void compile(const char *options, const char *const *warnings, int n) {
  support_write("m.xml", model);
  Shell s = shell("$GRAPHC m.xml %s", options);
  int found = 0;
  for (const char *at = s.err; (at = strstr(at, "warning: ")); at++) found++;
  bool ok = s.code == 0 && found == n;
  for (int i = 0; i < n; i++) ok = ok && strstr(s.err, warnings[i]);
  if (!ok) printf("\ngraphc %s: %s", options, s.err);
  CU_ASSERT_FATAL(ok);
  shell_free(&s);
}

static const char *const declared[] = {
    "m.xml:3:1: warning: program 'p' does not need the input 'mask': nothing that it writes ",
    "m.xml:4:1: warning: program 'p' does not need the input 'spare'",
    "hint: exec takes it and does not use it"};

static float zeros[6];
static float x_values[2] = {1, -2};

/* A feed of x and one more. */
static Shell exec_with(const char *name, DType dtype, Shape shape) {
  SaveTensor tensors[2] = {{"x", DTYPE_F32, {.rank = 1, .dim = {2}}, x_values},
                           {name, dtype, shape, zeros}};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("f.st"), tensors, 2, NULL, 0, false, NULL),
                        STATUS_OK);
  return shell("rm -f o.st; $GRAPHRUN exec m.plan.xml --program=p --feed=f.st -o o.st");
}

static void test_feed(void) {
  const Shape two_three = {.rank = 2, .dim = {2, 3}}, two = {.rank = 1, .dim = {2}}, one = {0};
  compile("", declared, 2);
  Shell s = exec_with("mask", DTYPE_F32, two_three);
  CU_ASSERT_TRUE(
      shell_says("mask", s, 0, 0,
                 (const char *[]){"f.st: tensor mask: warning: program 'p' does not need "
                                  "this input: nothing depends on it\n",
                                  NULL}));
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("o.st"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "y"), 0), 1);
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "y"), 1), 0);
  safe_close(file);
  s = exec_with("mask", DTYPE_F32, two);
  CU_ASSERT_TRUE(
      shell_says("another shape", s, STATUS_INVALID, 1,
                 (const char *[]){"f.st: tensor mask: error: has the shape (2), the plan "
                                  "wants (2, 3)\nhint: ",
                                  NULL}));
  s = exec_with("spare", DTYPE_F32, one);
  CU_ASSERT_TRUE(shell_says(
      "another type", s, STATUS_INVALID, 1,
      (const char *[]){
          "f.st: tensor spare: error: holds floating-point numbers, the plan wants i32", NULL}));
  /* One feed may serve several programs; a name that none has is a mistake. */
  s = exec_with("k", DTYPE_F32, two);
  CU_ASSERT_TRUE(shell_says("another program's", s, 0, 0, (const char *[]){NULL}));
  s = exec_with("masks", DTYPE_F32, two_three);
  CU_ASSERT_TRUE(shell_says("misspelt", s, STATUS_INVALID, 1,
                            (const char *[]){"hint: did you mean 'mask'?", NULL}));
}

static void test_info(void) {
  compile("", declared, 2);
  Shell s = shell("$GRAPHRUN info m.plan.xml");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "x                                f32  (2)\n"));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(s.out, "mask                             f32  (2, 3)  not needed\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "spare                            i32  ()  not needed\n"));
  shell_free(&s);
}

/* A value that --input feeds makes needless what came before it, and may be needless itself. */
static void test_made(void) {
  static const char *const warnings[] = {"does not need the input 'x'", declared[0], declared[1]};
  static float h[2] = {5, 6};
  compile("--input=h", warnings, 3);
  SaveTensor tensors[2] = {{"x", DTYPE_F32, {.rank = 1, .dim = {2}}, x_values},
                           {"h", DTYPE_F32, {.rank = 1, .dim = {2}}, h}};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("f.st"), tensors, 2, NULL, 0, false, NULL),
                        STATUS_OK);
  Shell s = shell("$GRAPHRUN exec m.plan.xml --program=p --feed=f.st -o o.st");
  CU_ASSERT_TRUE(
      shell_says("x behind h", s, 0, 0,
                 (const char *[]){"tensor x: warning: program 'p' does not need", NULL}));
  SafeFile *file = NULL;
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("o.st"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "y"), 1), 6);
  safe_close(file);
}

/* Training supplies what the step needs, and no more. */
static void test_train(void) {
  support_write("t.xml",
                "<model name='t' xmlns='urn:graphc:model:1'><program name='p' kind='train'>"
                "<input name='labels' shape='1 2' dtype='i32'/><input name='lr'/>"
                "<parameter name='w' value='1'/><expr name='l' value='w * w + 0 * lr'/>"
                "<gradient name='G' of='l'/><commit field='theta' value='theta - 0.1 * G'/>"
                "<output value='l'/></program><training steps='2' warmup-steps='0'/></model>");
  Shell s = shell("$GRAPHC t.xml");
  CU_ASSERT_TRUE(shell_says("t.xml", s, 0, 0,
                            (const char *[]){"program 'p' does not need the input 'labels'",
                                             "program 'p' does not need the input 'lr'", NULL}));
  s = shell("$GRAPHC t.xml 2>&1 | grep -c 'has no schedule'");
  CU_ASSERT_STRING_EQUAL(s.out, "0\n");
  shell_free(&s);
  s = shell("$GRAPHRUN train t.plan.xml --out=o --quiet");
  CU_ASSERT_TRUE(shell_says("train", s, 0, 0, (const char *[]){NULL}));
  s = shell("rm -r o; $GRAPHRUN train t.plan.xml --out=o --quiet --data=nothing");
  CU_ASSERT_TRUE(shell_says("--data", s, 0, 0,
                            (const char *[]){"--data: warning: the model reads no images", NULL}));
}

/* Names by which two things would be fed. */
static void test_collisions(void) {
  static const struct {
    const char *inside, *options, *message;
  } rows[] = {
      {"<pass name='t'><parameter name='w' shape='2'/><relu name='y' in='w'/></pass>\n"
       "<input name='w' shape='2'/><expr name='z' value='sum(w) + sum({t/y})'/>",
       "", "m.xml:3:1: error: the input 'w' has the name of a state (m.xml:2)\n"},
      {"<pass name='t'><parameter name='w' shape='2'/></pass>\n"
       "<expr name='w' value='{t/w} + 1'/><expr name='z' value='sum(w)'/>",
       "--input=w", "error: the input 'w' has the name of a state (m.xml:2)"},
      {"<random name='r' shape='2'/>\n<input name='seed' shape='2'/>"
       "<expr name='z' value='sum(r) + sum(seed)'/>",
       "", "the input 'seed' has the name of another one, i64 () (m.xml:2)"},
      {"<random name='r' shape='2'/>\n<input name='seed' dtype='i64'/>"
       "<expr name='z' value='sum(r) + float(seed)'/>",
       "", NULL},
      {"<input name='step'/>\n<random name='r' shape='2'/><expr name='z' value='sum(r) + step'/>",
       "", "the input 'step' has the name of another one, f32 () (m.xml:2)"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[1000];
    snprintf(text, sizeof text,
             "<model name='m' xmlns='urn:graphc:model:1'><program name='p'>\n%s<output value='z'/>"
             "</program></model>",
             rows[i].inside);
    support_write("m.xml", text);
    Shell s = shell("$GRAPHC m.xml %s", rows[i].options);
    CU_ASSERT_TRUE(shell_says(rows[i].inside, s, rows[i].message ? STATUS_INVALID : 0,
                              rows[i].message ? 1 : 0, (const char *[]){rows[i].message, NULL}));
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"fed all the same", test_feed},          {"info says so", test_info},
      {"values that --input feeds", test_made}, {"training", test_train},
      {"names of two things", test_collisions},
  };
  return support_run("needless", tests, sizeof tests / sizeof *tests);
}
