/* graphc: compiles a model to a plan.  Arguments only; the work is in graph/ and compiler/. */
#include "compiler/budget.h"
#include "compiler/pipeline.h"
#include "compiler/report.h"
#include "graph/base/option.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/draw/draw.h"
#include "graph/plan/dump.h"
#include "graph/plan/scopes.h"
#include "graph/plan/suggest.h"
#include "kernels/targets.h"
#include "ops/ops.h"
#include "ops/verify.h"
#include "runtime/device/plugin.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
    "usage: graphc MODEL.xml [options]\n"
    "  compiles the model and writes MODEL.plan.xml into the current folder\n"
    "\n"
    "  -o PLAN             write the plan here\n"
    "  -D NAME=VALUE       set a parameter of the model; -D @FILE: one NAME=VALUE per line\n"
    "  -I DIR              a further folder for include and extends\n"
    "  --root=DIR          files are read below this folder only\n"
    "  --check             errors only, no plan\n"
    "  --params            the model's parameters with their values, ranges and meanings\n"
    "  --expand            the model after elaboration, as XML\n"
    "  --schema            the RELAX NG schema of the language (needs no model)\n"
    "  --manual            elements and ops with their attributes (needs no model)\n"
    "  --report[=json]     parameters, multiply-adds and memory per program and scope\n"
    "  --precision=NAME    element types: f32 (default), f64, or f32+f64 (states in f64)\n"
    "  --target=NAME       what will run the plan: %s; or a plug-in, a file with a slash\n"
    "  --memory=BYTES      refuse a plan that needs more (80G; 40Gi), and say what fills it\n"
    "  --shards=N          parts of a batch (default 4); results depend on it, not on threads\n"
    "  --ranks=N           a plan for N processes that share each batch (graphrun train "
    "--ranks=N);\n"
    "                      the results are those of one\n"
    "  --sync=global|local local: each of them computes over its share alone, gradients are "
    "means:\n"
    "                      another experiment for each N\n"
    "  --keep=GLOB         values that exec may fetch besides the outputs\n"
    "  --input=GLOB        values that become inputs\n"
    "  --emit=FORMAT[:FILE]  dot, svg, png, pdf or text of a program ('-': standard output)\n"
    "  --dump-after=PASS   print the graph after a pass: %s\n"
    "  --program=P         --emit, --report and --dump-after show this program only\n"
    "  --scope=S           and of it only this scope (train/stage1) and what is below it\n"
    "  --depth=N           --emit, --report: scopes have a box or a row of their own down to N "
    "parts\n"
    "                      below S; -1: --emit draws every node\n"
    "  --after=PASS        --emit shows the graph after this pass (default: offsets)\n"
    "  --help --version\n";

typedef struct Args {
  ModelOptions model;
  BuildOptions build;
  const char **defines, **includes, **keep, **inputs;
  const char *output, *report, *emit, *after, *program, *scope, *dump_after;
  int depth;
  int64_t memory; /* 0: any */
  bool check, params, expand, schema, manual;
  Diag *diag;
} Args;

static const char *pass_names(char text[128]) {
  size_t used = text_format(text, 128, "%s", pipeline_passes[0]);
  for (size_t i = 1; pipeline_passes[i]; i++)
    used = text_append(text, 128, used, " %s", pipeline_passes[i]);
  return text;
}

static void print_help(void) {
  char names[256], passes[128];
  printf(usage_text, target_names(targets_table(), names, sizeof names), pass_names(passes));
}

static Status usage_error(const char *format, const char *what) {
  fputs("graphc: error: ", stderr);
  fprintf(stderr, format, what);
  fputs("\nhint: graphc --help lists the options\n", stderr);
  return STATUS_USAGE;
}

