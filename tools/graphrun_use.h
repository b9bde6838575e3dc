/* Commands that use a trained model. */
#ifndef TOOLS_GRAPHRUN_USE_H
#define TOOLS_GRAPHRUN_USE_H

#include "graph/base/diag.h"
#include "runtime/use/use.h"
#include "tools/graphrun_options.h"

/* Runs `command` with what all of them take. */
Status graphrun_use(const Args *args, uint32_t command, const UseOptions *use, Diag *diag);

#endif
