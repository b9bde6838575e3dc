/* Queries that no image of the gallery can match, and why. */
#ifndef RUNTIME_DATA_UNMATCHED_H
#define RUNTIME_DATA_UNMATCHED_H

#include "runtime/data/dataset.h"

typedef struct Unmatched {
  uint32_t absent, same_camera;             /* queries without any image of the person; with images
                                               of the query's own camera only, which are taken out */
  uint32_t first_absent, first_same_camera; /* images of the domain, the first of each */
} Unmatched;

Status dataset_unmatched(const DataDomain *domain, Diag *diag, Unmatched *out);

#endif