enum {
  OPT_ROOT = 256,
  OPT_CHECK,
  OPT_PARAMS,
  OPT_EXPAND,
  OPT_SCHEMA,
  OPT_MANUAL,
  OPT_REPORT,
  OPT_PRECISION,
  OPT_TARGET,
  OPT_MEMORY,
  OPT_SHARDS,
  OPT_RANKS,
  OPT_SYNC,
  OPT_KEEP,
  OPT_INPUT,
  OPT_EMIT,
  OPT_AFTER,
  OPT_PROGRAM,
  OPT_SCOPE,
  OPT_DEPTH,
  OPT_DUMP,
  OPT_HELP,
  OPT_VERSION
};

static const struct option long_options[] = {{"root", required_argument, NULL, OPT_ROOT},
                                             {"check", no_argument, NULL, OPT_CHECK},
                                             {"params", no_argument, NULL, OPT_PARAMS},
                                             {"expand", no_argument, NULL, OPT_EXPAND},
                                             {"schema", no_argument, NULL, OPT_SCHEMA},
                                             {"report", optional_argument, NULL, OPT_REPORT},
                                             {"manual", no_argument, NULL, OPT_MANUAL},
                                             {"precision", required_argument, NULL, OPT_PRECISION},
                                             {"target", required_argument, NULL, OPT_TARGET},
                                             {"memory", required_argument, NULL, OPT_MEMORY},
                                             {"shards", required_argument, NULL, OPT_SHARDS},
                                             {"ranks", required_argument, NULL, OPT_RANKS},
                                             {"sync", required_argument, NULL, OPT_SYNC},
                                             {"keep", required_argument, NULL, OPT_KEEP},
                                             {"input", required_argument, NULL, OPT_INPUT},
                                             {"emit", required_argument, NULL, OPT_EMIT},
                                             {"after", required_argument, NULL, OPT_AFTER},
                                             {"program", required_argument, NULL, OPT_PROGRAM},
                                             {"scope", required_argument, NULL, OPT_SCOPE},
                                             {"depth", required_argument, NULL, OPT_DEPTH},
                                             {"dump-after", required_argument, NULL, OPT_DUMP},
                                             {"help", no_argument, NULL, OPT_HELP},
                                             {"version", no_argument, NULL, OPT_VERSION},
                                             {NULL, 0, NULL, 0}};

static Status unknown_option(const char *given) {
  const char *names[sizeof long_options / sizeof *long_options];
  size_t n = 0, length = strcspn(given, "=");
  char word[64];
  for (; long_options[n].name; n++) names[n] = long_options[n].name;
  text_format(word, sizeof word, "%.*s", (int)length, given);
  const char *near = strncmp(word, "--", 2) == 0 ? diag_nearest(word + 2, names, n) : NULL;
  fprintf(stderr, "graphc: error: unknown option '%s'\nhint: ", given);
  if (near)
    fprintf(stderr, "did you mean --%s?\n", near);
  else
    fputs("graphc --help lists the options\n", stderr);
  return STATUS_USAGE;
}

/* A target of this program, or that of a device which is a plug-in. */
static Status take_target(Args *a, const char *value) {
  char names[256], text[320];
  const DeviceTable *device;
  if (strchr(value, '/')) {
    TRY(device_plugin_load(value, a->diag, &device));
    a->build.target = device->backend->target;
    return STATUS_OK;
  }
  a->build.target = target_find(targets_table(), value);
  if (a->build.target) return STATUS_OK;
  snprintf(text, sizeof text,
           "--target is one of: %s; or the file of a plug-in, with a slash; not '%%s'",
           target_names(targets_table(), names, sizeof names));
  return usage_error(text, value);
}

static Status unknown_precision(const char *given) {
  char names[PRECISION_NAMES_MAX], text[160];
  snprintf(text, sizeof text, "--precision is one of %s, not '%%s'", precision_names(names));
  return usage_error(text, given);
}

static bool is_pass(const char *name) {
  for (size_t i = 0; pipeline_passes[i]; i++)
    if (strcmp(pipeline_passes[i], name) == 0) return true;
  return false;
}

