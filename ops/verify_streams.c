/* Happens-before, of streams and waits alone.
 *
 * For each step and stream: how many steps of that stream, counted by their places in the program,
 * are known to have run when the step begins.  Uses of memory are kept in a tree over its cells for
 * each stream, the newest step that used a cell; a step may write where the newest user of every
 * stream is known. */
#include "ops/verify_streams.h"

#include "ops/ops.h"
#include "ops/verify.h"

#include <stdlib.h>
#include <string.h>

struct Proof {
  const PlanProgram *p;
  uint32_t n;      /* streams */
  uint32_t *known; /* by step and stream; the last row is the end's */
  uint32_t cells;
  /* By stream and node of its tree, steps from 1: the newest that used all cells of the node at
   * once, and the newest that used any of them. */
  uint32_t *all, *any;
};

/* ---- order ---- */

static uint32_t *known_by(const Proof *f, uint32_t step) {
  return &f->known[(size_t)step * f->n];
}

/* What is known behind a wait; returns how many of its waits were known before. */
static uint32_t learn(const Proof *f, uint32_t *now, uint32_t first, uint32_t n) {
  uint32_t needless = 0;
  const uint32_t *waits = n ? &f->p->waits[first] : NULL;
  for (uint32_t k = 0; k < n; k++) {
    const uint32_t *other = known_by(f, waits[k]);
    uint32_t on = f->p->steps[waits[k]].stream;
    bool follows = now[on] > waits[k];
    for (uint32_t m = 0; m < n && !follows; m++) {
      const uint32_t *third = known_by(f, waits[m]);
      follows = m != k && (third[on] > waits[k] || (waits[m] == waits[k] && m < k) ||
                           (f->p->steps[waits[m]].stream == on && waits[m] > waits[k]));
    }
    needless += follows;
    for (uint32_t j = 0; j < f->n; j++)
      if (other[j] > now[j]) now[j] = other[j];
    if (waits[k] + 1 > now[on]) now[on] = waits[k] + 1;
  }
  return needless;
}

/* Fills f->known; returns the number of needless waits. */
static uint32_t find_order(Proof *f) {
  uint32_t now[TARGET_STREAMS_MAX][TARGET_STREAMS_MAX] = {{0}}, needless = 0;
  const PlanProgram *p = f->p;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    uint32_t *mine = now[step->stream];
    needless += learn(f, mine, step->first_wait, step->n_waits);
    memcpy(known_by(f, s), mine, f->n * sizeof *mine);
    mine[step->stream] = s + 1;
  }
  needless += learn(f, now[0], p->n_waits - p->n_joins, p->n_joins);
  memcpy(known_by(f, p->n_steps), now[0], f->n * sizeof *f->known);
  return needless;
}

static bool order_alloc(Proof *f, const PlanProgram *p) {
  *f = (Proof){.p = p, .n = plan_streams(p)};
  f->known = calloc(((size_t)p->n_steps + 1) * f->n, sizeof *f->known);
  return f->known != NULL;
}

uint32_t verify_needless_waits(const PlanProgram *p) {
  Proof f;
  uint32_t n = order_alloc(&f, p) && p->n_waits ? find_order(&f) : 0;
  free(f.known);
  return n;
}

/* ---- checks ---- */

typedef struct Place {
  const Plan *plan;
  const PlanProgram *p;
  const char *place;
  Diag *diag;
} Place;

static Status wrong(const Place *c, uint32_t step, const char *text) {
  return diag_error(c->diag, STATUS_INVALID, c->place, NULL, "program '%s', kernel %u: %s",
                    plan_text(c->plan, c->p->name), step, text);
}

static Status check_numbers(const Place *c) {
  const PlanProgram *p = c->p;
  uint32_t next = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    if (step->stream >= target_streams(c->plan->target) || step->stream >= TARGET_STREAMS_MAX)
      return wrong(c, s, "its stream is none of the target's");
    if (step->n_waits && step->first_wait != next) return wrong(c, s, "its waits are others'");
    if (step->n_waits > p->n_waits - next) return wrong(c, s, "its waits are not there");
    next += step->n_waits;
    for (uint32_t k = next - step->n_waits; k < next; k++) {
      if (p->waits[k] >= s) return wrong(c, s, "waits for a kernel that does not come before it");
      if (p->steps[p->waits[k]].stream == step->stream)
        return wrong(c, s, "waits for a kernel of its own stream");
    }
  }
  if (p->n_joins != p->n_waits - next) return wrong(c, p->n_steps, "there are waits of nobody");
  for (uint32_t k = next; k < p->n_waits; k++)
    if (p->waits[k] >= p->n_steps || p->steps[p->waits[k]].stream == 0)
      return wrong(c, p->n_steps, "the end waits for no kernel of another stream");
  return STATUS_OK;
}

