/* `graphrun check-data`: what a data set holds, and whether every image of it can be read. */
#ifndef RUNTIME_DATA_CHECK_DATA_H
#define RUNTIME_DATA_CHECK_DATA_H

#include "runtime/data/dataset.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct CheckDataOptions {
  const char *data; /* as dataset_read takes it */
  const char
      *protocol; /* one of the paper's: DATA names its sets, no image is opened; NULL: none */
  /* With `protocol`: prints how a domain is tested by it, and tells what does not fit. */
  Status (*tests)(const char *protocol, const DataDomain *domain, Diag *diag);
  bool defines;     /* print `domains=...` and `ids=...` only, for graphc -D @FILE */
  bool published;   /* a set that is not as large as published is an error */
  bool layouts;     /* print the table of layouts only; `data` may be NULL */
  uint32_t workers; /* threads that decode; 0: 1 */
} CheckDataOptions;

/* Prints to standard output: for each domain identities, images, cameras and splits.  Opens every
 * image; each that cannot be decoded is an error that names it (STATUS_INVALID).  With `defines`
 * prints two lines instead, of the domains that have training images, and opens none; with
 * `protocol` what each of its arms trains on and tests, or the two lines of one. */
Status check_data_run(const CheckDataOptions *options, Diag *diag);

#endif
