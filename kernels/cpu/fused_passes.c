/* Which sums of a group are added up together, and how that is cut into ranges. */
#include "kernels/cpu/fused_passes.h"

#include <stdlib.h>

/* Columns whose sums a pass holds at once, at most; and of one sum that goes with narrow ones. */
#define COLUMNS_HELD 8192
#define COLUMNS_BESIDE 4096
#define ENOUGH_ALONE 16384 /* elements that one task may go through */

static bool is_wide(const FuseSum *s) {
  return s->order.columns > FUSE_BLOCK;
}

static bool same_shards(const FuseOrder *a, const FuseOrder *b) {
  return a->factor == b->factor && a->shards.groups == b->shards.groups &&
         a->shards.units == b->shards.units && a->shards.unit == b->shards.unit &&
         a->shards.n == b->shards.n;
}

/* True when no bound of the shards parts elements that fall on one element of the sum. */
static bool shards_spare(const FuseOrder *shards, const FuseOrder *o) {
  return o->lead && shards->factor * shards->shards.unit % o->lead == 0;
}

/* True when one way through the space has the streams of both end at the bounds of shards. */
static bool same_bounds(const FuseOrder *a, const FuseOrder *b) {
  if (a->sharded && b->sharded) return same_shards(a, b);
  if (a->sharded) return shards_spare(a, b);
  return !b->sharded || shards_spare(b, a);
}

/* Axes that some sum of the pass adds up, or has in its planes. */
static uint32_t axes_in_use(const FuseLoops *l, const FusedPasses *p, uint32_t pass) {
  uint32_t axes = 0;
  for (uint32_t i = 0; i < l->n_sums; i++)
    if (p->of[i] == pass) axes |= l->sums[i].reduced | l->sums[i].row_axes | l->sums[i].column_axes;
  return axes;
}

/* Elements for one index of a first axis that all sums keep; 0: there is none. */
static int64_t lead_of(const FuseLoops *l, const FusedPasses *p, uint32_t pass) {
  int64_t lead = 1;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    if (p->of[i] != pass) continue;
    if (!l->sums[i].order.lead) return 0;
    if (l->sums[i].order.lead > lead) lead = l->sums[i].order.lead;
  }
  return lead;
}

/* The longest axis beyond the first that all sums keep; 0: there is none. */
static int kept_axis(const FuseLoops *l, const FusedPasses *p, uint32_t pass) {
  uint32_t used = axes_in_use(l, p, pass);
  int longest = 0;
  for (int i = 1; i < l->rank; i++)
    if (!(used >> i & 1) && (!longest || l->dim[i] > l->dim[longest])) longest = i;
  return longest;
}

static bool can_be_cut(const FuseLoops *l, const FusedPasses *p, uint32_t pass, bool sharded) {
  return sharded || l->elements <= ENOUGH_ALONE || lead_of(l, p, pass) || kept_axis(l, p, pass);
}

/* Whether sums can be a pass: `n` of them that are marked so. */
typedef struct Together {
  uint32_t n, n_wide;
  bool one_plane, sharded;
  int64_t columns, widest; /* in all, of one sum */
} Together;

static Together together(const FuseLoops *l, const FusedPasses *p, uint32_t pass) {
  Together t = {.one_plane = true};
  const FuseSum *first = NULL;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    const FuseSum *s = &l->sums[i];
    if (p->of[i] != pass) continue;
    if (!first) first = s;
    t.n++;
    t.n_wide += is_wide(s);
    t.one_plane &= s->order.columns == first->order.columns && s->order.rows == first->order.rows;
    t.sharded |= s->order.sharded;
    t.columns += s->order.columns;
    if (s->order.columns > t.widest) t.widest = s->order.columns;
  }
  return t;
}

