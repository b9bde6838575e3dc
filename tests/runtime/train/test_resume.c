/* Going on with a run whose folder is not as it was left, or that is asked to end before it began.
 */
#include "tests/runtime/train/train_test.h"
#include "tests/shell.h"

#include "runtime/train/progress.h"

static const char *plan(void) {
  static const char *path;
  if (path) return path;
  const char *model = support_write(
      "line.xml", "<model name='line' xmlns='urn:graphc:model:1'><program name='step' kind='train'>"
                  "<random name='x' shape='32 1'/><parameter name='slope' shape='1'/>"
                  "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
                  "<gradient name='G' of='loss'/>"
                  "<commit field='theta' value='theta - 0.1 * G'/><output value='loss'/></program>"
                  "<training steps='60' warmup-steps='0'/></model>");
  return path = strdup(train_plan("line", model, NULL, 0));
}

/* A run that stopped at step 20. */
static TrainOptions stopped(const char *name) {
  TrainOptions o = {.plan = plan(), .out = support_path(name), .seed = 3, .stop_at = 20};
  train_ok(&o);
  o.resume = true;
  o.stop_at = 0;
  return o;
}

static void put(const char *path, const char *bytes, size_t size) {
  FILE *out = fopen(path, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  CU_ASSERT_EQUAL(fwrite(bytes, 1, size, out), size);
  CU_ASSERT_EQUAL(fclose(out), 0);
}

/* Refused, and every file of the folder is as it was. */
static void refused_untouched(const TrainOptions *o, Status status, const char *what) {
  static const char *const names[] = {"metrics.jsonl", "times.jsonl", "checkpoint.safetensors",
                                      "checkpoint.safetensors.prev"};
  char *before[4], *after;
  size_t size[4] = {0}, now = 0;
  for (int i = 0; i < 4; i++) before[i] = train_read(train_file(o->out, names[i]), &size[i]);
  train_refused(o, status, what);
  for (int i = 0; i < 4; i++) {
    after = train_read(train_file(o->out, names[i]), &now);
    CU_ASSERT(!before[i] == !after);
    CU_ASSERT(!after || (now == size[i] && memcmp(before[i], after, now) == 0));
    free(before[i]);
    free(after);
  }
}

static void test_stop_before(void) {
  TrainOptions o = stopped("before");
  o.stop_at = 7;
  refused_untouched(&o, STATUS_USAGE,
                    "checkpoint.safetensors: error: the run is at step 20, after --stop-at=7\n"
                    "hint: a larger --stop-at");
  o.stop_at = 20;
  train_ok(&o); /* is done already, quiet or not */
  Shell s = shell("$GRAPHRUN train line.plan.xml --out=before --seed=3 --resume --stop-at=20");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "step 20 is done already"));
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
}

/* A file with line `n` (from 1) replaced by `line`; NULL: removed. */
static char *with_line(const char *text, int n, const char *line) {
  const char *from = text, *to;
  for (int i = 1; i < n; i++) from = strchr(from, '\n') + 1;
  to = strchr(from, '\n') + 1;
  char *out = NULL;
  if (asprintf(&out, "%.*s%s%s", (int)(from - text), text, line ? line : "", to) < 0) exit(1);
  return out;
}

static void test_lines(void) {
  static const struct {
    const char *file;
    int line;
    const char *with, *message;
  } list[] = {
      {"metrics.jsonl", 5, "garbage\n", "metrics.jsonl:5: error: is no line of a step\nhint: "},
      {"metrics.jsonl", 5, "{\"step\":4,\"lo\n", "metrics.jsonl:5: error: is no line of a step"},
      {"metrics.jsonl", 1, "\n", "metrics.jsonl:1: error: is no line of a step"},
      {"metrics.jsonl", 5, "{\"step\":4.0}\n", "metrics.jsonl:5: error: is no line of a step"},
      {"metrics.jsonl", 5, NULL, "metrics.jsonl:5: error: step 5 follows step 3"},
      {"metrics.jsonl", 5, "{\"step\":3}\n", "metrics.jsonl:5: error: step 3 follows step 3"},
      {"metrics.jsonl", 20, NULL,
       "metrics.jsonl:19: error: ends with step 18, the checkpoint is of step 20"},
      {"metrics.jsonl", 20, "{\"step\":19,\"los",
       "metrics.jsonl:19: error: ends with step 18, the checkpoint is of step 20"},
      {"metrics.jsonl", 20, "{\"step\":19}\n?\n{\"step\":20}\n",
       "metrics.jsonl:21: error: is no line of a step"},
      {"times.jsonl", 7, "garbage\n", "times.jsonl:7: error: is no line of a step"},
  };
  TrainOptions whole = {.plan = plan(), .out = support_path("lines-whole"), .seed = 3};
  TrainOptions o = stopped("lines");
  train_ok(&whole);
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    const char *path = train_file(o.out, list[i].file);
    size_t size = 0;
    char *good = train_read(path, &size), *bad = with_line(good, list[i].line, list[i].with);
    put(path, bad, strlen(bad));
    refused_untouched(&o, STATUS_INVALID, list[i].message);
    put(path, good, size);
    free(good);
    free(bad);
  }
  train_ok(&o);
  train_same(o.out, whole.out);
}

