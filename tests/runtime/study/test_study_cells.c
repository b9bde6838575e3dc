/* Cells of studies that are stopped, killed, shared by processes, changed, and that fail. */
#include "tests/runtime/study/two_rows.h"

/* Jobs and threads leave no trace in tables. */
static void test_seeds(void) {
  /* Spread over seeds: with divisor n - 1. */
  shell_must("$GRAPHRUN study two.study --seeds=2 --jobs=2 >/dev/null\n"
             "$GRAPHRUN study two.study --out=again --seeds=2 --threads=1 >/dev/null\n"
             "for f in md csv tex json; do cmp two/two.$f again/two.$f || exit 1; done");
  shell_must(
      "maps=$(for s in 0 1; do sed -n 's/^   *\"map\": \\([0-9.]*\\),$/\\1/p' "
      "two/cells/plain.both.seed$s/unseen.json | tail -n 1; done)\n"
      "echo $maps | awk '{ a = 100 * $1; b = 100 * $2; printf \"%%.4f %%.4f\\n\", (a + b) / 2, "
      "(a > b ? a - b : b - a) / sqrt(2) }' >want\n"
      "awk -F, '/^plain,.*,unseen,/ { printf \"%%.4f %%.4f\\n\", $5, $6 }' two/two.csv >got\n"
      "cmp want got");
}

/* A mean of fewer seeds than the others' says so. */
static void test_fewer(void) {
  shell_must("mv again/cells/arm.both.seed1/cell.json aside\n"
             "$GRAPHRUN study two.study --out=again --seeds=2 --tables >out.txt 2>&1\n"
             "mv aside again/cells/arm.both.seed1/cell.json\n"
             "grep -q '^| arm | [0-9.]* (1) | [0-9.]* (1) |' out.txt\n"
             "grep -q '^| plain | [0-9.]* ± [0-9.]* | ' out.txt\n"
             "grep -q '^(N): ' out.txt\n"
             "grep -q '^arm & $[0-9.]*^{(1)}\\$ & ' again/two.tex\n"
             "$GRAPHRUN study two.study --out=again --seeds=2 --tables >/dev/null\n"
             "for f in md csv tex json; do cmp two/two.$f again/two.$f || exit 1; done");
}

/* Tables alone are made also where the data are not. */
static void test_tables_alone(void) {
  shell_must("mv data elsewhere\n"
             "$GRAPHRUN study two.study --out=again --seeds=2 --tables >/dev/null 2>err\n"
             "mv elsewhere data\n"
             "for f in md csv tex json; do cmp two/two.$f again/two.$f || exit 1; done\n"
             "grep -q 'warning: 4 cells are taken as they are' err");
}

/* ---- going on ---- */

/* Nothing that is done is done again; what was killed goes on, with the same bits. */
static void test_resume(void) {
  shell_must("$GRAPHRUN study two.study --out=again --seeds=2 --resume >out.txt\n"
             "! grep -q begins out.txt || exit 1");
  shell_must("rm -rf killed\n"
             "for wait in .2 .5 .9 1.4; do\n"
             "  $GRAPHRUN study two.study --out=killed --resume >/dev/null 2>&1 & pid=$!\n"
             "  sleep $wait; kill -9 $pid 2>/dev/null || true; wait $pid 2>/dev/null || true\n"
             "done\n"
             "$GRAPHRUN study two.study --out=killed --resume >/dev/null\n"
             "for r in plain arm; do\n"
             "  cmp again/cells/$r.both.seed0/run/checkpoint.safetensors "
             "killed/cells/$r.both.seed0/run/checkpoint.safetensors || exit 1\n"
             "  sed 's|\"again/|\"killed/|' again/cells/$r.both.seed0/unseen.json | "
             "cmp - killed/cells/$r.both.seed0/unseen.json || exit 1\n"
             "done");
  /* One that is asked to end waits for its children's checkpoints. */
  shell_must("$GRAPHRUN study two.study --out=asked -D steps=100000 >/dev/null 2>err & pid=$!\n"
             "until grep -qs '\"step\":3' asked/cells/*/run/metrics.jsonl; do sleep .05; done\n"
             "kill -TERM $pid; code=0; wait $pid || code=$?; test $code = 4\n"
             "grep -q 'stopped by signal 15 with 0 of 2 cells done' err\n"
             "grep -q 'stopped by signal' asked/cells/plain.both.seed0/log");
}

