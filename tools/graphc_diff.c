/* graphc diff: arguments; the work is in compiler/diff.c. */
#include "tools/graphc_diff.h"

#include "compiler/diff.h"
#include "compiler/pipeline.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* A side and what it was made of. */
typedef struct Work {
  DiffSide side;
  const char **defines;
  Model *model;
  Plan *plan;
  Diag *diag;
} Work;

static Status observe(void *context, const char *pass, const Plan *plan, const PlanProgram *p) {
  Work *w = context;
  if (strcmp(pass, "partition") != 0) return STATUS_OK;
  return diff_collect(&w->side, plan, p, w->diag);
}

/* Those of both come first: a side's own win. */
static Status compile(const Args *args, const BuildOptions *build, const char *path,
                      const OptionList *own, Work *w) {
  uint32_t n = args->defines.n + own->n;
  w->defines = calloc((size_t)n + 1, sizeof *w->defines);
  if (!w->defines) return diag_no_memory(w->diag, n * sizeof *w->defines);
  for (uint32_t i = 0; i < args->defines.n; i++) w->defines[i] = args->defines.at[i];
  for (uint32_t i = 0; i < own->n; i++) w->defines[args->defines.n + i] = own->at[i];
  ModelOptions options = {.path = path,
                          .root = args->root,
                          .include_dirs = args->includes.at,
                          .n_include_dirs = args->includes.n,
                          .defines = w->defines,
                          .n_defines = n,
                          .sharers = build->local ? build->ranks : 1};
  TRY(model_load(&options, ops_table(), w->diag, &w->model));
  PipelineOptions pipeline = {.build = *build, .verify = true, .observer = observe, .context = w};
  TRY(pipeline_run(w->model, &pipeline, w->diag, &w->plan));
  w->side.path = path;
  w->side.model = w->model;
  w->side.plan = w->plan;
  return STATUS_OK;
}

static void release(Work *w) {
  diff_side_free(&w->side);
  pipeline_release(w->plan);
  if (w->model) model_destroy(w->model);
  free(w->defines);
}

static bool has_scope(const Plan *plan, const char *scope) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    if (scope_is_of(&plan->programs[i], scope)) return true;
  return false;
}

/* What is asked for must be in one of them. */
static Status check_view(const Args *args, const Work *a, const Work *b) {
  uint32_t unused;
  if (args->program && plan_program_find(b->plan, args->program) == UINT32_MAX)
    TRY(plan_program_require(a->plan, a->side.path, args->program, a->diag, &unused));
  if (!args->scope || has_scope(a->plan, args->scope) || has_scope(b->plan, args->scope))
    return STATUS_OK;
  return scope_unknown(a->plan->programs, a->plan->n_programs, args->scope, a->diag);
}

static Status compare(const Args *args, const Work *a, const Work *b) {
  ReportView view = {NULL, args->scope, (int)args->depth};
  Difference d;
  TRY(check_view(args, a, b));
  Status status = difference_find(&a->side, &b->side, &view, args->program, a->diag, &d);
  bool json = args->report && strcmp(args->report, "json") == 0;
  if (status == STATUS_OK)
    status = json ? difference_json(&d, stdout, a->diag) : difference_text(&d, stdout, a->diag);
  difference_free(&d);
  return status;
}

Status graphc_diff(const Args *args, const BuildOptions *build, const ParsedLine *line,
                   Diag *diag) {
  if (line->n_operands == 1 && !args->defines_a.n && !args->defines_b.n)
    return options_refuse(&graphc_table,
                          "graphc diff A.xml B.xml, or graphc diff A.xml -B NAME=VALUE",
                          "one model, and nothing that differs");
  Work a = {.diag = diag}, b = {.diag = diag};
  Status status = compile(args, build, line->operands[0], &args->defines_a, &a);
  if (status == STATUS_OK)
    status = compile(args, build, line->operands[line->n_operands - 1], &args->defines_b, &b);
  if (status == STATUS_OK) status = compare(args, &a, &b);
  release(&a);
  release(&b);
  return status;
}
