/* The page of a compiled model: its data add up and lead somewhere, it fetches nothing, and names
 * end no script. */
#include "tests/shell.h"

#include <jansson.h>

static const char hostile[] =
    "<model name=\"a-b\" xmlns=\"urn:graphc:model:1\"><program name=\"&lt;/script&gt;&lt;b&gt;\">\n"
    "<input name=\"x\" shape=\"2 3\"/><tanh name=\"y\" in=\"x\"/><output value=\"y\"/>\n"
    "</program></model>\n";

/* The data of a page. */
static json_t *data_of(const char *path) {
  size_t n;
  static const char open[] = "<script type=\"application/json\" id=\"data\">";
  char *text = shell_slurp(support_path(path), &n), *from = strstr(text, open);
  CU_ASSERT_PTR_NOT_NULL_FATAL(from);
  from += strlen(open);
  char *end = strstr(from, "</script>");
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  json_t *data = json_loadb(from, (size_t)(end - from), 0, NULL);
  free(text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(data);
  return data;
}

static int64_t number(const json_t *of, const char *column, size_t i) {
  return json_integer_value(json_array_get(json_object_get(of, column), i));
}

static int64_t fact(const json_t *of, const char *name) {
  return json_integer_value(json_object_get(of, name));
}

/* Values alive at a step add up to what the step has, and most of all is the bound. */
static void memory_adds_up(const json_t *program) {
  const json_t *live = json_object_get(program, "live"), *lives = json_object_get(program, "lives");
  size_t n = json_array_size(live), rows = json_array_size(json_object_get(lives, "node"));
  int64_t most = 0;
  for (size_t s = 0; s < n; s++) {
    int64_t have = json_integer_value(json_array_get(live, s)), sum = 0;
    for (size_t i = 0; i < rows; i++)
      if (number(lives, "from", i) <= (int64_t)s && (int64_t)s <= number(lives, "to", i))
        sum += number(lives, "bytes", i);
    CU_ASSERT_EQUAL(sum, have);
    if (have > most) most = have;
  }
  CU_ASSERT_EQUAL(most, fact(program, "bound"));
  CU_ASSERT_EQUAL(json_integer_value(json_array_get(live, (size_t)fact(program, "peak"))), most);
}

static void kernels_add_up(const json_t *program) {
  const json_t *steps = json_object_get(program, "steps"),
               *nodes = json_object_get(program, "nodes");
  int64_t macs = 0;
  for (size_t s = 0; s < json_array_size(json_object_get(steps, "first")); s++) {
    macs += number(steps, "macs", s);
    for (int64_t k = 0; k < number(steps, "count", s); k++) {
      int64_t node = number(steps, "nodes", (size_t)(number(steps, "first", s) + k));
      CU_ASSERT_EQUAL(number(nodes, "step", (size_t)node), (int64_t)s);
    }
  }
  CU_ASSERT_EQUAL(macs, fact(program, "macs"));
}

static bool has_box(const json_t *view, const char *letter, int64_t index) {
  size_t i;
  json_t *box;
  char id[32];
  snprintf(id, sizeof id, "%s%lld", letter, (long long)index);
  json_array_foreach(json_object_get(view, "boxes"), i,
                     box) if (strcmp(json_string_value(json_object_get(box, "id")), id) ==
                              0) return true;
  return false;
}

/* Constants, and what is made of them alone, explain nothing and are in no picture. */
static bool is_constant(const json_t *nodes, size_t id) {
  const json_t *inputs = json_array_get(json_object_get(nodes, "inputs"), id);
  bool all = true;
  for (size_t i = 0; i < json_array_size(inputs); i++)
    all = all && is_constant(nodes, (size_t)json_integer_value(json_array_get(inputs, i)));
  return all;
}

/* Every box that opens opens a view that comes back; every kernel's nodes are in some picture. */
static void views_lead(const json_t *program, const char *page) {
  const json_t *views = json_object_get(program, "views"),
               *nodes = json_object_get(program, "nodes");
  size_t i, k, n = json_array_size(views);
  json_t *view, *box;
  char part[64];
  json_array_foreach(views, i, view) {
    snprintf(part, sizeof part, "<template id=\"svg%lld\"><svg", (long long)fact(view, "svg"));
    CU_ASSERT_PTR_NOT_NULL(strstr(page, part));
    CU_ASSERT(i ? fact(view, "parent") < (int64_t)i : fact(view, "parent") == -1);
    json_array_foreach(json_object_get(view, "boxes"), k, box)
        CU_ASSERT(fact(box, "open") >= -1 && fact(box, "open") < (int64_t)n);
  }
  for (size_t id = 1; id < json_array_size(json_object_get(nodes, "op")); id++) {
    if (number(nodes, "step", id) < 0) continue;
    int64_t at = number(nodes, "view", id);
    if (at < 0) {
      CU_ASSERT(is_constant(nodes, id));
      continue;
    }
    CU_ASSERT(has_box(json_array_get(views, (size_t)at), "b", number(nodes, "box", id)));
  }
}

static void check(const char *command, const char *path) {
  shell_must("%s", command);
  json_t *data = data_of(path), *program;
  char *page = shell_slurp(support_path(path), NULL);
  size_t i;
  CU_ASSERT(json_array_size(json_object_get(data, "programs")) > 0);
  json_array_foreach(json_object_get(data, "programs"), i, program) {
    memory_adds_up(program);
    kernels_add_up(program);
    views_lead(program, page);
  }
  /* Names of namespaces are no addresses to fetch from. */
  CU_ASSERT_PTR_NULL(strstr(page, "src="));
  CU_ASSERT_PTR_NULL(strstr(page, "@import"));
  CU_ASSERT_PTR_NULL(strstr(page, "<link rel=\"stylesheet"));
  free(page);
  json_decref(data);
}

static void adds_up(void) {
  check("$GRAPHC $TOP/models/examples/maml.xml --emit=html:maml.html", "maml.html");
  check("$GRAPHC $TOP/models/cdvm_small.xml -D width=8 -D height=32 -D image_width=16 "
        "-D batch_ids=2 -D 'ids=8 8 8' --program=extract --emit=html:extract.html",
        "extract.html");
  shell_must("$GRAPHC $TOP/models/examples/maml.xml --emit=html:- | cmp - maml.html");
}

static void names_end_nothing(void) {
  support_write("hostile.xml", hostile);
  Shell s = shell("$GRAPHC hostile.xml --emit=html:hostile.html");
  if (s.code == 0) {
    json_t *data = data_of("hostile.html");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(
                               json_array_get(json_object_get(data, "programs"), 0), "name")),
                           "</script><b>");
    json_decref(data);
  } else {
    CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "hostile.xml:1:")); /* such names are refused */
  }
  shell_free(&s);
}

#define SAYS(CODE, COMMAND, ...)                                                                   \
  CU_ASSERT(shell_says(COMMAND, shell(COMMAND), CODE, 1, (const char *const[]){__VA_ARGS__, NULL}))

static void refusals(void) {
  SAYS(2, "$GRAPHC $TOP/models/examples/maml.xml --emit=html --scope=a",
       "--scope: --emit=html shows all scopes");
  SAYS(2, "$GRAPHC $TOP/models/examples/maml.xml --emit=html --color=time",
       "--color says how one picture is drawn");
  SAYS(2, "$GRAPHC $TOP/models/examples/maml.xml --emit=html --after=order",
       "--after says how one picture is drawn");
  SAYS(4, "$GRAPHC $TOP/models/examples/maml.xml --emit=html:none/x.html",
       "none/x.html: error: cannot write the page: ");
}

int main(void) {
  static const SupportTest tests[] = {
      {"the data add up", adds_up}, {"names", names_end_nothing}, {"refusals", refusals}};
  return support_run("page", tests, sizeof tests / sizeof *tests);
}
