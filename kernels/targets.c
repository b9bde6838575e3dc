/* The list is CMake's: kernels/NAME/target.c defines `const Target target_NAME`. */
#include "kernels/targets.h"

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
