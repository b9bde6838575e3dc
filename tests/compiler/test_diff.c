/* graphc diff: what two models differ in, seen from both sides. */
#include "tests/shell.h"

#include <jansson.h>

static const char base[] =
    "<model name=\"base\" xmlns=\"urn:graphc:model:1\">\n"
    "<param name=\"lr\" type=\"float\" value=\"0.1\" doc=\"learning rate\"/>\n"
    "<param name=\"n\" type=\"int\" value=\"3\" doc=\"results\"/>\n"
    "<program name=\"step\" kind=\"train\">\n"
    "<random name=\"x\" shape=\"4 8\"/>\n"
    "<parameter name=\"w\" shape=\"8 ${n}\"/>\n"
    "<matmul name=\"y\" in=\"x\" with=\"w\"/>\n"
    "<expr name=\"s\" value=\"sigmoid(y)\"/>\n"
    "<expr name=\"t\" value=\"tanh(y)\"/>\n"
    "<expr name=\"loss\" value=\"mean(square(s))\"/>\n"
    "<gradient name=\"G\" of=\"loss\"/>\n"
    "<commit field=\"theta\" value=\"theta - ${lr} * G\"/>\n"
    "<output value=\"loss\"/>\n<output value=\"t\"/>\n"
    "</program>\n"
    "<training steps=\"100\" warmup-steps=\"0\"/>\n</model>\n";

/* The model with one text instead of another, or as it is. */
static void write_model(const char *name, const char *from, const char *to) {
  char text[4000];
  const char *at = from ? strstr(base, from) : NULL;
  CU_ASSERT_FATAL(!from || at);
  if (at)
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
  else
    snprintf(text, sizeof text, "%s", base);
  support_write(name, text);
}

static json_t *diff(const char *arguments) {
  Shell s = shell("\"$GRAPHC\" diff %s --report=json", arguments);
  json_t *root = json_loads(s.out, JSON_REJECT_DUPLICATES, NULL);
  if (!root || s.code) printf("\ndiff %s: exit %d\n%s", arguments, s.code, s.err);
  CU_ASSERT_TRUE_FATAL(s.code == 0 && root != NULL);
  shell_free(&s);
  return root;
}

static json_int_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) printf("\n%s is missing\n", key);
  CU_ASSERT_TRUE_FATAL(json_is_integer(value));
  return json_integer_value(value);
}

static size_t rows(const json_t *root, const char *key) {
  CU_ASSERT_TRUE_FATAL(json_is_array(json_object_get(root, key)));
  return json_array_size(json_object_get(root, key));
}

/* The sum over all ops of all programs of one column; of one op when it is named. */
static json_int_t ops(const json_t *root, const char *key, const char *op) {
  json_int_t sum = 0;
  size_t i, k;
  json_t *program, *row;
  json_array_foreach(json_object_get(root, "programs"), i, program) {
    json_array_foreach(json_object_get(program, "ops"), k, row) {
      CU_ASSERT_PTR_NOT_NULL(strchr(json_string_value(json_object_get(row, "at")), ':'));
      if (!op || strcmp(json_string_value(json_object_get(row, "op")), op) == 0)
        sum += integer(row, key);
    }
  }
  return sum;
}

static json_int_t elements_of(const json_t *row, const char *side) {
  const json_t *state = json_object_get(row, side);
  return json_is_null(state) ? 0 : integer(state, "elements");
}

/* Rows of parameters add up to the difference of the sums. */
static void check_parameters(const json_t *root) {
  json_int_t sum = 0;
  size_t i;
  json_t *row;
  json_array_foreach(json_object_get(root, "states"), i, row) {
    if (strcmp(json_string_value(json_object_get(row, "kind")), "parameter") == 0)
      sum += elements_of(row, "b") - elements_of(row, "a");
  }
  CU_ASSERT_EQUAL(integer(json_object_get(root, "b"), "parameters") -
                      integer(json_object_get(root, "a"), "parameters"),
                  sum);
}

