/* Every program of the small CDVM on the device `cuda`, of first and second order, launched one by
 * one and captured, in several orders, against the CPU. */
#include "tests/cuda/plan_lab.h"

static const char *const small[] = {"width=8",     "height=32", "image_width=16",
                                    "batch_ids=2", "ids=8 8 8", "order=1"};

static void cdvm(void) {
  plan_lab_check("models/cdvm_small.xml", small, 5, (PlanCase){"f64", 1e-6, true});
  plan_lab_check("models/cdvm_small.xml", small, 6, (PlanCase){"f64", 1e-6, true});
}

int main(void) {
  static const SupportTest tests[] = {{"the small CDVM", cdvm}};
  return support_run("cuda cdvm", tests, sizeof tests / sizeof *tests);
}
