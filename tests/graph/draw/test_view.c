/* The views of programs: readable whatever the model is, every box opened by its path, names of any
 * kind as they are. */
#include "graph/base/text.h"
#include "graph/draw/draw.h"
#include "ops/emit.h"
#include "tests/shell.h"

#include <graphviz/cgraph.h>

static Status build(const Compiled *c, uint32_t program, const char *scope, int depth, View **out) {
  ViewOptions options = {.scope = scope, .depth = depth};
  ViewProgram *of;
  *out = NULL;
  TRY(view_open(c->plan, &c->plan->programs[program], ops_table(), c->diag, &of));
  Status status = view_build(of, &options, c->diag, out);
  view_close(of);
  return status;
}

static bool is_sound(const View *v, const PlanProgram *p) {
  bool ok = v->n_boxes > 0;
  for (uint32_t i = 0; i < v->n_boxes; i++)
    ok = ok && (v->boxes[i].cluster == VIEW_NONE || v->boxes[i].cluster < v->n_clusters) &&
         v->boxes[i].nodes > 0 && *v->boxes[i].title;
  for (uint32_t i = 0; i < v->n_clusters; i++)
    ok = ok && (v->clusters[i].parent == VIEW_NONE || v->clusters[i].parent < i);
  for (uint32_t i = 0; i < v->n_arrows; i++) {
    const ViewArrow *a = &v->arrows[i];
    ok = ok && a->from.index < (a->from.cluster ? v->n_clusters : v->n_boxes) &&
         a->to.index < (a->to.cluster ? v->n_clusters : v->n_boxes) && (a->waits || *a->words);
  }
  for (NodeId id = 1; id < p->graph->n_nodes; id++) ok = ok && v->box_of[id] <= v->n_boxes;
  return ok;
}

static bool is_few(const View *v) {
  return v->n_boxes <= VIEW_BOXES && v->n_arrows <= VIEW_ARROWS;
}

/* Every box that says that it can be opened is opened: something is inside, and it is readable. */
static void open_boxes(const Compiled *c, uint32_t program, const View *view, int levels) {
  for (uint32_t i = 0; i < view->n_boxes && levels > 0; i++) {
    View *inner;
    if (!*view->boxes[i].path || view->boxes[i].outside) continue;
    CU_ASSERT_EQUAL(build(c, program, view->boxes[i].path, 0, &inner), STATUS_OK);
    if (!inner) {
      printf("\n%s is not opened\n", view->boxes[i].path);
      continue;
    }
    CU_ASSERT_TRUE(is_sound(inner, &c->plan->programs[program]));
    CU_ASSERT_TRUE(is_few(inner));
    if (!is_few(inner))
      printf("\n%s: %u boxes, %u arrows\n", view->boxes[i].path, inner->n_boxes, inner->n_arrows);
    uint32_t inside = 0;
    for (uint32_t k = 0; k < inner->n_boxes; k++) inside += !inner->boxes[k].outside;
    if (inside < 2) printf("\n%s opens into %u boxes\n", view->boxes[i].path, inside);
    CU_ASSERT_TRUE(inside > 1);
    open_boxes(c, program, inner, levels - 1);
    view_free(inner);
  }
}

/* Without the verifier: many models, and others test that. */
static Compiled compile(const char *path, const char *const *defines, uint32_t n) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {
      .build = {.precision = precision_plain(DTYPE_F32), .shards = 4, .target = &target_cpu}};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  return c;
}

static void check_model(const char *path) {
  static const char *const small[] = {"width=4",     "height=32",    "image_width=16",
                                      "batch_ids=4", "eval_batch=4", "blocks=2 2 2 2",
                                      "domains=a b", "ids=5 5"};
  bool cdvm = strstr(path, "ablations") || strstr(path, "cdvm");
  Compiled c = compile(path, small, strstr(path, "ablations") ? 8 : cdvm ? 6 : 0);
  for (uint32_t p = 0; p < c.plan->n_programs; p++) {
    View *view;
    CU_ASSERT_EQUAL_FATAL(build(&c, p, NULL, 0, &view), STATUS_OK);
    CU_ASSERT_TRUE(is_sound(view, &c.plan->programs[p]));
    CU_ASSERT_TRUE(is_few(view));
    view_free(view);
  }
  support_release(&c);
}

