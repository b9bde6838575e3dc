/* graphrun: executes plans.  Arguments only; the work is in runtime/. */
#include "graph/base/option.h"
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/base/threads.h"
#include "graph/plan/plan.h"
#include "runtime/data/check_data.h"
#include "runtime/data/loader.h"
#include "runtime/device/find.h"
#include "runtime/eval/evaluate.h"
#include "runtime/execute/bench.h"
#include "runtime/execute/exec.h"
#include "runtime/execute/info.h"
#include "runtime/execute/open.h"
#include "runtime/ranks/open.h"
#include "runtime/ranks/together.h"
#include "runtime/synth/synth.h"
#include "runtime/train/train.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage_text[] =
    "usage: graphrun COMMAND ...\n"
    "\n"
    "  train PLAN --out=DIR [--data=DATA]   train; DIR gets checkpoint.safetensors, metrics.jsonl\n"
    "      --resume              go on from DIR's checkpoint, with the same bits\n"
    "      --init=F              start from the weights in F (.safetensors)\n"
    "      --init-skip=GLOB      but leave out what is named so (may be repeated)\n"
    "      --init-prefix=P       names that begin with P are known without it\n"
    "      --epochs=N --steps=N  length of the schedule instead of the plan's\n"
    "      --stop-at=STEP        end early; the schedule stays\n"
    "      --checkpoint-every=N  steps between checkpoints\n"
    "      --ranks=N             N processes train a plan of graphc --ranks=N (starts mpirun)\n"
    "      --rank-timeout=S      seconds that a step waits for a rank (default 8)\n"
    "  eval PLAN --weights=F --data=DATA    mAP and CMC of queries against the gallery\n"
    "      --domain=NAME         only this domain\n"
    "      --protocol=market|split:NAME:TRIALS:SEED\n"
    "      --baseline=color      colour histograms instead of a plan and weights\n"
    "      --compare=F           difference to an earlier --out, with an interval\n"
    "      --out=F               results of every query as JSON\n"
    "      --ranks=N             N processes share the images of any plan (starts mpirun)\n"
    "  exec PLAN --program=P -o F           run a program once; F (.safetensors) gets its outputs\n"
    "                                       and the states as they are afterwards\n"
    "      --feed=F              inputs and states by name; `seed` and `step` are 0 without it\n"
    "      --weights=F           a checkpoint\n"
    "      --fetch=NAME,...      further values, kept by graphc --keep; * and ? match\n"
    "  bench PLAN                           time and memory of a program, and of each kernel\n"
    "      --program=P --steps=N --warm=N --trace=F --ranks=N\n"
    "  info PLAN                            what a plan holds\n"
    "  check-data DATA [--defines]          what a data set holds; lines for graphc -D @F\n"
    "  synth DIR                            pedestrians drawn by the program: DIR/synth.domains\n"
    "      --domains=N --ids=N --test-ids=N --cameras=N --images=N\n"
    "\n"
    "  train, eval, exec, bench, check-data:  --threads=N (default: the cores; results do not "
    "depend on it)\n"
    "  train, eval, exec, bench, info:        --device=NAME what runs the plan (default: cpu);\n"
    "                             with a slash in it the file of a plug-in; cuda:0,1 names GPUs,\n"
    "                             and starts as many processes\n"
    "                             --math=exact|tf32, and but for info --no-graph, are of cuda:\n"
    "                             products of f32 by tf32; steps launched one by one, not "
    "captured\n"
    "  train, eval:               --workers=N --bad-images=fatal|skip\n"
    "  train, eval, synth:        --seed=N (default: 0)\n"
    "  train:                     --quiet (no progress line)\n"
    "  DATA: a .csv manifest (path,pid,camera,domain,split), a folder in a layout that is known, "
    "or "
    "a\n"
    "  .domains file with lines NAME LAYOUT PATH [split=train|all]; check-data --layouts lists "
    "them\n"
    "  --help --version\n";

