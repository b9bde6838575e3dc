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

static void add_record(Block *block, Record record) {
  if (record.from >= record.to) return;
  if (block->n_records == block->cap_records) {
    uint32_t cap = block->cap_records ? 2 * block->cap_records : 16;
    Record *grown = realloc(block->records, cap * sizeof *grown);
    if (!grown) {
      perror("cusim");
      abort();
    }
    block->records = grown;
    block->cap_records = cap;
  }
  block->records[block->n_records++] = record;
}

/* Takes [from, to) out of a record. */
static void cut(Block *block, uint32_t i, size_t from, size_t to) {
  Record before = block->records[i], after = before;
  if (before.to > from) before.to = from;
  if (after.from < to) after.from = to;
  block->records[i] = block->records[--block->n_records];
  add_record(block, before);
  add_record(block, after);
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
void race_access(CudaCall call, const Access *a, uint32_t thread, const Clock *clock) {
  Block *block = a->block;
  bool told = false;
  for (uint32_t i = 0; i < block->n_records;) {
    Record *old = &block->records[i];
    if (old->to <= a->from || old->from >= a->to) {
      i++;
      continue;
    }
    bool ordered = old->thread == thread || old->number <= clock->of[old->thread];
    if (!ordered && (a->write || old->write) && !told) {
      conflict(call, old, a->write);
      told = true;
    }
    bool covered = a->write || (!old->write && old->thread == thread);
    if (covered)
      cut(block, i, a->from, a->to); /* what is left of it lies outside: it is passed by */
    else
      i++;
  }
  add_record(block, (Record){.from = a->from,
                             .to = a->to,
                             .thread = thread,
                             .number = clock->of[thread],
                             .write = a->write,
                             .call = call});
}

bool race_quiet(const Block *block) {
  for (uint32_t i = 0; i < block->n_records; i++)
    if (block->records[i].number > sim.host.of[block->records[i].thread]) return false;
  return true;
}
