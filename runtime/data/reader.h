/* Reads images ahead: worker threads decode and convert, the caller takes batches in order.
 *
 * Image i is element i % batch of batch i / batch, whatever thread reads it; a batch is handed over
 * when all of it is there.  So what the caller sees does not depend on the number of threads. */
#ifndef RUNTIME_DATA_READER_H
#define RUNTIME_DATA_READER_H

#include "runtime/data/image.h"

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Reader Reader;

typedef struct ReaderJob {
  const char *const *paths; /* (count) */
  int64_t count, batch;     /* batch: images in one, at least 1 */
  size_t item;              /* bytes of a converted image */
  uint32_t workers;         /* at least 1 */
  /* Converts an image into `out` (job->item bytes).  Called on any worker.  A status other than
   * STATUS_OK means out of memory. */
  Status (*convert)(const void *context, const Image *image, void *out);
  const void *context;
} ReaderJob;

/* Why an image could not be read. */
typedef struct ReaderError {
  Status status; /* STATUS_OK: it was read; STATUS_SYSTEM: out of memory */
  char text[IMAGE_ERROR_MAX];
} ReaderError;

/* A batch that was read.  Elements that failed, and those past the last image, are zero bytes. */
typedef struct ReaderBatch {
  void *items;               /* (batch) of job->item bytes */
  int64_t first;             /* image number of the first */
  int64_t n;                 /* images in it; only the last batch may have fewer than `batch` */
  const ReaderError *errors; /* (n) */
} ReaderBatch;

/* `job` and what it points to must outlive the reader. */
Status reader_create(const ReaderJob *job, Diag *diag, Reader **out_reader);
/* Stops the workers wherever they are. */
void reader_destroy(Reader *reader);
/* Waits for the next batch; false after the last one.  The batch is valid until the next call. */
bool reader_next(Reader *reader, ReaderBatch *out);

#endif
