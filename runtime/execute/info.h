/* What is in a plan. */
#ifndef RUNTIME_EXECUTE_INFO_H
#define RUNTIME_EXECUTE_INFO_H

#include "graph/base/diag.h"

/* Reads and verifies the plan, then prints what it holds to standard output. */
Status info_run(const char *plan_path, Diag *diag);

#endif
