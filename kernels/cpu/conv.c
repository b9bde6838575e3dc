/* Prepares conv and conv_dx.
 *
 * conv_dx with stride 1 is a convolution of dy with the turned kernel.  With stride t, the results
 * in row h of residue h mod t read the taps r with r dilation = h + pad (mod t) only: one grid for
 * each residue, each a convolution of dy with stride 1. */
#include "kernels/cpu/depthwise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ConvShape conv_shape(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  const Shape *a = &g->nodes[node_input(g, id, 0)].shape,
              *b = &g->nodes[node_input(g, id, 1)].shape;
  const Shape *x = node->op == OP_CONV_DX ? &node->shape : a;
  const Shape *w = node->op == OP_CONV_DW ? &node->shape : b;
  const Shape *y = node->op == OP_CONV ? &node->shape : node->op == OP_CONV_DX ? a : b;
  ConvShape s = {.dtype = (DType)node->dtype,
                 .size = dtype_size((DType)node->dtype),
                 .n = x->dim[0],
                 .hx = x->dim[1],
                 .wx = x->dim[2],
                 .hy = y->dim[1],
                 .wy = y->dim[2],
                 .kh = w->dim[2],
                 .kw = w->dim[3],
                 .groups = node_attr_int(g, id, CONV_GROUPS),
                 .cx = x->dim[3],
                 .cy = y->dim[3]};
  s.ci = s.cx / s.groups;
  s.co = s.cy / s.groups;
  for (int i = 0; i < 2; i++) {
    s.stride[i] = node_attr(g, id, CONV_STRIDE, NULL)[i];
    s.pad[i] = node_attr(g, id, CONV_PAD, NULL)[i];
    s.dilation[i] = node_attr(g, id, CONV_DILATION, NULL)[i];
  }
  return s;
}

static void grid_forward(const Conv *k, ConvGrid *grid) {
  for (int i = 0; i < 2; i++) {
    grid->size[i] = k->out[i];
    grid->out_step[i] = 1;
    grid->taps[i] = i ? k->shape.kw : k->shape.kh;
    grid->tap_step[i] = 1;
    grid->in_at[i] = -k->shape.pad[i];
    grid->in_step[i] = k->shape.stride[i];
    grid->in_tap[i] = k->shape.dilation[i];
  }
}

/* One axis of the grid of results with residue `phase`. */
static void grid_adjoint(const Conv *k, ConvGrid *grid, int i, int64_t phase) {
  int64_t stride = k->shape.stride[i], dilation = k->shape.dilation[i];
  int64_t kernel = i ? k->shape.kw : k->shape.kh, shift = phase + k->shape.pad[i];
  int64_t first = -1, last = -1, step = 1;
  for (int64_t r = 0; r < kernel; r++) {
    if ((shift - r * dilation) % stride != 0) continue;
    if (first < 0) first = r;
    if (last >= 0) step = r - last;
    last = r;
  }
  grid->size[i] = (k->out[i] - phase + stride - 1) / stride;
  grid->out_at[i] = phase;
  grid->out_step[i] = stride;
  grid->in_step[i] = 1;
  grid->in_tap[i] = step * dilation / stride;
  if (first < 0) return; /* no tap reaches these results: they are 0 */
  grid->taps[i] = (last - first) / step + 1;
  grid->tap_at[i] = last; /* rows of dy ascend as taps descend */
  grid->tap_step[i] = -step;
  grid->in_at[i] = (shift - last * dilation) / stride;
}

static Status make_grids(Conv *k, Diag *diag) {
  int64_t nh = 1, nw = 1;
  if (k->adjoint) {
    nh = k->shape.stride[0] < k->out[0] ? k->shape.stride[0] : k->out[0];
    nw = k->shape.stride[1] < k->out[1] ? k->shape.stride[1] : k->out[1];
  }
  k->n_grids = nh * nw;
  k->grids = calloc((size_t)k->n_grids, sizeof *k->grids);
  if (!k->grids) return diag_no_memory(diag, (size_t)k->n_grids * sizeof *k->grids);
  for (int64_t i = 0; i < k->n_grids; i++) {
    if (!k->adjoint) {
      grid_forward(k, &k->grids[i]);
    } else {
      grid_adjoint(k, &k->grids[i], 0, i / nw);
      grid_adjoint(k, &k->grids[i], 1, i % nw);
    }
  }
  return STATUS_OK;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}
static int64_t parts(int64_t n, int64_t part) {
  return (n + part - 1) / part;
}

/* Rows (axis 0) or columns of the source under `n` grid rows. */
static int64_t span(const ConvGrid *grid, int i, int64_t n) {
  int64_t taps = grid->taps[i] > 0 ? grid->taps[i] - 1 : 0;
  return (n - 1) * grid->in_step[i] + taps * grid->in_tap[i] + 1;
}

