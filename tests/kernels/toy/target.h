/* A target that differs from the CPU's in every fact; the CPU's kernels can serve it. */
#ifndef TESTS_KERNELS_TOY_TARGET_H
#define TESTS_KERNELS_TOY_TARGET_H

#include "graph/plan/target.h"

extern const Target target_toy;

#endif
