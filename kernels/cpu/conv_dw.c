/* conv_dw: dw[o, i, r, s] = sum over pixels of dy[pixel, o] x[pixel stride - pad + (r, s) dilation,
 * i].
 *
 * A product whose k runs over the pixels of dy in memory order; columns are the triples (r, s, i)
 * of one group of channels.  A block of work is, of one group, some rows of o and a part of the
 * panels of columns: chunk by chunk of pixels its part of dy is packed once (rows of dy lie whole
 * pages apart: tiles that read them in place miss the caches at every k), then each panel of x,
 * zeros where a tap falls outside of the image.  Each shard of the batch is one chain of additions,
 * shards join in the binary tree.  Where blocks are few, shards become tasks of their own and meet
 * in the work buffer: the same bits either way. */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/types.h"

#include <stdio.h>
#include <string.h>

#define DW_ROWS WORK_DW_ROWS
#define DW_PART_BYTES WORK_DW_BYTES /* of a block's sums for one o at most */
#define DW_CHUNK 256                /* pixels packed at a time */
#define DW_TILE 12                  /* rows of dy packed side by side: a tile's, or two */
#define DW_PAD 16               /* elements between them: else all begin in one set of the cache */
#define DW_AHEAD 12             /* pixels fetched ahead: strides of pages defeat the hardware */
#define DW_NEAR 512             /* bytes from pixel to pixel up to which dy is read in place */
#define DW_LEVELS 7             /* log2 of the most shards, and one */
#define DW_COLS 64              /* of a panel at most */
#define DW_TURN (64 << 10)      /* bytes of one o at most for the sums to be turned at the end */
#define DW_TURN_MIN (512 << 10) /* bytes of dw from which that pays */
#define DW_PACK ((DW_ROWS / DW_TILE + 1) * (DW_TILE * DW_CHUNK + DW_PAD) * ELEMENT_BYTES_MAX)
#define DW_ACC (DW_ROWS * DW_PART_BYTES)

typedef struct ConvDw {
  ConvShape shape;
  uint32_t x, dy;
  GemmPanels panels;
  Shards shards;
  int64_t part, parts; /* panels of a part; parts */
  int64_t pitch;       /* elements of a row of sums */
  int64_t rows, row_blocks, n_blocks;
  bool split, turn;
} ConvDw;

typedef struct Block {
  int64_t group, panel, panels, row, rows;
} Block;

static Block block_of(const ConvDw *k, int64_t index) {
  Block u = {.row = index % k->row_blocks * k->rows};
  u.rows = k->shape.co - u.row < k->rows ? k->shape.co - u.row : k->rows;
  u.panel = index / k->row_blocks % k->parts * k->part;
  u.panels = k->panels.n - u.panel < k->part ? k->panels.n - u.panel : k->part;
  u.group = index / k->row_blocks / k->parts;
  return u;
}

/* ---- packing ---- */

/* Columns of a panel that lie side by side in the image: of one tap row, tap columns lo .. hi. */
typedef struct Run {
  int64_t h, lo, hi; /* rows and columns from the pixel's origin */
  int64_t i;         /* channel of the first */
  int64_t from;      /* elements from the pixel's origin */
  int64_t len;
} Run;

static int panel_runs(const ConvDw *k, int64_t panel, Run *runs) {
  const ConvShape *s = &k->shape;
  int64_t at = panel * k->panels.width, end = at + gemm_panel_cols(&k->panels, panel);
  int n = 0;
  while (at < end) {
    int64_t i = at % s->ci, tap = at / s->ci, r = tap / s->kw, c = tap % s->kw;
    bool joined = s->dilation[1] == 1 && s->groups == 1;
    int64_t len = (joined ? (s->kw - c) * s->ci : s->ci) - i;
    if (len > end - at) len = end - at;
    Run *run = &runs[n++];
    run->h = r * s->dilation[0];
    run->lo = c * s->dilation[1];
    run->hi = run->lo + (i + len - 1) / s->ci; /* more than lo only where joined */
    run->i = i;
    run->from = (run->h * s->wx + run->lo) * s->cx + i;
    run->len = len;
    at += len;
  }
  return n;
}

/* A run at the edge of the image: `row` is the pixel's row of the run, NULL outside. */
static void pack_edge(const ConvDw *k, const Run *run, const char *row, int64_t w0, char *to) {
  const ConvShape *s = &k->shape;
  int64_t i = run->i, w = w0 + run->lo;
  for (int64_t done = 0; done < run->len; w++, i = 0) {
    int64_t n = s->ci - i < run->len - done ? s->ci - i : run->len - done;
    char *at = to + (size_t)done * s->size;
    if (row && w >= 0 && w < s->wx)
      memcpy(at, row + (size_t)(w * s->cx + i) * s->size, (size_t)n * s->size);
    else
      memset(at, 0, (size_t)n * s->size);
    done += n;
  }
}

