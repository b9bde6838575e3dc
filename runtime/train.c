#include "runtime/train.h"

Status train_run(const TrainOptions *options, Diag *diag) {
  return diag_error(diag, STATUS_INVALID, options->plan, NULL,
                    "this build has no training loop yet");
}
