/* Checkpoints that stay: checkpoint-STEP.safetensors and best.safetensors beside
 * checkpoint.safetensors, which are names of the same file as long as it is the latest. */
#ifndef RUNTIME_TRAIN_KEEP_H
#define RUNTIME_TRAIN_KEEP_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

#define KEEP_ALL INT64_MAX

/* Gives FOLDER/checkpoint.safetensors, which is of `step`, the name checkpoint-STEP.safetensors too
 * (8 digits or more); then takes away all but the `most` latest of that step and before.  Whatever
 * happens, the names that stay are whole checkpoints.  STATUS_SYSTEM when the name cannot be made;
 * one that cannot be taken away is a warning. */
Status keep_step(const char *folder, int64_t step, int64_t most, Diag *diag);
/* The same file becomes best.safetensors. */
Status keep_best(const char *folder, Diag *diag);
/* The step of best.safetensors; -1: it is not there, or not whole. */
int64_t keep_best_step(const char *folder);

/* The latest whole one of checkpoint.safetensors.prev and the kept ones; false: there is none. */
bool keep_newest(const char *folder, char *path, size_t size, int64_t *out_step);
/* Removes what killed processes left half done. */
void keep_clean(const char *folder);

#endif