static bool is_direct(const Conv *k, const ConvGrid *grid) {
  if (grid->taps[0] == 0 || grid->taps[1] == 0) return true;
  for (int i = 0; i < 2; i++)
    if (grid->in_at[i] < 0 || grid->in_at[i] + span(grid, i, grid->size[i]) > k->in[i])
      return false;
  return true;
}

static int64_t copy_bytes(const Conv *k, const ConvGrid *grid, int64_t rows, int64_t cols) {
  return span(grid, 0, rows) * span(grid, 1, cols) * k->in[2] * (int64_t)k->shape.size;
}

/* The largest n <= most for which n rows (or columns, of one row) may be copied; 0: none. */
static int64_t fitting(const Conv *k, const ConvGrid *grid, int axis, int64_t most) {
  int64_t n = most;
  while (n > 0 && copy_bytes(k, grid, axis ? 1 : n, axis ? n : grid->size[1]) > CONV_COPY)
    n = n > 16 ? n * 7 / 8 : n - 1;
  return n;
}

/* Strips of about `pixels` results: several images, some rows of one, or a part of a row. */
static bool choose_strip(const Conv *k, ConvGrid *grid, int64_t pixels) {
  int64_t h = grid->size[0], w = grid->size[1], *s = grid->strip;
  int64_t image = copy_bytes(k, grid, h, w);
  s[0] = 1, s[1] = h, s[2] = w;
  if (h * w <= pixels && (grid->direct || image <= CONV_COPY)) {
    s[0] = smaller(k->shape.n, pixels / (h * w));
    if (!grid->direct) s[0] = smaller(s[0], CONV_COPY / image);
  } else {
    s[1] = smaller(h, pixels / w);
    if (!grid->direct && s[1] > 0) s[1] = fitting(k, grid, 0, s[1]);
    if (s[1] == 0) {
      s[1] = 1;
      s[2] = smaller(w, pixels);
      if (!grid->direct) s[2] = fitting(k, grid, 1, s[2]);
      if (s[2] == 0) return false;
    }
  }
  const int64_t extent[] = {k->shape.n, h, w};
  for (int i = 0; i < 3; i++) { /* equal parts */
    grid->n_strips[i] = parts(extent[i], s[i]);
    s[i] = parts(extent[i], grid->n_strips[i]);
    grid->n_strips[i] = parts(extent[i], s[i]);
  }
  for (int i = 0; i < 2; i++)
    grid->copy[i] = grid->direct ? k->in[i] : span(grid, i, grid->strip[1 + i]);
  return true;
}

/* Runs of k: (tap row, tap column, channel), joined over columns where they are contiguous, cut
 * so that chunks do not exceed CONV_CHUNK. */
static Status make_runs(const Conv *k, ConvGrid *grid, Diag *diag) {
  int64_t channels = k->in[2], cols = grid->taps[1], width = 1;
  int64_t pitch = grid->direct ? k->in_pitch : channels; /* a copy holds one group */
  if (grid->in_tap[1] == 1 && pitch == channels && cols > 0)
    width = cols; /* taps of a row joined */
  int64_t len = width * channels, pieces = parts(len, CONV_CHUNK), piece = parts(len, pieces);
  int64_t n = grid->taps[0] * (cols / width) * pieces, at = 0, in_chunk = 0;
  grid->k = grid->taps[0] * cols * channels;
  grid->runs = calloc((size_t)n + 1, sizeof *grid->runs);
  grid->chunks = calloc((size_t)n + 2, sizeof *grid->chunks);
  if (!grid->runs || !grid->chunks) return diag_no_memory(diag, (size_t)n * sizeof *grid->runs);
  for (int64_t r = 0; r < grid->taps[0]; r++)
    for (int64_t s = 0; s < cols; s += width)
      for (int64_t from = 0; from < len; from += piece) {
        int64_t part = smaller(piece, len - from);
        if (in_chunk && in_chunk + part > CONV_CHUNK) {
          grid->chunks[++grid->n_chunks] = at;
          in_chunk = 0;
        }
        grid->runs[at++] = (GemmRun){
            (r * grid->in_tap[0] * grid->copy[1] + s * grid->in_tap[1]) * pitch + from, part};
        in_chunk += part;
      }
  grid->n_runs = at;
  grid->chunks[++grid->n_chunks] = at;
  return STATUS_OK;
}

/* Results per strip: enough to use each panel many times, few enough that strips and groups of
 * panels make a number of tasks. */
static int64_t choose_pixels(const Conv *k, uint32_t shards, int64_t results) {
  int64_t most = (128 << 10) / smaller(k->in[2] * k->shape.kh * k->shape.kw, CONV_CHUNK);
  if (most > CONV_PIXELS) most = CONV_PIXELS;
  int64_t even = parts(results, 4 * shards);
  if (even < 192) even = 192;
  return even < most ? even : most;
}

