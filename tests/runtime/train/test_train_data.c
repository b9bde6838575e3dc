/* Training on images: CDVM in small, bit for bit over threads, workers, runs and resumption; the
 * examples; weights to start from; data that do not fit. */
#include "tests/runtime/train/train_test.h"

#include <math.h>
#include <signal.h>

#define ROOT_DEFINES                                                                               \
  "width=8", "height=32", "image_width=16", "batch_ids=2", "domains=plaza campus station",         \
      "ids=6 6 6", "inner_lr=0.01", "clip_norm=10", "steps=20"
#define N_ROOT 9

/* Four domains of 6 people, drawn once. */
static const char *data(void) {
  static char *path;
  if (path) return path;
  const char *dir = support_path("synth");
  SynthOptions o = {.dir = dir,
                    .seed = 1,
                    .domains = 4,
                    .train_ids = 6,
                    .test_ids = 2,
                    .cameras = 2,
                    .distractors = -1};
  CU_ASSERT_EQUAL_FATAL(synth_write(&o, NULL), STATUS_OK);
  path = strdup(train_file(dir, "synth.domains"));
  return path;
}

static const char *small_cdvm(const char *name, const char *extra) {
  const char *const defines[] = {ROOT_DEFINES, extra};
  return train_plan(name, "models/cdvm_small.xml", defines, extra ? N_ROOT + 1 : N_ROOT);
}

static const char *cdvm(void) {
  static const char *path;
  if (!path) path = strdup(small_cdvm("cdvm", NULL));
  return path;
}

static TrainOptions options(const char *plan, const char *out) {
  return (TrainOptions){
      .plan = plan, .data = data(), .out = support_path(out), .seed = 7, .threads = 1};
}

/* The run that others are compared with. */
static const char *whole_run(void) {
  static const char *out;
  if (out) return out;
  TrainOptions o = options(cdvm(), "whole");
  train_ok(&o);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 20);
  return out = strdup(o.out);
}

static void test_same_bits(void) {
  for (uint32_t i = 0; i < 3; i++) {
    char name[32];
    snprintf(name, sizeof name, "again%u", i);
    TrainOptions o = options(cdvm(), name);
    o.threads = (uint32_t[]){1, 2, 4}[i];
    o.workers = (uint32_t[]){3, 1, 2}[i];
    train_ok(&o);
    train_same(whole_run(), o.out);
  }
  TrainOptions seed = options(cdvm(), "seed");
  seed.seed = 8;
  train_ok(&seed);
  CU_ASSERT(!train_same_file(train_file(whole_run(), "metrics.jsonl"),
                             train_file(seed.out, "metrics.jsonl")));
}

/* All held-out domains come, by a rule of seed and step alone. */
static void test_held_out(void) {
  char *text = train_read(train_file(whole_run(), "metrics.jsonl"), NULL);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"program\":\"step/plaza\""));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"program\":\"step/campus\""));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"program\":\"step/station\""));
  free(text);
  CU_ASSERT_EQUAL(train_metric(whole_run(), 3, "inner_lr"), 0.01);
  CU_ASSERT(train_metric(whole_run(), 3, "test/total") > 0);
}

static void test_resumed(void) {
  TrainOptions parts = options(cdvm(), "parts");
  parts.stop_at = 9;
  train_ok(&parts);
  parts.resume = true;
  parts.stop_at = 0;
  parts.threads = 2;
  train_ok(&parts);
  train_same(whole_run(), parts.out);
}

static void test_killed(void) {
  TrainOptions o = options(cdvm(), "killed");
  o.checkpoint_every = 3;
  for (int64_t lines = 2; lines < 20; lines += 5) {
    pid_t child = train_fork(&o);
    train_await(o.out, lines);
    kill(child, SIGKILL);
    train_wait(child);
    o.resume = true;
  }
  train_ok(&o);
  train_same(whole_run(), o.out);
}

