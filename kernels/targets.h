/* The targets of this program: those of each kernels/NAME/target.c, found when it is built. */
#ifndef KERNELS_TARGETS_H
#define KERNELS_TARGETS_H

#include "graph/plan/target.h"

#include <stddef.h>

const TargetTable *targets_table(void);
/* What was meant by a name that is none of them: a near one, or the one for such a GPU. */
const char *targets_hint(const char *name, char *text, size_t size);

#endif
