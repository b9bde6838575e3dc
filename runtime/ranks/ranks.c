/* Sums and agreements on top of exchanged bytes.  A sum is the same bits for any way in which the
 * bytes travel: each element is added up in the tree, whoever does it and whatever travels with it.
 */
#include "runtime/ranks/ranks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

size_t rank_block(RankBlocks b, uint32_t rank, size_t *out_bytes) {
  size_t first = (size_t)rank * b.block;
  if (first > b.bytes) first = b.bytes;
  *out_bytes = b.bytes - first < b.block ? b.bytes - first : b.block;
  return first;
}

/* The last addition of the tree goes straight to the result. */
#define ADD_UP(TYPE)                                                                               \
  static void add_up_##TYPE(void *out, void *held, int64_t bytes, int64_t apart, uint32_t ranks) { \
    TYPE *all = held, *sum = out;                                                                  \
    int64_t n = bytes / (int64_t)sizeof *all, next = apart / (int64_t)sizeof *all;                 \
    uint32_t step = 1;                                                                             \
    for (; 2 * step < ranks; step *= 2)                                                            \
      for (uint32_t r = 0; r + step < ranks; r += 2 * step)                                        \
        for (int64_t i = 0; i < n; i++) all[r * next + i] += all[(r + step) * next + i];           \
    for (int64_t i = 0; i < n; i++) sum[i] = ranks > 1 ? all[i] + all[step * next + i] : all[i];   \
  }
ADD_UP(float)
ADD_UP(double)

static void (*const add_up[DTYPE_COUNT])(void *, void *, int64_t, int64_t, uint32_t) = {
    [DTYPE_F32] = add_up_float, [DTYPE_F64] = add_up_double};

/* ---- parts, one after the other ---- */

typedef struct Parts {
  const CollectivePart *all;
  uint32_t n;
} Parts;

static int64_t part_bytes(const CollectivePart *p) {
  return p->count * (int64_t)dtype_size(p->dtype);
}

/* One part is sent from where it lies: no more than its own bytes. */
static int64_t message_bytes(Parts parts) {
  int64_t bytes = 0;
  if (parts.n == 1) return part_bytes(parts.all);
  for (uint32_t i = 0; i < parts.n; i++)
    bytes += collective_bytes(parts.all[i].count, parts.all[i].dtype);
  return bytes;
}

static void pack(Parts parts, char *to) {
  for (uint32_t i = 0; i < parts.n; i++) {
    const CollectivePart *p = &parts.all[i];
    memcpy(to, p->in, (size_t)part_bytes(p));
    to += collective_bytes(p->count, p->dtype);
  }
}

/* What rank `rank` sent, to its place in every part's result. */
static void unpack(Parts parts, const char *from, uint32_t rank) {
  for (uint32_t i = 0; i < parts.n; i++) {
    const CollectivePart *p = &parts.all[i];
    memcpy((char *)p->out + rank * part_bytes(p), from, (size_t)part_bytes(p));
    from += collective_bytes(p->count, p->dtype);
  }
}

/* Bytes [first, first + bytes) of the message, of every rank at `held`, each `apart` bytes from the
 * next: their sums to `sums`, where the message's first byte has its place, or (NULL) to the
 * results. */
static void add_up_parts(Parts parts, int64_t first, int64_t bytes, char *held, int64_t apart,
                         uint32_t ranks, char *sums) {
  int64_t at = 0;
  for (uint32_t i = 0; i < parts.n; i++) {
    const CollectivePart *p = &parts.all[i];
    int64_t end = at + part_bytes(p), from = at > first ? at : first;
    int64_t to = end < first + bytes ? end : first + bytes;
    if (from < to)
      add_up[p->dtype](sums ? sums + from : (char *)p->out + (from - at), held + (from - first),
                       to - from, apart, ranks);
    at += collective_bytes(p->count, p->dtype);
  }
}

static Status sum_small(Ranks *r, Parts parts, int64_t bytes, char *work) {
  RankBlocks blocks = {(size_t)bytes * r->count, (size_t)bytes};
  pack(parts, work + r->rank * bytes);
  TRY(r->table->gather(r, work, blocks));
  add_up_parts(parts, 0, bytes, work, bytes, r->count, NULL);
  return STATUS_OK;
}

static Status sum(Ranks *r, Parts parts, char *work) {
  int64_t bytes = message_bytes(parts);
  if (bytes <= COLLECTIVE_SMALL) return sum_small(r, parts, bytes, work);
  bool one = parts.n == 1;
  char *sums = one ? parts.all->out : work, *held = one ? work : work + bytes;
  int64_t block = collective_block(bytes, r->count);
  RankBlocks blocks = {(size_t)bytes, (size_t)block};
  if (!one) pack(parts, work);
  TRY(r->table->exchange(r, one ? parts.all->in : work, held, blocks));
  size_t own, first = rank_block(blocks, r->rank, &own);
  add_up_parts(parts, (int64_t)first, (int64_t)own, held, block, r->count, sums);
  TRY(r->table->gather(r, sums, blocks));
  if (!one) unpack(parts, sums, 0);
  return STATUS_OK;
}

static Status gather(Ranks *r, Parts parts, char *work) {
  int64_t bytes = message_bytes(parts);
  if (parts.n == 1) return ranks_gather(r, parts.all->in, parts.all->out, (size_t)bytes);
  pack(parts, work + r->rank * bytes);
  TRY(r->table->gather(r, work, (RankBlocks){(size_t)bytes * r->count, (size_t)bytes}));
  for (uint32_t i = 0; i < r->count; i++) unpack(parts, work + i * bytes, i);
  return STATUS_OK;
}

Status ranks_meet(Ranks *r, CollectiveKind kind, const CollectivePart *parts, uint32_t n,
                  void *work) {
  Parts all = {parts, n};
  return kind == COLLECTIVE_SUM ? sum(r, all, work) : gather(r, all, work);
}

Status ranks_gather(Ranks *r, const void *in, void *out, size_t bytes) {
  memcpy((char *)out + (size_t)r->rank * bytes, in, bytes);
  return r->table->gather(r, out, (RankBlocks){bytes * r->count, bytes});
}

void ranks_waits(Ranks *r, const char *format, ...) {
  va_list list;
  if (!r || !r->waits) return;
  va_start(list, format);
  vsnprintf(r->waits, RANKS_PLACE_MAX, format, list);
  va_end(list);
}
