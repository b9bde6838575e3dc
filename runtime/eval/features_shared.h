/* Features of images that ranks share. */
#ifndef RUNTIME_EVAL_FEATURES_SHARED_H
#define RUNTIME_EVAL_FEATURES_SHARED_H

#include "runtime/eval/features.h"
#include "runtime/ranks/together.h"

/* Describes some images, as features_network does. */
typedef Status (*FeatureMaker)(void *context, const FeatureJob *job, Features *out, Diag *diag);

/* All features of the job on every rank, of which each makes its share.  Without ranks: the
 * maker's. A failure of one rank is that of all. */
Status features_shared(const FeatureJob *job, Ranks *ranks, FeatureMaker make, void *context,
                       Features *out, Diag *diag);

#endif