static Status unknown_pass(const char *given) {
  char names[128], text[192];
  snprintf(text, sizeof text, "there is no pass '%%s': %s", pass_names(names));
  return usage_error(text, given);
}

static bool parse_count(const char *text, long low, long high, long *out) {
  char *end;
  errno = 0;
  *out = strtol(text, &end, 10);
  return *text && !*end && errno == 0 && *out >= low && *out <= high;
}

static bool is_format(const char *emit) {
  static const char *const formats[] = {"dot", "svg", "png", "pdf", "text"};
  size_t n = strcspn(emit, ":");
  for (size_t i = 0; i < 5; i++)
    if (strlen(formats[i]) == n && strncmp(formats[i], emit, n) == 0) return true;
  return false;
}

/* What the plan is for. */
static Status take_build_option(Args *a, int option, const char *value) {
  long number;
  switch (option) {
  case OPT_PRECISION:
    a->build.precision = precision_find(value);
    if (!a->build.precision) return unknown_precision(value);
    break;
  case OPT_TARGET:
    return take_target(a, value);
  case OPT_MEMORY:
    if (!budget_parse(value, &a->memory))
      return usage_error("--memory is a number of bytes such as 80G or 40Gi, not '%s'", value);
    break;
  case OPT_SHARDS:
    if (!parse_count(value, 1, 64, &number))
      return usage_error("--shards is 1..64, not '%s'", value);
    a->build.shards = (uint32_t)number;
    break;
  case OPT_RANKS:
    if (!parse_count(value, 1, PLAN_RANKS_MAX, &number))
      return usage_error("--ranks is 1..1024, not '%s'", value);
    a->build.ranks = (uint32_t)number;
    break;
  case OPT_SYNC:
    a->build.local = strcmp(value, "local") == 0;
    if (!a->build.local && strcmp(value, "global") != 0)
      return usage_error("--sync is global or local, not '%s'", value);
    break;
  default:
    return STATUS_USAGE;
  }
  return STATUS_OK;
}

static Status take_option(Args *a, int option, const char *value) {
  long number;
  switch (option) {
  case 'o':
    a->output = value;
    if (!*value) return usage_error("%s", "option '-o' needs a file");
    break;
  case 'D':
    a->defines[a->model.n_defines++] = value;
    break;
  case 'I':
    a->includes[a->model.n_include_dirs++] = value;
    break;
  case OPT_ROOT:
    a->model.root = value;
    break;
  case OPT_CHECK:
    a->check = true;
    break;
  case OPT_PARAMS:
    a->params = true;
    break;
  case OPT_EXPAND:
    a->expand = true;
    break;
  case OPT_SCHEMA:
    a->schema = true;
    break;
  case OPT_MANUAL:
    a->manual = true;
    break;
  case OPT_REPORT:
    a->report = value ? value : "text";
    if (value && strcmp(value, "json") != 0)
      return usage_error("--report or --report=json, not '%s'", value);
    break;
  case OPT_KEEP:
    a->keep[a->build.n_keep++] = value;
    break;
  case OPT_INPUT:
    a->inputs[a->build.n_inputs++] = value;
    break;
  case OPT_EMIT:
    a->emit = value;
    if (!is_format(value))
      return usage_error("--emit is dot, svg, png, pdf or text, not '%s'", value);
    break;
  case OPT_AFTER:
  case OPT_DUMP:
    if (!is_pass(value)) return unknown_pass(value);
    *(option == OPT_DUMP ? &a->dump_after : &a->after) = value;
    break;
  case OPT_PROGRAM:
    a->program = value;
    break;
  case OPT_SCOPE:
    a->scope = value;
    break;
  case OPT_DEPTH:
    if (!parse_count(value, -1, 100, &number))
      return usage_error("--depth is -1..100, not '%s'", value);
    a->depth = (int)number;
    break;
  default:
    return take_build_option(a, option, value);
  }
  return STATUS_OK;
}

