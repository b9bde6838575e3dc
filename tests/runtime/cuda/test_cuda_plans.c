/* Every program of the examples on the device `cuda`, launched one by one and captured, in several
 * orders, against the CPU; compiled texts on disk. */
#include "tests/cuda/plan_lab.h"

#include <unistd.h>

/* An example in the size that tests/oracle/NAME.defs gives it, where there is one. */
static void check_example(const char *path) {
  const char *name = strrchr(path, '/') + 1;
  char defines[256];
  snprintf(defines, sizeof defines, "@tests/oracle/%.*s.defs", (int)strcspn(name, "."), name);
  plan_lab_check(path, (const char *const[]){defines}, access(defines + 1, R_OK) == 0,
                 (PlanCase){"f64", 1e-10, false});
}

static void examples(void) {
  CU_ASSERT(support_each_model("models/examples/*.xml", check_example) >= 8);
}

/* Runs a plan with a folder for compiled texts; how many were compiled. */
static uint64_t compiled_with(const Plan *plan, const char *folder) {
  CusimReport report;
  setenv("GRAPHC_CUDA_CACHE", folder, 1);
  cuda_lab_begin(&(CusimOptions){.devices = 1, .print = true, .fast = true});
  PlanValues *v = plan_lab_values(plan, &device_cuda, (DeviceWishes){0}, 1);
  CU_ASSERT(cuda_lab_end_report("cache", &report));
  plan_values_free(v);
  unsetenv("GRAPHC_CUDA_CACHE");
  return report.of[CUDA_CALL_nvrtcCompileProgram];
}

/* Compiled texts are kept; a damaged file is compiled anew, and a folder that cannot be is no
 * error. */
static void texts_are_kept(void) {
  if (cuda_lab_real()) return;
  Compiled c = plan_lab_compile("models/examples/mlp.xml", NULL, 0, "f32", &target_cuda_sm90, 1);
  const char *folder = support_path("deep/er/cache");
  char pattern[600];
  uint64_t all = compiled_with(c.plan, folder);
  CU_ASSERT_FATAL(all > 0);
  CU_ASSERT_EQUAL(compiled_with(c.plan, folder), 0);
  glob_t found;
  snprintf(pattern, sizeof pattern, "%s/*.cubin", folder);
  CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &found), 0);
  CU_ASSERT_EQUAL(found.gl_pathc, all);
  FILE *file = fopen(found.gl_pathv[0], "r+");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fseek(file, 100, SEEK_SET);
  fputs("damaged", file);
  fclose(file);
  CU_ASSERT_EQUAL(truncate(found.gl_pathv[all - 1], 3), 0);
  CU_ASSERT_EQUAL(compiled_with(c.plan, folder), all > 1 ? 2 : 1);
  CU_ASSERT_EQUAL(compiled_with(c.plan, folder), 0);
  CU_ASSERT_EQUAL(compiled_with(c.plan, "/dev/null/cache"), all);
  CU_ASSERT_EQUAL(compiled_with(c.plan, ""), all);
  globfree(&found);
  support_release(&c);
}

int main(void) {
  static const SupportTest tests[] = {{"examples", examples},
                                      {"compiled texts are kept", texts_are_kept}};
  return support_run("cuda plans", tests, sizeof tests / sizeof *tests);
}
