/* A quarter of the cases of the oracle: see run.h. */
#include "tests/oracle/run.h"

static void test_cases(void) {
  oracle_run(3);
}

int main(void) {
  static const SupportTest tests[] = {{"CDVM against PyTorch", test_cases}};
  return support_run("oracle 3", tests, 1);
}
