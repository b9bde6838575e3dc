/* Pass build: from the closed model to one graph for each program.
 *
 * Values are built in document order; gradients and pullbacks are differentiated where they stand
 * (differentiate.h), so passes at updated parameters and the meta step need nothing special: they
 * are ordinary nodes. */
#ifndef COMPILER_BUILD_H
#define COMPILER_BUILD_H

#include "graph/language/model.h"
#include "graph/plan/plan.h"

typedef struct BuildOptions {
  const Precision *precision; /* what `float` means: a row of precision_table */
  uint32_t shards;
  uint32_t ranks;          /* 1: no batch is shared */
  bool local;              /* ranks compute over their shares alone (--sync=local) */
  const Target *target;    /* what will run the plan; must outlive it */
  const char *const *keep; /* GLOBs: further values that can be fetched */
  uint32_t n_keep;
  const char *const *inputs; /* GLOBs: values that become inputs */
  uint32_t n_inputs;
} BuildOptions;

/* Builds states, programs (graphs only: no steps, no offsets), schedules and training data of a
 * plan. Errors are collected over all programs.  The plan uses the model's symbols without owning
 * them. */
Status build_plan(const Model *model, const BuildOptions *options, Diag *diag, Plan **out_plan);

#endif
