/* graphc's commands and options.  A new option is a row here and a field of Args. */
#include "tools/graphc_options.h"

#include "compiler/pipeline.h"
#include "graph/base/text.h"
#include "graph/ir/precision.h"
#include "graph/plan/plan.h"
#include "kernels/targets.h"
#include "tools/version.h"

#include <build.inc>
#include <string.h>

static const CommandRow commands[] = {
    {.bit = COMPILE,
     .noun = "model",
     .operands = "MODEL.xml",
     .least = 1,
     .most = 1,
     .files = OPTION_FILE,
     .summary = "compiles the model and writes MODEL.plan.xml into the current folder",
     .text = "The plan is data only; graphrun executes it. What --check, --report, --emit or "
             "--dump-after show is all that is made, unless -o names a plan.",
     .examples = "  graphc models/cdvm_small.xml -D lr=0.1 -D @my.defs -o small.plan.xml\n"
                 "  graphc models/cdvm_small.xml --program=evaluate --emit=png:evaluate.png\n"},
    {.name = "diff",
     .bit = DIFF,
     .noun = "model",
     .operands = "A.xml [B.xml]",
     .least = 1,
     .most = 2,
     .files = OPTION_FILE,
     .summary = "compares two models, or one under two settings: what an ablation changes",
     .text =
         "Settings, elements, parameters, and for each program costs and ops by scope. -D is for "
         "both, -A and -B for one of them. Equal or not, the exit code is 0.",
     .examples = "  graphc diff models/cdvm.xml models/ablations/plain.xml\n"
                 "  graphc diff models/cdvm_small.xml -D @my.defs -B width=32 --report=json\n"},
};

/* ---- words that are known at run time ---- */

/* A list of words with blanks between them, as those of an option. */
static const char *barred(char *text) {
  for (char *at = text; *at; at++)
    if (*at == ' ') *at = '|';
  return text;
}

static const char *pass_words(void) {
  static char text[128];
  size_t used = text_format(text, sizeof text, "%s", pipeline_passes[0]);
  for (size_t i = 1; pipeline_passes[i]; i++)
    used = text_append(text, sizeof text, used, "|%s", pipeline_passes[i]);
  return text;
}

static const char *precision_words(void) {
  static char text[PRECISION_NAMES_MAX];
  precision_names(text);
  return barred(text);
}

static const char *target_words(void) {
  static char text[256];
  target_names(targets_table(), text, sizeof text);
  return barred(text);
}

static const char *picture_words(void) {
  return "dot|svg|png|pdf";
}

static const char *emit_words(void) {
  return "dot|svg|png|pdf|html|text";
}

#define AT(FIELD) .at = offsetof(Args, FIELD)

