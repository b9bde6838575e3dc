/* The list is CMake's: each line `const Target target_NAME = ` of a kernels/MACHINE/target.c. */
#include "kernels/targets.h"

#include "kernels/kernel.h"

#include <stdio.h>
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

/* Compute capability by ten: of `cuda-sm86` and `sm_86` 86, of `cuda-8.6` too; 0: there is none. */
static int capability(const char *name) {
  int n = 0, digits = 0;
  for (; *name && digits < 4; name++)
    if (*name >= '0' && *name <= '9') {
      n = 10 * n + *name - '0';
      digits++;
    } else if (digits && *name != '.') {
      break;
    }
  return digits >= 2 ? n : 0;
}

/* The newest target that is no newer than the GPU. */
static const Target *target_for(int gpu) {
  const Target *best = NULL;
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    int own = capability(all[i]->name);
    if (own && own <= gpu && (!best || own > capability(best->name))) best = all[i];
  }
  return best;
}

const char *targets_hint(const char *name, char *text, size_t size) {
  const char *names[sizeof all / sizeof *all];
  size_t n = sizeof all / sizeof *all;
  for (size_t i = 0; i < n; i++) names[i] = all[i]->name;
  bool gpu = strcasestr(name, "cuda") || strcasestr(name, "sm") || strcasestr(name, "gpu");
  const Target *target = gpu ? target_for(capability(name)) : NULL;
  const char *near = diag_nearest(name, names, n);
  if (target)
    snprintf(
        text, size,
        "--target=%s; a plan of any of the cuda targets runs on every GPU of compute capability "
        "8.0 or newer",
        target->name);
  else if (gpu && capability(name))
    snprintf(text, size,
             "GPUs from compute capability 8.0 on run plans, such as --target=cuda-sm80");
  else if (near && !strcasestr(name, "gpu")) /* which is near to cpu */
    snprintf(text, size, "did you mean --target=%s?", near);
  else if (gpu)
    snprintf(text, size, "--target=cuda-sm80 runs on every GPU of compute capability 8.0 or newer");
  else
    snprintf(text, size, "graphc --help lists them; a plug-in's file has a slash in its name");
  return text;
}

bool backend_runs(const Backend *backend, const Target *target) {
  if (strcmp(backend->target->name, target->name) == 0) return true;
  for (const Target *const *other = backend->others; other && *other; other++)
    if (strcmp((*other)->name, target->name) == 0) return true;
  return false;
}
