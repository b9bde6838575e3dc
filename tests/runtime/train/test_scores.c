/* Evaluation while training, and the checkpoints that stay: what training computes is as without;
 * the figures are those of graphrun eval; resumed runs have the same lines; what is wrong with the
 * data is told before the first step. */
#include "tests/runtime/train/train_test.h"

#include <dirent.h>
#include <math.h>

#define TRAIN "$GRAPHRUN train cnn.plan.xml --data=d/train.domains --seed=3 --threads=2 "
#define EVAL "--eval-data=d/test.domains --eval-every=4 "

/* One set to train on, one to test on, and a network for two targets. */
static void prepare(void) {
  shell_must("$GRAPHRUN synth d --domains=2 --ids=6 --test-ids=3 --cameras=2 --images=2\n"
             "sed -n 1p d/synth.domains > d/train.domains\n"
             "sed -n 2p d/synth.domains > d/test.domains\n"
             "$GRAPHRUN check-data d/train.domains --defines > d/defs\nfor t in cpu \"$TOY\"; do "
             "$GRAPHC \"$TOP/models/examples/cnn.xml\" -D @d/defs -D 'channels=4 8' -D height=16 "
             "-D image_width=16 -D batch_ids=3 -D batch_images=2 -D epochs=5 "
             "--target=\"$t\" -o cnn.plan.xml || exit 1; "
             "[ \"$t\" = cpu ] || mv cnn.plan.xml toy.plan.xml; [ -e toy.plan.xml ] || "
             "cp cnn.plan.xml cpu.plan.xml; done; mv cpu.plan.xml cnn.plan.xml");
}

static void same(const char *a, const char *b) {
  bool equal = train_same_file(support_path(a), support_path(b));
  if (!equal) printf("\n%s and %s differ\n", a, b);
  CU_ASSERT(equal);
}

static bool there(const char *path) {
  return train_exists(support_path(path));
}

static bool whole(const char *path, int64_t step) {
  SafeFile *file;
  if (safe_read(support_path(path), NULL, &file) != STATUS_OK) return false;
  bool same_step = strtoll(safe_metadata(file, "step"), NULL, 10) == step;
  if (!same_step) printf("\n%s is of step %s\n", path, safe_metadata(file, "step"));
  safe_close(file);
  return same_step;
}

/* The lines without what evaluation adds are those of a run without it. */
static void nothing_changes(void) {
  prepare();
  shell_must(TRAIN "--out=none --quiet");
  shell_must(TRAIN "--out=some --quiet " EVAL "--keep=2");
  same("none/checkpoint.safetensors", "some/checkpoint.safetensors");
  shell_must("sed 's/,\"eval[^}]*//' some/metrics.jsonl > some/without && "
             "cmp some/without none/metrics.jsonl && ! cmp -s some/metrics.jsonl some/without");
  shell_must("$GRAPHRUN train toy.plan.xml --device=\"$TOY\" --data=d/train.domains --seed=3 "
             "--out=toy --quiet " EVAL);
  same("toy/metrics.jsonl", "some/metrics.jsonl");
  same("toy/checkpoint.safetensors", "none/checkpoint.safetensors");
}

/* Every fourth step and the last one; the figures of a kept checkpoint are those of `eval`. */
static void figures(void) {
  shell_must(TRAIN
             "--out=all --keep=all --checkpoint-every=4 --quiet --threads=1 --workers=2 " EVAL);
  same("all/metrics.jsonl", "some/metrics.jsonl");
  int64_t lines = train_lines(support_path("all/metrics.jsonl"));
  CU_ASSERT_FATAL(lines > 8 && lines < 100);
  char *text = train_read(support_path("all/metrics.jsonl"), NULL), *at = text;
  for (int64_t i = 0; i < lines; i++, at = strchr(at, '\n') + 1) {
    const char *found = strstr(at, "\"eval/mAP\":");
    bool due = (i + 1) % 4 == 0 || i + 1 == lines;
    CU_ASSERT_EQUAL(found && found < strchr(at, '\n'), due);
  }
  free(text);
  for (int64_t step = 4; step <= 8; step += 4) {
    Shell s = shell("$GRAPHRUN eval cnn.plan.xml --data=d/test.domains --out=e.json "
                    "--weights=all/checkpoint-%08d.safetensors >/dev/null && tr , '\\n' < e.json | "
                    "sed -n '/\"map\"\\|\"rank1\"/s/.*: //p' | head -2",
                    (int)step);
    char *end;
    CU_ASSERT_EQUAL(s.code, 0);
    double map = strtod(s.out, &end), rank1 = strtod(end, NULL);
    const char *out = support_path("all");
    CU_ASSERT_EQUAL(train_metric(out, step - 1, "eval/campus/mAP"), map);
    CU_ASSERT_EQUAL(train_metric(out, step - 1, "eval/campus/Rank-1"), rank1);
    CU_ASSERT_EQUAL(train_metric(out, step - 1, "eval/mAP"), map);
    shell_free(&s);
  }
  CU_ASSERT(whole("all/checkpoint-00000000.safetensors", 0));
}

