/* graphc diff: arguments; the work is in compiler/diff.c. */
#include "tools/graphc_diff.h"

#include "compiler/diff.h"
#include "compiler/pipeline.h"
#include "graph/base/text.h"
#include "graph/draw/draw.h"
#include "graph/plan/scopes.h"
#include "ops/ops.h"

#include <limits.h>
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

/* The first pair that differs; else the first. */
static const DiffProgram *drawn(const Difference *d) {
  const DiffProgram *found = NULL;
  for (uint32_t i = 0; i < d->n_programs; i++) {
    const DiffProgram *p = &d->programs[i];
    if (p->a && p->b && (!found || (found->alike && !p->alike))) found = p;
  }
  return found;
}

/* The second model, with what the first has not. */
static Status draw(const Args *args, const Difference *d, Diag *diag) {
  const DiffProgram *p = drawn(d);
  size_t n = strcspn(args->emit, ":");
  char format[8], path[PATH_MAX], legend[400];
  text_format(format, sizeof format, "%.*s", (int)n, args->emit);
  if (!p)
    return diag_error(diag, STATUS_INVALID, "--emit", NULL,
                      "no program of the one can be compared with one of the other");
  if (strlen(args->emit + n) >= sizeof path)
    return diag_error(diag, STATUS_SYSTEM, "--emit", NULL, "the path is too long");
  text_format(path, sizeof path, args->emit[n] ? "%s" : "diff.%s",
              args->emit[n] ? args->emit + n + 1 : format);
  text_format(legend, sizeof legend, "in this model only, or not alike in %s", d->a->path);
  uint8_t *marks;
  TRY(diff_marks(d->b, p->b, d->a, p->a, diag, &marks));
  DrawOptions options = {.format = format,
                         .view = {.scope = args->scope, .depth = (int)args->depth},
                         .marks = marks,
                         .marked = legend};
  Status status = draw_program(d->b->plan, p->b, ops_table(), &options, path, diag);
  free(marks);
  bool json = args->report && strcmp(args->report, "json") == 0;
  if (status == STATUS_OK && strcmp(path, "-") != 0 && !json)
    printf("\n%s shows '%s' of B; what only A has is seen with the models the other way round\n",
           path, plan_text(d->b->plan, p->b->name));
  return status;
}

/* As text or JSON, unless standard output is for the picture. */
static Status print(const Args *args, const Difference *d, Diag *diag) {
  const char *path = args->emit ? strchr(args->emit, ':') : NULL;
  if (path && strcmp(path, ":-") == 0) return STATUS_OK;
  bool json = args->report && strcmp(args->report, "json") == 0;
  return json ? difference_json(d, stdout, diag) : difference_text(d, stdout, diag);
}

static Status compare(const Args *args, const Work *a, const Work *b) {
  ReportView view = {NULL, args->scope, (int)args->depth};
  Difference d;
  TRY(check_view(args, a, b));
  Status status = difference_find(&a->side, &b->side, &view, args->program, a->diag, &d);
  if (status == STATUS_OK) status = print(args, &d, a->diag);
  if (status == STATUS_OK && args->emit) status = draw(args, &d, a->diag);
  difference_free(&d);
  return status;
}

Status graphc_diff(const Args *args, const BuildOptions *build, const ParsedLine *line,
                   Diag *diag) {
  if (line->n_operands == 1 && !args->defines_a.n && !args->defines_b.n)
    return options_refuse(&graphc_table,
                          "graphc diff A.xml B.xml, or graphc diff A.xml -B NAME=VALUE",
                          "one model, and nothing that differs");
  bool json = args->report && strcmp(args->report, "json") == 0;
  if (args->emit && (strncmp(args->emit, "text", 4) == 0 || strncmp(args->emit, "html", 4) == 0))
    return options_refuse(&graphc_table, NULL, "a difference is drawn as dot, svg, png or pdf");
  if (json && args->emit && !strchr(args->emit, ':'))
    return options_refuse(&graphc_table, "--emit=FORMAT:FILE",
                          "--report=json and a picture: name the picture's file");
  Work a = {.diag = diag}, b = {.diag = diag};
  Status status = compile(args, build, line->operands[0], &args->defines_a, &a);
  if (status == STATUS_OK)
    status = compile(args, build, line->operands[line->n_operands - 1], &args->defines_b, &b);
  if (status == STATUS_OK) status = compare(args, &a, &b);
  release(&a);
  release(&b);
  return status;
}