static void all_models(void) {
  CU_ASSERT_TRUE(support_each_model("models/*.xml", check_model) >= 2);
  CU_ASSERT_TRUE(support_each_model("models/ablations/*.xml", check_model) >= 10);
  CU_ASSERT_TRUE(support_each_model("models/examples/*.xml", check_model) >= 5);
}

/* ---- Algorithm 1 ---- */

static uint32_t find_box(const View *v, const char *title) {
  for (uint32_t i = 0; i < v->n_boxes; i++)
    if (strcmp(v->boxes[i].title, title) == 0) return i;
  return VIEW_NONE;
}

static uint32_t find_cluster(const View *v, const char *title) {
  for (uint32_t i = 0; i < v->n_clusters; i++)
    if (strcmp(v->clusters[i].title, title) == 0) return i;
  return VIEW_NONE;
}

/* An arrow from box to box, whose words begin so. */
static bool flows(const View *v, const char *from, const char *to, const char *words) {
  for (uint32_t i = 0; i < v->n_arrows; i++) {
    const ViewArrow *a = &v->arrows[i];
    const char *tail =
        a->from.cluster ? v->clusters[a->from.index].title : v->boxes[a->from.index].title;
    const char *head = a->to.cluster ? v->clusters[a->to.index].title : v->boxes[a->to.index].title;
    if (strcmp(tail, from) == 0 && strcmp(head, to) == 0 &&
        strncmp(a->words, words, strlen(words)) == 0)
      return true;
  }
  printf("\nno arrow '%s' from %s to %s\n", words, from, to);
  return false;
}

static void a_meta_step(void) {
  static const char *const small[] = {"width=4", "height=32", "image_width=16", "batch_ids=4"};
  Compiled c = compile("models/cdvm.xml", small, 4);
  View *v;
  CU_ASSERT_EQUAL_FATAL(build(&c, 1, NULL, 0, &v), STATUS_OK);
  CU_ASSERT_NOT_EQUAL_FATAL(find_cluster(v, "train"), VIEW_NONE);
  CU_ASSERT_NOT_EQUAL_FATAL(find_cluster(v, "test"), VIEW_NONE);
  for (int s = 1; s <= 4; s++) {
    char title[32];
    snprintf(title, sizeof title, "stage%d", s);
    CU_ASSERT_NOT_EQUAL(find_box(v, title), VIEW_NONE);
  }
  CU_ASSERT_TRUE(flows(v, "train", "F", "saved: "));
  CU_ASSERT_TRUE(flows(v, "F", "theta1", "field F: "));
  CU_ASSERT_TRUE(flows(v, "theta1", "test", "field theta1: "));
  CU_ASSERT_TRUE(flows(v, "test", "v", "saved: "));
  CU_ASSERT_TRUE(flows(v, "v", "JTv", "field v: "));
  CU_ASSERT_TRUE(flows(v, "F", "JTv", "saved: "));
  CU_ASSERT_TRUE(flows(v, "JTv", "p", "field JTv: "));
  CU_ASSERT_TRUE(flows(v, "p", "G", "field p: "));
  CU_ASSERT_TRUE(flows(v, "G", "velocity", "field G: "));
  CU_ASSERT_TRUE(flows(v, "velocity", "commit theta", "field velocity: "));
  CU_ASSERT_EQUAL(v->boxes[find_box(v, "JTv")].order, 2);
  CU_ASSERT_EQUAL(v->boxes[find_box(v, "F")].order, 1);
  CU_ASSERT_EQUAL(v->boxes[find_box(v, "commit theta")].commits,
                  v->boxes[find_box(v, "velocity")].commits);
  /* Nothing is left out: boxes hold all multiply-adds, once. */
  int64_t macs = 0;
  for (uint32_t i = 0; i < v->n_boxes; i++) macs += v->boxes[i].macs;
  CU_ASSERT_EQUAL(macs, c.plan->programs[1].macs);
  view_free(v);
  CU_ASSERT_EQUAL_FATAL(build(&c, 1, "train/stage3", 0, &v), STATUS_OK);
  CU_ASSERT_TRUE(flows(v, "global", "fuse", "("));
  CU_ASSERT_TRUE(flows(v, "style", "fuse", "("));
  CU_ASSERT_TRUE(flows(v, "fuse", "attr", "("));
  CU_ASSERT_NOT_EQUAL(find_box(v, "F of stage3"), VIEW_NONE);
  CU_ASSERT_NOT_EQUAL(find_box(v, "JTv of stage3"), VIEW_NONE);
  view_free(v);
  support_release(&c);
}