/* Splits instead of the data's own queries: figures as of eval, training as without. */
static void by_protocol(void) {
  shell_must(TRAIN "--out=split --quiet " EVAL "--protocol=split:ilids:3:5 --keep=all "
                   "--checkpoint-every=4 && cmp split/checkpoint.safetensors "
                   "some/checkpoint.safetensors && grep -q -e --protocol=split:ilids:3:5 "
                   "split/config.defs && ! cmp -s split/metrics.jsonl some/metrics.jsonl");
  shell_must("$GRAPHRUN eval cnn.plan.xml --data=d/test.domains --protocol=split:ilids:3:5 "
             "--out=s.json --weights=split/checkpoint-00000004.safetensors >/dev/null");
  Shell s = shell("tr , '\\n' < s.json | sed -n '/\"map\"/s/.*: //p' | head -1");
  double map = strtod(s.out, NULL);
  shell_free(&s);
  CU_ASSERT(map > 0 && map <= 1);
  CU_ASSERT_EQUAL(train_metric(support_path("split"), 3, "eval/mAP"), map);
}

/* A run that stops and goes on has the same lines and files; epochs are counted in steps. */
static void resumed(void) {
  shell_must(TRAIN "--out=part --quiet --select=best --stop-at=6 " EVAL);
  shell_must(TRAIN "--out=part --quiet --select=best --resume " EVAL);
  same("part/metrics.jsonl", "some/metrics.jsonl");
  shell_must(TRAIN "--out=epochs --quiet --eval-data=d/test.domains --eval-every=1ep");
  shell_must(TRAIN "--out=default --quiet --eval-data=d/test.domains");
  same("epochs/metrics.jsonl", "default/metrics.jsonl");
  shell_must("[ $(grep -c '\"eval/mAP\"' epochs/metrics.jsonl) = 5 ]");
}

/* The last one is the result unless the best is asked for; then it says on what. */
static void chosen(void) {
  Shell s = shell(TRAIN "--out=last " EVAL);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "weights: last/checkpoint.safetensors, of the last step ("));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "; no evaluation chose them\n"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, " images of campus; memory: "));
  CU_ASSERT(!there("last/best.safetensors"));
  shell_free(&s);
  s = shell(TRAIN "--out=best --select=best " EVAL);
  const char *said = strstr(s.out, "weights: best/best.safetensors, of step ");
  CU_ASSERT_PTR_NOT_NULL_FATAL(said);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "which was not trained on"));
  int64_t step = strtoll(said + strlen("weights: best/best.safetensors, of step "), NULL, 10);
  CU_ASSERT(whole("best/best.safetensors", step) && whole("part/best.safetensors", step));
  double most = train_metric(support_path("best"), step - 1, "eval/mAP");
  int64_t lines = train_lines(support_path("best/metrics.jsonl"));
  for (int64_t i = 4; i <= lines; i += 4)
    CU_ASSERT(train_metric(support_path("best"), i - 1, "eval/mAP") <= most);
  shell_free(&s);
  s = shell(TRAIN "--out=own --eval-every=4 --select=best");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NULL(strstr(s.out, "not trained on"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "images of plaza (a domain of the training); memory"));
  shell_free(&s);
}

static int count_kept(const char *folder) {
  DIR *dir = opendir(support_path(folder));
  int n = 0;
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    n += strncmp(entry->d_name, "checkpoint-", 11) == 0;
  closedir(dir);
  return n;
}

