/* What is in a file of weights. */
#ifndef RUNTIME_EXECUTE_INFO_WEIGHTS_H
#define RUNTIME_EXECUTE_INFO_WEIGHTS_H

#include "runtime/execute/weights.h"

/* True when the file is not a plan by its first byte: those are XML. */
bool info_weights_recognise(const char *path);
/* Prints each tensor: type, shape, hash of its bytes, name. */
Status info_weights_run(const char *path, Diag *diag);
/* Prints what training would take of start->path, a line for each state and tensor. */
Status info_start_run(const char *plan_path, const WeightsStart *start, Diag *diag);

#endif
