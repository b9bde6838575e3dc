/* Completions and manual pages, as a shell and man take them. */
#include "graph/base/text.h"
#include "tests/shell.h"

/* ---- bash ---- */

#define BASH                                                                                       \
  ". ./comp\ntry() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _$1; echo \"${COMPREPLY[*]}\"; " \
  "}\n"

typedef struct Try {
  const char *words, *expect;
} Try;

static void complete_in_bash(const char *program, const Try *tries, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char script[4096];
    snprintf(script, sizeof script, BASH "try %s\n", tries[i].words);
    support_write("script", script);
    Shell s = shell("%s --help=bash >comp && bash script", program);
    if (strcmp(s.out, tries[i].expect) != 0) printf("\n%s: %s%s", tries[i].words, s.out, s.err);
    CU_ASSERT_STRING_EQUAL(s.out, tries[i].expect);
    shell_free(&s);
  }
}

static void test_bash(void) {
  static const Try run[] = {
      {"graphrun tr", "train\n"},
      {"graphrun help c", "compare-images compare check-data\n"},
      {"graphrun --ver", "--version\n"},
      {"graphrun train --checkpoint", "--checkpoint-every=\n"},
      {"graphrun train --warm", "\n"},
      {"graphrun train --math =", "exact tf32\n"},
      {"graphrun train --math = t", "tf32\n"},
      {"graphrun train --math=t", "--math=tf32\n"}, /* where `=` breaks no words */
      {"graphrun train --math t", "tf32\n"},
      {"graphrun train --seed = ''", "\n"},
      {"graphrun exec fo", "folder\n"},
      {"graphrun info w", "with blank\n"},
      {"graphrun exec --weights = fi", "file.xml\n"},
      {"graphrun exec -o fi", "file.xml\n"},
      {"graphrun synth f", "folder\n"},
      {"graphrun info --quiet x fi", "file.xml\n"},
  };
  static const Try compile[] = {
      {"graphc --shar", "--shards=\n"},
      {"graphc --emit = p", "png pdf\n"},
      {"graphc --report = j", "json\n"},
      {"graphc --report fi", "file.xml\n"},
      {"graphc --dump-after = o", "order offsets\n"},
      {"graphc -I f", "folder\n"},
      {"graphc fi", "file.xml\n"},
      {"graphc x.xml --target = cuda-sm9", "cuda-sm90\n"},
  };
  Shell have = shell("bash --version && mkdir folder && touch file.xml 'with blank'");
  CU_ASSERT_EQUAL_FATAL(have.code, 0);
  shell_free(&have);
  complete_in_bash("$GRAPHRUN", run, sizeof run / sizeof *run);
  complete_in_bash("$GRAPHC", compile, sizeof compile / sizeof *compile);
}

/* ---- zsh, where it is ---- */

static void test_zsh(void) {
  static const Try tries[] = {
      {"graphrun trai", "graphrun train "},
      {"graphrun train --checkpoint", "graphrun train --checkpoint-every="},
      {"graphrun train --math=t", "graphrun train --math=tf32 "},
      {"graphrun exec -o fil", "graphrun exec -o file.xml "},
      {"graphc --precision=f32+", "graphc --precision=f32+f64 "},
      {"graphc --target=cuda-sm9", "graphc --target=cuda-sm90 "},
      {"graphc fil", "graphc file.xml "},
  };
  if (!shell_has_terminals()) {
    printf("(no pseudo terminals here, in which zsh completes) ");
    return;
  }
  if (system("command -v zsh >/dev/null") != 0) {
    printf("(no zsh here) ");
    return;
  }
  shell_must("mkdir -p z folder; touch file.xml; $GRAPHC --help=zsh >z/_graphc\n"
             "$GRAPHRUN --help=zsh >z/_graphrun && zsh -n z/_graphc && zsh -n z/_graphrun");
  char lines[2000] = "", expect[2000] = "";
  size_t n = 0, m = 0;
  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
    n = text_append(lines, sizeof lines, n, " '%s'", tries[i].words);
    m = text_append(expect, sizeof expect, m, "%s\n", tries[i].expect);
  }
  Shell s = shell("zsh \"$TOP/tests/tools/zsh_complete.zsh\" z %s", lines);
  CU_ASSERT_STRING_EQUAL(s.out, expect);
  if (strcmp(s.out, expect) != 0) printf("\n%s%s", s.out, s.err);
  shell_free(&s);
}

/* ---- manual pages ---- */

/* Every option and its sentence stand in the page as they do in help, and no checker complains. */
static void test_manual_pages(void) {
  shell_must(
      "page() { \"$@\" --help=man >page.1 && \"$@\" --help >help || exit 1\n"
      "  if command -v mandoc >/dev/null; then ! mandoc -T lint page.1 | grep . || exit 1; fi\n"
      "  if command -v man >/dev/null; then\n"
      "    ! man --warnings -E UTF-8 -l -Tutf8 -Z page.1 2>&1 >/dev/null | grep . || exit 1\n"
      "  fi\n"
      "  for option in $(grep -oE '^ +(-., )?--?[a-zA-Z-]+' help | tr -d ,); do\n"
      "    sed 's/\\\\f.//g; s/\\\\-/-/g' page.1 | grep -q -- \"$option\" || exit 1\n"
      "  done; }\n"
      "for command in $($GRAPHRUN --help=commands); do page $GRAPHRUN $command; done\n"
      "page $GRAPHRUN; page $GRAPHC\n"
      "test \"$($GRAPHRUN --help=commands | head -n 1)\" = train");
}

/* The text of help and that of the page, but for blanks and the page's marks. */
static void test_same_sentences(void) {
  shell_must("flat() { tr -s ' \\n' ' '; }\n"
             "$GRAPHRUN train --help=man | sed 's/\\\\-/-/g; s/\\\\(aq/'\"'\"'/g; s/\\\\(dq/\"/g; "
             "s/\\\\(ga/`/g' | flat >page\n"
             "$GRAPHRUN train --help | grep -oE '[^ ].*' | flat >help\n"
             "for part in '(1..86400 seconds; default: 8)' \"go on from DIR's checkpoint\" "
             "'Trains by the schedule'; do\n"
             "  grep -qF -- \"$part\" page && grep -qF -- \"$part\" help || exit 1\n"
             "done");
}

int main(void) {
  static const SupportTest tests[] = {{"bash", test_bash},
                                      {"zsh", test_zsh},
                                      {"manual pages", test_manual_pages},
                                      {"the same sentences", test_same_sentences}};
  return support_run("completion", tests, sizeof tests / sizeof *tests);
}
