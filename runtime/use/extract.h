/* `graphrun extract`: features of images as a file. */
#ifndef RUNTIME_USE_EXTRACT_H
#define RUNTIME_USE_EXTRACT_H

#include "runtime/use/use.h"

typedef struct ExtractOptions {
  UseOptions use;
  const char *data;   /* as dataset_read_images takes it */
  const char *domain; /* only this one; NULL: all */
  const char *out;    /* as described_write takes it */
} ExtractOptions;

/* Describes all images, whatever they are for, writes the file and prints what it holds. */
Status extract_run(const ExtractOptions *options, Diag *diag);

#endif
