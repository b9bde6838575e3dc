/* Training: `graphrun train`. */
#ifndef RUNTIME_TRAIN_TRAIN_H
#define RUNTIME_TRAIN_TRAIN_H

#include "runtime/execute/execute.h"

/* What the command line says. Strings are borrowed. */
typedef struct TrainOptions {
  const char *plan;          /* the plan's file */
  const char *data;          /* DATA; NULL: the model reads no images */
  const char *protocol;      /* one of the paper's: `data` names the sets; another one: of the
                                evaluations      (EvalOptions); NULL: none */
  const DeviceTable *device; /* what runs it; NULL: the CPU */
  DeviceWishes wishes;
  const char *out;              /* folder; made when it is not there (its parent must be) */
  const char *init;             /* weights to start from; NULL: the plan's initialisers */
  const char *const *init_skip; /* GLOBs of names that are not taken from them */
  uint32_t n_init_skip;
  const char *init_prefix;  /* names there are known without it, too; NULL: none */
  bool resume;              /* go on from OUT/checkpoint.safetensors */
  int64_t epochs, steps;    /* the schedule's length; 0: the plan's. At most one is given */
  int64_t stop_at;          /* end before this step, the schedule unchanged; 0: at its end */
  uint64_t seed;            /* of initial values, batches, augmentation and random sites */
  int64_t checkpoint_every; /* steps; 0: a tenth of the run, between 1 and 500 */
  const char *eval_data; /* evaluate on it while training; NULL: on `data`, if eval_every is set */
  int64_t eval_every;    /* steps; 0: never, or with eval_data each epoch */
  bool eval_epochs;      /* eval_every counts epochs */
  int64_t keep;          /* latest checkpoints that stay as checkpoint-STEP; KEEP_ALL; 0: none */
  bool select_best;      /* best.safetensors has the weights of the highest mean mAP */
  bool tensorboard;      /* event files for TensorBoard in OUT */
  bool skip_bad_images;  /* an unreadable image gives way to another of its identity */
  uint32_t workers;      /* decoding threads; 0: as many as `threads` */
  uint32_t threads;      /* of the step; 0: one for each core, up to THREADS_MAX */
  Ranks *ranks;          /* processes that train together; NULL: this one alone */
  double rank_timeout;   /* seconds that a step waits for a rank */
  bool quiet;            /* no progress on stderr, no summary on stdout */
} TrainOptions;

/* Trains and leaves in OUT (rank 0 does): checkpoint.safetensors (and .prev, and those of keep.h),
 * metrics.jsonl (a line for each step, no clock in it), times.jsonl,
 * config.defs, report.html.  SIGINT and SIGTERM end the
 * run after the step under way, with a checkpoint.  STATUS_SYSTEM: that, a value that is not
 * finite, or a folder or disk that refused; the last checkpoint is whole in every case.  Warnings
 * are printed to stderr when they arise. */
Status train_run(const TrainOptions *options, Diag *diag);

#endif
