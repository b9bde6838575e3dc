/* The training loop: what it writes, how it resumes, what it refuses, how it ends. */
#include "tests/runtime/train/train_test.h"

#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

/* A line y = 3 x by gradient descent with momentum; `rate` as a schedule. */
static const char *line_model(const char *name, const char *rate) {
  char text[2048];
  snprintf(text, sizeof text,
           "<model name='%s' xmlns='urn:graphc:model:1'>"
           "<param name='unused' type='int' value='1'/>"
           "<program name='step' kind='train'>"
           "<input name='lr'/>"
           "<random name='x' shape='32 1'/>"
           "<parameter name='slope' shape='1'/>"
           "<state name='steps' shape='1' dtype='i64'/>"
           "<constant name='one' values='1' shape='1' dtype='i64'/>"
           "<expr name='loss' value='mean(square(slope * x - 3 * x))'/>"
           "<gradient name='G' of='loss'/>"
           "<global-norm name='norm' of='G'/>"
           "<state-field name='momentum'/>"
           "<field name='next' value='0.5 * momentum + G'/>"
           "<commit field='momentum' value='next'/>"
           "<commit field='theta' value='theta - lr * next'/>"
           "<add name='more' in='steps' with='one'/>"
           "<commit state='steps' value='more'/>"
           "<output value='loss'/><output value='norm'/>"
           "</program>"
           "<training steps='60' warmup-steps='0'/>"
           "<schedule name='lr' value='%s'/></model>",
           name, rate);
  char file[64];
  snprintf(file, sizeof file, "%s.xml", name);
  return support_write(file, text);
}

static const char *line_plan(void) {
  static const char *path;
  if (path) return path;
  path = strdup(train_plan("line", line_model("line", "0.1"), NULL, 0));
  return path;
}

/* ---- what is written ---- */

static void test_outputs(void) {
  TrainOptions o = {.plan = line_plan(), .out = support_path("outputs"), .seed = 3};
  train_ok(&o);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), 60);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "times.jsonl")), 60);
  CU_ASSERT(train_mean(o.out, 55, 60, "loss") < 1e-3 * train_mean(o.out, 0, 5, "loss"));
  FILE *in = fopen(train_file(o.out, "metrics.jsonl"), "r");
  char line[512];
  for (int step = 0; fgets(line, sizeof line, in); step++) {
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    CU_ASSERT_EQUAL(json_object_size(object), 5);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(object, "step")), step);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(object, "program")), "step");
    CU_ASSERT_EQUAL(json_real_value(json_object_get(object, "lr")), 0.1);
    CU_ASSERT(json_number_value(json_object_get(object, "norm")) >= 0);
    json_decref(object);
  }
  fclose(in);
  SafeFile *file;
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(o.out, "checkpoint.safetensors"), NULL, &file),
                        STATUS_OK);
  static const char *const meta[][2] = {{"format", "graphc checkpoint 1"},
                                        {"model", "line"},
                                        {"precision", "f32"},
                                        {"total_steps", "60"},
                                        {"warmup_steps", "0"},
                                        {"seed", "3"},
                                        {"step", "60"}};
  for (size_t i = 0; i < sizeof meta / sizeof *meta; i++) {
    const char *value = safe_metadata(file, meta[i][0]);
    CU_ASSERT_PTR_NOT_NULL_FATAL(value);
    CU_ASSERT_STRING_EQUAL(value, meta[i][1]);
  }
  CU_ASSERT_EQUAL(strlen(safe_metadata(file, "model_hash")), 16);
  CU_ASSERT_EQUAL(safe_count(file), 3);
  CU_ASSERT_DOUBLE_EQUAL(file_tensor_get(safe_find(file, "slope"), 0), 3, 1e-3);
  CU_ASSERT_PTR_NOT_NULL(safe_find(file, "momentum:slope"));
  CU_ASSERT_EQUAL(file_tensor_get(safe_find(file, "steps"), 0), 60);
  safe_close(file);
  CU_ASSERT(train_exists(train_file(o.out, "checkpoint.safetensors.prev")));
}

/* A number of a line reads back as the float that the step computed: from slope 0 the momentum of
 * the first step is minus the gradient's norm. */
