/* The inputs lr, inner_lr and lambda over a training, against the schedule written out in Python.
 */
#include "tests/oracle/compare.h"

static double scheduled(const Schedule *s, const double *values, const char *name) {
  for (uint32_t i = 0; i < s->plan->n_schedules; i++)
    if (strcmp(plan_text(s->plan, s->plan->schedules[i].name), name) == 0) return values[i];
  return NAN;
}

static void compare_row(const json_t *row) {
  static const char *const names[3] = {"lr", "inner_lr", "lambda"};
  const char *defines[32];
  const json_t *list = json_object_get(row, "defines");
  uint32_t n = 0;
  for (; n < json_array_size(list) && n < 32; n++)
    defines[n] = json_string_value(json_array_get(list, n));
  Compiled c = support_compile(ORACLE_MODEL, defines, n, DTYPE_F64);
  if (c.status != STATUS_OK) diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  int64_t images = json_integer_value(json_object_get(row, "images"));
  int64_t batch = c.plan->sampler.batch_ids * c.plan->sampler.batch_images;
  Schedule s;
  Status status =
      schedule_create(c.plan, 0, 0, images / (batch * c.plan->training.n_domains), c.diag, &s);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  CU_ASSERT_EQUAL(s.total_steps, json_integer_value(json_object_get(row, "total")));
  CU_ASSERT_EQUAL(s.warmup_steps, json_integer_value(json_object_get(row, "warmup")));
  Arena *scratch = arena_create();
  CU_ASSERT_PTR_NOT_NULL_FATAL(scratch);
  const json_t *steps = json_object_get(row, "steps"), *values = json_object_get(row, "values");
  for (size_t i = 0; i < json_array_size(steps); i++) {
    double at[16];
    CU_ASSERT_FATAL(c.plan->n_schedules <= 16);
    status = schedule_at(&s, json_integer_value(json_array_get(steps, i)), scratch, at, c.diag);
    CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
    for (size_t k = 0; k < 3; k++) {
      double expected = json_number_value(json_array_get(json_array_get(values, i), k));
      CU_ASSERT_DOUBLE_EQUAL(scheduled(&s, at, names[k]), expected, 1e-14);
    }
  }
  arena_destroy(scratch);
  support_release(&c);
}

static void test_schedule(void) {
  Oracle o = oracle_open();
  CU_ASSERT_TRUE(json_array_size(o.schedules) > 10);
  for (size_t i = 0; i < json_array_size(o.schedules); i++)
    compare_row(json_array_get(o.schedules, i));
  oracle_close(&o);
}

int main(void) {
  static const SupportTest tests[] = {{"schedule", test_schedule}};
  return support_run("oracle: schedule", tests, 1);
}