static inline void copy_run(char *to, const char *from, size_t bytes) {
  if (bytes % 64) {
    memcpy(to, from, bytes);
    return;
  }
  for (size_t i = 0; i < bytes; i += 64) memcpy(to + i, from + i, 64);
}

/* One panel of x, at the group's first channel, over n pixels. */
static void pack_panel(const ConvDw *k, int64_t panel, const char *x, int64_t pixel, int64_t n,
                       char *to) {
  const ConvShape *s = &k->shape;
  Run runs[DW_COLS];
  int n_runs = panel_runs(k, panel, runs);
  size_t step = (size_t)gemm_panel_width(&k->panels, panel) * s->size;
  size_t used = (size_t)gemm_panel_cols(&k->panels, panel) * s->size;
  size_t row_bytes = (size_t)(s->wx * s->cx) * s->size, near = (size_t)s->cx * s->size;
  size_t ahead = near * (size_t)(DW_AHEAD * s->stride[1]);
  if (near < 256) ahead = 0;
  int64_t q = pixel % s->wy, p = pixel / s->wy % s->hy, image = pixel / (s->wy * s->hy);
  for (int64_t m = 0; m < n; m++, to += step) {
    int64_t h0 = p * s->stride[0] - s->pad[0], w0 = q * s->stride[1] - s->pad[1];
    char *at = to;
    for (int j = 0; j < n_runs; j++) {
      const Run *run = &runs[j];
      size_t bytes = (size_t)run->len * s->size;
      int64_t h = h0 + run->h;
      bool inside = h >= 0 && h < s->hx;
      if (inside && w0 + run->lo >= 0 && w0 + run->hi < s->wx) {
        const char *from =
            x + (((image * s->hx + h0) * s->wx + w0) * s->cx + run->from) * (int64_t)s->size;
        for (size_t line = 0; ahead && line < bytes; line += 64)
          __builtin_prefetch(from + ahead + line);
        copy_run(at, from, bytes);
      } else {
        const char *row = x + (size_t)(image * s->hx + h) * row_bytes;
        pack_edge(k, run, inside ? row : NULL, w0, at);
      }
      at += bytes;
    }
    if (used < step) memset(to + used, 0, step - used);
    if (++q < s->wy) continue;
    q = 0;
    if (++p < s->hy) continue;
    p = 0;
    image++;
  }
}

/* The block's rows of dy, at the group's first channel, over n pixels: DW_TILE rows side by side,
 * then the next. */
static void pack_rows(const ConvDw *k, const Block *u, const char *dy, int64_t pixel, int64_t n,
                      char *to) {
  const ConvShape *s = &k->shape;
  size_t size = s->size, tile = DW_TILE * size, step = (size_t)n * tile + DW_PAD * size;
  size_t row = (size_t)u->rows * size, pitch = (size_t)s->cy * size;
  const char *from = dy + (size_t)pixel * pitch + (size_t)u->row * size;
  for (int64_t m = 0; m < n; m++, from += pitch) {
    char *at = to + (size_t)m * tile;
    size_t o = 0;
    for (size_t line = 0; line < row; line += 64)
      __builtin_prefetch(from + DW_AHEAD * pitch + line);
    if (size == 4) /* a constant length makes the copy three moves */
      for (; o + DW_TILE * 4 <= row; o += DW_TILE * 4, at += step)
        memcpy(at, from + o, DW_TILE * 4);
    for (; o < row; o += tile, at += step) memcpy(at, from + o, row - o < tile ? row - o : tile);
  }
}

/* ---- sums ---- */

/* dy of `n` pixels as rows of a product: packed into `a`, or where it lies. */
static void take_rows(const ConvDw *k, const Block *u, const char *dy, int64_t pixel, int64_t n,
                      char *a, GemmCall *call, int64_t *a_at) {
  int64_t cy = k->shape.cy;
  if (cy * (int64_t)k->shape.size <= DW_NEAR || u->panels == 1) {
    call->a = dy + (size_t)(pixel * cy + u->row) * k->shape.size;
    call->a_step = cy;
    for (int64_t m = 0; m < u->rows; m++) a_at[m] = m;
    return;
  }
  pack_rows(k, u, dy, pixel, n, a);
  call->a = a;
  call->a_step = DW_TILE;
  for (int64_t m = 0; m < u->rows; m++)
    a_at[m] = m / DW_TILE * (DW_TILE * n + DW_PAD) + m % DW_TILE;
}

