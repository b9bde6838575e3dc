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

static bool is_columns(const FuseClass *c) {
  return c->sums[0]->order.columns > 1;
}

/* Every element is a sum of its own. */
static bool is_each(const FuseClass *c) {
  return c->sums[0]->order.columns * c->sums[0]->order.rows == 1;
}

static void choose_axes(const FuseLoops *l, FuseClass *c) {
  const FuseSum *s = c->sums[0];
  uint32_t all = (1u << l->rank) - 1, plane = s->row_axes | s->column_axes;
  c->team = is_columns(c) ? s->order.columns * 2 <= FUSE_LANES : !is_each(c);
  c->streamed = is_columns(c) && !c->team ? s->row_axes : plane;
  c->folds = s->order.folds;
  c->loop_axes = all & ~plane & s->reduced;
  c->item_axes = all & ~c->streamed & ~c->loop_axes;
}

static void choose_streams(const FuseLoops *l, FuseClass *c) {
  const FuseOrder *o = &c->sums[0]->order;
  c->length = product(l, c->streamed);
  c->pieces = 1;
  if (o->piece < o->rows) {
    c->pieces = parts_of(o->rows, o->piece);
    c->length = o->piece;
  }
  c->streams = product(l, c->loop_axes) * c->pieces;
  if (o->sharded && o->n_outer == 0) {
    int64_t beside = l->elements / c->length; /* elements of the space for one of the stream */
    int64_t most = (o->shards.units + o->shards.n - 1) / o->shards.n * o->shards.unit * o->factor;
    c->cut = FUSE_CUT_STREAMED;
    c->per = o->factor / beside;
    c->streams = o->shards.groups * o->shards.n;
    if (most < l->elements) c->length = most / beside;
  } else if (o->sharded) {
    c->cut = FUSE_CUT_OUTER;
    c->per = product(l, c->loop_axes) / (l->elements / o->factor);
  }
}

static void choose_parts(const FuseLoops *l, FuseClass *c) {
  choose_axes(l, c);
  choose_streams(l, c);
  if (c->team)
    choose_lanes(c, c->sums[0]->order.columns);
  else
    c->columns = c->lanes = 1, c->chunk = is_columns(c) ? FUSE_FLUSH : 1;
  c->chunks = parts_of(c->length, c->chunk);
  c->items = product(l, c->item_axes);
  c->results = c->sums[0]->count;
  bool alone = c->streams == 1 && c->cut == FUSE_CUT_NONE;
  int64_t shards = c->cut == FUSE_CUT_NONE ? 1 : c->sums[0]->order.shards.n;
  c->whole =
      !c->folds && (!c->team || alone) &&
      ((alone && c->chunks == 1) || is_each(c) || c->items * c->lanes * shards >= THREADS_ENOUGH);
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
    if (c->sums[0]->reduced == s->reduced && fuse_order_equal(&c->sums[0]->order, &s->order) &&
        c->n < FUSE_CLASS_SUMS)
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
