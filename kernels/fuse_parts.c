/* Cuts the sums of a group into parts. */
#include "kernels/fuse_parts.h"

#include <stdlib.h>

/* So many threads at once are enough. */
#define THREADS_ENOUGH 65536

static int64_t product(const FuseLoops *l, uint32_t axes) {
  int64_t n = 1;
  for (int i = 0; i < l->rank; i++)
    if (axes >> i & 1) n *= l->dim[i];
  return n;
}

static int64_t parts_of(int64_t n, int64_t part) {
  return (n + part - 1) / part;
}

static uint32_t axes_from(const FuseLoops *l, int first) {
  return ((1u << l->rank) - 1) & ~((1u << first) - 1);
}

/* Lanes of a stream whose elements fall on `columns` elements of the result: kernels/cpu/fused.c
 * takes 64 of them, or as many as there are columns.  Lanes that no element reaches add nothing. */
static void choose_lanes(FuseClass *c, int64_t columns) {
  c->columns = columns;
  c->lanes = columns;
  while (c->lanes * 2 <= FUSE_LANES) c->lanes *= 2;
  c->chunk = c->lanes * FUSE_FLUSH;
  if (columns == 1)
    while (c->lanes > 1 && c->lanes / 2 >= c->length) c->lanes /= 2;
}

static void choose_axes(const FuseLoops *l, FuseClass *c) {
  const FuseSum *s = c->sums[0];
  int rows = l->inner > 0 ? l->inner - 1 : 0;
  uint32_t all = axes_from(l, 0), inner = axes_from(l, l->inner), row = axes_from(l, rows) & ~inner;
  uint32_t outer = all & ~inner & ~row;
  switch (s->mode) {
  case FUSE_SUM_STREAM:
    c->team = true;
    c->streamed = row | inner;
    break;
  case FUSE_SUM_ROWS:
    c->team = true;
    c->streamed = inner;
    break;
  case FUSE_SUM_COLUMNS:
    c->team = l->run * 2 <= FUSE_LANES;
    c->streamed = c->team ? row | inner : row;
    c->folds = (s->reduced & inner) != 0;
    break;
  case FUSE_SUM_CELLS:
    c->streamed = 0;
    break;
  }
  c->loop_axes = outer & s->reduced;
  c->item_axes = all & ~c->streamed & ~c->loop_axes;
}

static void choose_streams(const FuseLoops *l, FuseClass *c) {
  const FuseSum *s = c->sums[0];
  c->length = product(l, c->streamed);
  c->pieces = 1;
  if (s->mode == FUSE_SUM_ROWS && s->partial && l->run > l->piece) {
    c->pieces = parts_of(l->run, l->piece);
    c->length = l->piece;
  }
  c->mixed = s->mode == FUSE_SUM_STREAM && l->pieces_outside;
  c->streams = product(l, c->loop_axes) * c->pieces;
  if (s->sharded && c->streamed >> l->cut & 1) {
    int64_t most = (l->shards.units + l->shards.n - 1) / l->shards.n * l->shards.unit * l->factor;
    c->cut = FUSE_CUT_STREAMED;
    c->per = c->length / l->dim[l->cut];
    c->streams = l->shards.groups * l->shards.n;
    if (most < l->dim[l->cut]) c->length = most * c->per;
  } else if (s->sharded) {
    c->cut = FUSE_CUT_OUTER;
    c->per = product(l, c->loop_axes) / l->dim[l->cut];
  }
}

static void choose_parts(const FuseLoops *l, FuseClass *c) {
  choose_axes(l, c);
  choose_streams(l, c);
  bool columns = c->sums[0]->mode == FUSE_SUM_COLUMNS;
  if (c->team)
    choose_lanes(c, columns ? l->run : 1);
  else
    c->columns = c->lanes = 1, c->chunk = columns ? FUSE_FLUSH : 1;
  c->chunks = parts_of(c->length, c->chunk);
  c->items = product(l, c->item_axes);
  c->results = c->sums[0]->count;
  bool alone = c->streams == 1 && c->cut == FUSE_CUT_NONE;
  int64_t shards = c->cut == FUSE_CUT_NONE ? 1 : l->shards.n;
  c->whole = !c->folds && (!c->team || alone) &&
             ((alone && c->chunks == 1) || c->sums[0]->mode == FUSE_SUM_CELLS ||
              c->items * c->lanes * shards >= THREADS_ENOUGH);
  if (!c->whole)
    c->cells = c->streams * c->chunks * c->items * c->columns;
  else if (shards > 1)
    c->cells = shards * c->items;
}

static bool is_output(const NodeId *outputs, uint32_t n, NodeId id) {
  for (uint32_t i = 0; i < n; i++)
    if (outputs[i] == id) return true;
  return false;
}

static FuseClass *class_of(FuseParts *p, const FuseSum *s) {
  for (uint32_t i = 0; i < p->n; i++) {
    FuseClass *c = &p->classes[i];
    if (c->sums[0]->mode == s->mode && c->sums[0]->reduced == s->reduced &&
        c->sums[0]->partial == s->partial && c->n < FUSE_CLASS_SUMS)
      return c;
  }
  return &p->classes[p->n++];
}

bool fuse_parts(const FuseLoops *l, const NodeId *outputs, uint32_t n_outputs, FuseParts *p) {
  *p = (FuseParts){0};
  p->classes = calloc(l->n_sums + 1, sizeof *p->classes);
  if (!p->classes) return false;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    if (!is_output(outputs, n_outputs, l->sums[i].node)) continue;
    FuseClass *c = class_of(p, &l->sums[i]);
    c->sums[c->n++] = &l->sums[i];
  }
  for (uint32_t i = 0; i < p->n; i++) {
    FuseClass *c = &p->classes[i];
    choose_parts(l, c);
    c->at = p->cells;
    p->cells += c->cells * c->n;
  }
  return true;
}

void fuse_parts_free(FuseParts *p) {
  free(p->classes);
  p->classes = NULL;
}
