/* The passes in order: from a closed model to a complete plan. */
#ifndef COMPILER_PIPELINE_H
#define COMPILER_PIPELINE_H

#include "compiler/build.h"

/* Called after each pass of each program with the graph as it stands (--dump-after, --emit
 * --after). `pass` is one of pipeline_passes. */
typedef Status (*PipelineObserver)(void *context, const char *pass, const Plan *plan,
                                   const PlanProgram *program);

typedef struct PipelineOptions {
  BuildOptions build;
  bool verify;               /* run the verifier after every pass */
  PipelineObserver observer; /* may be NULL */
  void *context;
} PipelineOptions;

/* Names of the passes, in order; ends with NULL. */
extern const char *const pipeline_passes[];

/* The plan uses the model's symbols: release it with pipeline_release, before the model. */
Status pipeline_run(const Model *model, const PipelineOptions *options, Diag *diag,
                    Plan **out_plan);

/* All passes after the build pass, on a plan that has its states and each program's graph.
 * `sources` may be NULL. */
Status pipeline_finish(Plan *plan, const PipelineOptions *options, const Sources *sources,
                       Diag *diag);

/* Destroys a plan that shares the model's symbols. */
void pipeline_release(Plan *plan);

#endif