/* A learning rate of 0 moves the running statistics and nothing else: the weights "before". */
static void test_rate_zero(void) {
  const char *const defines[] = {ROOT_DEFINES, "lr=0", "lr_end=0"};
  const char *plan = train_plan("zero", "models/cdvm_small.xml", defines, N_ROOT + 2);
  TrainOptions none = options(plan, "zero-0"), some = options(plan, "zero-6");
  none.stop_at = 1;
  some.stop_at = 6;
  train_ok(&none);
  train_ok(&some);
  SafeFile *a, *b;
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(none.out, "checkpoint.safetensors.prev"), NULL, &a),
                        STATUS_OK); /* of step 0 */
  CU_ASSERT_STRING_EQUAL(safe_metadata(a, "step"), "0");
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(some.out, "checkpoint.safetensors"), NULL, &b),
                        STATUS_OK);
  int parameters = 0, moved = 0;
  for (uint32_t i = 0; i < safe_count(a); i++) {
    const FileTensor *x = safe_tensor(a, i), *y = safe_find(b, x->name);
    CU_ASSERT_PTR_NOT_NULL_FATAL(y);
    bool same = memcmp(x->data, y->data, (size_t)x->count * sizeof(float)) == 0;
    if (strstr(x->name, "/running_"))
      moved += !same;
    else if (!strchr(x->name, ':') && strncmp(x->name, "centre", 6) != 0) {
      CU_ASSERT(same);
      parameters++;
    }
  }
  CU_ASSERT(parameters > 100);
  CU_ASSERT(moved > 50);
  safe_close(a);
  safe_close(b);
}

static void write_domains(const char *path, const char *without) {
  char *text = train_read(data(), NULL);
  FILE *out = fopen(path, "w");
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
    if (strncmp(line, without, strlen(without)) != 0) fprintf(out, "%s\n", line);
  fclose(out);
  free(text);
}

static void test_other_data(void) {
  TrainOptions o = options(cdvm(), "other-data");
  o.stop_at = 4;
  train_ok(&o);
  o.resume = true;
  /* A test domain that is not there any more is another data set. */
  char path[600];
  snprintf(path, sizeof path, "%s/less.domains", support_path("synth"));
  write_domains(path, "mall");
  o.data = path;
  train_refused(&o, STATUS_INVALID, "its fingerprint of the data set is ");
  /* People of other names, in the same number. */
  SynthOptions s = {.dir = support_path("synth2"),
                    .seed = 2,
                    .domains = 4,
                    .train_ids = 7,
                    .test_ids = 2,
                    .cameras = 2,
                    .distractors = -1};
  CU_ASSERT_EQUAL_FATAL(synth_write(&s, NULL), STATUS_OK);
  shell_must("rm -f '%s'/*/bounding_box_train/0001_*", s.dir);
  o.data = train_file(s.dir, "synth.domains");
  train_refused(&o, STATUS_INVALID,
                "another run: class 0 of domain 'plaza' is 0001, in these data 0003");
  /* Without a domain of the plan: the schedule is shorter then, which is not what is wrong. */
  snprintf(path, sizeof path, "%s/none.domains", support_path("synth"));
  write_domains(path, "plaza");
  o.data = path;
  o.steps = 0;
  char *text;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "another run: it trained on domain 'plaza', which "));
  CU_ASSERT_PTR_NULL(strstr(text, "schedule"));
  free(text);
  o.data = data();
  train_ok(&o);
}

/* Images that were added make the schedule longer: the data are named, not --epochs. */
static void test_more_data(void) {
  const char *const defines[] = {"domains=plaza", "ids=6", "batch_ids=6", "epochs=12"};
  TrainOptions o =
      options(train_plan("epochs", "models/examples/cnn.xml", defines, 4), "more-data");
  o.stop_at = 4;
  train_ok(&o);
  o.resume = true;
  SynthOptions s = {.dir = support_path("synth3"),
                    .seed = 1,
                    .domains = 4,
                    .train_ids = 6,
                    .test_ids = 2,
                    .cameras = 6,
                    .distractors = -1};
  CU_ASSERT_EQUAL_FATAL(synth_write(&s, NULL), STATUS_OK);
  o.data = train_file(s.dir, "synth.domains");
  char *text;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_INVALID);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "its fingerprint of the data set is "));
  CU_ASSERT_PTR_NULL(strstr(text, "schedule"));
  if (strstr(text, "schedule")) printf("\n%s", text);
  free(text);
}

