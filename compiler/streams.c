/* Pass streams: longest path first, in the order of the program.
 *
 * The order stays: memory was ordered by it.  Steps are given to streams one after the other, each
 * to the one where it ends first by the estimate of the target: a machine that does one step's work
 * at a time, and streams whose launches overlap (graph/plan/target.h).  A stream is kept for the
 * longest path: who takes the place of the step that goes on with it counts the delay as his own.
 * And who changes streams counts the wait of whoever comes back.  So a step that gains nothing
 * stays where it is.  Steps in which ranks meet are all on one stream, in their order, which is the
 * same on all ranks; where the target has one for them it is their own, and they overlap with
 * kernels.
 *
 * Overlap costs memory: bytes are free when all streams know that their users have run.  Where a
 * step begins so late that others are known to the estimate to have ended, waiting for them costs
 * nothing, and it does when their buffers are worth it; and where too many bytes would be alive all
 * streams meet before they go on.  The pass tries one stream, then more, and
 * takes more where a run is at least 2 per cent shorter and its bytes alive at the peak are at most
 * 5 per cent (or 1 MiB) more than on one stream, or what a program before it in the plan takes
 * anyway. */
#include "compiler/streams.h"

#include "compiler/step_graph.h"
#include "compiler/waits.h"

#include <stdlib.h>
#include <string.h>

#define GAP_MAX 16       /* times at which the machine does nothing that are remembered */
#define GAIN_PER_CENT 2  /* that more streams bring at least */
#define BYTES_PER_CENT 5 /* that they take at most, or BYTES_LITTLE */
#define BYTES_LITTLE ((int64_t)1 << 20)
#define FREED_PER_CENT 1 /* of the bytes at the peak: what a wait that costs no time must free */

/* ---- the machine ---- */

typedef struct Gap {
  int64_t from, to;
} Gap;

typedef struct Machine {
  int64_t end; /* of the work that it has */
  Gap gaps[GAP_MAX];
  uint32_t n;
} Machine;

/* When work that may begin at `from` does; *out_gap is where, `n` of the machine: behind all. */
static int64_t machine_find(const Machine *m, int64_t from, int64_t work, uint32_t *out_gap) {
  for (uint32_t i = 0; i < m->n; i++) {
    int64_t begin = m->gaps[i].from > from ? m->gaps[i].from : from;
    *out_gap = i;
    if (begin + work <= m->gaps[i].to) return begin;
  }
  *out_gap = m->n;
  return m->end > from ? m->end : from;
}

static void machine_remove(Machine *m, uint32_t gap) {
  memmove(&m->gaps[gap], &m->gaps[gap + 1], (m->n - gap - 1) * sizeof *m->gaps);
  m->n--;
}

static void machine_add(Machine *m, uint32_t at, Gap gap) {
  if (gap.from >= gap.to) return;
  if (m->n == GAP_MAX) {
    machine_remove(m, 0);
    if (at > 0) at--;
  }
  memmove(&m->gaps[at + 1], &m->gaps[at], (m->n - at) * sizeof *m->gaps);
  m->gaps[at] = gap;
  m->n++;
}

/* Work from `begin` on, at the place that machine_find gave. */
static void machine_take(Machine *m, uint32_t gap, int64_t begin, int64_t work) {
  if (gap == m->n) {
    machine_add(m, m->n, (Gap){m->end, begin});
    m->end = begin + work;
    return;
  }
  Gap old = m->gaps[gap];
  machine_remove(m, gap);
  machine_add(m, gap, (Gap){begin + work, old.to});
  machine_add(m, gap, (Gap){old.from, begin});
}

/* ---- a run by the estimate ---- */

typedef struct Run {
  const StepGraph *g;
  const StreamFacts *facts;
  const PlanProgram *p;
  Machine machine;
  int64_t free[TARGET_STREAMS_MAX]; /* by stream: when its last step has ended */
  int64_t *end;                     /* by step */
  int64_t last;                     /* of all steps so far */
} Run;

static int64_t run_end(const Run *r, uint32_t s, int64_t begin, uint32_t *gap, int64_t *work) {
  *gap = 0;
  *work = begin + r->facts->launch_ns;
  if (!r->g->meets[s]) *work = machine_find(&r->machine, *work, r->g->work[s], gap);
  return *work + r->g->work[s];
}

