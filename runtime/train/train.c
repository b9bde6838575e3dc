/* The loop: choose a program, set its inputs, run its steps, look at its scalars, commit. */
#include "runtime/train/train.h"

#include "graph/base/replace.h"
#include "graph/base/text.h"
#include "graph/base/threads.h"
#include "runtime/data/loader_check.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"
#include "runtime/execute/weights.h"
#include "runtime/ranks/open.h"
#include "runtime/ranks/together.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/config.h"
#include "runtime/train/feed.h"
#include "runtime/train/journal.h"
#include "runtime/train/keep.h"
#include "runtime/train/live.h"
#include "runtime/train/progress.h"
#include "runtime/train/scalars.h"
#include "runtime/train/scores.h"
#include "runtime/train/stop.h"
#include "runtime/train/watch.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

typedef struct Train {
  const TrainOptions *options;
  Diag *diag;
  Plan *plan;
  DataSet *data;
  Schedule schedule;
  Run run;
  Journal *journal;
  char *table; /* what --init=F gave */
  size_t table_size;
  Executor *executor;
  Feed *feed;
  Loader *loader;
  Scalars *scalars;
  Watch *watch;
  Scores *scores;
  Live *live;                /* NULL: another rank writes the page */
  int64_t per_epoch;         /* steps */
  uint64_t eval_data;        /* fingerprint */
  int64_t end, every, saved; /* saved: the step of the last checkpoint */
  Progress progress;
  bool ahead; /* the next step's inputs are drawn: with what end, and how long it took */
  Status drawn;
  double drawn_seconds;
  bool first, stop; /* this rank writes; some rank was asked to stop */
  char checkpoint[PATH_MAX];
  char source[PATH_MAX]; /* what is resumed from */
  double best;           /* the highest mean mAP so far, with select_best */
  int64_t best_step;     /* steps done there; 0: none */
} Train;

/* ---- the loop ---- */

/* Warnings are printed when they arise: a run may last for days.  Beside an error, which may have
 * arisen ahead of its step, they wait for its turn. */
static void print_warnings(Train *t) {
  if (!diag_entry(t->diag, 0) || diag_error_count(t->diag)) return;
  progress_clear(&t->progress);
  diag_print(t->diag, stderr);
  diag_clear(t->diag);
}

static Status save(Train *t) {
  if (t->saved == t->run.step) return STATUS_OK;
  if (!t->first) {
    t->saved = t->run.step;
    return STATUS_OK;
  }
  TRY(journal_sync(t->journal, t->diag));
  TRY(checkpoint_write(t->executor, &t->run, t->checkpoint, t->diag));
  t->saved = t->run.step;
  return t->options->keep ? keep_step(t->options->out, t->saved, t->options->keep, t->diag)
                          : STATUS_OK;
}

static Status check_finite(const Train *t, uint32_t program) {
  NotFinite found;
  if (!scalars_not_finite(t->scalars, program, &found)) return STATUS_OK;
  const PlanProgram *p = &t->plan->programs[program];
  const SourceLoc *loc = &t->plan->symbols->locs[p->graph->nodes[found.node].stamp.loc];
  char place[300] = "";
  if (loc->line)
    snprintf(place, sizeof place, " (%.200s:%u)", plan_text(t->plan, loc->file), loc->line);
  char hint[400] = "a smaller learning rate, or a limit on the gradient's norm";
  size_t used = strlen(hint);
  if (t->run.step > 0)
    snprintf(hint + used, sizeof hint - used,
             "; the checkpoint of step %" PRId64 " is whole, --resume --stop-at=%" PRId64
             " ends just before this step",
             t->saved, t->run.step);
  return diag_error(t->diag, STATUS_SYSTEM, t->options->plan, hint,
                    "step %" PRId64 ", program '%s': '%s'%s is %s", t->run.step,
                    plan_text(t->plan, p->name), found.name, place,
                    isnan(found.value) ? "not a number"
                    : found.value > 0  ? "infinite"
                                       : "minus infinite");
}

