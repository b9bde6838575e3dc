/* conv_dw: dw[o, i, r, s] = sum over pixels of dy[pixel, o] x[pixel stride - pad + (r, s) dilation,
 * i].
 *
 * A product whose k runs over the pixels of dy in memory order.  dy is read where it lies; for each
 * tap row r, columns are the pairs (s, i), of which a panel is packed chunk by chunk, zeros where a
 * tap falls outside of the image.  A unit of work is one (r, panel, block of o); each slice of the
 * batch is one chain of additions, slices join in the binary tree.  Where units are few, slices
 * become tasks of their own and meet in the work buffer: the same bits either way. */
#include "kernels/cpu/conv.h"

#include <stdio.h>
#include <string.h>

#define DW_ROWS CONV_DW_ROWS
#define DW_LEVELS 7 /* log2 of the most slices, and one */
#define DW_ACC (DW_ROWS * CONV_VECTOR_BYTES)

typedef struct ConvDw {
  ConvShape shape;
  uint32_t x, dy;
  GemmPanels panels;
  Slices slices;
  int64_t row_blocks, n_units;
  bool split;
} ConvDw;

typedef struct Unit {
  int64_t r, panel, row, rows;
} Unit;

static Unit unit_of(const ConvDw *k, int64_t index) {
  Unit u = {.row = index % k->row_blocks * DW_ROWS};
  u.rows = k->shape.co - u.row < DW_ROWS ? k->shape.co - u.row : DW_ROWS;
  index /= k->row_blocks;
  u.panel = index % k->panels.n;
  u.r = index / k->panels.n;
  return u;
}

/* Columns (s, i) of one pixel: runs of channels, each copied or zero. */
static void pack_pixel(const ConvDw *k, const char *row, int64_t w0, int64_t first, int64_t cols,
                       char *to) {
  const ConvShape *s = &k->shape;
  for (int64_t done = 0; done < cols;) {
    int64_t tap = (first + done) / s->ci, i = (first + done) % s->ci;
    int64_t n = s->ci - i < cols - done ? s->ci - i : cols - done;
    int64_t w = w0 + tap * s->dilation[1];
    char *at = to + (size_t)done * s->size;
    if (row && w >= 0 && w < s->wx)
      memcpy(at, row + (size_t)(w * s->ci + i) * s->size, (size_t)n * s->size);
    else
      memset(at, 0, (size_t)n * s->size);
    done += n;
  }
}

static void pack_chunk(const ConvDw *k, const Unit *u, const char *x, int64_t pixel, int64_t n,
                       char *to) {
  const ConvShape *s = &k->shape;
  int64_t cols = gemm_panel_cols(&k->panels, u->panel), first = u->panel * k->panels.width;
  size_t step = (size_t)gemm_panel_width(&k->panels, u->panel) * s->size;
  size_t used = (size_t)cols * s->size;
  int64_t q = pixel % s->wy, p = pixel / s->wy % s->hy, image = pixel / (s->wy * s->hy);
  for (int64_t m = 0; m < n; m++, to += step) {
    int64_t h = p * s->stride[0] - s->pad[0] + u->r * s->dilation[0];
    const char *row = NULL;
    if (h >= 0 && h < s->hx) row = x + (size_t)((image * s->hx + h) * s->wx * s->ci) * s->size;
    pack_pixel(k, row, q * s->stride[1] - s->pad[1], first, cols, to);
    memset(to + used, 0, step - used);
    if (++q < s->wy) continue;
    q = 0;
    if (++p < s->hy) continue;
    p = 0;
    image++;
  }
}

/* The sum over one slice: `acc` holds rows of panels.width elements. */
static void unit_slice(const ConvDw *k, const Unit *u, uint32_t slice, const KernelArgs *args,
                       char *acc) {
  _Alignas(64) char packed[CONV_CHUNK * CONV_VECTOR_BYTES];
  const ConvShape *s = &k->shape;
  int64_t a_at[DW_ROWS], c_at[DW_ROWS], image = s->hy * s->wy;
  GemmRun run = {0, 0};
  GemmCall call = {
      .a = args->inputs[k->dy], .a_step = s->co, .runs = &run, .n_runs = 1, .b = packed, .c = acc};
  for (int64_t m = 0; m < u->rows; m++) c_at[m] = m * k->panels.width;
  for (int64_t g = 0; g < k->slices.groups; g++) {
    int64_t first, last;
    slices_segment(&k->slices, slice, g, &first, &last);
    for (int64_t at = first * image; at < last * image; at += run.len) {
      run.len = last * image - at < CONV_CHUNK ? last * image - at : CONV_CHUNK;
      pack_chunk(k, u, args->inputs[k->x], at, run.len, packed);
      for (int64_t m = 0; m < u->rows; m++) a_at[m] = at * s->co + u->row + m;
      gemm_rows(&k->panels, u->panel, &call, a_at, c_at, u->rows);
      call.add = true;
    }
  }
  if (!call.add) memset(acc, 0, DW_ACC);
}