/* The sum over one shard: `acc` holds rows of `pitch` elements. */
static void block_shard(const ConvDw *k, const Block *u, uint32_t shard, const KernelArgs *args,
                        char *acc) {
  _Alignas(64) char a[DW_PACK], b[DW_CHUNK * CONV_VECTOR_BYTES];
  int64_t a_at[DW_ROWS], c_at[DW_ROWS], image = k->shape.hy * k->shape.wy;
  const ConvShape *s = &k->shape;
  const char *x = (const char *)args->inputs[k->x] + (size_t)(u->group * s->ci) * s->size;
  const char *dy = (const char *)args->inputs[k->dy] + (size_t)(u->group * s->co) * s->size;
  GemmRun run = {0, 0};
  GemmCall call = {.runs = &run, .n_runs = 1, .b = b};
  for (int64_t m = 0; m < u->rows; m++) c_at[m] = m * k->pitch;
  for (int64_t g = 0; g < k->shards.groups; g++) {
    int64_t first, last;
    shards_segment(&k->shards, shard, g, &first, &last);
    for (int64_t at = first * image; at < last * image; at += run.len) {
      run.len = last * image - at < DW_CHUNK ? last * image - at : DW_CHUNK;
      take_rows(k, u, dy, at, run.len, a, &call, a_at);
      for (int64_t p = 0; p < u->panels; p++) {
        pack_panel(k, u->panel + p, x, at, run.len, b);
        call.c = acc + (size_t)(p * k->panels.width) * k->shape.size;
        gemm_rows(&k->panels, u->panel + p, &call, a_at, c_at, u->rows);
      }
      call.add = true;
    }
  }
  if (!call.add) memset(acc, 0, (size_t)(u->rows * k->pitch) * k->shape.size);
}

static void add(const ConvDw *k, const Block *u, char *to, const char *from) {
  k->panels.type->add(to, from, u->rows * k->pitch);
}

/* Writes a block's sums into dw (O, I, R, S), or, when a later phase turns them, (O, R, S, I). */
static void store(const ConvDw *k, const Block *u, const char *acc, char *dw) {
  const ConvShape *s = &k->shape;
  int64_t first = u->panel * k->panels.width, end = (u->panel + u->panels) * k->panels.width;
  int64_t cols = (end < k->panels.cols ? end : k->panels.cols) - first;
  int64_t taps = s->kh * s->kw, len = s->ci * taps;
  for (int64_t m = 0; m < u->rows; m++, acc += (size_t)k->pitch * s->size) {
    char *row = dw + (size_t)((u->group * s->co + u->row + m) * len) * s->size;
    if (taps == 1 || k->turn) {
      memcpy(row + (size_t)first * s->size, acc, (size_t)cols * s->size);
      continue;
    }
    int64_t tap = first / s->ci, i = first % s->ci, n;
    for (int64_t c = 0; c < cols; c += n, i = 0, tap++) { /* the channels of a tap */
      n = s->ci - i < cols - c ? s->ci - i : cols - c;
      elements_copy(row + (size_t)(i * taps + tap) * s->size, acc + (size_t)c * s->size, n, taps, 1,
                    s->size);
    }
  }
}

/* Rows o of dw from (R, S, I) to (I, R, S), in place: blocks that wrote every taps-th element would
 * bring each line into cache once for each tap. */
static void turn(const ConvDw *k, uint32_t task, uint32_t tasks, char *dw) {
  _Alignas(64) char copy[DW_TURN];
  const ConvShape *s = &k->shape;
  int64_t first, last, taps = s->kh * s->kw;
  size_t bytes = (size_t)(taps * s->ci) * s->size;
  task_range(s->cy, 1, task, tasks, &first, &last);
  for (int64_t o = first; o < last; o++) {
    char *row = dw + (size_t)o * bytes;
    memcpy(copy, row, bytes);
    k->panels.type->copy(row, taps, 1, copy, 1, s->ci, s->ci, taps);
  }
}

/* All shards of a block, one after the other: a finished pair of subtrees joins at once. */
static void run_block(const ConvDw *k, int64_t index, const KernelArgs *args) {
  _Alignas(64) char acc[DW_LEVELS + 1][DW_ACC];
  Block u = block_of(k, index);
  int level = 0;
  for (uint32_t j = 0; j < k->shards.n; j++) {
    block_shard(k, &u, j, args, acc[level]);
    for (uint32_t done = j + 1; done % 2 == 0; done /= 2) {
      level--;
      add(k, &u, acc[level], acc[level + 1]);
    }
    level++;
  }
  while (--level > 0) add(k, &u, acc[level - 1], acc[level]);
  store(k, &u, acc[0], args->outputs[0]);
}

