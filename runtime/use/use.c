/* Opening what is used. */
#include "runtime/use/use.h"

#include "graph/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Status use_require(const char *value, const char *option, const char *form, Diag *diag) {
  return value ? STATUS_OK : diag_error(diag, STATUS_USAGE, option, form, "is missing");
}

Status use_open(const UseOptions *o, const char *form, TrainedNetwork *out, Diag *diag) {
  *out = (TrainedNetwork){0};
  TRY(use_require(o->network.plan, "PLAN", form, diag));
  TRY(use_require(o->network.weights, "--weights", form, diag));
  TRY(network_open(&o->network, out, diag));
  return features_check(out->executor, out->program, diag);
}

/* Distances between features of two networks mean nothing. */
static Status same_weights(const TrainedNetwork *network, const char *path, const Described *d,
                           Diag *diag) {
  if (d->by.weights_hash == network->hash && d->by.model_hash == network->plan->model_hash &&
      d->features.dim == features_dim(network->plan, network->program))
    return STATUS_OK;
  return diag_error(diag, STATUS_INVALID, path,
                    "graphrun extract with this plan and these weights writes those that fit",
                    "holds features of other weights (model %s, %s)", d->by.model, d->by.weights);
}

Status use_describe(const UseOptions *o, const TrainedNetwork *network, const char *path,
                    const char *domain, Described *out, Diag *diag) {
  if (text_ends_in(path, ".safetensors")) {
    TRY(described_read(path, diag, out));
    return same_weights(network, path, out, diag);
  }
  DescribeOptions describe = {.data = path,
                              .domain = domain,
                              .workers = o->workers,
                              .skip_bad = o->skip_bad_images,
                              .progress = o->progress};
  return described_make(&describe, network, o->network.weights, out, diag);
}

void use_print_head(const DescribedBy *by) {
  printf("model     %s %016" PRIx64 ", %s%s\nweights   %s%s%s\n", by->model, by->model_hash,
         by->precision, by->choices, by->weights, *by->step ? ", step " : "", by->step);
}
