/* Whether a data set fits a plan. */
#ifndef RUNTIME_DATA_LOADER_CHECK_H
#define RUNTIME_DATA_LOADER_CHECK_H

#include "graph/plan/plan.h"
#include "runtime/data/dataset.h"

/* The plan must have domains, sampler and augmentation that agree with the inputs `images` and
 * `labels` of its training programs; the data must have its domains with as many training
 * identities as `ids` says.  STATUS_INVALID; all domains that do not fit are named, the hint is
 * the graphc line that fits. */
Status loader_check(const Plan *plan, const DataSet *data, Diag *diag);

#endif
