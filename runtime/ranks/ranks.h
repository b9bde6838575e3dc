/* The processes (ranks) that run one plan together, and how they exchange bytes.
 *
 * Every rank makes the same calls in the same order; each call returns when this rank has what it
 * waits for.  How bytes travel is a table: MPI (ranks_mpi.c), or threads of one process in tests.
 */
#ifndef RUNTIME_RANKS_RANKS_H
#define RUNTIME_RANKS_RANKS_H

#include "kernels/collective.h"

#include <signal.h>

#define RANKS_ERROR_MAX 300
#define RANKS_PLACE_MAX 240
#define RANKS_LAST_HINT "--resume goes on from the last checkpoint of a training run"
#define RANKS_PATIENCE 600 /* seconds to wait for a rank where files are read or written */

typedef struct RanksTable RanksTable;
/* Implementations begin with it. */
typedef struct Ranks {
  const RanksTable *table;
  uint32_t rank, count;
  uint32_t place; /* among the ranks of this host, from 0 */
  double timeout; /* seconds after which a rank that does not come is taken to be lost */
  /* Not 0: this process got SIGTERM, as all do when one ended, and so waits a few seconds only. May
   * be NULL. */
  const volatile sig_atomic_t *terminated;
  char *waits;                 /* RANKS_PLACE_MAX bytes: see ranks_waits; NULL: nobody reads them */
  bool agreed;                 /* all ranks know that the run ends, and why: none must be ended */
  char error[RANKS_ERROR_MAX]; /* why a call failed: which ranks did not come */
} Ranks;

/* A value of `bytes` bytes in blocks of `block` (the last ones may be shorter, or empty): block r
 * is rank r's. */
typedef struct RankBlocks {
  size_t bytes, block;
} RankBlocks;

struct RanksTable {
  /* Sends block r of `from` to rank r; `to` receives this rank's block of every rank, one after the
   * other, each `block` bytes apart. */
  Status (*exchange)(Ranks *ranks, const void *from, void *to, RankBlocks blocks);
  /* `value` holds this rank's block; fills in the others'. */
  Status (*gather)(Ranks *ranks, void *value, RankBlocks blocks);
  /* The last call; with a `status` that is not 0 all others are ended, unless ranks->agreed. */
  void (*close)(Ranks *ranks, int status);
  /* Before a message that this rank alone fails with, by a hash of it; true: another rank tells the
   * same, or the cause of it.  NULL: nobody knows. */
  bool (*told)(Ranks *ranks, uint64_t hash);
};

/* Block r: its first byte and its length. */
size_t rank_block(RankBlocks blocks, uint32_t rank, size_t *out_bytes);

/* Notes where this rank is about to wait for the others ("before step 7"), for the case that it is
 * ended there.  NULL: nothing. */
void ranks_waits(Ranks *ranks, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* All parts in one exchange.  A sum is that of all ranks' `in` in the binary tree over ranks:
 * ((0 + 1) + (2 + 3)) + ...  `work` has collective_work bytes (kernels/collective.h) of the sum of
 * the parts' collective_bytes.  STATUS_SYSTEM: ranks->error says why. */
Status ranks_meet(Ranks *ranks, CollectiveKind kind, const CollectivePart *parts, uint32_t n,
                  void *work);
/* The `bytes` bytes of all ranks, one after the other. */
Status ranks_gather(Ranks *ranks, const void *in, void *out, size_t bytes);

#endif
