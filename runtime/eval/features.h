/* Features of images: by a plan's evaluation program, or the colour baseline. */
#ifndef RUNTIME_EVAL_FEATURES_H
#define RUNTIME_EVAL_FEATURES_H

#include "graph/base/meter.h"
#include "runtime/execute/execute.h"

/* What is to be described. */
typedef struct FeatureJob {
  const char *const *paths; /* (count) */
  int64_t count;
  uint32_t workers; /* threads that decode, at least 1 */
  bool skip_bad;    /* an unreadable image is a warning, not an error */
  bool told;        /* nor a warning: it was named before */
  bool needed;      /* each was asked for by name: nothing can leave one out */
  Meter *meter;     /* counts images; may be NULL */
} FeatureJob;

typedef struct Features {
  int64_t dim;
  float *rows; /* (count, dim); zeros where an image is unreadable */
  bool *bad;   /* (count) unreadable */
  int64_t n_bad;
} Features;

/* Rows of zeros, none of them unreadable. On success the caller releases `out`. */
Status features_create(int64_t count, int64_t dim, Features *out, Diag *diag);
/* Features by the program's output `ynorm` (n, dim) of its input `images` (n, height, width, 3);
 * images are only resized.  The last batch is filled up with black images, whose features are
 * dropped.  Decoding runs ahead of the program by a few batches.  On success the caller releases
 * `out`. */
Status features_network(const FeatureJob *job, Executor *executor, uint32_t program, Features *out,
                        Diag *diag);
/* The same of another output, (n, ...), a row being all that belongs to an image. */
Status features_output(const FeatureJob *job, Executor *executor, uint32_t program,
                       const char *output, Features *out, Diag *diag);
/* Whether features_network takes the program. */
Status features_check(Executor *executor, uint32_t program, Diag *diag);
/* The length of a feature by a program that it takes. */
int64_t features_dim(const Plan *plan, uint32_t program);
/* STATUS_SYSTEM, at the image, when a feature of the job holds what is no finite number. */
Status features_finite(const FeatureJob *job, const Features *features, Diag *diag);
/* By runtime/eval/color.h, of images as they are. */
Status features_color(const FeatureJob *job, Features *out, Diag *diag);
void features_release(Features *features);

#endif
