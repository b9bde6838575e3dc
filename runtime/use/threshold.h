/* From which distance on two images are called those of two people. */
#ifndef RUNTIME_USE_THRESHOLD_H
#define RUNTIME_USE_THRESHOLD_H

#include "runtime/use/use.h"

#define THRESHOLD_FPR 1e-3

/* A distance and what it rests on. */
typedef struct Threshold {
  double distance;     /* what is nearer is called one person; at it, where it was given */
  double fpr, wanted;  /* the share of pairs of two people that is; that it must not exceed */
  double tpr;          /* the share of pairs of one person */
  int64_t same, other; /* pairs of one person, by two cameras; of two people */
  int64_t people;      /* whose images they are */
  char data[1024];     /* the set; "": a number, of which nothing is known */
  uint64_t weights_hash, model_hash; /* of whose features */
} Threshold;

/* By the pairs of images of each of the set's domains. STATUS_INVALID where there are too few pairs
 * for the rate; few, or ones that the network was trained on, are warned of. */
Status threshold_calibrate(const UseOptions *use, const TrainedNetwork *network, const char *data,
                           double fpr, Threshold *out, Diag *diag);
/* A file of threshold_write, of the same model and weights, or a number. */
Status threshold_read(const char *text, const TrainedNetwork *network, Threshold *out, Diag *diag);
Status threshold_write(const Threshold *threshold, const char *path, Diag *diag);
void threshold_print(const Threshold *threshold);

#endif