static void test_round_trip(void) {
  for (uint64_t seed = 1; seed <= 8; seed++) {
    char name[32];
    snprintf(name, sizeof name, "round%d", (int)seed);
    TrainOptions o = {.plan = line_plan(), .out = support_path(name), .stop_at = 1, .seed = seed};
    train_ok(&o);
    SafeFile *file;
    CU_ASSERT_EQUAL_FATAL(safe_read(train_file(o.out, "checkpoint.safetensors"), NULL, &file),
                          STATUS_OK);
    float momentum = (float)file_tensor_get(safe_find(file, "momentum:slope"), 0);
    CU_ASSERT_EQUAL((float)train_metric(o.out, 0, "norm"), -momentum);
    safe_close(file);
  }
}

/* ---- resuming ---- */

static void test_resume(void) {
  TrainOptions whole = {.plan = line_plan(), .out = support_path("whole"), .seed = 3};
  TrainOptions parts = {.plan = line_plan(), .out = support_path("parts"), .seed = 3};
  train_ok(&whole);
  parts.stop_at = 7;
  train_ok(&parts);
  CU_ASSERT_EQUAL(train_lines(train_file(parts.out, "metrics.jsonl")), 7);
  CU_ASSERT(!train_same_file(train_file(whole.out, "checkpoint.safetensors"),
                             train_file(parts.out, "checkpoint.safetensors")));
  parts.resume = true;
  parts.stop_at = 31;
  parts.threads = 2;
  train_ok(&parts);
  parts.stop_at = 0;
  train_ok(&parts);
  train_same(whole.out, parts.out);
  CU_ASSERT_EQUAL(train_lines(train_file(parts.out, "times.jsonl")), 60);
  train_ok(&parts); /* nothing left to do */
  train_same(whole.out, parts.out);
}

/* Lines of steps after the checkpoint, and one that was not finished, go. */
static void test_cut_back(void) {
  TrainOptions whole = {.plan = line_plan(), .out = support_path("whole2"), .seed = 4};
  TrainOptions cut = {.plan = line_plan(), .out = support_path("cut"), .seed = 4, .stop_at = 20};
  train_ok(&whole);
  train_ok(&cut);
  static const char *const names[] = {"metrics.jsonl", "times.jsonl"};
  for (int i = 0; i < 2; i++) {
    FILE *out = fopen(train_file(cut.out, names[i]), "a");
    for (int step = 20; step < 33; step++)
      fprintf(out, "{\"step\":%d,\"program\":\"step\",\"lr\":9}\n", step);
    fprintf(out, "{\"step\":33,\"pro");
    fclose(out);
  }
  cut.resume = true;
  cut.stop_at = 0;
  train_ok(&cut);
  train_same(whole.out, cut.out);
  CU_ASSERT_EQUAL(train_lines(train_file(cut.out, "times.jsonl")), 60);
}

/* kill -9 again and again, also while a checkpoint is written (one follows every step). */
static void test_killed(void) {
  static const char *const defines[] = {"steps=120"};
  const char *plan = train_plan("maml", "models/examples/maml.xml", defines, 1);
  TrainOptions whole = {.plan = plan, .out = support_path("maml-whole"), .seed = 5};
  TrainOptions o = {.plan = plan, .out = support_path("maml-killed"), .seed = 5};
  o.checkpoint_every = 1;
  o.threads = 2;
  train_ok(&whole);
  int kills = 0, code = -SIGKILL;
  for (int attempt = 0; attempt < 400 && code == -SIGKILL; attempt++) {
    o.resume = train_exists(train_file(o.out, "checkpoint.safetensors"));
    pid_t child = train_fork(&o);
    train_sleep(0.004 + 0.0031 * (attempt % 12) + 0.001 * attempt);
    kill(child, SIGKILL);
    code = train_wait(child);
    kills += code == -SIGKILL;
  }
  CU_ASSERT_EQUAL(code, 0);
  CU_ASSERT(kills > 2);
  train_same(whole.out, o.out);
}

static void expect_refused_resume(const TrainOptions *options, const char *what) {
  const char *checkpoint = train_file(options->out, "checkpoint.safetensors");
  const char *copy = support_path("copy.safetensors");
  size_t size = 0;
  char *before = train_read(checkpoint, &size);
  FILE *out = fopen(copy, "wb");
  CU_ASSERT_EQUAL(fwrite(before, 1, size, out), size);
  fclose(out);
  free(before);
  int64_t lines = train_lines(train_file(options->out, "metrics.jsonl"));
  train_refused(options, STATUS_INVALID, what);
  CU_ASSERT(train_same_file(checkpoint, copy));
  CU_ASSERT_EQUAL(train_lines(train_file(options->out, "metrics.jsonl")), lines);
}

