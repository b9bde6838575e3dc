/* Checkpoints: one safetensors file from which training goes on with the same bits. */
#ifndef RUNTIME_TRAIN_CHECKPOINT_H
#define RUNTIME_TRAIN_CHECKPOINT_H

#include "runtime/data/dataset.h"
#include "runtime/data/sampler.h"
#include "runtime/execute/execute.h"
#include "runtime/execute/schedule.h"

#define CHECKPOINT_FORMAT "graphc checkpoint 1"

/* What a run is, and where it stands. */
typedef struct Run {
  const char *plan_path; /* for messages */
  const Schedule *schedule;
  uint64_t seed;
  const DataSet *data; /* NULL: trains without data */
  int64_t step;        /* steps done */
  /* One for each of the plan's domains, with data only: where its sampler stands after them. */
  SamplerPosition *positions;
} Run;

/* Writes every state (parameters and statistics by name, `FIELD:NAME` of state fields) and, as
 * metadata, `run`: format, model, model_hash (16 hex digits), precision, shards, total_steps,
 * warmup_steps, seed, step, params ({NAME: VALUE}); with data also data (fingerprint), classes
 * ({DOMAIN: [pid of class 0, ...]}) and samplers ({DOMAIN: [round, batch]}).  The file before stays
 * as PATH.prev.  A state that is not finite is STATUS_SYSTEM and nothing is written. */
Status checkpoint_write(Executor *executor, const Run *run, const char *path, Diag *diag);

/* Loads all states, run->step and run->positions.  STATUS_INVALID, with both values, for each of
 * format, model, its parameters, precision, shards, schedule, seed, classes and data that is not
 * what `run` has (the schedule is
 * compared when model and data are alike, since it follows from them); no state has changed then.
 */
Status checkpoint_read(Executor *executor, const char *path, Run *run, Diag *diag);

/* True when the file is a checkpoint before the first step: whoever has the command line can make
 * it again. */
bool checkpoint_is_initial(const char *path);

#endif
