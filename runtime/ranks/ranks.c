/* Sums and agreements on top of exchanged bytes.  A sum is the same bits for any way in which the
 * bytes travel: each element is added up by one rank, in the tree. */
#include "runtime/ranks/ranks.h"

#include "kernels/collective.h"

#include <string.h>

size_t rank_block(RankBlocks b, uint32_t rank, size_t *out_bytes) {
  size_t first = (size_t)rank * b.block;
  if (first > b.bytes) first = b.bytes;
  *out_bytes = b.bytes - first < b.block ? b.bytes - first : b.block;
  return first;
}

#define ADD_UP(TYPE)                                                                               \
  static void add_up_##TYPE(void *out, void *held, int64_t n, int64_t apart, uint32_t ranks) {     \
    TYPE *all = held;                                                                              \
    for (uint32_t step = 1; step < ranks; step *= 2)                                               \
      for (uint32_t r = 0; r + step < ranks; r += 2 * step)                                        \
        for (int64_t i = 0; i < n; i++) all[r * apart + i] += all[(r + step) * apart + i];         \
    memcpy(out, all, (size_t)n * sizeof *all);                                                     \
  }
ADD_UP(float)
ADD_UP(double)

static void (*const add_up[DTYPE_COUNT])(void *, void *, int64_t, int64_t, uint32_t) = {
    [DTYPE_F32] = add_up_float, [DTYPE_F64] = add_up_double};

Status ranks_sum(Ranks *r, DType dtype, int64_t count, const void *in, void *out, void *work) {
  size_t size = dtype_size(dtype), bytes = (size_t)count * size;
  if (bytes <= COLLECTIVE_SMALL) {
    TRY(ranks_gather(r, in, work, bytes));
    add_up[dtype](out, work, count, count, r->count);
    return STATUS_OK;
  }
  int64_t part = collective_part(count, (int64_t)size, r->count);
  RankBlocks blocks = {bytes, (size_t)part * size};
  TRY(r->table->exchange(r, in, work, blocks));
  size_t own, first = rank_block(blocks, r->rank, &own);
  add_up[dtype]((char *)out + first, work, (int64_t)(own / size), part, r->count);
  return r->table->gather(r, out, blocks);
}

Status ranks_gather(Ranks *r, const void *in, void *out, size_t bytes) {
  memcpy((char *)out + (size_t)r->rank * bytes, in, bytes);
  return r->table->gather(r, out, (RankBlocks){bytes * r->count, bytes});
}
