/* `graphrun compare-images`: how far two images lie apart, and whether they are of one person. */
#ifndef RUNTIME_USE_COMPARE_IMAGES_H
#define RUNTIME_USE_COMPARE_IMAGES_H

#include "runtime/use/use.h"

typedef struct CompareImagesOptions {
  UseOptions use;
  const char *a, *b;     /* image files; both NULL: a threshold is made and nothing compared */
  const char *calibrate; /* a labelled set, as use_describe takes it; NULL: none */
  const char *fpr;       /* of the threshold, as text; NULL: THRESHOLD_FPR */
  const char *threshold; /* as threshold_read takes it; NULL: none */
  const char *out;       /* the threshold of --calibrate as JSON; NULL: none */
} CompareImagesOptions;

Status compare_images_run(const CompareImagesOptions *options, Diag *diag);

#endif
