/* graphc: compiles a model to a plan.  Arguments only; the work is in graph/ and compiler/. */
#include "compiler/budget.h"
#include "compiler/page.h"
#include "compiler/peak.h"
#include "compiler/pipeline.h"
#include "compiler/report.h"
#include "compiler/where.h"
#include "graph/base/meter.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/plan/dump.h"
#include "graph/plan/scopes.h"
#include "graph/plan/suggest.h"
#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"
#include "runtime/device/plugin.h"
#include "tools/graphc_diff.h"
#include "tools/graphc_draw.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* What is made of the arguments. */
typedef struct Job {
  Args args;
  ModelOptions model;
  BuildOptions build;
  int64_t memory; /* 0: any */
  Meter *meter;   /* how far compiling is */
  Where *where;   /* NULL: no line is asked for */
  Diag *diag;
} Job;

static Status usage_error(const char *format, const char *what) {
  char text[512];
  text_format(text, sizeof text, format, what);
  return options_refuse(&graphc_table, NULL, "%s", text);
}

/* A target of this program, or that of a device which is a plug-in. */
static Status take_target(Job *j) {
  char names[256], hint[160];
  const char *value = j->args.target;
  const DeviceTable *device;
  if (strchr(value, '/')) {
    TRY(device_plugin_load(value, j->diag, &device));
    j->build.target = device->backend->target;
    return STATUS_OK;
  }
  j->build.target = target_find(targets_table(), value);
  if (j->build.target) return STATUS_OK;
  return options_refuse(&graphc_table, targets_hint(value, hint, sizeof hint),
                        "--target is one of: %s; or the file of a plug-in, with a slash; not '%s'",
                        target_names(targets_table(), names, sizeof names), value);
}

static bool is_format(const char *emit) {
  static const char *const formats[] = {"dot", "svg", "png", "pdf", "html", "text"};
  size_t n = strcspn(emit, ":");
  for (size_t i = 0; i < 6; i++)
    if (strlen(formats[i]) == n && strncmp(formats[i], emit, n) == 0) return true;
  return false;
}

/* The plan's file, taken for the picture's: a page of XML named x.png serves nobody. */
static Status check_output(const Args *a) {
  size_t n = a->emit ? strcspn(a->emit, ":") : 0, length = a->output ? strlen(a->output) : 0;
  if (!n || length <= n || a->output[length - n - 1] != '.' ||
      strncmp(a->output + length - n, a->emit, n) != 0)
    return STATUS_OK;
  char text[160];
  snprintf(text, sizeof text,
           "-o names the plan; the file of --emit stands behind it: --emit=%.*s:%%s", (int)n,
           a->emit);
  return usage_error(text, a->output);
}

/* What the plan is for. */
static Status take_build_options(Job *j) {
  const Args *a = &j->args;
  j->build = (BuildOptions){.precision = precision_find(a->precision),
                            .shards = (uint32_t)a->shards,
                            .ranks = (uint32_t)a->ranks,
                            .local = strcmp(a->sync, "local") == 0,
                            .keep = a->keep.at,
                            .n_keep = a->keep.n,
                            .inputs = a->inputs.at,
                            .n_inputs = a->inputs.n};
  if (a->memory && !budget_parse(a->memory, &j->memory)) {
    char near[32], hint[64];
    bool found = budget_suggest(a->memory, near, sizeof near);
    if (found) text_format(hint, sizeof hint, "did you mean --memory=%s?", near);
    return options_refuse(&graphc_table, found ? hint : NULL,
                          "--memory is a number of bytes such as 80G or 40Gi, not '%s'", a->memory);
  }
  return take_target(j);
}

/* What is asked for one thing alone does nothing else. */
static Status check_alone(const Args *a) {
  const struct {
    bool given;
    const char *name;
  } alone[] = {{a->schema, "--schema"},
               {a->manual, "--manual"},
               {a->params, "--params"},
               {a->expand, "--expand"}},
    others[] = {{a->check, "--check"},
                {a->report, "--report"},
                {a->explain_peak, "--explain-peak"},
                {a->where, "--where"},
                {a->emit, "--emit"},
                {a->dump_after, "--dump-after"},
                {a->memory, "--memory"},
                {a->output && !a->expand, "-o"}};
  const char *first = NULL, *second = NULL;
  for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
    if (alone[i].given) *(first ? &second : &first) = alone[i].name;
  for (size_t i = 0; i < sizeof others / sizeof *others && first && !second; i++)
    if (others[i].given) second = others[i].name;
  if (!first || !second) return STATUS_OK;
  return options_refuse(&graphc_table, "give one of them",
                        "%s prints what it says and no more is done: what is %s for?", first,
                        second);
}

