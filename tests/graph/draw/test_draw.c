/* Pictures: whatever the names are, Graphviz and XML readers can read them; boxes stand in the
 * clusters of their scopes. */
#include "graph/draw/view.h"
#include "tests/shell.h"

#include <graphviz/cgraph.h>
#include <libxml/parser.h>

/* Words of the DOT language and characters that mean something in it are names like others. */
static const char hostile[] = "<model name=\"graph\" xmlns=\"urn:graphc:model:1\">\n"
                              "<program name=\"digraph/node--&gt;\">\n<input name=\"x\"/><output "
                              "value=\"x\"/></program></model>\n";
static const char names[] =
    "<model name=\"graph\" xmlns=\"urn:graphc:model:1\">\n"
    "<program name=\"strict/digraph\">\n<input name=\"node\" shape=\"2 3\"/>\n"
    "<scope name=\"subgraph\"><tanh name=\"edge\" in=\"/node\"/>\n"
    "<scope name=\"cluster_a:b.c--d\"><expr name=\"label\" value=\"exp(edge) + 1\"/>"
    "<alias name=\"out\" value=\"label\"/></scope></scope>\n"
    "<expr name=\"end\" value=\"sum({subgraph/cluster_a:b.c--d})\"/><output "
    "value=\"end\"/></program></model>\n";

static Agraph_t *find_cluster(Agraph_t *graph, const char *label) {
  for (Agraph_t *sub = agfstsubg(graph); sub; sub = agnxtsubg(sub)) {
    const char *have = agget(sub, (char *)(uintptr_t) "label");
    if (have && strcmp(have, label) == 0) return sub;
    Agraph_t *inner = find_cluster(sub, label);
    if (inner) return inner;
  }
  return NULL;
}

static void test_dot(void) {
  support_write("names.xml", names);
  Shell s = shell("\"$GRAPHC\" names.xml --emit=dot:- --depth=-1");
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  Agraph_t *graph = agmemread(s.out);
  CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
  CU_ASSERT_STRING_EQUAL(agnameof(graph), "strict/digraph");
  Agraph_t *outer = find_cluster(graph, "subgraph"),
           *inner = find_cluster(graph, "cluster_a:b.c--d");
  CU_ASSERT_PTR_NOT_NULL_FATAL(outer);
  CU_ASSERT_PTR_NOT_NULL_FATAL(inner);
  CU_ASSERT_TRUE(agnnodes(inner) >= 2);
  CU_ASSERT_TRUE(agnnodes(outer) > agnnodes(inner));
  CU_ASSERT_TRUE(agnnodes(graph) > agnnodes(outer));
  CU_ASSERT_TRUE(agnedges(graph) >= 4);
  agclose(graph);
  shell_free(&s);
}

static const char *attribute(void *object, const char *name) {
  const char *value = agget(object, (char *)(uintptr_t)name);
  return value ? value : "";
}

/* A border's colour for each stream, a dashed arrow for each wait, and what they mean; nothing of
 * that for a target with one stream. */
