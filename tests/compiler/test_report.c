/* --report=json: valid, complete, and its sums add up. */
#include "compiler/report.h"
#include "tests/shell.h"

#include <glob.h>
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

/* All steps are on streams; several take less than one, and no less than the longest path. */
static void check_streams(const json_t *program) {
  const json_t *streams = json_object_get(program, "streams"), *steps;
  json_int_t n = 0, waits = integer(streams, "waits"), path = integer(streams, "path_ns"),
             run = integer(streams, "run_ns"), serial = integer(streams, "serial_ns");
  steps = json_object_get(streams, "kernels");
  for (size_t k = 0; k < json_array_size(steps); k++)
    n += json_integer_value(json_array_get(steps, k));
  CU_ASSERT_EQUAL(n, integer(program, "kernels"));
  bool several = json_array_size(steps) > 1;
  CU_ASSERT_EQUAL(waits > 0, several);
  CU_ASSERT(path <= run && (several ? run < serial : run == serial));
}

/* By op, by scope and in all: the same.  (What are nodes of a scope are values of an op.) */
static void check_sums(const json_t *program) {
  json_t *scopes = json_object_get(program, "scopes"), *ops = json_object_get(program, "ops");
  static const char *const keys[] = {"kernels",      "kernels_unfused", "macs",
                                     "forward_macs", "flops",           "bytes"};
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    CU_ASSERT_EQUAL(integer(program, keys[k]), sum(scopes, keys[k]));
    CU_ASSERT_EQUAL(integer(program, keys[k]), sum(ops, keys[k]));
  }
  CU_ASSERT_EQUAL(integer(program, "nodes"), sum(scopes, "nodes"));
  CU_ASSERT_EQUAL(integer(program, "nodes"), sum(ops, "values"));
  CU_ASSERT(integer(program, "kernels") <= integer(program, "kernels_unfused"));
  CU_ASSERT(integer(program, "flops") >= 2 * integer(program, "macs"));
}

static void check(const char *model, const char *options) {
  json_t *root = report(model, options);
  CU_ASSERT_EQUAL(integer(root, "parameters"), sum(json_object_get(root, "scopes"), NULL));
  json_int_t state = integer(root, "state_bytes"), arena = 0;
  CU_ASSERT_TRUE(json_is_string(json_object_get(root, "model_hash")));
  size_t i;
  json_t *program;
  json_array_foreach(json_object_get(root, "programs"), i, program) {
    check_sums(program);
    json_int_t scratch = integer(program, "scratch_bytes");
    CU_ASSERT_TRUE(integer(program, "lower_bound_bytes") <= scratch);
    const json_t *peak = json_object_get(program, "peak_kernel");
    CU_ASSERT(json_is_null(peak) || json_integer_value(peak) < integer(program, "kernels"));
    if (scratch > arena) arena = scratch;
    check_streams(program);
    bool meet = integer(program, "sum_bytes") + integer(program, "gather_bytes") > 0;
    CU_ASSERT_EQUAL(meet, integer(program, "exchanges") > 0);
    CU_ASSERT(integer(program, "exchanges") <= integer(program, "collectives"));
    CU_ASSERT(!meet || integer(root, "ranks") > 1);
    size_t n;
    json_t *tensor;
    json_int_t before = INT64_MAX, alive = 0;
    json_array_foreach(json_object_get(program, "peak"), n, tensor) {
      CU_ASSERT_TRUE(integer(tensor, "bytes") <= before);
      before = integer(tensor, "bytes");
      alive += before;
      CU_ASSERT_TRUE(json_is_string(json_object_get(tensor, "file")));
    }
    CU_ASSERT_EQUAL(alive, integer(program, "peak_bytes"));
    CU_ASSERT(alive >= integer(program, "lower_bound_bytes") && alive <= scratch);
    size_t streams =
        json_array_size(json_object_get(json_object_get(program, "streams"), "kernels"));
    if (streams == 1) CU_ASSERT_EQUAL(alive, integer(program, "lower_bound_bytes"));
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
  check("models/examples/cnn.xml", "\"--target=$TOY\"");
  check("models/examples/cnn.xml", "--ranks=2 \"--target=$TOY\"");
}

/* ---- the peak ---- */

static NodeId value_of(const Graph *g, const bool *executed, NodeId id) {
  while (!executed[id] && g->nodes[id].op == OP_RESHAPE) id = node_input(g, id, 0);
  return id;
}

/* A value's first and last step (from 1; 0 before the first) by looking at every reader. */
static void life_of(const PlanProgram *p, const bool *executed, NodeId value, uint32_t *first,
                    uint32_t *last) {
  const Graph *g = p->graph;
  *first = *last = 0;
  for (uint32_t s = 0; s < p->n_steps; s++)
    for (uint32_t k = 0; k < p->steps[s].count; k++) {
      NodeId id = p->step_nodes[p->steps[s].first + k];
      if (id == value) *first = s + 1;
      bool reads = id == value;
      for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++)
        reads |= value_of(g, executed, node_input(g, id, i)) == value;
      if (reads) *last = s + 1;
    }
  for (uint32_t i = 0; i < g->n_outputs; i++)
    if (value_of(g, executed, g->outputs[i].node) == value) *last = p->n_steps + 1;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (value_of(g, executed, g->commits[i].value) == value) *last = p->n_steps + 1;
}