/* The values of an option that may be repeated. */
typedef struct TextList {
  const char **at; /* room for all arguments */
  uint32_t n;
} TextList;

typedef struct Args {
  const char *operand;
  const char *data, *out, *init, *weights, *domain, *protocol, *baseline, *compare, *program, *feed,
      *fetch, *trace, *bad_images, *init_prefix, *device, *math;
  TextList init_skip;
  int64_t epochs, steps, stop_at, checkpoint_every, warm, threads, workers, seed;
  int64_t ranks, rank_timeout;
  Ranks *joined; /* the ranks of which this process is one; NULL: it runs alone */
  int64_t domains, ids, test_ids, cameras, images;
  bool resume, quiet, defines, layouts, no_graph;
} Args;

enum { TRAIN = 1, EVAL = 2, EXEC = 4, BENCH = 8, INFO = 16, CHECK_DATA = 32, SYNTH = 64 };

typedef struct Command {
  const char *name, *operand;
  uint32_t bit;
  Status (*run)(const Args *args, Diag *diag);
} Command;

typedef enum Kind { TEXT, LIST, NUMBER, FLAG } Kind;
typedef struct Option {
  const char *name;
  Kind kind;
  uint32_t commands;
  size_t at; /* offset in Args */
  int64_t low, high;
} Option;

#define AT(FIELD) offsetof(Args, FIELD)
#define MANY ((int64_t)1 << 40)
enum { OUT }; /* -o is short for it */
static const Option options[] = {
    [OUT] = {"out", TEXT, TRAIN | EVAL | EXEC, AT(out), 0, 0},
    {"data", TEXT, TRAIN | EVAL, AT(data), 0, 0},
    {"init", TEXT, TRAIN, AT(init), 0, 0},
    {"init-skip", LIST, TRAIN, AT(init_skip), 0, 0},
    {"init-prefix", TEXT, TRAIN, AT(init_prefix), 0, 0},
    {"weights", TEXT, EVAL | EXEC, AT(weights), 0, 0},
    {"domain", TEXT, EVAL, AT(domain), 0, 0},
    {"protocol", TEXT, EVAL, AT(protocol), 0, 0},
    {"baseline", TEXT, EVAL, AT(baseline), 0, 0},
    {"compare", TEXT, EVAL, AT(compare), 0, 0},
    {"program", TEXT, EXEC | BENCH, AT(program), 0, 0},
    {"feed", TEXT, EXEC, AT(feed), 0, 0},
    {"fetch", TEXT, EXEC, AT(fetch), 0, 0},
    {"trace", TEXT, BENCH, AT(trace), 0, 0},
    {"device", TEXT, TRAIN | EVAL | EXEC | BENCH | INFO, AT(device), 0, 0},
    {"math", TEXT, TRAIN | EVAL | EXEC | BENCH | INFO, AT(math), 0, 0},
    {"no-graph", FLAG, TRAIN | EVAL | EXEC | BENCH, AT(no_graph), 0, 0},
    {"bad-images", TEXT, TRAIN | EVAL, AT(bad_images), 0, 0},
    {"epochs", NUMBER, TRAIN, AT(epochs), 1, MANY},
    {"steps", NUMBER, TRAIN | BENCH, AT(steps), 1, MANY},
    {"stop-at", NUMBER, TRAIN, AT(stop_at), 1, MANY},
    {"checkpoint-every", NUMBER, TRAIN, AT(checkpoint_every), 1, MANY},
    {"ranks", NUMBER, TRAIN | EVAL | BENCH, AT(ranks), 1, PLAN_RANKS_MAX},
    {"rank-timeout", NUMBER, TRAIN, AT(rank_timeout), 1, 86400},
    {"warm", NUMBER, BENCH, AT(warm), 0, 1000},
    {"threads", NUMBER, TRAIN | EVAL | EXEC | BENCH | CHECK_DATA, AT(threads), 1, THREADS_MAX},
    {"workers", NUMBER, TRAIN | EVAL, AT(workers), 1, LOADER_WORKERS_MAX},
    {"seed", NUMBER, TRAIN | EVAL | SYNTH, AT(seed), 0, INT64_MAX},
    {"domains", NUMBER, SYNTH, AT(domains), 1, SYNTH_DOMAINS_MAX},
    {"ids", NUMBER, SYNTH, AT(ids), 1, SYNTH_IDS_MAX},
    {"test-ids", NUMBER, SYNTH, AT(test_ids), 1, SYNTH_IDS_MAX},
    {"cameras", NUMBER, SYNTH, AT(cameras), SYNTH_CAMERAS_MIN, SYNTH_CAMERAS_MAX},
    {"images", NUMBER, SYNTH, AT(images), SYNTH_IMAGES_MIN, SYNTH_IMAGES_MAX},
    {"resume", FLAG, TRAIN, AT(resume), 0, 0},
    {"quiet", FLAG, TRAIN, AT(quiet), 0, 0},
    {"defines", FLAG, CHECK_DATA, AT(defines), 0, 0},
    {"layouts", FLAG, CHECK_DATA, AT(layouts), 0, 0},
};
#define N_OPTIONS (sizeof options / sizeof *options)