static bool is_page(const Args *a) {
  return a->emit && strncmp(a->emit, "html", 4) == 0;
}

/* A picture and a text in one stream are neither. */
static Status check_standard(const Args *a) {
  const char *file = a->emit ? strchr(a->emit, ':') : NULL;
  if (!file || strcmp(file, ":-") != 0) return STATUS_OK;
  const char *other = a->report         ? "--report"
                      : a->explain_peak ? "--explain-peak"
                      : a->where        ? "--where"
                      : a->dump_after   ? "--dump-after"
                                        : NULL;
  if (!other) return STATUS_OK;
  return options_refuse(&graphc_table, "name a file: --emit=FORMAT:FILE",
                        "--emit=%s and %s would both go to standard output", a->emit, other);
}

/* An option that nothing given listens to would be a silent mistake. */
static Status check_page(const Args *a) {
  if (!is_page(a)) return STATUS_OK;
  if (a->after || a->color)
    return usage_error("--%s says how one picture is drawn, and --emit=html shows the plan whole",
                       a->after ? "after" : "color");
  if ((a->scope || a->depth) && !a->report && !a->explain_peak && !a->dump_after)
    return usage_error("--%s: --emit=html shows all scopes, each opens by a click",
                       a->scope ? "scope" : "depth");
  return STATUS_OK;
}

static Status check_shown(const Args *a) {
  bool picture = a->emit && strncmp(a->emit, "text", 4) != 0;
  bool told = a->report || a->explain_peak;
  if (a->scope && !a->emit && !told && !a->dump_after)
    return usage_error("--scope=%s says what --emit, --report, --explain-peak or --dump-after "
                       "shows: give one",
                       a->scope);
  if (a->program && !a->emit && !told && !a->where && !a->dump_after && !a->check)
    return usage_error("--program=%s says what --emit, --report, --explain-peak, --where or "
                       "--dump-after shows: give one",
                       a->program);
  if (a->depth && !picture && !told)
    return usage_error("%s", "--depth says what --report, --explain-peak or a picture of --emit "
                             "shows: give one");
  if (a->report && a->explain_peak &&
      (strcmp(a->report, "json") == 0 || strcmp(a->explain_peak, "json") == 0))
    return usage_error("%s", "--report and --explain-peak as JSON are two documents: ask for one");
  if (a->color && !picture)
    return usage_error("--color=%s says how a picture of --emit is filled: give one", a->color);
  if (a->where && a->explain_peak)
    return usage_error("%s", "--where and --explain-peak are two questions: ask one");
  if (a->after && !a->emit)
    return usage_error("--after=%s says what --emit shows, and it is not given", a->after);
  return STATUS_OK;
}

/* What the table of options cannot say of them. */
static Status take_options(Job *j, const ParsedLine *line) {
  const Args *a = &j->args;
  TRY(take_build_options(j));
  if (a->emit && !is_format(a->emit))
    return usage_error("--emit is dot, svg, png, pdf, html or text, not '%s'", a->emit);
  if (a->emit && a->emit[strlen(a->emit) - 1] == ':')
    return usage_error("--emit=%s has no file behind its colon", a->emit);
  if (a->check && a->output)
    return usage_error("--check writes nothing: what is -o '%s' for?", a->output);
  j->model = (ModelOptions){.path = line->n_operands ? line->operands[0] : NULL,
                            .root = a->root,
                            .defines = a->defines.at,
                            .n_defines = a->defines.n,
                            .include_dirs = a->includes.at,
                            .n_include_dirs = a->includes.n,
                            .sharers = j->build.local ? j->build.ranks : 1};
  if (line->command->bit == DIFF) return STATUS_OK;
  TRY(check_output(a));
  TRY(check_alone(a));
  TRY(check_page(a));
  TRY(check_standard(a));
  return check_shown(a);
}

