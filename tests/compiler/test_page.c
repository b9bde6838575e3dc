/* The page of a compiled model: its data add up and lead somewhere, it fetches nothing, and names
 * end no script. */
#include "tests/compiler/hostile_page.h"

#include <jansson.h>
#include <zlib.h>

/* What is packed in a page under that id. */
static json_t *unpack(const char *page, const char *id) {
  char open[80];
  snprintf(open, sizeof open, "<script type=\"text/plain\" id=\"%s\">", id);
  const char *from = strstr(page, open);
  CU_ASSERT_PTR_NOT_NULL_FATAL(from);
  from += strlen(open);
  const char *end = strstr(from, "</script>");
  CU_ASSERT_PTR_NOT_NULL_FATAL(end);
  size_t n = (size_t)(end - from) / 4 * 3;
  CU_ASSERT_EQUAL((end - from) % 4, 0);
  unsigned char *packed = malloc(n + 1);
  if (!packed) exit(1);
  for (size_t i = 0; from < end; i += 3, from += 4) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    for (int k = 0; k < 4; k++) {
      const char *digit = strchr(digits, from[k]);
      CU_ASSERT(digit || from[k] == '=');
      bits = bits << 6 | (digit ? (uint32_t)(digit - digits) : 0);
      if (!digit) n--;
    }
    for (size_t k = 0; k < 3; k++) packed[i + k] = (unsigned char)(bits >> (16 - 8 * k));
  }
  uLongf size = n * 2000; /* deflate cannot do better than 1:1032 */
  char *text = malloc(size);
  if (!text) exit(1);
  CU_ASSERT_EQUAL_FATAL(uncompress((Bytef *)text, &size, packed, n), Z_OK);
  json_t *data = json_loadb(text, size, 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(data);
  free(packed);
  free(text);
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

static const char *op_name(const json_t *data, const json_t *nodes, size_t id) {
  return json_string_value(
      json_array_get(json_object_get(data, "ops"), (size_t)number(nodes, "op", id)));
}

/* What a program is fed, reads of states and draws: boxes stand for all of a kind. */
static bool is_source(const char *op) {
  return strcmp(op, "input-value") == 0 || strcmp(op, "state-value") == 0 ||
         strcmp(op, "random-value") == 0;
}

/* Constants, and what is made of them alone, explain nothing and are in no picture. */
static bool is_constant(const json_t *data, const json_t *nodes, size_t id) {
  const json_t *inputs = json_array_get(json_object_get(nodes, "inputs"), id);
  const char *op = op_name(data, nodes, id);
  bool all = json_array_size(inputs) > 0 || strcmp(op, "constant") == 0;
  for (size_t i = 0; i < json_array_size(inputs); i++)
    all = all && is_constant(data, nodes, (size_t)json_integer_value(json_array_get(inputs, i)));
  return all && !is_source(op);
}

/* Each text element of a picture, which is empty, has its words. */
static void words_fit(const json_t *view, const json_t *pictures) {
  const char *svg = json_string_value(json_array_get(pictures, (size_t)fact(view, "svg")));
  const char *words = json_string_value(json_object_get(view, "texts"));
  CU_ASSERT_FATAL(svg && words);
  size_t lines = 0, elements = 0;
  for (const char *at = words; (at = strchr(at, '\n')); at++) lines++;
  for (const char *at = svg; (at = strstr(at, "<text")); at++) {
    const char *end = strchr(at, '>');
    elements += end && strncmp(end, "></text>", 8) == 0;
  }
  CU_ASSERT(lines > 0);
  CU_ASSERT_EQUAL(lines, elements);
}

/* Every box that opens opens a view that comes back; every kernel's nodes are in some picture. */
static void views_lead(const json_t *data, const json_t *program, const json_t *pictures) {
  const json_t *views = json_object_get(program, "views"),
               *nodes = json_object_get(program, "nodes");
  size_t i, k, n = json_array_size(views);
  json_t *view, *box;
  json_array_foreach(views, i, view) {
    words_fit(view, pictures);
    CU_ASSERT(i ? fact(view, "parent") < (int64_t)i : fact(view, "parent") == -1);
    json_array_foreach(json_object_get(view, "boxes"), k, box)
        CU_ASSERT(fact(box, "open") >= -1 && fact(box, "open") < (int64_t)n);
  }
  for (size_t id = 1; id < json_array_size(json_object_get(nodes, "op")); id++) {
    if (number(nodes, "step", id) < 0) continue;
    int64_t at = number(nodes, "view", id);
    if (at < 0) {
      CU_ASSERT(is_constant(data, nodes, id) || is_source(op_name(data, nodes, id)));
      continue;
    }
    CU_ASSERT(has_box(json_array_get(views, (size_t)at), "b", number(nodes, "box", id)));
  }
}

#define EXTRACT                                                                                    \
  "$GRAPHC $TOP/models/cdvm_small.xml -D width=8 -D height=32 -D image_width=16 -D batch_ids=2 "   \
  "-D 'ids=8 8 8' --program=extract"

static void check(const char *command, const char *path) {
  shell_must("%s", command);
  char *page = shell_slurp(support_path(path), NULL);
  json_t *data = unpack(page, "data"), *pictures = unpack(page, "pictures"), *program;
  size_t i;
  CU_ASSERT(json_array_size(json_object_get(data, "programs")) > 0);
  json_array_foreach(json_object_get(data, "programs"), i, program) {
    memory_adds_up(program);
    kernels_add_up(program);
    views_lead(data, program, pictures);
  }
  /* Names of namespaces are no addresses to fetch from. */
  CU_ASSERT_PTR_NULL(strstr(page, "src="));
  CU_ASSERT_PTR_NULL(strstr(page, "@import"));
  CU_ASSERT_PTR_NULL(strstr(page, "<link rel=\"stylesheet"));
  free(page);
  json_decref(data);
  json_decref(pictures);
}

static void adds_up(void) {
  check("$GRAPHC $TOP/models/examples/maml.xml --emit=html:maml.html", "maml.html");
  check(EXTRACT " --emit=html:extract.html", "extract.html");
  shell_must("$GRAPHC $TOP/models/examples/maml.xml --emit=html:- | cmp - maml.html");
}

static bool has_string(const json_t *list, const char *text) {
  size_t i;
  json_t *one;
  json_array_foreach(list, i, one) if (strcmp(json_string_value(one), text) == 0) return true;
  printf("\n'%s' is not in the data\n", text);
  return false;
}

static size_t occurrences(const char *in, const char *what) {
  size_t n = 0;
  for (const char *at = in; (at = strstr(at, what)); at++) n++;
  return n;
}

/* Names of any kind are data, as they are; none of them is in the file as text. */
static void names_end_nothing(void) {
  hostile_page("hostile.html");
  char *page = shell_slurp(support_path("hostile.html"), NULL);
  json_t *data = unpack(page, "data"), *pictures = unpack(page, "pictures");
  const json_t *program = json_array_get(json_object_get(data, "programs"), 0);
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(program, "name")), hostile_names[0]);
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(data, "source")), hostile_names[1]);
  for (size_t i = 0; i < HOSTILE_NAMES; i++) {
    CU_ASSERT(has_string(json_object_get(data, "strings"), hostile_names[i]));
    CU_ASSERT_PTR_NULL(strstr(page, hostile_names[i]));
  }
  CU_ASSERT_EQUAL(occurrences(page, "<script"), 3);
  CU_ASSERT_EQUAL(occurrences(page, "</script"), 3);
  views_lead(data, program, pictures);
  json_decref(data);
  json_decref(pictures);
  free(page);
}