/* An option that nothing given listens to would be a silent mistake. */
static Status check_shown(const Args *a) {
  bool picture = a->emit && strncmp(a->emit, "text", 4) != 0;
  if (a->scope && !a->emit && !a->report && !a->dump_after)
    return usage_error("--scope=%s says what --emit, --report or --dump-after shows: give one",
                       a->scope);
  if (a->depth && !picture && !a->report)
    return usage_error("%s", "--depth says what --report or a picture of --emit shows: give one");
  if (a->after && !a->emit)
    return usage_error("--after=%s says what --emit shows, and it is not given", a->after);
  return STATUS_OK;
}

static Status refuse_single_dash(const char *given) {
  bool output = strncmp(given, "-out", 4) == 0;
  fprintf(stderr, "graphc: error: '%s' has one dash, a long option has two\nhint: ", given);
  if (output)
    fputs("-o PLAN names the plan\n", stderr);
  else
    fprintf(stderr, "did you mean '-%s'?\n", given);
  return STATUS_USAGE;
}

static Status parse_args(Args *a, int argc, char **argv) {
  const char *dash = option_single_dash(argc, argv, long_options);
  if (dash) return refuse_single_dash(dash);
  opterr = 0;
  for (int option; (option = getopt_long(argc, argv, ":o:D:I:", long_options, NULL)) != -1;) {
    if (option == OPT_HELP || option == OPT_VERSION) {
      if (option == OPT_HELP)
        print_help();
      else
        printf("graphc 1, plan version %d\n", PLAN_VERSION);
      a->model.path = NULL;
      return STATUS_OK;
    }
    if (option == ':') return usage_error("option '%s' needs a value", argv[optind - 1]);
    if (option == '?' && optopt >= OPT_ROOT)
      return usage_error("'%s': this option takes no value", argv[optind - 1]);
    if (option == '?') return unknown_option(argv[optind - 1]);
    TRY(take_option(a, option, optarg));
  }
  if (a->check && a->output)
    return usage_error("--check writes nothing: what is -o '%s' for?", a->output);
  TRY(check_shown(a));
  if (a->schema || a->manual) return STATUS_OK;
  if (optind == argc) return usage_error("%s", "no model: graphc MODEL.xml");
  if (optind + 1 < argc) return usage_error("one model at a time: what is '%s'?", argv[optind + 1]);
  a->model.path = argv[optind];
  return STATUS_OK;
}

/* ---- observer: dumps and pictures of passes in the middle ---- */

static bool chosen(const Args *a, const Plan *plan, const PlanProgram *p) {
  if (a->program) return strcmp(a->program, plan_text(plan, p->name)) == 0;
  return p == plan->programs;
}

static Status emit(const Args *a, const Plan *plan, const PlanProgram *p) {
  size_t n = strcspn(a->emit, ":");
  char format[8] = "", path[PATH_MAX];
  memcpy(format, a->emit, n < 7 ? n : 7);
  if (strlen(a->emit + n) >= sizeof path)
    return diag_error(a->diag, STATUS_SYSTEM, "--emit", NULL, "the path is too long");
  if (a->emit[n])
    snprintf(path, sizeof path, "%s", a->emit + n + 1);
  else
    snprintf(path, sizeof path, "%s.%s", plan_text(plan, plan->model_name),
             strcmp(format, "text") == 0 ? "txt" : format);
  if (strcmp(format, "text") != 0) {
    DrawOptions options = {format, a->scope, a->depth};
    TRY(draw_program(p, ops_table(), &options, path, a->diag));
    if (!a->program && plan->n_programs > 1 && strcmp(path, "-") != 0 && !a->report)
      printf("%s shows '%s', the first of %u programs; --program=P picks another\n", path,
             plan_text(plan, p->name), plan->n_programs);
    return STATUS_OK;
  }
  if (a->scope && !scope_is_of(p, a->scope)) return scope_unknown(p, 1, a->scope, a->diag);
  bool standard = strcmp(path, "-") == 0;
  FILE *out = standard ? stdout : fopen(path, "w");
  if (!out)
    return diag_error(a->diag, STATUS_SYSTEM, path, NULL, "cannot create: %s", strerror(errno));
  Status status = dump_program(p, ops_table(), a->scope, out);
  if ((standard ? fflush(out) : fclose(out)) != 0 || status != STATUS_OK)
    return diag_error(a->diag, STATUS_SYSTEM, standard ? "standard output" : path, NULL,
                      "cannot write: %s", strerror(errno));
  return STATUS_OK;
}

