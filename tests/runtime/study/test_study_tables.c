/* The paper's Table 4 by its own study file, in images as small as those of tools/demo, on
 * synthetic pedestrians under the names of the paper's sets; killed on the way. */
#include "tests/shell.h"

static void test_table(void) {
  support_write("paper.domains", "market market data/plaza\nmsmt17 market data/campus\n"
                                 "cuhk03 market data/station\ncuhksysu market data/mall\n");
  support_write("demo.defs", "height=64\nimage_width=32\npad_crop=4\nerase=0\npool=average\nlr=.1\n"
                             "inner_lr=.01\nclip_norm=10\ngrl_lambda=.03\nsteps=4\n"
                             "warmup_steps=1\n");
  shell_must(
      "$GRAPHRUN synth data --ids=20 --test-ids=10 >/dev/null\n"
      "cat >go <<'E'\n"
      "exec $GRAPHRUN study \"$TOP/models/studies/table4.study\" --data=paper.domains --resume "
      "--seeds=1 -D \"@$TOP/models/small.defs\" -D @demo.defs \"$@\"\n"
      "E\n"
      "sh go >out.txt 2>&1 & pid=$!\n"
      "sleep 8; kill -9 $pid; wait $pid || true\n"
      "sh go --jobs=2 >out.txt && tail -n 1 out.txt");
  /* 18 cells: six rows and three targets, and a mean for each row. */
  shell_must(
      "cd table4; test $(ls cells | wc -l) = 18; test $(wc -l <table4.csv) = 25\n"
      "test $(grep -c '^[a-z_]*,.*,average,1,' table4.csv) = 6\n"
      "awk -F, '$1 != \"row\" && !($5 > 0 && $5 <= 100) { exit 1 }' table4.csv\n"
      "grep -q '^| baseline | 33.9/34.2 (.*) | 17.5/43.1 (.*) | 69.5/87.2 (.*) |' table4.md\n"
      "test $(grep -c '(paper)' table4.tex) = 5");
  shell_must("cp table4/table4.json before && sh go --tables >/dev/null && cmp before "
             "table4/table4.json");
}

int main(void) {
  static const SupportTest tests[] = {{"table 4", test_table}};
  return support_run("study_tables", tests, sizeof tests / sizeof *tests);
}
