/* What the compiler must know about the kernels in this folder. */
#ifndef KERNELS_CPU_TARGET_H
#define KERNELS_CPU_TARGET_H

#include "graph/plan/target.h"

extern const Target target_cpu;

#endif
