/* The order of a sum's additions, from its shape and axes alone (kernels/fuse_loops.h). */
#include "kernels/fuse_loops.h"

/* The space as the sum sees it: axes of length 1 are left out, neighbours joined. */
typedef struct Own {
  int rank, inner;
  int64_t dim[RANK_MAX], run;
  uint32_t reduced;
  int64_t factor; /* rows of the first axis per index of the space's axis 0; 0: that has length 1 */
  int64_t elements;
} Own;

static bool is_reduced(const Own *o, int axis) {
  return o->reduced >> axis & 1;
}

static void join_axes(Own *o, const Shape *shape, uint32_t reduced) {
  int n = 0;
  o->elements = 1;
  for (int i = 0; i < shape->rank; i++) {
    uint32_t added = reduced >> i & 1;
    o->elements *= shape->dim[i];
    if (shape->dim[i] == 1) continue;
    if (n && (o->reduced >> (n - 1) & 1) == added) {
      o->dim[n - 1] *= shape->dim[i];
      if (n == 1) o->factor *= shape->dim[i];
      continue;
    }
    o->dim[n] = shape->dim[i];
    o->reduced |= added << n++;
    if (i == 0) o->factor = 1;
  }
  if (n == 0) {
    o->dim[n++] = 1;
    o->reduced = 1;
  }
  o->rank = n;
}

/* Short runs that are added up lie beside kept axes, and are added up after rows. */
static void choose_inner(Own *o) {
  o->inner = o->rank - 1;
  o->run = o->dim[o->inner];
  while (o->inner > 1 && o->run * o->dim[o->inner - 1] <= FUSE_BLOCK && is_reduced(o, o->inner - 2))
    o->run *= o->dim[--o->inner];
}

/* True when the batch declaration divides axis 0. */
static bool batch_fits(const Graph *g, uint32_t batch, const Shape *shape) {
  if (!batch || batch >= g->n_batches || shape->rank == 0) return false;
  const Batch *b = &g->batches[batch];
  int64_t rows = b->units * b->unit;
  return shape->dim[0] == rows || shape->dim[0] == batch_rows(b);
}

/* Shards of an axis that no batch divides: whole blocks. */
static Shards plain_shards(int64_t n, int64_t per_index, uint32_t shards) {
  int64_t unit = 4 * FUSE_BLOCK / per_index;
  if (unit < 1) unit = 1;
  Shards s = {1, (n + unit - 1) / unit, unit, shards};
  if (s.units < (int64_t)shards) s.n = (uint32_t)s.units;
  return s;
}

/* True when there is enough to do at once without a cut of what is added up. */
static bool kept_is_enough(const Own *o, uint32_t shards) {
  if (o->inner == o->rank - 1 && o->run > FUSE_BLOCK && !is_reduced(o, o->inner)) return true;
  return o->inner > 0 && o->dim[o->inner - 1] >= (int64_t)shards && !is_reduced(o, o->inner - 1);
}

static void choose_shards(FuseOrder *order, const Own *o, const Graph *g, const Shape *shape,
                          uint32_t batch, uint32_t shards) {
  order->shards = (Shards){1, 1, 1, 1};
  if (!is_reduced(o, 0)) return;
  int64_t per_index = o->elements / o->dim[0];
  Shards s;
  if (o->factor && batch_fits(g, batch, shape)) {
    s = shards_rows(g, batch, shape->dim[0], shards);
    per_index *= o->factor;
  } else {
    if (kept_is_enough(o, shards)) return;
    s = plain_shards(o->dim[0], per_index, shards);
  }
  if (s.n == 1 && s.groups == 1) return;
  order->sharded = true;
  order->shards = s;
  order->factor = per_index;
}

static void choose_plane(FuseOrder *order, const Own *o) {
  bool run = is_reduced(o, o->inner) && o->inner == o->rank - 1;
  order->n_outer = run || o->inner == 0 ? o->inner : o->inner - 1;
  if (run) {
    order->columns = 1;
    order->rows = o->run;
  } else if (o->inner == 0) { /* nothing is added up: every element is a plane */
    order->columns = order->rows = 1;
    order->n_outer = 1;
  } else {
    order->columns = o->run;
    order->rows = o->dim[o->inner - 1];
    order->folds = o->inner < o->rank - 1;
  }
  for (int i = 0; i < order->n_outer; i++) order->outer[i] = o->dim[i];
  order->outer_reduced = o->reduced & ((1u << order->n_outer) - 1);
  order->lanes = order->columns;
  while (order->lanes * 2 <= FUSE_LANES) order->lanes *= 2;
}

FuseOrder fuse_order(const Graph *g, const Shape *shape, uint32_t reduced, uint32_t batch,
                     uint32_t shards) {
  FuseOrder order = {0};
  Own o = {0};
  join_axes(&o, shape, reduced);
  choose_inner(&o);
  choose_plane(&order, &o);
  choose_shards(&order, &o, g, shape, batch, shards);
  if (!is_reduced(&o, 0)) order.lead = o.elements / o.dim[0];
  order.partial = order.sharded || order.outer_reduced;
  order.piece = order.rows;
  if (order.columns == 1 && order.partial && order.n_outer && order.piece > FUSE_BLOCK)
    order.piece = FUSE_BLOCK;
  return order;
}

bool fuse_order_equal(const FuseOrder *a, const FuseOrder *b) {
  return a->columns == b->columns && a->rows == b->rows && a->piece == b->piece &&
         a->sharded == b->sharded && a->factor == b->factor &&
         a->shards.groups == b->shards.groups && a->shards.units == b->shards.units &&
         a->shards.unit == b->shards.unit && a->shards.n == b->shards.n;
}

void fuse_order_segment(const FuseOrder *order, int64_t elements, uint32_t j, int64_t g,
                        int64_t *first, int64_t *last) {
  if (!order->sharded) {
    *first = 0;
    *last = elements;
    return;
  }
  shards_segment(&order->shards, j, g, first, last);
  *first *= order->factor;
  *last *= order->factor;
  if (*first > elements) *first = elements;
  if (*last > elements) *last = elements;
}

void fuse_order_strides(const FuseOrder *order, int64_t count, int64_t *stride) {
  int64_t n = count;
  for (int i = 0; i < order->n_outer; i++) {
    if (order->outer_reduced >> i & 1) {
      stride[i] = 0;
      continue;
    }
    n /= order->outer[i];
    stride[i] = n;
  }
}