/* The latest stay; what is lost is replaced by the newest that is whole. */
static void kept(void) {
  shell_must(TRAIN "--out=kept --quiet --keep=3 --checkpoint-every=2 --stop-at=9");
  CU_ASSERT_EQUAL(count_kept("kept"), 3);
  CU_ASSERT(whole("kept/checkpoint-00000006.safetensors", 6));
  CU_ASSERT(whole("kept/checkpoint-00000008.safetensors", 8));
  CU_ASSERT(whole("kept/checkpoint-00000009.safetensors", 9));
  same("kept/checkpoint-00000009.safetensors", "kept/checkpoint.safetensors");
  /* Half of a file, and what a killed process left. */
  shell_must(
      "cp -r kept lost && cd lost && rm checkpoint.safetensors checkpoint.safetensors.prev &&"
      " head -c 2000 checkpoint-00000008.safetensors > x &&"
      " mv x checkpoint-00000009.safetensors && : > checkpoint-00000008.safetensors.77.tmp &&"
      " : > best.safetensors.8.tmp && : > checkpoint-7.safetensors");
  Shell s = shell(TRAIN "--out=lost --keep=2 --checkpoint-every=2 --resume 2>&1");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "lost/checkpoint.safetensors: warning: is not there: the "
                                       "run goes on from the newest that is, "
                                       "lost/checkpoint-00000008.safetensors of step 8"));
  CU_ASSERT_PTR_NOT_NULL(
      strstr(s.out, "resumes from lost/checkpoint-00000008.safetensors, step 8\n"));
  shell_free(&s);
  same("lost/checkpoint.safetensors", "none/checkpoint.safetensors");
  same("lost/metrics.jsonl", "none/metrics.jsonl");
  CU_ASSERT(!there("lost/checkpoint-00000008.safetensors.77.tmp"));
  CU_ASSERT(!there("lost/best.safetensors.8.tmp"));
  CU_ASSERT(there("lost/checkpoint-7.safetensors")); /* a name of somebody else */
  CU_ASSERT_EQUAL(count_kept("lost"), 3);
  /* The end of a complete run comes back, too. */
  shell_must("rm lost/checkpoint.safetensors");
  shell_must(TRAIN "--out=lost --keep=2 --resume");
  same("lost/checkpoint.safetensors", "none/checkpoint.safetensors");
  CU_ASSERT(shell_says("nothing", shell("rm lost/checkpoint*; " TRAIN "--out=lost --resume"),
                       STATUS_INVALID, 1, (const char *[]){"there is no checkpoint", NULL}));
}

/* Killed at any moment: a run with kept checkpoints goes on, and ends as the whole one. */
static void killed(void) {
  TrainOptions o = {.plan = support_path("cnn.plan.xml"),
                    .data = support_path("d/train.domains"),
                    .out = support_path("killed"),
                    .seed = 3,
                    .eval_data = support_path("d/test.domains"),
                    .eval_every = 4,
                    .keep = 1,
                    .select_best = true,
                    .checkpoint_every = 1};
  for (int64_t lines = 1; lines < 9; lines += 3) {
    pid_t child = train_fork(&o);
    train_await(o.out, lines);
    kill(child, SIGKILL);
    train_wait(child);
    o.resume = train_exists(train_file(o.out, "checkpoint.safetensors"));
  }
  train_ok(&o);
  same("killed/metrics.jsonl", "some/metrics.jsonl");
  same("killed/best.safetensors", "best/best.safetensors");
  CU_ASSERT_EQUAL(count_kept("killed"), 1);
}

#define SAYS(CODE, OPTIONS, ...)                                                                   \
  CU_ASSERT(shell_says(OPTIONS, shell(TRAIN "--out=wrong " OPTIONS), CODE, 1,                      \
                       (const char *const[]){__VA_ARGS__, NULL}));                                 \
  CU_ASSERT(!there("wrong"))

