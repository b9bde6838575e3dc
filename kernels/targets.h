/* The targets of this program: those of each kernels/NAME/target.c, found when it is built. */
#ifndef KERNELS_TARGETS_H
#define KERNELS_TARGETS_H

#include "graph/plan/target.h"

const TargetTable *targets_table(void);

#endif
