/* The installed tree: it works where it lies, and where it is moved to. */
#include "graph/base/text.h"
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

#define MODEL                                                                                      \
  "<model name=\"line\" xmlns=\"urn:graphc:model:1\">\n"                                           \
  "<program name=\"p\"><input name=\"x\" shape=\"3\"/><parameter name=\"w\" shape=\"3\"/>\n"       \
  "<expr name=\"y\" value=\"w * x\"/><output value=\"y\"/></program></model>\n"

static void install(void) {
  shell_must("\"$CMAKE\" --install \"$BUILD\" --prefix here >log && mv here there");
}

static void test_what_is_there(void) {
  shell_must("cd there; for file in bin/graphc bin/graphrun share/man/man1/graphc.1 "
             "share/man/man1/graphrun-train.1 share/graphc/models/cdvm.xml "
             "share/graphc/models/graphc.rng share/graphc/models/lib/layers.xml "
             "share/doc/graphc/docs/model-language.md share/doc/graphc/README.md "
             "lib/graphc/graphrun_draw share/bash-completion/completions/graphrun "
             "share/zsh/site-functions/_graphc; do\n"
             "  test -s $file || { echo no $file; exit 1; }\n"
             "done\n"
             "cmp share/graphc/models/graphc.rng \"$TOP/models/graphc.rng\"");
  /* Each command has its page. */
  shell_must(
      "for c in $(there/bin/graphrun --help=commands); do\n"
      "  there/bin/graphrun $c --help=man | cmp - there/share/man/man1/graphrun-$c.1 || exit 1\n"
      "done");
  /* No file says where it was built or first installed. */
  shell_must("! grep -rlF \"$PWD/here\" there");
}

/* Another folder, no build beside it: models, plans and plug-ins are found. */
static void test_at_work(void) {
  support_write("line.xml", MODEL);
  shell_must("there/bin/graphc there/share/graphc/models/cdvm_small.xml --check\n"
             "there/bin/graphc line.xml; \"$GRAPHC\" line.xml -o same.xml\n"
             "cmp line.plan.xml same.xml\n"
             "there/bin/graphrun info line.plan.xml >info && grep -q line info");
  shell_must("mkdir -p there/lib/graphc; cp \"$TOY\" there/lib/graphc/\n"
             "there/bin/graphrun --version | grep -q 'devices .*toy'");
  /* The picture of a run is drawn by a program of the tree. */
  support_write("fit.xml", "<model name='fit' xmlns='urn:graphc:model:1'>"
                           "<program name='step' kind='train'><random name='x' shape='8 1'/>"
                           "<parameter name='slope' shape='1'/>"
                           "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
                           "<gradient name='G' of='loss'/>"
                           "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/>"
                           "</program><training steps='3' warmup-steps='0'/></model>");
  shell_must("there/bin/graphc fit.xml && there/bin/graphrun train fit.plan.xml --out=fit --quiet "
             "&& test -s fit/step.svg && grep -q '<svg' fit/report.html");
  Shell s = shell("there/bin/graphrun info line.plan.xml --device=nope");
  CU_ASSERT_TRUE(shell_says("which devices", s, 4, 1,
                            (const char *const[]){"no device 'nope'", "cpu", "toy", NULL}));
  s = shell("there/bin/graphrun info line.plan.xml --device=toy");
  CU_ASSERT_PTR_NULL(strstr(s.err, "no device")); /* found; the plan is for another target */
  shell_free(&s);
}

/* ---- plans in other programs ---- */

#define EMBED_MODEL                                                                                \
  "<model name=\"line\" xmlns=\"urn:graphc:model:1\"><program name=\"predict\">\n"                 \
  "<input name=\"x\" shape=\"4\"/><parameter name=\"slope\" shape=\"1\"/>\n"                       \
  "<expr name=\"y\" value=\"tanh(slope * x)\"/><output value=\"y\"/></program></model>\n"