/* Sets the inputs of a step. */
static Status draw(Train *t, uint32_t program, int64_t step) {
  if (t->loader) TRY(feed_batch(t->feed, program, t->loader, t->diag));
  print_warnings(t);
  return feed_scalars(t->feed, program, step, t->diag);
}

/* Where the device has memory of its own the next step's inputs are drawn, and sent, while it is at
 * work; what goes wrong there is told when that step's turn has come. */
static void draw_ahead(Train *t) {
  int64_t next = t->run.step + 1;
  if (!executor_sends(t->executor) || next >= t->end || t->stop || stop_signal) return;
  if (scores_due(t->scores, next)) return; /* its images would be sent over them */
  double begin = progress_clock();
  uint32_t program = feed_program(t->feed, next);
  t->ahead = true;
  t->drawn = draw(t, program, next);
  executor_step_is(t->executor, next);
  if (t->drawn == STATUS_OK) t->drawn = executor_send(t->executor, program, t->diag);
  executor_step_is(t->executor, t->run.step);
  t->drawn_seconds = progress_clock() - begin;
}

/* With the weights of run.step steps. While ranks share the images they wait longer for each other.
 */
static Status evaluate(Train *t) {
  Ranks *ranks = t->options->ranks;
  char text[500];
  if (ranks) ranks->timeout = RANKS_PATIENCE;
  executor_step_is(t->executor, -1);
  TRY(scores_evaluate(t->scores, t->diag));
  if (ranks) ranks->timeout = t->options->rank_timeout;
  print_warnings(t);
  if (!t->first) return STATUS_OK;
  scores_log(t->scores, t->journal);
  scores_text(t->scores, text, sizeof text);
  progress_note(&t->progress, t->run.step, text);
  t->progress.between = scores_seconds(t->scores) / (double)scores_every(t->scores);
  snprintf(t->progress.score, sizeof t->progress.score, "mAP %.1f %%",
           100 * scores_mean(t->scores));
  return STATUS_OK;
}

/* Nothing of a step is written, and no file changes, before its scalars are known to be finite. An
 * output may be a state's value before the step: commits come last. */
static Status train_step(Train *t, uint32_t program, double begin, double data_seconds) {
  executor_step_is(t->executor, t->run.step);
  TRY(executor_steps(t->executor, program, t->diag));
  feed_show(t->feed);
  if (t->loader) loader_positions(t->loader, t->run.positions); /* before more is drawn */
  draw_ahead(t);
  TRY(scalars_read(t->scalars, program, t->diag));
  TRY(check_finite(t, program));
  double loss = scalars_loss(t->scalars, program);
  if (t->first) {
    watch_step(t->watch, t->scalars, program, t->run.step, t->diag);
    watch_text(t->watch, t->progress.watched, sizeof t->progress.watched);
    print_warnings(t);
    journal_begin(t->journal, t->run.step);
    scalars_log(t->scalars, program, t->feed, t->journal);
  }
  TRY(executor_commit(t->executor, program, t->diag));
  JournalTimes times = {progress_clock() - begin, data_seconds, 0};
  t->run.step++;
  if (scores_due(t->scores, t->run.step)) {
    TRY(evaluate(t));
    times.eval_seconds = scores_seconds(t->scores);
  }
  if (t->first) TRY(journal_end(t->journal, &times, t->diag));
  progress_step(&t->progress, t->run.step - 1, times.seconds, data_seconds, loss);
  return STATUS_OK;
}

/* Ranks meet before each step: with a batch, a failure, or a signal that only one of them got. */
static Status meet(Train *t, Status own) {
  t->stop |= stop_signal != 0;
  return together(t->options->ranks, own, &t->stop, t->diag);
}

/* While the first rank writes a checkpoint the others wait, however slow the disk. */
static Status write_and_meet(Train *t, Status (*write)(Train *)) {
  Ranks *ranks = t->options->ranks;
  if (ranks) ranks->timeout = RANKS_PATIENCE;
  ranks_waits(ranks, "while what step %" PRId64 " left was written", t->run.step);
  Status status = meet(t, write(t));
  if (ranks) ranks->timeout = t->options->rank_timeout;
  return status;
}