/* ---- starting from weights ---- */

static void test_init(void) {
  const char *plain = small_cdvm("plain", "encoders=off");
  TrainOptions first = options(plain, "plain"), second = options(cdvm(), "full");
  first.stop_at = 5;
  train_ok(&first);
  second.init = train_file(first.out, "checkpoint.safetensors");
  second.stop_at = 3;
  train_ok(&second);
  SafeFile *from, *begin;
  CU_ASSERT_EQUAL_FATAL(safe_read(second.init, NULL, &from), STATUS_OK);
  second.out = support_path("full0");
  second.stop_at = 1;
  train_ok(&second);
  CU_ASSERT_EQUAL_FATAL(
      safe_read(train_file(second.out, "checkpoint.safetensors.prev"), NULL, &begin), STATUS_OK);
  const char *same[] = {"stage3/global/conv1/weight", "stem/norm/running_mean", "neck/weight"};
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    const FileTensor *x = safe_find(from, same[i]), *y = safe_find(begin, same[i]);
    CU_ASSERT_EQUAL(memcmp(x->data, y->data, (size_t)x->count * sizeof(float)), 0);
  }
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(begin, "momentum:neck/weight"), 3), 0);
  safe_close(from);
  safe_close(begin);
  const char *wide = small_cdvm("wide", "width=16");
  TrainOptions o = options(wide, "wide");
  o.init = second.init;
  train_refused(&o, STATUS_INVALID,
                "tensor stem/conv/weight: error: has the shape (8, 3, 7, 7), the "
                "plan wants (16, 3, 7, 7); 3");
  o.init = support_path("no.safetensors");
  train_refused(&o, STATUS_INVALID, "no.safetensors: error: cannot read");
  o.init = data();
  train_refused(&o, STATUS_INVALID, "is neither a safetensors file nor");
  CU_ASSERT(!train_exists(train_file(o.out, "checkpoint.safetensors")));
}

/* ---- the examples ---- */

typedef struct Example {
  const char *name;
  const char *defines[8];
  const char *loss; /* its mean over the last 20 steps is less than `share` of the first 20's */
  double share;
  bool images; /* trains on the synthetic people */
} Example;

#define PLAZA "domains=plaza", "ids=6", "batch_ids=6"
static const Example examples[] = {
    {"mlp", {PLAZA, "steps=150"}, "train/loss", 0.5, true},
    {"cnn", {PLAZA, "epochs=70"}, "train/loss", 0.5, true},
    {"vit",
     {PLAZA, "epochs=150", "depth=2", "height=32", "image_width=16", "patch=4"},
     "train/loss",
     0.7,
     true},
    {"depthwise",
     {"epochs=70", "batch_ids=6", "batch_images=2", "height=32", "image_width=16"},
     "loss",
     0.7,
     true},
    {"maml", {NULL}, "loss", 0.8, false},
    {"reptile", {NULL}, "loss", 0.5, false},
    {"meta_weight", {"order=2"}, "loss", 0.5, false},
    {"hard_tasks", {"steps=3000"}, "loss", 0.6, false},
};

