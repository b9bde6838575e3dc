/* Depthwise conv-dw: dw[o, r, s] = sum over pixels of x[pixel stride - pad + (r, s) dilation, o /
 * M] dy[pixel, o].  Each shard of the batch is one chain over its pixels in memory order, in a part
 * of the work buffer, taps before channels; shards join in the binary tree. */
#include "kernels/cpu/depthwise.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 512       /* of channels of y in a block */
#define ROWS_BYTES (16 << 10) /* of both images under the rows that are added at a time */

typedef struct DepthwiseDw {
  ConvShape shape;
  uint32_t x, dy;
  const DepthwiseType *type;
  const GemmType *gemm;
  Shards shards;
  DepthwiseSpread spread;
  int64_t pitch;                     /* elements of one tap's sums */
  int64_t block, blocks, step, rows; /* channels and rows of an image at a time */
} DepthwiseDw;

static char *sums_of(const DepthwiseDw *k, const KernelArgs *args, uint32_t shard, int64_t tap,
                     int64_t channel) {
  int64_t taps = k->shape.kh * k->shape.kw;
  return (char *)args->work + (size_t)((shard * taps + tap) * k->pitch + channel) * k->shape.size;
}

/* Rows `first` .. `last` - 1 of results have a row of x under tap row r. */
static void tap_rows(const ConvShape *s, int64_t r, int64_t *first, int64_t *last) {
  int64_t at = r * s->dilation[0] - s->pad[0], room = s->hx - 1 - at;
  int64_t end = room < 0 ? 0 : room / s->stride[0] + 1;
  *last = end < s->hy ? end : s->hy;
  *first = at < 0 ? (-at + s->stride[0] - 1) / s->stride[0] : 0;
}

/* Adds rows from .. until - 1 of an image to the sums of tap row r, channels `c` .. of `n`. */
static void run_tap_row(const DepthwiseDw *k, const KernelArgs *args, uint32_t shard, int64_t image,
                        int64_t from, int64_t until, int64_t r, int64_t c, int64_t n) {
  const ConvShape *s = &k->shape;
  int64_t first, last, x_row = s->wx * s->cx, dy_row = s->wy * s->cy;
  tap_rows(s, r, &first, &last);
  if (first < from) first = from;
  if (last > until) last = until;
  if (first >= last) return;
  int64_t h = first * s->stride[0] - s->pad[0] + r * s->dilation[0];
  int64_t x = (image * s->hx + h) * x_row + c / s->co, dy = (image * s->hy + first) * dy_row + c;
  DepthwiseSums d = {.x = (const char *)args->inputs[k->x] + (size_t)x * s->size,
                     .dy = (const char *)args->inputs[k->dy] + (size_t)dy * s->size,
                     .rows = last - first,
                     .x_row = s->stride[0] * x_row,
                     .dy_row = dy_row,
                     .columns = {-s->pad[1], s->stride[1], s->dilation[1], s->wx},
                     .cols = s->wy,
                     .col_step = s->stride[1] * s->cx,
                     .tap_step = s->dilation[1] * s->cx,
                     .dy_step = s->cy,
                     .sum_step = k->pitch,
                     .channels = n,
                     .spread = &k->spread,
                     .phase = c % s->co};
  for (int64_t t = 0; t < s->kw; t += DEPTHWISE_TAPS) {
    int64_t taps = s->kw - t < DEPTHWISE_TAPS ? s->kw - t : DEPTHWISE_TAPS;
    d.at = d.columns.at * s->cx;
    d.sums = sums_of(k, args, shard, r * s->kw + t, c);
    (s->co == 1 ? k->type->sums : k->type->spread_sums)[taps](&d);
    d.columns.at += taps * s->dilation[1];
  }
}

/* One image, a few vectors of channels and so many rows at a time that they stay in the first cache
 * from one row of taps to the next.  Every sum still runs over ascending pixels. */
static void run_image(const DepthwiseDw *k, const KernelArgs *args, uint32_t shard, int64_t image,
                      int64_t channel, int64_t end) {
  const ConvShape *s = &k->shape;
  int64_t size = (int64_t)s->size, from = channel / s->co,
          bytes = ((end - 1) / s->co + 1 - from) * size;
  DepthwiseAhead x = {.at = (const char *)args->inputs[k->x] + from * size,
                      .rows = s->n * s->hx,
                      .row_bytes = s->wx * s->cx * size,
                      .pixels = s->wx,
                      .pixel_bytes = s->cx * size,
                      .bytes = bytes};
  DepthwiseAhead dy = {.at = (const char *)args->inputs[k->dy] + channel * size,
                       .rows = s->n * s->hy,
                       .row_bytes = s->wy * s->cy * size,
                       .pixels = s->wy,
                       .pixel_bytes = s->cy * size,
                       .bytes = (end - channel) * size};
  for (int64_t p = 0; p < s->hy; p += k->rows) {
    int64_t next = p + k->rows;
    depthwise_ahead(&x, image * s->hx + next * s->stride[0], k->rows * s->stride[0]);
    depthwise_ahead(&dy, image * s->hy + next, k->rows);
    for (int64_t c = channel; c < end; c += k->step)
      for (int64_t r = 0; r < s->kh; r++)
        run_tap_row(k, args, shard, image, p, p + k->rows, r, c,
                    c + k->step < end ? k->step : end - c);
  }
}