/* The checkpoint that is the best so far gets a name of its own. */
static Status save_best(Train *t) {
  Status status = save(t);
  if (!t->first || status != STATUS_OK) return status;
  double mean = scores_mean(t->scores);
  if (isnan(mean) || (t->best_step && mean <= t->best)) return STATUS_OK;
  t->best = mean;
  t->best_step = t->run.step;
  return keep_best(t->options->out, t->diag);
}

/* Which state took which tensor of --init=F. */
static Status write_table(const Train *t) {
  char path[PATH_MAX];
  if (!t->table) return STATUS_OK;
  if (snprintf(path, sizeof path, "%s/init.tsv", t->options->out) >= (int)sizeof path)
    return diag_error(t->diag, STATUS_SYSTEM, t->options->out, NULL, "the path is too long");
  int code = file_replace(path, &(FilePart){t->table, t->table_size}, 1, false);
  if (!code) return STATUS_OK;
  return diag_error(t->diag, STATUS_SYSTEM, path, NULL, "cannot write: %s", strerror(code));
}

/* A folder that refuses is found out before the first step, and --resume always finds something. */
static Status save_first(Train *t) {
  TRY(save(t));
  if (!t->first) return STATUS_OK;
  TRY(config_write(t->options, t->plan, &t->run, t->eval_data, t->diag));
  TRY(write_table(t));
  LiveOptions options = {.folder = t->options->out,
                         .plan = t->options->plan,
                         .step = t->run.step,
                         .end = t->end,
                         .tensorboard = t->options->tensorboard};
  return live_open(&options, t->diag, &t->live);
}

static Status train_loop(Train *t) {
  if (t->loader) loader_positions(t->loader, t->run.positions);
  TRY(write_and_meet(t, save_first));
  while (t->run.step < t->end && !t->stop) {
    double begin = progress_clock();
    uint32_t program = feed_program(t->feed, t->run.step);
    Status drawn = t->ahead ? t->drawn : draw(t, program, t->run.step);
    double data_seconds = t->ahead ? t->drawn_seconds : progress_clock() - begin;
    t->ahead = false;
    ranks_waits(t->options->ranks, "before step %" PRId64, t->run.step);
    TRY(meet(t, drawn)); /* a batch that was drawn is trained on, whoever is asked to stop */
    TRY(train_step(t, program, begin, t->loader ? data_seconds : 0));
    if (t->options->select_best && scores_due(t->scores, t->run.step))
      TRY(write_and_meet(t, save_best));
    if (t->run.step % t->every == 0) TRY(write_and_meet(t, save));
    live_step(t->live, progress_clock(), t->diag);
  }
  TRY(write_and_meet(t, save));
  progress_clear(&t->progress);
  if (t->run.step == t->end) return STATUS_OK;
  if (!t->first) return STATUS_SYSTEM;
  char by[32] = "a signal to another rank";
  if (stop_signal == RANKS_STOP)
    snprintf(by, sizeof by, "a signal");
  else if (stop_signal)
    snprintf(by, sizeof by, "signal %d", (int)stop_signal);
  return diag_error(t->diag, STATUS_SYSTEM, t->checkpoint, "--resume goes on from here",
                    "stopped by %s after %" PRId64 " of %" PRId64
                    " steps; the checkpoint is written",
                    by, t->run.step, t->end);
}

/* Which weights the run stands for, and by what they were chosen. */
static void describe_weights(const Train *t, char *text, size_t size) {
  const TrainOptions *o = t->options;
  if (!t->best_step)
    text_format(text, size, "%s, of the last step (%" PRId64 "); no evaluation chose them",
                t->checkpoint, t->run.step);
  else
    text_format(text, size,
                "%s/best.safetensors, of step %" PRId64
                ", chosen for the highest mAP (%.2f %%) in the evaluations on %s%s",
                o->out, t->best_step, 100 * t->best, o->eval_data ? o->eval_data : o->data,
                scores_on_target(t->scores)
                    ? ", which was not trained on: its figures are no test of these weights"
                    : "");
}

