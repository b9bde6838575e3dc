/* The list is CMake's: each line `const Target target_NAME = ` of a kernels/MACHINE/target.c. */
#include "kernels/targets.h"

#include "kernels/kernel.h"

#include <string.h>

#define TARGET(NAME) extern const Target target_##NAME;
#include <targets.inc>
#undef TARGET

#define TARGET(NAME) &target_##NAME,
static const Target *const all[] = {
#include <targets.inc>
};

const TargetTable *targets_table(void) {
  static const TargetTable table = {all, sizeof all / sizeof *all, "this program knows"};
  return &table;
}

bool backend_runs(const Backend *backend, const Target *target) {
  if (strcmp(backend->target->name, target->name) == 0) return true;
  for (const Target *const *other = backend->others; other && *other; other++)
    if (strcmp((*other)->name, target->name) == 0) return true;
  return false;
}
