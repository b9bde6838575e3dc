/* graphrun.h: a plan inside another program, from its rules to its messages. */
#include "graph/plan/plan.h"
#include "runtime/embed/graphrun.h"
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

#include <locale.h>
#include <pthread.h>

#define MODEL                                                                                      \
  "<model name=\"line\" xmlns=\"urn:graphc:model:1\">\n"                                           \
  "<program name=\"step\" kind=\"train\">\n"                                                       \
  "<input name=\"x\" shape=\"8 1\"/><input name=\"rate\"/><input name=\"seed\" dtype=\"i64\"/>\n"  \
  "<random name=\"noise\" shape=\"8 1\"/>\n"                                                       \
  "<parameter name=\"slope\" shape=\"1\"/>\n"                                                      \
  "<expr name=\"loss\" value=\"mean(square(slope * x - 3 * x + 0.001 * noise))\"/>\n"              \
  "<gradient name=\"G\" of=\"loss\"/><commit field=\"theta\" value=\"theta - {/rate} * G\"/>\n"    \
  "<output value=\"loss\"/></program>\n"                                                           \
  "<program name=\"predict\"><input name=\"x\" shape=\"8 1\"/><parameter name=\"slope\" "          \
  "shape=\"1\"/><expr name=\"y\" value=\"tanh(slope * x)\"/><output value=\"y\"/></program>\n"     \
  "</model>\n"

static const int64_t two[] = {8, 1};
static float x[8] = {0.5f, -1, 0.25f, 2, -3, 0.125f, 1, -0.75f};

static graphrun_plan *open_line(void) {
  graphrun_plan *plan;
  char message[400];
  graphrun_options options = {.size = sizeof options, .threads = 2};
  graphrun_status status =
      graphrun_open(support_path("line.plan.xml"), &options, &plan, message, sizeof message);
  if (status != GRAPHRUN_OK) printf("\n%s", message);
  CU_ASSERT_EQUAL_FATAL(status, GRAPHRUN_OK);
  CU_ASSERT_STRING_EQUAL(message, "");
  return plan;
}

static void compile(void) {
  support_write("line.xml", MODEL);
  shell_must("$GRAPHC line.xml >/dev/null && sed '1s/version=\"[0-9]*\"/version=\"3\"/' "
             "line.plan.xml >old.plan.xml");
}

/* What it says must hold both parts. */
static void says(const char *message, graphrun_status status, graphrun_status expect,
                 const char *part, const char *hint) {
  bool ok = status == expect && strstr(message, "error: ") && strstr(message, part) &&
            strstr(message, hint);
  CU_ASSERT_TRUE(ok);
  if (!ok) printf("\n(%d) %s", (int)status, message);
}

static void test_contents(void) {
  graphrun_plan *p = open_line();
  graphrun_value v = {.name = "as before"};
  CU_ASSERT_EQUAL(graphrun_api_version(), GRAPHRUN_API);
  CU_ASSERT_EQUAL(graphrun_plan_version(), PLAN_VERSION);
  CU_ASSERT_STRING_EQUAL(graphrun_model(p), "line");
  CU_ASSERT_EQUAL(graphrun_program_count(p), 2);
  CU_ASSERT_STRING_EQUAL(graphrun_program_name(p, 1), "predict");
  CU_ASSERT_PTR_NULL(graphrun_program_name(p, 2));
  CU_ASSERT_EQUAL(graphrun_value_count(p, "step", GRAPHRUN_INPUT), 4);
  CU_ASSERT_EQUAL(graphrun_value_count(p, "nope", GRAPHRUN_INPUT), 0);
  CU_ASSERT_EQUAL(graphrun_value_count(p, NULL, GRAPHRUN_STATE), 1);
  CU_ASSERT_EQUAL(graphrun_value_at(p, "nope", GRAPHRUN_OUTPUT, 0, &v), 0);
  CU_ASSERT_STRING_EQUAL(v.name, "as before");
  CU_ASSERT_EQUAL(graphrun_value_at(p, "step", GRAPHRUN_INPUT, 0, &v), 1);
  CU_ASSERT_STRING_EQUAL(v.name, "x");
  CU_ASSERT(v.type == GRAPHRUN_F32 && v.rank == 2 && v.shape[0] == 8 && v.bytes == 32);
  CU_ASSERT_EQUAL(graphrun_value_at(p, "predict", GRAPHRUN_OUTPUT, 0, &v), 1);
  CU_ASSERT_STRING_EQUAL(v.name, "y");
  CU_ASSERT_EQUAL(graphrun_value_at(p, NULL, GRAPHRUN_STATE, 0, &v), 1);
  CU_ASSERT_STRING_EQUAL(v.name, "slope");
  CU_ASSERT_EQUAL(graphrun_value_at(p, NULL, GRAPHRUN_STATE, 1, &v), 0);
  graphrun_close(p);
  graphrun_close(NULL);
}

