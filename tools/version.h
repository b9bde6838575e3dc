/* `--version`. */
#ifndef TOOLS_VERSION_H
#define TOOLS_VERSION_H

#include <stdio.h>

void version_print_graphc(FILE *out);
void version_print_graphrun(FILE *out);

#endif
