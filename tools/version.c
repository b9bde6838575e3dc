/* What a program was built from. */
#include "tools/version.h"

#include "graph/plan/plan.h"

void version_print_graphc(FILE *out) {
  fprintf(out, "graphc 1, plan version %d\n", PLAN_VERSION);
}

void version_print_graphrun(FILE *out) {
  fprintf(out, "graphrun 1, plan version %d\n", PLAN_VERSION);
}