static Status usage_error(const char *hint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static Status usage_error(const char *hint, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("graphrun: error: ", stderr);
  vfprintf(stderr, format, list);
  va_end(list);
  fprintf(stderr, "\nhint: %s\n", hint ? hint : "graphrun --help lists commands and options");
  return STATUS_USAGE;
}

/* ---- commands ---- */

/* Ranks of one host share its cores. */
static uint32_t threads_of(const Args *a) {
  if (a->threads) return (uint32_t)a->threads;
  uint32_t own = threads_default() / (a->joined ? ranks_on_host() : 1);
  return own ? own : 1;
}

static bool skips(const Args *a) {
  return a->bad_images && strcmp(a->bad_images, "skip") == 0;
}

/* What a command writes must not replace what it reads. */
static Status keep_inputs(const Args *a, const char *out) {
  const char *const read[] = {a->operand, a->data, a->weights, a->feed, a->compare};
  for (size_t i = 0; i < sizeof read / sizeof *read; i++)
    if (file_same(out, read[i]))
      return usage_error("name another file", "the result would replace its input '%s'", read[i]);
  return STATUS_OK;
}

static Status choose_device(const Args *a, Diag *diag, const DeviceTable **out,
                            DeviceWishes *wishes) {
  TRY(device_choose(a->device ? a->device : DEVICE_DEFAULT, diag, out, wishes));
  if (a->math && strcmp(a->math, "exact") != 0 && strcmp(a->math, "tf32") != 0)
    return usage_error(NULL, "--math is exact or tf32, not '%s'", a->math);
  wishes->tf32 = a->math && strcmp(a->math, "tf32") == 0;
  wishes->no_graph = a->no_graph;
  wishes->place = a->joined ? a->joined->place : 0;
  return STATUS_OK;
}

static Status device_of(const Args *a, Diag *diag, const DeviceTable **out, DeviceWishes *wishes) {
  TRY(choose_device(a, diag, out, wishes));
  return (*out)->present ? (*out)->present(diag) : STATUS_OK;
}

static Status run_train(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(device_of(a, diag, &device, &wishes));
  TrainOptions o = {.plan = a->operand,
                    .device = device,
                    .wishes = wishes,
                    .data = a->data,
                    .out = a->out,
                    .init = a->init,
                    .init_skip = a->init_skip.at,
                    .n_init_skip = a->init_skip.n,
                    .init_prefix = a->init_prefix,
                    .resume = a->resume,
                    .epochs = a->epochs,
                    .steps = a->steps,
                    .stop_at = a->stop_at,
                    .seed = (uint64_t)a->seed,
                    .checkpoint_every = a->checkpoint_every,
                    .skip_bad_images = skips(a),
                    .workers = (uint32_t)a->workers,
                    .threads = threads_of(a),
                    .ranks = a->joined,
                    .rank_timeout = (double)a->rank_timeout,
                    .quiet = a->quiet};
  return train_run(&o, diag);
}

static Status run_exec(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(keep_inputs(a, a->out));
  TRY(device_of(a, diag, &device, &wishes));
  ExecOptions o = {.plan = a->operand,
                   .device = device,
                   .wishes = wishes,
                   .program = a->program,
                   .feed = a->feed,
                   .weights = a->weights,
                   .fetch = a->fetch,
                   .out = a->out,
                   .threads = threads_of(a)};
  return exec_run(&o, diag);
}

static Status run_bench(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(keep_inputs(a, a->trace));
  TRY(device_of(a, diag, &device, &wishes));
  BenchOptions o = {.plan = a->operand,
                    .device = device,
                    .wishes = wishes,
                    .program = a->program,
                    .trace = a->trace,
                    .threads = threads_of(a),
                    .ranks = a->joined,
                    .steps = a->steps,
                    .warm = a->warm};
  return bench_run(&o, diag);
}

static Status run_check_data(const Args *a, Diag *diag) {
  CheckDataOptions o = {
      .data = a->operand, .defines = a->defines, .layouts = a->layouts, .workers = threads_of(a)};
  return check_data_run(&o, diag);
}

static Status run_eval(const Args *a, Diag *diag) {
  if (a->baseline && strcmp(a->baseline, "color") != 0)
    return usage_error(NULL, "--baseline is color, not '%s'", a->baseline);
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(keep_inputs(a, a->out));
  TRY(device_of(a, diag, &device, &wishes));
  EvalOptions o = {.plan = a->operand,
                   .device = device,
                   .wishes = wishes,
                   .weights = a->weights,
                   .data = a->data,
                   .domain = a->domain,
                   .protocol = a->protocol,
                   .baseline_color = a->baseline != NULL,
                   .out = a->out,
                   .compare = a->compare,
                   .skip_bad_images = skips(a),
                   .workers = (uint32_t)a->workers,
                   .threads = threads_of(a),
                   .ranks = a->joined,
                   .seed = (uint64_t)a->seed};
  return eval_run(&o, diag);
}

static Status run_info(const Args *a, Diag *diag) {
  const DeviceTable *device = NULL; /* a plan for another machine can be read, too */
  DeviceWishes wishes = {0};
  if (a->device) TRY(choose_device(a, diag, &device, &wishes));
  return info_run(a->operand, device, &wishes, diag);
}

static Status run_synth(const Args *a, Diag *diag) {
  SynthOptions o = {.dir = a->operand,
                    .seed = (uint64_t)a->seed,
                    .domains = (int)a->domains,
                    .train_ids = (int)a->ids,
                    .test_ids = (int)a->test_ids,
                    .cameras = (int)a->cameras,
                    .images = (int)a->images};
  return synth_write(&o, diag);
}

static const Command commands[] = {
    {"train", "PLAN", TRAIN, run_train}, {"eval", NULL, EVAL, run_eval},
    {"exec", "PLAN", EXEC, run_exec},    {"bench", "PLAN", BENCH, run_bench},
    {"info", "PLAN", INFO, run_info},    {"check-data", "DATA", CHECK_DATA, run_check_data},
    {"synth", "DIR", SYNTH, run_synth},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

/* ---- arguments ---- */

static const Command *find_command(const char *name) {
  const char *names[N_COMMANDS];
  for (size_t i = 0; i < N_COMMANDS; i++) {
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
    names[i] = commands[i].name;
  }
  const char *near = diag_nearest(name, names, N_COMMANDS);
  char hint[64];
  if (near) snprintf(hint, sizeof hint, "did you mean '%s'?", near);
  usage_error(near ? hint : NULL, "there is no command '%s'", name);
  return NULL;
}

static Status take_number(const Option *o, const char *text, int64_t *out) {
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (*text && !*end && errno == 0 && value >= o->low && value <= o->high) {
    *out = value;
    return STATUS_OK;
  }
  return usage_error(NULL, "--%s is %lld..%lld, not '%s'", o->name, (long long)o->low,
                     (long long)o->high, text);
}

static Status take_option(Args *a, const Command *command, const Option *o, const char *value) {
  if (!(o->commands & command->bit))
    return usage_error(NULL, "%s has no option --%s", command->name, o->name);
  char *at = (char *)a + o->at;
  if (o->kind == NUMBER) return take_number(o, value, (int64_t *)(void *)at);
  TextList *list = (TextList *)(void *)at;
  if (o->kind == FLAG)
    *(bool *)(void *)at = true;
  else if (o->kind == LIST)
    list->at[list->n++] = value;
  else
    *(const char **)(void *)at = value;
  return STATUS_OK;
}

static Status unknown_option(const char *text) {
  const char *names[N_OPTIONS];
  for (size_t i = 0; i < N_OPTIONS; i++) names[i] = options[i].name;
  char name[64], hint[80];
  text_format(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
  const char *near = strncmp(name, "--", 2) == 0 ? diag_nearest(name + 2, names, N_OPTIONS) : NULL;
  if (near) snprintf(hint, sizeof hint, "did you mean '--%s'?", near);
  return usage_error(near ? hint : NULL, "unknown option '%s'", name);
}

static Status refuse_single_dash(const char *given) {
  char hint[160];
  if (strncmp(given, "-output", 7) == 0)
    text_format(hint, sizeof hint, "did you mean '--out%s'?", given + 7);
  else
    text_format(hint, sizeof hint, "did you mean '-%s'?", given);
  return usage_error(hint, "'%s' has one dash, a long option has two", given);
}

/* argv[0] is the command. */
static Status parse(Args *a, const Command *command, int argc, char **argv) {
  struct option table[N_OPTIONS + 1];
  memset(table, 0, sizeof table);
  for (size_t i = 0; i < N_OPTIONS; i++)
    table[i] =
        (struct option){options[i].name, options[i].kind == FLAG ? no_argument : required_argument,
                        NULL, 256 + (int)i};
  const char *dash = option_single_dash(argc, argv, table);
  if (dash) return refuse_single_dash(dash);
  opterr = 0;
  for (int found; (found = getopt_long(argc, argv, ":o:", table, NULL)) != -1;) {
    if (found == ':') return usage_error(NULL, "option '%s' needs a value", argv[optind - 1]);
    if (found == '?') return unknown_option(argv[optind - 1]);
    TRY(take_option(a, command, &options[found == 'o' ? OUT : found - 256], optarg));
  }
  if (a->bad_images && !skips(a) && strcmp(a->bad_images, "fatal") != 0)
    return usage_error(NULL, "--bad-images is fatal or skip, not '%s'", a->bad_images);
  if (optind < argc) a->operand = argv[optind++];
  if (optind < argc)
    return usage_error(NULL, "%s takes one operand: what is '%s'?", command->name, argv[optind]);
  if (!a->operand && command->operand && !a->layouts)
    return usage_error(NULL, "nothing named: graphrun %s %s", command->name, command->operand);
  return STATUS_OK;
}

/* ---- the process ---- */

/* A standard stream that is closed would be given to the next file that is opened, and messages
 * would be written into that: what stands there instead refuses them. */
static void hold_streams(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* What was printed must have been taken, unless there is an error already to tell of. */
static Status check_output(Status status, Diag *diag) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return status;
  if (status != STATUS_OK) return status;
  return diag_error(diag, STATUS_SYSTEM, "standard output", NULL, "cannot write%s%s",
                    errno ? ": " : "", errno ? strerror(errno) : "");
}

/* True when nothing but a text is asked for. */
static bool print_text(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    bool help = strcmp(argv[i], "--help") == 0;
    if (!help && strcmp(argv[i], "--version") != 0) continue;
    if (help)
      fputs(usage_text, stdout);
    else
      printf("graphrun 1, plan version %d\n", PLAN_VERSION);
    return true;
  }
  return false;
}

/* Where a list of GPUs stands behind the device's name there is a process for each of them, on each
 * host. */
static Status one_for_each(Args *a, const char *which) {
  int64_t n = 1;
  for (const char *at = which; at && (at = strchr(at, ',')); at++) n++;
  if (n == 1 || ranks_launched()) return STATUS_OK;
  if (a->ranks && a->ranks != n)
    return usage_error("leave --ranks out", "--device=%s is for %lld processes, --ranks=%lld",
                       a->device, (long long)n, (long long)a->ranks);
  a->ranks = n;
  return STATUS_OK;
}

/* Before they are started: a plan that trains must be for as many. */
static Status check_plan(const Args *a, const Command *command, const DeviceTable *device,
                         Diag *diag) {
  Plan *plan;
  if (command->bit == EVAL) return STATUS_OK; /* any plan will do */
  TRY(plan_open(a->operand, device, diag, &plan));
  Status status = plan_fits_ranks(plan, (uint32_t)a->ranks, diag);
  plan_destroy(plan);
  return status;
}

/* Becomes a rank where the process was started as one, or starts them: then they do everything, and
 * *out_code is their exit code. */
static Status join_ranks(Args *a, const Command *command, char **argv, Diag *diag, int *out_code) {
  if (!(command->bit & (TRAIN | EVAL | BENCH))) return STATUS_OK;
  const DeviceTable *device = NULL;
  DeviceWishes wishes = {0};
  bool stop = false;
  Status early = a->device ? device_of(a, diag, &device, &wishes) : STATUS_OK; /* told once */
  TRY(one_for_each(a, wishes.which));
  if (!ranks_launched()) {
    TRY(early);
    if (a->ranks <= 1) return STATUS_OK;
    TRY(check_plan(a, command, device, diag));
    return ranks_launch((uint32_t)a->ranks, argv, diag, out_code);
  }
  TRY(ranks_open(diag, &a->joined));
  /* The first speaks for all; what another one has to say is a message. */
  if (a->joined->rank && !freopen("/dev/null", "w", stdout))
    early = diag_error(diag, STATUS_SYSTEM, "/dev/null", NULL, "cannot write: %s", strerror(errno));
  if (a->ranks && a->ranks != a->joined->count)
    early = diag_error(diag, STATUS_USAGE, "--ranks", "leave it out under mpirun or srun",
                       "%lld ranks, and %u were started", (long long)a->ranks, a->joined->count);
  return together(a->joined, early, &stop, diag);
}

static Status run(int argc, char **argv, Ranks **out_ranks, Diag *diag) {
  if (argc < 2) return usage_error(NULL, "no command");
  if (print_text(argc, argv)) return STATUS_OK;
  const Command *command = find_command(argv[1]);
  if (!command) return STATUS_USAGE;
  const char **list = calloc((size_t)argc, sizeof *list);
  if (!list) return diag_no_memory(diag, (size_t)argc * sizeof *list);
  Args args = {.warm = 1, .rank_timeout = 8, .init_skip.at = list};
  int code = -1; /* of ranks that were started */
  Status status = parse(&args, command, argc - 1, argv + 1);
  if (status == STATUS_OK) status = join_ranks(&args, command, argv, diag, &code);
  *out_ranks = args.joined;
  if (code >= 0) {
    free(list);
    return (Status)code;
  }
  if (status == STATUS_OK) status = command->run(&args, diag);
  free(list);
  return status;
}

int main(int argc, char **argv) {
  hold_streams();
  Diag *diag = diag_create();
  if (!diag) {
    fputs("graphrun: error: out of memory\n", stderr);
    return STATUS_SYSTEM;
  }
  Ranks *ranks = NULL;
  Status status = check_output(run(argc, argv, &ranks, diag), diag);
  if (ranks && ranks->rank && diag_entry(diag, 0))
    fprintf(stderr, "rank %u of %u:\n", ranks->rank, ranks->count);
  diag_print(diag, stderr);
  diag_destroy(diag);
  ranks_close(ranks, status);
  return (int)status;
}