/* Ranks meet in the order of the program, which is the same on all of them. */
static Status check_meetings(const Place *c) {
  const PlanProgram *p = c->p;
  uint32_t first = UINT32_MAX;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    if (!op_meets(p->graph->nodes[p->step_nodes[p->steps[s].first]].op)) continue;
    if (first != UINT32_MAX && p->steps[s].stream != p->steps[first].stream)
      return wrong(c, s, "ranks meet on another stream than before");
    if (first == UINT32_MAX) first = s;
  }
  return STATUS_OK;
}

static Status check_end(const Place *c, const Proof *f) {
  const PlanProgram *p = c->p;
  for (uint32_t s = 0; s < p->n_steps; s++)
    if (known_by(f, p->n_steps)[p->steps[s].stream] <= s)
      return wrong(c, s, "the program may end before it has run");
  return STATUS_OK;
}

Status proof_create(const Plan *plan, const PlanProgram *p, const char *place, Diag *diag,
                    Proof **out) {
  Place c = {plan, p, place, diag};
  *out = NULL;
  TRY(check_numbers(&c));
  TRY(check_meetings(&c));
  if (plan_streams(p) == 1) return STATUS_OK;
  Proof *f = calloc(1, sizeof *f);
  if (!f || !order_alloc(f, p)) {
    free(f);
    return diag_no_memory(diag, p->n_steps * sizeof(uint32_t));
  }
  find_order(f);
  Status status = check_end(&c, f);
  if (status == STATUS_OK)
    *out = f;
  else
    proof_free(f);
  return status;
}

void proof_free(Proof *f) {
  if (!f) return;
  free(f->known);
  free(f->all);
  free(f->any);
  free(f);
}

bool proof_before(const Proof *f, uint32_t a, uint32_t b) {
  return known_by(f, b)[f->p->steps[a].stream] > a;
}

/* ---- uses ---- */

bool proof_start(Proof *f, uint32_t cells) {
  size_t n = 4 * (size_t)cells * f->n + 4;
  f->cells = cells;
  f->all = calloc(n, sizeof *f->all);
  f->any = calloc(n, sizeof *f->any);
  return f->all && f->any;
}

typedef struct Range {
  uint32_t from, to;
} Range;

/* A node of a stream's tree, over the cells [low, high). */
typedef struct TreeNode {
  uint32_t node, low, high;
} TreeNode;

static uint32_t newest(const uint32_t *all, const uint32_t *any, TreeNode at, Range r) {
  if (r.from >= at.high || r.to <= at.low) return 0;
  if (r.from <= at.low && at.high <= r.to) return any[at.node];
  uint32_t mid = at.low + (at.high - at.low) / 2, most = all[at.node];
  uint32_t left = newest(all, any, (TreeNode){2 * at.node, at.low, mid}, r);
  uint32_t right = newest(all, any, (TreeNode){2 * at.node + 1, mid, at.high}, r);
  if (left > most) most = left;
  return right > most ? right : most;
}

static void put(uint32_t *all, uint32_t *any, TreeNode at, Range r, uint32_t step) {
  if (r.from >= at.high || r.to <= at.low) return;
  any[at.node] = step; /* none was newer */
  if (r.from <= at.low && at.high <= r.to) {
    all[at.node] = step;
    return;
  }
  uint32_t mid = at.low + (at.high - at.low) / 2;
  put(all, any, (TreeNode){2 * at.node, at.low, mid}, r, step);
  put(all, any, (TreeNode){2 * at.node + 1, mid, at.high}, r, step);
}

bool proof_idle(const Proof *f, uint32_t step, uint32_t from, uint32_t to) {
  const uint32_t *known = known_by(f, step);
  if (from >= to) return true;
  for (uint32_t j = 0; j < f->n; j++) {
    if (j == f->p->steps[step].stream) continue; /* one after the other */
    size_t tree = 4 * (size_t)f->cells * j;
    if (newest(f->all + tree, f->any + tree, (TreeNode){1, 0, f->cells}, (Range){from, to}) >
        known[j])
      return false;
  }
  return true;
}

void proof_use(Proof *f, uint32_t step, uint32_t from, uint32_t to) {
  size_t tree = 4 * (size_t)f->cells * f->p->steps[step].stream;
  if (from < to)
    put(f->all + tree, f->any + tree, (TreeNode){1, 0, f->cells}, (Range){from, to}, step + 1);
}