static void test_not_opened(void) {
  graphrun_plan *p = (graphrun_plan *)&p;
  char m[2000], small[8];
  graphrun_status s = graphrun_open("/nope/a.plan.xml", NULL, &p, m, sizeof m);
  says(m, s, GRAPHRUN_INVALID, "/nope/a.plan.xml", "No such file");
  CU_ASSERT_PTR_NULL(p);
  s = graphrun_open(support_path("old.plan.xml"), NULL, &p, m, sizeof m);
  says(m, s, GRAPHRUN_INVALID, "version", "hint: ");
  s = graphrun_open(support_path("line.xml"), NULL, &p, m, sizeof m);
  says(m, s, GRAPHRUN_INVALID, "line.xml", "");
  s = graphrun_open(NULL, NULL, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "no plan is named", "");
  s = graphrun_open("/nope/a.plan.xml", NULL, &p, NULL, 0);
  CU_ASSERT_EQUAL(s, GRAPHRUN_INVALID);
  s = graphrun_open("/nope/a.plan.xml", NULL, &p, small, sizeof small);
  CU_ASSERT(strlen(small) < sizeof small);
  graphrun_options o = {.size = sizeof o, .device = "nope"};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_SYSTEM, "there is no device 'nope'", "cpu");
  o = (graphrun_options){.size = sizeof o, .program = "predcit"};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "has no program 'predcit'", "did you mean 'predict'?");
  o = (graphrun_options){.size = sizeof o, .threads = 1000};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "threads: error: at most 64, not 1000", "");
  o = (graphrun_options){.size = sizeof o, .tf32 = 1};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "--math", "cpu");
  o = (graphrun_options){.size = sizeof o, .no_graph = 1};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "--no-graph", "cpu");
  o = (graphrun_options){.threads = 1};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "their size is not set", "sizeof(graphrun_options)");
  o = (graphrun_options){.size = sizeof o + 8};
  s = graphrun_open(support_path("line.plan.xml"), &o, &p, m, sizeof m);
  says(m, s, GRAPHRUN_USAGE, "those of a newer library", "");
  CU_ASSERT_PTR_NULL(p);
}

static graphrun_status set_x(graphrun_plan *p, const char *program) {
  return graphrun_set_input(p, program, "x", GRAPHRUN_F32, 2, two, x);
}

/* An older caller's options end earlier. */
static void test_older_options(void) {
  graphrun_plan *p;
  graphrun_options o = {.size = offsetof(graphrun_options, program), .program = "nope"};
  CU_ASSERT_EQUAL(graphrun_open(support_path("line.plan.xml"), &o, &p, NULL, 0), GRAPHRUN_OK);
  graphrun_close(p);
}

