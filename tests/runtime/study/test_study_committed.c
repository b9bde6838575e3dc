/* The studies that are committed, for data sets of the paper's names. */
#include "tests/shell.h"

/* What is committed: each row compiles and each test is found, on data of the paper's names. */
static void test_committed(void) {
  shell_must("$GRAPHRUN synth data --ids=12 --test-ids=8 >/dev/null");
  support_write("paper.domains",
                "market market data/plaza\nmsmt17 market data/campus\ncuhk03 market data/station\n"
                "cuhksysu market data/plaza\ncuhk02 market data/campus\nunseen market "
                "data/station\nheld market data/campus\n"
                "prid market data/plaza\ngrid market data/campus\nviper market data/station\n"
                "ilids market data/plaza\n");
  support_write("tiny.defs", "width=4\nblocks=1 1 1 2\nheight=32\nimage_width=16\npad_crop=2\n"
                             "batch_ids=4\nsteps=8\nwarmup_steps=2\n");
  shell_must("for f in \"$TOP\"/models/studies/*.study; do\n"
             "  $GRAPHRUN study $f --out=x --data=paper.domains --seeds=1 "
             "-D @tiny.defs "
             "--dry-run >out.txt 2>err.txt && test ! -s err.txt && ! grep -q ' fails' out.txt || "
             "{ echo $f; cat err.txt out.txt; exit 1; }\n"
             "done");
}

int main(void) {
  static const SupportTest tests[] = {{"committed studies", test_committed}};
  return support_run("study_committed", tests, sizeof tests / sizeof *tests);
}