static void run_take(Run *r, uint32_t s, uint32_t stream, int64_t begin) {
  uint32_t gap;
  int64_t work, end = run_end(r, s, begin, &gap, &work);
  if (!r->g->meets[s]) machine_take(&r->machine, gap, work, r->g->work[s]);
  r->end[s] = r->free[stream] = end;
  if (end > r->last) r->last = end;
}

/* ---- a spread over streams ---- */

typedef struct Spread {
  Run run;
  PlanProgram *p;
  Waits waits;
  Diag *diag;
  uint32_t kernels, meeting;         /* how many streams kernels have; that of collectives */
  int64_t worth, most;               /* bytes: that a wait frees at least; alive at most */
  uint32_t tail[TARGET_STREAMS_MAX]; /* by stream: its last step, from 1 */
  uint32_t *next;                    /* by step from 1: the next of its stream */
  int64_t *freed; /* by step from 1: bytes that the steps of its stream up to it free */
  /* By stream and stream: the step that its next one follows at the latest. */
  uint32_t barrier[TARGET_STREAMS_MAX][TARGET_STREAMS_MAX];
  uint32_t ended[TARGET_STREAMS_MAX][TARGET_STREAMS_MAX]; /* by stream and stream: its last step
                                                that has ended when the first one's last begins */
} Spread;

/* When the step may begin on the stream: behind what it follows. */
static int64_t begins(const Spread *x, uint32_t s, uint32_t stream) {
  const StepGraph *g = x->run.g;
  int64_t begin = x->run.free[stream];
  for (uint32_t i = g->first[s]; i < g->first[s + 1]; i++) {
    uint32_t other = g->others[i], on = x->p->steps[other].stream;
    if (on == stream || x->waits.now[stream][on] > other) continue;
    int64_t known = x->run.end[other] + x->run.facts->wait_ns;
    if (known > begin) begin = known;
  }
  for (uint32_t on = 0; on < x->waits.n_streams; on++) {
    uint32_t other = x->barrier[stream][on];
    if (on == stream || x->waits.now[stream][on] >= other) continue;
    int64_t known = x->run.end[other - 1] + x->run.facts->wait_ns;
    if (known > begin) begin = known;
  }
  return begin;
}

/* The stream of the step that this one follows and that ends last; UINT32_MAX: there is none. */
static uint32_t comes_from(const Spread *x, uint32_t s) {
  const StepGraph *g = x->run.g;
  uint32_t best = UINT32_MAX;
  for (uint32_t i = g->first[s]; i < g->first[s + 1]; i++)
    if (best == UINT32_MAX || x->run.end[g->others[i]] >= x->run.end[best]) best = g->others[i];
  return best == UINT32_MAX ? best : x->p->steps[best].stream;
}

/* What it costs to put the step there: when it ends, the delay of a longer path that goes on there,
 * and the wait of who comes back. */
static int64_t price(const Spread *x, uint32_t s, uint32_t stream, uint32_t from) {
  const StepGraph *g = x->run.g;
  uint32_t gap, tail = x->tail[stream], heir = tail ? g->heir[tail - 1] : STEP_NONE;
  int64_t work, end = run_end(&x->run, s, begins(x, s, stream), &gap, &work);
  int64_t sum = end;
  if (heir != STEP_NONE && heir > s && g->path[heir] >= g->path[s])
    sum += end - x->run.free[stream];
  if (stream != from && from != UINT32_MAX) sum += x->run.facts->wait_ns;
  return sum;
}

static uint32_t choose(const Spread *x, uint32_t s) {
  if (x->run.g->meets[s]) return x->meeting;
  uint32_t from = comes_from(x, s), best = 0;
  if (x->kernels == 1) return 0;
  int64_t least = INT64_MAX;
  for (uint32_t k = 0; k < x->kernels; k++) {
    int64_t sum = price(x, s, k, from);
    if (sum > least || (sum == least && k != from)) continue;
    least = sum;
    best = k;
  }
  return best;
}

/* Adds to `need` what has ended on other streams when the step begins, where it frees enough. */
static void free_others(Spread *x, uint32_t stream, int64_t begin, uint32_t *need) {
  for (uint32_t j = 0; j < x->waits.n_streams; j++) {
    uint32_t *at = &x->ended[stream][j], known = x->waits.now[stream][j];
    if (j == stream || !x->tail[j]) continue;
    if (need[j] > known) known = need[j];
    while (x->next[*at] && x->run.end[x->next[*at] - 1] + x->run.facts->wait_ns <= begin)
      *at = x->next[*at];
    if (*at <= x->p->n_steps && *at > known && x->freed[*at] - x->freed[known] >= x->worth)
      need[j] = *at;
  }
}

