/* The installed tree: it works where it lies, and where it is moved to. */
#include "tests/shell.h"

#define MODEL                                                                                      \
  "<model name=\"line\" xmlns=\"urn:graphc:model:1\">\n"                                           \
  "<program name=\"p\"><input name=\"x\" shape=\"3\"/><parameter name=\"w\" shape=\"3\"/>\n"       \
  "<expr name=\"y\" value=\"w * x\"/><output value=\"y\"/></program></model>\n"

static void install(void) {
  shell_must("\"$CMAKE\" --install \"$BUILD\" --prefix here >log && mv here there");
}

static void test_what_is_there(void) {
  shell_must("cd there && for file in bin/graphc bin/graphrun share/man/man1/graphc.1 "
             "share/man/man1/graphrun-train.1 share/graphc/models/cdvm.xml "
             "share/graphc/models/graphc.rng share/graphc/models/lib/layers.xml "
             "share/doc/graphc/docs/model-language.md share/doc/graphc/README.md "
             "share/bash-completion/completions/graphrun share/zsh/site-functions/_graphc; do\n"
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
             "there/bin/graphc line.xml && \"$GRAPHC\" line.xml -o same.xml\n"
             "cmp line.plan.xml same.xml\n"
             "there/bin/graphrun info line.plan.xml >info && grep -q line info");
  shell_must("mkdir -p there/lib/graphc && cp \"$TOY\" there/lib/graphc/\n"
             "there/bin/graphrun --version | grep -q 'devices .*toy'");
  Shell s = shell("there/bin/graphrun info line.plan.xml --device=nope");
  CU_ASSERT_TRUE(shell_says("which devices", s, 4, 1,
                            (const char *const[]){"no device 'nope'", "cpu", "toy", NULL}));
  s = shell("there/bin/graphrun info line.plan.xml --device=toy");
  CU_ASSERT_PTR_NULL(strstr(s.err, "no device")); /* found; the plan is for another target */
  shell_free(&s);
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
  static const SupportTest tests[] = {{"install", install},
                                      {"what is there", test_what_is_there},
                                      {"at work", test_at_work},
                                      {"version", test_version}};
  return support_run("install", tests, sizeof tests / sizeof *tests);
}