/* The sum joins the pass, or is left as it was. */
static bool join(const FuseLoops *l, FusedPasses *p, uint32_t pass, uint32_t sum) {
  for (uint32_t i = 0; i < sum; i++)
    if (p->of[i] == pass && !same_bounds(&l->sums[i].order, &l->sums[sum].order)) return false;
  p->of[sum] = pass;
  Together t = together(l, p, pass);
  if (t.n == 1) return true;
  if (t.n_wide == t.n && t.one_plane && t.n * FUSE_BLOCK <= COLUMNS_HELD) return true;
  if (t.columns <= COLUMNS_HELD && t.widest <= COLUMNS_BESIDE && can_be_cut(l, p, pass, t.sharded))
    return true;
  p->of[sum] = UINT32_MAX;
  return false;
}

static void assign(const FuseLoops *l, FusedPasses *p) {
  p->n = 1;
  for (uint32_t i = 0; i < l->n_sums; i++) p->of[i] = UINT32_MAX;
  for (uint32_t i = 0; i < l->n_sums; i++) {
    uint32_t k = 0;
    while (!join(l, p, k, i)) k++;
    if (k == p->n) p->n++;
    FusedPass *pass = &p->pass[k];
    pass->any = &l->sums[i];
    pass->partial |= l->sums[i].order.partial;
    if (l->sums[i].order.sharded) pass->sharded = &l->sums[i];
  }
  for (uint32_t k = 0; k < p->n; k++) {
    Together t = together(l, p, k);
    p->pass[k].wide = t.n_wide && t.n_wide == t.n && t.one_plane;
  }
}

/* No result depends on where a pass without shards is cut. */
static void choose_cut(const FuseLoops *l, const FusedPasses *p, uint32_t k) {
  FusedPass *pass = &p->pass[k];
  int64_t lead = pass->any ? lead_of(l, p, k) : l->elements / l->dim[0];
  if (pass->sharded) {
    pass->cut = FUSED_CUT_SHARDS;
    pass->units = pass->sharded->order.shards.n;
    return;
  }
  pass->cut = FUSED_CUT_SPACE;
  pass->unit = lead ? lead : l->elements;
  if (pass->unit < l->run && l->run <= l->piece) pass->unit = l->run; /* whole rows */
  pass->units = l->elements / pass->unit;
  if (lead) return;
  if (pass->wide) {
    pass->cut = FUSED_CUT_COLUMNS;
    pass->unit = l->run <= l->piece ? l->run : 64;
    pass->units = (pass->any->order.columns + pass->unit - 1) / pass->unit;
    return;
  }
  int axis = kept_axis(l, p, k);
  if (!axis) return;
  pass->cut = FUSED_CUT_AXIS;
  pass->axis = axis;
  pass->unit = 1;
  pass->units = l->dim[axis];
}

static void choose_ranges(const FuseLoops *l, FusedPasses *p, uint32_t shards) {
  for (uint32_t k = 0; k < p->n; k++) {
    FusedPass *pass = &p->pass[k];
    choose_cut(l, p, k);
    pass->n_ranges = pass->cut == FUSED_CUT_SHARDS   ? pass->sharded->order.shards.n
                     : pass->units < (int64_t)shards ? (uint32_t)pass->units
                                                     : shards;
  }
  for (uint32_t i = 0; i < l->n_sums; i++) {
    if (!l->sums[i].order.partial) continue;
    p->cells[i] = p->n_cells;
    p->n_cells += l->sums[i].count * p->pass[p->of[i]].n_ranges;
  }
}

bool fused_passes(const FuseLoops *l, uint32_t shards, FusedPasses *p) {
  *p = (FusedPasses){0};
  p->pass = calloc(l->n_sums + 1, sizeof *p->pass);
  p->of = calloc(l->n_sums + 1, sizeof *p->of);
  p->cells = calloc(l->n_sums + 1, sizeof *p->cells);
  if (!p->pass || !p->of || !p->cells) {
    fused_passes_free(p);
    return false;
  }
  assign(l, p);
  choose_ranges(l, p, shards);
  return true;
}

void fused_passes_free(FusedPasses *p) {
  free(p->pass);
  free(p->of);
  free(p->cells);
  p->pass = NULL;
  p->of = NULL;
  p->cells = NULL;
}
