/* `graphrun eval` and its pictures: from arguments to what runtime/pictures takes. */
#ifndef TOOLS_GRAPHRUN_PICTURES_H
#define TOOLS_GRAPHRUN_PICTURES_H

#include "runtime/eval/evaluate.h"
#include "tools/graphrun_options.h"

/* Evaluates, or draws what --visualize names. */
Status graphrun_eval(const Args *args, const EvalOptions *eval, Diag *diag);

#endif
