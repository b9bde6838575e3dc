/* graphrun: executes plans.  Arguments only; the work is in runtime/. */
#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/base/threads.h"
#include "graph/plan/plan.h"
#include "runtime/data/check_data.h"
#include "runtime/data/loader.h"
#include "runtime/device/find.h"
#include "runtime/eval/evaluate.h"
#include "runtime/eval/metrics_bench.h"
#include "runtime/eval/protocol.h"
#include "runtime/execute/bench.h"
#include "runtime/execute/exec.h"
#include "runtime/execute/info.h"
#include "runtime/execute/info_weights.h"
#include "runtime/execute/open.h"
#include "runtime/ranks/board.h"
#include "runtime/ranks/open.h"
#include "runtime/ranks/together.h"
#include "runtime/report/compare.h"
#include "runtime/study/study.h"
#include "runtime/synth/synth.h"
#include "runtime/train/keep.h"
#include "runtime/train/stop.h"
#include "runtime/train/train.h"
#include "tools/graphrun_options.h"
#include "tools/graphrun_pictures.h"
#include "tools/graphrun_use.h"
#include "tools/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An error of usage, beside what else there is to say; `hint` NULL: where help is. */
static Status usage_error(Diag *diag, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static Status usage_error(Diag *diag, const char *hint, const char *format, ...) {
  char text[1024];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return diag_error(diag, STATUS_USAGE, graphrun_table.name,
                    hint ? hint : "graphrun --help lists commands and options", "%s", text);
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
static Status keep_inputs(const Args *a, const char *out, Diag *diag) {
  bool listed = a->protocol && strncmp(a->protocol, "list:", 5) == 0;
  const char *const read[] = {a->operand, a->data,           a->weights,
                              a->feed,    a->compare,        a->features,
                              a->beside,  a->beside_weights, listed ? a->protocol + 5 : NULL};
  for (size_t i = 0; i < sizeof read / sizeof *read; i++)
    if (file_same(out, read[i]))
      return usage_error(diag, "name another file", "the result would replace its input '%s'",
                         read[i]);
  return STATUS_OK;
}

static bool wants_tf32(const Args *a) {
  return a->math && strcmp(a->math, "tf32") == 0;
}

static Status choose_device(const Args *a, Diag *diag, const DeviceTable **out,
                            DeviceWishes *wishes) {
  TRY(device_choose(a->device ? a->device : DEVICE_DEFAULT, diag, out, wishes));
  wishes->tf32 = wants_tf32(a);
  wishes->no_graph = a->no_graph;
  if (!(*out)->grants) TRY(device_wishes_none((*out)->name, wishes, diag));
  wishes->place = a->joined ? a->joined->place : 0;
  return STATUS_OK;
}

static Status device_of(const Args *a, Diag *diag, const DeviceTable **out, DeviceWishes *wishes) {
  TRY(choose_device(a, diag, out, wishes));
  return (*out)->present ? (*out)->present(wishes, diag) : STATUS_OK;
}

/* A number from 1 and the `word` that may stand behind it; 0: it is none. */
static int64_t read_count(const char *text, const char *word, bool *out_word) {
  char *end;
  errno = 0;
  long long n = strtoll(text, &end, 10);
  *out_word = *end && strcmp(end, word) == 0;
  bool good = *text >= '0' && *text <= '9' && errno == 0 && n >= 1 && n <= OPTION_MANY;
  return good && (!*end || *out_word) ? n : 0;
}

/* Of evaluation while training, and of checkpoints that stay. */
static Status read_train(const Args *a, TrainOptions *o, Diag *diag) {
  bool word;
  o->eval_data = a->eval_data;
  o->tensorboard = a->tensorboard;
  o->select_best = strcmp(a->select, "best") == 0;
  if (a->eval_every) o->eval_every = read_count(a->eval_every, "ep", &o->eval_epochs);
  if (a->eval_every && !o->eval_every)
    return usage_error(diag, NULL,
                       "--eval-every is a number of steps, N, or of epochs, Nep, not '%s'",
                       a->eval_every);
  if (!a->keep) return STATUS_OK;
  o->keep = strcmp(a->keep, "all") == 0 ? KEEP_ALL : read_count(a->keep, "", &word);
  if (o->keep) return STATUS_OK;
  return usage_error(diag, NULL, "--keep is a number of checkpoints from 1, or all, not '%s'",
                     a->keep);
}

static Status run_train(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(device_of(a, diag, &device, &wishes));
  TrainOptions o = {.plan = a->operand,
                    .device = device,
                    .wishes = wishes,
                    .data = a->data,
                    .protocol = a->protocol,
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
                    .rank_timeout = (double)(a->rank_timeout ? a->rank_timeout : RANK_TIMEOUT),
                    .quiet = a->quiet};
  if (a->rank_timeout && !a->joined)
    return usage_error(diag, "--ranks=N starts several",
                       "--rank-timeout is how long ranks wait for each other, and there is one");
  TRY(read_train(a, &o, diag));
  return train_run(&o, diag);
}

static Status run_exec(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(keep_inputs(a, a->out, diag));
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

static Status run_retrieval(const Args *a, Diag *diag) {
  MetricsBenchOptions o = {a->retrieval, threads_of(a)};
  if (a->operand || a->program || a->trace || a->device || a->joined)
    return usage_error(
        diag, "leave them out",
        "--retrieval runs no plan: what are a plan, --program, --trace, --device and "
        "--ranks for?");
  return metrics_bench(&o, diag);
}

static Status run_bench(const Args *a, Diag *diag) {
  if (a->retrieval) return run_retrieval(a, diag);
  const DeviceTable *device;
  DeviceWishes wishes;
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
  if (a->layouts && (a->operand || a->defines))
    return usage_error(diag, NULL, "--layouts lists the layouts and nothing else: what is %s for?",
                       a->operand ? a->operand : "--defines");
  if (a->layouts && a->protocol)
    return usage_error(diag, NULL, "--layouts lists the layouts and nothing else: what is %s for?",
                       "--protocol");
  if (a->threads && (a->layouts || a->defines || a->protocol))
    return usage_error(diag, "leave it out", "--threads open images, and --%s opens none",
                       a->layouts   ? "layouts"
                       : a->defines ? "defines"
                                    : "protocol");
  CheckDataOptions o = {.data = a->operand,
                        .protocol = a->protocol,
                        .tests = protocol_print,
                        .defines = a->defines,
                        .layouts = a->layouts,
                        .published = a->published,
                        .workers = threads_of(a)};
  return check_data_run(&o, diag);
}

static Status run_eval(const Args *a, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(device_of(a, diag, &device, &wishes));
  EvalOptions o = {.plan = a->operand,
                   .device = device,
                   .wishes = wishes,
                   .weights = a->weights,
                   .data = a->data,
                   .features = a->features,
                   .domain = a->domain,
                   .protocol = a->protocol,
                   .baseline_color = a->baseline != NULL,
                   .roc = a->roc,
                   .progress = true,
                   .out = a->out,
                   .compare = a->compare,
                   .skip_bad_images = skips(a),
                   .workers = (uint32_t)a->workers,
                   .threads = threads_of(a),
                   .ranks = a->joined,
                   .seed = (uint64_t)a->seed};
  if (a->cmc) TRY(choices_ranks(a->cmc, &o.ranks_shown, diag));
  if (a->rerank) TRY(choices_rerank(a->rerank, &o.rerank, diag));
  return graphrun_eval(a, &o, diag);
}

static Status run_info_start(const Args *a, Diag *diag) {
  WeightsStart start = {.path = a->init,
                        .skip = a->init_skip.at,
                        .n_skip = a->init_skip.n,
                        .prefix = a->init_prefix,
                        .table = stdout};
  if (!a->init)
    return usage_error(diag, "--init=F names the file",
                       "--init-skip and --init-prefix say what is taken from a file, and there is "
                       "no --init");
  return info_start_run(a->operand, &start, diag);
}

static Status run_use(const Args *a, uint32_t command, Diag *diag) {
  const DeviceTable *device;
  DeviceWishes wishes;
  TRY(keep_inputs(a, a->out, diag));
  TRY(device_of(a, diag, &device, &wishes));
  UseOptions o = {.network = {.plan = a->operand,
                              .weights = a->weights,
                              .device = device,
                              .wishes = wishes,
                              .threads = threads_of(a)},
                  .workers = a->workers ? (uint32_t)a->workers : threads_of(a),
                  .skip_bad_images = skips(a),
                  .progress = true};
  return graphrun_use(a, command, &o, diag);
}

static Status run_info(const Args *a, Diag *diag) {
  const DeviceTable *device = NULL; /* a plan for another machine can be read, too */
  DeviceWishes wishes = {0};
  if (!a->device && wants_tf32(a))
    return usage_error(diag, "--device=cuda --math=tf32 shows what such a run would say",
                       "--math=tf32 is said to a device, and info was given none");
  if (a->init || a->init_skip.n || a->init_prefix) return run_info_start(a, diag);
  if (info_weights_recognise(a->operand)) return info_weights_run(a->operand, diag);
  if (a->device) TRY(choose_device(a, diag, &device, &wishes));
  return info_run(a->operand, device, &wishes, diag);
}

static Status run_compare(const Args *a, Diag *diag) {
  CompareOptions o = {.runs = a->operands, .n = a->n_operands, .out = a->out, .json = a->json};
  return compare_run(&o, diag);
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

/* --cell=I/N: which part of the cells. */
static Status read_part(const Args *a, StudyOptions *o, Diag *diag) {
  unsigned part = 0, parts = 0;
  int end = 0;
  if (!a->cell) return STATUS_OK;
  if (sscanf(a->cell, "%7u/%7u%n", &part, &parts, &end) != 2 || a->cell[end] || part < 1 ||
      part > parts)
    return usage_error(diag, NULL, "--cell is I/N, from 1/N to N/N, not '%s'", a->cell);
  o->part = part - 1;
  o->parts = parts;
  return STATUS_OK;
}

static Status run_study(const Args *a, Diag *diag) {
  StudyOptions o = {.file = a->operand,
                    .out = a->out,
                    .data = a->data,
                    .init = a->init,
                    .init_skip = a->init_skip.at,
                    .n_init_skip = a->init_skip.n,
                    .init_prefix = a->init_prefix,
                    .defines = a->defines_of_all.at,
                    .n_defines = a->defines_of_all.n,
                    .includes = a->includes.at,
                    .n_includes = a->includes.n,
                    .only = a->only.at,
                    .n_only = a->only.n,
                    .seeds = (uint32_t)a->seeds,
                    .jobs = (uint32_t)a->jobs,
                    .threads = (uint32_t)a->threads,
                    .workers = (uint32_t)a->workers,
                    .skip_bad_images = skips(a),
                    .device = a->device,
                    .resume = a->resume,
                    .dry_run = a->dry_run,
                    .tables = a->tables,
                    .version = version_text()};
  o.changed = strcmp(a->changed, "redo") == 0   ? STUDY_REDO
              : strcmp(a->changed, "keep") == 0 ? STUDY_KEEP
                                                : STUDY_REFUSE;
  if (a->tables && (a->dry_run || a->only.n))
    return usage_error(diag, NULL, "--tables does no cell: what is --%s for?",
                       a->dry_run ? "dry-run" : "only");
  TRY(read_part(a, &o, diag));
  return study_run(&o, diag);
}

static Status run_command(const Args *a, uint32_t command, Diag *diag) {
  switch (command) {
  case TRAIN:
    return run_train(a, diag);
  case EVAL:
    return run_eval(a, diag);
  case EXEC:
    return run_exec(a, diag);
  case BENCH:
    return run_bench(a, diag);
  case INFO:
    return run_info(a, diag);
  case COMPARE:
    return run_compare(a, diag);
  case STUDY:
    return run_study(a, diag);
  case CHECK_DATA:
    return run_check_data(a, diag);
  case EXTRACT:
  case SEARCH:
  case COMPARE_IMAGES:
  case EXPORT:
    return run_use(a, command, diag);
  default:
    return run_synth(a, diag);
  }
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

/* Where a list of GPUs stands behind the device's name there is a process for each of them, on each
 * host. */
static Status one_for_each(Args *a, const char *which, Diag *diag) {
  int64_t n = 1;
  if (which && which[strspn(which, "0123456789,")]) return STATUS_OK; /* the device says so */
  for (const char *at = which; at && (at = strchr(at, ',')); at++) {
    if (at == which || at[-1] == ',' || !at[1]) return STATUS_OK;
    n++;
  }
  if (n == 1 || ranks_launched()) return STATUS_OK;
  if (a->ranks && a->ranks != n)
    return usage_error(diag, "leave --ranks out", "--device=%s is for %lld processes, --ranks=%lld",
                       a->device, (long long)n, (long long)a->ranks);
  a->ranks = n;
  return STATUS_OK;
}

/* Before they are started: a plan that trains must be for as many. */
static Status check_plan(const Args *a, uint32_t command, const DeviceTable *device, Diag *diag) {
  Plan *plan;
  if (command == EVAL) return STATUS_OK; /* any plan will do */
  TRY(plan_open(a->operand, device, diag, &plan));
  Status status = plan_fits_ranks(plan, (uint32_t)a->ranks, diag);
  plan_destroy(plan);
  return status;
}

/* What can be known before ranks meet, and is told once. */
static Status look_early(Args *a, uint32_t command, Diag *diag, const DeviceTable **device) {
  DeviceWishes wishes = {0};
  TrainOptions train;
  if (command == TRAIN) TRY(read_train(a, &train, diag));
  if (command == EVAL) TRY(keep_inputs(a, a->out, diag));
  if (command == EVAL && a->baseline && (a->device || wants_tf32(a) || a->no_graph))
    return usage_error(diag, "leave out --device, --math and --no-graph",
                       "--baseline=color runs no plan, and so needs no device");
  if (command == BENCH) TRY(keep_inputs(a, a->trace, diag));
  if (!a->device) return STATUS_OK;
  TRY(choose_device(a, diag, device, &wishes));
  TRY(one_for_each(a, wishes.which, diag));
  return (*device)->present ? (*device)->present(&wishes, diag) : STATUS_OK;
}

/* srun's tasks that do not know of each other would each do all of the work, into one folder. */
static Status check_apart(const Args *a, uint32_t command, const DeviceTable *device, Diag *diag) {
  bool first, several = a->ranks > 1;
  uint32_t tasks = ranks_apart(&first);
  if (!tasks) return STATUS_OK;
  if (!several && command != EVAL) {
    Plan *plan;
    TRY(plan_open(a->operand, device, diag, &plan));
    several = plan->ranks > 1;
    plan_destroy(plan);
  }
  if (!several) return STATUS_OK;
  if (!first) return STATUS_SYSTEM; /* one tells it for all */
  return diag_error(diag, STATUS_SYSTEM, "--ranks", RANKS_APART_HINT,
                    "srun started %u processes, and none of them knows the others: no PMI", tasks);
}

/* Becomes a rank where the process was started as one, or starts them: then they do everything, and
 * *out_code is their exit code. */
static Status join_ranks(Args *a, uint32_t command, char **argv, Diag *diag, int *out_code) {
  if (!(command & (TRAIN | EVAL | BENCH))) return STATUS_OK;
  const DeviceTable *device = NULL;
  bool stop = false;
  if (command == TRAIN) stop_listen();
  Status early = look_early(a, command, diag, &device);
  if (!ranks_launched()) {
    TRY(early);
    TRY(check_apart(a, command, device, diag));
    if (a->ranks <= 1) return STATUS_OK;
    if (command == TRAIN) ranks_listen();
    TRY(check_plan(a, command, device, diag));
    return ranks_launch((uint32_t)a->ranks, argv, diag, out_code);
  }
  board_ready();
  TRY(ranks_open(diag, &a->joined));
  /* The first speaks for all; what another one has to say is a message. */
  if (a->joined->rank && !freopen("/dev/null", "w", stdout))
    early = diag_error(diag, STATUS_SYSTEM, "/dev/null", NULL, "cannot write: %s", strerror(errno));
  if (a->ranks && a->ranks != a->joined->count)
    early = diag_error(diag, STATUS_USAGE, "--ranks", "leave it out under mpirun or srun",
                       "%lld ranks, and %u were started", (long long)a->ranks, a->joined->count);
  ranks_waits(a->joined, "before its work began");
  return together(a->joined, early, &stop, diag);
}

static Status run(int argc, char **argv, Ranks **out_ranks, Diag *diag) {
  size_t n = options_lists(&graphrun_table, argc);
  const char **lists = calloc(n, sizeof *lists);
  if (!lists) return diag_no_memory(diag, n * sizeof *lists);
  Args args = {0};
  ParsedLine line;
  int code = -1; /* of ranks that were started */
  Status status = options_parse(&graphrun_table, argc, argv, lists, &args, &line);
  if (status == STATUS_OK && line.command) {
    args.operand = line.n_operands ? line.operands[0] : NULL;
    args.operands = (const char *const *)line.operands;
    args.n_operands = line.n_operands;
    status = join_ranks(&args, line.command->bit, argv, diag, &code);
    *out_ranks = args.joined;
    if (code < 0 && status == STATUS_OK) status = run_command(&args, line.command->bit, diag);
  }
  free(lists);
  return code >= 0 ? (Status)code : status;
}

int main(int argc, char **argv) {
  hold_streams();
  board_join();
  Diag *diag = diag_create();
  if (!diag) {
    fputs("graphrun: error: out of memory\n", stderr);
    return STATUS_SYSTEM;
  }
  Ranks *ranks = NULL;
  char head[48] = "";
  Status status = check_output(run(argc, argv, &ranks, diag), diag);
  if (diag_error_count(diag)) board_told();
  if (ranks && ranks->rank)
    snprintf(head, sizeof head, "rank %u of %u:\n", ranks->rank, ranks->count);
  together_tell(ranks, diag);
  diag_print_under(diag, head, stderr);
  diag_destroy(diag);
  ranks_close(ranks, status);
  return (int)status;
}