static void test_refuses_to_resume(void) {
  const char *out = support_path("refuses");
  TrainOptions o = {.plan = line_plan(), .out = out, .seed = 3, .stop_at = 10};
  train_ok(&o);
  o.resume = true;
  TrainOptions other = o;
  other.seed = 4;
  expect_refused_resume(&other, "checkpoint.safetensors: error: another run: its seed is 3, of "
                                "this run 4\nhint: give the --seed that the run began with");
  other = o;
  other.steps = 80;
  expect_refused_resume(&other, "its length of the schedule is 60, of this run 80");
  other = o;
  other.plan = train_plan("other", line_model("other", "0.1"), NULL, 0);
  expect_refused_resume(&other, "its model is line, of this run other");
  static const char *const defines[] = {"unused=2"};
  other = o;
  other.plan = train_plan("line2", line_model("line", "0.2"), defines, 1);
  expect_refused_resume(&other, "its parameter 'unused' is '1', of this run '2'");
  other = o;
  other.init = train_file(out, "checkpoint.safetensors");
  train_refused(&other, STATUS_USAGE, "--init begins a run, --resume goes on");
  other = o;
  other.resume = false;
  train_refused(&other, STATUS_INVALID,
                "refuses: error: the folder holds a run already (checkpoint.safetensors)\n"
                "hint: --resume goes on with it; or give another --out");
  other = o;
  other.out = support_path("nothing-here");
  train_refused(&other, STATUS_INVALID, "there is no checkpoint to resume from");
  CU_ASSERT(!train_exists(other.out));
  train_ok(&(TrainOptions){.plan = o.plan, .out = out, .seed = 3, .resume = true});
}

static void test_damaged_checkpoint(void) {
  TrainOptions o = {.plan = line_plan(), .out = support_path("damaged"), .stop_at = 10};
  train_ok(&o);
  o.resume = true;
  const char *path = train_file(o.out, "checkpoint.safetensors");
  size_t size = 0;
  char *bytes = train_read(path, &size);
  for (size_t cut = 0; cut < size; cut += size / 9 + 1) {
    FILE *out = fopen(path, "wb");
    CU_ASSERT_EQUAL(fwrite(bytes, 1, cut, out), cut);
    fclose(out);
    train_refused(&o, STATUS_INVALID, "checkpoint.safetensors");
  }
  free(bytes);
  CU_ASSERT_EQUAL(rename(train_file(o.out, "checkpoint.safetensors.prev"), path), 0);
  o.stop_at = 0;
  train_ok(&o); /* from the one before */
}

/* ---- ends before its time ---- */

static void test_signal(void) {
  static const char *const defines[] = {"steps=100000"};
  const char *plan = train_plan("long", "models/examples/maml.xml", defines, 1);
  TrainOptions o = {.plan = plan, .out = support_path("signalled"), .seed = 5};
  pid_t child = train_fork(&o);
  train_await(o.out, 5);
  kill(child, SIGTERM);
  CU_ASSERT_EQUAL(train_wait(child), STATUS_SYSTEM);
  int64_t steps = train_lines(train_file(o.out, "metrics.jsonl"));
  CU_ASSERT(steps >= 5 && steps < 100000);
  SafeFile *file;
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(o.out, "checkpoint.safetensors"), NULL, &file),
                        STATUS_OK);
  CU_ASSERT_EQUAL(strtoll(safe_metadata(file, "step"), NULL, 10), steps);
  safe_close(file);
  TrainOptions whole = o;
  whole.out = support_path("unsignalled");
  whole.stop_at = o.stop_at = steps + 9;
  o.resume = true;
  train_ok(&o);
  train_ok(&whole);
  train_same(o.out, whole.out);
}

