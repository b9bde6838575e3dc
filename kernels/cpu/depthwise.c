/* Depthwise conv and conv-dx: row by row of results, on the grids of conv.h (the input gradient of
 * a convolution with stride is one grid for each residue).
 *
 * All is counted in channels of y, of which every channel of x has M.  conv reads x spread over
 * them; conv-dx computes a result for each and folds those of a channel into one. */
#include "kernels/cpu/depthwise.h"
#include "kernels/cpu/types.h"

#include <stdio.h>

#define BLOCK_BYTES 2048 /* of channels: their weights stay in the first cache */
#define FOLD_COLS 8
#define FOLD_CHANNELS 256 /* of y at a time */

typedef struct Depthwise {
  Conv conv; /* its grids, without runs and strips */
  const DepthwiseType *type;
  const GemmType *gemm;
  DepthwiseSpread spread;
  int64_t m;     /* results of a channel of x */
  int64_t pitch; /* elements of one tap's weights */
  int64_t block, blocks;
} Depthwise;

DepthwiseSpread depthwise_spread(int64_t multiplier) {
  int64_t first = multiplier > DEPTHWISE_LANES ? multiplier - DEPTHWISE_LANES : 0;
  DepthwiseSpread s = {.multiplier = multiplier, .first = first};
  for (int64_t k = 0; k < 2 * DEPTHWISE_LANES; k++) s.at[k] = (int32_t)((first + k) / multiplier);
  return s;
}

const DepthwiseIsa *depthwise_isa(void) {
  static const DepthwiseIsa *const all[] = {&depthwise_isa_base, &depthwise_isa_v3,
                                            &depthwise_isa_v4};
  return all[isa_current()];
}

/* Weights (C M, 1, R, S) to (R, S, C M). */
static void run_pack(const Depthwise *k, const KernelArgs *args) {
  const ConvShape *s = &k->conv.shape;
  int64_t taps = s->kh * s->kw;
  k->gemm->copy(args->work, k->pitch, 1, args->inputs[k->conv.w], 1, taps, taps, s->cy);
}

/* Results of a few columns, then the sums over each channel's: `n` channels of y, all of some of
 * x, or with `more` the next of one. */
static void run_fold(const Depthwise *k, const DepthwiseRow *row, int64_t cols, int64_t channel,
                     int64_t n, bool more) {
  _Alignas(64) char results[FOLD_COLS * FOLD_CHANNELS * ELEMENT_BYTES_MAX];
  size_t size = k->conv.shape.size;
  DepthwiseRow d = *row;
  d.at += channel;
  d.weight_at += channel;
  d.channels = n;
  d.out = results;
  d.out_step = FOLD_CHANNELS;
  k->type->row(&d, cols);
  DepthwiseFold fold = {
      .channels = n < k->m ? 1 : n / k->m, .multiplier = n < k->m ? n : k->m, .more = more};
  for (int64_t q = 0; q < cols; q++) {
    fold.in = results + (size_t)(q * FOLD_CHANNELS) * size;
    fold.out = row->out + (size_t)(q * row->out_step + channel / k->m) * size;
    k->type->fold(&fold);
  }
}

static void run_columns(const Depthwise *k, const DepthwiseRow *row, int64_t cols) {
  if (k->m == 1 || !k->conv.adjoint) {
    (k->m == 1 ? k->type->row : k->type->spread)(row, cols);
    return;
  }
  int64_t whole = FOLD_CHANNELS / k->m * k->m, part = whole ? whole : FOLD_CHANNELS, n;
  for (int64_t q = 0; q < cols; q += FOLD_COLS) {
    DepthwiseRow d = *row;
    d.at += q * d.col_step;
    d.columns.at += q * d.columns.step;
    d.out += (size_t)(q * d.out_step) * k->conv.shape.size;
    for (int64_t c = 0; c < d.channels; c += n) {
      n = d.channels - c < part ? d.channels - c : part;
      if (!whole && n > k->m - c % k->m) n = k->m - c % k->m;
      run_fold(k, &d, cols - q < FOLD_COLS ? cols - q : FOLD_COLS, c, n, c % k->m != 0);
    }
  }
}

/* Fetches the rows that the next row of results is the first to read, all their channels. */
__attribute__((always_inline)) static inline void ahead(const Conv *c, const ConvGrid *g,
                                                        const KernelArgs *args, int64_t row) {
  int64_t bytes = c->in[1] * c->in_pitch * (int64_t)c->shape.size;
  DepthwiseAhead next = {.at = args->inputs[c->a],
                         .rows = c->shape.n * c->in[0],
                         .row_bytes = bytes,
                         .pixels = 1,
                         .bytes = bytes};
  depthwise_ahead(&next, row, g->in_step[0]);
}