static bool equal(const json_t *root) {
  bool none = json_is_true(json_object_get(root, "equal"));
  if (none)
    CU_ASSERT(!rows(root, "settings") && !rows(root, "elements") && !rows(root, "states") &&
              !ops(root, "added", NULL) && !ops(root, "removed", NULL) &&
              !ops(root, "changed", NULL));
  return none;
}

/* Names of models, comments, blanks and the order of attributes are no difference. */
static void test_equal(void) {
  write_model("a.xml", NULL, NULL);
  write_model("b.xml", "<random name=\"x\" shape=\"4 8\"/>",
              "<!-- a comment -->\n  <random   shape=\"4 8\" name=\"x\"/>");
  write_model("c.xml", "model name=\"base\"", "model name=\"other\"");
  static const char *const pairs[] = {"a.xml a.xml",
                                      "a.xml b.xml",
                                      "a.xml c.xml",
                                      "a.xml -B lr=0.1",
                                      "a.xml b.xml -D n=7",
                                      "\"$TOP/models/examples/maml.xml\" "
                                      "\"$TOP/models/examples/maml.xml\""};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    json_t *root = diff(pairs[i]);
    if (!equal(root)) printf("\n%s\n", pairs[i]);
    CU_ASSERT_TRUE(equal(root));
    json_decref(root);
  }
  Shell s = shell("\"$GRAPHC\" diff a.xml b.xml");
  CU_ASSERT(s.code == 0 && strstr(s.out, "\nno difference\n"));
  shell_free(&s);
}

/* A setting that reaches a constant: the element, the nodes with the constant, nothing else. */
static void test_setting(void) {
  json_t *root = diff("a.xml -B lr=0.2"), *row;
  CU_ASSERT(!equal(root) && rows(root, "settings") == 1 && rows(root, "states") == 0);
  row = json_array_get(json_object_get(root, "settings"), 0);
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "a")), "0.1");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "b")), "0.2");
  CU_ASSERT_EQUAL(rows(root, "elements"), 1);
  row = json_array_get(json_object_get(root, "elements"), 0);
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(row, "b")), "a.xml:12");
  CU_ASSERT(ops(root, "changed", NULL) > 0);
  CU_ASSERT(ops(root, "added", NULL) == 0 && ops(root, "removed", NULL) == 0);
  check_parameters(root);
  json_decref(root);
}

/* Another shape, another op, another operand, another program, another training. */
static void test_changes(void) {
  json_t *root = diff("a.xml -B n=5"), *back = diff("a.xml -A n=5");
  CU_ASSERT_EQUAL(integer(json_object_get(root, "b"), "parameters"), 40);
  CU_ASSERT_EQUAL(rows(root, "states"), 1);
  CU_ASSERT(ops(root, "changed", "matmul") > 0 && ops(root, "added", "matmul") == 0);
  CU_ASSERT_EQUAL(ops(root, "changed", NULL), ops(back, "changed", NULL));
  check_parameters(root);
  check_parameters(back);
  json_decref(root);
  json_decref(back);

  write_model("op.xml", "tanh(y)", "tanh(y) + exp(y)");
  root = diff("a.xml op.xml");
  back = diff("op.xml a.xml");
  CU_ASSERT(ops(root, "added", "exp") == 1 && ops(root, "added", "add") == 1);
  CU_ASSERT(ops(root, "removed", NULL) == 0 && ops(back, "added", NULL) == 0);
  CU_ASSERT_EQUAL(ops(root, "added", NULL), ops(back, "removed", NULL));
  json_decref(root);
  json_decref(back);

  write_model("wire.xml", "value=\"tanh(y)\"", "value=\"tanh(s)\"");
  root = diff("a.xml wire.xml");
  CU_ASSERT(ops(root, "changed", "tanh") == 1 && ops(root, "changed", NULL) == 1);
  CU_ASSERT(ops(root, "added", NULL) == 0 && ops(root, "removed", NULL) == 0);
  json_decref(root);

  write_model("name.xml", "program name=\"step\"", "program name=\"other\"");
  root = diff("a.xml name.xml");
  json_t *program = json_array_get(json_object_get(root, "programs"), 0);
  CU_ASSERT(rows(root, "programs") == 1 && !equal(root));
  CU_ASSERT_STRING_EQUAL(
      json_string_value(json_object_get(json_object_get(program, "b"), "program")), "other");
  json_decref(root);

  write_model("train.xml", "training steps=\"100\"", "training steps=\"50\"");
  root = diff("a.xml train.xml");
  CU_ASSERT(rows(root, "elements") == 1 && !equal(root));
  json_t *row = json_array_get(json_object_get(root, "elements"), 0);
  CU_ASSERT_PTR_NOT_NULL(json_object_get(json_object_get(row, "attributes"), "steps"));
  json_decref(root);
}