static bool told(const Job *j) {
  return j->args.report || j->args.explain_peak || j->args.where;
}

/* ---- observer: dumps and pictures of passes in the middle ---- */

static bool chosen(const Job *j, const Plan *plan, const PlanProgram *p) {
  if (j->args.program) return strcmp(j->args.program, plan_text(plan, p->name)) == 0;
  return p == plan->programs;
}

/* What --emit says: a format, and a file, which is named after the model unless it is said. */
static Status split_emit(const Job *j, const Plan *plan, char format[8], char path[PATH_MAX]) {
  size_t n = strcspn(j->args.emit, ":");
  snprintf(format, 8, "%.*s", (int)n, j->args.emit);
  if (strlen(j->args.emit + n) >= PATH_MAX)
    return diag_error(j->diag, STATUS_SYSTEM, "--emit", NULL, "the path is too long");
  if (j->args.emit[n])
    snprintf(path, PATH_MAX, "%s", j->args.emit + n + 1);
  else
    snprintf(path, PATH_MAX, "%s.%s", plan_text(plan, plan->model_name),
             strcmp(format, "text") == 0 ? "txt" : format);
  return STATUS_OK;
}

static Status emit_page(const Job *j, const Plan *plan, const PlanProgram *program) {
  char format[8], path[PATH_MAX];
  TRY(split_emit(j, plan, format, path));
  Meter *meter = meter_start("drawing", "nodes", 0);
  PageOptions options = {.meter = meter, .source = j->model.path, .program = program};
  Status status = model_page_write(plan, &options, path, j->diag);
  meter_end(meter);
  return status;
}

static Status emit(const Job *j, const Plan *plan, const PlanProgram *p) {
  char format[8], path[PATH_MAX];
  TRY(split_emit(j, plan, format, path));
  if (strcmp(format, "text") != 0) {
    TRY(graphc_draw(&j->args, plan, p, format, path, j->diag));
    if (!j->args.program && plan->n_programs > 1 && strcmp(path, "-") != 0 && !told(j))
      printf("%s shows '%s', the first of %u programs; --program=P picks another\n", path,
             plan_text(plan, p->name), plan->n_programs);
    return STATUS_OK;
  }
  if (j->args.scope && !scope_is_of(p, j->args.scope))
    return scope_unknown(p, 1, j->args.scope, j->diag);
  bool standard = strcmp(path, "-") == 0;
  FILE *out = standard ? stdout : fopen(path, "w");
  if (!out)
    return diag_error(j->diag, STATUS_SYSTEM, path, NULL, "cannot create: %s", strerror(errno));
  Status status = dump_program(p, ops_table(), j->args.scope, out);
  if ((standard ? fflush(out) : fclose(out)) != 0 || status != STATUS_OK)
    return diag_error(j->diag, STATUS_SYSTEM, standard ? "standard output" : path, NULL,
                      "cannot write: %s", strerror(errno));
  return STATUS_OK;
}

static void note_pass(const Job *j, const Plan *plan) {
  uint32_t n = 0;
  while (pipeline_passes[n]) n++;
  meter_expect(j->meter, (int64_t)n * plan->n_programs);
  meter_add(j->meter, 1);
}

static Status observe(void *context, const char *pass, const Plan *plan, const PlanProgram *p) {
  const Job *j = context;
  note_pass(j, plan);
  if (j->args.dump_after || j->args.emit) meter_clear(j->meter); /* they may print */
  if (j->where && strcmp(pass, "build") == 0) TRY(where_built(j->where, p, j->diag));
  if (j->args.dump_after && strcmp(j->args.dump_after, pass) == 0 &&
      (!j->args.program || chosen(j, plan, p)))
    TRY(dump_program(p, ops_table(), j->args.scope, stdout));
  const char *after = j->args.after ? j->args.after : "offsets";
  bool draws = j->args.emit && !is_page(&j->args);
  if (draws && strcmp(after, pass) == 0 && chosen(j, plan, p)) TRY(emit(j, plan, p));
  return STATUS_OK;
}

/* ---- the work ---- */

static bool names_states(const Plan *plan, const char *glob) {
  for (uint32_t i = 0; i < plan->n_states; i++)
    if (fnmatch(glob, plan_text(plan, plan->states[i].name), 0) == 0) return true;
  return false;
}

