/* States from and to files of tensors, matched by name only. */
#ifndef RUNTIME_EXECUTE_WEIGHTS_H
#define RUNTIME_EXECUTE_WEIGHTS_H

#include "runtime/execute/execute.h"
#include "runtime/execute/safetensors.h"

#include <stdio.h>

/* Which states a file must hold. */
typedef enum WeightsNeed {
  WEIGHTS_ANY,     /* at least one; the others stay as they are */
  WEIGHTS_PROGRAM, /* every parameter and statistic that the program reads */
  WEIGHTS_ALL      /* every state of the plan, the optimiser's too: a checkpoint to go on from */
} WeightsNeed;

/* Copies every state that `file` has by the state's own name or, but for WEIGHTS_ALL, by its
 * `external` name when it declares no noise, converted to its type (integers exactly; no float
 * becomes an integer).  `path` is for messages; `program` matters to
 * WEIGHTS_PROGRAM only: of the states that it does not read, those that do not fit stay as they
 * are, with one warning.  STATUS_INVALID, the first tensor named and the others counted, when one
 * has another shape or kind or a needed one is missing; no state has changed then. */
Status weights_load(Executor *executor, const SafeFile *file, const char *path, WeightsNeed need,
                    uint32_t program, Diag *diag);

/* How training starts from a file. */
typedef struct WeightsStart {
  const char *path;        /* for messages */
  const char *const *skip; /* GLOBs: tensors and states of these names are left out */
  uint32_t n_skip;
  const char *prefix; /* a tensor that begins with it is known without it, too; NULL: none, or what
                       * a PyTorch checkpoint is wrapped in */
  uint64_t seed;      /* of the noise */
  FILE *log;          /* a summary; NULL: nothing is said */
  FILE *table;        /* a line for each state and tensor; NULL: none */
} WeightsStart;

/* Starts training from a file: parameters and statistics only, optimiser states stay as they are.
 * A state takes the first that the file has of
 *   1. its own name;
 *   2. its `external` name, and the own name of a state without `noise` that declares the same
 *      external name (both are that one pretrained tensor): plus N(0, (noise s)^2), s the standard
 *      deviation of the tensor's elements, draws philox(seed, 0, `noise:NAME`, element).
 * All others keep their value.  What was taken, what was not and what was left out goes to the log
 * and the table.  Errors as weights_load's; where nothing fits, with a name of each side. */
Status weights_start(Executor *executor, const SafeFile *file, const WeightsStart *start,
                     Diag *diag);
/* The same without a run: what would be taken, into log and table. */
Status weights_start_preview(const Plan *plan, const SafeFile *file, const WeightsStart *start,
                             Diag *diag);

/* All states for safe_write: `out` holds plan->n_states entries, valid until the next run. */
Status weights_tensors(Executor *executor, SaveTensor *out, Diag *diag);

#endif
