/* All passes, in order, and what each leaves:
 *
 *   read       graph/language   elements as written
 *   elaborate  graph/language   the closed model (model_load)
 *   build      build.c          states, and a graph of each program as it is written; a gradient or
 *                               pullback is differentiated where it stands (differentiate.c)
 *   simplify   simplify.c       the same values from fewer nodes
 *   partition  split.c          which values the ranks hold in parts (--ranks)
 *              partition.c      the program of one rank, with its collectives
 *              local.c          the same where ranks compute over their shares (--sync=local)
 *   order      fuse.c           groups: what one kernel computes
 *              schedule.c       their order
 *              buckets.c        collectives that travel together
 *              steps.c          steps, and a graph whose ids follow them
 *   streams    step_graph.c     what steps follow and how long they take
 *              streams.c        streams, for targets that have several
 *              waits.c          which step has run before which
 *   offsets    liveness.c       lives, aliases, results in place
 *              offset_search.c  where buffers lie
 *              offsets.c        offsets, and the plan's sums
 *              hazards.c        the waits that are needed
 *
 * After each from build on the verifier may run, and --dump-after shows the graph.  The design has
 * 15 passes; docs/decisions/passes.md says where the others are. */
#include "compiler/pipeline.h"

#include "compiler/inputs.h"
#include "compiler/layout.h"
#include "compiler/local.h"
#include "compiler/partition.h"
#include "compiler/simplify.h"
#include "compiler/streams.h"
#include "compiler/unread.h"
#include "graph/base/checked.h"
#include "ops/ops.h"
#include "ops/verify.h"

#include <stdlib.h>

const char *const pipeline_passes[] = {"build",   "simplify", "partition", "order",
                                       "streams", "offsets",  NULL};

/* States in order, each aligned; the same offsets for every program. */
static Status layout_states(Plan *plan, Diag *diag) {
  plan->state_offset = calloc((size_t)plan->n_states + 1, sizeof *plan->state_offset);
  if (!plan->state_offset) return diag_no_memory(diag, plan->n_states * sizeof(int64_t));
  int64_t at = 0;
  for (uint32_t i = 0; i < plan->n_states; i++) {
    plan->state_offset[i] = at;
    int64_t bytes =
        shape_count(&plan->states[i].shape) * (int64_t)dtype_size((DType)plan->states[i].dtype);
    at += target_align(plan->target, bytes);
    if (at > PLAN_ARENA_MAX)
      return diag_error(diag, STATUS_NO_FIT, plan_text(plan, plan->model_name),
                        "smaller shapes, or fewer parameters and state-fields",
                        "parameters and state take more than %.1f TB",
                        (double)PLAN_ARENA_MAX / 1e12);
  }
  plan->state_bytes = at;
  return STATUS_OK;
}

typedef struct Pipeline {
  const PipelineOptions *options;
  Plan *plan;
  const Sources *sources;
  Diag *diag;
} Pipeline;

static Status after(const Pipeline *p, const char *pass, const PlanProgram *program) {
  if (p->options->verify)
    TRY(verify_graph(program->graph, p->plan->states, p->plan->n_states, pass, p->diag));
  if (!p->options->observer) return STATUS_OK;
  return p->options->observer(p->options->context, pass, p->plan, program);
}

/* No sum of sizes below may overflow: those of all values of a program are bounded first. */
static Status check_sizes(const Pipeline *p, const PlanProgram *program) {
  const Graph *g = program->graph;
  const int64_t most = (int64_t)1 << 60;
  int64_t sum = p->plan->state_bytes, macs = 0;
  NodeId largest = 1;
  for (NodeId id = 1; id < g->n_nodes && sum < most; id++) {
    sum += target_align(p->plan->target, value_bytes(&g->nodes[id]));
    if (value_bytes(&g->nodes[id]) > value_bytes(&g->nodes[largest])) largest = id;
    if (!checked_add(macs, node_macs(g, id), &macs))
      return source_error(p->sources, g->symbols, p->diag, g->nodes[id].stamp.loc, STATUS_NO_FIT,
                          "smaller batches or shapes",
                          "program '%s' takes more than 2^63 multiply-adds, with this one",
                          plan_text(p->plan, program->name));
  }
  if (sum < most) return STATUS_OK;
  return source_error(p->sources, g->symbols, p->diag, g->nodes[largest].stamp.loc, STATUS_NO_FIT,
                      "this is the largest value",
                      "program '%s' is too large: its values take more than 2^60 bytes",
                      plan_text(p->plan, program->name));
}

static Status check_arena(const Pipeline *p, const PlanProgram *program) {
  int64_t bytes = p->plan->state_bytes + program->scratch_bytes;
  if (bytes <= PLAN_ARENA_MAX) return STATUS_OK;
  return diag_error(
      p->diag, STATUS_NO_FIT, plan_text(p->plan, p->plan->model_name), "smaller batches or shapes",
      "program '%s' needs %.1f TB, more than a plan can hold (%.1f TB)",
      plan_text(p->plan, program->name), (double)bytes / 1e12, (double)PLAN_ARENA_MAX / 1e12);
}

static Status compile_program(const Pipeline *p, PlanProgram *program) {
  TRY(inputs_declare(p->plan, program, p->sources, p->diag));
  TRY(after(p, "build", program));
  TRY(simplify(&program->graph, p->diag));
  TRY(after(p, "simplify", program));
  TRY(p->plan->local ? local_ranks(p->plan, program, p->sources, p->diag)
                     : partition(p->plan, program, p->sources, p->diag));
  TRY(after(p, "partition", program));
  TRY(check_sizes(p, program));
  Groups *groups;
  TRY(groups_fuse(program->graph, p->plan->target, p->diag, &groups));
  Status status = groups_schedule(groups, p->diag);
  if (status == STATUS_OK) status = groups_bucket(groups, p->diag);
  if (status == STATUS_OK) status = layout_steps(program, groups, p->diag);
  groups_destroy(groups);
  TRY(status);
  TRY(after(p, "order", program));
  TRY(streams_assign(p->plan, program, p->diag));
  TRY(after(p, "streams", program));
  TRY(layout_offsets(p->plan, program, p->diag));
  inputs_link(program);
  TRY(check_arena(p, program));
  return after(p, "offsets", program);
}

Status pipeline_finish(Plan *plan, const PipelineOptions *options, const Sources *sources,
                       Diag *diag) {
  Pipeline p = {options, plan, sources, diag};
  TRY(layout_states(plan, diag));
  TRY(partition_check(plan, sources, diag));
  for (uint32_t i = 0; i < plan->n_programs; i++) TRY(compile_program(&p, &plan->programs[i]));
  return options->verify ? verify_plan(plan, "plan", diag) : STATUS_OK;
}

Status pipeline_run(const Model *model, const PipelineOptions *options, Diag *diag,
                    Plan **out_plan) {
  *out_plan = NULL;
  Plan *plan;
  TRY(build_plan(model, &options->build, diag, &plan));
  Status status = pipeline_finish(plan, options, model->sources, diag);
  if (status == STATUS_OK) inputs_warn(model, plan, diag);
  /* Values that became inputs cut off what led to them, as was asked for. */
  if (status == STATUS_OK && !options->build.n_inputs) status = unread_warn(model, plan, diag);
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
