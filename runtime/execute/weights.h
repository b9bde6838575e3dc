/* States from and to safetensors files, matched by name only. */
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

/* Copies every state that `file` has by the state's own name, converted to its type (integers
 * exactly; no float becomes an integer).  `path` is for messages; `program` matters to
 * WEIGHTS_PROGRAM only.  STATUS_INVALID, each tensor named, when one has another shape or kind or a
 * needed one is missing; no state has changed then. */
Status weights_load(const Executor *executor, const SafeFile *file, const char *path,
                    WeightsNeed need, uint32_t program, Diag *diag);

/* Starts training from a file: parameters and statistics only, optimiser states stay as they are.
 * A state takes the first that the file has of
 *   1. its own name;
 *   2. its `external` name, and the own name of a state without `noise` that declares the same
 *      external name (both are that one pretrained tensor): plus N(0, (noise s)^2), s the standard
 *      deviation of the tensor's elements, draws philox(seed, 0, `noise:NAME`, element).
 * All others keep their value.  Both lists, and the names of the file that the model lacks, go to
 * `log` (NULL: nowhere).  Errors as weights_load's. */
Status weights_start(const Executor *executor, const SafeFile *file, const char *path,
                     uint64_t seed, FILE *log, Diag *diag);

/* All states for safe_write: `out` holds plan->n_states entries, which point into the executor. */
void weights_tensors(const Executor *executor, SaveTensor *out);

#endif