/* Bytes that nobody uses any more while not all streams know it, or will by their next step. */
static int64_t unknown(const Spread *x) {
  int64_t sum = 0;
  for (uint32_t j = 0; j < x->waits.n_streams; j++) {
    uint32_t known = x->tail[j];
    for (uint32_t k = 0; k < x->waits.n_streams; k++) {
      uint32_t by = x->waits.now[k][j] > x->barrier[k][j] ? x->waits.now[k][j] : x->barrier[k][j];
      if (k != j && by < known) known = by;
    }
    sum += x->freed[x->tail[j]] - x->freed[known];
  }
  return sum;
}

/* Where too many bytes would be alive all streams meet before they go on. */
static void meet(Spread *x, uint32_t s) {
  if (x->waits.n_streams == 1 || x->run.g->alive[s] + unknown(x) <= x->most) return;
  for (uint32_t k = 0; k < x->waits.n_streams; k++)
    memcpy(x->barrier[k], x->tail, sizeof x->barrier[k]);
}

static Status give(Spread *x, uint32_t s) {
  const StepGraph *g = x->run.g;
  meet(x, s);
  uint32_t need[TARGET_STREAMS_MAX] = {0}, stream = choose(x, s), tail = x->tail[stream];
  int64_t begin = begins(x, s, stream);
  memcpy(need, x->barrier[stream], sizeof need);
  for (uint32_t i = g->first[s]; i < g->first[s + 1]; i++) {
    uint32_t on = x->p->steps[g->others[i]].stream;
    if (g->others[i] + 1 > need[on]) need[on] = g->others[i] + 1;
  }
  free_others(x, stream, begin, need);
  x->p->steps[s].stream = stream;
  TRY(waits_step(&x->waits, s, need, x->diag));
  run_take(&x->run, s, stream, begin);
  x->freed[s + 1] = (tail ? x->freed[tail] : 0) + g->frees[s];
  x->next[tail ? tail : x->p->n_steps + 1 + stream] = s + 1;
  x->tail[stream] = s + 1;
  return STATUS_OK;
}

/* One way to spread the program: kernels on `kernels` streams, collectives on one of their own or
 * on the first. */
typedef struct Way {
  uint32_t kernels;
  bool apart;
} Way;

static Status spread(PlanProgram *p, const StepGraph *g, const StreamFacts *facts, Way way,
                     int64_t worth, int64_t most, Diag *diag, int64_t *out_time) {
  size_t n = (size_t)p->n_steps + 1 + TARGET_STREAMS_MAX;
  Spread x = {.run = {.g = g, .facts = facts, .p = p},
              .p = p,
              .diag = diag,
              .kernels = way.kernels,
              .meeting = way.apart ? way.kernels : 0,
              .worth = worth,
              .most = most};
  x.run.end = calloc(n, sizeof *x.run.end);
  x.next = calloc(n, sizeof *x.next);
  x.freed = calloc(n, sizeof *x.freed);
  Status status = waits_create(p, way.kernels + way.apart, diag, &x.waits);
  if (!x.run.end || !x.next || !x.freed) status = diag_no_memory(diag, n * sizeof(int64_t));
  for (uint32_t i = 0; i < TARGET_STREAMS_MAX; i++) /* a place before the first of each stream */
    for (uint32_t j = 0; j < TARGET_STREAMS_MAX; j++) x.ended[i][j] = p->n_steps + 1 + j;
  for (uint32_t s = 0; s < p->n_steps && status == STATUS_OK; s++) status = give(&x, s);
  if (status == STATUS_OK) status = waits_end(&x.waits, diag);
  *out_time = x.run.last;
  free(x.run.end);
  free(x.next);
  free(x.freed);
  waits_free(&x.waits);
  return status;
}

/* ---- the choice ---- */

typedef struct Chooser {
  const Plan *plan;
  PlanProgram *p;
  StepGraph g;
  Diag *diag;
  int64_t bytes, most; /* alive at the peak: on one stream; that it may be */
  int64_t time;        /* of the best so far */
  Way best, now;
} Chooser;