static void test_streams(void) {
  for (int several = 0; several < 2; several++) {
    Shell s = shell("cd $TOP && \"$GRAPHC\" tests/compiler/passes/branches.xml %s --emit=dot:- "
                    "--depth=-1 -o /dev/null",
                    several ? "\"--target=$TOY\"" : "");
    CU_ASSERT_EQUAL_FATAL(s.code, 0);
    Agraph_t *graph = agmemread(s.out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
    unsigned first = 0, second = 0, waits = 0;
    for (Agnode_t *n = agfstnode(graph); n; n = agnxtnode(graph, n)) {
      first += strcmp(attribute(n, "color"), "black") == 0;
      second += strcmp(attribute(n, "color"), "#1f77b4") == 0;
      for (Agedge_t *e = agfstout(graph, n); e; e = agnxtout(graph, e))
        waits += strcmp(attribute(e, "style"), "dashed") == 0;
    }
    bool legend =
        strstr(attribute(graph, "label"), "stream 0: black border; stream 1: blue") != NULL;
    CU_ASSERT_EQUAL(legend, several);
    CU_ASSERT_EQUAL(first, several ? 2 : 0);
    CU_ASSERT_EQUAL(second, several ? 5 : 0);
    CU_ASSERT_EQUAL(waits, several ? 1 : 0);
    agclose(graph);
    shell_free(&s);
  }
}

static bool well_formed(const Shell *s) {
  xmlDoc *document = xmlReadMemory(s->out, (int)s->out_length, NULL, NULL, XML_PARSE_NONET);
  if (document) xmlFreeDoc(document);
  return document != NULL;
}

static void test_formats(void) {
  support_write("names.xml", names);
  Shell s = shell("\"$GRAPHC\" names.xml --emit=svg:-");
  CU_ASSERT_TRUE(s.code == 0 && well_formed(&s));
  shell_free(&s);
  s = shell("\"$GRAPHC\" names.xml --emit=png:-");
  CU_ASSERT_TRUE(s.code == 0 && s.out_length > 8 && memcmp(s.out, "\x89PNG\r\n\x1a\n", 8) == 0);
  shell_free(&s);
  s = shell("\"$GRAPHC\" names.xml --emit=pdf:-");
  CU_ASSERT_TRUE(s.code == 0 && strncmp(s.out, "%PDF", 4) == 0);
  shell_free(&s);
  s = shell("\"$GRAPHC\" names.xml --emit=text:-");
  CU_ASSERT_TRUE(s.code == 0 && strstr(s.out, "subgraph/cluster_a:b.c--d/label"));
  shell_free(&s);
  s = shell("\"$GRAPHC\" names.xml --emit=dot && test -s graph.dot && rm graph.dot");
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

/* The automatic depth keeps whole models readable, and the same picture comes out every time. */
static void test_cdvm(void) {
  static const char *const programs[] = {"step/cuhk03", "evaluate"};
  for (size_t i = 0; i < 2; i++) {
    Shell s =
        shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --emit=dot:- --program=%s", programs[i]);
    CU_ASSERT_EQUAL_FATAL(s.code, 0);
    Agraph_t *graph = agmemread(s.out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
    CU_ASSERT_TRUE(agnnodes(graph) > 20 && agnnodes(graph) <= VIEW_BOXES);
    CU_ASSERT_TRUE(agnedges(graph) <= VIEW_ARROWS);
    CU_ASSERT_PTR_NOT_NULL(
        find_cluster(graph, i ? "stage4\\nwith z, neck, ynorm" : "test\\npass at theta1"));
    agclose(graph);
    if (i == 0 || support_long()) {
      Shell again = shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --emit=dot:- --program=%s",
                          programs[i]);
      CU_ASSERT_STRING_EQUAL(s.out, again.out);
      shell_free(&again);
    }
    shell_free(&s);
  }
}

/* What a run's page shows, of its plan, is what graphc shows of the model. */
static void test_plan(void) {
  static const char *const kinds[][2] = {{"step", "step"}, {"network", "evaluate"}};
  shell_must("\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" -o p.xml");
  for (size_t i = 0; i < (support_long() ? 2 : 1); i++)
    shell_must(
        "\"$GRAPHC\" \"$TOP/models/examples/cnn.xml\" --program=%s --emit=svg:a.svg -o q.xml && "
        "\"$(dirname \"$GRAPHRUN\")/graphrun_draw\" p.xml %s b.svg && cmp a.svg b.svg && "
        "cmp p.xml q.xml",
        kinds[i][1], kinds[i][0]);
}

/* What the looks mean is told of those that are there; an octagon, which Graphviz cannot
 * stripe, keeps its fill and says that it is alive at the peak. */
static void test_looks(void) {
  support_write("looks.xml",
                "<model name=\"looks\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
                "<random name=\"r\" shape=\"64\"/><random name=\"s\" shape=\"64\"/>"
                "<mul name=\"a\" in=\"r\" with=\"s\"/><output value=\"a\"/></program>"
                "<program name=\"q\"><input name=\"x\" shape=\"4\"/>"
                "<tanh name=\"y\" in=\"x\"/><output value=\"y\"/></program></model>\n");
  static const char *const expect[2][2] = {{"yellow: random", "octagon: draws"},
                                           {"blue: forward", "violet at the sides"}};
  for (int i = 0; i < 2; i++) {
    Shell s = shell("\"$GRAPHC\" looks.xml --emit=dot:- --program=%c", "pq"[i]);
    CU_ASSERT_EQUAL_FATAL(s.code, 0);
    Agraph_t *graph = agmemread(s.out);
    CU_ASSERT_PTR_NOT_NULL_FATAL(graph);
    const char *legend = attribute(graph, "label");
    for (int k = 0; k < 2; k++) CU_ASSERT_PTR_NOT_NULL(strstr(legend, expect[i][k]));
    CU_ASSERT_PTR_NULL(strstr(legend, "derivative"));
    CU_ASSERT_PTR_NULL(strstr(legend, "double border"));
    CU_ASSERT_EQUAL(strstr(legend, "octagon") != NULL, i == 0);
    for (Agnode_t *n = agfstnode(graph); n; n = agnxtnode(graph, n)) {
      if (strcmp(attribute(n, "shape"), "octagon") != 0) continue;
      CU_ASSERT_PTR_NOT_NULL(strstr(attribute(n, "label"), "at the peak"));
      CU_ASSERT_STRING_EQUAL(attribute(n, "style"), "filled");
      CU_ASSERT_STRING_EQUAL(attribute(n, "fillcolor"), "#fff3c4");
    }
    agclose(graph);
    shell_free(&s);
  }
}

/* A picture of more dots than a PNG holds is smaller, and that is told; dot text is not laid out.
 */
static void test_large(void) {
  static char model[60000];
  size_t n =
      (size_t)snprintf(model, sizeof model,
                       "<model name=\"large\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">"
                       "<input name=\"x\" shape=\"4\"/><tanh name=\"y0\" in=\"x\"/>\n");
  for (int i = 1; i < 900; i++)
    n += (size_t)snprintf(model + n, sizeof model - n, "<tanh name=\"y%d\" in=\"y%d\"/>\n", i,
                          i - 1);
  snprintf(model + n, sizeof model - n, "<output value=\"y899\"/></program></model>\n");
  support_write("large.xml", model);
  Shell s = shell("\"$GRAPHC\" large.xml --depth=-1 --emit=png:large.png");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "large.png: warning: the picture is drawn at "));
  CU_ASSERT_PTR_NULL(strstr(s.err, "cairo"));
  shell_free(&s);
  s = shell("\"$GRAPHC\" large.xml --depth=-1 --emit=dot:large.dot");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
}

/* Scopes that feed each other in turn: Graphviz says nothing, so no arrow is lost. */
static void test_turns(void) {
  Shell s = shell("\"$GRAPHC\" \"$TOP/models/examples/maml.xml\" --emit=svg:m.svg --depth=1 && "
                  "\"$GRAPHC\" names.xml --emit=svg:n.svg");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
  s = shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --emit=dot:c.dot");
  CU_ASSERT_STRING_EQUAL(
      s.out, "c.dot shows 'step/market1501', the first of 5 programs; --program=P picks another\n");
  shell_free(&s);
}

static void test_errors(void) {
  support_write("names.xml", names);
  support_write("hostile.xml", hostile);
  static const char *const scope[] = {"the program has no scope 'nowhere'", NULL},
                           *const program[] = {"has no program 'nothing'", NULL},
                           *const tangle[] = {"arrows make no readable picture",
                                              "a smaller --depth=N", NULL},
                           *const value[] = {"no scope 'lr'", "hint: there open: +1 +2 ", NULL},
                           *const box[] = {"no scope 'velocitty'", "did you mean 'velocity'?",
                                           NULL},
                           *const part[] = {"no scope 'F0/nowhere'", "there open: F0/support0/h1",
                                            NULL},
                           *const name[] = {"is no name: it holds '>'", NULL};
  CU_ASSERT_TRUE(shell_says("scope", shell("\"$GRAPHC\" names.xml --emit=dot:- --scope=nowhere"), 1,
                            1, scope));
  CU_ASSERT_TRUE(shell_says(
      "program", shell("\"$GRAPHC\" names.xml --emit=dot:- --program=nothing"), 1, 1, program));
  CU_ASSERT_TRUE(shell_says("tangle",
                            shell("\"$GRAPHC\" \"$TOP/models/cdvm_small.xml\" --emit=svg:t.svg "
                                  "--program=step/cuhk03 --depth=-1"),
                            1, 1, tangle));
#define MAML "\"$GRAPHC\" \"$TOP/models/examples/maml.xml\" --emit=dot:- "
  CU_ASSERT_TRUE(shell_says("value", shell(MAML "--scope=lr"), 1, 1, value));
  CU_ASSERT_TRUE(shell_says("box", shell(MAML "--scope=velocitty"), 1, 1, box));
  CU_ASSERT_TRUE(shell_says("part", shell(MAML "--scope=F0/nowhere"), 1, 1, part));
  CU_ASSERT_TRUE(shell_says("name", shell("\"$GRAPHC\" hostile.xml --emit=dot:-"), 1, 1, name));
}

int main(void) {
  static const SupportTest tests[] = {
      {"dot", test_dot},       {"formats", test_formats}, {"cdvm", test_cdvm},
      {"plan", test_plan},     {"turns", test_turns},     {"streams", test_streams},
      {"errors", test_errors}, {"looks", test_looks},     {"large", test_large}};
  return support_run("draw", tests, sizeof tests / sizeof *tests);
}