static void print_summary(const Train *t) {
  char text[256], weights[2 * PATH_MAX], watched[1000];
  if (t->options->quiet || !t->first) return;
  progress_summary(&t->progress, text, sizeof text);
  watch_summary(t->watch, watched, sizeof watched);
  describe_weights(t, weights, sizeof weights);
  printf("step %" PRId64 " of %" PRId64 "%s\n%swrote %s\nweights: %s\n", t->run.step,
         t->schedule.total_steps, text, watched, t->checkpoint, weights);
}

/* The page as the run ends. */
static void write_last_page(Train *t, Status status) {
  char weights[2 * PATH_MAX], message[4000] = "";
  const DiagEntry *entry;
  for (size_t i = 0; (entry = diag_entry(t->diag, i)) && entry->code == STATUS_OK;) i++;
  if (entry)
    text_format(message, sizeof message, "%s: %s\n%s%s", entry->place ? entry->place : "",
                entry->text, entry->hint ? "hint: " : "", entry->hint ? entry->hint : "");
  bool stopped = t->stop && t->saved == t->run.step && t->run.step < t->end;
  describe_weights(t, weights, sizeof weights);
  PageState state = {.status = status == STATUS_OK ? t->end == t->schedule.total_steps
                                                         ? "complete"
                                                         : "ended early, by --stop-at"
                               : stopped           ? "stopped"
                                                   : "failed",
                     .failed = status != STATUS_OK && !stopped,
                     .message = *message ? message : NULL,
                     .weights = status == STATUS_OK ? weights : NULL};
  live_end(t->live, &state, t->diag);
}

/* ---- setting up ---- */

static Status open_data(Train *t) {
  const TrainOptions *o = t->options;
  if (!feed_needs_data(t->plan)) {
    if (o->data)
      diag_warning(t->diag, "--data", NULL, "the model reads no images: %s is not used", o->data);
    if (o->workers || o->skip_bad_images)
      diag_warning(t->diag, o->workers ? "--workers" : "--bad-images", NULL,
                   "the model reads no images: this does nothing");
    return STATUS_OK;
  }
  if (!o->data)
    return diag_error(t->diag, STATUS_USAGE, o->plan,
                      "--data=DATA names a CSV manifest, a folder or a .domains file",
                      "the model trains on images, and --data is not given");
  PaperChoice choice = {0};
  if (o->protocol && paper_is(o->protocol)) TRY(paper_parse(o->protocol, t->diag, &choice));
  TRY(dataset_read_of_plan(o->data, &choice, false, t->plan, t->diag, &t->data));
  /* Before the length of the schedule follows from them; a checkpoint says more of other data. */
  if (!o->resume) TRY(loader_check(t->plan, t->data, t->diag));
  t->run.positions = calloc(t->plan->training.n_domains + 1u, sizeof *t->run.positions);
  return t->run.positions ? STATUS_OK : diag_no_memory(t->diag, sizeof *t->run.positions);
}

static Status plan_run(Train *t) {
  const TrainOptions *o = t->options;
  t->per_epoch = t->data ? loader_steps_per_epoch(t->plan, t->data) : 1;
  TRY(schedule_create(t->plan, o->steps, o->epochs, t->per_epoch, t->diag, &t->schedule));
  int64_t total = t->schedule.total_steps, tenth = total / 10;
  t->end = o->stop_at > 0 && o->stop_at < total ? o->stop_at : total;
  t->every = o->checkpoint_every > 0 ? o->checkpoint_every
             : tenth < 1             ? 1
             : tenth > 500           ? 500
                                     : tenth;
  t->run.plan_path = o->plan;
  t->run.schedule = &t->schedule;
  t->run.seed = o->seed;
  t->run.data = t->data;
  t->saved = -1;
  return STATUS_OK;
}

