/* `--version`. */
#ifndef TOOLS_VERSION_H
#define TOOLS_VERSION_H

#include <stdio.h>

/* Release, plan version, revision, compiler, targets; `libraries` is the list of the program. */
void version_print(FILE *out, const char *program, const char *libraries);
/* Release and revision on one line. */
const char *version_text(void);

#endif
