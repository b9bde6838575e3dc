/* Command lines of both programs: help on each command, mistakes, defaults. */
#include "tests/shell.h"

typedef struct Row {
  const char *command;
  int code, errors;
  const char *expect[4];
} Row;

static void check(const Row *rows, size_t n) {
  for (size_t i = 0; i < n; i++)
    CU_ASSERT_TRUE(shell_says(rows[i].command, shell("%s", rows[i].command), rows[i].code,
                              rows[i].errors, rows[i].expect));
}

static void test_mistakes(void) {
  static const Row rows[] = {
      {"$GRAPHRUN", 2, 1, {"graphrun: error: no command", "hint: graphrun --help lists"}},
      {"$GRAPHRUN --bogus train", 2, 1, {"a command comes first, and '--bogus' is none"}},
      {"$GRAPHRUN trian", 2, 1, {"there is no command 'trian'", "did you mean 'train'?"}},
      {"$GRAPHRUN help trian", 2, 1, {"there is no command 'trian'", "did you mean 'train'?"}},
      {"$GRAPHRUN help train eval", 2, 1, {"what is 'eval'?"}},
      {"$GRAPHRUN train", 2, 1, {"no plan: graphrun train PLAN", "hint: graphrun train --help"}},
      {"$GRAPHRUN check-data", 2, 1, {"no data set: graphrun check-data DATA"}},
      {"$GRAPHRUN train a b", 2, 1, {"one plan at a time: what is 'b'?"}},
      {"$GRAPHRUN train a --warm=3", 2, 1, {"train has no option --warm", "an option of bench"}},
      {"$GRAPHRUN info a --threads=3",
       2,
       1,
       {"info has no option --threads", "train, eval, extract, search"}},
      {"$GRAPHRUN train a --quite", 2, 1, {"unknown option '--quite'", "did you mean --quiet?"}},
      {"$GRAPHRUN bench a --st=3x", 2, 1, {"--steps is 1..", "not '3x'"}},
      {"$GRAPHRUN train a --st=3", 2, 1, {"short for several options: --steps --stop-at"}},
      {"$GRAPHRUN train a -x", 2, 1, {"unknown option '-x'", "graphrun train --help lists"}},
      {"$GRAPHRUN train a --threads", 2, 1, {"option '--threads' needs a value"}},
      {"$GRAPHRUN train a -o", 2, 1, {"option '-o' needs a value"}},
      {"$GRAPHRUN train a --quiet=3", 2, 1, {"'--quiet=3': this option takes no value"}},
      {"$GRAPHRUN train a --threads=0", 2, 1, {"--threads is 1..", "not '0'"}},
      {"$GRAPHRUN train a --threads=99999999999999999999", 2, 1, {"--threads is 1.."}},
      {"$GRAPHRUN eval --baseline=colour", 2, 1, {"--baseline is color", "did you mean 'color'?"}},
      {"$GRAPHC a.xml --target=cuda-sm86", 2, 1, {"not 'cuda-sm86'", "hint: --target=cuda-sm80; "}},
      {"$GRAPHC a.xml --target=CUDA-sm120", 2, 1, {"hint: --target=cuda-sm100; "}},
      {"$GRAPHC a.xml --target=sm_75", 2, 1, {"from compute capability 8.0 on"}},
      {"$GRAPHC a.xml --target=cup", 2, 1, {"did you mean --target=cpu?"}},
      {"$GRAPHC a.xml --target=gpu", 2, 1, {"hint: --target=cuda-sm80 runs on"}},
      {"$GRAPHRUN info a --device=CPU", 4, 1, {"no device 'CPU'", "did you mean --device=cpu?"}},
      {"$GRAPHRUN info a --device=cuda:", 2, 1, {"behind the colon", "hint: --device=cuda:0"}},
      {"$GRAPHRUN info a --device=cpu:0", 2, 1, {"hint: --threads=N"}},
      {"$GRAPHRUN info a --math=tf32", 2, 1, {"info was given none", "hint: --device=cuda --math"}},
      {"$GRAPHRUN info a --device=cpu --math=tf32", 2, 1, {"--math=tf32 is for cuda"}},
      {"$GRAPHRUN train a --out=b --rank-timeout=3", 2, 1, {"and there is one", "hint: --ranks=N"}},
      {"$GRAPHRUN eval --baseline=color --data=a --device=cpu", 2, 1, {"and so needs no device"}},
      {"$GRAPHRUN eval --baseline=color --data=a --no-graph", 2, 1, {"and so needs no device"}},
      {"$GRAPHRUN check-data --layouts a", 2, 1, {"--layouts lists the layouts", "what is a for?"}},
      {"$GRAPHRUN check-data a --defines --threads=2", 2, 1, {"--defines opens none"}},
      {"$GRAPHC a --params --report", 2, 1, {"what is --report for?", "hint: give one of them"}},
      {"$GRAPHC --schema --manual", 2, 1, {"what is --manual for?"}},
      {"$GRAPHC a --expand --memory=1G", 2, 1, {"what is --memory for?"}},
      {"$GRAPHC a --program=p", 2, 1, {"--program=p says what --emit"}},
      {"$GRAPHRUN exec a --math=tf", 2, 1, {"--math is exact or tf32, not 'tf'"}},
      {"$GRAPHRUN train a -output=x", 2, 1, {"one dash", "did you mean '--out=x'?"}},
      {"$GRAPHRUN train a -resume", 2, 1, {"one dash", "did you mean '--resume'?"}},
      {"$GRAPHC a.xml --dump-after=ordr", 2, 1, {"--dump-after is one of", "'order'?"}},
      {"$GRAPHC a.xml --sync=both", 2, 1, {"--sync is global or local, not 'both'"}},
      {"$GRAPHC a.xml b.xml", 2, 1, {"one model at a time: what is 'b.xml'?"}},
      {"$GRAPHC ''", 2, 1, {"an operand is empty: graphc MODEL.xml", "hint: a variable"}},
      {"$GRAPHC a.xml -I ''", 2, 1, {"-I is empty, not DIR"}},
      {"$GRAPHC a.xml --emit=svg:", 2, 1, {"--emit=svg: has no file behind its colon"}},
      {"$GRAPHRUN info ''", 2, 1, {"an operand is empty: graphrun info PLAN|FILE", "hint: a var"}},
      {"$GRAPHRUN compare a ''", 2, 1, {"an operand is empty: graphrun compare RUN..."}},
      {"$GRAPHRUN train a --out=b --data=", 2, 1, {"--data is empty, not DATA", "hint: a var"}},
      {"$GRAPHRUN train a -o ''", 2, 1, {"--out is empty, not DIR"}},
      {"$GRAPHRUN eval --baseline=color --data=b --protocol=list:",
       2,
       1,
       {"--protocol: error: list: names no"}},
      {"$GRAPHC a --emit=svg:- --report", 2, 1, {"and --report would both go", "name a file"}},
      {"$GRAPHC a --emit=text:- --where=4", 2, 1, {"and --where would both go to standard output"}},
      {"$GRAPHC a --emit=svg:a --emit=png:b", 2, 1, {"--emit is given twice: 'svg:a'", "for each"}},
      {"$GRAPHC a --report --program=p --program=q", 2, 1, {"--program is given twice: 'p', and"}},
      {"$GRAPHC a --scope=p --scope=q", 2, 1, {"--scope is given twice"}},
      {"$GRAPHC help nope", 2, 1, {"there is no command 'nope'"}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* Whatever takes a path says that it got none, and looks for no file of that name. */
static void test_empty_paths(void) {
  shell_must("n=0; for c in $($GRAPHRUN --help=commands); do\n"
             "  for o in $($GRAPHRUN $c --help |\n"
             "             grep -oE '^ +(-., )?--[a-z-]+=(DATA|DIR|IMAGE|PLAN|F)\\>' |\n"
             "             grep -oE -- '--[a-z-]+'); do\n"
             "    n=$((n + 1)); code=0; $GRAPHRUN $c x y $o= >out 2>err || code=$?\n"
             "    test $code = 2 && test $(grep -c ' error: ' err) = 1 &&\n"
             "      grep -q \"error: $o is empty, not \" err || { echo $c; cat err; exit 1; }\n"
             "  done\n"
             "done\n"
             "test $n -gt 25");
}

/* Help on a command, however it is asked for, is the same text. */
static void test_ways_to_help(void) {
  static const char *const commands[] = {"train",      "eval",    "exec",  "bench", "info",
                                         "check-data", "compare", "study", "synth"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    shell_must("a=$($GRAPHRUN %s --help); test -n \"$a\"\n"
               "for way in '%s -h' 'help %s' '--help %s' '-h %s' '%s x --help' '%s --hel'; do\n"
               "  b=$($GRAPHRUN $way) && test \"$a\" = \"$b\" || { echo \"$way\"; exit 1; }\n"
               "done",
               commands[i], commands[i], commands[i], commands[i], commands[i], commands[i],
               commands[i]);
  shell_must("a=$($GRAPHRUN --help)\n"
             "for way in -h help --hel; do test \"$a\" = \"$($GRAPHRUN $way)\" || exit 1; done\n"
             "a=$($GRAPHC --help)\n"
             "for way in -h help 'x.xml -h'; do test \"$a\" = \"$($GRAPHC $way)\" || exit 1; done\n"
             "test \"$($GRAPHRUN --version)\" = \"$($GRAPHRUN train --version)\"");
}

/* Scripts say what they are for, do nothing else then, and refuse what they do not know. */
static void test_scripts(void) {
  shell_must("for script in $(grep -l '^#!/bin/sh' \"$TOP\"/tools/*); do\n"
             "  \"$script\" --help >a && \"$script\" -h >b && cmp a b && test -s a || exit 1\n"
             "  grep -q \"tools/$(basename \"$script\")\" a || { echo $script; exit 1; }\n"
             "  code=0; \"$script\" --nope >out 2>err || code=$?\n"
             "  test $code = 2 && test ! -s out && "
             "grep -q '^hint: ' err || { echo $script; cat err; exit 1; }\n"
             "done");
}

/* Each line fits a terminal; what help says of defaults and bounds holds. */
static void test_text(void) {
  shell_must("for c in train eval extract search compare-images export exec bench info compare "
             "study check-data synth; do $GRAPHRUN help $c; "
             "done >all\n"
             "$GRAPHRUN --help >>all; $GRAPHC --help >>all\n"
             "! grep -E '.{81}' all");
  shell_must("$GRAPHRUN train -h | grep -q -- '--rank-timeout=S .*'\n"
             "$GRAPHRUN train -h | tr -s ' \\n' ' ' | grep -q '(1..86400 seconds; default: 8)'\n"
             "$GRAPHRUN synth -h | grep -q -- '--domains=N  *domains (1..16; default: 4)'\n"
             "! $GRAPHRUN train -h | grep -q -- --warm");
  /* The defaults of the table are those that a command has. */
  support_write("line.xml",
                "<model name=\"l\" xmlns=\"urn:graphc:model:1\"><program name=\"p\">\n"
                "<input name=\"x\" shape=\"9\"/><expr name=\"y\" value=\"sum(x * x)\"/>\n"
                "<output value=\"y\"/></program></model>\n");
  shell_must("$GRAPHC line.xml -o a.plan.xml >/dev/null\n$GRAPHC line.xml --shards=4 --ranks=1 "
             "--precision=f32 --target=cpu --sync=global -o b.plan.xml >/dev/null\n"
             "cmp a.plan.xml b.plan.xml");
  shell_must("$GRAPHRUN synth short --ids=1 --test-ids=1 >/dev/null\n"
             "$GRAPHRUN synth full --ids=1 --test-ids=1 --domains=4 --cameras=3 --images=2 "
             "--seed=0 >/dev/null\n"
             "diff -r short full\n"
             "test $(find short -type f | wc -l) -gt 9");
}

int main(void) {
  static const SupportTest tests[] = {{"mistakes", test_mistakes},
                                      {"empty paths", test_empty_paths},
                                      {"ways to help", test_ways_to_help},
                                      {"scripts", test_scripts},
                                      {"the text of help", test_text}};
  return support_run("options", tests, sizeof tests / sizeof *tests);
}