/* The newest: checkpoint.safetensors, and where that was lost, the newest of the others that is
 * whole. */
static Status find_checkpoint(Train *t, bool there) {
  int64_t step;
  snprintf(t->source, sizeof t->source, "%s", t->checkpoint);
  if (there) return STATUS_OK;
  if (!keep_newest(t->options->out, t->source, sizeof t->source, &step))
    return diag_error(t->diag, STATUS_INVALID, t->checkpoint,
                      "without --resume the run begins anew",
                      "there is no checkpoint to resume from");
  diag_warning(t->diag, t->checkpoint, NULL,
               "is not there: the run goes on from the newest that is, %s of step %" PRId64,
               t->source, step);
  return STATUS_OK;
}

/* Of what killed processes left half done; only of a run that is ours. */
static void clean_folder(const Train *t) {
  static const char *const names[] = {"checkpoint.safetensors", "report.html", "config.defs"};
  char path[PATH_MAX + 32];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", t->options->out, names[i]);
    file_replace_clean(path);
  }
  keep_clean(t->options->out);
}

/* Refuses to write over another run, and to resume none. */
static Status open_folder(Train *t) {
  const TrainOptions *o = t->options;
  if (t->first) TRY(journal_open(o->out, t->diag, &t->journal));
  if (snprintf(t->checkpoint, sizeof t->checkpoint, "%s/checkpoint.safetensors", o->out) >=
      (int)sizeof t->checkpoint)
    return diag_error(t->diag, STATUS_SYSTEM, o->out, NULL, "the path is too long");
  bool there = access(t->checkpoint, F_OK) == 0;
  if (!t->first) return o->resume ? find_checkpoint(t, there) : STATUS_OK;
  if (o->resume) {
    clean_folder(t);
    return find_checkpoint(t, there);
  }
  /* What failed before its first step left nothing that a run would miss. */
  if (there && !journal_is_used(t->journal) && checkpoint_is_initial(t->checkpoint))
    there = unlink(t->checkpoint) != 0;
  if (there || journal_is_used(t->journal))
    return diag_error(
        t->diag, STATUS_INVALID, o->out, "--resume goes on with it; or give another --out",
        "the folder holds a run already (%s)", there ? "checkpoint.safetensors" : "metrics.jsonl");
  clean_folder(t);
  return STATUS_OK;
}

static Status resume(Train *t) {
  const TrainOptions *o = t->options;
  TRY(checkpoint_read(t->executor, t->source, &t->run, t->diag));
  t->saved = strcmp(t->source, t->checkpoint) == 0 ? t->run.step : -1;
  if (t->run.step > t->end)
    return diag_error(
        t->diag, STATUS_USAGE, t->source, "a larger --stop-at, or none, goes on from there",
        "the run is at step %" PRId64 ", after --stop-at=%" PRId64, t->run.step, t->end);
  if (!t->first) return STATUS_OK;
  TRY(journal_cut(t->journal, t->run.step, t->diag));
  if (o->select_best) t->best_step = journal_highest(t->journal, SCORES_MEAN, &t->best) + 1;
  if (t->best_step && keep_best_step(o->out) != t->best_step) t->best_step = 0;
  if (!o->quiet) printf("resumes from %s, step %" PRId64 "\n", t->source, t->run.step);
  return STATUS_OK;
}

static Status start_weights(Train *t) {
  const TrainOptions *o = t->options;
  if (o->resume) return resume(t);
  TRY(init_states(t->executor, o->seed, t->diag));
  if (!o->init) return STATUS_OK;
  SafeFile *file;
  TRY(safe_read(o->init, t->diag, &file));
  FILE *table = t->first ? open_memstream(&t->table, &t->table_size) : NULL;
  WeightsStart start = {.path = o->init,
                        .skip = o->init_skip,
                        .n_skip = o->n_init_skip,
                        .prefix = o->init_prefix,
                        .seed = o->seed,
                        .log = o->quiet || !t->first ? NULL : stdout,
                        .table = table};
  Status status = weights_start(t->executor, file, &start, t->diag);
  safe_close(file);
  bool whole = !t->first || (table && fclose(table) == 0);
  return whole || status != STATUS_OK ? status : diag_no_memory(t->diag, t->table_size);
}