/* ---- models of any shape ---- */

static char *many(const char *head, unsigned n, void (*one)(char *, size_t, unsigned),
                  const char *tail) {
  size_t size = 200 + strlen(head) + strlen(tail) + n * 120u, used;
  char *text = malloc(size);
  if (!text) exit(1);
  used = (size_t)snprintf(text, size,
                          "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n<program "
                          "name=\"p\">\n<input name=\"x\" shape=\"4 4\"/>%s\n",
                          head);
  for (unsigned i = 0; i < n; i++) {
    one(text + used, size - used, i);
    used += strlen(text + used);
  }
  snprintf(text + used, size - used, "%s</program></model>\n", tail);
  return text;
}

static void chain(char *out, size_t size, unsigned i) {
  if (i)
    snprintf(out, size, "<tanh name=\"a%u\" in=\"a%u\"/>\n", i, i - 1);
  else
    snprintf(out, size, "<tanh name=\"a0\" in=\"x\"/>\n");
}
static void fan(char *out, size_t size, unsigned i) {
  snprintf(out, size, "<expr name=\"a%u\" value=\"sum(tanh(x * %u))\"/><output value=\"a%u\"/>\n",
           i, i + 1, i);
}
static void open_scope(char *out, size_t size, unsigned i) {
  snprintf(out, size,
           "<scope name=\"s%u\"><tanh name=\"t\" in=\"/x\"/><expr name=\"u\" value=\"sum(t)"
           "\"/>\n",
           i);
}

static void check_text(char *text, const char *name) {
  const char *path = support_write(name, text);
  free(text);
  Compiled c = compile(path, NULL, 0);
  View *view;
  CU_ASSERT_EQUAL_FATAL(build(&c, 0, NULL, 0, &view), STATUS_OK);
  CU_ASSERT_TRUE(is_sound(view, c.plan->programs));
  CU_ASSERT_TRUE(is_few(view));
  open_boxes(&c, 0, view, 1);
  view_free(view);
  support_release(&c);
}

static void any_shape(void) {
  check_text(many("", 3000, chain, "<output value=\"a2999\"/>"), "chain.xml");
  check_text(many("", 1000, fan, ""), "fan.xml");
  char tail[2000] = "";
  size_t used = 0;
  for (int i = 0; i < 40; i++) used = text_append(tail, sizeof tail, used, "</scope>");
  used = text_append(tail, sizeof tail, used, "<output value=\"");
  for (int i = 0; i < 40; i++) used = text_append(tail, sizeof tail, used, "s%d/", i);
  text_append(tail, sizeof tail, used, "u\"/>");
  check_text(many("", 40, open_scope, tail), "deep.xml");
}

/* ---- names ---- */

static const char *const hostile[] = {
    "quo\"te", "<b>angle</b>",   "a&b &amp; &lt;",     "back\\slash \\N \\n", "Grüße 頭 🙂",
    "digraph", "new\nline\ttab", "strict->x [a=b]; }", "\x80\xff no UTF-8",   "%s%n%d"};
