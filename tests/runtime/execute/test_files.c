/* What is read or written and is no ordinary file: refused at once, with one message. */
#include "tests/runtime/train/train_test.h"
#include "tests/shell.h"

/* A data set, a plan that trains on it, and one of each kind that no reader can read to its end. */
static void prepare(void) {
  static bool done;
  if (done) return;
  done = true;
  SynthOptions synth = {.dir = support_path("data"), .domains = 1, .train_ids = 4, .test_ids = 4};
  CU_ASSERT_EQUAL_FATAL(synth_write(&synth, NULL), STATUS_OK);
  const char *model = support_write(
      "m.xml", "<model name='m' xmlns='urn:graphc:model:1'><program name='p' kind='train'>"
               "<input name='x' shape='2'/><parameter name='w' shape='2' value='1'/>"
               "<expr name='y' value='sum(w * x)'/><output value='y'/></program>"
               "<program name='e' kind='evaluate'><input name='images' shape='2 8 4 3'/>"
               "<mean name='ynorm' in='images' axes='1 2'/><output value='ynorm'/></program>"
               "</model>");
  train_plan("m", model, NULL, 0);
  const char *line = support_write(
      "t.xml", "<model name='t' xmlns='urn:graphc:model:1'><program name='p' kind='train'>"
               "<parameter name='w' shape='2' value='1'/><expr name='y' value='sum(w)'/>"
               "<commit state='w' value='0.5 * w'/><output value='y'/></program>"
               "<training steps='3' warmup-steps='0'/></model>");
  train_plan("t", line, NULL, 0);
  static const char *const pipes[] = {"pipe",          "pipe.csv", "pipe.domains", "pipe.xml",
                                      "pipe.plan.xml", "pipe.png", "pipe.jpg"};
  for (size_t i = 0; i < sizeof pipes / sizeof *pipes; i++)
    CU_ASSERT_EQUAL(mkfifo(support_path(pipes[i]), 0600), 0);
  CU_ASSERT_EQUAL(symlink("/dev/zero", support_path("zero.csv")), 0);
  CU_ASSERT_EQUAL(symlink("/dev/zero", support_path("zero.domains")), 0);
  support_write("images.csv", "path,pid,camera\npipe.png,1,1\n");
  support_write("via.domains", "d csv pipe.csv\n");
}

/* `timeout` ends what waits: exit code 124. */
static void test_readers(void) {
  static const struct {
    const char *line, *message;
  } list[] = {
      {"graphrun info pipe.plan.xml", "pipe.plan.xml: error: this is no regular file\nhint: "},
      {"graphrun exec m.plan.xml --program=p --feed=pipe -o o.st", "pipe: error: is no regular"},
      {"graphrun exec m.plan.xml --program=p --feed=/dev/zero -o o.st", "/dev/zero: error: is no "},
      {"graphrun exec m.plan.xml --program=p --feed=data -o o.st", "data: error: is a folder"},
      {"graphrun eval m.plan.xml --weights=pipe --data=data/synth.domains", "pipe: error: is no "},
      {"graphrun train t.plan.xml --out=new --init=pipe", "pipe: error: is no regular file"},
      {"graphrun eval --baseline=color --data=data/synth.domains --compare=pipe",
       "pipe: error: is no regular file\nhint: a file that `graphrun eval --out=F` wrote"},
      {"graphrun eval --baseline=color --data=data/synth.domains --compare=/dev/zero",
       "/dev/zero: error: is no regular file"},
      {"graphrun check-data pipe.csv", "pipe.csv: error: is no regular file"},
      {"graphrun check-data zero.csv", "zero.csv: error: is no regular file"},
      {"graphrun check-data pipe.domains", "pipe.domains: error: is no regular file"},
      {"graphrun check-data zero.domains", "zero.domains: error: is no regular file"},
      {"graphrun check-data via.domains", "pipe.csv: error: is no regular file"},
      {"graphrun check-data images.csv", "images.csv: error: 1 of 1 images cannot be decoded"},
      {"graphc --check pipe.xml", "pipe.xml: error: this is no regular file"},
  };
  prepare();
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    bool is_graphc = strncmp(list[i].line, "graphc ", 7) == 0;
    Shell s =
        shell("timeout 20 %s%s", is_graphc ? "$GRAPHC" : "$GRAPHRUN", strchr(list[i].line, ' '));
    CU_ASSERT_TRUE(
        shell_says(list[i].line, s, STATUS_INVALID, 1, (const char *[]){list[i].message, NULL}));
  }
  CU_ASSERT(!train_exists(support_path("new")));
}

/* A definitions file may be a pipe: `-D @<(...)`. */
static void test_definitions(void) {
  prepare();
  Shell s = shell("(echo x=1 >pipe &) ; timeout 20 $GRAPHC --check m.xml -D @pipe");
  CU_ASSERT_TRUE(shell_says("-D @pipe", s, 1, 1, (const char *[]){"pipe:1: error: ", NULL}));
}

static void test_output_lost(void) {
  static const char *const lines[] = {
      "--help",
      "--version",
      "info m.plan.xml",
      "check-data data/synth.domains",
      "check-data data/synth.domains --defines",
      "eval --baseline=color --data=data/synth.domains",
      "bench t.plan.xml",
  };
  prepare();
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    Shell s = shell("$GRAPHRUN %s >/dev/full", lines[i]);
    CU_ASSERT_TRUE(shell_says(
        lines[i], s, STATUS_SYSTEM, 1,
        (const char *[]){"standard output: error: cannot write: No space left on device", NULL}));
    s = shell("$GRAPHRUN %s >&-", lines[i]);
    CU_ASSERT_TRUE(shell_says(
        lines[i], s, STATUS_SYSTEM, 1,
        (const char *[]){"standard output: error: cannot write: Bad file descriptor", NULL}));
  }
  Shell s = shell("$GRAPHRUN train t.plan.xml --out=closed >&-");
  CU_ASSERT_TRUE(shell_says("train", s, STATUS_SYSTEM, 1,
                            (const char *[]){"standard output: error: cannot write: ", NULL}));
  /* Nothing that was to be printed went into a file of the run, and the run is whole. */
  CU_ASSERT_EQUAL(train_lines(support_path("closed/metrics.jsonl")), 3);
  s = shell("$GRAPHRUN train t.plan.xml --out=closed --resume --quiet >&- 2>&- <&-");
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
  s = shell("$GRAPHRUN info none.plan.xml >/dev/full");
  CU_ASSERT_TRUE(shell_says("both", s, STATUS_INVALID, 1, (const char *[]){"none.plan", NULL}));
}

int main(void) {
  static const SupportTest tests[] = {{"pipes and devices are not read", test_readers},
                                      {"definitions from a pipe", test_definitions},
                                      {"standard output that takes nothing", test_output_lost}};
  return support_run("files", tests, sizeof tests / sizeof *tests);
}