static Status observe(void *context, const char *pass, const Plan *plan, const PlanProgram *p) {
  const Args *a = context;
  if (a->dump_after && strcmp(a->dump_after, pass) == 0 && (!a->program || chosen(a, plan, p)))
    TRY(dump_program(p, ops_table(), a->scope, stdout));
  const char *after = a->after ? a->after : "offsets";
  if (a->emit && strcmp(after, pass) == 0 && chosen(a, plan, p)) TRY(emit(a, plan, p));
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

static void warn_glob(const Args *a, const Plan *plan, const char *option, const char *what,
                      const char *glob) {
  char near[300], hint[400] = "graphc --emit=text shows the names of values";
  if (value_suggest(plan->programs, plan->n_programs, glob, near, sizeof near) ||
      value_nearest(plan->programs, plan->n_programs, glob, near, sizeof near))
    text_format(hint, sizeof hint, "did you mean '%s'?", near);
  diag_warning(a->diag, option, hint, "%s named '%s'", what, glob);
}

/* An option for many models may fit none of this one's values; a misspelt one should be seen. */
static void warn_unused(const Args *a, const Plan *plan) {
  for (uint32_t i = 0; i < a->build.n_keep; i++)
    if (!keeps(plan, a->keep[i]))
      warn_glob(a, plan, "--keep",
                names_states(plan, a->keep[i])
                    ? "nothing is kept: only parameters and states, which exec writes anyway, are"
                    : "no value of the model is",
                a->keep[i]);
  for (uint32_t i = 0; i < a->build.n_inputs; i++)
    if (!reads(plan, a->inputs[i]))
      warn_glob(a, plan, "--input", "no value that a program reads is", a->inputs[i]);
}

static Status write_result(const Args *a, const Plan *plan) {
  const char *base = strrchr(a->model.path, '/');
  base = base ? base + 1 : a->model.path;
  size_t n = strlen(base);
  if (n > 4 && strcmp(base + n - 4, ".xml") == 0) n -= 4;
  char path[4096];
  snprintf(path, sizeof path, "%.*s.plan.xml", (int)n, base);
  const char *output = a->output ? a->output : path;
  TRY(plan_write(plan, ops_table(), output, a->diag));
  if (!a->report) {
    report_summary(plan, stdout);
    printf("\nplan        %s\n", output);
  }
  return STATUS_OK;
}

static Status report(const Args *a, const Plan *plan, const PlanProgram *program) {
  ReportView view = {program, a->scope, a->depth};
  return strcmp(a->report, "json") == 0 ? report_json(plan, &view, stdout, a->diag)
                                        : report_text(plan, &view, stdout, a->diag);
}

static Status compile(const Args *a, const Model *model) {
  PipelineOptions options = {
      .build = a->build, .verify = true, .observer = observe, .context = (void *)(uintptr_t)a};
  Plan *plan;
  TRY(pipeline_run(model, &options, a->diag, &plan));
  Status status = STATUS_OK;
  uint32_t program = 0;
  if (a->program) status = plan_program_require(plan, a->model.path, a->program, a->diag, &program);
  warn_unused(a, plan);
  if (status == STATUS_OK && a->memory) status = budget_check(plan, a->memory, a->diag);
  if (status == STATUS_OK && a->report)
    status = report(a, plan, a->program ? &plan->programs[program] : NULL);
  bool only = a->check || a->report || a->emit || a->dump_after;
  if (status == STATUS_OK && (a->output || !only)) status = write_result(a, plan);
  pipeline_release(plan);
  return status;
}

static Status print_tables(const Args *a) {
  size_t length;
  char *text = a->schema ? model_schema(ops_table(), &length) : model_manual(ops_table(), &length);
  if (!text) return diag_no_memory(a->diag, 1 << 20);
  fwrite(text, 1, length, stdout); /* main looks at stdout's state */
  free(text);
  return STATUS_OK;
}

static Status print_expanded(const Args *a, const Model *model) {
  size_t length;
  char *text = model_expand(model, &length);
  if (!text) return diag_no_memory(a->diag, 1 << 20);
  FILE *out = a->output ? fopen(a->output, "w") : stdout;
  bool ok = out && fwrite(text, 1, length, out) == length;
  free(text);
  if (out && (out == stdout ? fflush(out) : fclose(out)) != 0) ok = false;
  if (ok) return STATUS_OK;
  return diag_error(a->diag, STATUS_SYSTEM, a->output ? a->output : "standard output", NULL,
                    "cannot write: %s", strerror(errno));
}

/* Results never replace what was read for them. */
static Status keep_sources(const Args *a, const Model *model) {
  const char *drawn = a->emit ? strchr(a->emit, ':') : NULL;
  const char *const written[] = {a->output, drawn ? drawn + 1 : NULL};
  for (size_t k = 0; k < 2; k++) {
    for (uint32_t i = 0; i < model->n_files; i++) {
      const char *source = strings_text(model->symbols->strings, model->files[i].shown);
      if (file_same(written[k], source))
        return usage_error("the result would replace '%s', which the model reads", source);
    }
    for (uint32_t i = 0; i < a->model.n_defines; i++)
      if (*a->defines[i] == '@' && file_same(written[k], a->defines[i] + 1))
        return usage_error("the result would replace '%s', which -D reads", a->defines[i] + 1);
  }
  return STATUS_OK;
}

static Status run(const Args *a) {
  if (a->schema || a->manual) return print_tables(a);
  Model *model;
  TRY(model_load(&a->model, ops_table(), a->diag, &model));
  Status status = keep_sources(a, model);
  if (status != STATUS_OK)
    status = STATUS_USAGE;
  else if (a->params)
    status = model_print_params(model, stdout);
  else if (a->expand)
    status = print_expanded(a, model);
  else
    status = compile(a, model);
  model_destroy(model);
  return status;
}

int main(int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of write */
  const char **lists = calloc((size_t)argc * 4, sizeof *lists);
  Args a = {.diag = diag_create()};
  if (!lists || !a.diag) {
    fputs("graphc: error: out of memory\n", stderr);
    return STATUS_SYSTEM;
  }
  a.defines = lists;
  a.includes = lists + argc;
  a.keep = lists + 2 * argc;
  a.inputs = lists + 3 * argc;
  a.build = (BuildOptions){.precision = PRECISION_DEFAULT,
                           .shards = 4,
                           .ranks = 1,
                           .target = target_find(targets_table(), "cpu")};
  Status status = parse_args(&a, argc, argv);
  a.model.sharers = a.build.local ? a.build.ranks : 1;
  a.model.defines = a.defines;
  a.model.include_dirs = a.includes;
  a.build.keep = a.keep;
  a.build.inputs = a.inputs;
  if (status == STATUS_OK && (a.model.path || a.schema || a.manual)) status = run(&a);
  bool lost = fflush(stdout) != 0 || ferror(stdout);
  if (lost && diag_error_count(a.diag) == 0)
    status = diag_error(a.diag, STATUS_SYSTEM, "standard output", NULL, "cannot write: %s",
                        errno ? strerror(errno) : "it is closed");
  diag_print(a.diag, stderr);
  diag_destroy(a.diag);
  free(lists);
  return (int)status;
}
