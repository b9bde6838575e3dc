/* Going on with a run under another plan: refused, with what has changed and both values. */
#include "tests/runtime/train/train_test.h"
#include "tests/shell.h"

#include "runtime/execute/safetensors.h"

static const char model[] =
    "<model name='line' xmlns='urn:graphc:model:1'>"
    "<param name='lr' type='float' value='0.1' min='0'/>"
    "<param name='widths' type='list' items='int' value='1 2'/>"
    "<param name='text' type='string' value='a'/>"
    "<program name='step' kind='train'>"
    "<random name='x' shape='32 1'/><parameter name='slope' shape='1'/>"
    "<expr name='loss' value='mean(square(slope * x - 3 * x))'/><gradient name='G' of='loss'/>"
    "<commit field='theta' value='theta - ${lr} * G'/><output value='loss'/></program>"
    "<training steps='60' warmup-steps='0'/></model>";

/* Compiles with options; the plan is NAME.plan.xml. */
static void compile(const char *name, const char *options) {
  Shell s = shell("$GRAPHC line.xml %s -o %s.plan.xml", options, name);
  if (s.code) puts(s.err);
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  shell_free(&s);
}

/* A run that stopped at step 20, in folder `run`. */
static void prepare(void) {
  static bool done;
  if (done) return;
  done = true;
  support_write("line.xml", model);
  compile("line", "");
  Shell s = shell("$GRAPHRUN train line.plan.xml --out=run --stop-at=20 --quiet");
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  shell_free(&s);
}

static void refused(const char *what, int errors, const char *const *parts) {
  Shell s = shell("$GRAPHRUN train other.plan.xml --out=run --resume --quiet");
  CU_ASSERT_TRUE(shell_says(what, s, STATUS_INVALID, errors, parts));
}

static void test_parameters(void) {
  prepare();
  compile("other", "-D lr=0.2");
  refused("lr", 1,
          (const char *[]){"run/checkpoint.safetensors: error: another run: its parameter 'lr' is "
                           "'0.1', of this run '0.2'\n",
                           "hint: compile with -D 'lr=0.1' to go on, or begin another run with ",
                           NULL});
  compile("other", "-D lr=0 -D 'widths=3 4 5' -D 'text=\xc3\xb6 \\'");
  refused("three", 3,
          (const char *[]){"its parameter 'lr' is '0.1', of this run '0'\n",
                           "its parameter 'widths' is '1 2', of this run '3 4 5'\n",
                           "its parameter 'text' is 'a', of this run '\xc3\xb6 \\'\n",
                           "hint: compile with -D 'widths=1 2' to go on", NULL});
  /* Whatever else differs is said as well. */
  Shell s = shell("$GRAPHRUN train other.plan.xml --out=run --resume --quiet --seed=5");
  CU_ASSERT_TRUE(shell_says("and the seed", s, STATUS_INVALID, 4,
                            (const char *[]){"its seed is 0, of this run 5", NULL}));
}

static void test_model_file(void) {
  char changed[2000];
  prepare();
  snprintf(changed, sizeof changed, "%s", model);
  memcpy(strstr(changed, "3 * x"), "4 * x", 5);
  support_write("line.xml", changed);
  compile("other", "");
  refused("an element", 1,
          (const char *[]){"run/checkpoint.safetensors: error: another run: the model's files have "
                           "changed since (hash of the expanded model ",
                           "hint: no parameter differs: resume with the plan", NULL});
  snprintf(changed, sizeof changed, "%s", model);
  memcpy(strstr(changed, "'text'"), "'word'", 6);
  support_write("line.xml", changed);
  compile("other", "");
  refused("a parameter's name", 2,
          (const char *[]){"its parameter 'word' is not there, of this run 'a'\n",
                           "its parameter 'text' is 'a', of this run not there\n",
                           "hint: the model has changed", NULL});
  support_write("line.xml", model);
}

/* The order of sums, and with it the bits, depend on the number of shards. */
static void test_shards(void) {
  prepare();
  compile("other", "--shards=2");
  refused("shards", 1,
          (const char *[]){"its number of shards is 4, of this run 2\nhint: the order of "
                           "sums depends on it: compile with --shards=4\n",
                           NULL});
}

/* The checkpoint as it was written before it carried parameters and shards. */
static void make_old(void) {
  static const char *const keys[] = {"format",      "model",        "model_hash", "precision",
                                     "total_steps", "warmup_steps", "seed",       "step"};
  SafeFile *file = NULL;
  const char *path = support_path("run/checkpoint.safetensors");
  CU_ASSERT_EQUAL_FATAL(safe_read(path, NULL, &file), STATUS_OK);
  CU_ASSERT_EQUAL_FATAL(safe_count(file), 1);
  const FileTensor *t = safe_tensor(file, 0);
  SaveTensor slope = {t->name, DTYPE_F32, {.rank = 1, .dim = {1}}, t->data};
  SaveMeta meta[8];
  for (int i = 0; i < 8; i++) meta[i] = (SaveMeta){keys[i], safe_metadata(file, keys[i])};
  CU_ASSERT_EQUAL(safe_write(support_path("old.safetensors"), &slope, 1, meta, 8, false, NULL),
                  STATUS_OK);
  safe_close(file);
  Shell s = shell("rm -rf old && cp -r run old && mv old.safetensors old/checkpoint.safetensors");
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

static void test_older(void) {
  prepare();
  make_old();
  compile("other", "-D lr=0.2");
  Shell s = shell("$GRAPHRUN train other.plan.xml --out=old --resume --quiet");
  CU_ASSERT_TRUE(shell_says("old, changed", s, STATUS_INVALID, 1,
                            (const char *[]){"its hash of the expanded model is ",
                                             "hint: the model or a -D has changed", NULL}));
  s = shell("$GRAPHRUN train line.plan.xml --out=old --resume --quiet && "
            "$GRAPHRUN train line.plan.xml --out=run --resume --quiet && "
            "$GRAPHRUN train line.plan.xml --out=whole --quiet && "
            "cmp old/metrics.jsonl whole/metrics.jsonl && cmp run/metrics.jsonl "
            "whole/metrics.jsonl && cmp old/checkpoint.safetensors whole/checkpoint.safetensors && "
            "cmp run/checkpoint.safetensors whole/checkpoint.safetensors");
  if (s.code) printf("%s%s", s.out, s.err);
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {
      {"parameters that differ", test_parameters},
      {"the model's files have changed", test_model_file},
      {"another number of shards", test_shards},
      {"checkpoints that carry less", test_older}, /* last: it ends the run */
  };
  return support_run("resume-model", tests, sizeof tests / sizeof *tests);
}
