/* graphc diff: two models, or one under two settings. */
#ifndef TOOLS_GRAPHC_DIFF_H
#define TOOLS_GRAPHC_DIFF_H

#include "compiler/build.h"
#include "tools/graphc_options.h"

/* Compiles both as `build` says and prints what differs. */
Status graphc_diff(const Args *args, const BuildOptions *build, const ParsedLine *line, Diag *diag);

#endif