static Status start_loader(Train *t) {
  const TrainOptions *o = t->options;
  if (!t->data) return STATUS_OK;
  bool parted = feed_is_parted(t->plan); /* else every rank reads whole batches */
  LoaderOptions options = {.plan = t->plan,
                           .data = t->data,
                           .seed = o->seed,
                           .workers = o->workers ? o->workers : t->options->threads,
                           .skip_bad = o->skip_bad_images,
                           .ranks = parted ? t->plan->ranks : 1,
                           .rank = parted && o->ranks ? o->ranks->rank : 0,
                           .start = o->resume ? t->run.positions : NULL,
                           .first_step = t->run.step};
  return loader_create(&options, t->diag, &t->loader);
}

/* How it will be evaluated while it trains, if it will. */
static Status open_scores(Train *t) {
  const TrainOptions *o = t->options;
  During *during = NULL;
  int64_t n = o->eval_every ? o->eval_every : 1, every = n;
  if (o->eval_epochs || !o->eval_every)
    every = n > INT64_MAX / t->per_epoch ? INT64_MAX : n * t->per_epoch;
  if (o->eval_every || o->eval_data) {
    const char *data = o->eval_data ? o->eval_data : o->data;
    if (!data)
      return diag_error(t->diag, STATUS_USAGE, "--eval-every", "--eval-data=DATA names them",
                        "there are no data to evaluate on");
    /* One of the paper's names the sets of --data. */
    bool of_data = o->protocol && paper_is(o->protocol) && o->eval_data;
    DuringOptions options = {.data = data,
                             .protocol = of_data ? NULL : o->protocol,
                             .skip_bad_images = o->skip_bad_images,
                             .workers = o->workers ? o->workers : o->threads,
                             .threads = o->threads,
                             .ranks = o->ranks};
    TRY(during_open(&options, t->executor, t->diag, &during));
    t->eval_data = during_fingerprint(during);
  }
  return scores_create(during, every, t->schedule.total_steps, t->diag, &t->scores);
}

static Status check_options(const TrainOptions *o, Diag *diag) {
  if (!o->out) return diag_error(diag, STATUS_USAGE, "--out", NULL, "train needs --out=DIR");
  if (o->steps > 0 && o->epochs > 0)
    return diag_error(diag, STATUS_USAGE, "--steps", NULL,
                      "--steps and --epochs both set the length of the schedule: give one");
  if ((o->n_init_skip || o->init_prefix) && !o->init)
    return diag_error(diag, STATUS_USAGE, o->n_init_skip ? "--init-skip" : "--init-prefix",
                      "--init=F names the file",
                      "says what is taken from a file, and there is no "
                      "--init");
  if (o->protocol && !paper_is(o->protocol) && !o->eval_every && !o->eval_data)
    return diag_error(diag, STATUS_USAGE, "--protocol",
                      "--eval-data=DATA evaluates while training; of --data it is one of the "
                      "paper's: 1, 2[:SET] or 3[:SET]",
                      "'%s' says how evaluations take queries and galleries, and there are none",
                      o->protocol);
  if (o->select_best && !o->eval_every && !o->eval_data)
    return diag_error(diag, STATUS_USAGE, "--select", "--eval-data=DATA names what it chooses on",
                      "best is the highest mAP of the evaluations, and there are none");
  if (o->init && o->resume)
    return diag_error(diag, STATUS_USAGE, "--init", NULL,
                      "--init begins a run, --resume goes on with one: give one");
  return STATUS_OK;
}

