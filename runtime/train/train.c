/* The loop: choose a program, set its inputs, run its steps, look at its scalars, commit. */
#include "runtime/train/train.h"

#include "graph/base/replace.h"
#include "graph/base/threads.h"
#include "runtime/data/loader_check.h"
#include "runtime/execute/init.h"
#include "runtime/execute/open.h"
#include "runtime/execute/weights.h"
#include "runtime/ranks/open.h"
#include "runtime/ranks/together.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/feed.h"
#include "runtime/train/journal.h"
#include "runtime/train/progress.h"
#include "runtime/train/scalars.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
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
  Executor *executor;
  Feed *feed;
  Loader *loader;
  Scalars *scalars;
  int64_t end, every, saved; /* saved: the step of the last checkpoint */
  Progress progress;
  bool ahead; /* the next step's inputs are drawn: with what end, and how long it took */
  Status drawn;
  double drawn_seconds;
  bool first, stop; /* this rank writes; some rank was asked to stop */
  char checkpoint[PATH_MAX];
} Train;

/* ---- signals ---- */

static volatile sig_atomic_t stop_signal, terminated;

static void note_signal(int signal) {
  stop_signal = signal;
  terminated |= signal == SIGTERM;
}

typedef struct Handlers {
  struct sigaction interrupt, terminate, stop, size, pipe;
} Handlers;

/* A second signal of the same kind ends the process at once.  A file that grows too large, or a
 * reader of our messages that went away, is an error of the write, not the end of the run. */
