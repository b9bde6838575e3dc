/* Two images: distance, and what a threshold says of it. */
#include "runtime/use/compare_images.h"

#include "graph/base/replace.h"
#include "runtime/eval/evaluation.h"
#include "runtime/use/threshold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char form[] = "graphrun compare-images PLAN --weights=F A B [--calibrate=DATA "
                           "[--fpr=1e-3] | --threshold=T]";

static Status read_fpr(const CompareImagesOptions *o, double *out, Diag *diag) {
  char *end;
  *out = THRESHOLD_FPR;
  if (!o->fpr) return STATUS_OK;
  *out = strtod(o->fpr, &end);
  if (end != o->fpr && !*end && *out > 0 && *out < 1) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "--fpr", "--fpr=1e-3: one pair of two people in a thousand",
                    "'%s' is no rate between 0 and 1", o->fpr);
}

static Status check_options(const CompareImagesOptions *o, Diag *diag) {
  const char *wrong = NULL;
  if (o->calibrate && o->threshold) wrong = "--calibrate makes a threshold, --threshold names one";
  if (o->fpr && !o->calibrate) wrong = "--fpr is of the threshold that --calibrate=DATA makes";
  if (o->out && !o->calibrate) wrong = "-o is for the threshold that --calibrate=DATA makes";
  if (!o->a && !(o->calibrate && o->out)) wrong = "two images are compared, and none are named";
  if (o->a && !o->b) wrong = "two images are compared, and one is named";
  if (wrong) return diag_error(diag, STATUS_USAGE, "compare-images", form, "%s", wrong);
  if (!o->out) return STATUS_OK;
  if (file_same(o->out, o->calibrate) || file_same(o->out, o->a) || file_same(o->out, o->b))
    return diag_error(diag, STATUS_USAGE, "-o", "name another file",
                      "the threshold would replace an input");
  return evaluation_can_write(o->out, diag);
}

static Status make_threshold(const CompareImagesOptions *o, const TrainedNetwork *network,
                             Threshold *out, Diag *diag) {
  double fpr;
  if (o->threshold) return threshold_read(o->threshold, network, out, diag);
  TRY(read_fpr(o, &fpr, diag));
  TRY(threshold_calibrate(&o->use, network, o->calibrate, fpr, out, diag));
  return o->out ? threshold_write(out, o->out, diag) : STATUS_OK;
}

/* Cosine distance, 0 to 2; of a feature of zeros 1. */
static double distance_of(const float *a, const float *b, int64_t dim) {
  double product = 0, aa = 0, bb = 0;
  for (int64_t k = 0; k < dim; k++) {
    product += (double)a[k] * (double)b[k];
    aa += (double)a[k] * (double)a[k];
    bb += (double)b[k] * (double)b[k];
  }
  double cosine = aa > 0 && bb > 0 ? product / sqrt(aa * bb) : 0;
  return cosine >= 1 ? 0 : 1 - cosine;
}

static Status measure(const CompareImagesOptions *o, const TrainedNetwork *network, double *out,
                      Diag *diag) {
  const char *paths[] = {o->a, o->b};
  FeatureJob job = {.paths = paths, .count = 2, .workers = o->use.workers, .needed = true};
  Features features;
  TRY(features_network(&job, network->executor, network->program, &features, diag));
  Status status = features_finite(&job, &features, diag);
  *out = distance_of(features.rows, features.rows + features.dim, features.dim);
  features_release(&features);
  return status;
}

/* A calibrated threshold is the end of a bin, which holds what lies before its end: a pair at the
 * very distance was not counted as within. */
static bool is_within(const Threshold *t, double distance) {
  return *t->data ? distance < t->distance : distance <= t->distance;
}

static Status compare(const CompareImagesOptions *o, const TrainedNetwork *network, Diag *diag) {
  Threshold threshold;
  double distance = 0;
  bool judged = o->calibrate || o->threshold;
  if (o->a) TRY(measure(o, network, &distance, diag));
  if (judged) TRY(make_threshold(o, network, &threshold, diag));
  if (o->a) printf("distance  %.6f  %s  %s\n", distance, o->a, o->b);
  if (judged) threshold_print(&threshold);
  if (o->a && judged)
    puts(is_within(&threshold, distance) ? "verdict   the same person" : "verdict   two people");
  if (o->out) printf("written   %s\n", o->out);
  return STATUS_OK;
}

Status compare_images_run(const CompareImagesOptions *o, Diag *diag) {
  TrainedNetwork network;
  TRY(check_options(o, diag));
  Status status = use_open(&o->use, form, &network, diag);
  if (status == STATUS_OK) status = compare(o, &network, diag);
  network_close(&network);
  return status;
}
