/* Runs a fused group: the loops over outer axes, pieces and rows, and the sums. */
#include "kernels/cpu/fused.h"

#include <string.h>

typedef struct SumState {
  void *lane;
  double *sum, *folded;
  int64_t count; /* elements since the last fold */
} SumState;

typedef struct Task {
  const Fused *f;
  const KernelArgs *args;
  bool safe;
  uint32_t shard;
  void **slots;
  int64_t *base, *tiled; /* of each view: offset of the outer index; that of the filled tile */
  SumState *sums;
  int64_t out_base;
  int64_t outer[RANK_MAX]; /* index along the outer axes */
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
  for (uint32_t r = 0; r < f->n_regs; r++) t->slots[r] = scratch + r * f->reg_bytes;
  scratch += f->n_regs * f->reg_bytes;
  for (uint32_t i = 0; i < f->n_sums; i++) {
    const SumRun *s = &f->sums[i];
    char *at = scratch + s->state;
    t->sums[i] = (SumState){.lane = at};
    t->sums[i].sum = (double *)(void *)(at + round64((size_t)s->lanes * 8));
    t->sums[i].folded =
        (double *)(void *)((char *)t->sums[i].sum + round64((size_t)s->columns * 8));
    memset(at, 0, round64((size_t)s->lanes * 8) + 2 * round64((size_t)s->columns * 8));
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

/* One row of a view: `n` elements of the inner run from `at` on. */
static void fill_row(const FuseLoops *l, const FuseView *v, char *to, const char *from, int64_t at,
                     int64_t n, size_t size) {
  int last = l->rank - 1;
  if (l->inner == last) {
    fill_run(to, from + (size_t)(at * v->stride[last]) * size, n, v->stride[last], size);
    return;
  }
  int64_t index[RANK_MAX] = {0}; /* several inner axes: always whole runs */
  for (int64_t done = 0; done < n; done += l->dim[last]) {
    int64_t offset = 0;
    for (int i = l->inner; i < last; i++) offset += index[i] * v->stride[i];
    fill_run(to + (size_t)done * size, from + (size_t)offset * size, l->dim[last], v->stride[last],
             size);
    for (int i = last - 1; i >= l->inner; i--) {
      if (++index[i] < l->dim[i]) break;
      index[i] = 0;
    }
  }
}

static void fill_view(const Task *t, const ViewRun *r, const char *from, int64_t rows, int64_t at,
                      int64_t n) {
  const FuseLoops *l = &t->f->loops;
  char *to = t->slots[r->slot];
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
    if (r->kind == VIEW_TILE) continue;
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

/* Offsets of the views at the outer index; fills tiles that changed. */
static void place_outer(Task *t) {
  const Fused *f = t->f;
  const FuseLoops *l = &f->loops;
  int outer = l->inner > 1 ? l->inner - 1 : 0;
  t->out_base = 0;
  for (int i = 0; i < outer; i++) t->out_base = t->out_base * l->dim[i] + t->outer[i];
  t->out_base *= l->rows * l->run;
  for (uint32_t v = 0; v < f->n_views; v++) {
    const ViewRun *r = &f->views[v];
    t->base[v] = 0;
    for (int i = 0; i < outer; i++) t->base[v] += t->outer[i] * r->view->stride[i];
    if (r->kind != VIEW_TILE || t->tiled[v] == t->base[v]) continue;
    t->tiled[v] = t->base[v];
    int64_t rows = f->block_rows < l->rows ? f->block_rows : l->rows;
    fill_view(t, r, view_memory(t, r) + (size_t)t->base[v] * r->size, rows, 0, f->piece);
  }
}

/* ---- sums ---- */

/* Sums of n elements of the result from `at` on. */
static void sum_put(const Task *t, const SumRun *s, int64_t at, const double *sums, int64_t n) {
  if (!s->sum->partial) {
    s->store(t->args->outputs[s->output], at, sums, n, s->scale);
    return;
  }
  double *cells = (double *)t->args->work + s->sum->cells + t->shard * s->sum->count + at;
  for (int64_t i = 0; i < n; i++) cells[i] += sums[i];
}

static void sum_fold(const SumRun *s, SumState *state, int64_t columns) {
  int64_t lanes =
      s->columns == 1 || columns < s->columns ? s->lanes / s->columns * columns : s->lanes;
  s->type->fold(state->sum, state->lane, lanes / columns, columns);
  state->count = 0;
}

/* Adds n elements to a run whose blocks have `columns` columns. */
static void sum_add(const SumRun *s, SumState *state, const char *v, int64_t n, int64_t columns) {
  int64_t lanes = s->lanes / s->columns * columns, flush = lanes * FUSE_FLUSH;
  while (n > 0) {
    int64_t part = n < flush - state->count ? n : flush - state->count;
    s->type->stream(state->lane, lanes, state->count % lanes, v, part);
    state->count += part;
    v += (size_t)part * s->size;
    n -= part;
    if (state->count == flush) sum_fold(s, state, columns);
  }
}

/* Offset of the result at the outer index. */
static int64_t sum_base(const Task *t, const SumRun *s) {
  int64_t base = 0;
  for (int i = 0; i + 1 < t->f->loops.inner; i++) base += t->outer[i] * s->sum->stride[i];
  return base;
}

/* Ends a run of columns `at` .. of the inner run. */
static void columns_end(const Task *t, const SumRun *s, SumState *state, int64_t at, int64_t n) {
  const FuseLoops *l = &t->f->loops;
  if (state->count) sum_fold(s, state, n);
  int64_t base = sum_base(t, s);
  int last = l->rank - 1;
  if (l->inner == last) {
    sum_put(t, s, base + at, state->sum, n);
  } else { /* the run is kept in part: fold what falls on one element */
    int64_t index[RANK_MAX] = {0}, kept = 1;
    for (int i = l->inner; i <= last; i++)
      if (!(s->sum->reduced >> i & 1)) kept *= l->dim[i];
    memset(state->folded, 0, (size_t)kept * sizeof *state->folded);
    for (int64_t k = 0; k < n; k++) {
      int64_t offset = 0;
      for (int i = l->inner; i <= last; i++) offset += index[i] * s->sum->stride[i];
      state->folded[offset] += state->sum[k];
      for (int i = last; i >= l->inner; i--) {
        if (++index[i] < l->dim[i]) break;
        index[i] = 0;
      }
    }
    sum_put(t, s, base, state->folded, kept);
  }
  memset(state->sum, 0, (size_t)n * sizeof *state->sum);
}

static void stream_end(const Task *t, const SumRun *s, SumState *state, int64_t at) {
  if (state->count) sum_fold(s, state, 1);
  sum_put(t, s, at, state->sum, 1);
  state->sum[0] = 0;
}

static void rows_add(const Task *t, const SumRun *s, SumState *state, const char *v, int64_t row,
                     int64_t rows, int64_t n, bool ends) {
  int64_t base = sum_base(t, s), stride = s->sum->stride[t->f->loops.inner - 1];
  for (int64_t i = 0; i < rows; i++) {
    sum_add(s, state, v + (size_t)(i * n) * s->size, n, 1);
    if (ends) stream_end(t, s, state, base + (row + i) * stride);
  }
}

/* Any pattern of kept and added axes. */
static void cells_add(const Task *t, const SumRun *s, const char *v, int64_t row, int64_t rows,
                      int64_t at, int64_t n) {
  const FuseLoops *l = &t->f->loops;
  int64_t base = sum_base(t, s);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t k = 0; k < n; k++) {
      int64_t offset = base, rest = at + k;
      if (l->inner > 0) offset += (row + i) * s->sum->stride[l->inner - 1];
      for (int a = l->rank - 1; a >= l->inner; a--) {
        offset += rest % l->dim[a] * s->sum->stride[a];
        rest /= l->dim[a];
      }
      int64_t e = i * n + k;
      double value = s->get(v, e);
      sum_put(t, s, offset, &value, 1);
    }
}

static void block_sums(Task *t, int64_t row, int64_t rows, int64_t at, int64_t n, int64_t end) {
  for (uint32_t i = 0; i < t->f->n_sums; i++) {
    const SumRun *s = &t->f->sums[i];
    const char *v = t->slots[t->safe ? s->operand_safe : s->operand];
    bool ends = at + n == end || s->sum->partial;
    switch (s->sum->mode) {
    case FUSE_SUM_STREAM:
      sum_add(s, &t->sums[i], v, rows * n, 1);
      break;
    case FUSE_SUM_COLUMNS:
      sum_add(s, &t->sums[i], v, rows * n, n);
      break;
    case FUSE_SUM_ROWS:
      rows_add(t, s, &t->sums[i], v, row, rows, n, ends);
      break;
    case FUSE_SUM_CELLS:
      cells_add(t, s, v, row, rows, at, n);
      break;
    }
  }
}

/* ---- loops ---- */

static void run_block(Task *t, int64_t row, int64_t rows, int64_t at, int64_t n, int64_t end) {
  const Fused *f = t->f;
  place_views(t, row, rows, at, n);
  const Instr *list = t->safe ? f->safe : f->instrs;
  void **slots = t->slots;
  for (uint32_t i = 0; i < f->n_instrs; i++) {
    const Instr *in = &list[i];
    in->fn(slots[in->d], slots[in->a], slots[in->b], slots[in->c], rows * n, in->param);
  }
  if (f->n_sums) block_sums(t, row, rows, at, n, end);
  if (t->safe)
    for (uint32_t i = f->n_instrs; i < f->n_safe; i++)
      list[i].fn(slots[list[i].d], slots[list[i].a], NULL, NULL, rows * n, 0);
}

static void end_columns(Task *t, int64_t at, int64_t n) {
  for (uint32_t i = 0; i < t->f->n_sums; i++)
    if (t->f->sums[i].sum->mode == FUSE_SUM_COLUMNS)
      columns_end(t, &t->f->sums[i], &t->sums[i], at, n);
}

/* The space at one outer index: rows [r0, r1) of elements [i0, i1) of the inner run. */
static void run_plane(Task *t, int64_t r0, int64_t r1, int64_t i0, int64_t i1) {
  const Fused *f = t->f;
  place_outer(t);
  if (f->loops.pieces_outside || i1 - i0 <= f->piece) {
    for (int64_t at = i0; at < i1; at += f->piece) {
      int64_t n = at + f->piece < i1 ? f->piece : i1 - at;
      for (int64_t row = r0; row < r1; row += f->block_rows)
        run_block(t, row, row + f->block_rows < r1 ? f->block_rows : r1 - row, at, n, i1);
      end_columns(t, at, n);
    }
  } else {
    for (int64_t row = r0; row < r1; row++)
      for (int64_t at = i0; at < i1; at += f->piece)
        run_block(t, row, 1, at, at + f->piece < i1 ? f->piece : i1 - at, i1);
  }
  for (uint32_t i = 0; i < f->n_sums; i++)
    if (f->sums[i].sum->mode == FUSE_SUM_STREAM)
      stream_end(t, &f->sums[i], &t->sums[i], sum_base(t, &f->sums[i]));
}

/* Indices [first, last) of the cut axis. */
static void run_range(Task *t, int64_t first, int64_t last) {
  const FuseLoops *l = &t->f->loops;
  int64_t lo[RANK_MAX] = {0}, hi[RANK_MAX];
  int outer = l->inner > 1 ? l->inner - 1 : 0;
  for (int i = 0; i < l->rank; i++) hi[i] = l->dim[i];
  int64_t r0 = 0, r1 = l->rows, i0 = 0, i1 = l->run;
  if (l->cut < outer)
    lo[l->cut] = first, hi[l->cut] = last;
  else if (l->cut < l->inner)
    r0 = first, r1 = last;
  else
    i0 = first, i1 = last;
  if (first >= last) return;
  memcpy(t->outer, lo, sizeof lo);
  for (;;) {
    run_plane(t, r0, r1, i0, i1);
    int i = outer - 1;
    for (; i >= 0; i--) {
      if (++t->outer[i] < hi[i]) break;
      t->outer[i] = lo[i];
    }
    if (i < 0) return;
  }
}

static void run_shard(Task *t, uint32_t j) {
  const FuseLoops *l = &t->f->loops;
  t->shard = j;
  for (uint32_t i = 0; i < t->f->n_sums; i++)
    if (t->f->sums[i].sum->partial)
      memset((double *)t->args->work + t->f->sums[i].sum->cells + j * t->f->sums[i].sum->count, 0,
             (size_t)t->f->sums[i].sum->count * sizeof(double));
  for (int64_t g = 0; g < l->shards.groups; g++) {
    int64_t first, last;
    shards_segment(&l->shards, j, g, &first, &last);
    first *= l->factor;
    last *= l->factor;
    if (last > l->dim[l->cut]) last = l->dim[l->cut];
    run_range(t, first, last);
  }
}

/* Joins the shards' cells in a binary tree and stores the results. */
static void join(const Fused *f, uint32_t task, uint32_t tasks, const KernelArgs *args) {
  for (uint32_t i = 0; i < f->n_sums; i++) {
    const SumRun *s = &f->sums[i];
    if (!s->sum->partial) continue;
    int64_t first, last, count = s->sum->count;
    uint32_t n = f->loops.shards.n;
    double *cells = (double *)args->work + s->sum->cells;
    task_range(count, 16, task, tasks, &first, &last);
    for (uint32_t step = 1; step < n; step *= 2)
      for (uint32_t j = 0; j + step < n; j += 2 * step)
        for (int64_t k = first; k < last; k++)
          cells[j * count + k] += cells[(j + step) * count + k];
    s->store(args->outputs[s->output], first, cells + first, last - first, s->scale);
  }
}

static bool shares_memory(const Fused *f, const KernelArgs *args) {
  for (uint32_t i = 0; i < f->n_hazards; i++)
    if (args->outputs[f->hazards[i].output] == args->inputs[f->hazards[i].input]) return true;
  return false;
}

Status fused_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args) {
  const Fused *f = kernel->data;
  if (phase == 1) {
    join(f, task, f->n_join, args);
    return STATUS_OK;
  }
  _Alignas(64) char scratch[FUSED_SCRATCH];
  Task t = {.f = f, .args = args, .safe = shares_memory(f, args)};
  task_layout(&t, scratch);
  const FuseLoops *l = &f->loops;
  if (!l->sharded) {
    int64_t first, last, per_index = l->elements / l->dim[l->cut];
    task_range(l->dim[l->cut], per_index < 64 ? 64 : 1, task, f->n_tasks, &first, &last);
    run_range(&t, first, last);
    return STATUS_OK;
  }
  uint32_t from = f->n_ranges * task / f->n_tasks, to = f->n_ranges * (task + 1) / f->n_tasks;
  for (uint32_t j = from; j < to; j++) run_shard(&t, j);
  if (f->n_tasks == 1) join(f, 0, 1, args);
  return STATUS_OK;
}
