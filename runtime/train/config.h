/* config.defs: what a run was, so that it can be made again. */
#ifndef RUNTIME_TRAIN_CONFIG_H
#define RUNTIME_TRAIN_CONFIG_H

#include "runtime/train/checkpoint.h"
#include "runtime/train/train.h"

/* Writes FOLDER/config.defs: the model's parameters as lines `NAME=VALUE`, which graphc -D @FILE
 * takes, behind lines `# KEY: TEXT` with all else that has influence; two of them are the command
 * lines that make the plan and the run.  Nothing in it depends on the machine. */
Status config_write(const TrainOptions *options, const Plan *plan, const Run *run,
                    uint64_t eval_data, Diag *diag);

#endif
