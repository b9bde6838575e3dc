/* The studies that are committed: all of them compile; the paper's Table 4 by its own study file,
 * as small as tools/demo, on synthetic pedestrians under the names of the paper's sets; killed on
 * the way. */
#include "tests/shell.h"

static void test_table(void) {
  support_write("paper.domains", "market market data/plaza\nmsmt17 market data/campus\n"
                                 "cuhk03 market data/station\ncuhksysu market data/mall\n");
  support_write("demo.defs", "height=64\nimage_width=32\npad_crop=4\nerase=0\npool=average\nlr=.1\n"
                             "inner_lr=.01\nclip_norm=10\ngrl_lambda=.03\nsteps=20\n"
                             "warmup_steps=4\n");
  shell_must(
      "set -e\n"
      "$GRAPHRUN synth data --ids=20 --test-ids=10 >/dev/null\n"
      "cat >go <<'E'\n"
      "exec $GRAPHRUN study \"$TOP/models/studies/table4.study\" --data=paper.domains --resume "
      "--seeds=1 -D \"@$TOP/models/small.defs\" -D @demo.defs \"$@\"\n"
      "E\n"
      "sh go >out.txt 2>&1 & pid=$!\n"
      "sleep 20; kill -9 $pid; wait $pid || true\n"
      "sh go --jobs=2 >out.txt && tail -n 1 out.txt");
  /* 18 cells: six rows and three targets, and a mean for each row. */
  shell_must(
      "set -e\n"
      "cd table4 && test $(ls cells | wc -l) = 18 && test $(wc -l <table4.csv) = 25\n"
      "test $(grep -c '^[a-z_]*,.*,average,1,' table4.csv) = 6\n"
      "awk -F, '$1 != \"row\" && !($5 > 0 && $5 <= 100) { exit 1 }' table4.csv\n"
      "grep -q '^| baseline | 33.9/34.2 (.*) | 17.5/43.1 (.*) | 69.5/87.2 (.*) |' table4.md\n"
      "test $(grep -c '(paper)' table4.tex) = 5");
  shell_must("set -e\n"
             "cp table4/table4.json before && sh go --tables >/dev/null && cmp before "
             "table4/table4.json");
}

/* What is committed: each row compiles and each test is found, on data of the paper's names. */
static void test_committed(void) {
  support_write(
      "paper.domains",
      "market market data/plaza\nmsmt17 market data/campus\ncuhk03 market data/station\n"
      "cuhksysu market data/plaza\ncuhk02 market data/campus\nunseen market data/station\n"
      "prid market data/plaza\ngrid market data/campus\nviper market data/station\n"
      "ilids market data/plaza\n");
  support_write("tiny.defs", "width=4\nblocks=1 1 1 2\nheight=32\nimage_width=16\npad_crop=2\n"
                             "batch_ids=4\nsteps=8\nwarmup_steps=2\n");
  shell_must("set -e\n"
             "for f in \"$TOP\"/models/studies/*.study; do\n"
             "  $GRAPHRUN study $f --out=x --data=paper.domains --seeds=1 "
             "-D @tiny.defs "
             "--dry-run >out.txt 2>err.txt && test ! -s err.txt && ! grep -q ' fails' out.txt || "
             "{ echo $f; cat err.txt out.txt; exit 1; }\n"
             "done");
}

int main(void) {
  static const SupportTest tests[] = {{"table 4", test_table},
                                      {"committed studies", test_committed}};
  return support_run("study_tables", tests, sizeof tests / sizeof *tests);
}