static void refused(void) {
  SAYS(STATUS_USAGE, "--eval-every=0", "--eval-every is a number of steps, N, or of epochs, Nep");
  SAYS(STATUS_USAGE, "--eval-every=2eps", "not '2eps'");
  SAYS(STATUS_USAGE, "--keep=none", "--keep is a number of checkpoints from 1, or all");
  SAYS(STATUS_USAGE, "--eval-every=2 --select=first", "--select is last or best, not 'first'");
  SAYS(STATUS_USAGE, "--select=best", "--eval-data=DATA names what it chooses on");
  SAYS(STATUS_USAGE, "--protocol=market", "--eval-data=DATA evaluates while training");
  SAYS(STATUS_USAGE, EVAL "--protocol=split:nobody:1:1", "there is no split 'nobody'");
  SAYS(STATUS_INVALID, "--eval-data=nothing", "nothing: error: cannot read");
  shell_must(
      "mkdir q && cp d/plaza/bounding_box_train/*.jpg q/ 2>/dev/null || "
      "find d/plaza -name '*.*g' -exec cp {} q/ \\;; n=$(ls q | head -1); "
      "printf 'path,pid,camera,split\\n%%s,1,1,train\\n' $n > q/train.csv; "
      "printf 'path,pid,camera,split\\n%%s,1,1,query\\n' $n > q/query.csv; "
      "printf 'path,pid,camera,split\\n%%s,1,1,query\\nno.png,1,2,gallery\\n' $n > q/no.csv; "
      "printf 'path,pid,camera,split\\n%%s,1,1,query\\n%%s,2,2,gallery\\n' $n "
      "$(ls q | sed -n 2p) > q/alone.csv");
  SAYS(STATUS_INVALID, "--eval-data=q/train.csv", "q/train.csv: error: no domain has query images");
  SAYS(STATUS_INVALID, "--eval-data=q/query.csv", "has queries and no gallery");
  SAYS(STATUS_INVALID, "--eval-data=q/no.csv", "q/no.png: error: the image cannot be read",
       "--bad-images=skip");
  SAYS(STATUS_INVALID, "--eval-data=q/alone.csv", "q/alone.csv: domain ");
  /* Models that cannot be evaluated. */
  static const char *const programs[][2] = {
      {"", "the model has no program of kind evaluate"},
      {"<program name='e' kind='evaluate'><input name='images' shape='2 8 8 3'/>"
       "<parameter name='w' shape='1'/><mean name='m' in='images' axes='1 2'/>"
       "<expr name='ynorm' value='m * w'/><commit state='w' value='w'/><output value='ynorm'/>"
       "</program>",
       "program 'e' commits states: evaluation during training would change the training"},
      {"<program name='e' kind='evaluate'><input name='images' shape='2 8 8 3'/>"
       "<mean name='m' in='images' axes='1 2'/><output value='m'/></program>",
       "has no output 'ynorm'"},
  };
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    char text[1500];
    snprintf(text, sizeof text,
             "<model name='odd' xmlns='urn:graphc:model:1'><program name='s' kind='train'>"
             "<random name='x' shape='4'/><parameter name='w' shape='1'/>"
             "<expr name='loss' value='mean(square(w * x))'/><gradient name='G' of='loss'/>"
             "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/></program>"
             "%s<training steps='3' warmup-steps='0'/></model>",
             programs[i][0]);
    support_write("odd.xml", text);
    shell_must("$GRAPHC odd.xml");
    Shell s = shell("$GRAPHRUN train odd.plan.xml --out=odd --eval-data=d/test.domains");
    CU_ASSERT(shell_says(programs[i][1], s, STATUS_INVALID, 1,
                         (const char *[]){programs[i][1], "hint: ", NULL}));
  }
  CU_ASSERT(shell_says("no data", shell("$GRAPHRUN train odd.plan.xml --out=odd --eval-every=1"),
                       STATUS_USAGE, 1,
                       (const char *[]){"there are no data to evaluate on", NULL}));
}

/* An image that cannot be read is named once, not with every evaluation. */
static void bad_images(void) {
  shell_must("cp -r d b && n=$(find b/campus -name '*.*g' | grep -i test | sort | head -1) && "
             ": > \"$n\"");
  Shell s = shell("$GRAPHRUN train cnn.plan.xml --data=b/train.domains --seed=3 --out=bad "
                  "--eval-data=b/test.domains --eval-every=2 --bad-images=skip --quiet");
  const char *first = strstr(s.err, "left out: the image");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(first);
  CU_ASSERT_PTR_NULL(strstr(first + 1, "left out: the image"));
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {
      {"training is as without evaluation", nothing_changes},
      {"the figures are those of eval", figures},
      {"and of its protocol", by_protocol},
      {"resumed runs have the same lines", resumed},
      {"the last weights, or the best where that was asked for", chosen},
      {"checkpoints stay, and are found again", kept},
      {"killed and resumed", killed},
      {"what is wrong is told before the first step", refused},
      {"unreadable images", bad_images},
  };
  return support_run("scores", tests, sizeof tests / sizeof *tests);
}
