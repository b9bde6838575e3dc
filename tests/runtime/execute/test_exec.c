/* `graphrun exec` as a user runs it: feeds, fetches, states after the step, messages. */
#include "tests/support.h"

#include "runtime/execute/safetensors.h"

#include <math.h>
#include <sys/wait.h>

static const char model[] =
    "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
    "<program name=\"p\">\n"
    "<input name=\"x\" shape=\"2 3\"/><input name=\"k\" shape=\"2\" dtype=\"i32\"/>\n"
    "<parameter name=\"w\" shape=\"3\" value=\"2\"/><state name=\"old\" shape=\"3\"/>\n"
    "<expr name=\"y\" value=\"x * w\"/><expr name=\"hidden\" value=\"y + 1\"/>\n"
    "<expr name=\"s\" value=\"sum(hidden)\"/>\n"
    "<commit state=\"w\" value=\"w + 1\"/><commit state=\"old\" value=\"w\"/>\n"
    "<alias name=\"before\" value=\"w\"/>\n"
    "<gather name=\"rows\" in=\"x\" index=\"k\"/>\n"
    "<output value=\"s\"/><output value=\"before\"/><output value=\"rows\"/>\n"
    "</program>\n"
    "<program name=\"q\"><parameter name=\"w\" shape=\"3\" value=\"2\"/>"
    "<expr name=\"t\" value=\"sum(w)\"/><output value=\"t\"/>"
    "<scope name=\"b\"><expr name=\"out\" value=\"{/t} * 2\"/></scope>"
    "<output name=\"u\" value=\"b/out\"/></program>\n"
    "<program name=\"r\"><input name=\"step\"/><expr name=\"t\" value=\"step + 1\"/>"
    "<output value=\"t\"/></program>\n"
    "</model>\n";

/* Runs a command line, its messages into *out (the caller frees). Returns the exit code. */
static int command(const char *line, char **out) {
  char text[4096];
  snprintf(text, sizeof text, "%s 2>&1", line);
  FILE *pipe = popen(text, "r");
  size_t size = 0;
  FILE *memory = open_memstream(out, &size);
  for (int c; pipe && (c = fgetc(pipe)) != EOF;) fputc(c, memory);
  fclose(memory);
  int status = pipe ? pclose(pipe) : -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void compile(void) {
  char line[2048], *text;
  snprintf(line, sizeof line, "%s %s -o %s --keep=hidden", getenv("GRAPHC"),
           support_write("m.xml", model), support_path("m.plan.xml"));
  int code = command(line, &text);
  if (code != 0) puts(text);
  CU_ASSERT_EQUAL_FATAL(code, 0);
  free(text);
}

static int exec(const char *rest, char **text) {
  char line[4096];
  snprintf(line, sizeof line, "cd %s && %s exec m.plan.xml %s", support_folder(),
           getenv("GRAPHRUN"), rest);
  return command(line, text);
}

static const double x_values[6] = {1, 2, 3, 4, 5, 6};
static const float w_values[3] = {1, 10, 100};
static int32_t k_values[2] = {1, 0};

#define VECTOR(N)                                                                                  \
  {                                                                                                \
    .rank = 1, .dim = { N }                                                                        \
  }

static void write_feed(const char *name, const SaveTensor *tensors, uint32_t n) {
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path(name), tensors, n, NULL, 0, false, NULL),
                        STATUS_OK);
}

/* x, k, and a value for the state w; x in another floating type than the plan's. */
static uint32_t full_feed(SaveTensor *t) {
  t[0] = (SaveTensor){"x", DTYPE_F64, {.rank = 2, .dim = {2, 3}}, x_values};
  t[1] = (SaveTensor){"k", DTYPE_I32, VECTOR(2), k_values};
  t[2] = (SaveTensor){"w", DTYPE_F32, VECTOR(3), w_values};
  return 3;
}

static double element(const SafeFile *file, const char *name, int64_t i) {
  const FileTensor *t = safe_find(file, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  return file_tensor_get(t, i);
}

static void test_values(void) {
  SaveTensor feed[3];
  char *text;
  SafeFile *file;
  compile();
  write_feed("feed.st", feed, full_feed(feed));
  int code = exec("--program=p --feed=feed.st --fetch='hid*' -o out.st", &text);
  if (code) puts(text);
  CU_ASSERT_EQUAL_FATAL(code, 0);
  CU_ASSERT_STRING_EQUAL(text, "");
  free(text);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("out.st"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(element(file, "s", 0), 5 + 70 + 900 + 6);
  CU_ASSERT_EQUAL(element(file, "hidden", 5), 601);
  CU_ASSERT_EQUAL(element(file, "rows", 0), 4);
  /* An output that is a state's value is the one before the step; states come from after it. */
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(element(file, "before", i), (double)w_values[i]);
    CU_ASSERT_EQUAL(element(file, "old", i), (double)w_values[i]);
    CU_ASSERT_EQUAL(element(file, "w", i), (double)w_values[i] + 1);
  }
  safe_close(file);
  /* The result serves as weights; kept values come only when they are fetched. */
  CU_ASSERT_EQUAL(exec("--program=q --weights=out.st -o out2.st --threads=2", &text), 0);
  free(text);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("out2.st"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(element(file, "t", 0), 111 + 3);
  CU_ASSERT_PTR_NULL(safe_find(file, "hidden"));
  safe_close(file);
  /* Without weights: the initialisers. */
  CU_ASSERT_EQUAL(exec("--program=q -o out3.st", &text), 0);
  free(text);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("out3.st"), NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL(element(file, "t", 0), 6);
  safe_close(file);
}

static void compile_text(const char *text) {
  char line[2048], *out;
  snprintf(line, sizeof line, "%s %s -o %s", getenv("GRAPHC"), support_write("n.xml", text),
           support_path("m.plan.xml"));
  CU_ASSERT_EQUAL_FATAL(command(line, &out), 0);
  free(out);
}

/* What program p of the compiled text gives for one input; safe_close it. */
static SafeFile *run_with(const SaveTensor *feed) {
  char *out;
  SafeFile *file = NULL;
  write_feed("one.st", feed, 1);
  CU_ASSERT_EQUAL(exec("--program=p --feed=one.st -o one_out.st", &out), 0);
  free(out);
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("one_out.st"), NULL, &file), STATUS_OK);
  return file;
}