static void test_wrong_values(void) {
  graphrun_plan *p = open_line();
  float y[8];
  static const int64_t other[] = {8, 2};
  graphrun_status s = graphrun_set_input(p, "stpe", "x", GRAPHRUN_F32, 2, two, x);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "has no program 'stpe'", "did you mean 'step'?");
  s = graphrun_set_input(p, "step", "raet", GRAPHRUN_F32, 0, NULL, x);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "has no input 'raet'", "did you mean 'rate'?");
  s = graphrun_set_input(p, "step", "x", GRAPHRUN_F32, 2, other, x);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "input 'x' is f32 (8, 1)", "is f32 (8, 2)");
  s = graphrun_set_input(p, "step", "x", GRAPHRUN_F64, 2, two, x);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "input 'x' is f32", "is f64 (8, 1)");
  s = graphrun_set_input(p, "step", "x", (graphrun_type)77, 200, NULL, x);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the shape of 'x' is NULL", "");
  s = graphrun_set_input(p, "step", "x", (graphrun_type)77, 2, two, x);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "input 'x' is f32", "");
  s = graphrun_set_input(p, "step", "x", GRAPHRUN_F32, 200, two, x);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "input 'x' is f32", "has 200 dimensions");
  s = graphrun_set_input(p, "step", "x", GRAPHRUN_F32, 2, two, NULL);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the data of 'x' is NULL", "");
  s = graphrun_run(p, "step");
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "reads input 'rate', f32 ()", "graphrun_set_input");
  CU_ASSERT_PTR_NOT_NULL(strstr(graphrun_message(p), "reads input 'x', f32 (8, 1)"));
  s = graphrun_get_output(p, "predict", "y", y, sizeof y);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the last run was not of program 'predict'", "");
  s = graphrun_commit(p);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "there is no run", "");
  CU_ASSERT_EQUAL(set_x(p, "predict"), GRAPHRUN_OK);
  CU_ASSERT_STRING_EQUAL(graphrun_message(p), "");
  CU_ASSERT_EQUAL(graphrun_run(p, "predict"), GRAPHRUN_OK);
  s = graphrun_get_output(p, "predict", "z", y, sizeof y);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "has no output 'z'", "");
  s = graphrun_get_output(p, "predict", "y", y, 16);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "output 'y' has 32 bytes, not 16", "");
  s = graphrun_get_output(p, "predict", "y", NULL, sizeof y);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the data of 'y' is NULL", "");
  s = graphrun_get_state(p, "slope", NULL, 4);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the data of 'slope' is NULL", "");
  s = graphrun_set_state(p, "slope", NULL, 4);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "the data of 'slope' is NULL", "");
  s = graphrun_run(p, NULL);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "program is NULL", "");
  s = graphrun_get_state(p, "solpe", y, 4);
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "has no state 'solpe'", "did you mean 'slope'?");
  s = graphrun_set_state(p, "slope", y, 8);
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "state 'slope' has 4 bytes, not 8", "");
  s = graphrun_load(p, NULL, support_path("nope.safetensors"));
  says(graphrun_message(p), s, GRAPHRUN_INVALID, "nope.safetensors", "No such file");
  s = graphrun_save(p, "/nope/x.safetensors");
  says(graphrun_message(p), s, GRAPHRUN_SYSTEM, "/nope/x.safetensors", "");
  graphrun_close(p);
}

/* A caller that did not look whether there is a plan is told so, by every function. */
static void test_no_plan(void) {
  graphrun_value v = {0};
  char message[200];
  const char *path = support_path("line.plan.xml");
  float y[8];
  CU_ASSERT_EQUAL(graphrun_open(path, NULL, NULL, message, sizeof message), GRAPHRUN_USAGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(message, "out_plan: error: is NULL"));
  CU_ASSERT_EQUAL(graphrun_open(path, NULL, NULL, NULL, 0), GRAPHRUN_USAGE);
  CU_ASSERT_PTR_NULL(graphrun_model(NULL));
  CU_ASSERT_EQUAL(graphrun_program_count(NULL), 0);
  CU_ASSERT_PTR_NULL(graphrun_program_name(NULL, 0));
  CU_ASSERT_EQUAL(graphrun_value_count(NULL, "step", GRAPHRUN_INPUT), 0);
  CU_ASSERT_EQUAL(graphrun_value_at(NULL, "step", GRAPHRUN_INPUT, 0, &v), 0);
  CU_ASSERT_EQUAL(set_x(NULL, "step"), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_run(NULL, "step"), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_get_output(NULL, "step", "y", y, sizeof y), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_commit(NULL), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_get_state(NULL, "slope", y, 4), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_set_state(NULL, "slope", y, 4), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_initialize(NULL, 0), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_load(NULL, NULL, path), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_save(NULL, path), GRAPHRUN_USAGE);
  CU_ASSERT_PTR_NOT_NULL(strstr(graphrun_message(NULL), "plan: error: is NULL"));
  graphrun_plan *p = open_line();
  CU_ASSERT_EQUAL(graphrun_value_at(p, "step", GRAPHRUN_INPUT, 0, NULL), 0);
  CU_ASSERT_EQUAL(graphrun_value_count(p, "step", (graphrun_kind)77), 0);
  graphrun_close(p);
}