static char *partial(const ConvDw *k, const KernelArgs *args, int64_t block, uint32_t shard) {
  return (char *)args->work +
         (size_t)((block * k->shards.n + shard) * k->rows * k->pitch) * k->shape.size;
}

/* Phase 1 of the split: joins the shards in the binary tree. */
static void join_block(const ConvDw *k, int64_t index, const KernelArgs *args) {
  Block u = block_of(k, index);
  for (uint32_t step = 1; step < k->shards.n; step *= 2)
    for (uint32_t j = 0; j + step < k->shards.n; j += 2 * step)
      add(k, &u, partial(k, args, index, j), partial(k, args, index, j + step));
  store(k, &u, partial(k, args, index, 0), args->outputs[0]);
}

static Status conv_dw_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                          const KernelArgs *args) {
  const ConvDw *k = kernel->data;
  if (k->turn && phase + 1 == kernel->n_phases) {
    turn(k, task, kernel->tasks[phase], args->outputs[0]);
    return STATUS_OK;
  }
  int64_t items = k->split && phase == 0 ? k->n_blocks * k->shards.n : k->n_blocks, first, last;
  task_range(items, 1, task, kernel->tasks[phase], &first, &last);
  for (int64_t i = first; i < last; i++) {
    if (!k->split) {
      run_block(k, i, args);
    } else if (phase == 0) {
      /* Blocks of one shard follow each other: they read the same images. */
      Block u = block_of(k, i % k->n_blocks);
      uint32_t shard = (uint32_t)(i / k->n_blocks);
      block_shard(k, &u, shard, args, partial(k, args, i % k->n_blocks, shard));
    } else {
      join_block(k, i, args);
    }
  }
  return STATUS_OK;
}

static uint32_t at_most(int64_t n, int64_t most) {
  return (uint32_t)(n < most ? n : most);
}

/* Parts as wide as leave work for all threads: by blocks, or by blocks and shards where the partial
 * sums fit into the work buffer. */
static void choose_parts(ConvDw *k, uint32_t shards, int64_t work_bytes, bool large) {
  const ConvShape *s = &k->shape;
  int64_t most = DW_PART_BYTES / (k->panels.width * (int64_t)s->size), want = 4 * (int64_t)shards;
  k->rows = s->co < DW_ROWS ? s->co : DW_ROWS;
  k->row_blocks = (s->co + k->rows - 1) / k->rows;
  for (k->part = most < k->panels.n ? most : k->panels.n;; k->part = (k->part + 1) / 2) {
    k->parts = (k->panels.n + k->part - 1) / k->part;
    k->pitch = k->part * k->panels.width;
    k->n_blocks = s->groups * k->parts * k->row_blocks;
    if (!large || k->n_blocks >= want) return;
    int64_t items = k->n_blocks * k->shards.n;
    k->split = k->shards.n > 1 && (items >= want || k->part == 1) &&
               items * k->rows * k->pitch * (int64_t)s->size <= work_bytes;
    if (k->split || k->part == 1) return;
  }
}

Status conv_dw_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  ConvDw *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (ConvDw){.shape = conv_shape(g, id), .x = inputs[0], .dy = inputs[1]};
  const ConvShape *s = &k->shape;
  k->panels = gemm_panels(s->dtype, s->kh * s->kw * s->ci);
  if (!k->panels.type) return spec_no_type(spec, diag, s->dtype);
  k->shards = shards_rows(g, g->nodes[node_input(g, id, 0)].stamp.batch, s->n, spec->shards);
  int64_t weights = conv_weights(s) * s->groups, macs = s->n * s->hy * s->wy * weights;
  bool large = macs >= 1 << 19;
  choose_parts(k, spec->shards, spec->work_bytes, large);
  int64_t bytes = weights * (int64_t)s->size;
  k->turn = s->kh * s->kw > 1 && bytes >= DW_TURN_MIN && bytes / s->cy <= DW_TURN;
  kernel->run = conv_dw_run;
  kernel->tasks[0] = large ? at_most(k->split ? k->n_blocks * k->shards.n : k->n_blocks, 64) : 1;
  kernel->n_phases = 1;
  if (k->split) kernel->tasks[kernel->n_phases++] = at_most(k->n_blocks, spec->shards);
  if (k->turn) kernel->tasks[kernel->n_phases++] = at_most(s->cy, 2 * (int64_t)spec->shards);
  snprintf(kernel->name, sizeof kernel->name, "conv-dw tiles %s%s", k->panels.isa->name,
           k->split ? " split" : "");
  return STATUS_OK;
}