static int64_t block_end(const DepthwiseDw *k, int64_t channel) {
  return channel + k->block < k->shape.cy ? channel + k->block : k->shape.cy;
}

static void run_shard(const DepthwiseDw *k, uint32_t shard, int64_t channel,
                      const KernelArgs *args) {
  const ConvShape *s = &k->shape;
  int64_t end = block_end(k, channel), first, last;
  for (int64_t t = 0; t < s->kh * s->kw; t++)
    memset(sums_of(k, args, shard, t, channel), 0, (size_t)(end - channel) * s->size);
  for (int64_t g = 0; g < k->shards.groups; g++) {
    shards_segment(&k->shards, shard, g, &first, &last);
    for (int64_t image = first; image < last; image++)
      run_image(k, args, shard, image, channel, end);
  }
}

/* Joins the shards of a block and turns its sums to (C M, R, S). */
static void join(const DepthwiseDw *k, int64_t channel, const KernelArgs *args) {
  const ConvShape *s = &k->shape;
  int64_t n = block_end(k, channel) - channel, taps = s->kh * s->kw;
  for (uint32_t step = 1; step < k->shards.n; step *= 2)
    for (uint32_t j = 0; j + step < k->shards.n; j += 2 * step)
      for (int64_t t = 0; t < taps; t++)
        k->gemm->add(sums_of(k, args, j, t, channel), sums_of(k, args, j + step, t, channel), n);
  k->gemm->copy((char *)args->outputs[0] + (size_t)(channel * taps) * s->size, 1, taps,
                sums_of(k, args, 0, 0, channel), k->pitch, 1, taps, n);
}

static Status depthwise_dw_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                               const KernelArgs *args) {
  const DepthwiseDw *k = kernel->data;
  int64_t first, last;
  task_range(phase ? k->blocks : k->blocks * k->shards.n, 1, task, kernel->tasks[phase], &first,
             &last);
  for (int64_t i = first; i < last; i++) {
    if (phase)
      join(k, i * k->block, args);
    else
      run_shard(k, (uint32_t)(i / k->blocks), i % k->blocks * k->block, args);
  }
  return STATUS_OK;
}

Status depthwise_dw_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  DepthwiseDw *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (DepthwiseDw){.shape = conv_shape(g, id), .x = inputs[0], .dy = inputs[1]};
  const ConvShape *s = &k->shape;
  int64_t lanes = 64 / (int64_t)s->size;
  k->type = &depthwise_isa()->type[s->dtype];
  k->gemm = gemm_type(s->dtype);
  if (!k->type->sums[1] || !k->gemm) return spec_no_type(spec, diag, s->dtype);
  k->shards = shards_rows(g, g->nodes[node_input(g, id, 0)].stamp.batch, s->n, spec->shards);
  k->spread = depthwise_spread(s->co);
  k->pitch = (s->cy + lanes - 1) / lanes * lanes;
  k->block = BLOCK_BYTES / (int64_t)s->size;
  k->blocks = (s->cy + k->block - 1) / k->block;
  k->step = 2 * lanes;
  k->rows = ROWS_BYTES / (k->step * (int64_t)s->size * (s->wx + s->wy));
  if (k->rows == 0) k->rows = 1;
  if (k->rows > s->hy) k->rows = s->hy;
  int64_t macs = s->n * s->hy * s->wy * conv_weights(s) * s->groups;
  int64_t items = k->blocks * k->shards.n, most = macs < 1 << 17 ? 1 : 64;
  kernel->run = depthwise_dw_run;
  kernel->n_phases = 2;
  kernel->tasks[0] = (uint32_t)(items < most ? items : most);
  kernel->tasks[1] = (uint32_t)(k->blocks < most / 16 ? k->blocks : most < 16 ? 1 : most / 16);
  snprintf(kernel->name, sizeof kernel->name, "depthwise-dw %s", depthwise_isa()->name);
  return STATUS_OK;
}