/* Two processes in one folder do each cell once. */
static void test_shared(void) {
  shell_must("$GRAPHRUN study two.study --out=shared --seeds=2 --cell=1/2 >a.txt & one=$!\n"
             "$GRAPHRUN study two.study --out=shared --seeds=2 --cell=2/2 >b.txt; wait $one\n"
             "$GRAPHRUN study two.study --out=shared --seeds=2 --tables >/dev/null\n"
             "test $(cat a.txt b.txt | grep -c ' begins$') = 4\n"
             "for f in md csv tex json; do cmp again/two.$f shared/two.$f || exit 1; done");
  shell_must("rm -rf shared; for i in 1 2 3; do\n"
             "  $GRAPHRUN study two.study --out=shared --seeds=2 --resume >$i.txt 2>&1 &\n"
             "done; wait\n"
             "test $(cat 1.txt 2.txt 3.txt | grep -c ' begins$') = 4\n"
             "$GRAPHRUN study two.study --out=shared --seeds=2 --tables >/dev/null\n"
             "for f in md csv tex json; do cmp again/two.$f shared/two.$f || exit 1; done");
  shell_must("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=6 "
             "$GRAPHRUN study two.study --out=slurm --seeds=2 >a.txt\n"
             "grep -q '^part 2 of 4' a.txt && test $(ls slurm/cells | wc -l) = 2");
}

/* What a cell is of, and what it is then. */
static void test_changed(void) {
  static const char *const changed[] = {"arm.both.seed0: error: failed: it was begun with other",
                                        "the values of -D", "hint: --changed=redo", NULL};
  write_study("other.study", ".3", ".2");
  CU_ASSERT(shell_says("changed -D", shell("$GRAPHRUN study other.study --out=killed --resume"), 1,
                       1, changed));
  shell_must("$GRAPHRUN study other.study --out=killed --resume --changed=keep >/dev/null\n"
             "cp killed/cells/arm.both.seed0/run/checkpoint.safetensors before\n"
             "$GRAPHRUN study other.study --out=killed --resume --changed=redo >out.txt\n"
             "grep -q 'arm.both.seed0: is done anew, since the values of -D changed' out.txt\n"
             "! grep -q 'plain.both.seed0: ' out.txt || exit 1\n"
             "c=killed/cells/arm.both.seed0\n"
             "cmp before $c/before1/run/checkpoint.safetensors\n"
             "! cmp -s before $c/run/checkpoint.safetensors || exit 1");
  static const char *const text[] = {"plain.both.seed0: error", "the model's text", NULL};
  shell_must("cp plain.xml kept.xml; sed -i 's/off\"..<.model>//; "
             "s|</model>|<set name=\"margin\" value=\".4\"/></model>|' plain.xml");
  CU_ASSERT(shell_says("changed text",
                       shell("$GRAPHRUN study other.study --out=killed --resume --only=plain"), 1,
                       1, text));
  shell_must("cp kept.xml plain.xml");
  static const char *const data[] = {"the training data", NULL};
  shell_must("cp data/train.domains kept; echo 'station market station' >>data/train.domains");
  CU_ASSERT(shell_says("changed data",
                       shell("$GRAPHRUN study other.study --out=killed --resume --only=plain"), 1,
                       1, data));
  shell_must("cp kept data/train.domains");
  /* A test that changed is made again, and nothing is trained. */
  write_study("other.study", "split:ilids:2:0", "split:ilids:3:1");
  shell_must("$GRAPHRUN study other.study --out=again --resume >out.txt\n"
             "grep -q 'plain.both.seed0: is evaluated' out.txt\n"
             "test $(grep -c '^. .*graphrun train' again/cells/plain.both.seed0/log) = 1\n"
             "awk -F, '/,drawn,/ && $9 != 3 { exit 1 }' again/two.csv");
  /* So is one whose file of splits changed; it counts from the study's folder. */
  write_study("other.study", "split:ilids:2:0", "list:splits.txt");
  shell_must("printf '1 3\\n5 7\\n' >splits.txt\n"
             "here=$PWD; cd /; $GRAPHRUN study $here/other.study --out=$here/again --resume "
             "--only=plain >$here/out.txt\n"
             "cd $here; grep -q 'plain.both.seed0: is evaluated' out.txt\n"
             "awk -F, '/^plain,.*,drawn,/ && $9 != 2 { exit 1 }' again/two.csv\n"
             "$GRAPHRUN study other.study --out=again --resume --only=plain >out.txt\n"
             "! grep 'is evaluated' out.txt || exit 1\n"
             "printf '1 3\\n5 7\\n1 7\\n' >splits.txt\n"
             "$GRAPHRUN study other.study --out=again --resume --only=plain >out.txt\n"
             "grep -q 'plain.both.seed0: is evaluated' out.txt\n"
             "awk -F, '/^plain,.*,drawn,/ && $9 != 3 { exit 1 }' again/two.csv\n"
             "printf '1 3\\n5 99\\n' >splits.txt");
  CU_ASSERT(
      shell_says("wrong splits", shell("$GRAPHRUN study other.study --out=again --resume"), 1, 1,
                 (const char *const[]){"other.study:5: error: test 'drawn': ",
                                       "splits.txt:2: domain 'plaza' has no identity '99'", NULL}));
  write_study("other.study", "split:ilids:2:0", "split:ilids:3:1");
  shell_must("$GRAPHRUN study other.study --out=again --resume >out.txt");
  /* What fails on other data leaves no figure of those before, however often it is tried. */
  shell_must("cp -r data/station kept.station\n"
             "rm $(ls data/station/query/* | head -n 1)\n"
             "echo junk >$(ls data/station/bounding_box_test/* | head -n 1)\n"
             "$GRAPHRUN study other.study --out=again --tables >out.txt 2>err\n"
             "grep -q '^| plain | - | - | - | - |' out.txt\n"
             "grep -q 'warning: results that are of other data' err\n"
             "for i in 1 2; do\n"
             "  ! $GRAPHRUN study other.study --out=again --resume --only=plain >out.txt 2>&1 "
             "|| exit 1\n"
             "  grep -q '^| plain | - | - | - | - |' out.txt || exit 1\n"
             "done\n"
             "rm -r data/station; mv kept.station data/station");
  /* Another version of the program is said, once. */
  shell_must("sed -i 's/\"program\": \".*\"/\"program\": \"0.1\"/' again/cells/*/cell.json\n"
             "$GRAPHRUN study other.study --out=again --resume >/dev/null 2>err\n"
             "grep -q 'warning: 2 cells were begun by another version' err");
}