typedef struct Range {
  int64_t from, to;
} Range;

static int by_from(const void *a, const void *b) {
  const Range *x = a, *y = b;
  return x->from < y->from ? -1 : x->from > y->from;
}

/* Every buffer listed is one of its own in scratch, its value lives at the peak, and their bytes
 * add up to the bound, which the verifier counts on its own. */
static void check_peak(const Plan *plan, const PlanProgram *p) {
  const Graph *g = p->graph;
  Diag *diag = diag_create();
  ReportPeak found;
  CU_ASSERT_EQUAL_FATAL(report_peak(plan, p, diag, &found), STATUS_OK);
  const ReportTensor *list = found.tensors;
  uint32_t n = found.n;
  CU_ASSERT(found.step == p->peak_step + 1 || (found.step == 0 && p->peak_step == 0));
  bool *executed = calloc(g->n_nodes, sizeof *executed);
  Range *ranges = calloc(n + 1, sizeof *ranges);
  for (uint32_t i = 0; i < p->n_step_nodes; i++) executed[p->step_nodes[i]] = true;
  int64_t alive = 0;
  uint32_t peak = p->peak_step + 1, works = 0;
  for (uint32_t i = 0; i < n; i++) {
    const ReportTensor *t = &list[i];
    int64_t offset = p->node_offset[t->node], bytes = value_bytes(&g->nodes[t->node]);
    if (t->work) {
      const PlanStep *step = &p->steps[p->peak_step];
      offset = step->work_offset;
      bytes = step->work_bytes;
      CU_ASSERT_EQUAL(t->node, p->step_nodes[step->first + step->count - 1]);
      works++;
    } else {
      uint32_t first, last;
      life_of(p, executed, t->node, &first, &last);
      bool before = p->peak_step == 0 && first == 0; /* the peak may be before the first step */
      CU_ASSERT((first <= peak && peak <= last) || before);
    }
    CU_ASSERT_EQUAL(t->bytes, target_align(plan->target, bytes));
    CU_ASSERT(offset >= plan->state_bytes);
    ranges[i] = (Range){offset, offset + t->bytes};
    alive += t->bytes;
  }
  qsort(ranges, n, sizeof *ranges, by_from);
  for (uint32_t i = 1; i < n; i++) CU_ASSERT(ranges[i - 1].to <= ranges[i].from);
  CU_ASSERT(works <= 1);
  CU_ASSERT_EQUAL(alive, p->lower_bound);
  if (alive != p->lower_bound)
    printf("\n%s: the list holds %lld bytes, the peak %lld\n", plan_text(plan, p->name),
           (long long)alive, (long long)p->lower_bound);
  free(executed);
  free(ranges);
  report_peak_free(&found);
  diag_destroy(diag);
}

static uint32_t check_peaks(const char *model) {
  Compiled c = support_compile(model, NULL, 0, DTYPE_F32);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  uint32_t n = c.plan->n_programs;
  for (uint32_t i = 0; i < n; i++) check_peak(c.plan, &c.plan->programs[i]);
  CU_ASSERT(n > 0);
  support_release(&c);
  return n;
}

static void check_example(const char *path) {
  check_peaks(path);
}

static void test_peak(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", check_example) >= 8);
  CU_ASSERT(check_peaks("models/cdvm_small.xml") >= 5);
}

/* One number with one meaning: --report, --explain-peak, --memory and the page name the kernel at
 * which the most bytes are taken, as text and as JSON, also where kernels overlap and values alone
 * would peak elsewhere. */