static void expect_learns(const char *model) {
  const Example *e = examples, *end = examples + sizeof examples / sizeof *examples;
  const char *name = strrchr(model, '/') + 1;
  size_t length = strcspn(name, ".");
  while (e < end && !(strlen(e->name) == length && memcmp(name, e->name, length) == 0)) e++;
  if (e == end) printf("\n%s: add what it learns from\n", model);
  CU_ASSERT_FATAL(e < end);
  uint32_t n = 0;
  while (e->defines[n]) n++;
  TrainOptions o = options(train_plan(e->name, model, e->defines, n), e->name);
  if (!e->images) o.data = NULL;
  train_ok(&o);
  int64_t steps = train_lines(train_file(o.out, "metrics.jsonl"));
  double before = train_mean(o.out, 0, 20, e->loss),
         after = train_mean(o.out, steps - 20, steps, e->loss);
  printf("%s%s: %.3g -> %.3g ", after < e->share * before ? "" : "\n", e->name, before, after);
  CU_ASSERT(after < e->share * before);
}

static void test_examples(void) {
  CU_ASSERT_EQUAL(support_each_model("models/examples/*.xml", expect_learns),
                  sizeof examples / sizeof *examples);
}

/* ---- data ---- */

static void test_bad_image(void) {
  SynthOptions s = {.dir = support_path("bad"),
                    .seed = 3,
                    .domains = 4,
                    .train_ids = 6,
                    .test_ids = 2,
                    .cameras = 2,
                    .distractors = -1};
  CU_ASSERT_EQUAL_FATAL(synth_write(&s, NULL), STATUS_OK);
  shell_must("for f in '%s'/campus/bounding_box_train/0003_*_01.jpg; do echo x >\"$f\"; done",
             s.dir);
  TrainOptions o = options(cdvm(), "bad-fatal");
  o.data = train_file(s.dir, "synth.domains");
  train_refused(&o, STATUS_INVALID, "campus/bounding_box_train/0003_");
  o.out = support_path("bad-skip");
  o.skip_bad_images = true;
  train_ok(&o);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 20);
}

/* A run that fails before its first step leaves nothing that a run would miss: the same folder
 * takes the next one, and nothing of the first stays. */
static void test_failed_at_once(void) {
  shell_must("cp -r '%s' '%s'; for f in '%s'/campus/bounding_box_train/*.jpg; do "
             "echo x >\"$f\"; done",
             support_path("synth"), support_path("all-bad"), support_path("all-bad"));
  TrainOptions o = options(cdvm(), "at-once");
  o.data = support_path("all-bad/synth.domains");
  train_refused(&o, STATUS_INVALID, "campus/bounding_box_train/");
  CU_ASSERT(train_exists(train_file(o.out, "checkpoint.safetensors")));
  o.data = data();
  o.seed = 8;
  o.stop_at = 2;
  o.checkpoint_every = 2;
  train_ok(&o);
  SafeFile *file;
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(o.out, "checkpoint.safetensors.prev"), NULL, &file),
                        STATUS_OK);
  CU_ASSERT_STRING_EQUAL(safe_metadata(file, "seed"), "8");
  safe_close(file);
  train_refused(&o, STATUS_INVALID, "the folder holds a run already");
}

static void test_misfit(void) {
  TrainOptions o = options(small_cdvm("more", "ids=6 6 5"), "misfit");
  train_refused(&o, STATUS_INVALID, "ids=6 6 6");
  CU_ASSERT(!train_exists(o.out));
  o.plan = train_plan("line", "models/examples/maml.xml", NULL, 0);
  o.stop_at = 2;
  char *text;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_OK); /* with a warning on stderr */
  free(text);
}

int main(void) {
  static const SupportTest tests[] = {
      {"threads, workers, runs: the same bits", test_same_bits},
      {"held-out domains", test_held_out},
      {"resumed: the same bits", test_resumed},
      {"kill -9 and resumed: the same bits", test_killed},
      {"learning rate 0", test_rate_zero},
      {"other data are refused", test_other_data},
      {"more data are named, not the schedule", test_more_data},
      {"a plain network's weights start CDVM", test_init},
      {"the examples learn", test_examples},
      {"an image that cannot be read", test_bad_image},
      {"a run that failed at once", test_failed_at_once},
      {"data that do not fit the plan", test_misfit},
  };
  return support_run("train on data", tests, sizeof tests / sizeof *tests);
}
