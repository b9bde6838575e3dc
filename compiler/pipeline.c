/* All passes, in order.  1 read XML and 2 elaborate are model_load (graph/). */
#include "compiler/pipeline.h"

#include "compiler/layout.h"
#include "compiler/simplify.h"
#include "ops/verify.h"

#include <stdlib.h>

const char *const pipeline_passes[] = {"build", "simplify", "order", "offsets", NULL};

/* States in order, each aligned; the same offsets for every program. */
static Status layout_states(Plan *plan, Diag *diag) {
  plan->state_offset = calloc((size_t)plan->n_states + 1, sizeof *plan->state_offset);
  if (!plan->state_offset) return diag_no_memory(diag, plan->n_states * sizeof(int64_t));
  int64_t at = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    plan->state_offset[i] = at;
    int64_t bytes =
        shape_count(&plan->states[i].shape) * (int64_t)dtype_size((DType)plan->states[i].dtype);
    at += plan_align(bytes);
  }
  plan->state_bytes = at;
  return STATUS_OK;
}

typedef struct Pipeline {
  const PipelineOptions *options;
  Plan *plan;
  Diag *diag;
} Pipeline;

static Status after(const Pipeline *p, const char *pass, const PlanProgram *program) {
  if (p->options->verify)
    TRY(verify_graph(program->graph, p->plan->states, p->plan->n_states, pass, p->diag));
  if (!p->options->observer) return STATUS_OK;
  return p->options->observer(p->options->context, pass, p->plan, program);
}

static Status compile_program(const Pipeline *p, PlanProgram *program) {
  TRY(after(p, "build", program));
  TRY(simplify(&program->graph, p->diag));
  TRY(after(p, "simplify", program));
  Units *units;
  TRY(units_fuse(program->graph, p->diag, &units));
  Status status = units_schedule(units, p->diag);
  if (status == STATUS_OK) status = layout_steps(program, units, p->diag);
  units_destroy(units);
  TRY(status);
  TRY(after(p, "order", program));
  TRY(layout_offsets(p->plan, program, p->diag));
  return after(p, "offsets", program);
}

Status pipeline_run(const Model *model, const PipelineOptions *options, Diag *diag,
                    Plan **out_plan) {
  *out_plan = NULL;
  Plan *plan;
  TRY(build_plan(model, &options->build, diag, &plan));
  Pipeline p = {options, plan, diag};
  Status status = layout_states(plan, diag);
  for (uint32_t i = 0; status == STATUS_OK && i < plan->n_programs; i++)
    status = compile_program(&p, &plan->programs[i]);
  if (status == STATUS_OK && options->verify) status = verify_plan(plan, "plan", diag);
  if (status != STATUS_OK) {
    pipeline_release(plan);
    return status;
  }
  *out_plan = plan;
  return STATUS_OK;
}

void pipeline_release(Plan *plan) {
  if (!plan) return;
  plan->symbols = NULL; /* the model's */
  plan_destroy(plan);
}