static const OptionRow options[] = {
    {.letter = 'o',
     .kind = OPTION_TEXT,
     .commands = COMPILE,
     AT(output),
     .value = "PLAN",
     .files = OPTION_FILE,
     .otherwise = "MODEL.plan.xml",
     .help = "write the plan here"},
    {.letter = 'D',
     .kind = OPTION_LIST,
     .commands = COMPILE | DIFF,
     AT(defines),
     .value = "NAME=VALUE",
     .help = "set a parameter of the model; -D @FILE: one NAME=VALUE per line (may be repeated, "
             "the last wins)"},
    {.letter = 'A',
     .kind = OPTION_LIST,
     .commands = DIFF,
     AT(defines_a),
     .value = "NAME=VALUE",
     .help = "the same for the first model only, behind all -D"},
    {.letter = 'B',
     .kind = OPTION_LIST,
     .commands = DIFF,
     AT(defines_b),
     .value = "NAME=VALUE",
     .help = "the same for the second model only; with one model, that again"},
    {.letter = 'I',
     .kind = OPTION_LIST,
     .commands = COMPILE | DIFF,
     AT(includes),
     .value = "DIR",
     .files = OPTION_FOLDER,
     .help = "a further folder for include and extends (may be repeated)"},
    {.name = "root",
     .kind = OPTION_TEXT,
     .commands = COMPILE | DIFF,
     AT(root),
     .value = "DIR",
     .files = OPTION_FOLDER,
     .help = "files are read below this folder only"},
    {.name = "check",
     .kind = OPTION_FLAG,
     .commands = COMPILE,
     AT(check),
     .help = "errors only, no plan"},
    {.name = "params",
     .kind = OPTION_FLAG,
     .commands = COMPILE,
     AT(params),
     .help = "the model's parameters with their values, ranges and meanings"},
    {.name = "expand",
     .kind = OPTION_FLAG,
     .commands = COMPILE,
     AT(expand),
     .help = "the model after elaboration, as XML"},
    {.name = "schema",
     .kind = OPTION_FLAG,
     .commands = COMPILE,
     AT(schema),
     .alone = true,
     .help = "the RELAX NG schema of the language (needs no model)"},
    {.name = "manual",
     .kind = OPTION_FLAG,
     .commands = COMPILE,
     AT(manual),
     .alone = true,
     .help = "elements and ops with their attributes (needs no model)"},
    {.name = "report",
     .kind = OPTION_WORD,
     .commands = COMPILE,
     AT(report),
     .value = "text|json",
     .bare = "text",
     .help = "parameters, operations, bytes moved and memory, per program, op and scope"},
    {.name = "report",
     .kind = OPTION_WORD,
     .commands = DIFF,
     AT(report),
     .value = "text|json",
     .standard = "text",
     .help = "for people or for programs"},
    {.name = "explain-peak",
     .kind = OPTION_WORD,
     .commands = COMPILE,
     AT(explain_peak),
     .value = "text|json",
     .bare = "text",
     .help =
         "what fills the memory where it is fullest: each value, its XML line, who made it, who "
         "frees it, what it costs to compute again"},
    {.name = "where",
     .kind = OPTION_TEXT,
     .once = true,
     .commands = COMPILE,
     AT(where),
     .value = "FILE:LINE",
     .help = "what is computed because of a line of the model: values, kernels and orders of "
             "derivative, by program; LINE alone is of the model's own file; with --report=json as "
             "JSON"},
    {.name = "precision",
     .kind = OPTION_WORD,
     .commands = COMPILE | DIFF,
     AT(precision),
     .value = "NAME",
     .words = precision_words,
     .standard = "f32",
     .help = "element types; f32+f64 has states in f64"},
    {.name = "target",
     .kind = OPTION_TEXT,
     .commands = COMPILE | DIFF,
     AT(target),
     .value = "NAME",
     .words = target_words,
     .standard = "cpu",
     .files = OPTION_FILE,
     .help = "what will run the plan; a name with a slash is a plug-in's file"},
    {.name = "memory",
     .kind = OPTION_TEXT,
     .commands = COMPILE,
     AT(memory),
     .value = "BYTES",
     .otherwise = "any",
     .help = "refuse a plan that needs more (80G; 40Gi), and say what fills it"},
    {.name = "shards",
     .kind = OPTION_NUMBER,
     .commands = COMPILE | DIFF,
     AT(shards),
     .low = 1,
     .high = 64,
     .value = "N",
     .standard = "4",
     .help = "parts of a batch; results depend on it, not on threads"},
    {.name = "ranks",
     .kind = OPTION_NUMBER,
     .commands = COMPILE | DIFF,
     AT(ranks),
     .low = 1,
     .high = PLAN_RANKS_MAX,
     .value = "N",
     .standard = "1",
     .help = "a plan for N processes that share each batch (graphrun train --ranks=N); the "
             "results are those of one"},
    {.name = "sync",
     .kind = OPTION_WORD,
     .commands = COMPILE | DIFF,
     AT(sync),
     .value = "global|local",
     .standard = "global",
     .help = "local: each of them computes over its share alone, gradients are means: another "
             "experiment for each N"},
    {.name = "keep",
     .kind = OPTION_LIST,
     .commands = COMPILE,
     AT(keep),
     .value = "GLOB",
     .help = "values that exec may fetch besides the outputs (may be repeated)"},
    {.name = "input",
     .kind = OPTION_LIST,
     .commands = COMPILE,
     AT(inputs),
     .value = "GLOB",
     .help = "values that become inputs (may be repeated)"},
    {.name = "emit",
     .kind = OPTION_TEXT,
     .once = true,
     .commands = COMPILE,
     AT(emit),
     .value = "FORMAT[:FILE]",
     .words = emit_words,
     .help =
         "a program as a picture or as text, or html: all of them as a page for a browser; in FILE "
         "('-': standard output)"},
    {.name = "emit",
     .kind = OPTION_TEXT,
     .once = true,
     .commands = DIFF,
     AT(emit),
     .value = "FORMAT[:FILE]",
     .words = picture_words,
     .otherwise = "no picture",
     .help = "a picture of the second model, with what the first has not in colour, too; of the "
             "first program that differs, or of --program"},
    {.name = "dump-after",
     .kind = OPTION_WORD,
     .once = true,
     .commands = COMPILE,
     AT(dump_after),
     .value = "PASS",
     .words = pass_words,
     .help = "print the graph after a pass"},
    {.name = "program",
     .kind = OPTION_TEXT,
     .once = true,
     .commands = COMPILE | DIFF,
     AT(program),
     .value = "P",
     .help = "--emit, --report, --explain-peak, --where and --dump-after show this program only"},
    {.name = "scope",
     .kind = OPTION_TEXT,
     .once = true,
     .commands = COMPILE | DIFF,
     AT(scope),
     .value = "S",
     .help = "and of it only this scope (train/stage1) and what is below it"},
    {.name = "depth",
     .kind = OPTION_NUMBER,
     .commands = COMPILE | DIFF,
     AT(depth),
     .low = -1,
     .high = 100,
     .value = "N",
     .help = "--emit, --report, --explain-peak: scopes have a box or a row of their own down to N "
             "parts below S; -1: --emit draws every node; 0: as without it"},
    {.name = "color",
     .kind = OPTION_WORD,
     .commands = COMPILE,
     AT(color),
     .value = "role|time|memory|stream|device",
     .otherwise = "role",
     .help = "--emit: what the boxes of a picture are filled by"},
    {.name = "after",
     .kind = OPTION_WORD,
     .once = true,
     .commands = COMPILE,
     AT(after),
     .value = "PASS",
     .words = pass_words,
     .otherwise = "offsets",
     .help = "--emit shows the graph after this pass"},
    {0},
};
static const OptionRow *const all_options[] = {options, NULL};

static void print_version(FILE *out) {
  version_print(out, "graphc", BUILD_COMPILER_LIBRARIES);
}

const ProgramTable graphc_table = {
    .name = "graphc",
    .summary = "compiles a model to a plan",
    .commands = commands,
    .n_commands = sizeof commands / sizeof *commands,
    .options = all_options,
    .also = "graphrun(1)",
    .version = print_version,
};