/* The rate grows tenfold each step: the loss overflows. Nothing of that step is written. */
static void test_not_finite(void) {
  const char *plan = train_plan("grows", line_model("grows", "10 ^ step"), NULL, 0);
  TrainOptions o = {.plan = plan, .out = support_path("grows"), .checkpoint_every = 4};
  char *text;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_SYSTEM);
  int64_t steps = train_lines(train_file(o.out, "metrics.jsonl"));
  CU_ASSERT(steps > 4 && steps < 20);
  char want[256];
  snprintf(want, sizeof want, "grows.plan.xml: error: step %d, program 'step': '", (int)steps);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, ") is infinite\nhint: "));
  snprintf(want, sizeof want, "the checkpoint of step %d is whole", (int)(steps / 4 * 4));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, want));
  free(text);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "times.jsonl")), steps);
  /* As the hint says. */
  o.resume = true;
  o.stop_at = steps;
  train_ok(&o);
  o.stop_at = 0;
  CU_ASSERT_EQUAL(train_with(&o, &text), STATUS_SYSTEM);
  free(text);
  CU_ASSERT_EQUAL(train_lines(train_file(o.out, "metrics.jsonl")), steps);
}

/* Whatever lies between a value that is no number and the loss, and whether or not it may overwrite
 * its operand: training ends. */
static void test_no_number(void) {
  static const char *const between[] = {
      "<sin name='t' in='n'/><matmul name='y' in='t' with='x'/>",
      "<cos name='t' in='n'/><matmul name='y' in='t' with='x'/>",
      "<expr name='y' value='abs(n)'/>",
      "<expr name='y' value='sign(n)'/>",
      "<relu name='y' in='n'/>",
      "<leaky-relu name='y' in='n'/>",
      "<clamp name='y' in='n' low='zero' high='one'/>",
      "<expr name='y' value='n ^ 0.5'/>",
      "<sigmoid name='y' in='n'/>",
      "<softmax name='y' in='n'/>",
      "<reshape name='map' in='n' shape='1 4 4 1'/><max-pool name='y' in='map' kernel='2' "
      "stride='2'/>",
      "<reshape name='map' in='n' shape='1 4 4 1'/><gem name='y' in='map'/>",
      "<pair-hinge name='y' in='n'/>",
      "<spread-hinge name='y' in='n'/>",
      "<reduce-max name='y' in='n' axis='1'/>"};
  char model[1500], out[32];
  for (size_t i = 0; i < sizeof between / sizeof *between; i++) {
    snprintf(model, sizeof model,
             "<model name='none' xmlns='urn:graphc:model:1'><program name='step' kind='train'>"
             "<random name='x' shape='4 4'/><parameter name='w' shape='4 4' value='1'/>"
             "<constant name='zero' values='0'/><constant name='one' values='1'/>"
             "<matmul name='a' in='x' with='w'/><stop-gradient name='b' in='a'/>"
             "<expr name='log' value='log(0.3 - abs(x))'/><matmul name='n' in='log' with='x'/>%s"
             "<expr name='loss' value='mean(square(a)) + 0.001 * mean(y)'/>"
             "<gradient name='G' of='loss'/><commit field='theta' value='theta - 0.01 * G'/>"
             "<output value='loss'/></program><training steps='3' warmup-steps='0'/></model>",
             between[i]);
    const char *path = support_write("none.xml", model);
    snprintf(out, sizeof out, "none-%zu", i);
    TrainOptions o = {.plan = train_plan("none", path, NULL, 0), .out = support_path(out)};
    char *text = NULL;
    bool ends = train_with(&o, &text) == STATUS_SYSTEM &&
                strstr(text, "'loss' (none.xml:1) is not a number");
    if (!ends) printf("\n  a value that is no number vanished in %s\n", between[i]);
    CU_ASSERT(ends);
    free(text);
  }
}

/* No output shows it: the checkpoint that would hold it is not written. */
static void test_not_finite_state(void) {
  const char *model =
      support_write("hidden.xml", "<model name='hidden' xmlns='urn:graphc:model:1'>"
                                  "<program name='step' kind='train'>"
                                  "<parameter name='w' shape='3' value='1'/>"
                                  "<commit field='theta' value='1e5 * theta'/>"
                                  "</program><training steps='20' warmup-steps='0'/></model>");
  TrainOptions o = {.plan = train_plan("hidden", model, NULL, 0),
                    .out = support_path("hidden"),
                    .checkpoint_every = 5};
  train_refused(&o, STATUS_SYSTEM, "after step 9 'w' is not finite; no checkpoint is written");
  SafeFile *file;
  CU_ASSERT_EQUAL_FATAL(safe_read(train_file(o.out, "checkpoint.safetensors"), NULL, &file),
                        STATUS_OK);
  CU_ASSERT_STRING_EQUAL(safe_metadata(file, "step"), "5");
  safe_close(file);
}