static void check_one_number(const char *model, const char *options) {
  json_t *root = report(model, options), *program;
  size_t i;
  bool differs = false;
  json_array_foreach(json_object_get(root, "programs"), i, program) {
    const char *name = json_string_value(json_object_get(program, "name"));
    json_int_t peak = integer(program, "peak_kernel");
    char line[80];
    snprintf(line, sizeof line, "peak of %s: kernel %lld of %lld", name, (long long)peak,
             (long long)integer(program, "kernels"));
    Shell s =
        shell("\"$GRAPHC\" \"$TOP/%s\" %s --explain-peak=json --program=%s", model, options, name);
    json_t *explained = json_loads(s.out, 0, NULL);
    CU_ASSERT_EQUAL(integer(explained, "kernel"), peak);
    CU_ASSERT_EQUAL(integer(explained, "kernels"), integer(program, "kernels"));
    CU_ASSERT_EQUAL(integer(explained, "scratch_bytes") - integer(explained, "gaps_bytes"),
                    integer(program, "peak_bytes"));
    json_decref(explained);
    shell_free(&s);
    s = shell("\"$GRAPHC\" \"$TOP/%s\" %s --explain-peak --report --program=%s", model, options,
              name);
    const char *first = strstr(s.out, line);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NOT_NULL(strstr(first + 1, line));
    shell_free(&s);
    differs |= integer(program, "peak_bytes") > integer(program, "lower_bound_bytes");
  }
  CU_ASSERT_EQUAL(differs, strstr(options, "TOY") != NULL);
  json_decref(root);
}

static void test_one_number(void) {
  check_one_number("models/examples/cnn.xml", "");
  check_one_number("models/examples/cnn.xml", "\"--target=$TOY\"");
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" \"--target=$TOY\" --explain-peak "
                  "--program=step");
  const char *head = strstr(s.out, "kernel ");
  char line[80];
  CU_ASSERT_PTR_NOT_NULL_FATAL(head);
  snprintf(line, sizeof line, "its peak: %.*s", (int)strcspn(head, ","), head);
  const char *const says[] = {"program 'step' needs ", line, NULL};
  CU_ASSERT(shell_says("--memory",
                       shell("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" "
                             "\"--target=$TOY\" --memory=100K"),
                       3, 1, says));
  shell_free(&s);
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

/* The column of kernels in the text: by op and by scope what the last line says. */
static void test_text_sums(void) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/mlp.xml\" --report --program=step");
  long sums[2] = {0}, unfused, kernels;
  int table = -1;
  char name[128] = "";
  for (char *at = strstr(s.out, "\nwork of step"); at; at = strchr(at + 1, '\n')) {
    if (strncmp(at, "\n  op ", 6) == 0 || strncmp(at, "\n  scope ", 9) == 0) table++;
    if (sscanf(at, "\n  all of the program %ld %ld", &unfused, &kernels) == 2) break;
    if (table >= 0 && sscanf(at, "\n  %127s %ld %ld", name, &unfused, &kernels) == 3)
      sums[table] += kernels;
  }
  CU_ASSERT(table == 1 && kernels > 0);
  CU_ASSERT_EQUAL(sums[0], kernels);
  CU_ASSERT_EQUAL(sums[1], kernels);
  shell_free(&s);
}

/* A report is text for people, too: no plan is written unless -o asks for it. */
static void test_text(void) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/mlp.xml\" --report && ls");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "parameters by scope"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "work of step"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "peak of step: kernel "));
  CU_ASSERT_PTR_NULL(strstr(s.out, "mlp.plan.xml"));
  shell_free(&s);
  test_text_sums();
  s = shell("\"$GRAPHC\" \"$TOP/models/examples/maml.xml\" --report");
  const char *peak = strstr(s.out, "peak of step: kernel ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(peak);
  CU_ASSERT_PTR_NOT_NULL(strstr(peak, " more\n"));
  shell_free(&s);
}

/* JSON is UTF-8 also where the path of a model is not. */
static void test_bytes(void) {
  support_write("plain.xml",
                "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
                "<program name=\"p\" kind=\"other\">\n"
                "<random name=\"x\" shape=\"4\"/>\n<mean name=\"y\" in=\"x\" axes=\"0\"/>\n"
                "<output value=\"y\"/>\n</program>\n</model>\n");
  Shell s = shell("d=$(printf 'h\\377\"') && mkdir -p \"$d\" && cp plain.xml \"$d\" && "
                  "\"$GRAPHC\" \"$d/plain.xml\" --report=json");
  json_t *root = json_loads(s.out, JSON_REJECT_DUPLICATES, NULL);
  CU_ASSERT(s.code == 0 && root != NULL);
  if (s.code) printf("%s", s.err);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "h?\\\"/plain.xml"));
  json_decref(root);
  shell_free(&s);
}

static size_t keys(const json_t *object) {
  return json_object_size(object);
}

