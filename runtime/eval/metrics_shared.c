/* Ranks that share the queries of an evaluation: each ranks a run of them, all get everything.
 * What is exchanged are numbers of single queries and counts, so that the bits are those of one
 * process. */
#include "runtime/eval/metrics_parts.h"

#include <stdlib.h>

#define ROOM (4 << 20) /* counts of all ranks that meet at once */

void metrics_share(Evaluation *e, const Ranks *ranks) {
  int64_t count = e->query->count, share = (count + ranks->count - 1) / ranks->count;
  e->from = share * ranks->rank < count ? share * ranks->rank : count;
  e->to = e->from + share < count ? e->from + share : count;
}

static Status lost(const Ranks *ranks, Diag *diag) {
  return diag_error(diag, STATUS_SYSTEM, "--ranks", NULL, "%s", ranks->error);
}

/* A column of `size` bytes for each query. */
static Status gather(const Evaluation *e, Ranks *ranks, void *column, size_t size, Diag *diag) {
  size_t count = (size_t)e->query->count, share = (count + ranks->count - 1) / ranks->count;
  RankBlocks blocks = {count * size, share * size};
  return ranks->table->gather(ranks, column, blocks) == STATUS_OK ? STATUS_OK : lost(ranks, diag);
}

typedef struct Figures { /* of a query */
  double ap, inp, chance;
  int64_t first;
} Figures;

/* All figures in one meeting. */
static Status gather_figures(const Evaluation *e, Ranks *ranks, Figures *all, Diag *diag) {
  for (int64_t q = e->from; q < e->to; q++)
    all[q] = (Figures){e->ap[q], e->inp[q], e->chance[q], e->first[q]};
  TRY(gather(e, ranks, all, sizeof *all, diag));
  for (int64_t q = 0; q < e->query->count; q++) {
    e->ap[q] = all[q].ap;
    e->inp[q] = all[q].inp;
    e->chance[q] = all[q].chance;
    e->first[q] = all[q].first;
  }
  return STATUS_OK;
}

/* Adds up the bins of all ranks, as many at once as there is room for, and their sum. */
static Status add_up(Ranks *ranks, uint64_t *counts, uint64_t *sum, uint64_t *all, Diag *diag) {
  int64_t most = ROOM / ranks->count;
  *sum = 0;
  for (int64_t at = 0; at < METRICS_BINS; at += most) {
    int64_t some = METRICS_BINS - at < most ? METRICS_BINS - at : most;
    if (ranks_gather(ranks, counts + at, all, (size_t)some * sizeof *all) != STATUS_OK)
      return lost(ranks, diag);
    for (int64_t i = 0; i < some; i++) {
      counts[at + i] = 0;
      for (uint32_t r = 0; r < ranks->count; r++) counts[at + i] += all[r * some + i];
      *sum += counts[at + i];
    }
  }
  return STATUS_OK;
}

static Status gather_curve(const Evaluation *e, Ranks *ranks, uint64_t *all, Diag *diag) {
  MetricsCurve *curve = e->curve;
  TRY(add_up(ranks, curve->same, &curve->n_same, all, diag));
  return add_up(ranks, curve->other, &curve->n_other, all, diag);
}

Status metrics_gather(const Evaluation *e, Ranks *ranks, Status own, Diag *diag) {
  bool stop = false;
  size_t keep = (size_t)e->keep, n = (size_t)e->query->count;
  Figures *figures = calloc(n, sizeof *figures);
  uint64_t *bins = e->curve ? calloc(ROOM, sizeof *bins) : NULL;
  if (own == STATUS_OK && (!figures || (e->curve && !bins)))
    own = diag_no_memory(diag, n * sizeof *figures);
  ranks_waits(ranks, "to share the ranking of %lld queries", (long long)e->query->count);
  Status status = together(ranks, own, &stop, diag);
  if (status == STATUS_OK) status = gather_figures(e, ranks, figures, diag);
  if (status == STATUS_OK && keep)
    status = gather(e, ranks, e->nearest, keep * sizeof *e->nearest, diag);
  if (status == STATUS_OK && keep)
    status = gather(e, ranks, e->nearest_distance, keep * sizeof *e->nearest_distance, diag);
  if (status == STATUS_OK && e->curve) status = gather_curve(e, ranks, bins, diag);
  free(figures);
  free(bins);
  return status;
}
