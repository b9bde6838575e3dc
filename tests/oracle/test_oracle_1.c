/* A quarter of the cases of the oracle: see run.h. */
#include "tests/oracle/run.h"

static void test_cases(void) {
  oracle_run(1);
}

int main(void) {
  static const SupportTest tests[] = {{"CDVM against PyTorch", test_cases}};
  return support_run("oracle 1", tests, 1);
}