/* ---- what goes wrong ---- */

/* A cell that fails stops nobody; the test that has no data is said before. */
static void test_failures(void) {
  static const char *const expect[] = {"arm.both.seed0: error: failed: -D lr: ",
                                       "unseen: warning: this test is left out: ", "hint: ", NULL};
  write_study("fails.study", "\".3\"", "\"much\"");
  shell_must("sed -i 's|data/synth.domains\" domain=\"station|nowhere\" domain=\"station|' "
             "fails.study");
  CU_ASSERT(shell_says("failures", shell("$GRAPHRUN study fails.study --out=fails"), 1, 1, expect));
  shell_must("grep -q '^plain,.*,drawn,1,' fails/two.csv\n"
             "grep -q '^arm,.*,drawn,0,' fails/two.csv\n"
             "grep -q '^plain,.*,unseen,0,' fails/two.csv");
  /* What needs a cell that failed fails with it. */
  static const char *const needs[] = {"arm.both.seed0: error: failed: it needs plain.both.seed0",
                                      "plain.both.seed0: error: failed: -D warmup_steps: ", NULL};
  CU_ASSERT(shell_says("needs", shell("$GRAPHRUN study two.study --out=needs -D warmup_steps=9"), 1,
                       2, needs));
}

/* As long as another row takes. */
static void test_same_time(void) {
  write_study("time.study", "start=\"plain\"", "start=\"plain\" same-time-as=\"plain\"");
  shell_must("$GRAPHRUN study time.study --out=time >out.txt\n"
             "n=$(sed -n 's/.*arm.both.seed0: \\([0-9]*\\) steps take the .* of plain.*/\\1/p' "
             "out.txt)\n"
             "test \"$n\" -ge 1; test $(wc -l <time/cells/arm.both.seed0/run/metrics.jsonl) = $n\n"
             "grep -q \"^arm,both,0,$n,\" time/two.times.csv");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", prepare},
                                      {"seeds", test_seeds},
                                      {"fewer seeds", test_fewer},
                                      {"tables alone", test_tables_alone},
                                      {"going on", test_resume},
                                      {"several processes", test_shared},
                                      {"cells that changed", test_changed},
                                      {"cells that fail", test_failures},
                                      {"equal time", test_same_time}};
  return support_run("study_cells", tests, sizeof tests / sizeof *tests);
}