static Status set_up(Train *t) {
  const TrainOptions *o = t->options;
  TRY(check_options(o, t->diag));
  TRY(plan_open(o->plan, o->device, t->diag, &t->plan));
  TRY(feed_check(t->plan, t->diag));
  TRY(open_data(t));
  TRY(plan_run(t));
  TRY(open_folder(t));
  ExecutorOptions executor = {.threads = o->threads,
                              .program = EXECUTOR_ALL,
                              .device = o->device,
                              .wishes = o->wishes,
                              .ranks = o->ranks};
  TRY(executor_create_with(t->plan, &executor, t->diag, &t->executor));
  TRY(feed_create(t->executor, &t->schedule, o->seed, t->diag, &t->feed));
  TRY(scalars_create(t->executor, t->diag, &t->scalars));
  TRY(watch_create(t->plan, t->diag, &t->watch));
  TRY(open_scores(t));
  TRY(start_weights(t));
  TRY(start_loader(t));
  for (uint32_t i = 0; i < t->plan->n_programs; i++)
    if (t->plan->programs[i].kind == PROGRAM_TRAIN) TRY(executor_prepare(t->executor, i, t->diag));
  if (t->first) print_warnings(t);
  diag_clear(t->diag); /* the others' warnings are the same */
  fflush(stdout);
  return STATUS_OK;
}

/* What every rank must have alike, as one number. */
static uint64_t hash_run(const Train *t) {
  const char *protocol = t->options->protocol;
  const uint64_t run[] = {t->plan->model_hash,
                          t->plan->shards,
                          (uint64_t)t->schedule.total_steps,
                          (uint64_t)t->end,
                          (uint64_t)t->every,
                          t->run.seed,
                          (uint64_t)t->run.step,
                          t->data ? t->data->fingerprint : 0,
                          t->eval_data,
                          (uint64_t)t->options->eval_every,
                          protocol ? XXH3_64bits(protocol, strlen(protocol)) : 0};
  return XXH3_64bits(run, sizeof run);
}

static Status check_scores(Train *t) {
  TRY(scores_check(t->scores, t->options->quiet || !t->first, t->diag));
  print_warnings(t); /* of this rank's images */
  fflush(stdout);
  return STATUS_OK;
}

static Status set_up_together(Train *t) {
  const TrainOptions *o = t->options;
  if (o->ranks) {
    o->ranks->timeout = RANKS_PATIENCE;
    o->ranks->terminated = &stop_terminated;
  }
  ranks_waits(o->ranks, "while the run was set up");
  TRY(meet(t, set_up(t)));
  TRY(together_same(o->ranks, hash_run(t), "plan, data set, schedule or seed", t->diag));
  TRY(meet(t, check_scores(t)));
  if (o->ranks) o->ranks->timeout = o->rank_timeout;
  progress_start(&t->progress, t->end, feed_images(t->plan), o->quiet || !t->first);
  return STATUS_OK;
}

static void tear_down(Train *t) {
  progress_clear(&t->progress);
  live_close(t->live);
  loader_destroy(t->loader);
  scores_destroy(t->scores);
  scalars_destroy(t->scalars);
  watch_destroy(t->watch);
  feed_destroy(t->feed);
  executor_destroy(t->executor);
  journal_close(t->journal);
  free(t->run.positions);
  free(t->table);
  dataset_destroy(t->data);
  plan_destroy(t->plan);
}

Status train_run(const TrainOptions *options, Diag *diag) {
  TrainOptions o = *options;
  if (!o.threads) o.threads = threads_default();
  Train *t = calloc(1, sizeof *t);
  if (!t) return diag_no_memory(diag, sizeof *t);
  t->options = &o;
  t->diag = diag;
  t->first = together_first(o.ranks);
  StopHandlers handlers;
  stop_install(&handlers);
  Status status = set_up_together(t);
  if (status == STATUS_OK && t->run.step == t->end && o.resume) {
    if (t->saved != t->end) status = write_and_meet(t, save); /* it was lost */
    if (!o.quiet && t->first) printf("step %" PRId64 " is done already\n", t->end);
  } else if (status == STATUS_OK) {
    status = train_loop(t);
    write_last_page(t, status);
    if (status == STATUS_OK) print_summary(t);
  }
  tear_down(t);
  stop_restore(&handlers);
  free(t);
  return status;
}