/* Messages name the plan's file, and what in it. */
static void test_places(void) {
  const char *plan = train_plan("divides", line_model("divides", "0 / (65 - step)"), NULL, 0);
  TrainOptions o = {.plan = plan, .out = support_path("divides"), .steps = 100};
  train_refused(&o, STATUS_INVALID, "divides.plan.xml: error: schedule 'lr' at step 65: division");
  const char *model =
      support_write("born.xml", "<model name='born' xmlns='urn:graphc:model:1'>"
                                "<program name='step' kind='train'>"
                                "<parameter name='bad' shape='100' init='normal' spread='3e38'/>"
                                "<commit field='theta' value='0.5 * theta'/></program>"
                                "<training warmup-steps='0'/></model>");
  o = (TrainOptions){.plan = train_plan("born", model, NULL, 0), .out = support_path("born")};
  train_refused(&o, STATUS_SYSTEM,
                "born.plan.xml: error: 'bad' is not finite before the first step");
  /* a hint names a parameter that this model has, or the place */
  static const char long_start[] =
      "<model name='long' xmlns='urn:graphc:model:1'><param name='w' type='int' value='9'/>"
      "<program name='step' kind='train'><parameter name='a' shape='2'/>"
      "<commit field='theta' value='0.5 * theta'/></program><training steps='9' ";
  static const char *const warmups[][2] = {
      {"warmup-steps='${w}'/></model>", "hint: train longer, or -D w=N\n"},
      {"warmup-steps='9'/></model>", "hint: train longer, or warmup-steps=\"N\" in <training> ("}};
  for (int i = 0; i < 2; i++) {
    char text[600];
    snprintf(text, sizeof text, "%s%s", long_start, warmups[i][0]);
    o = (TrainOptions){.plan = train_plan("long", support_write("long.xml", text), NULL, 0),
                       .out = support_path("long")};
    train_refused(&o, STATUS_INVALID, warmups[i][1]);
  }
}

/* A disk that is full when the checkpoint is written, by a limit on the size of files. */
static void test_full_disk(void) {
  static const char *const defines[] = {"steps=40"};
  const char *plan = train_plan("full", "models/examples/maml.xml", defines, 1);
  TrainOptions o = {.plan = plan, .out = support_path("full"), .checkpoint_every = 10};
  TrainOptions whole = o;
  whole.out = support_path("not-full");
  train_ok(&whole);
  o.stop_at = 10;
  train_ok(&o);
  const char *checkpoint = train_file(o.out, "checkpoint.safetensors");
  size_t size = 0;
  free(train_read(checkpoint, &size));
  struct rlimit old, less;
  CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &old), 0);
  less = old;
  less.rlim_cur = size / 2;
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &less), 0);
  o.resume = true;
  o.stop_at = 0;
  char *text;
  Status status = train_with(&o, &text);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &old), 0);
  CU_ASSERT_EQUAL(status, STATUS_SYSTEM);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "checkpoint.safetensors: error: cannot write: "));
  free(text);
  CU_ASSERT(!train_exists(train_file(o.out, "checkpoint.safetensors.tmp")));
  SafeFile *file;
  CU_ASSERT_EQUAL_FATAL(safe_read(checkpoint, NULL, &file), STATUS_OK);
  CU_ASSERT_STRING_EQUAL(safe_metadata(file, "step"), "10");
  safe_close(file);
  train_ok(&o);
  train_same(o.out, whole.out);
}

/* ---- folders ---- */