/* The example of docs/embedding.md, made with what the installed tree says of itself, and exec. */
static void test_embedding(void) {
  static float x[4] = {0.5f, 1, 1.5f, 2}, slope = 0.75f;
  SaveTensor start = {"slope", DTYPE_F32, {.rank = 1, .dim = {1}}, &slope},
             fed = {"x", DTYPE_F32, {.rank = 1, .dim = {4}}, x};
  support_write("embed.xml", EMBED_MODEL);
  CU_ASSERT_EQUAL(safe_write(support_path("w.safetensors"), &start, 1, NULL, 0, false, NULL), 0);
  CU_ASSERT_EQUAL(safe_write(support_path("x.safetensors"), &fed, 1, NULL, 0, false, NULL), 0);
  shell_must("export PKG_CONFIG_PATH=\"$PWD/there/lib/pkgconfig\"\n"
             "test \"$(pkg-config --modversion graphrun)\" = \"$(there/bin/graphrun --version | "
             "sed -n '1s/graphrun \\(.*\\), .*/\\1/p')\" || exit 1\n"
             "$CC $TEST_CFLAGS -std=c99 -Wall -Wextra -pedantic -Werror \"$TOP/docs/embed.c\" "
             "$(pkg-config --cflags --libs graphrun) "
             "-Wl,-rpath,\"$(pkg-config --variable=libdir graphrun)\" -o embed");
  shell_must("there/bin/graphc embed.xml -o e.plan.xml >/dev/null\n"
             "there/bin/graphrun exec e.plan.xml --program=predict --weights=w.safetensors "
             "--feed=x.safetensors -o y.safetensors");
  Shell s = shell("./embed e.plan.xml w.safetensors");
  SafeFile *file;
  char expect[400] = "# program predict reads x: 16 bytes\n";
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("y.safetensors"), NULL, &file), STATUS_OK);
  const FileTensor *y = safe_find(file, "y");
  CU_ASSERT_PTR_NOT_NULL_FATAL(y);
  for (int i = 0; i < 4; i++)
    text_append(expect, sizeof expect, strlen(expect), "%a\n", file_tensor_get(y, i));
  safe_close(file);
  CU_ASSERT_STRING_EQUAL(s.out, expect);
  if (s.code != 0) printf("\n%s", s.err);
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
  s = shell("./embed e.plan.xml x.safetensors");
  CU_ASSERT_TRUE(shell_says("weights", s, 1, 1, (const char *const[]){"slope", NULL}));
}

/* What the header declares and nothing else, and a header for C++ too. */
static void test_exports(void) {
  shell_must(
      "nm -D --defined-only there/lib/libgraphrun.so.1 | sed 's/.* //; s/^__odr_asan[.]//' | "
      "sort -u >has\n"
      "grep -oE 'graphrun_[a-z_]+\\(' there/include/graphrun.h | tr -d '(' | sort -u >says\n"
      "cmp has says && test $(wc -l <says) -gt 15");
  shell_must(
      "printf '#include <graphrun.h>\\nint main() { return graphrun_api_version() - 1; }\\n' "
      ">c.cc\n"
      "c++ -Wall -Wextra -Werror -fsyntax-only -Ithere/include c.cc");
}

static void test_version(void) {
  Shell s = shell("there/bin/graphrun --version");
  static const char *const parts[] = {"graphrun 1.", "plan version ", "revision ", "compiler ",
                                      "targets ",    "libraries ",    "devices "};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    CU_ASSERT_PTR_NOT_NULL(strstr(s.out, parts[i]));
  shell_free(&s);
  shell_must(
      "there/bin/graphc --version | grep -qE '^revision +([0-9a-f]{12}( .changed.)?|unknown)$'");
}

int main(void) {
  static const SupportTest tests[] = {
      {"install", install},      {"what is there", test_what_is_there},
      {"at work", test_at_work}, {"plans in other programs", test_embedding},
      {"exports", test_exports}, {"version", test_version}};
  return support_run("install", tests, sizeof tests / sizeof *tests);
}
