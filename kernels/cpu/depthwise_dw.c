/* Depthwise conv-dw: dw[o, r, s] = sum over pixels of x[pixel stride - pad + (r, s) dilation, o /
 * M] dy[pixel, o].  Each slice of the batch is one chain over its pixels in memory order, in a part
 * of the work buffer, taps before channels; slices join in the binary tree. */
#include "kernels/cpu/depthwise.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES 512 /* of channels of y in a unit */

typedef struct DepthwiseDw {
  ConvShape shape;
  uint32_t x, dy;
  const DepthwiseType *type;
  const GemmType *gemm;
  Slices slices;
  DepthwiseSpread spread;
  int64_t pitch; /* elements of one tap's sums */
  int64_t block, blocks, step;
} DepthwiseDw;

static char *sums_of(const DepthwiseDw *k, const KernelArgs *args, uint32_t slice, int64_t tap,
                     int64_t channel) {
  int64_t taps = k->shape.kh * k->shape.kw;
  return (char *)args->work + (size_t)((slice * taps + tap) * k->pitch + channel) * k->shape.size;
}

/* Results of a row whose tap s lies inside. */
static void columns(const ConvShape *s, int64_t tap, int64_t *first, int64_t *last) {
  int64_t at = tap * s->dilation[1] - s->pad[1], room = s->wx - 1 - at;
  int64_t end = room < 0 ? 0 : room / s->stride[1] + 1;
  *last = end < s->wy ? end : s->wy;
  *first = at < 0 ? (-at + s->stride[1] - 1) / s->stride[1] : 0;
  if (*first > *last) *first = *last;
}

/* Taps s .. s + n - 1 of one row over results first .. last - 1; `d` is at column 0 of x and dy and
 * at tap 0. */
static void run_taps(const DepthwiseDw *k, const DepthwiseSums *row, int64_t s, int64_t n,
                     int64_t first, int64_t last) {
  const ConvShape *c = &k->shape;
  DepthwiseSums d = *row;
  int64_t at = first * c->stride[1] - c->pad[1] + s * c->dilation[1];
  if (last <= first) return;
  d.cols = last - first;
  d.x += at * c->cx * (int64_t)c->size;
  d.dy += (size_t)(first * c->cy) * c->size;
  d.sums += (size_t)(s * k->pitch) * c->size;
  (c->co == 1 ? k->type->sums : k->type->spread_sums)[n](&d);
}

/* One row of taps over one row of results: what all taps of a call see at once, the ends of each
 * before and after, so that every sum runs over ascending pixels. */
static void run_tap_row(const DepthwiseDw *k, const DepthwiseSums *d) {
  const ConvShape *c = &k->shape;
  int64_t lo[DEPTHWISE_TAPS], hi[DEPTHWISE_TAPS];
  for (int64_t s = 0; s < c->kw; s += DEPTHWISE_TAPS) {
    int64_t n = c->kw - s < DEPTHWISE_TAPS ? c->kw - s : DEPTHWISE_TAPS, first = 0, last = c->wy;
    for (int64_t t = 0; t < n; t++) {
      columns(c, s + t, &lo[t], &hi[t]);
      if (lo[t] > first) first = lo[t];
      if (hi[t] < last) last = hi[t];
    }
    if (last <= first) {
      for (int64_t t = 0; t < n; t++) run_taps(k, d, s + t, 1, lo[t], hi[t]);
      continue;
    }
    for (int64_t t = 0; t < n; t++) run_taps(k, d, s + t, 1, lo[t], first);
    run_taps(k, d, s, n, first, last);
    for (int64_t t = 0; t < n; t++) run_taps(k, d, s + t, 1, last, hi[t]);
  }
}

/* Row p of an image: a few vectors of channels at a time, whose pixels stay in the first cache from
 * one row of taps to the next. */
