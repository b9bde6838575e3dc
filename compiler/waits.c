/* Order by vector clocks: a step knows, of each stream, the newest step that has run before it.
 *
 * Waits are chosen step after step, the newest of what a step needs first: what it brings to be
 * known makes others needless, and never the other way round, since whoever waits comes later than
 * what he waits for.  So no wait follows from the others. */
#include "compiler/waits.h"

#include "graph/base/array.h"

#include <stdlib.h>
#include <string.h>

static void join(uint32_t *to, const uint32_t *from, uint32_t n) {
  for (uint32_t j = 0; j < n; j++)
    if (from[j] > to[j]) to[j] = from[j];
}

/* ---- what is proved ---- */

static void find_before(Order *o) {
  const PlanProgram *p = o->program;
  uint32_t now[TARGET_STREAMS_MAX][TARGET_STREAMS_MAX] = {{0}};
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    uint32_t *mine = now[step->stream];
    for (uint32_t k = 0; k < step->n_waits; k++) {
      uint32_t other = p->waits[step->first_wait + k];
      uint32_t stream = p->steps[other].stream;
      join(mine, &o->before[(size_t)other * o->n_streams], o->n_streams);
      if (other + 1 > mine[stream]) mine[stream] = other + 1;
    }
    memcpy(&o->before[(size_t)s * o->n_streams], mine, o->n_streams * sizeof *mine);
    mine[step->stream] = s + 1;
  }
}

/* Of stream `b`, the last step before the first that knows of a step of stream `a`: both grow, so
 * that one walk finds it for all. `last` is the stream's last step, from 1. */
static void find_until(Order *o, uint32_t a, uint32_t b) {
  const PlanProgram *p = o->program;
  uint32_t t = 0, newest = 0;
  for (uint32_t s = 0; s < p->n_steps; s++) {
    if (p->steps[s].stream != a) continue;
    for (; t < p->n_steps; t++) {
      if (p->steps[t].stream != b) continue;
      if (o->before[(size_t)t * o->n_streams + a] > s) break;
      newest = t + 1;
    }
    if (newest > o->until[s]) o->until[s] = newest;
  }
}

Status order_find(const PlanProgram *p, Diag *diag, Order *out) {
  *out = (Order){.n_streams = plan_streams(p), .program = p};
  size_t cells = (size_t)p->n_steps * out->n_streams;
  out->before = calloc(cells + 1, sizeof *out->before);
  out->until = calloc((size_t)p->n_steps + 1, sizeof *out->until);
  if (!out->before || !out->until) return diag_no_memory(diag, cells * sizeof *out->before);
  find_before(out);
  for (uint32_t s = 0; s < p->n_steps; s++) out->until[s] = s + 1;
  for (uint32_t a = 0; a < out->n_streams; a++)
    for (uint32_t b = 0; b < out->n_streams; b++)
      if (a != b) find_until(out, a, b);
  return STATUS_OK;
}

void order_free(Order *o) {
  free(o->before);
  free(o->until);
  *o = (Order){0};
}

bool order_before(const Order *o, uint32_t a, uint32_t b) {
  if (a == 0) return b > 0;
  uint32_t stream = o->program->steps[a - 1].stream;
  return o->before[(size_t)(b - 1) * o->n_streams + stream] >= a;
}

/* ---- what is needed ---- */

Status waits_create(PlanProgram *p, uint32_t n_streams, Diag *diag, Waits *out) {
  *out = (Waits){.program = p, .n_streams = n_streams};
  free(p->waits);
  p->waits = NULL;
  p->n_waits = p->n_joins = 0;
  size_t cells = (size_t)p->n_steps * n_streams;
  out->after = calloc(cells + 1, sizeof *out->after);
  return out->after ? STATUS_OK : diag_no_memory(diag, cells * sizeof *out->after);
}

void waits_free(Waits *w) {
  free(w->after);
  w->after = NULL;
}

/* What the next step of `stream` knows is made to hold `need`. */
static Status follow(Waits *w, uint32_t stream, const uint32_t *need, uint32_t *out_n, Diag *diag) {
  PlanProgram *p = w->program;
  uint32_t *mine = w->now[stream];
  *out_n = 0;
  for (;;) {
    uint32_t newest = 0;
    for (uint32_t j = 0; j < w->n_streams; j++)
      if (j != stream && need[j] > mine[j] && need[j] > newest) newest = need[j];
    if (!newest) return STATUS_OK;
    TRY(ARRAY_RESERVE(p->waits, w->cap, p->n_waits, 1, diag));
    p->waits[p->n_waits++] = newest - 1;
    ++*out_n;
    join(mine, &w->after[(size_t)(newest - 1) * w->n_streams], w->n_streams);
  }
}

Status waits_step(Waits *w, uint32_t s, const uint32_t *need, Diag *diag) {
  PlanStep *step = &w->program->steps[s];
  step->first_wait = w->program->n_waits;
  TRY(follow(w, step->stream, need, &step->n_waits, diag));
  w->now[step->stream][step->stream] = s + 1;
  memcpy(&w->after[(size_t)s * w->n_streams], w->now[step->stream],
         w->n_streams * sizeof *w->after);
  return STATUS_OK;
}

Status waits_end(Waits *w, Diag *diag) {
  uint32_t last[TARGET_STREAMS_MAX];
  for (uint32_t j = 0; j < w->n_streams; j++) last[j] = w->now[j][j];
  return follow(w, 0, last, &w->program->n_joins, diag);
}
