/* Features by several ranks: each describes a run of the images, all get all rows.  A row depends
 * on its image alone, so that the bytes are those of one process. */
#include "runtime/eval/features_shared.h"

#include <stdlib.h>
#include <string.h>

static Status lost(const Ranks *ranks, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, "--ranks", NULL, "%s", ranks->error);
}

/* The length of a row: of the first rank, which always has images. */
static Status agree_dim(Ranks *ranks, int64_t *dim, Diag *diag) {
  int64_t *all = calloc(ranks->count, sizeof *all);
  if (!all) return diag_no_memory(diag, ranks->count * sizeof *all);
  Status status = ranks_gather(ranks, dim, all, sizeof *dim);
  *dim = all[0];
  free(all);
  return status == STATUS_OK ? STATUS_OK : lost(ranks, diag);
}

static Status gather(Ranks *ranks, const FeatureJob *job, int64_t share, const Features *own,
                     Features *out, Diag *diag) {
  RankBlocks rows = {(size_t)(job->count * own->dim) * sizeof(float),
                     (size_t)(share * own->dim) * sizeof(float)};
  RankBlocks bad = {(size_t)job->count * sizeof(bool), (size_t)share * sizeof(bool)};
  *out = (Features){.dim = own->dim, .rows = malloc(rows.bytes + 1), .bad = malloc(bad.bytes + 1)};
  if (!out->rows || !out->bad) return diag_no_memory(diag, rows.bytes);
  size_t bytes, at = rank_block(rows, ranks->rank, &bytes);
  if (bytes) memcpy((char *)out->rows + at, own->rows, bytes);
  at = rank_block(bad, ranks->rank, &bytes);
  if (bytes) memcpy((char *)out->bad + at, own->bad, bytes);
  if (ranks->table->gather(ranks, out->rows, rows) != STATUS_OK ||
      ranks->table->gather(ranks, out->bad, bad) != STATUS_OK)
    return lost(ranks, diag);
  for (int64_t i = 0; i < job->count; i++) out->n_bad += out->bad[i];
  return STATUS_OK;
}

Status features_shared(const FeatureJob *job, Ranks *ranks, FeatureMaker make, void *context,
                       Features *out, Diag *diag) {
  if (!ranks || job->count == 0) return make(context, job, out, diag);
  int64_t share = (job->count + ranks->count - 1) / ranks->count;
  int64_t first = share * ranks->rank < job->count ? share * ranks->rank : job->count;
  FeatureJob part = *job;
  Features own = {0};
  part.paths += first;
  part.count = job->count - first < share ? job->count - first : share;
  Status status = part.count ? make(context, &part, &own, diag) : STATUS_OK;
  bool stop = false;
  ranks_waits(ranks, "to share features of %lld images", (long long)job->count);
  status = together(ranks, status, &stop, diag);
  if (status == STATUS_OK) status = agree_dim(ranks, &own.dim, diag);
  if (status == STATUS_OK) status = gather(ranks, job, share, &own, out, diag);
  features_release(&own);
  if (status != STATUS_OK) features_release(out);
  return status;
}