/* The path of a model need not be UTF-8, as JSON must be. */
static void path_is_repaired(void) {
  support_write("m\xff.xml", "<model name=\"m\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
                             "<input name=\"x\" shape=\"4\"/><tanh name=\"y\" in=\"x\"/>"
                             "<output value=\"y\"/></program></model>");
  shell_must("$GRAPHC m\xff.xml --emit=html:odd.html");
  char *page = shell_slurp(support_path("odd.html"), NULL);
  json_t *data = unpack(page, "data");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(data, "source")), "m?.xml");
  CU_ASSERT(has_string(json_object_get(data, "strings"), "m?.xml"));
  json_decref(data);
  free(page);
}

/* Pictures that are shared have the words that each of them has alone. */
static void words_are_those_of_pictures(void) {
  char *page = shell_slurp(support_path("extract.html"), NULL);
  json_t *data = unpack(page, "data"), *view;
  const json_t *views =
      json_object_get(json_array_get(json_object_get(data, "programs"), 0), "views");
  size_t i, shared = 0, seen[1000] = {0};
  json_array_foreach(views, i, view) {
    size_t picture = (size_t)fact(view, "svg");
    if (picture >= 1000 || !seen[picture]++ || shared++ > 2) continue;
    char *dot = NULL, words[8000];
    snprintf(words, sizeof words, "%s", json_string_value(json_object_get(view, "texts")));
    shell_must(EXTRACT
               " --emit=svg:one.svg "
               "'--scope=%s' -o q.xml && sed -n 's/.*<text[^>]*>\\(.*\\)<.text>.*/\\1/p' one.svg | "
               "sed 's/&#45;/-/g;s/&lt;/</g;s/&gt;/>/g;s/&#160;/\xc2\xa0/g;s/&amp;/\\&/g' > words",
               json_string_value(json_object_get(view, "path")));
    dot = shell_slurp(support_path("words"), NULL);
    for (char *line = strtok(words, "\n"); line; line = strtok(NULL, "\n")) {
      CU_ASSERT_PTR_NOT_NULL(strstr(dot, line));
      if (!strstr(dot, line)) printf("\n'%s' is not in the picture\n", line);
    }
    free(dot);
  }
  CU_ASSERT(shared > 0);
  json_decref(data);
  free(page);
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

/* A picture that was made with fewer boxes has groups that another number has not: they open. */
static void groups_of_fewer_boxes(void) {
  if (!support_long()) return;
  shell_must("$GRAPHC $TOP/models/ablations/plain_between.xml -D width=4 -D height=32 "
             "-D image_width=16 -D batch_ids=4 -D eval_batch=4 -D 'blocks=2 2 2 2' "
             "-D 'domains=a b c d' -D 'ids=5 5 5 5' --program=step/a --emit=html:fewer.html");
  char *page = shell_slurp(support_path("fewer.html"), NULL);
  json_t *data = unpack(page, "data");
  const json_t *program = json_array_get(json_object_get(data, "programs"), 0);
  size_t i, k, n_groups = 0;
  json_t *view, *box;
  json_array_foreach(json_object_get(program, "views"), i, view) {
    json_array_foreach(json_object_get(view, "boxes"), k, box) {
      if (*json_string_value(json_object_get(box, "path")) != '+') continue;
      CU_ASSERT(fact(box, "open") >= 0 || fact(box, "nodes") <= 3);
      n_groups++;
    }
  }
  CU_ASSERT(n_groups > 1);
  free(page);
  json_decref(data);
}

int main(void) {
  static const SupportTest tests[] = {{"the data add up", adds_up},
                                      {"names", names_end_nothing},
                                      {"a path that is no UTF-8", path_is_repaired},
                                      {"words", words_are_those_of_pictures},
                                      {"groups of fewer boxes", groups_of_fewer_boxes},
                                      {"refusals", refusals}};
  return support_run("page", tests, sizeof tests / sizeof *tests);
}