static void add(const ConvDw *k, char *to, const char *from) {
  int64_t n = DW_ACC / (int64_t)k->shape.size;
  if (k->shape.f64)
    for (int64_t i = 0; i < n; i++)
      ((double *)(void *)to)[i] += ((const double *)(const void *)from)[i];
  else
    for (int64_t i = 0; i < n; i++)
      ((float *)(void *)to)[i] += ((const float *)(const void *)from)[i];
}

/* Writes a unit's sums into dw (O, I, R, S). */
static void store(const ConvDw *k, const Unit *u, const char *acc, char *dw) {
  const ConvShape *s = &k->shape;
  int64_t cols = gemm_panel_cols(&k->panels, u->panel), first = u->panel * k->panels.width;
  int64_t taps = s->kh * s->kw;
  for (int64_t m = 0; m < u->rows; m++, acc += (size_t)k->panels.width * s->size) {
    int64_t o = u->row + m;
    if (taps == 1) {
      memcpy(dw + (size_t)(o * s->ci + first) * s->size, acc, (size_t)cols * s->size);
      continue;
    }
    for (int64_t c = 0; c < cols; c++) {
      int64_t tap = (first + c) / s->ci, i = (first + c) % s->ci;
      int64_t at = (o * s->ci + i) * taps + u->r * s->kw + tap;
      if (s->f64)
        ((double *)(void *)dw)[at] = ((const double *)(const void *)acc)[c];
      else
        ((float *)(void *)dw)[at] = ((const float *)(const void *)acc)[c];
    }
  }
}

/* All slices of a unit, one after the other: a finished pair of subtrees joins at once. */
static void run_unit(const ConvDw *k, int64_t index, const KernelArgs *args) {
  _Alignas(64) char acc[DW_LEVELS + 1][DW_ACC];
  Unit u = unit_of(k, index);
  int level = 0;
  for (uint32_t j = 0; j < k->slices.n; j++) {
    unit_slice(k, &u, j, args, acc[level]);
    for (uint32_t done = j + 1; done % 2 == 0; done /= 2) {
      level--;
      add(k, acc[level], acc[level + 1]);
    }
    level++;
  }
  while (--level > 0) add(k, acc[level - 1], acc[level]);
  store(k, &u, acc[0], args->outputs[0]);
}

static char *partial(const ConvDw *k, const KernelArgs *args, int64_t unit, uint32_t slice) {
  return (char *)args->work + (size_t)(unit * k->slices.n + slice) * DW_ACC;
}

/* Phase 1 of the split: joins the slices in the binary tree. */
static void join_unit(const ConvDw *k, int64_t index, const KernelArgs *args) {
  Unit u = unit_of(k, index);
  for (uint32_t step = 1; step < k->slices.n; step *= 2)
    for (uint32_t j = 0; j + step < k->slices.n; j += 2 * step)
      add(k, partial(k, args, index, j), partial(k, args, index, j + step));
  store(k, &u, partial(k, args, index, 0), args->outputs[0]);
}

static Status conv_dw_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                          const KernelArgs *args) {
  const ConvDw *k = kernel->data;
  int64_t items = k->split && phase == 0 ? k->n_units * k->slices.n : k->n_units, first, last;
  task_range(items, 1, task, kernel->tasks[phase], &first, &last);
  for (int64_t i = first; i < last; i++) {
    if (!k->split) {
      run_unit(k, i, args);
    } else if (phase == 0) {
      Unit u = unit_of(k, i / k->slices.n);
      uint32_t slice = (uint32_t)(i % k->slices.n);
      unit_slice(k, &u, slice, args, partial(k, args, i / k->slices.n, slice));
    } else {
      join_unit(k, i, args);
    }
  }
  return STATUS_OK;
}

static uint32_t at_most(int64_t n, int64_t most) {
  return (uint32_t)(n < most ? n : most);
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
  k->panels = gemm_panels(s->f64, s->kw * s->ci);
  k->slices = slices_rows(g, g->nodes[node_input(g, id, 0)].batch, s->n, spec->shards);
  k->row_blocks = (s->co + DW_ROWS - 1) / DW_ROWS;
  k->n_units = s->kh * k->panels.n * k->row_blocks;
  int64_t macs = s->n * s->hy * s->wy * s->co * s->ci * s->kh * s->kw;
  bool large = macs >= 1 << 19;
  int64_t partials = k->n_units * k->slices.n * DW_ACC;
  k->split = large && k->slices.n > 1 && k->n_units < 4 * (int64_t)spec->shards &&
             partials <= spec->work_bytes;
  kernel->run = conv_dw_run;
  kernel->n_phases = k->split ? 2 : 1;
  kernel->tasks[0] = large ? at_most(k->split ? k->n_units * k->slices.n : k->n_units, 64) : 1;
  kernel->tasks[1] = at_most(k->n_units, spec->shards);
  snprintf(kernel->name, sizeof kernel->name, "conv-dw tiles %s%s", k->panels.isa->name,
           k->split ? " split" : "");
  return STATUS_OK;
}