static void test_text(void) {
  Shell s = shell("\"$GRAPHC\" diff a.xml op.xml -B n=5");
  static const char *const parts[] = {"~ n         3 -> 5   (results)",
                                      "~ op.xml:9: <expr t> value: tanh(y) -> tanh(y) + exp(y)",
                                      "~ parameter  (8, 3) -> (8, 5)             w",
                                      "            24             40            +16    +66.7%",
                                      "kB\n",
                                      "exp +1"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!strstr(s.out, parts[i])) printf("\nnot there: %s\n%s\n", parts[i], s.out);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, parts[i]));
  }
  shell_free(&s);
}

/* The picture of the second model: what is new is green, what is not is grey. */
static void test_picture(void) {
  Shell s = shell("\"$GRAPHC\" diff a.xml op.xml --emit=dot:d.dot --depth=-1 && cat d.dot");
  CU_ASSERT(s.code == 0 && strstr(s.out, "d.dot shows 'step' of B"));
  CU_ASSERT(strstr(s.out, "#9bd89b") && strstr(s.out, "#f4f4f4") && strstr(s.out, "a.xml"));
  shell_free(&s);
  s = shell("\"$GRAPHC\" diff a.xml b.xml --emit=dot:-");
  CU_ASSERT(s.code == 0 && strncmp(s.out, "digraph", 7) == 0 && strstr(s.out, "#f4f4f4"));
  CU_ASSERT(!strstr(s.out, "#9bd89b") && !strstr(s.out, "#ffd77a"));
  shell_free(&s);
}

static void test_errors(void) {
  static const struct {
    const char *arguments, *text;
    int code;
  } bad[] = {{"", "no model: graphc diff A.xml [B.xml]", 2},
             {"a.xml", "one model, and nothing that differs", 2},
             {"a.xml b.xml c.xml", "c.xml", 2},
             {"a.xml b.xml -A nn=1", "-D nn: error", 1},
             {"a.xml b.xml --program=nowhere", "nowhere", 1},
             {"a.xml b.xml --scope=nowhere", "nowhere", 1},
             {"a.xml missing.xml", "missing.xml", 1},
             {"a.xml b.xml --emit=text", "drawn as dot, svg, png or pdf", 2},
             {"a.xml b.xml --emit=svg --report=json", "name the picture's file", 2}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    const char *const parts[] = {bad[i].text, NULL};
    Shell s = shell("\"$GRAPHC\" diff %s", bad[i].arguments);
    CU_ASSERT(shell_says(bad[i].arguments, s, bad[i].code, 1, parts));
  }
}

int main(void) {
  static const SupportTest tests[] = {{"equal", test_equal},     {"setting", test_setting},
                                      {"changes", test_changes}, {"text", test_text},
                                      {"picture", test_picture}, {"errors", test_errors}};
  return support_run("diff", tests, sizeof tests / sizeof *tests);
}
