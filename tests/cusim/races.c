/* Who has run before whom: vector clocks over the host, streams and the streams of graphs.
 *
 * All is known when a command is given, since events order by the order of calls and not by when
 * anything runs: so a wait that is missing is found in every run, in whatever order commands happen
 * to run. */
#include "tests/cusim/sim.h"

#include <stdio.h>
#include <stdlib.h>

void clock_join(Clock *clock, const Clock *other) {
  for (uint32_t t = 0; t < THREADS; t++)
    if (other->of[t] > clock->of[t]) clock->of[t] = other->of[t];
}

#define SLICES ((size_t)512) /* at most */
#define SLICE ((size_t)4096) /* bytes, at least */

bool race_create(Block *block) {
  size_t least = block->bytes / SLICES + 1;
  block->slice = least > SLICE ? least : SLICE;
  block->n_slices = block->bytes / block->slice + 1;
  block->slices = calloc(block->n_slices, sizeof *block->slices);
  return block->slices;
}

void race_free(Block *block) {
  for (size_t i = 0; i < block->n_slices; i++) free(block->slices[i].at);
  free(block->slices);
  block->slices = NULL;
  block->n_slices = 0;
}

static void add_record(Records *list, Record record) {
  if (record.from >= record.to) return;
  if (list->n == list->cap) {
    uint32_t cap = list->cap ? 2 * list->cap : 4;
    Record *grown = realloc(list->at, cap * sizeof *grown);
    if (!grown) {
      perror("cusim");
      abort();
    }
    list->at = grown;
    list->cap = cap;
  }
  list->at[list->n++] = record;
}

/* Takes [from, to) out of a record. */
static void cut(Records *list, uint32_t i, size_t from, size_t to) {
  Record before = list->at[i], after = before;
  if (before.to > from) before.to = from;
  if (after.from < to) after.from = to;
  list->at[i] = list->at[--list->n];
  add_record(list, before);
  add_record(list, after);
}

static void conflict(CudaCall call, const Record *old, bool write) {
  if (write && old->write)
    sim_fault(call, CUSIM_WRITE_AFTER_WRITE, "writes what a %s may still write: no wait is between",
              cusim_call_name(old->call));
  else if (write)
    sim_fault(call, CUSIM_WRITE_AFTER_READ, "writes what a %s may still read: no wait is between",
              cusim_call_name(old->call));
  else
    sim_fault(call, CUSIM_READ_AFTER_WRITE, "reads what a %s may still write: no wait is between",
              cusim_call_name(old->call));
}

/* Of an access that is ordered behind all of them, records that a write covers are needed no more:
 * who is not ordered behind them is not behind the write either.  A read covers the reads of its
 * own thread only. */
static void access_slice(Records *list, Record mine, const Clock *clock, bool *told) {
  for (uint32_t i = 0; i < list->n;) {
    Record *old = &list->at[i];
    if (old->to <= mine.from || old->from >= mine.to) {
      i++;
      continue;
    }
    bool ordered = old->thread == mine.thread || old->number <= clock->of[old->thread];
    if (!ordered && (mine.write || old->write) && !*told) {
      conflict(mine.call, old, mine.write);
      *told = true;
    }
    bool covered = mine.write || (!old->write && old->thread == mine.thread);
    if (covered)
      cut(list, i, mine.from, mine.to); /* what is left of it lies outside: it is passed by */
    else
      i++;
  }
  add_record(list, mine);
}

void race_access(CudaCall call, const Access *a, uint32_t thread, const Clock *clock) {
  Block *block = a->block;
  bool told = false;
  for (size_t from = a->from, to; from < a->to; from = to) {
    size_t i = from / block->slice;
    to = (i + 1) * block->slice < a->to ? (i + 1) * block->slice : a->to;
    Record mine = {.from = from,
                   .to = to,
                   .thread = thread,
                   .number = clock->of[thread],
                   .write = a->write,
                   .call = call};
    access_slice(&block->slices[i], mine, clock, &told);
  }
}

bool race_quiet(const Block *block) {
  for (size_t s = 0; s < block->n_slices; s++)
    for (uint32_t i = 0; i < block->slices[s].n; i++) {
      const Record *r = &block->slices[s].at[i];
      if (r->number > sim.host.of[r->thread]) return false;
    }
  return true;
}