static void test_folders(void) {
  const char *file = support_write("a-file", "x");
  TrainOptions o = {.plan = line_plan(), .out = file, .stop_at = 1};
  train_refused(&o, STATUS_SYSTEM, "a-file: error: is no folder");
  o.out = train_file(file, "below");
  train_refused(&o, STATUS_SYSTEM, "cannot make the folder: ");
  o.out = "/proc/graphc";
  train_refused(&o, STATUS_SYSTEM, "/proc/graphc: error: cannot make the folder: ");
  if (geteuid() != 0) { /* to root no folder is read-only */
    o.out = support_path("read-only");
    CU_ASSERT_EQUAL(mkdir(o.out, 0555), 0);
    train_refused(&o, STATUS_SYSTEM, "metrics.jsonl: error: cannot write: Permission denied");
  }
  o.out = support_path("a/b/c");
  train_ok(&o);
  CU_ASSERT(train_exists(train_file(o.out, "checkpoint.safetensors")));
  o.plan = support_path("no.plan.xml");
  o.out = support_path("never");
  train_refused(&o, STATUS_INVALID, "no.plan.xml");
  CU_ASSERT(!train_exists(o.out));
}

/* Two processes must not write one folder. */
static void test_locked(void) {
  static const char *const defines[] = {"steps=100000"};
  const char *plan = train_plan("lock", "models/examples/maml.xml", defines, 1);
  TrainOptions o = {.plan = plan, .out = support_path("locked")};
  pid_t child = train_fork(&o);
  train_await(o.out, 5);
  o.resume = true;
  train_refused(&o, STATUS_SYSTEM, "locked: error: another process trains into this folder");
  kill(child, SIGKILL);
  CU_ASSERT_EQUAL(train_wait(child), -SIGKILL);
  o.stop_at = 6;
  train_ok(&o);
}

/* ---- options that do not fit ---- */

static void test_usage(void) {
  TrainOptions o = {.plan = line_plan(), .out = support_path("usage"), .steps = 3, .epochs = 3};
  train_refused(&o, STATUS_USAGE, "--steps and --epochs");
  o = (TrainOptions){.plan = line_plan()};
  train_refused(&o, STATUS_USAGE, "train needs --out=DIR");
  const char *mlp = train_plan("mlp", "models/examples/mlp.xml", NULL, 0);
  o = (TrainOptions){.plan = mlp, .out = support_path("usage")};
  train_refused(&o, STATUS_USAGE, "the model trains on images, and --data is not given");
  o.data = support_path("no-data");
  train_refused(&o, STATUS_INVALID, "no-data");
  CU_ASSERT(!train_exists(o.out));
  static const struct {
    const char *body, *message;
  } models[] = {
      {"<program name='p' kind='evaluate'><constant name='y' values='1'/><output value='y'/>"
       "</program>",
       "the model has no program to train with"},
      {"<program name='a' kind='train'><constant name='y' values='1'/><output value='y'/></program>"
       "<program name='b' kind='train'><constant name='y' values='1'/><output value='y'/></program>"
       "<training steps='3' warmup-steps='0'/>",
       "the model has 2 training programs ('a', 'b', ...)"},
      {"<program name='a' kind='train'><input name='wind'/><output value='wind'/></program>"
       "<training steps='3' warmup-steps='0'/>",
       "nothing supplies the input 'wind'"},
  };
  for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
    char text[1024];
    snprintf(text, sizeof text, "<model name='m' xmlns='urn:graphc:model:1'>%s</model>",
             models[i].body);
    o = (TrainOptions){.plan = train_plan("m", support_write("m.xml", text), NULL, 0),
                       .out = support_path("usage"),
                       .steps = 2};
    train_refused(&o, STATUS_INVALID, models[i].message);
    o.steps = 0; /* a missing length of the schedule is not what is wrong first */
    train_refused(&o, STATUS_INVALID, models[i].message);
  }
}

int main(void) {
  static const SupportTest tests[] = {
      {"metrics, times, checkpoint", test_outputs},
      {"numbers read back", test_round_trip},
      {"resumed or not: the same bits", test_resume},
      {"metrics are cut back to the checkpoint", test_cut_back},
      {"kill -9 at any time", test_killed},
      {"another run is not resumed", test_refuses_to_resume},
      {"a damaged checkpoint is refused", test_damaged_checkpoint},
      {"SIGTERM ends after the step", test_signal},
      {"a loss that overflows", test_not_finite},
      {"a value that is no number", test_no_number},
      {"a state that overflows", test_not_finite_state},
      {"places of messages", test_places},
      {"full disk", test_full_disk},
      {"folders", test_folders},
      {"one process a folder", test_locked},
      {"what does not fit", test_usage},
  };
  return support_run("train", tests, sizeof tests / sizeof *tests);
}