/* A value that is no number must not vanish on the way to the loss. */
static void test_not_a_number(void) {
  static const char text[] =
      "<model name=\"n\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
      "<input name=\"x\" shape=\"3\"/><relu name=\"r\" in=\"x\"/>"
      "<leaky-relu name=\"l\" in=\"x\"/><output value=\"r\"/><output value=\"l\"/>"
      "</program></model>\n";
  float x[3] = {-1, NAN, 2};
  SaveTensor feed = {"x", DTYPE_F32, VECTOR(3), x};
  compile_text(text);
  SafeFile *file = run_with(&feed);
  CU_ASSERT_EQUAL(element(file, "r", 0), 0);
  CU_ASSERT(isnan(element(file, "r", 1)) && isnan(element(file, "l", 1)));
  CU_ASSERT_EQUAL(element(file, "r", 2), 2);
  safe_close(file);
}

/* Files may hold any byte for true; kernels count on 1. */
static void test_truth(void) {
  static const char text[] =
      "<model name=\"b\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
      "<input name=\"b\" shape=\"4\" dtype=\"bool\"/><cast name=\"f\" in=\"b\" dtype=\"f32\"/>"
      "<not name=\"n\" in=\"b\"/><and name=\"a\" in=\"b\" with=\"n\"/>"
      "<output value=\"f\"/><output value=\"n\"/><output value=\"a\"/></program></model>\n";
  static const uint8_t bytes[4] = {7, 0, 255, 1};
  SaveTensor feed = {"b", DTYPE_BOOL, VECTOR(4), bytes};
  compile_text(text);
  SafeFile *file = run_with(&feed);
  for (int i = 0; i < 4; i++) {
    CU_ASSERT_EQUAL(element(file, "f", i), bytes[i] != 0);
    CU_ASSERT_EQUAL(element(file, "n", i), bytes[i] == 0);
    CU_ASSERT_EQUAL(element(file, "a", i), 0);
  }
  safe_close(file);
}

/* The norm of a field that is zero, and its derivative: 0, not NaN; a norm that is none stays so.
 */
static void test_zero_norm(void) {
  static const char text[] =
      "<model name=\"n\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
      "<input name=\"x\" shape=\"2\"/><parameter name=\"w\" shape=\"2\" value=\"1\"/>"
      "<expr name=\"l\" value=\"sum(w * w * x)\"/><gradient name=\"F\" of=\"l\"/>"
      "<global-norm name=\"n\" of=\"F\"/><gradient name=\"G\" of=\"n\"/>"
      "<global-norm name=\"m\" of=\"G\"/><output value=\"n\"/><output value=\"m\"/>"
      "</program></model>\n";
  float x[2] = {0, 0};
  SaveTensor feed = {"x", DTYPE_F32, VECTOR(2), x};
  compile_text(text);
  for (int k = 0; k < 3; k++) {
    /* F = 2 w x, n = |F| = 10; G = 2 x F / n at w = 1: (9, 16) 4 / 10 */
    static const double n[] = {0, 10}, m[] = {0, 7.343024};
    if (k == 1) x[0] = 3, x[1] = 4;
    if (k == 2) x[0] = NAN;
    SafeFile *file = run_with(&feed);
    if (k == 2) {
      CU_ASSERT(isnan(element(file, "n", 0)) && isnan(element(file, "m", 0)));
    } else {
      CU_ASSERT_DOUBLE_EQUAL(element(file, "n", 0), n[k], 1e-6);
      CU_ASSERT_DOUBLE_EQUAL(element(file, "m", 0), m[k], 1e-5);
    }
    safe_close(file);
  }
}

typedef struct Mistake {
  const char *what, *rest;
  int code;
  const char *expect[3];
} Mistake;

