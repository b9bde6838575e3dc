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
  if (!support_long()) return; /* the runs with traces print the same */
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
  if (!support_long()) return;
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

/* ---- the trace ---- */

static json_t *load(const char *path) {
  json_error_t error;
  json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!root) printf("\n%s:%d: %s\n", path, error.line, error.text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  CU_ASSERT_TRUE_FATAL(json_is_array(json_object_get(root, "traceEvents")));
  return root;
}

static const char *text_of(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  return text;
}

static json_int_t integer_of(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  CU_ASSERT_TRUE_FATAL(json_is_integer(value));
  return json_integer_value(value);
}

static double time_of(const json_t *event, const char *key) {
  const json_t *value = json_object_get(event, key);
  CU_ASSERT_TRUE_FATAL(json_is_number(value));
  CU_ASSERT(json_number_value(value) >= 0);
  return json_number_value(value);
}

/* What a trace holds. */
typedef struct Seen {
  size_t kernels, tasks, counters, arrows, named, waits;
  json_int_t macs, bytes, most; /* of all kernels; the counter's largest */
} Seen;

static bool is_task(const json_t *event) {
  return strcmp(text_of(event, "cat"), "task") == 0;
}

static void see_kernel(const json_t *event, Seen *seen) {
  const json_t *args = json_object_get(event, "args"), *lines = json_object_get(args, "lines");
  static const char *const texts[] = {"at",   "scope",          "value", "ops",
                                      "role", "implementation", "shape"};
  for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) text_of(args, texts[k]);
  CU_ASSERT_PTR_NOT_NULL(strchr(text_of(args, "at"), ':'));
  bool listed = false;
  for (size_t k = 0; k < json_array_size(lines); k++)
    listed |= strcmp(json_string_value(json_array_get(lines, k)), text_of(args, "at")) == 0;
  CU_ASSERT_TRUE(listed);
  CU_ASSERT(integer_of(args, "flops") >= 2 * integer_of(args, "macs"));
  seen->macs += integer_of(args, "macs");
  seen->bytes += integer_of(args, "bytes");
  seen->waits += json_array_size(json_object_get(args, "waits"));
  seen->kernels++;
}

/* Slices of a row may not cross: in the order of the file each begins where the one before has
 * ended, or later.  (A millionth of a microsecond for the sums.) */
static Seen see(const json_t *root) {
  Seen seen = {0};
  double ends[1100] = {0};
  size_t i;
  json_t *event;
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const char *phase = text_of(event, "ph");
    json_int_t row = integer_of(event, "tid");
    text_of(event, "name");
    CU_ASSERT_FATAL(row > 0 && row < 1100);
    if (*phase == 'M') {
      seen.named += strcmp(text_of(event, "name"), "thread_name") == 0;
    } else if (*phase == 'X') {
      double begin = time_of(event, "ts");
      CU_ASSERT(begin >= ends[row] - 1e-6);
      ends[row] = begin + time_of(event, "dur");
      if (is_task(event))
        seen.tasks++;
      else
        see_kernel(event, &seen);
    } else if (*phase == 'C') {
      json_int_t bytes = integer_of(json_object_get(event, "args"), "bytes");
      if (bytes > seen.most) seen.most = bytes;
      seen.counters++;
    } else {
      CU_ASSERT(*phase == 's' || *phase == 'f');
      seen.arrows += *phase == 'f';
    }
  }
  return seen;
}

