/* graphc --where: from a line of a model to its kernels, and from a slow kernel back to its line.
 */
#include "compiler/where.h"
#include "tests/shell.h"

#include <jansson.h>

/* ---- lines of elements ---- */

static void test_lines(void) {
  static const char text[] = "<?xml version=\"1.0\"?>\n"
                             "<!-- <no/>\n  > -->\n"
                             "<a x='1 > 0'\n   y=\"</a>\">\n"
                             "  <b/><c\n/>\n"
                             "  <d>\n"
                             "    <e z='\"'/>\n"
                             "  </d>\n"
                             "</a>\n";
  static const struct {
    char tag;
    uint32_t first, tag_end, last;
  } want[] = {{'a', 4, 5, 11}, {'b', 6, 6, 6}, {'c', 6, 7, 7}, {'d', 8, 8, 10}, {'e', 9, 9, 9}};
  LineElements found;
  CU_ASSERT_EQUAL_FATAL(line_elements_find(text, sizeof text - 1, NULL, &found), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(found.n, 5);
  CU_ASSERT_EQUAL(found.lines, 11);
  for (uint32_t i = 0; i < 5; i++) {
    const LineElement *el = &found.list[i];
    CU_ASSERT_EQUAL(el->text[1], want[i].tag);
    CU_ASSERT_EQUAL(el->text[el->length - 1], '>');
    CU_ASSERT(el->first == want[i].first && el->tag_end == want[i].tag_end &&
              el->last == want[i].last);
  }
  line_elements_free(&found);
}

/* ---- answers ---- */

static json_int_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) printf("\n%s is missing\n", key);
  CU_ASSERT_TRUE_FATAL(json_is_integer(value));
  return json_integer_value(value);
}

static json_t *where(const char *model, const char *line, const char *options) {
  Shell s = shell("\"$GRAPHC\" %s --where='%s' --report=json %s", model, line, options);
  json_t *root = json_loads(s.out, JSON_REJECT_DUPLICATES, NULL);
  if (!root) printf("\n%s %s: %s\n", model, line, s.err);
  CU_ASSERT_TRUE_FATAL(s.code == 0 && root != NULL);
  shell_free(&s);
  return root;
}

/* Kernels, and what no kernel computes, are all values; orders are all kernels. */
static void check_sums(const json_t *program) {
  static const char *const keys[] = {"macs", "flops", "bytes"};
  json_int_t values = (json_int_t)json_array_size(json_object_get(program, "in_no_kernel"));
  json_int_t sums[3] = {0}, kernels = 0;
  size_t i, k;
  json_t *row;
  json_array_foreach(json_object_get(program, "kernel_list"), i, row) {
    for (k = 0; k < 3; k++) sums[k] += integer(row, keys[k]);
    values += integer(row, "ops");
    CU_ASSERT_EQUAL((json_int_t)json_array_size(json_object_get(row, "values")),
                    integer(row, "ops"));
    CU_ASSERT(integer(row, "ops") <= integer(row, "of"));
  }
  for (k = 0; k < 3; k++) CU_ASSERT_EQUAL(sums[k], integer(program, keys[k]));
  CU_ASSERT_EQUAL(values, integer(program, "values"));
  CU_ASSERT_EQUAL((json_int_t)i, integer(program, "kernels"));
  values = 0;
  json_array_foreach(json_object_get(program, "orders"), i, row) {
    values += integer(row, "values");
    kernels += integer(row, "kernels");
  }
  CU_ASSERT_EQUAL(values, integer(program, "values"));
  CU_ASSERT_EQUAL(kernels, integer(program, "kernels"));
}

static json_int_t values_at(const char *model, const char *line) {
  json_t *root = where(model, line, ""), *program;
  json_int_t values = 0;
  size_t i;
  json_array_foreach(json_object_get(root, "programs"), i, program) {
    check_sums(program);
    values += integer(program, "values");
  }
  json_decref(root);
  return values;
}

static const char model_text[] =
    "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"            /* 1 */
    "<template name=\"twice\"><arg name=\"in\" type=\"value\"/>\n" /* 2 */
    "  <expr name=\"out\" value=\"2 * {${in}} + 1\"/>\n"           /* 3 */
    "</template>\n"                                                /* 4 */
    "<!-- nothing -->\n"                                           /* 5 */
    "<program name=\"p\" kind=\"other\">\n"                        /* 6 */
    "<random name=\"x\" shape=\"4 8\"/>\n"                         /* 7 */
    "<parameter name=\"w\"\n"                                      /* 8 */
    "  shape=\"8 3\"/>\n"                                          /* 9 */
    "<matmul name=\"y\" in=\"x\"\n"                                /* 10 */
    "  with=\"w\"/>\n"                                             /* 11 */
    "<twice name=\"t\" in=\"y\"/>\n"                               /* 12 */
    "<twice name=\"u\" in=\"t\"/>\n"                               /* 13 */
    "<expr name=\"same\" value=\"2 * y + 1\"/>\n"                  /* 14 */
    "<expr name=\"loss\" value=\"mean(square(u + same))\"/>\n"     /* 15 */
    "<gradient name=\"G\" of=\"loss\"/>\n"                         /* 16 */
    "<commit field=\"theta\" value=\"theta - 0.1 * G\"/>\n"        /* 17 */
    "<output value=\"loss\"/>\n"                                   /* 18 */
    "</program>\n</model>\n";

