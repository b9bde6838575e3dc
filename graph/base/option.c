/* Options as they are mistyped. */
#include "graph/base/option.h"

#include <string.h>

const char *option_single_dash(int argc, char **argv, const struct option *options) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (argv[i][0] != '-' || argv[i][1] == '-') continue;
    const char *name = argv[i] + 1;
    size_t length = strcspn(name, "=");
    if (length < 2) continue;
    for (const struct option *o = options; o->name; o++)
      if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) return argv[i];
    if ((length == 3 && strncmp(name, "out", 3) == 0) ||
        (length == 6 && strncmp(name, "output", 6) == 0))
      return argv[i];
  }
  return NULL;
}