/* As the hint says; such a run can be resumed again, and says what it lacks. */
static void test_moved_away(void) {
  TrainOptions o = stopped("moved");
  CU_ASSERT_EQUAL(unlink(train_file(o.out, "metrics.jsonl")), 0);
  char *text;
  o.stop_at = 30;
  CU_ASSERT_EQUAL(train_with(&o, NULL), STATUS_OK);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 10);
  o.stop_at = 40;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_OK);
  free(text);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 20);
  CU_ASSERT_EQUAL(train_metric(o.out, 0, "step"), 20);
  o.stop_at = 0;
  Shell s = shell("$GRAPHRUN train line.plan.xml --out=moved --seed=3 --resume --quiet");
  CU_ASSERT_EQUAL(s.code, 0);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(s.err, "metrics.jsonl: warning: lacks the first 20 of the 40 steps before"));
  shell_free(&s);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 40);
}

static void test_devices(void) {
  TrainOptions o = stopped("devices");
  const char *path = train_file(o.out, "metrics.jsonl");
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_EQUAL(symlink("/dev/full", path), 0);
  train_refused(&o, STATUS_SYSTEM, "metrics.jsonl: error: is no regular file");
  CU_ASSERT_EQUAL(unlink(path), 0);
  CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
  train_refused(&o, STATUS_SYSTEM, "metrics.jsonl: error: is no regular file");
}

/* What a process that was killed left is removed, and nothing else. */
static void test_temporaries(void) {
  static const char *const other[] = {"checkpoint.safetensors.tmp", "checkpoint.safetensors.x.tmp",
                                      "checkpoint.safetensors.12.tmp2", "other.12.tmp"};
  TrainOptions o = stopped("temporary");
  static const char *const stale[] = {"checkpoint.safetensors.4711.tmp", "report.html.4711.tmp",
                                      "config.defs.4711.tmp"};
  for (size_t i = 0; i < 3; i++) put(train_file(o.out, stale[i]), "half", 4);
  for (size_t i = 0; i < 4; i++) put(train_file(o.out, other[i]), "x", 1);
  TrainOptions anew = o;
  anew.resume = false;
  train_refused(&anew, STATUS_INVALID, "the folder holds a run already");
  for (size_t i = 0; i < 3; i++) CU_ASSERT(train_exists(train_file(o.out, stale[i])));
  train_ok(&o);
  for (size_t i = 0; i < 3; i++) CU_ASSERT(!train_exists(train_file(o.out, stale[i])));
  for (size_t i = 0; i < 4; i++) CU_ASSERT(train_exists(train_file(o.out, other[i])));
}

/* Any bit of the data, in whatever way the file is used. */
static void test_flipped_bit(void) {
  TrainOptions o = stopped("flipped");
  char *path = strdup(train_file(o.out, "checkpoint.safetensors"));
  size_t size = 0;
  char *bytes = train_read(path, &size);
  uint64_t header;
  memcpy(&header, bytes, 8);
  CU_ASSERT_EQUAL_FATAL(size, 8 + header + 4); /* slope is all there is */
  for (int bit = 0; bit < 32; bit++) {
    bytes[8 + header + (size_t)bit / 8] ^= (char)(1 << bit % 8);
    put(path, bytes, size);
    refused_untouched(&o, STATUS_INVALID,
                      "checkpoint.safetensors: error: the file is damaged: its tensors do not "
                      "match their hash\nhint: ");
    bytes[8 + header + (size_t)bit / 8] ^= (char)(1 << bit % 8);
  }
  bytes[8 + header] ^= 1;
  put(path, bytes, size);
  train_refused(&o, STATUS_INVALID, "checkpoint.safetensors.prev is the one before");
  TrainOptions init = {.plan = plan(), .out = support_path("init"), .init = path};
  train_refused(&init, STATUS_INVALID, "the file is damaged");
  CU_ASSERT_EQUAL(unlink(train_file(o.out, "checkpoint.safetensors.prev")), 0);
  train_refused(&init, STATUS_INVALID, "hint: copy it again");
  Shell s = shell("$GRAPHRUN exec line.plan.xml --program=step -o o.st "
                  "--weights=flipped/checkpoint.safetensors");
  CU_ASSERT_TRUE(
      shell_says("exec", s, STATUS_INVALID, 1, (const char *[]){"the file is damaged", NULL}));
  /* A file of others, without the key: taken as it is. */
  char *key = memmem(bytes, size, "tensors_hash", 12);
  CU_ASSERT_PTR_NOT_NULL_FATAL(key);
  key[0] = 'T';
  put(path, bytes, size);
  train_ok(&o);
  free(bytes);
  free(path);
}

/* Means over windows are compared only where these do not overlap. */
static void test_summary(void) {
  static const struct {
    int steps;
    const char *text;
  } list[] = {{1, ", loss 1 (of 1 step)"},
              {2, ", loss 1.5 (mean of 2 steps)"},
              {20, ", loss 10.5 (mean of 20 steps)"},
              {39, ", loss 29.5 (mean of the last 20 steps)"},
              {40, ", loss 10.5 -> 30.5 (means of 20 steps)"},
              {60, ", loss 10.5 -> 50.5 (means of 20 steps)"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
    Progress p;
    char text[256];
    progress_start(&p, list[i].steps, 0, true);
    for (int step = 0; step < list[i].steps; step++) progress_step(&p, step, 0.1, 0, step + 1);
    progress_summary(&p, text, sizeof text);
    if (!strstr(text, list[i].text)) puts(text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, list[i].text));
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"an end before the checkpoint", test_stop_before},
      {"lines that no crash explains", test_lines},
      {"metrics that were moved away", test_moved_away},
      {"metrics that are no file", test_devices},
      {"what a killed process left", test_temporaries},
      {"a bit of a checkpoint flips", test_flipped_bit},
      {"the summary's means", test_summary},
  };
  return support_run("resume", tests, sizeof tests / sizeof *tests);
}
