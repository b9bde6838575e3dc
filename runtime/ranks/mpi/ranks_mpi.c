/* Ranks that are MPI processes.  A module of its own, loaded when a run has ranks: a program that
 * runs alone needs no MPI.
 *
 * Collectives of MPI do not say who is missing; here every pair of ranks exchanges messages, so
 * that a rank which does not come is known by its message that has not arrived.  All calls are made
 * by one thread. */
#include "graph/base/array.h"
#include "runtime/ranks/module.h"

#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)1 << 30) /* a message's length is an int */
#define TAG 1
#define TAG_TOLD 2
#define ENDING 3    /* seconds that a rank waits which got SIGTERM */
#define STOOD 1     /* seconds between two looks at messages: this rank itself stood still */
#define TELLING 0.5 /* seconds that ranks of larger numbers wait for one to say the same */

typedef struct MpiRanks {
  Ranks ranks;
  MPI_Request *requests;
  int *peers; /* of each request: from whom, or to whom */
  int n;
  size_t room, peer_room;
  bool lost, told; /* some did not come: the requests that are left are theirs; it is told */
  uint64_t says;   /* what this rank tells */
} MpiRanks;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool reserve(MpiRanks *m, size_t messages) {
  return array_reserve(&m->requests, &m->room, 0, messages, sizeof *m->requests, NULL) ==
             STATUS_OK &&
         array_reserve(&m->peers, &m->peer_room, 0, messages, sizeof *m->peers, NULL) == STATUS_OK;
}

/* In pieces, which arrive in the order in which they are sent. */
static void post(MpiRanks *m, bool receive, void *at, size_t bytes, uint32_t peer) {
  for (size_t done = 0; done < bytes; done += PIECE) {
    int n = (int)(bytes - done < PIECE ? bytes - done : PIECE);
    char *piece = (char *)at + done;
    m->peers[m->n] = (int)peer;
    if (receive)
      MPI_Irecv(piece, n, MPI_BYTE, (int)peer, TAG, MPI_COMM_WORLD, &m->requests[m->n++]);
    else
      MPI_Isend(piece, n, MPI_BYTE, (int)peer, TAG, MPI_COMM_WORLD, &m->requests[m->n++]);
  }
}

/* The rank has not sent its message, or not taken ours. */
static bool is_missing(const MpiRanks *m, int rank) {
  for (int i = 0; i < m->n; i++)
    if (m->requests[i] != MPI_REQUEST_NULL && m->peers[i] == rank) return true;
  return false;
}

/* Each says to all what it is about to tell; true: it need not be told.  A rank that waited for one
 * which fails with a message of its own, or which went on without this one, has nothing to add. */