/* Row p of one image's grid, channels from `channel`. */
static void run_row(const Depthwise *k, const ConvGrid *g, int64_t image, int64_t p,
                    int64_t channel, const KernelArgs *args) {
  const char *rows[DEPTHWISE_ROWS], *weights[DEPTHWISE_ROWS];
  const Conv *c = &k->conv;
  size_t size = c->shape.size;
  int64_t last = 0, rest = c->shape.cy - channel, y = g->out_at[0] + p * g->out_step[0];
  int64_t reads = c->adjoint ? channel : channel / k->m,
          writes = c->adjoint ? channel / k->m : channel;
  DepthwiseRow d = {.rows = rows,
                    .weights = weights,
                    .taps = g->taps[1],
                    .columns = {g->in_at[1], g->in_step[1], g->in_tap[1], c->in[1]},
                    .at = g->in_at[1] * c->in_pitch,
                    .col_step = g->in_step[1] * c->in_pitch,
                    .tap_step = g->in_tap[1] * c->in_pitch,
                    .weight_step = g->tap_step[1] * k->pitch,
                    .out_step = g->out_step[1] * c->out_pitch,
                    .channels = rest < k->block ? rest : k->block,
                    .spread = &k->spread};
  for (int64_t t = 0; t < g->taps[0]; t++) {
    int64_t h = g->in_at[0] + p * g->in_step[0] + t * g->in_tap[0];
    int64_t r = g->tap_at[0] + t * g->tap_step[0];
    if (h < 0 || h >= c->in[0]) continue;
    last = h;
    int64_t at = (image * c->in[0] + h) * c->in[1] * c->in_pitch + reads;
    int64_t tap = (r * c->shape.kw + g->tap_at[1]) * k->pitch + channel;
    rows[d.n_rows] = (const char *)args->inputs[c->a] + (size_t)at * size;
    weights[d.n_rows++] = (const char *)args->work + (size_t)tap * size;
  }
  if (channel == 0) ahead(c, g, args, image * c->in[0] + last + 1);
  int64_t to = ((image * c->out[0] + y) * c->out[1] + g->out_at[1]) * c->out_pitch + writes;
  d.out = (char *)args->outputs[0] + (size_t)to * size;
  run_columns(k, &d, g->size[1]);
}

static Status depthwise_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                            const KernelArgs *args) {
  const Depthwise *k = kernel->data;
  const Conv *c = &k->conv;
  if (phase == 0) {
    run_pack(k, args);
    return STATUS_OK;
  }
  int64_t first, last, i;
  task_range(c->n_items, 1, task, kernel->tasks[1], &first, &last);
  for (int64_t item = first; item < last; item++) {
    for (i = c->n_grids - 1; c->grids[i].first_item > item;) i--;
    const ConvGrid *g = &c->grids[i];
    int64_t at = item - g->first_item, row = at / k->blocks;
    run_row(k, g, row / g->size[0], row % g->size[0], at % k->blocks * k->block, args);
  }
  return STATUS_OK;
}

Status depthwise_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  Depthwise *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  kernel->destroy = conv_destroy; /* `conv` comes first */
  TRY(conv_init(&k->conv, spec, inputs, diag));
  const ConvShape *s = &k->conv.shape;
  int64_t lanes = 64 / (int64_t)s->size;
  k->type = &depthwise_isa()->type[s->dtype];
  k->gemm = gemm_type(s->dtype);
  if (!k->type->row || !k->gemm) return spec_no_type(spec, diag, s->dtype);
  k->m = s->co;
  k->spread = depthwise_spread(k->m);
  k->pitch = (s->cy + lanes - 1) / lanes * lanes;
  k->block = BLOCK_BYTES / (int64_t)s->size / k->m * k->m; /* whole channels of x */
  if (k->block == 0) k->block = k->m;
  k->blocks = (s->cy + k->block - 1) / k->block;
  for (int64_t i = 0; i < k->conv.n_grids; i++) {
    k->conv.grids[i].first_item = k->conv.n_items;
    k->conv.n_items += s->n * k->conv.grids[i].size[0] * k->blocks;
  }
  int64_t macs = s->n * s->hy * s->wy * conv_weights(s) * s->groups;
  int64_t tasks = macs < 1 << 17 ? 1 : 4 * (int64_t)spec->shards;
  kernel->run = depthwise_run;
  kernel->n_phases = 2;
  kernel->tasks[0] = 1;
  kernel->tasks[1] = (uint32_t)(tasks < k->conv.n_items ? tasks : k->conv.n_items);
  snprintf(kernel->name, sizeof kernel->name, "depthwise %s", depthwise_isa()->name);
  return STATUS_OK;
}
