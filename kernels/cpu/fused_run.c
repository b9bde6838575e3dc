/* Runs a fused group: the loops over outer axes, pieces and rows, and the sums. */
#include "kernels/cpu/fused.h"

#include <string.h>

typedef struct Task {
  const Fused *f;
  const KernelArgs *args;
  bool safe, stores;
  uint32_t pass, range;
  void **slots;
  char *regs, *states;
  int64_t *base, *tiled; /* of each view: offset of the outer index; that of the filled tile */
  SumState *sums;
  int64_t outer, out_base; /* index along all outer axes, -1: none yet; of results there */
} Task;

static size_t round64(size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

static void task_layout(Task *t, char *scratch) {
  const Fused *f = t->f;
  t->slots = (void **)(void *)scratch;
  scratch += round64(f->n_slots * sizeof(void *));
  t->base = (int64_t *)(void *)scratch;
  scratch += round64(f->n_views * sizeof(int64_t));
  t->tiled = (int64_t *)(void *)scratch;
  scratch += round64(f->n_views * sizeof(int64_t));
  for (uint32_t v = 0; v < f->n_views; v++) t->tiled[v] = -1;
  t->sums = (SumState *)(void *)scratch;
  scratch += round64(f->n_sums * sizeof(SumState));
  t->regs = scratch;
  t->outer = -1;
  for (uint32_t r = 0; r < f->n_regs; r++) t->slots[r] = scratch + r * f->reg_bytes;
  t->states = scratch + f->n_regs * f->reg_bytes;
}

/* The sums of a pass, which hold nothing yet. */
static void clear_sums(Task *t) {
  for (uint32_t i = 0; i < t->f->n_sums; i++) {
    const SumRun *s = &t->f->sums[i];
    char *at = t->states + s->state;
    size_t lanes = round64((size_t)(s->columns * s->each) * 8),
           columns = round64((size_t)s->columns * 8);
    if (s->pass != t->pass) continue;
    t->sums[i] = (SumState){.lane = at};
    t->sums[i].sum = (double *)(void *)(at + lanes);
    t->sums[i].folded = (double *)(void *)(at + lanes + columns);
    memset(at, 0, lanes + 2 * columns);
  }
}

/* ---- views ---- */

#define FILL(T)                                                                                    \
  T *d = (T *)(void *)to, one = *(const T *)(const void *)from;                                    \
  const T *s = (const T *)(const void *)from;                                                      \
  if (stride == 0)                                                                                 \
    for (int64_t i = 0; i < n; i++) d[i] = one;                                                    \
  else                                                                                             \
    for (int64_t i = 0; i < n; i++) d[i] = s[i * stride];

/* Elements of `size` bytes, whatever they mean. */
static void fill_run(char *to, const char *from, int64_t n, int64_t stride, size_t size) {
  if (stride == 1) {
    memcpy(to, from, (size_t)n * size);
  } else if (size == 4) {
    FILL(uint32_t)
  } else if (size == 8) {
    FILL(uint64_t)
  } else if (size == 2) {
    FILL(uint16_t)
  } else {
    FILL(uint8_t)
  }
}

/* One row of a view, or a part of it: `n` elements of the inner run from `at` on. */
static void fill_row(const FuseLoops *l, const FuseView *v, char *to, const char *from, int64_t at,
                     int64_t n, size_t size) {
  int last = l->rank - 1;
  if (l->inner == last) {
    fill_run(to, from + (size_t)(at * v->stride[last]) * size, n, v->stride[last], size);
    return;
  }
  int64_t index[RANK_MAX] = {0}, rest = at;
  for (int i = last; i >= l->inner; i--) {
    index[i] = rest % l->dim[i];
    rest /= l->dim[i];
  }
  for (int64_t done = 0, part; done < n; done += part) {
    int64_t offset = 0;
    part = l->dim[last] - index[last] < n - done ? l->dim[last] - index[last] : n - done;
    for (int i = l->inner; i <= last; i++) offset += index[i] * v->stride[i];
    fill_run(to + (size_t)done * size, from + (size_t)offset * size, part, v->stride[last], size);
    index[last] = 0;
    for (int i = last - 1; i >= l->inner; i--) {
      if (++index[i] < l->dim[i]) break;
      index[i] = 0;
    }
  }
}

static char *view_register(const Task *t, const ViewRun *r) {
  return t->regs + r->reg * t->f->reg_bytes;
}

static void fill_view(const Task *t, const ViewRun *r, const char *from, int64_t rows, int64_t at,
                      int64_t n) {
  const FuseLoops *l = &t->f->loops;
  char *to = view_register(t, r);
  size_t bytes = (size_t)n * r->size;
  int64_t stride = l->rows > 1 ? r->view->stride[l->inner - 1] : 0;
  fill_row(l, r->view, to, from, at, n, r->size);
  for (int64_t i = 1; i < rows; i++) {
    if (stride == 0)
      memcpy(to + (size_t)i * bytes, to, bytes);
    else
      fill_row(l, r->view, to + (size_t)i * bytes, from + (size_t)(i * stride) * r->size, at, n,
               r->size);
  }
}

static const char *view_memory(const Task *t, const ViewRun *r) {
  return r->table ? r->table : t->args->inputs[r->input];
}

static void place_views(Task *t, int64_t row, int64_t rows, int64_t at, int64_t n) {
  const Fused *f = t->f;
  for (uint32_t v = 0; v < f->n_views; v++) {
    const ViewRun *r = &f->views[v];
    if (r->kind == VIEW_TILE) { /* a part of a row finds its own elements */
      size_t skip = f->loops.run <= f->loops.piece ? (size_t)at * r->size : 0;
      t->slots[r->slot] = view_register(t, r) + skip;
      continue;
    }
    int64_t stride = f->loops.rows > 1 ? r->view->stride[f->loops.inner - 1] : 0;
    const char *from = view_memory(t, r) + (size_t)(t->base[v] + row * stride) * r->size;
    if (r->kind == VIEW_DIRECT)
      t->slots[r->slot] = (void *)(uintptr_t)(from + (size_t)at * r->size);
    else
      fill_view(t, r, from, rows, at, n);
  }
  for (uint32_t i = 0; i < f->n_outs; i++)
    t->slots[f->outs[i].slot] = (char *)t->args->outputs[f->outs[i].output] +
                                (size_t)(t->out_base + row * f->loops.run + at) * f->outs[i].size;
}

/* Offsets of the views at index `at` of the outer axes; fills tiles that changed. */
static void place_outer(Task *t, int64_t at) {
  const Fused *f = t->f;
  const FuseLoops *l = &f->loops;
  int outer = l->inner > 1 ? l->inner - 1 : 0;
  int64_t index[RANK_MAX], rest = at;
  if (t->outer == at) return;
  t->outer = at;
  t->out_base = at * l->rows * l->run;
  for (int i = outer - 1; i >= 0; i--) {
    index[i] = rest % l->dim[i];
    rest /= l->dim[i];
  }
  for (uint32_t v = 0; v < f->n_views; v++) {
    const ViewRun *r = &f->views[v];
    t->base[v] = 0;
    for (int i = 0; i < outer; i++) t->base[v] += index[i] * r->view->stride[i];
    if (r->kind != VIEW_TILE || t->tiled[v] == t->base[v]) continue;
    t->tiled[v] = t->base[v];
    int64_t rows = f->block_rows < l->rows ? f->block_rows : l->rows;
    fill_view(t, r, view_memory(t, r) + (size_t)t->base[v] * r->size, rows, 0, f->piece);
  }
}

static bool shares_memory(const Fused *f, const KernelArgs *args) {
  for (uint32_t i = 0; i < f->n_hazards; i++)
    if (args->outputs[f->hazards[i].output] == args->inputs[f->hazards[i].input]) return true;
  return false;
}

/* ---- sums ---- */

/* Sums of n elements of the result from `at` on. */
static void sum_put(const Task *t, const SumRun *s, int64_t at, const double *sums, int64_t n) {
  if (!s->sum->order.partial) {
    s->store(t->args->outputs[s->output], at, sums, n, s->scale);
    return;
  }
  double *cells = (double *)t->args->work + s->cells + t->range * s->sum->count + at;
  for (int64_t i = 0; i < n; i++) cells[i] += sums[i];
}

static void sum_fold(const SumRun *s, SumState *state) {
  s->type->fold(state->sum, state->lane, s->each, state->columns);
  state->count = 0;
}

static void sum_add(const SumRun *s, SumState *state, const char *v, int64_t n) {
  state->begun = true;
  while (n > 0) {
    int64_t part = n < state->flush - state->count ? n : state->flush - state->count;
    s->type->stream(state->lane, state->lanes, state->count % state->lanes, v, part);
    state->count += part;
    v += (size_t)part * s->size;
    n -= part;
    if (state->count == state->flush) sum_fold(s, state);
  }
}

/* Columns that are kept in part: adds up what falls on one element; returns how many there are. */
static int64_t fold_columns(const Task *t, const SumRun *s, SumState *state) {
  const FuseLoops *l = &t->f->loops;
  int64_t index[RANK_MAX] = {0}, kept = 1;
  int last = l->rank - 1, first = last;
  while (first > 0 && s->sum->column_axes >> (first - 1) & 1) first--;
  for (int i = first; i <= last; i++)
    if (!(s->sum->reduced >> i & 1)) kept *= l->dim[i];
  memset(state->folded, 0, (size_t)kept * sizeof *state->folded);
  for (int64_t k = 0; k < state->columns; k++) {
    int64_t offset = 0;
    for (int i = first; i <= last; i++) offset += index[i] * s->sum->stride[i];
    state->folded[offset] += state->sum[k];
    for (int i = last; i >= first; i--) {
      if (++index[i] < l->dim[i]) break;
      index[i] = 0;
    }
  }
  return kept;
}

/* Ends the stream, if it has begun. */
static void sum_end(const Task *t, const SumRun *s, SumState *state) {
  if (!state->begun) return;
  if (state->count) sum_fold(s, state);
  if (s->sum->order.folds)
    sum_put(t, s, state->base, state->folded, fold_columns(t, s, state));
  else
    sum_put(t, s, state->base + state->at, state->sum, state->columns);
  memset(state->sum, 0, (size_t)state->columns * sizeof *state->sum);
  state->begun = false;
}

/* To the next plane. */
static void sum_advance(const SumRun *s, SumState *state) {
  const FuseOrder *o = &s->sum->order;
  for (int i = o->n_outer - 1; i >= 0; i--) {
    state->base += s->sum->outer_stride[i];
    if (++state->index[i] < o->outer[i]) return;
    state->base -= o->outer[i] * s->sum->outer_stride[i];
    state->index[i] = 0;
  }
}

/* Elements to the end of the stream that begins, or goes on, at element `in` of a plane. */
static int64_t stream_left(const FuseOrder *o, int64_t in) {
  if (o->columns > 1) return o->columns * o->rows - in;
  int64_t piece = o->piece - in % o->piece;
  return piece < o->rows - in ? piece : o->rows - in;
}

static void sum_next(const SumRun *s, SumState *state) {
  const FuseOrder *o = &s->sum->order;
  state->in = o->columns == 1 && state->in + o->piece < o->rows ? state->in + o->piece : 0;
  if (state->in == 0) sum_advance(s, state);
  state->left = stream_left(o, state->in);
}

/* Begins at element p of the space, with all columns of planes. */
static void sum_seek(const SumRun *s, SumState *state, int64_t p) {
  const FuseOrder *o = &s->sum->order;
  int64_t plane = p / (o->columns * o->rows), in = p % (o->columns * o->rows);
  state->base = 0;
  for (int i = o->n_outer - 1; i >= 0; i--) {
    state->index[i] = plane % o->outer[i];
    state->base += state->index[i] * s->sum->outer_stride[i];
    plane /= o->outer[i];
  }
  state->left = stream_left(o, in);
  state->in = o->columns == 1 ? in - in % o->piece : 0;
  state->at = 0;
  state->columns = o->columns;
  state->lanes = s->each * o->columns;
  state->flush = state->lanes * FUSE_FLUSH;
}

/* Nothing is added up: every element is a sum. */
static void take_each(const Task *t, const SumRun *s, SumState *state, const char *v, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double value = 0 + s->get(v, i);
    sum_put(t, s, state->base, &value, 1);
    sum_advance(s, state);
  }
}

