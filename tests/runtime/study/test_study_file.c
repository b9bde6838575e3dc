/* Mistakes in study files and command lines: what is said of them. */
#include "tests/runtime/study/two_rows.h"

typedef struct Mistake {
  const char *find, *put, *place, *says, *hint;
} Mistake;

/* What is put for a text of the study of two rows, and what is said of it. */
static const Mistake mistakes[] = {
    {"map=\"33.9\"", "nap=\"33.9\"", ":8:31: error: ", "paper has no attribute 'nap'",
     "did you mean 'map'?"},
    {"<row name=\"arm\"", "<row name=\"a b\"", ":11:14: error: ", "'a b' is no name", "label="},
    {"<row name=\"arm\"", "<row name=\"plain\"", ":11:14: error: ", "a row 'plain' already", ""},
    {"start=\"plain\"", "start=\"plane\"", ":11:44: error: ", "no row before this one",
     "there are: plain"},
    {"<test name=\"drawn\"", "<tset name=\"drawn\"", ":5:5: error: ", "train has no element 'tset'",
     "did you mean 'test'?"},
    {"name=\"drawn\"", "name=\"unseen\"", ":5:17: error: ", "a test 'unseen' already", ""},
    {"name=\"drawn\"", "name=\"drawn\" average=\"drawn\"",
     ":5:17: error: ", "'drawn' is the name of a test and of a mean", "hint: label="},
    {"name=\"drawn\"", "name=\"drawn\" average=\"unseen\"",
     ":5:33: error: ", "'unseen' is the name of a test and of a mean", "hint: label="},
    {"name=\"drawn\"", "name=\"cell\"", ":5:17: error: ", "would take the place of cell.json",
     "hint: label="},
    {"paper test=\"average\"", "paper test=\"unseen\"",
     ":9:18: error: ", "row 'plain' has values for 'unseen' already", ""},
    {"map=\"33.9\"", "map=\"0,339\"", ":8:31: error: ", "a number from 0 to 100", ""},
    {"paper test=\"unseen\"", "paper test=\"unsen\"", ":8:18: error: ", "no test is called 'unsen'",
     "did you mean 'unseen'?"},
    {"<set name=\"lr\" value=\".3\"/>", "<set name=\"lr\"/>",
     ":11:51: error: ", "set lacks the attribute 'value'", ""},
    {"seeds=\"1\"", "seeds=\"none\"", ":1:45: error: ", "seeds is a number from 1 to", ""},
    {"urn:graphc:study:1", "urn:graphc:model:1", ":1:1: error: ", "which is no study's",
     "xmlns=\"urn:graphc:study:1\""},
    {"name=\"drawn\"", "average=\"my mean\" name=\"drawn\"", ":5:20: error: ", "is no name", ""},
    {"start=\"plain\"", "start=\"plain\" init=\"x\"",
     ":11:57: error: ", "from weights or from another row", "hint: give one"},
    {"model=\"plain.xml\" start", "start", ":11:3: error: ", "row lacks the attribute 'model'", ""},
    {"<include folder", "<include dir", ":2:3: error: ", "include lacks the attribute 'folder'",
     "-I"},
    {"domain=\"station\"", "domain=\"statoin\"",
     "wrong.study:4: error: ", "has no domain 'statoin'", "did you mean 'station'?"},
    {"split:ilids:2:0", "split:ilid:2:0", "wrong.study:5: error: test 'drawn'",
     "there is no split 'ilid'", "split:NAME:TRIALS:SEED"},
    {"</study>", "", ": error: malformed XML", "", ""},
};

static void test_mistakes(void) {
  shell_must("mkdir -p begun/cells/plain.both.seed0\n"
             "echo '{\"format\": \"graphrun study 1\"}' >begun/cells/plain.both.seed0/cell.json");
  for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
    const char *const expect[] = {mistakes[i].place, mistakes[i].says, mistakes[i].hint, NULL};
    write_study("wrong.study", mistakes[i].find, mistakes[i].put);
    CU_ASSERT(shell_says(mistakes[i].put, shell("$GRAPHRUN study wrong.study --out=wrong"), 1, -1,
                         expect));
  }
  static const struct {
    const char *line;
    int code;
    const char *parts[3];
  } lines[] = {
      {"$GRAPHRUN study two.study --out=begun", 1, {"holds this study already", "hint: --resume"}},
      {"$GRAPHRUN study two.study --out=x --only=arn",
       1,
       {"has no row 'arn'", "did you mean 'arm'?"}},
      {"$GRAPHRUN study two.study --out=x --cell=3/2", 2, {"--cell is I/N", ""}},
      {"$GRAPHRUN study two.study --out=x --tables --dry-run", 2, {"what is --dry-run for?", ""}},
      {"$GRAPHRUN study nowhere.study", 1, {"nowhere.study: error: cannot read", ""}},
      {"$GRAPHRUN study plain.xml",
       1,
       {"plain.xml:1:1: error: the root is 'model'", "hint: <study"}},
      {"$GRAPHC two.study --check", 1, {"two.study:1:1: error: ", ""}},
      {"$GRAPHRUN study two.study --out=/proc/x", 4, {"/proc/x: error: cannot be made", ""}},
      {"TMPDIR=/proc $GRAPHRUN study two.study --dry-run",
       4,
       {"/proc: error: cannot make a file for the plan", "hint: TMPDIR=FOLDER"}},
      {"TMPDIR=$(head -c 5000 /dev/zero | tr '\\0' x) $GRAPHRUN study two.study --dry-run",
       4,
       {"File name too long", "hint: TMPDIR=FOLDER"}},
  };
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    CU_ASSERT(
        shell_says(lines[i].line, shell("%s", lines[i].line), lines[i].code, 1, lines[i].parts));
  /* A model that is not there, asked for by two seeds; its name is no format. */
  shell_must("sed 's/seeds=\"1\"/seeds=\"2\"/; s/model=\"plain.xml\" start/model=\"a%%s%%n.xml\" "
             "start/' two.study >gone.study");
  CU_ASSERT(shell_says(
      "gone", shell("$GRAPHRUN study gone.study --out=gone --dry-run"), 1, 2,
      (const char *const[]){"arm.both.seed0: error: failed: a%s%n.xml: cannot read",
                            "arm.both.seed1: error: failed: a%s%n.xml: cannot read", NULL}));
  CU_ASSERT(shell_says("gone",
                       shell("$GRAPHRUN study gone.study --out=gone --dry-run 2>&1 | grep 'hint: "
                             "%%s'"),
                       1, 0, (const char *const[]){"", NULL}));
  /* What a forecast compiles is gone after it. */
  shell_must(
      "mkdir plans; TMPDIR=$PWD/plans $GRAPHRUN study two.study --dry-run >dry; rmdir plans\n"
      "TMPDIR= $GRAPHRUN study two.study --dry-run --only=plain >dry\n"
      "unset TMPDIR; $GRAPHRUN study two.study --dry-run --only=plain >dry");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", prepare}, {"mistakes", test_mistakes}};
  return support_run("study_file", tests, sizeof tests / sizeof *tests);
}
