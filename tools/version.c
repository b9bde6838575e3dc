/* What a program was built from, and what it can use. */
#include "tools/version.h"

#include "graph/base/text.h"
#include "graph/plan/plan.h"
#include "kernels/targets.h"

#include <build.inc>
#include <revision.inc>

void version_print(FILE *out, const char *program, const char *libraries) {
  char targets[256];
  fprintf(out, "%s %s, plan version %d\n", program, BUILD_VERSION, PLAN_VERSION);
  fprintf(out, "revision    %s\n", BUILD_REVISION);
  fprintf(out, "compiler    %s\n", BUILD_COMPILER);
  fprintf(out, "targets     %s\n", target_names(targets_table(), targets, sizeof targets));
  fprintf(out, "libraries   %s\n", libraries);
}

const char *version_text(void) {
  return BUILD_VERSION ", revision " BUILD_REVISION;
}
