/* graphrun bench: the line that scripts read, the table, the trace, and what it refuses. */
#include "tests/shell.h"

#include <jansson.h>

/* What it prints, messages too; the caller frees. */
static char *run(const char *arguments, int *code) {
  Shell s = shell("\"$GRAPHRUN\" bench %s 2>&1", arguments);
  *code = s.code;
  free(s.err);
  return s.out;
}

static const char *plan(void) {
  static char path[512];
  if (*path) return path;
  snprintf(path, sizeof path, "%s", support_path("cnn.plan.xml"));
  shell_must("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" -o '%s'", path);
  return path;
}

static double number_after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  return strtod(at + strlen(key), NULL);
}

static void test_result(void) {
  char arguments[600];
  int code;
  snprintf(arguments, sizeof arguments, "%s --steps=3 --threads=2", plan());
  char *text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 0);
  const char *line = strstr(text, "\nRESULT ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(line);
  double median = number_after(line, "median="), least = number_after(line, " (");
  CU_ASSERT(least > 0 && median >= least && median <= number_after(line, ".."));
  CU_ASSERT(number_after(line, "images/s=") > 0);
  /* What was resident before, and all of the arena, are there during the steps. */
  double base = number_after(line, "base="), arena = number_after(line, "arena=");
  CU_ASSERT(arena > 0 && number_after(line, "step=") > base + 0.9 * arena);
  CU_ASSERT(number_after(text, "limits ") > 0 && number_after(text, "inner loop, ") > 0);
  free(text);
}

/* The rows of a table: their shares add up, and their kernels to the line's. */
static void test_table(void) {
  char arguments[600];
  int code;
  snprintf(arguments, sizeof arguments, "%s --steps=2 --threads=1", plan());
  char *text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 0);
  double shares = 0, kernels = 0;
  const char *end = strstr(text, "\nall kernels");
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  for (char *at = strstr(text, "\nkernel "); (at = strchr(at + 1, '\n')) && at + 1 <= end;) {
    long number;
    double ms, share;
    if (sscanf(at + 1 + 45, "%ld %lf %lf%%", &number, &ms, &share) != 3) break;
    kernels += (double)number;
    shares += share;
  }
  CU_ASSERT_DOUBLE_EQUAL(shares, 100, 2);
  CU_ASSERT_EQUAL(kernels, number_after(strstr(text, "RESULT"), "kernels="));
  free(text);
}

static void test_trace(void) {
  char arguments[1200];
  int code;
  const char *path = support_path("trace.json");
  snprintf(arguments, sizeof arguments, "%s --steps=1 --threads=2 --trace=%s", plan(), path);
  char *text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 0);
  json_t *root = json_load_file(path, 0, NULL), *event;
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  json_t *events = json_object_get(root, "traceEvents");
  CU_ASSERT((double)json_array_size(events) >= number_after(strstr(text, "RESULT"), "kernels="));
  size_t i;
  json_array_foreach(events, i, event) {
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(event, "ph")), "X");
    CU_ASSERT(json_real_value(json_object_get(event, "ts")) >= 0);
    CU_ASSERT(json_real_value(json_object_get(event, "dur")) >= 0);
    CU_ASSERT_PTR_NOT_NULL(json_object_get(json_object_get(event, "args"), "of"));
  }
  json_decref(root);
  free(text);
}

/* A plan with several streams: a row for each, and an arrow for each wait, which points onwards. */
static void test_stream_trace(void) {
  char other[512];
  const char *path = support_path("streams.json");
  snprintf(other, sizeof other, "%s", support_path("toy.plan.xml"));
  shell_must(
      "\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" -D batch_ids=2 \"--target=$TOY\" -o '%s'",
      other);
  shell_must("\"$GRAPHRUN\" bench '%s' --steps=1 \"--device=$TOY\" '--trace=%s'", other, path);
  json_t *root = json_load_file(path, 0, NULL), *event, *from = NULL;
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  size_t i, rows[3] = {0}, waits = 0, arrows = 0;
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const char *phase = json_string_value(json_object_get(event, "ph"));
    json_int_t row = json_integer_value(json_object_get(event, "tid"));
    double at = json_real_value(json_object_get(event, "ts"));
    CU_ASSERT_FATAL(row >= 0 && row < 3);
    if (*phase == 'X') {
      rows[row]++;
      waits += json_array_size(json_object_get(json_object_get(event, "args"), "waits"));
    } else if (*phase == 's') {
      from = event;
    } else {
      arrows++;
      CU_ASSERT(at >= json_real_value(json_object_get(from, "ts")));
      CU_ASSERT_NOT_EQUAL(row, json_integer_value(json_object_get(from, "tid")));
    }
  }
  CU_ASSERT(rows[0] > 0 && rows[1] > 0 && waits > 0);
  CU_ASSERT_EQUAL(arrows, waits);
  json_decref(root);
}

static void test_errors(void) {
  char arguments[600];
  int code;
  snprintf(arguments, sizeof arguments, "%s --program=evaluat", plan());
  char *text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "evaluat"));
  free(text);
  snprintf(arguments, sizeof arguments, "%s --steps=1 --trace=/dev/null/no", plan());
  text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 4);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "/dev/null/no: error: cannot write the trace"));
  free(text);
  text = run("nowhere.plan.xml", &code);
  CU_ASSERT_EQUAL(code, 1);
  free(text);
}

int main(void) {
  if (!getenv("GRAPHRUN") || !getenv("GRAPHC")) {
    puts("GRAPHC and GRAPHRUN name the programs: run under ctest");
    return 77;
  }
  const SupportTest tests[] = {{"result line", test_result},
                               {"table", test_table},
                               {"trace", test_trace},
                               {"trace of streams", test_stream_trace},
                               {"errors", test_errors}};
  return support_run("bench", tests, sizeof tests / sizeof *tests);
}