static json_t *report_of(const char *options) {
  shell_must("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --program=step --report=json %s "
             ">report.json",
             options);
  json_t *root = json_load_file(support_path("report.json"), 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  return root;
}

/* Every kernel has an event that says where it comes from, and their sums are the report's. */
static void test_trace(void) {
  char arguments[1200];
  int code;
  const char *path = support_path("trace.json");
  snprintf(arguments, sizeof arguments, "%s --steps=1 --threads=2 --trace=%s", plan(), path);
  char *text = run(arguments, &code);
  CU_ASSERT_EQUAL(code, 0);
  json_t *root = load(path), *report = report_of("");
  const json_t *program = json_array_get(json_object_get(report, "programs"), 0);
  Seen seen = see(root);
  CU_ASSERT_EQUAL((double)seen.kernels, number_after(strstr(text, "RESULT"), "kernels="));
  CU_ASSERT(seen.tasks >= seen.kernels && seen.arrows == 0 && seen.named >= 2);
  CU_ASSERT_EQUAL(seen.macs, integer_of(program, "macs"));
  CU_ASSERT_EQUAL(seen.most, integer_of(program, "lower_bound_bytes"));
  CU_ASSERT(seen.bytes > 0 && seen.counters > 1);
  json_decref(report);
  json_decref(root);
  free(text);
}

/* A plan with several streams: a row for each, and an arrow for each wait, which points onwards and
 * begins and ends inside an event of its row. */
static void test_stream_trace(void) {
  char other[512];
  const char *path = support_path("streams.json");
  snprintf(other, sizeof other, "%s", support_path("toy.plan.xml"));
  shell_must(
      "\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" -D batch_ids=2 \"--target=$TOY\" -o '%s'",
      other);
  shell_must("\"$GRAPHRUN\" bench '%s' --steps=1 \"--device=$TOY\" '--trace=%s'", other, path);
  json_t *root = load(path), *event, *from = NULL;
  size_t i, rows[4] = {0};
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const char *phase = text_of(event, "ph");
    json_int_t row = integer_of(event, "tid");
    CU_ASSERT_FATAL(row >= 1 && row < 4);
    if (*phase == 'X') rows[row]++;
    if (*phase == 's') from = event;
    if (*phase != 'f') continue;
    CU_ASSERT(time_of(event, "ts") >= time_of(from, "ts"));
    CU_ASSERT_NOT_EQUAL(row, integer_of(from, "tid"));
  }
  Seen seen = see(root);
  CU_ASSERT(rows[1] > 0 && rows[2] > 0 && seen.waits > 0 && seen.tasks == 0);
  CU_ASSERT_EQUAL(seen.arrows, seen.waits);
  CU_ASSERT(seen.named >= 2);
  json_decref(root);
}

/* Names of files that JSON must escape, and values with names longer than any buffer. */
static void test_hostile_trace(void) {
  static char model[70000], name[20001];
  memset(name, 'n', 20000);
  snprintf(model, sizeof model,
           "<model name=\"hostile\" xmlns=\"urn:graphc:model:1\">\n"
           "<program name=\"p\" kind=\"other\">\n"
           "<random name=\"%s\" shape=\"4 4\"/>\n<mean name=\"s\" in=\"%s\" axes=\"0 1\"/>\n"
           "<output value=\"s\"/>\n</program>\n</model>\n",
           name, name);
  support_write("h\"o<s>\\ té &'.xml", model);
  shell_must("\"$GRAPHC\" 'h\"o<s>\\ té &'\"'\"'.xml' -o hostile.plan.xml");
  shell_must("\"$GRAPHRUN\" bench hostile.plan.xml --steps=1 --trace=hostile.json");
  json_t *root = load(support_path("hostile.json")), *event;
  Seen seen = see(root);
  CU_ASSERT(seen.kernels > 0);
  size_t i, found = 0;
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const json_t *at = json_object_get(json_object_get(event, "args"), "at");
    if (!at) continue;
    const char *line = strrchr(json_string_value(at), ':');
    CU_ASSERT_EQUAL(strncmp(json_string_value(at), "h\"o<s>\\ té &'.xml:", 18), 0);
    found += strcmp(line, ":3") == 0 || strcmp(line, ":4") == 0;
  }
  CU_ASSERT_EQUAL(found, seen.kernels);
  json_decref(root);
}

/* The path of a model that is no UTF-8, which JSON cannot hold, has `?` for what is none; a program
 * without a kernel has a trace without a slice. */
static void test_odd_traces(void) {
  support_write("n\xff\xfe.xml", "<model name=\"n\" xmlns=\"urn:graphc:model:1\">\n"
                                 "<program name=\"p\"><input name=\"x\" shape=\"4\"/>\n"
                                 "<tanh name=\"y\" in=\"x\"/><output value=\"y\"/></program>\n"
                                 "<program name=\"q\"><input name=\"x\" shape=\"4\"/>\n"
                                 "<output value=\"x\"/></program></model>\n");
  shell_must("\"$GRAPHC\" n\xff\xfe.xml -o n.plan.xml");
  shell_must("\"$GRAPHRUN\" bench n.plan.xml --program=p --steps=1 --trace=n.json");
  json_t *root = load(support_path("n.json")), *event;
  size_t i, found = 0;
  json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
    const json_t *at = json_object_get(json_object_get(event, "args"), "at");
    found += at && strcmp(json_string_value(at), "n??.xml:3") == 0;
  }
  CU_ASSERT_EQUAL(found, 1);
  json_decref(root);
  shell_must("\"$GRAPHRUN\" bench n.plan.xml --program=q --steps=1 --trace=n.json");
  root = load(support_path("n.json"));
  CU_ASSERT_EQUAL(see(root).kernels, 0);
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
                               {"trace with hostile names", test_hostile_trace},
                               {"trace of an odd path, and of nothing", test_odd_traces},
                               {"errors", test_errors}};
  return support_run("bench", tests, sizeof tests / sizeof *tests);
}