/* One step of training as exec makes it, bit for bit. */
static void test_same_as_exec(void) {
  float rate = 0.1f, loss, slope;
  int64_t seed = 5;
  graphrun_plan *p = open_line();
  CU_ASSERT_EQUAL(graphrun_save(p, support_path("start.safetensors")), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(set_x(p, "step"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_set_input(p, "step", "rate", GRAPHRUN_F32, 0, NULL, &rate), 0);
  CU_ASSERT_EQUAL(graphrun_set_input(p, "step", "seed", GRAPHRUN_I64, 0, NULL, &seed), 0);
  SaveTensor fed[] = {{"x", DTYPE_F32, {.rank = 2, .dim = {8, 1}}, x},
                      {"rate", DTYPE_F32, {.rank = 0}, &rate},
                      {"seed", DTYPE_I64, {.rank = 0}, &seed}};
  CU_ASSERT_EQUAL_FATAL(safe_write(support_path("feed.safetensors"), fed, 3, NULL, 0, false, NULL),
                        STATUS_OK);
  for (int step = 0; step < 2; step++) {
    CU_ASSERT_EQUAL(graphrun_run(p, "step"), GRAPHRUN_OK);
    CU_ASSERT_EQUAL(graphrun_get_output(p, "step", "loss", &loss, sizeof loss), GRAPHRUN_OK);
    CU_ASSERT_EQUAL(graphrun_commit(p), GRAPHRUN_OK);
    CU_ASSERT_EQUAL(graphrun_get_state(p, "slope", &slope, sizeof slope), GRAPHRUN_OK);
    shell_must("$GRAPHRUN exec line.plan.xml --program=step --weights=start.safetensors "
               "--feed=feed.safetensors -o out.safetensors >/dev/null && cp out.safetensors "
               "start.safetensors");
    SafeFile *file;
    CU_ASSERT_EQUAL_FATAL(safe_read(support_path("out.safetensors"), NULL, &file), STATUS_OK);
    CU_ASSERT_EQUAL(memcmp(safe_find(file, "loss")->data, &loss, sizeof loss), 0);
    CU_ASSERT_EQUAL(memcmp(safe_find(file, "slope")->data, &slope, sizeof slope), 0);
    safe_close(file);
  }
  graphrun_close(p);
}

/* A run that is not committed holds up the next; new states end that. */
static void test_order(void) {
  float rate = 0.1f, loss, again, slope[2];
  graphrun_plan *p = open_line();
  CU_ASSERT_EQUAL(set_x(p, "step"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_set_input(p, "step", "rate", GRAPHRUN_F32, 0, NULL, &rate), 0);
  CU_ASSERT_EQUAL(graphrun_run(p, "step"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_output(p, "step", "loss", &loss, sizeof loss), GRAPHRUN_OK);
  graphrun_status s = graphrun_run(p, "step");
  says(graphrun_message(p), s, GRAPHRUN_USAGE, "'step' ran and is not committed",
       "graphrun_commit keeps what it made");
  CU_ASSERT_EQUAL(graphrun_initialize(p, 0), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_run(p, "step"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_output(p, "step", "loss", &again, sizeof again), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(memcmp(&loss, &again, sizeof loss), 0);
  CU_ASSERT_EQUAL(graphrun_commit(p), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_output(p, "step", "loss", &again, sizeof again), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_commit(p), GRAPHRUN_USAGE);
  CU_ASSERT_EQUAL(graphrun_save(p, support_path("kept.safetensors")), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_state(p, "slope", &slope[0], 4), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_initialize(p, 9), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_state(p, "slope", &slope[1], 4), GRAPHRUN_OK);
  CU_ASSERT_NOT_EQUAL(slope[0], slope[1]);
  CU_ASSERT_EQUAL(graphrun_load(p, NULL, support_path("kept.safetensors")), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_state(p, "slope", &slope[1], 4), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(slope[0], slope[1]);
  slope[1] = 2;
  CU_ASSERT_EQUAL(graphrun_set_state(p, "slope", &slope[1], 4), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_state(p, "slope", &slope[0], 4), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(slope[0], 2);
  graphrun_close(p);
}

/* Inputs stay when the run uses their bytes for something else. */
static void test_inputs_stay(void) {
  float first[8], second[8];
  graphrun_plan *p = open_line();
  CU_ASSERT_EQUAL(set_x(p, "predict"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_run(p, "predict"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_output(p, "predict", "y", first, sizeof first), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_run(p, "predict"), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(graphrun_get_output(p, "predict", "y", second, sizeof second), GRAPHRUN_OK);
  CU_ASSERT_EQUAL(memcmp(first, second, sizeof first), 0);
  graphrun_close(p);
}

/* Plans of several threads at once, each opened, run and closed there. */
static const char *line_plan; /* the tests' paths are of one thread */

static void *predict(void *out) {
  graphrun_plan *p;
  for (int i = 0; i < 3; i++) {
    if (graphrun_open(line_plan, NULL, &p, NULL, 0) != GRAPHRUN_OK) return NULL;
    if (set_x(p, "predict") != GRAPHRUN_OK || graphrun_run(p, "predict") != GRAPHRUN_OK ||
        graphrun_get_output(p, "predict", "y", out, 8 * sizeof(float)) != GRAPHRUN_OK)
      return NULL;
    graphrun_close(p);
  }
  return out;
}

static void test_threads(void) {
  pthread_t threads[4];
  float y[4][8];
  line_plan = support_path("line.plan.xml");
  for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, predict, y[i]);
  for (int i = 0; i < 4; i++) {
    void *result;
    pthread_join(threads[i], &result);
    CU_ASSERT_PTR_NOT_NULL(result);
    CU_ASSERT_EQUAL(memcmp(y[i], y[0], sizeof y[0]), 0);
  }
}

/* A program whose locale writes numbers with a comma. */
static void test_locale(void) {
  float rate = 0.1f, loss[2];
  if (system("command -v localedef >/dev/null && test -r /usr/share/i18n/locales/de_DE") == 0) {
    shell_must("localedef -i de_DE -f UTF-8 ./de >/dev/null 2>&1 || test -d de");
    setenv("LOCPATH", support_folder(), 1);
  }
  for (int i = 0; i < 2; i++) {
    if (i == 1 && !setlocale(LC_ALL, "de") && !setlocale(LC_ALL, "de_DE.UTF-8"))
      printf("(no locale with a comma here) ");
    graphrun_plan *p = open_line();
    CU_ASSERT_EQUAL(set_x(p, "step"), GRAPHRUN_OK);
    CU_ASSERT_EQUAL(graphrun_set_input(p, "step", "rate", GRAPHRUN_F32, 0, NULL, &rate), 0);
    CU_ASSERT_EQUAL(graphrun_run(p, "step"), GRAPHRUN_OK);
    CU_ASSERT_EQUAL(graphrun_get_output(p, "step", "loss", &loss[i], sizeof loss[i]), GRAPHRUN_OK);
    graphrun_close(p);
  }
  CU_ASSERT_EQUAL(memcmp(&loss[0], &loss[1], sizeof loss[0]), 0);
  setlocale(LC_ALL, "C");
  unsetenv("LOCPATH");
}

int main(void) {
  static const SupportTest tests[] = {
      {"compile", compile},
      {"what a plan holds", test_contents},
      {"what cannot be opened", test_not_opened},
      {"options of an older caller", test_older_options},
      {"wrong names and values", test_wrong_values},
      {"no plan", test_no_plan},
      {"the same as exec", test_same_as_exec},
      {"the order of calls", test_order},
      {"inputs stay", test_inputs_stay},
      {"several threads", test_threads},
      {"another locale", test_locale},
  };
  return support_run("embed", tests, sizeof tests / sizeof *tests);
}