/* The next n elements of the space. */
static void sum_take(const Task *t, const SumRun *s, SumState *state, const char *v, int64_t n) {
  if (s->sum->order.columns * s->sum->order.rows == 1) {
    take_each(t, s, state, v, n);
    return;
  }
  while (n > 0) {
    int64_t part = n < state->left ? n : state->left;
    sum_add(s, state, v, part);
    v += (size_t)part * s->size;
    n -= part;
    state->left -= part;
    if (state->left) return;
    sum_end(t, s, state);
    sum_next(s, state);
  }
}

/* ---- blocks ---- */

/* Elements p .. p + n - 1 of the space: whole rows, or a part of one. */
static void run_block(Task *t, int64_t p, int64_t n) {
  const Fused *f = t->f;
  const FuseLoops *l = &f->loops;
  int64_t plane = l->rows * l->run, in = p % plane, at = in % l->run;
  bool part = at || n < l->run;
  place_outer(t, p / plane);
  place_views(t, in / l->run, part ? 1 : n / l->run, at, part ? n : l->run);
  const Instr *list = t->safe ? f->safe : f->instrs;
  void **slots = t->slots;
  for (uint32_t i = 0; i < f->n_instrs; i++) {
    const Instr *in_ = &list[i];
    in_->fn(slots[in_->d], slots[in_->a], slots[in_->b], slots[in_->c], n, in_->param);
  }
  for (uint32_t i = 0; i < f->n_sums; i++) {
    const SumRun *s = &f->sums[i];
    if (s->pass == t->pass)
      sum_take(t, s, &t->sums[i], slots[t->safe ? s->operand_safe : s->operand], n);
  }
  if (t->safe && t->stores)
    for (uint32_t i = f->n_instrs; i < f->n_safe; i++)
      list[i].fn(slots[list[i].d], slots[list[i].a], NULL, NULL, n, 0);
}