/* One program, one scope: only they are told of, and what is told is what the whole report says. */
static void test_view(void) {
  const char *model = "models/cdvm_small.xml", *program = "--program=evaluate";
  json_t *all = report(model, "--depth=4"), *one = report(model, program);
  json_t *programs = json_object_get(one, "programs");
  CU_ASSERT_EQUAL(json_array_size(programs), 1);
  const char *name = json_string_value(json_object_get(json_array_get(programs, 0), "name"));
  CU_ASSERT_STRING_EQUAL_FATAL(name, "evaluate");
  json_t *part = report(model, "--program=evaluate --scope=run0/stage1 --depth=2"), *whole = NULL;
  size_t i;
  json_t *p, *row;
  json_array_foreach(json_object_get(all, "programs"), i,
                     p) if (strcmp(json_string_value(json_object_get(p, "name")), "evaluate") == 0)
      whole = p;
  p = json_array_get(json_object_get(part, "programs"), 0);
  json_t *rows = json_object_get(p, "scopes"), *whole_rows = json_object_get(whole, "scopes");
  CU_ASSERT(keys(rows) > 3);
  CU_ASSERT(keys(rows) < keys(whole_rows));
  const char *scope;
  json_int_t nodes = 0, whole_nodes = 0;
  CU_ASSERT_EQUAL(sum(rows, "bytes"), sum(json_object_get(p, "ops"), "bytes"));
  CU_ASSERT(sum(rows, "bytes") > 0 && sum(rows, "bytes") < integer(p, "bytes"));
  json_object_foreach(rows, scope, row) {
    CU_ASSERT_EQUAL(strncmp(scope, "run0/stage1", 11), 0);
    nodes += integer(row, "nodes");
  }
  json_object_foreach(whole_rows, scope, row) if (strncmp(scope, "run0/stage1/", 12) == 0 ||
                                                  strcmp(scope, "run0/stage1") == 0) whole_nodes +=
      integer(row, "nodes");
  CU_ASSERT_EQUAL(nodes, whole_nodes);
  CU_ASSERT_EQUAL(integer(p, "scratch_bytes"), integer(whole, "scratch_bytes"));
  CU_ASSERT_EQUAL(keys(json_object_get(part, "scopes")), 0); /* parameters have no pass */
  json_decref(part);
  part = report(model, "--scope=stage1 --depth=1");
  CU_ASSERT(keys(json_object_get(part, "scopes")) > 1);
  CU_ASSERT(sum(json_object_get(part, "scopes"), NULL) < integer(part, "parameters"));
  json_decref(all);
  json_decref(one);
  json_decref(part);
  static const char *const near[] = {"error: there is no scope 'b0/conv1'", "did you mean '", NULL},
                           *const far[] = {"evaluate: error: the program has no scope 'nowhere'",
                                           "its scopes: run0 images;", NULL};
  CU_ASSERT(shell_says("near",
                       shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --report "
                             "--scope=b0/conv1"),
                       1, 1, near));
  CU_ASSERT(shell_says("far",
                       shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --report "
                             "--program=evaluate --scope=nowhere"),
                       1, 1, far));
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --report --program=evaluate "
                  "--scope=run0/stage1");
  CU_ASSERT_PTR_NULL(strstr(s.out, "step/"));
  CU_ASSERT_PTR_NULL(strstr(s.out, "run0/stage2"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "run0/stage1/"));
  shell_free(&s);
}

/* The text of a small plan has units in which it is not 0.000. */
static void test_units(void) {
  support_write("small.xml",
                "<model name=\"small\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
                "<input name=\"x\" shape=\"8 8\"/><parameter name=\"w\" shape=\"8 8\"/>"
                "<matmul name=\"y\" in=\"x\" with=\"w\"/><output value=\"y\"/></program>"
                "</model>");
  Shell s = shell("$GRAPHC small.xml --report && $GRAPHC small.xml --where=1 && $GRAPHC small.xml "
                  "--explain-peak");
  CU_ASSERT_EQUAL(s.code, 0);
  static const char *const parts[] = {
      "state 0.3 kB, arena 0.8 kB", "kMAC   forward kMAC   scratch kB", "0.512          0.512",
      "kFLOP   share     moved kB", "1.024  100.0%          0.8",       "0.768",
      "again: kMAC        kB"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, parts[i]));
    if (!strstr(s.out, parts[i])) printf("\n'%s' is not in\n%s\n", parts[i], s.out);
  }
  CU_ASSERT_PTR_NULL(strstr(s.out, "GMAC"));
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"one number", test_one_number},
                                      {"sums", test_sums},
                                      {"peak", test_peak},
                                      {"figures", test_figures},
                                      {"text", test_text},
                                      {"bytes", test_bytes},
                                      {"view", test_view},
                                      {"units", test_units}};
  return support_run("report", tests, sizeof tests / sizeof *tests);
}