static bool keeps(const Plan *plan, const char *glob) {
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    const Graph *g = plan->programs[k].graph;
    for (uint32_t i = 0; i < g->n_outputs; i++)
      if (fnmatch(glob, graph_text(g, g->outputs[i].name), 0) == 0) return true;
  }
  return false;
}

static bool reads(const Plan *plan, const char *glob) {
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    const PlanProgram *p = &plan->programs[k];
    for (uint32_t i = 0; i < p->n_inputs; i++)
      if (p->inputs[i].node && fnmatch(glob, plan_text(plan, p->inputs[i].name), 0) == 0)
        return true;
  }
  return false;
}

static void warn_glob(const Job *j, const Plan *plan, const char *option, const char *what,
                      const char *glob) {
  char near[300], hint[400] = "graphc --emit=text shows the names of values";
  if (value_suggest(plan->programs, plan->n_programs, glob, near, sizeof near) ||
      value_nearest(plan->programs, plan->n_programs, glob, near, sizeof near))
    text_format(hint, sizeof hint, "did you mean '%s'?", near);
  diag_warning(j->diag, option, hint, "%s named '%s'", what, glob);
}

/* An option for many models may fit none of this one's values; a misspelt one should be seen. */
static void warn_unused(const Job *j, const Plan *plan) {
  for (uint32_t i = 0; i < j->build.n_keep; i++)
    if (!keeps(plan, j->build.keep[i]))
      warn_glob(j, plan, "--keep",
                names_states(plan, j->build.keep[i])
                    ? "nothing is kept: only parameters and states, which exec writes anyway, are"
                    : "no value of the model is",
                j->build.keep[i]);
  for (uint32_t i = 0; i < j->build.n_inputs; i++)
    if (!reads(plan, j->build.inputs[i]))
      warn_glob(j, plan, "--input", "no value that a program reads is", j->build.inputs[i]);
}

static Status write_result(const Job *j, const Plan *plan) {
  const char *base = strrchr(j->model.path, '/');
  base = base ? base + 1 : j->model.path;
  size_t n = strlen(base);
  if (n > 4 && strcmp(base + n - 4, ".xml") == 0) n -= 4;
  char path[4096];
  snprintf(path, sizeof path, "%.*s.plan.xml", (int)n, base);
  const char *output = j->args.output ? j->args.output : path;
  TRY(plan_write(plan, ops_table(), output, j->diag));
  if (!told(j)) {
    report_summary(plan, stdout);
    printf("\nplan        %s\n", output);
  }
  return STATUS_OK;
}

static Status report(const Job *j, const Plan *plan, const PlanProgram *program) {
  ReportView view = {program, j->args.scope, (int)j->args.depth};
  const char *form = j->args.report, *peak = j->args.explain_peak;
  if (j->where)
    return form && strcmp(form, "json") == 0 ? where_json(j->where, plan, &view, stdout, j->diag)
                                             : where_text(j->where, plan, &view, stdout, j->diag);
  if (form)
    TRY(strcmp(form, "json") == 0 ? report_json(plan, &view, stdout, j->diag)
                                  : report_text(plan, &view, stdout, j->diag));
  if (form && peak) fputc('\n', stdout);
  if (!peak) return STATUS_OK;
  return peak_write(plan, &view, strcmp(peak, "json") == 0, stdout, j->diag);
}

/* What follows prints. */
static void end_meter(Job *j) {
  meter_end(j->meter);
  j->meter = NULL;
}

static Status compile(Job *j, const Model *model) {
  PipelineOptions options = {.build = j->build, .verify = true, .observer = observe, .context = j};
  Plan *plan;
  Status status = pipeline_run(model, &options, j->diag, &plan);
  end_meter(j);
  TRY(status);
  uint32_t program = 0;
  if (j->args.program)
    status = plan_program_require(plan, j->model.path, j->args.program, j->diag, &program);
  warn_unused(j, plan);
  if (status == STATUS_OK && j->memory)
    status = budget_check(plan, j->args.memory, j->memory, j->diag);
  if (status == STATUS_OK && told(j))
    status = report(j, plan, j->args.program ? &plan->programs[program] : NULL);
  if (status == STATUS_OK && is_page(&j->args))
    status = emit_page(j, plan, j->args.program ? &plan->programs[program] : NULL);
  bool only = j->args.check || told(j) || j->args.emit || j->args.dump_after;
  if (status == STATUS_OK && (j->args.output || !only)) status = write_result(j, plan);
  pipeline_release(plan);
  return status;
}