static bool says(const char *line, const char *part) {
  Shell s = shell("\"$GRAPHC\" w.xml --where=%s", line);
  bool ok = s.code == 0 && strstr(s.out, part) != NULL;
  if (!ok) printf("\n%s: no '%s' in\n%s%s\n", line, part, s.out, s.err);
  shell_free(&s);
  return ok;
}

/* Lines of a template and of its uses, of tags that take several, of a derivative, of nothing. */
static void test_elements(void) {
  support_write("w.xml", model_text);
  json_int_t own = values_at("w.xml", "3"), first = values_at("w.xml", "12"),
             second = values_at("w.xml", "13");
  CU_ASSERT(first > 0 && second > 0);
  CU_ASSERT_EQUAL(own, first + second);
  CU_ASSERT_EQUAL(own, values_at("w.xml", "2"));
  CU_ASSERT_EQUAL(values_at("w.xml", "10"), values_at("w.xml", "11"));
  CU_ASSERT(values_at("w.xml", "6") >= own + values_at("w.xml", "15"));
  CU_ASSERT_EQUAL(values_at("w.xml", "1"), values_at("w.xml", "20"));
  json_t *root = where("w.xml", "w.xml:10", ""), *row;
  size_t i;
  bool orders[2] = {false};
  json_array_foreach(
      json_object_get(json_array_get(json_object_get(root, "programs"), 0), "orders"), i, row)
      orders[integer(row, "order") & 1] = true;
  CU_ASSERT(orders[0] && orders[1]); /* the product, and its derivative */
  json_decref(root);
  CU_ASSERT(says("9", "parameter        (8, 3)"));
  CU_ASSERT(says("5", "w.xml:5 is inside\nw.xml:1: <model"));
  CU_ASSERT(says("14", "no value of a plan comes from here (equal ones are one"));
  CU_ASSERT(says("14", "; the nearest lines that have one:\n  w.xml:13\n  w.xml:15\n"));
  CU_ASSERT(says("18", "no value of a plan comes from here"));
}

/* The same file by its name, by another path and by the end of its path. */
static void test_files(void) {
  const char *model = "\"$TOP/models/examples/cnn.xml\"";
  char line[600];
  json_int_t values = values_at(model, "lib/layers.xml:27");
  CU_ASSERT(values > 0);
  CU_ASSERT_EQUAL(values, values_at(model, "layers.xml:27"));
  snprintf(line, sizeof line, "%s/models/lib/layers.xml:27", getenv("TOP"));
  CU_ASSERT_EQUAL(values, values_at(model, line));
  shell_must("mkdir -p one/two && echo '<library xmlns=\"urn:graphc:model:1\"><template "
             "name=\"z\"/></library>' >one/two/w.xml && "
             "sed 's,<!-- nothing -->,<include src=\"two/w.xml\"/>,' w.xml >one/w.xml");
  static const struct {
    const char *given, *text;
    int code;
  } rows[] = {{"nowhere.xml:3", "the model was not read from a file 'nowhere.xml'", 1},
              {"w.xml:3", "'w.xml' is the end of several files", 1},
              {"400", "one/w.xml:400: error: the file ends at line 20", 1},
              {"0", "FILE:LINE is wanted", 2},
              {"one/w.xml:", "FILE:LINE is wanted", 2},
              {":3", "FILE:LINE is wanted", 2},
              {"one/w.xml:99999999999", "FILE:LINE is wanted", 2},
              {"3 --explain-peak", "two questions", 2}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *const parts[] = {rows[i].text, NULL};
    Shell s = shell("\"$GRAPHC\" one/w.xml --where=%s", rows[i].given);
    CU_ASSERT(shell_says(rows[i].given, s, rows[i].code, 1, parts));
  }
}

/* The slowest kernel of a trace names its line, and that line's kernels have it among them. */
static void test_trace(void) {
  shell_must("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" -o cnn.plan.xml");
  shell_must("\"$GRAPHRUN\" bench cnn.plan.xml --program=step --steps=1 --trace=cnn.json");
  json_t *trace = json_load_file(support_path("cnn.json"), 0, NULL), *event, *slow = NULL, *row;
  size_t i;
  json_array_foreach(json_object_get(trace, "traceEvents"), i, event) {
    double longest = slow ? json_number_value(json_object_get(slow, "dur")) : -1;
    if (json_object_get(json_object_get(event, "args"), "at") &&
        json_number_value(json_object_get(event, "dur")) > longest)
      slow = event;
  }
  CU_ASSERT_PTR_NOT_NULL_FATAL(slow);
  const json_t *args = json_object_get(slow, "args");
  json_t *root = where("\"$TOP/models/examples/cnn.xml\"",
                       json_string_value(json_object_get(args, "at")), "--program=step");
  json_t *program = json_array_get(json_object_get(root, "programs"), 0);
  bool found = false;
  json_array_foreach(json_object_get(program, "kernel_list"), i, row) found |=
      integer(row, "kernel") == integer(args, "kernel");
  CU_ASSERT_TRUE(found);
  json_decref(root);
  json_decref(trace);
}

int main(void) {
  static const SupportTest tests[] = {{"lines", test_lines},
                                      {"elements", test_elements},
                                      {"files", test_files},
                                      {"trace", test_trace}};
  return support_run("where", tests, sizeof tests / sizeof *tests);
}