static void run_row(const DepthwiseDw *k, const KernelArgs *args, uint32_t slice, int64_t image,
                    int64_t p, int64_t channel, int64_t end) {
  const ConvShape *s = &k->shape;
  for (int64_t c = channel; c < end; c += k->step) {
    int64_t dy = (image * s->hy + p) * s->wy * s->cy + c;
    DepthwiseSums d = {.dy = (const char *)args->inputs[k->dy] + (size_t)dy * s->size,
                       .col_step = s->stride[1] * s->cx,
                       .tap_step = s->dilation[1] * s->cx,
                       .dy_step = s->cy,
                       .sum_step = k->pitch,
                       .channels = c + k->step < end ? k->step : end - c,
                       .spread = &k->spread,
                       .phase = c % s->co};
    for (int64_t r = 0; r < s->kh; r++) {
      int64_t h = p * s->stride[0] - s->pad[0] + r * s->dilation[0];
      if (h < 0 || h >= s->hx) continue;
      int64_t x = (image * s->hx + h) * s->wx * s->cx + c / s->co;
      d.x = (const char *)args->inputs[k->x] + (size_t)x * s->size;
      d.sums = sums_of(k, args, slice, r * s->kw, c);
      run_tap_row(k, &d);
    }
  }
}

static int64_t block_end(const DepthwiseDw *k, int64_t channel) {
  return channel + k->block < k->shape.cy ? channel + k->block : k->shape.cy;
}

static void run_slice(const DepthwiseDw *k, uint32_t slice, int64_t channel,
                      const KernelArgs *args) {
  const ConvShape *s = &k->shape;
  int64_t end = block_end(k, channel), first, last;
  for (int64_t t = 0; t < s->kh * s->kw; t++)
    memset(sums_of(k, args, slice, t, channel), 0, (size_t)(end - channel) * s->size);
  for (int64_t g = 0; g < k->slices.groups; g++) {
    slices_segment(&k->slices, slice, g, &first, &last);
    for (int64_t image = first; image < last; image++)
      for (int64_t p = 0; p < s->hy; p++) run_row(k, args, slice, image, p, channel, end);
  }
}

/* Joins the slices of a block and turns its sums to (C M, R, S). */
static void join(const DepthwiseDw *k, int64_t channel, const KernelArgs *args) {
  const ConvShape *s = &k->shape;
  int64_t n = block_end(k, channel) - channel, taps = s->kh * s->kw;
  for (uint32_t step = 1; step < k->slices.n; step *= 2)
    for (uint32_t j = 0; j + step < k->slices.n; j += 2 * step)
      for (int64_t t = 0; t < taps; t++)
        k->gemm->add(sums_of(k, args, j, t, channel), sums_of(k, args, j + step, t, channel), n);
  k->gemm->copy((char *)args->outputs[0] + (size_t)(channel * taps) * s->size, 1, taps,
                sums_of(k, args, 0, 0, channel), k->pitch, 1, taps, n);
}

static Status depthwise_dw_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                               const KernelArgs *args) {
  const DepthwiseDw *k = kernel->data;
  int64_t first, last;
  task_range(phase ? k->blocks : k->blocks * k->slices.n, 1, task, kernel->tasks[phase], &first,
             &last);
  for (int64_t i = first; i < last; i++) {
    if (phase)
      join(k, i * k->block, args);
    else
      run_slice(k, (uint32_t)(i / k->blocks), i % k->blocks * k->block, args);
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
  k->slices = slices_rows(g, g->nodes[node_input(g, id, 0)].stamp.batch, s->n, spec->shards);
  k->spread = depthwise_spread(s->co);
  k->pitch = (s->cy + lanes - 1) / lanes * lanes;
  k->block = BLOCK_BYTES / (int64_t)s->size;
  k->blocks = (s->cy + k->block - 1) / k->block;
  k->step = 2 * lanes;
  int64_t macs = s->n * s->hy * s->wy * conv_weights(s) * s->groups;
  int64_t items = k->blocks * k->slices.n, most = macs < 1 << 17 ? 1 : 64;
  kernel->run = depthwise_dw_run;
  kernel->n_phases = 2;
  kernel->tasks[0] = (uint32_t)(items < most ? items : most);
  kernel->tasks[1] = (uint32_t)(k->blocks < most / 16 ? k->blocks : most < 16 ? 1 : most / 16);
  snprintf(kernel->name, sizeof kernel->name, "depthwise-dw %s", depthwise_isa()->name);
  return STATUS_OK;
}