static Status compile_where(const Job *j, const Model *model) {
  Job job = *j;
  Where where;
  Status status = where_open(model, j->args.where, j->diag, &where);
  job.where = &where;
  if (status == STATUS_OK) status = compile(&job, model);
  where_free(&where);
  return status;
}

static Status print_tables(const Job *j) {
  size_t length;
  char *text =
      j->args.schema ? model_schema(ops_table(), &length) : model_manual(ops_table(), &length);
  if (!text) return diag_no_memory(j->diag, 1 << 20);
  fwrite(text, 1, length, stdout); /* main looks at stdout's state */
  free(text);
  return STATUS_OK;
}

static Status print_expanded(const Job *j, const Model *model) {
  size_t length;
  char *text = model_expand(model, &length);
  if (!text) return diag_no_memory(j->diag, 1 << 20);
  FILE *out = j->args.output ? fopen(j->args.output, "w") : stdout;
  bool ok = out && fwrite(text, 1, length, out) == length;
  free(text);
  if (out && (out == stdout ? fflush(out) : fclose(out)) != 0) ok = false;
  if (ok) return STATUS_OK;
  return diag_error(j->diag, STATUS_SYSTEM, j->args.output ? j->args.output : "standard output",
                    NULL, "cannot write: %s", strerror(errno));
}

/* Results never replace what was read for them. */
static Status keep_sources(const Job *j, const Model *model) {
  const char *drawn = j->args.emit ? strchr(j->args.emit, ':') : NULL;
  const char *const written[] = {j->args.output, drawn ? drawn + 1 : NULL};
  for (size_t k = 0; k < 2; k++) {
    for (uint32_t i = 0; i < model->n_files; i++) {
      const char *source = strings_text(model->symbols->strings, model->files[i].shown);
      if (file_same(written[k], source))
        return usage_error("the result would replace '%s', which the model reads", source);
    }
    for (uint32_t i = 0; i < j->model.n_defines; i++)
      if (*j->model.defines[i] == '@' && file_same(written[k], j->model.defines[i] + 1))
        return usage_error("the result would replace '%s', which -D reads",
                           j->model.defines[i] + 1);
  }
  return STATUS_OK;
}

static Status run(Job *j) {
  if (j->args.schema || j->args.manual) return print_tables(j);
  Model *model;
  j->meter = meter_start("compiling", "passes", 0);
  Status status = model_load(&j->model, ops_table(), j->diag, &model);
  if (status != STATUS_OK || j->args.params || j->args.expand) end_meter(j);
  TRY(status);
  status = keep_sources(j, model);
  if (status != STATUS_OK)
    status = STATUS_USAGE;
  else if (j->args.params)
    status = model_print_params(model, stdout);
  else if (j->args.expand)
    status = print_expanded(j, model);
  else
    status = j->args.where ? compile_where(j, model) : compile(j, model);
  model_destroy(model);
  end_meter(j);
  return status;
}

int main(int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write */
  const char **lists = calloc(options_lists(&graphc_table, argc), sizeof *lists);
  Job job = {.diag = diag_create()};
  if (!lists || !job.diag) {
    fputs("graphc: error: out of memory\n", stderr);
    return STATUS_SYSTEM;
  }
  ParsedLine line;
  Status status = options_parse(&graphc_table, argc, argv, lists, &job.args, &line);
  if (status == STATUS_OK && line.command) status = take_options(&job, &line);
  if (status == STATUS_OK && line.command)
    status =
        line.command->bit == DIFF ? graphc_diff(&job.args, &job.build, &line, job.diag) : run(&job);
  bool lost = fflush(stdout) != 0 || ferror(stdout);
  if (lost && diag_error_count(job.diag) == 0)
    status = diag_error(job.diag, STATUS_SYSTEM, "standard output", NULL, "cannot write: %s",
                        errno ? strerror(errno) : "it is closed");
  diag_print(job.diag, stderr);
  diag_destroy(job.diag);
  free(lists);
  return (int)status;
}
