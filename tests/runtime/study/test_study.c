/* A study from its file to the tables. */
#include "tests/runtime/study/two_rows.h"

/* ---- from the file to the tables ---- */

static void test_whole(void) {
  shell_must("$GRAPHRUN study two.study --dry-run >dry.txt && ! test -e two || exit 1\n"
             "grep -q '^plain.both.seed0  *open  *[0-9]* MiB  *8 ' dry.txt\n"
             "grep -q '^memory ' dry.txt && grep -q '^time ' dry.txt");
  shell_must("$GRAPHRUN study two.study >out.txt\n"
             "grep -q '\\[2/2\\] arm.both.seed0: done, 8 steps' out.txt\n"
             "for f in md csv tex json; do test -s two/two.$f || exit 1; done\n"
             "test $(wc -l <two/two.times.csv) = 3 && test $(wc -l <two/two.csv) = 7");
  /* The figures are those of graphrun eval, of a run that was started by hand. */
  shell_must(
      "c=two/cells/arm.both.seed0\n"
      "$GRAPHC plain.xml -I models -D 'domains=plaza campus' -D 'ids=4 4' -D @tiny.defs -D lr=.3 "
      "-o "
      "hand.plan.xml >/dev/null\n"
      "cmp hand.plan.xml $c/plan.xml\n"
      "$GRAPHRUN train hand.plan.xml --data=data/train.domains --out=hand --seed=0 "
      "--init=two/cells/plain.both.seed0/run/checkpoint.safetensors >/dev/null\n"
      "cmp hand/checkpoint.safetensors $c/run/checkpoint.safetensors\n"
      "$GRAPHRUN eval hand.plan.xml --weights=hand/checkpoint.safetensors --domain=station "
      "--data=data/synth.domains --compare=two/cells/plain.both.seed0/unseen.json >eval.txt\n"
      "map=$(sed -n 's/^mAP *\\([0-9.]*\\) .*/\\1/p' eval.txt)\n"
      "test \"$map\" = \"$(awk -F, '/^arm,.*,unseen,/ { printf \"%%.2f\", $5 }' two/two.csv)\"\n"
      /* ... and the interval is that of --compare. */
      "difference=$(sed -n 's/^against .*mAP \\([^ ]*\\) points, 95 %% interval \\([^ ]*\\) .. "
      "\\([^;]*\\);.*/\\1 \\2 \\3/p' eval.txt)\n"
      "test \"$difference\" = \"$(awk -F, '/^arm,.*,unseen,/ { printf \"%%+.2f %%+.2f %%+.2f\", "
      "$16, $17, $18 }' two/two.csv)\" || { echo \"$difference\"; cat two/two.csv; exit 1; }");
}

/* What each form of the table must have. */
static void test_forms(void) {
  shell_must("cd two\n"
             "grep -q '^# Two .| rows$' two.md\n"
             "grep -q '^| plain | ' two.md\n"
             "grep -q '33.9/34.2 (' two.md\n"
             "grep -q '50.0/60.0 (' two.md\n"
             "grep -q 'Points of mAP above `plain`' two.md\n"
             "grep -q 'over the random splits' two.md\n"
             "grep -q '/[0-9.]* (2) |' two.md\n"
             "grep -q 'multicolumn{2}{c}{A .& B}' two.tex\n"
             "grep -q 'plain (paper)' two.tex\n"
             "grep -q '^plain, minus the paper.s & $[+-][0-9.]*\\$ & $[+-]' two.tex\n"
             "grep -q 'above the row plain, ' two.tex\n"
             "grep -q '^arm & $[+-][0-9.]*\\$ ($[+-][0-9.]*\\$ .. $[+-]' two.tex\n"
             "grep -q '^%% standard deviation over the random splits' two.tex\n"
             "grep -q '^plain & -- & [0-9.]*/[0-9.]* (2) ' two.tex\n"
             "grep -q '\"against base\"' two.json\n"
             "grep -q '\"splits\"' two.json");
  /* The difference to the paper is what stands between the two. */
  shell_must("awk -F, '/,unseen,/ && $12 { d = $5 - $12 - $14; if (d * d > 1e-9) exit 1; n++ } "
             "END { exit n != 1 }' two/two.csv");
  /* The average is that of the tests. */
  shell_must("awk -F, '/^arm,/ { v[$3] = $5 } END { d = (v[\"unseen\"] + v[\"drawn\"]) / 2 - "
             "v[\"average\"]; exit d * d > 1e-9 }' two/two.csv");
}

/* Rows of published values, means by name, weights from a file; a study that shares the folder of
 * another does only what that has not. */
static void test_more(void) {
  support_write(
      "more.study",
      "<study name=\"more\" seeds=\"1\" xmlns=\"urn:graphc:study:1\">\n"
      "  <include folder=\"models\"/><set file=\"tiny.defs\"/>\n"
      "  <train name=\"both\" data=\"data/train.domains\">\n"
      "    <test name=\"unseen\" data=\"data/synth.domains\" domain=\"station\" average=\"m\"/>\n"
      "    <test name=\"seen\" data=\"data/synth.domains\" domain=\"campus\" average=\"m\"/>\n"
      "    <test name=\"drawn\" data=\"data/synth.domains\" domain=\"plaza\" "
      "protocol=\"split:ilids:2:0\" average=\"no\"/>\n"
      "  </train>\n"
      "  <row name=\"rival\" label=\"[1] A. Rival\"><paper test=\"unseen\" map=\"40\" "
      "rank1=\"50\"/><paper test=\"seen\" map=\"20\" rank1=\"10\"/></row>\n"
      "  <row name=\"plain\" model=\"plain.xml\"/>\n"
      "  <row name=\"warm\" model=\"plain.xml\" "
      "init=\"two/cells/plain.both.seed0/run/checkpoint.safetensors\"/>\n"
      "</study>\n");
  shell_must("$GRAPHRUN study more.study --out=two --resume >out.txt\n"
             "grep -q 'plain.both.seed0: is evaluated' out.txt\n"
             "test $(grep -c '^. .*graphrun train' two/cells/plain.both.seed0/log) = 1\n"
             "grep -q '^rival,\".1. A. Rival\",m,0,,,,,0,,,30.000000,30.000000,' two/more.csv\n"
             "grep -qF '| \\[1\\] A. Rival | 40.0/50.0 | 20.0/10.0 | - | 30.0/30.0 |' two/more.md\n"
             "! grep -q 'A. Rival | - ' two/more.md && ! grep -q average two/more.csv || exit 1\n"
             "grep -q '^{}.1. A. Rival (paper)' two/more.tex && grep -q '^warm,' two/more.csv");
  /* What one study noted of a test the other keeps: nothing is left to do in either. */
  shell_must(
      "for s in two more; do\n"
      "  $GRAPHRUN study $s.study --out=two --resume >out.txt && ! grep -q '^.[0-9]' out.txt "
      "|| exit 1\n"
      "done");
  static const char *const weights[] = {"the weights that it starts from", NULL};
  shell_must("printf x >>two/cells/plain.both.seed0/run/checkpoint.safetensors");
  CU_ASSERT(shell_says("other weights",
                       shell("$GRAPHRUN study more.study --out=two --resume --only=warm"), 1, 1,
                       weights));
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", prepare},
                                      {"the whole line", test_whole},
                                      {"forms of the table", test_forms},
                                      {"more of the language", test_more}};
  return support_run("study", tests, sizeof tests / sizeof *tests);
}