/* A right feed, and one for each mistake. */
static void write_bad_feeds(void) {
  static const int32_t far[2] = {1, 2};
  static const float holed[3] = {1, NAN, 3};
  SaveTensor t[3];
  write_feed("feed.st", t, full_feed(t));
  full_feed(t);
  t[0].shape = (Shape)VECTOR(6);
  write_feed("shape.st", t, 3);
  full_feed(t);
  t[1] = (SaveTensor){"k", DTYPE_F32, VECTOR(2), w_values};
  write_feed("type.st", t, 3);
  full_feed(t);
  t[2].name = "ww";
  write_feed("name.st", t, 3);
  full_feed(t);
  t[1].data = far;
  write_feed("index.st", t, 3);
  full_feed(t);
  t[2].data = holed;
  write_feed("nan.st", t, 3);
  full_feed(t);
  write_feed("feed2.st", t, 2);
}

static void test_mistakes(void) {
  static const Mistake list[] = {
      {"no plan",
       "--program=p -o o.st; cd . && $GRAPHRUN exec none.xml --program=p -o o.st",
       1,
       {"none.xml: error: cannot read"}},
      {"no program",
       "--program=pp --feed=feed.st -o o.st",
       1,
       {"has no program 'pp'", "its programs: p q"}},
      {"not fed",
       "--program=p -o o.st",
       1,
       {"reads input 'x', f32 (2, 3), which is not fed", "reads input 'k', i32 (2)"}},
      {"no feed file", "--program=p --feed=none.st -o o.st", 1, {"none.st: error: cannot read"}},
      {"no safetensors",
       "--program=p --feed=m.plan.xml -o o.st",
       1,
       {"is neither a safetensors file nor"}},
      {"shape",
       "--program=p --feed=shape.st -o o.st",
       1,
       {"shape.st: tensor x: error: has the shape (6), the plan wants (2, 3)"}},
      {"type",
       "--program=p --feed=type.st -o o.st",
       1,
       {"type.st: tensor k: error: holds floating-point numbers, the plan wants i32"}},
      {"name",
       "--program=p --feed=name.st -o o.st",
       1,
       {"name.st: tensor ww: error:", "did you mean 'w'?"}},
      {"index", "--program=p --feed=index.st -o o.st", 1, {"gather", "m.xml:9"}},
      {"not finite",
       "--program=p --feed=nan.st -o o.st",
       0,
       {"nan.st: tensor w: warning: element 1 is nan", "o.st: warning: 4 of 5 tensors hold",
        "'s'"}},
      {"fetch",
       "--program=p --feed=feed.st --fetch=y -o o.st",
       1,
       {"--fetch: error: the plan keeps no value 'y'", "--keep='y'"}},
      {"fetch, misspelt",
       "--program=p --feed=feed.st --fetch=hiden -o o.st",
       1,
       {"the plan keeps no value 'hiden'", "did you mean 'hidden'?"}},
      {"fetch, unknown",
       "--program=p --feed=feed.st --fetch=elsewhere -o o.st",
       1,
       {"the plan keeps no value 'elsewhere'", "graphrun info lists outputs and states"}},
      {"fetch, a block",
       "--program=q --fetch=b -o o.st",
       1,
       {"keeps no value 'b'", "did you mean 'b/out'? graphc --keep='b/out' keeps it"}},
      {"a step that is not fed", "--program=r -o o.st", 0, {"'r' runs with step 0: --feed has no"}},
      {"weights", "--program=q --weights=feed2.st -o o.st", 1, {"feed2.st: error:"}},
      {"full disk", "--program=q -o /dev/full", 4, {"/dev/full: error: "}},
      {"no folder", "--program=q -o none/o.st", 4, {"none/o.st: error: "}},
      {"onto its plan", "--program=q -o m.plan.xml", 2, {"would replace its input 'm.plan.xml'"}},
      {"onto its feed",
       "--program=p --feed=feed.st -o ./feed.st",
       2,
       {"would replace its input 'feed.st'"}},
      {"no program named", "-o o.st", 2, {"exec needs --program=P"}},
      {"no output named", "--program=q", 2, {"exec needs -o"}},
      {"one dash",
       "--program=q -out=run9",
       2,
       {"'-out=run9' has one dash", "did you mean '--out=run9'?"}},
      {"one dash, a word of another", "--program=q -output o.st", 2, {"did you mean '--out'?"}},
      {"option", "--program=q --data=x -o o.st", 2, {"exec has no option --data"}},
      {"threads", "--program=q --threads=0 -o o.st", 2, {"--threads is 1..64, not '0'"}},
  };
  compile();
  write_bad_feeds();
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    char *text;
    int code = exec(list[i].rest, &text);
    bool good = code == list[i].code;
    for (int k = 0; k < 3 && list[i].expect[k]; k++) good &= strstr(text, list[i].expect[k]) != 0;
    if (!good) printf("\n  %s: exit code %d:\n%s", list[i].what, code, text);
    CU_ASSERT_TRUE(good);
    free(text);
  }
}

int main(void) {
  static const SupportTest tests[] = {{"values", test_values},
                                      {"not a number", test_not_a_number},
                                      {"truth", test_truth},
                                      {"norm of nothing", test_zero_norm},
                                      {"mistakes", test_mistakes}};
  return support_run("exec", tests, sizeof tests / sizeof *tests);
}