static Status bytes_alive(const Chooser *c, int64_t *out) {
  Lives lives;
  Status status = lives_find(c->plan, c->p, c->diag, &lives);
  if (status == STATUS_OK) status = lives_widen(&lives, c->diag);
  *out = lives.taken.bytes;
  lives_free(&lives);
  return status;
}

static Status spread_way(Chooser *c, Way way, int64_t *out_time) {
  c->now = way;
  return spread(c->p, &c->g, &c->plan->target->streams, way, c->bytes / 100 * FREED_PER_CENT + 1,
                c->most, c->diag, out_time);
}

static Status try_way(Chooser *c, Way way) {
  int64_t time, bytes;
  TRY(spread_way(c, way, &time));
  if (time > c->time - c->time / 100 * GAIN_PER_CENT) return STATUS_OK;
  TRY(bytes_alive(c, &bytes));
  if (bytes > c->most) return STATUS_OK;
  c->best = way;
  c->time = time;
  return STATUS_OK;
}

static Status choose_way(Chooser *c) {
  const StreamFacts *facts = &c->plan->target->streams;
  bool meets = false;
  for (uint32_t s = 0; s < c->g.n; s++) meets |= c->g.meets[s];
  bool apart = meets && facts->collectives;
  c->best = (Way){1, false};
  TRY(spread_way(c, c->best, &c->time));
  for (uint32_t kernels = apart ? 1 : 2; kernels <= facts->compute; kernels++)
    TRY(try_way(c, (Way){kernels, apart}));
  int64_t time;
  if (c->best.kernels == c->now.kernels && c->best.apart == c->now.apart) return STATUS_OK;
  return spread_way(c, c->best, &time);
}

static Status analyse(const Plan *plan, const PlanProgram *p, Diag *diag, StepGraph *g,
                      int64_t *bytes) {
  Lives lives;
  *g = (StepGraph){0};
  Status status = lives_find(plan, p, diag, &lives);
  if (bytes) *bytes = lives.bound.bytes;
  if (status == STATUS_OK) status = step_graph_find(plan, p, &lives, diag, g);
  lives_free(&lives);
  return status;
}

Status streams_assign(const Plan *plan, PlanProgram *p, Diag *diag) {
  Chooser c = {.plan = plan, .p = p, .diag = diag};
  if (target_streams(plan->target) == 1) return STATUS_OK;
  Status status = analyse(plan, p, diag, &c.g, &c.bytes);
  int64_t more = c.bytes / 100 * BYTES_PER_CENT;
  c.most = c.bytes + (more > BYTES_LITTLE ? more : BYTES_LITTLE);
  for (const PlanProgram *before = plan->programs; before < p; before++)
    if (before->lower_bound > c.most) c.most = before->lower_bound;
  if (status == STATUS_OK) status = choose_way(&c);
  step_graph_free(&c.g);
  return status;
}

/* ---- for the report ---- */

static Status run_times(const PlanProgram *p, const StepGraph *g, const StreamFacts *facts,
                        Diag *diag, StreamTimes *out) {
  Run run = {.g = g, .facts = facts, .p = p};
  run.end = calloc((size_t)p->n_steps + 1, sizeof *run.end);
  if (!run.end) return diag_no_memory(diag, p->n_steps * sizeof *run.end);
  for (uint32_t s = 0; s < p->n_steps; s++) {
    const PlanStep *step = &p->steps[s];
    int64_t begin = run.free[step->stream];
    for (uint32_t k = 0; k < step->n_waits; k++) {
      int64_t known = run.end[p->waits[step->first_wait + k]] + facts->wait_ns;
      if (known > begin) begin = known;
    }
    run_take(&run, s, step->stream, begin);
    out->serial += step_graph_time(g, facts, s);
    if (g->path[s] > out->path) out->path = g->path[s];
  }
  out->run = run.last;
  free(run.end);
  return STATUS_OK;
}

Status streams_times(const Plan *plan, const PlanProgram *p, Diag *diag, StreamTimes *out) {
  StepGraph g;
  *out = (StreamTimes){0};
  if (target_streams(plan->target) == 1) return STATUS_OK;
  Status status = analyse(plan, p, diag, &g, NULL);
  if (status == STATUS_OK) status = run_times(p, &g, &plan->target->streams, diag, out);
  step_graph_free(&g);
  return status;
}