static bool tell(MpiRanks *m, uint64_t says) {
  const Ranks *ranks = &m->ranks;
  double begin = now(), patience = ranks->rank ? TELLING : TELLING / 10;
  m->says = says;
  for (uint32_t r = 0; r < ranks->count; r++) {
    MPI_Request sent;
    if (r == ranks->rank) continue;
    if (MPI_Isend(&m->says, sizeof m->says, MPI_BYTE, (int)r, TAG_TOLD, MPI_COMM_WORLD, &sent) ==
        MPI_SUCCESS)
      MPI_Request_free(&sent);
  }
  while (now() - begin < patience) {
    int come = 0;
    MPI_Status from;
    uint64_t other;
    if (MPI_Iprobe(MPI_ANY_SOURCE, TAG_TOLD, MPI_COMM_WORLD, &come, &from) != MPI_SUCCESS)
      return false;
    if (!come) {
      nanosleep(&(struct timespec){0, 1000000}, NULL);
      continue;
    }
    MPI_Recv(&other, sizeof other, MPI_BYTE, from.MPI_SOURCE, TAG_TOLD, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    if (m->lost && is_missing(m, from.MPI_SOURCE)) return true;
    if (from.MPI_SOURCE < (int)ranks->rank && other == says) return true;
  }
  return false;
}

/* While the memory of messages is still there: it is not when the failure is told. */
static void tell_lost(MpiRanks *m) {
  uint64_t says = 0; /* the same wherever each waited */
  for (uint32_t r = 0; r < m->ranks.count; r++)
    says = says * 31 + (is_missing(m, (int)r) ? r + 1 : 0);
  m->lost = true;
  m->told = tell(m, says);
  for (int i = 0; i < m->n; i++) {
    if (m->requests[i] == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&m->requests[i]);
    MPI_Request_free(&m->requests[i]);
  }
}

/* Names the ranks that did not come. MPI_Testall tells of all requests or of none: each is asked
 * for, so that only those are left that wait for a rank which is lost. */
static Status missing(MpiRanks *m, double seconds, bool ending) {
  char list[160] = "";
  size_t used = 0;
  int done, several = 0;
  for (int i = 0; i < m->n; i++) MPI_Test(&m->requests[i], &done, MPI_STATUS_IGNORE);
  for (int r = 0; r < (int)m->ranks.count; r++) {
    if (!is_missing(m, r)) continue;
    if (used + 16 < sizeof list)
      used += (size_t)snprintf(list + used, sizeof list - used, "%s%d", used ? ", " : "", r);
    several++;
  }
  if (!several) return STATUS_OK; /* the last message has just come */
  tell_lost(m);
  snprintf(m->ranks.error, sizeof m->ranks.error,
           several == 1 ? "rank %s did not come within %.0f s%s: it ended, or stands still"
                        : "ranks %s did not come within %.0f s%s: they ended, or stand still",
           list, seconds, ending ? " of the signal to end" : "");
  return STATUS_SYSTEM;
}

/* Waits at first without giving up the core: a wait between equal ranks is short.  While this
 * process itself was stopped it has waited for nobody. */
static Status finish(MpiRanks *m) {
  double begin = now(), looked = begin;
  for (uint64_t round = 0;; round++) {
    int done = 0;
    if (MPI_Testall(m->n, m->requests, &done, MPI_STATUSES_IGNORE) != MPI_SUCCESS) {
      snprintf(m->ranks.error, sizeof m->ranks.error, "MPI refuses");
      return STATUS_SYSTEM;
    }
    if (done) return STATUS_OK;
    if (round < 1000) continue;
    double at = now();
    if (at - looked > STOOD) begin += at - looked;
    looked = at;
    double seconds = at - begin;
    bool ending = m->ranks.terminated && *m->ranks.terminated && m->ranks.timeout > ENDING;
    if (seconds > (ending ? ENDING : m->ranks.timeout)) return missing(m, seconds, ending);
    if (seconds < 1e-3)
      sched_yield();
    else
      nanosleep(&(struct timespec){0, 50000}, NULL);
  }
}

static Status no_memory(Ranks *ranks) {
  snprintf(ranks->error, sizeof ranks->error, "out of memory");
  return STATUS_SYSTEM;
}

static size_t messages(const Ranks *ranks, RankBlocks blocks) {
  return 2 * (size_t)ranks->count * (blocks.block / PIECE + 1);
}

static Status mpi_exchange(Ranks *ranks, const void *from, void *to, RankBlocks blocks) {
  MpiRanks *m = (MpiRanks *)ranks;
  if (!reserve(m, messages(ranks, blocks))) return no_memory(ranks);
  size_t own, first = rank_block(blocks, ranks->rank, &own);
  m->n = 0;
  for (uint32_t i = 1; i < ranks->count; i++) {
    uint32_t peer = (ranks->rank + i) % ranks->count;
    post(m, true, (char *)to + peer * blocks.block, own, peer);
  }
  for (uint32_t i = 1; i < ranks->count; i++) {
    uint32_t peer = (ranks->rank + ranks->count - i) % ranks->count;
    size_t bytes, at = rank_block(blocks, peer, &bytes);
    post(m, false, (char *)(uintptr_t)from + at, bytes, peer);
  }
  memcpy((char *)to + ranks->rank * blocks.block, (const char *)from + first, own);
  return finish(m);
}

static Status mpi_gather(Ranks *ranks, void *value, RankBlocks blocks) {
  MpiRanks *m = (MpiRanks *)ranks;
  if (!reserve(m, messages(ranks, blocks))) return no_memory(ranks);
  size_t own, first = rank_block(blocks, ranks->rank, &own);
  m->n = 0;
  for (uint32_t i = 1; i < ranks->count; i++) {
    uint32_t peer = (ranks->rank + i) % ranks->count;
    size_t bytes, at = rank_block(blocks, peer, &bytes);
    post(m, true, (char *)value + at, bytes, peer);
  }
  for (uint32_t i = 1; i < ranks->count; i++)
    post(m, false, (char *)value + first, own, (ranks->rank + ranks->count - i) % ranks->count);
  return finish(m);
}

static bool mpi_told(Ranks *ranks, uint64_t hash) {
  MpiRanks *m = (MpiRanks *)ranks;
  if (!m->lost) m->told = tell(m, hash);
  return m->told;
}

static void mpi_close(Ranks *ranks, int status) {
  MpiRanks *m = (MpiRanks *)ranks;
  if (m->told) sleep(2); /* the one that tells it ends all: not before it has */
  if (status && !ranks->agreed) {
    /* Ends the others, which may be waiting for this one; but it waits for ever where the network
     * is gone. */
    signal(SIGALRM, SIG_DFL);
    alarm(3);
    MPI_Abort(MPI_COMM_WORLD, status);
  } else {
    MPI_Finalize();
  }
  free(m->requests);
  free(m->peers);
  free(m);
}

static const RanksTable ranks_mpi = {mpi_exchange, mpi_gather, mpi_close, mpi_told};

static uint32_t place_on_host(void) {
  MPI_Comm host;
  int place = 0;
  if (MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host) !=
      MPI_SUCCESS)
    return 0;
  MPI_Comm_rank(host, &place);
  MPI_Comm_free(&host);
  return (uint32_t)place;
}

static Ranks *mpi_open(void) {
  MpiRanks *m = calloc(1, sizeof *m);
  int rank = 0, count = 1, given;
  if (!m) return NULL;
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS) {
    free(m);
    return NULL;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  m->ranks = (Ranks){.table = &ranks_mpi,
                     .rank = (uint32_t)rank,
                     .count = (uint32_t)count,
                     .place = place_on_host()};
  return &m->ranks;
}

const RanksModule ranks_module = {RANKS_MODULE_VERSION, mpi_open};
