/* Batches for training: drawn, decoded and augmented by worker threads ahead of the step.
 *
 * What a step gets is a pure function of (data, plan, seed, step, sampler positions): neither the
 * number of workers nor their speed changes a bit of it. */
#ifndef RUNTIME_DATA_LOADER_H
#define RUNTIME_DATA_LOADER_H

#include "graph/ir/tensor.h"
#include "graph/plan/plan.h"
#include "runtime/data/dataset.h"
#include "runtime/data/sampler.h"

typedef struct LoaderOptions {
  const Plan *plan;    /* both must outlive the loader */
  const DataSet *data; /* domains are found by name; it may hold others too */
  uint64_t seed;
  uint32_t workers;     /* threads, at most LOADER_WORKERS_MAX; 0: loader_next does it all */
  bool skip_bad;        /* --bad-images=skip */
  uint32_t ranks, rank; /* of each domain's rows only the rank-th of so many equal runs is filled;
                         * the others' images stay as they are. 0: all */
  const SamplerPosition *start; /* of each domain of the plan; NULL: from the beginning */
  int64_t first_step;           /* the step of the first batch */
} LoaderOptions;

#define LOADER_WORKERS_MAX 64

typedef struct Loader Loader;

/* Checks that the data fit the plan (domains, `ids`, batch sizes, the shapes of `images` and
 * `labels` in its training programs), takes all its memory and starts the workers.  STATUS_INVALID
 * with a message that says which -D fits. */
Status loader_create(const LoaderOptions *options, Diag *diag, Loader **out_loader);
void loader_destroy(Loader *loader);

/* The next step's batch, waiting for it: `images` (K, B, H, W, 3), floating, 0..1; `labels`
 * (K, B), i32, rank of the identity among the domain's training identities; either may be NULL. Of
 * a plan whose ranks compute over their shares alone (plan->local) B are the rank's own rows.
 * Domains in the plan's order, rows identity-major.  A file that cannot be decoded is
 * STATUS_INVALID; with skip_bad its row takes the identity's next readable image and a warning
 * names the file once (an identity without any is STATUS_INVALID).  Warnings collect in `diag`. */
Status loader_next(Loader *loader, const Tensor *images, const Tensor *labels, Diag *diag);

/* Where the samplers stand after the batches handed out so far: one for each of the plan's domains.
 * A loader created with these as `start`, and with the next step as `first_step`, goes on with the
 * same bits. */
void loader_positions(const Loader *loader, SamplerPosition *out);

/* Of the batches handed out so far: files that were named as unreadable, rows that took another
 * image for one of them. */
typedef struct LoaderCounts {
  uint64_t bad_files, replaced_rows;
} LoaderCounts;
LoaderCounts loader_counts(const Loader *loader);

/* max(1, training images of the plan's domains // (B K)); domains that the data lack count as
 * empty (loader_create refuses them). */
int64_t loader_steps_per_epoch(const Plan *plan, const DataSet *data);

#endif