#define HOSTILE (sizeof hostile / sizeof *hostile)

/* A graph with such names, made by hand: the language has none of them. */
static Agraph_t *draw_hostile(const char *long_name, char **dot) {
  Symbols *symbols = symbols_create();
  Plan *plan = plan_create(symbols);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  PlanProgram program = {.graph = graph_create(symbols)};
  Diag *diag = diag_create();
  Emitter e;
  CU_ASSERT_EQUAL_FATAL(emitter_init(&e, program.graph, DTYPE_F32, diag, NULL), STATUS_OK);
  plan->target = &target_cpu;
  program.name = strings_intern(symbols->strings, hostile[1]);
  Shape shape = {.rank = 1, .dim = {4}};
  NodeId at = emit_input(&e, strings_intern(symbols->strings, hostile[0]), DTYPE_F32, &shape);
  for (size_t i = 0; i <= HOSTILE; i++) {
    const char *name = i < HOSTILE ? hostile[i] : long_name;
    e.stamp.scope = strings_intern(symbols->strings, name);
    at = emit_unary(&e, i % 2 ? OP_TANH : OP_EXP, at);
    emitter_name(&e, at, name);
  }
  CU_ASSERT_EQUAL(graph_add_output(program.graph, program.name, at, true), STATUS_OK);
  const char *path = support_path("hostile.dot");
  DrawOptions options = {.format = "dot"};
  CU_ASSERT_EQUAL(draw_program(plan, &program, ops_table(), &options, path, diag), STATUS_OK);
  options.format = "svg";
  CU_ASSERT_EQUAL(
      draw_program(plan, &program, ops_table(), &options, support_path("hostile.svg"), diag),
      STATUS_OK);
  CU_ASSERT_EQUAL(diag_error_count(diag), 0);
  *dot = shell_slurp(path, NULL);
  emitter_free(&e);
  graph_destroy(program.graph);
  diag_destroy(diag);
  plan_destroy(plan);
  return agmemread(*dot);
}

static bool has_label(Agraph_t *graph, const char *start) {
  for (Agnode_t *n = agfstnode(graph); n; n = agnxtnode(graph, n))
    if (strncmp(agget(n, (char *)(uintptr_t) "label"), start, strlen(start)) == 0) return true;
  printf("\nno label begins with '%s'\n", start);
  return false;
}

static void names_of_any_kind(void) {
  static const char *const labels[] = {"quo\"te",
                                       "<b>angle<",
                                       "a&amp;b &amp;amp; &amp;lt;",
                                       "back\\\\slash \\\\N \\\\n",
                                       "Grüße 頭 🙂",
                                       "digraph",
                                       "new?line?tab",
                                       "strict-",
                                       "?? no UTF-8",
                                       "%s%n%d"};
  char *long_name = malloc(20001), *dot;
  memset(long_name, 'n', 20000);
  long_name[20000] = 0;
  Agraph_t *graph = draw_hostile(long_name, &dot);
  CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
  CU_ASSERT_STRING_EQUAL(agnameof(graph), hostile[1]);
  for (size_t i = 0; i < HOSTILE; i++)
    if (!strchr(hostile[i], '/')) CU_ASSERT_TRUE(has_label(graph, labels[i]));
  CU_ASSERT_TRUE(has_label(graph, "nnnnnnnnnnnnnnnnnn...nnnnnnnnnnnnnnnnnn"));
  for (Agnode_t *n = agfstnode(graph); n; n = agnxtnode(graph, n))
    CU_ASSERT_TRUE(strlen(agget(n, (char *)(uintptr_t) "label")) < 400);
  agclose(graph);
  free(dot);
  free(long_name);
}

int main(void) {
  static const SupportTest tests[] = {{"all models", all_models},
                                      {"a meta step", a_meta_step},
                                      {"any shape", any_shape},
                                      {"names of any kind", names_of_any_kind}};
  return support_run("view", tests, sizeof tests / sizeof *tests);
}
