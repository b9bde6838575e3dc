/* Whole numbers that a training step reads and reports: exactly, or not at all. */
#include "tests/runtime/train/train_test.h"

/* One training program that reads NAME of the type and reports it; `more` behind the program. */
static const char *count_plan(const char *file, const char *name, const char *dtype,
                              const char *more) {
  char text[1024], path[64];
  snprintf(text, sizeof text,
           "<model name='%s' xmlns='urn:graphc:model:1'><program name='p' kind='train'>"
           "<input name='%s' dtype='%s'/><state name='n'/><commit state='n' value='n + 1'/>"
           "<output name='shown' value='%s'/></program>"
           "<training steps='4' warmup-steps='0'/>%s</model>",
           file, name, dtype, name, more);
  snprintf(path, sizeof path, "%s.xml", file);
  return train_plan(file, support_write(path, text), NULL, 0);
}

/* The last line of metrics.jsonl holds `what`. */
static void expect_shown(const char *folder, const char *what) {
  size_t size;
  char *text = train_read(train_file(folder, "metrics.jsonl"), &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  if (!strstr(text, what)) printf("\nexpected: %s\nwritten: %s", what, text);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, what));
  free(text);
}

/* A double holds none of these numbers. */
static void test_exact_outputs(void) {
  TrainOptions o = {.plan = count_plan("seed64", "seed", "i64", ""),
                    .out = support_path("seed64"),
                    .seed = INT64_MAX};
  train_ok(&o);
  expect_shown(o.out, "\"shown\":9223372036854775807}");
  o.out = support_path("seed64-odd");
  o.seed = ((uint64_t)1 << 53) + 1;
  train_ok(&o);
  expect_shown(o.out, "\"shown\":9007199254740993}");
}

static void test_counts_that_do_not_fit(void) {
  static const struct {
    const char *dtype;
    uint64_t most;
  } types[] = {{"i32", INT32_MAX}, {"f32", 1 << 24}, {"bool", 1}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    char what[160], out[32];
    snprintf(out, sizeof out, "seed%zu", i);
    TrainOptions o = {.plan = count_plan("seed", "seed", types[i].dtype, ""),
                      .out = support_path(out),
                      .seed = types[i].most + 1};
    snprintf(what, sizeof what,
             "the seed %llu does not fit into the input 'seed' of program 'p', %s",
             (unsigned long long)o.seed, types[i].dtype);
    train_refused(&o, STATUS_INVALID, what);
    o.seed--;
    train_ok(&o);
  }
  TrainOptions o = {.plan = count_plan("step", "step", "bool", ""), .out = support_path("step")};
  train_refused(&o, STATUS_INVALID,
                "the last step 3 does not fit into the input 'step' of program 'p', bool");
}

static void test_schedules(void) {
  static const struct {
    const char *dtype, *value, *what;
  } bad[] = {
      {"i32", "step / 2",
       "schedule 'k' at step 1: the value 0.5 is no whole number, and its input "
       "is i32\nhint: floor(x) and round(x) make whole numbers\n"},
      {"i32", "2147483646 + step", "at step 2: the value 2147483648 does not fit into 32 bits"},
      {"i64", "9007199254740990 + step", "at step 2: the value 9007199254740992 is too large"},
      {"bool", "step", "at step 2: the value 2 is no bool, which is 0 or 1"},
      {"float", "1e38 * 4 ^ step", "at step 1: the value 4e+38 is too large for f32"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char schedule[128], out[32];
    snprintf(out, sizeof out, "schedule%zu", i);
    snprintf(schedule, sizeof schedule, "<schedule name='k' value='%s'/>", bad[i].value);
    TrainOptions o = {.plan = count_plan("schedule", "k", bad[i].dtype, schedule),
                      .out = support_path(out)};
    train_refused(&o, STATUS_INVALID, bad[i].what);
  }
  TrainOptions o = {
      .plan = count_plan("floor", "k", "i32", "<schedule name='k' value='floor(step / 2)'/>"),
      .out = support_path("floor")};
  train_ok(&o);
  expect_shown(o.out, "{\"step\":3,\"program\":\"p\",\"k\":1,\"shown\":1}");
}

int main(void) {
  static const SupportTest tests[] = {{"outputs", test_exact_outputs},
                                      {"seed and step", test_counts_that_do_not_fit},
                                      {"schedules", test_schedules}};
  return support_run("whole numbers", tests, sizeof tests / sizeof *tests);
}
