/* --report=json: valid, complete, and its sums add up. */
#include "tests/shell.h"

#include <jansson.h>

static json_int_t integer(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_integer(value)) printf("\n%s is missing\n", key);
  CU_ASSERT_TRUE_FATAL(json_is_integer(value));
  return json_integer_value(value);
}

static json_int_t sum(json_t *scopes, const char *key) {
  json_int_t total = 0;
  const char *name;
  json_t *scope;
  json_object_foreach(scopes, name, scope) total +=
      key ? integer(scope, key) : json_integer_value(scope);
  return total;
}

static json_t *report(const char *model, const char *options) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/%s\" --report=json %s", model, options);
  CU_ASSERT_EQUAL(s.code, 0);
  json_error_t error;
  json_t *root = json_loads(s.out, JSON_REJECT_DUPLICATES, &error);
  if (!root) printf("\n%s: line %d: %s\n", model, error.line, error.text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  shell_free(&s);
  return root;
}

static void check(const char *model, const char *options) {
  json_t *root = report(model, options);
  CU_ASSERT_EQUAL(integer(root, "parameters"), sum(json_object_get(root, "scopes"), NULL));
  json_int_t state = integer(root, "state_bytes"), arena = 0;
  CU_ASSERT_TRUE(json_is_string(json_object_get(root, "model_hash")));
  size_t i;
  json_t *program;
  json_array_foreach(json_object_get(root, "programs"), i, program) {
    json_t *scopes = json_object_get(program, "scopes");
    static const char *const keys[] = {"nodes", "kernels", "macs", "forward_macs"};
    for (size_t k = 0; k < 4; k++) CU_ASSERT_EQUAL(integer(program, keys[k]), sum(scopes, keys[k]));
    json_int_t scratch = integer(program, "scratch_bytes");
    CU_ASSERT_TRUE(integer(program, "lower_bound_bytes") <= scratch);
    CU_ASSERT_TRUE(integer(program, "peak_step") < integer(program, "kernels"));
    if (scratch > arena) arena = scratch;
    size_t n;
    json_t *tensor;
    json_int_t before = INT64_MAX;
    json_array_foreach(json_object_get(program, "peak"), n, tensor) {
      CU_ASSERT_TRUE(integer(tensor, "bytes") <= before);
      before = integer(tensor, "bytes");
      CU_ASSERT_TRUE(json_is_string(json_object_get(tensor, "file")));
    }
  }
  CU_ASSERT_TRUE(i > 0);
  CU_ASSERT_EQUAL(integer(root, "arena_bytes"), state + arena);
  json_decref(root);
}

static void test_sums(void) {
  check("models/cdvm_small.xml", "");
  check("models/cdvm_small.xml", "--depth=4");
  check("models/examples/maml.xml", "");
  check("models/examples/cnn.xml", "--depth=1");
}

/* The figures, from the report alone. */
static void test_figures(void) {
  json_t *root = report("models/cdvm_small.xml", "");
  json_t *scopes = json_object_get(root, "scopes"), *scope;
  const char *name;
  json_int_t network = 0;
  json_object_foreach(scopes, name, scope) {
    bool head = strstr(name, "attr") || strstr(name, "dom") || strncmp(name, "cls", 3) == 0 ||
                strcmp(name, "neck") == 0;
    if (!head) network += json_integer_value(scope);
  }
  CU_ASSERT_EQUAL(network, 2694864);
  json_decref(root);
}

/* A report is text for people, too: no plan is written unless -o asks for it. */
static void test_text(void) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/mlp.xml\" --report && ls");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "parameters by scope"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "multiply-adds of step by scope"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "peak of step: step"));
  CU_ASSERT_PTR_NULL(strstr(s.out, "mlp.plan.xml"));
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {
      {"sums", test_sums}, {"figures", test_figures}, {"text", test_text}};
  return support_run("report", tests, sizeof tests / sizeof *tests);
}