static void handlers_install(Handlers *old) {
  struct sigaction stop = {.sa_handler = note_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  stop_signal = terminated = 0;
  sigaction(SIGINT, &stop, &old->interrupt);
  sigaction(SIGTERM, &stop, &old->terminate);
  sigaction(RANKS_STOP, &stop, &old->stop);
  sigaction(SIGXFSZ, &ignore, &old->size);
  sigaction(SIGPIPE, &ignore, &old->pipe);
}

static void handlers_restore(const Handlers *old) {
  sigaction(SIGINT, &old->interrupt, NULL);
  sigaction(SIGTERM, &old->terminate, NULL);
  sigaction(RANKS_STOP, &old->stop, NULL);
  sigaction(SIGXFSZ, &old->size, NULL);
  sigaction(SIGPIPE, &old->pipe, NULL);
}

/* ---- the loop ---- */

/* Warnings are printed when they arise: a run may last for days. */
static void print_warnings(Train *t) {
  if (!diag_entry(t->diag, 0)) return;
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
  return STATUS_OK;
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
  double begin = progress_clock();
  uint32_t program = feed_program(t->feed, next);
  t->ahead = true;
  t->drawn = draw(t, program, next);
  if (t->drawn == STATUS_OK) t->drawn = executor_send(t->executor, program, t->diag);
  t->drawn_seconds = progress_clock() - begin;
}

/* Nothing of a step is written, and no file changes, before its scalars are known to be finite. An
 * output may be a state's value before the step: commits come last. */
static Status train_step(Train *t, uint32_t program, double begin, double data_seconds) {
  TRY(executor_steps(t->executor, program, t->diag));
  feed_show(t->feed);
  if (t->loader) loader_positions(t->loader, t->run.positions); /* before more is drawn */
  draw_ahead(t);
  TRY(scalars_read(t->scalars, program, t->diag));
  TRY(check_finite(t, program));
  double loss = scalars_loss(t->scalars, program);
  if (t->first) {
    journal_begin(t->journal, t->run.step);
    scalars_log(t->scalars, program, t->feed, t->journal);
  }
  TRY(executor_commit(t->executor, program, t->diag));
  double seconds = progress_clock() - begin;
  if (t->first) TRY(journal_end(t->journal, seconds, data_seconds, t->diag));
  progress_step(&t->progress, t->run.step, seconds, data_seconds, loss);
  t->run.step++;
  return STATUS_OK;
}

/* Ranks meet before each step: with a batch, a failure, or a signal that only one of them got. */
static Status meet(Train *t, Status own) {
  t->stop |= stop_signal != 0;
  return together(t->options->ranks, own, &t->stop, t->diag);
}

/* While the first rank writes a checkpoint the others wait, however slow the disk. */
static Status save_and_meet(Train *t) {
  Ranks *ranks = t->options->ranks;
  if (ranks) ranks->timeout = RANKS_PATIENCE;
  Status status = meet(t, save(t));
  if (ranks) ranks->timeout = t->options->rank_timeout;
  return status;
}

static Status train_loop(Train *t) {
  /* A folder that refuses is found out now, and --resume always finds something. */
  if (t->loader) loader_positions(t->loader, t->run.positions);
  TRY(save_and_meet(t));
  while (t->run.step < t->end && !t->stop) {
    double begin = progress_clock();
    uint32_t program = feed_program(t->feed, t->run.step);
    Status drawn = t->ahead ? t->drawn : draw(t, program, t->run.step);
    double data_seconds = t->ahead ? t->drawn_seconds : progress_clock() - begin;
    t->ahead = false;
    TRY(meet(t, drawn)); /* a batch that was drawn is trained on, whoever is asked to stop */
    TRY(train_step(t, program, begin, t->loader ? data_seconds : 0));
    if (t->run.step % t->every == 0) TRY(save_and_meet(t));
  }
  TRY(save_and_meet(t));
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

static void print_summary(const Train *t) {
  char text[256];
  if (t->options->quiet || !t->first) return;
  progress_summary(&t->progress, text, sizeof text);
  printf("step %" PRId64 " of %" PRId64 "%s\nwrote %s\n", t->run.step, t->schedule.total_steps,
         text, t->checkpoint);
}

/* ---- setting up ---- */

static Status open_data(Train *t) {
  const TrainOptions *o = t->options;
  if (!feed_needs_data(t->plan)) {
    if (o->data)
      diag_warning(t->diag, "--data", NULL, "the model reads no images: %s is not used", o->data);
    return STATUS_OK;
  }
  if (!o->data)
    return diag_error(t->diag, STATUS_USAGE, o->plan,
                      "--data=DATA names a CSV manifest, a folder or a .domains file",
                      "the model trains on images, and --data is not given");
  TRY(dataset_read(o->data, t->diag, &t->data));
  /* Before the length of the schedule follows from them; a checkpoint says more of other data. */
  if (!o->resume) TRY(loader_check(t->plan, t->data, t->diag));
  t->run.positions = calloc(t->plan->training.n_domains + 1u, sizeof *t->run.positions);
  return t->run.positions ? STATUS_OK : diag_no_memory(t->diag, sizeof *t->run.positions);
}

static Status plan_run(Train *t) {
  const TrainOptions *o = t->options;
  int64_t per_epoch = t->data ? loader_steps_per_epoch(t->plan, t->data) : 1;
  TRY(schedule_create(t->plan, o->steps, o->epochs, per_epoch, t->diag, &t->schedule));
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

/* Refuses to write over another run, and to resume none. */
static Status open_folder(Train *t) {
  const TrainOptions *o = t->options;
  if (t->first) TRY(journal_open(o->out, t->diag, &t->journal));
  if (snprintf(t->checkpoint, sizeof t->checkpoint, "%s/checkpoint.safetensors", o->out) >=
      (int)sizeof t->checkpoint)
    return diag_error(t->diag, STATUS_SYSTEM, o->out, NULL, "the path is too long");
  if (!t->first) return STATUS_OK;
  bool there = access(t->checkpoint, F_OK) == 0;
  if (o->resume && !there)
    return diag_error(t->diag, STATUS_INVALID, t->checkpoint,
                      "without --resume the run begins anew",
                      "there is no checkpoint to resume from");
  /* What failed before its first step left nothing that a run would miss. */
  if (!o->resume && there && !journal_is_used(t->journal) && checkpoint_is_initial(t->checkpoint))
    there = unlink(t->checkpoint) != 0;
  if (!o->resume && (there || journal_is_used(t->journal)))
    return diag_error(
        t->diag, STATUS_INVALID, o->out, "--resume goes on with it; or give another --out",
        "the folder holds a run already (%s)", there ? "checkpoint.safetensors" : "metrics.jsonl");
  file_replace_clean(t->checkpoint);
  return STATUS_OK;
}

static Status resume(Train *t) {
  TRY(checkpoint_read(t->executor, t->checkpoint, &t->run, t->diag));
  t->saved = t->run.step;
  if (t->run.step > t->end)
    return diag_error(
        t->diag, STATUS_USAGE, t->checkpoint, "a larger --stop-at, or none, goes on from there",
        "the run is at step %" PRId64 ", after --stop-at=%" PRId64, t->run.step, t->end);
  return t->first ? journal_cut(t->journal, t->run.step, t->diag) : STATUS_OK;
}

static Status start_weights(Train *t) {
  const TrainOptions *o = t->options;
  if (o->resume) return resume(t);
  TRY(init_states(t->executor, o->seed, t->diag));
  if (!o->init) return STATUS_OK;
  SafeFile *file;
  TRY(safe_read(o->init, t->diag, &file));
  WeightsStart start = {.path = o->init,
                        .skip = o->init_skip,
                        .n_skip = o->n_init_skip,
                        .prefix = o->init_prefix,
                        .seed = o->seed,
                        .log = o->quiet || !t->first ? NULL : stdout};
  Status status = weights_start(t->executor, file, &start, t->diag);
  safe_close(file);
  return status;
}

static Status start_loader(Train *t) {
  const TrainOptions *o = t->options;
  if (!t->data) return STATUS_OK;
  LoaderOptions options = {.plan = t->plan,
                           .data = t->data,
                           .seed = o->seed,
                           .workers = o->workers ? o->workers : t->options->threads,
                           .skip_bad = o->skip_bad_images,
                           .ranks = feed_is_parted(t->plan) ? t->plan->ranks : 1,
                           .rank = o->ranks ? o->ranks->rank : 0,
                           .start = o->resume ? t->run.positions : NULL,
                           .first_step = t->run.step};
  return loader_create(&options, t->diag, &t->loader);
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
  const uint64_t run[] = {t->plan->model_hash,
                          t->plan->shards,
                          (uint64_t)t->schedule.total_steps,
                          (uint64_t)t->end,
                          (uint64_t)t->every,
                          t->run.seed,
                          (uint64_t)t->run.step,
                          t->data ? t->data->fingerprint : 0};
  return XXH3_64bits(run, sizeof run);
}

static Status set_up_together(Train *t) {
  const TrainOptions *o = t->options;
  if (o->ranks) {
    o->ranks->timeout = RANKS_PATIENCE;
    o->ranks->terminated = &terminated;
  }
  TRY(meet(t, set_up(t)));
  TRY(together_same(o->ranks, hash_run(t), "plan, data set, schedule or seed", t->diag));
  if (o->ranks) o->ranks->timeout = o->rank_timeout;
  progress_start(&t->progress, t->end, feed_images(t->plan), o->quiet || !t->first);
  return STATUS_OK;
}

static void tear_down(Train *t) {
  progress_clear(&t->progress);
  loader_destroy(t->loader);
  scalars_destroy(t->scalars);
  feed_destroy(t->feed);
  executor_destroy(t->executor);
  journal_close(t->journal);
  free(t->run.positions);
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
  Handlers handlers;
  handlers_install(&handlers);
  Status status = set_up_together(t);
  if (status == STATUS_OK && t->run.step == t->end && o.resume) {
    if (!o.quiet && t->first) printf("step %" PRId64 " is done already\n", t->end);
  } else if (status == STATUS_OK) {
    status = train_loop(t);
    if (status == STATUS_OK) print_summary(t);
  }
  tear_down(t);
  handlers_restore(&handlers);
  free(t);
  return status;
}
