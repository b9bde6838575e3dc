/* Ranks that are threads of this process: they meet at a barrier and read each other's memory. */
#ifndef TESTS_RUNTIME_RANKS_THREAD_RANKS_H
#define TESTS_RUNTIME_RANKS_THREAD_RANKS_H

#include "runtime/ranks/ranks.h"

#include <pthread.h>
#include <string.h>

#define THREAD_RANKS_MAX 8

typedef struct ThreadMeeting {
  pthread_barrier_t barrier;
  const char *held[THREAD_RANKS_MAX];
  uint64_t meetings;
} ThreadMeeting;

typedef struct ThreadRank {
  Ranks ranks;
  ThreadMeeting *meeting;
} ThreadRank;

static Status thread_exchange(Ranks *ranks, const void *from, void *to, RankBlocks blocks) {
  ThreadMeeting *m = ((ThreadRank *)ranks)->meeting;
  m->held[ranks->rank] = from;
  pthread_barrier_wait(&m->barrier);
  size_t bytes, first = rank_block(blocks, ranks->rank, &bytes);
  for (uint32_t r = 0; r < ranks->count; r++)
    memcpy((char *)to + r * blocks.block, m->held[r] + first, bytes);
  if (ranks->rank == 0) m->meetings++;
  pthread_barrier_wait(&m->barrier);
  return STATUS_OK;
}

static Status thread_gather(Ranks *ranks, void *value, RankBlocks blocks) {
  ThreadMeeting *m = ((ThreadRank *)ranks)->meeting;
  m->held[ranks->rank] = value;
  pthread_barrier_wait(&m->barrier);
  for (uint32_t r = 0; r < ranks->count; r++) {
    size_t bytes, first = rank_block(blocks, r, &bytes);
    if (r != ranks->rank) memcpy((char *)value + first, m->held[r] + first, bytes);
  }
  if (ranks->rank == 0) m->meetings++;
  pthread_barrier_wait(&m->barrier);
  return STATUS_OK;
}

static void thread_close(Ranks *ranks, int status) {
  (void)ranks, (void)status;
}

static const RanksTable thread_ranks = {thread_exchange, thread_gather, thread_close, NULL};

#endif