static Status plan(Conv *k, const KernelSpec *spec, Diag *diag, bool *fits) {
  int64_t strips = 0;
  *fits = true;
  for (int64_t i = 0; i < k->n_grids; i++) {
    ConvGrid *grid = &k->grids[i];
    grid->direct = is_direct(k, grid);
    int64_t results = k->shape.n * grid->size[0] * grid->size[1];
    if (!choose_strip(k, grid, choose_pixels(k, spec->shards, results))) *fits = false;
    if (!*fits) return STATUS_OK;
    TRY(make_runs(k, grid, diag));
    grid->packed = k->packed;
    for (int64_t p = 0; p < k->panels.n; p++)
      k->packed += grid->k * gemm_panel_width(&k->panels, p);
    strips += grid->n_strips[0] * grid->n_strips[1] * grid->n_strips[2];
  }
  k->in_work = k->packed * k->shape.groups * (int64_t)k->shape.size <= spec->work_bytes;
  k->tap_panels = k->n_grids * k->panels.n;
  k->parts = 1;
  while (k->parts < k->panels.n && strips * k->shape.groups * k->parts < 2 * (int64_t)spec->shards)
    k->parts++;
  for (int64_t i = 0; i < k->n_grids; i++) {
    const int64_t *n = k->grids[i].n_strips;
    k->grids[i].first_item = k->n_items;
    k->n_items += n[0] * n[1] * n[2] * k->shape.groups * k->parts;
  }
  return STATUS_OK;
}

void conv_destroy(void *data) {
  Conv *k = data;
  for (int64_t i = 0; k && k->grids && i < k->n_grids; i++) {
    free(k->grids[i].runs);
    free(k->grids[i].chunks);
  }
  if (k) free(k->grids);
}

static void choose_tasks(const Conv *k, uint32_t shards, Kernel *kernel) {
  const ConvShape *s = &k->shape;
  int64_t weights = conv_weights(s) * s->groups, macs = s->n * s->hy * s->wy * weights;
  int64_t tasks = macs < 1 << 19 ? 1 : 4 * (int64_t)shards;
  int64_t bytes = weights * (int64_t)s->size;
  int64_t pack = smaller(task_count(4 * bytes, shards), k->tap_panels * s->groups);
  kernel->n_phases = 0;
  if (k->in_work) kernel->tasks[kernel->n_phases++] = (uint32_t)pack;
  kernel->tasks[kernel->n_phases++] = (uint32_t)smaller(tasks, k->n_items);
}

Status conv_init(Conv *k, const KernelSpec *spec, const uint32_t *inputs, Diag *diag) {
  NodeId id = spec->nodes[0];
  *k = (Conv){.shape = conv_shape(spec->graph, id),
              .adjoint = spec->graph->nodes[id].op == OP_CONV_DX,
              .a = inputs[0],
              .w = inputs[1]};
  const ConvShape *s = &k->shape;
  int64_t x[] = {s->hx, s->wx, s->ci}, y[] = {s->hy, s->wy, s->co};
  memcpy(k->in, k->adjoint ? y : x, sizeof k->in);
  memcpy(k->out, k->adjoint ? x : y, sizeof k->out);
  k->in_pitch = k->adjoint ? s->cy : s->cx;
  k->out_pitch = k->adjoint ? s->cx : s->cy;
  return make_grids(k, diag);
}

/* On the tiles: one convolution for each group. */
static Status build_tiles(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  uint32_t inputs[2];
  bool fits;
  TRY(spec_inputs(spec, inputs, 2, diag));
  Conv *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  kernel->destroy = conv_destroy;
  TRY(conv_init(k, spec, inputs, diag));
  const ConvShape *s = &k->shape;
  int64_t taps = s->kh * s->kw;
  k->k_stride = k->adjoint ? s->ci * taps : taps;
  k->n_stride = k->adjoint ? taps : s->ci * taps;
  k->panels = gemm_panels(s->dtype, k->out[2]);
  if (!k->panels.type) return spec_no_type(spec, diag, s->dtype);
  TRY(plan(k, spec, diag, &fits));
  if (!fits) {
    conv_destroy(k);
    free(k);
    kernel->data = NULL;
    kernel->destroy = NULL;
    return conv_plain_build(spec, diag, kernel);
  }
  choose_tasks(k, spec->shards, kernel);
  kernel->run = conv_run;
  snprintf(kernel->name, sizeof kernel->name, "conv tiles %s%s%s", k->panels.isa->name,
           k->grids[0].direct ? "" : " copy", k->in_work ? "" : " repack");
  return STATUS_OK;
}

Status conv_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  NodeId id = spec->nodes[0];
  bool sums = spec->graph->nodes[id].op == OP_CONV_DW;
  int64_t work = kernel_work_bytes(spec->graph, &id, 1, &id, 1, spec->shards);
  if (conv_is_depthwise(spec->graph, id) && spec->work_bytes >= work)
    return sums ? depthwise_dw_build(spec, diag, kernel) : depthwise_build(spec, diag, kernel);
  return sums ? conv_dw_build(spec, diag, kernel) : build_tiles(spec, diag, kernel);
}