static void end_sums(Task *t) {
  for (uint32_t i = 0; i < t->f->n_sums; i++)
    if (t->f->sums[i].pass == t->pass) sum_end(t, &t->f->sums[i], &t->sums[i]);
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Elements of the block at p, of `most` at most: where rows are short, whole ones of one outer
 * index. */
static int64_t block_at(const Fused *f, int64_t p, int64_t most) {
  const FuseLoops *l = &f->loops;
  int64_t plane = l->rows * l->run, in = p % plane, at = in % l->run;
  if (l->run > l->piece) return smaller(smaller(l->run - at, f->piece), most);
  if (at || most < l->run) return smaller(l->run - at, most);
  return smaller(smaller(f->block_rows, l->rows - in / l->run), most / l->run) * l->run;
}

/* ---- ways through the space ---- */

static void run_space(Task *t, int64_t first, int64_t last) {
  if (first >= last) return;
  for (uint32_t i = 0; i < t->f->n_sums; i++)
    if (t->f->sums[i].pass == t->pass) sum_seek(&t->f->sums[i], &t->sums[i], first);
  for (int64_t p = first, n; p < last; p += n) {
    n = block_at(t->f, p, last - p);
    run_block(t, p, n);
  }
  end_sums(t);
}

/* Sums of wide planes hold columns at .. at + n - 1 of rows of the plane at p. */
static void seek_columns(Task *t, int64_t p, int64_t at, int64_t n) {
  for (uint32_t i = 0; i < t->f->n_sums; i++) {
    const SumRun *s = &t->f->sums[i];
    SumState *state = &t->sums[i];
    if (s->pass != t->pass) continue;
    sum_seek(s, state, p);
    state->at = at;
    state->columns = n;
    state->lanes = n;
    state->flush = n * FUSE_FLUSH;
    state->left = s->sum->order.rows * n; /* ended from outside */
  }
}

/* Planes piece by piece: whole rows of planes from first to last, columns i0 .. i1 - 1. */
static void run_wide(Task *t, int64_t first, int64_t last, int64_t i0, int64_t i1) {
  const FuseOrder *o = &t->f->passes.pass[t->pass].any->order;
  int64_t plane = o->columns * o->rows;
  while (first < last) {
    int64_t end = smaller(last, first - first % plane + plane);
    for (int64_t at = i0, n; at < i1; at += n) {
      n = block_at(t->f, first + at, i1 - at);
      seek_columns(t, first, at, n);
      for (int64_t p = first; p < end; p += o->columns) run_block(t, p + at, n);
      end_sums(t);
    }
    first = end;
  }
}

/* Indices first .. last - 1 of an axis. */
static void run_axis(Task *t, int axis, int64_t first, int64_t last) {
  const FuseLoops *l = &t->f->loops;
  int64_t one = 1;
  for (int i = axis + 1; i < l->rank; i++) one *= l->dim[i];
  for (int64_t p = 0; p < l->elements; p += l->dim[axis] * one)
    run_space(t, p + first * one, p + last * one);
}

/* ---- ranges ---- */

static void run_units(Task *t, int64_t first, int64_t last) {
  const FusedPass *pass = &t->f->passes.pass[t->pass];
  int64_t columns = pass->wide ? pass->any->order.columns : 0;
  if (first >= last) return;
  if (pass->cut == FUSED_CUT_AXIS)
    run_axis(t, pass->axis, first, last);
  else if (pass->cut == FUSED_CUT_COLUMNS)
    run_wide(t, 0, t->f->loops.elements, first * pass->unit, smaller(last * pass->unit, columns));
  else if (pass->wide)
    run_wide(t, first * pass->unit, last * pass->unit, 0, columns);
  else
    run_space(t, first * pass->unit, last * pass->unit);
}

static void run_shard(Task *t, uint32_t j) {
  const FusedPass *pass = &t->f->passes.pass[t->pass];
  const FuseOrder *o = &pass->sharded->order;
  for (int64_t g = 0; g < o->shards.groups; g++) {
    int64_t first, last;
    fuse_order_segment(o, t->f->loops.elements, j, g, &first, &last);
    if (pass->wide)
      run_wide(t, first, last, 0, o->columns);
    else
      run_space(t, first, last);
  }
}

static void run_range(Task *t, uint32_t j) {
  const FusedPass *pass = &t->f->passes.pass[t->pass];
  t->range = j;
  for (uint32_t i = 0; i < t->f->n_sums; i++) {
    const SumRun *s = &t->f->sums[i];
    if (s->pass == t->pass && s->sum->order.partial)
      memset((double *)t->args->work + s->cells + j * s->sum->count, 0,
             (size_t)s->sum->count * sizeof(double));
  }
  if (pass->cut == FUSED_CUT_SHARDS)
    run_shard(t, j);
  else
    run_units(t, pass->units * j / pass->n_ranges, pass->units * (j + 1) / pass->n_ranges);
}

static void run_pass(Task *t, uint32_t pass, uint32_t task, uint32_t tasks) {
  const FusedPass *p = &t->f->passes.pass[pass];
  t->pass = pass;
  t->stores = pass + 1 == t->f->passes.n;
  t->safe = !t->stores || shares_memory(t->f, t->args);
  clear_sums(t);
  if (!p->partial && p->cut != FUSED_CUT_SHARDS) {
    int64_t first, last;
    task_range(p->units, p->unit < 64 ? 64 : 1, task, tasks, &first, &last);
    run_units(t, first, last);
    return;
  }
  uint32_t from = p->n_ranges * task / tasks, to = p->n_ranges * (task + 1) / tasks;
  for (uint32_t j = from; j < to; j++) run_range(t, j);
}

/* Joins the ranges' cells in a binary tree and stores the results. */
static void join(const Fused *f, uint32_t task, uint32_t tasks, const KernelArgs *args) {
  for (uint32_t i = 0; i < f->n_sums; i++) {
    const SumRun *s = &f->sums[i];
    if (!s->sum->order.partial) continue;
    int64_t first, last, count = s->sum->count;
    uint32_t n = f->passes.pass[s->pass].n_ranges;
    double *cells = (double *)args->work + s->cells;
    task_range(count, 16, task, tasks, &first, &last);
    for (uint32_t step = 1; step < n; step *= 2)
      for (uint32_t j = 0; j + step < n; j += 2 * step)
        for (int64_t k = first; k < last; k++)
          cells[j * count + k] += cells[(j + step) * count + k];
    s->store(args->outputs[s->output], first, cells + first, last - first, s->scale);
  }
}

Status fused_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args) {
  const Fused *f = kernel->data;
  uint32_t pass = phase ? f->n_first - 1 + phase : 0, tasks = kernel->tasks[phase];
  if (pass == f->passes.n) {
    join(f, task, tasks, args);
    return STATUS_OK;
  }
  _Alignas(64) char scratch[FUSED_SCRATCH];
  Task t = {.f = f, .args = args};
  task_layout(&t, scratch);
  do run_pass(&t, pass++, task, tasks);
  while (phase == 0 && pass < f->n_first);
  if (f->passes.n_cells && !f->joins) join(f, 0, 1, args);
  return STATUS_OK;
}
