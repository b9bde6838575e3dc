/* What every use of a trained model begins with: a plan, weights, and images that it describes. */
#ifndef RUNTIME_USE_USE_H
#define RUNTIME_USE_USE_H

#include "runtime/eval/described.h"

typedef struct UseOptions {
  NetworkOptions network;
  uint32_t workers;     /* threads that decode, at least 1 */
  bool skip_bad_images; /* leave unreadable images out, named; else they are errors */
  bool progress;        /* shows how far it is, on a terminal */
} UseOptions;

/* STATUS_USAGE when `value`, of the option called `option`, is missing; `form` is the hint. */
Status use_require(const char *value, const char *option, const char *form, Diag *diag);
/* Opens the network, whose plan and weights must be named; `form` as above. */
Status use_open(const UseOptions *options, const char *form, TrainedNetwork *out, Diag *diag);
/* Describes the images of DATA, a folder or a file; or, where `path` ends in .safetensors, reads
 * their features, which must be of the same weights.  Released by described_release, also after a
 * failure. */
Status use_describe(const UseOptions *options, const TrainedNetwork *network, const char *path,
                    const char *domain, Described *out, Diag *diag);
/* `model NAME HASH ...` and `weights F`, as eval prints them. */
void use_print_head(const DescribedBy *by);

#endif
