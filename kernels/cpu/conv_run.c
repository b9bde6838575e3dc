/* Runs conv and conv_dx: packs weights into panels, then strip by strip.  A group is a convolution
 * of its own between the channels of its part. */
#include "kernels/cpu/conv.h"

#include <string.h>

/* A group's weights. */
static const char *weights_of(const Conv *k, int64_t group, const KernelArgs *args) {
  return (const char *)args->inputs[k->w] +
         (size_t)(group * conv_weights(&k->shape)) * k->shape.size;
}

/* Elements of the panels before panel p. */
static int64_t panel_at(const Conv *k, const ConvGrid *grid, int64_t p) {
  return p * k->panels.width * grid->k;
}

/* Packs k in [from, to) of one panel. Channels go in blocks, so that the taps of a block are read
 * while its lines are in cache. */
static void pack(const Conv *k, const ConvGrid *grid, int64_t panel, const char *w, char *to,
                 int64_t from, int64_t until) {
  int64_t channels = k->in[2], width = gemm_panel_width(&k->panels, panel);
  int64_t taps = grid->taps[0] * grid->taps[1], block = 32;
  w += (size_t)(panel * k->panels.width * k->n_stride) * k->shape.size;
  for (int64_t c0 = 0; c0 < channels; c0 += block)
    for (int64_t t = 0; t < taps; t++) {
      int64_t lo = t * channels + c0, hi = lo + block;
      if (hi > (t + 1) * channels) hi = (t + 1) * channels;
      if (lo < from) lo = from;
      if (hi > until) hi = until;
      if (lo >= hi) continue;
      int64_t r = grid->tap_at[0] + t / grid->taps[1] * grid->tap_step[0];
      int64_t s = grid->tap_at[1] + t % grid->taps[1] * grid->tap_step[1];
      int64_t at = (lo - t * channels) * k->k_stride + r * k->shape.kw + s;
      gemm_pack(&k->panels, panel, to + (size_t)((lo - from) * width) * k->shape.size,
                w + (size_t)at * k->shape.size, hi - lo, k->k_stride, k->n_stride);
    }
}

static void run_pack(const Conv *k, uint32_t task, uint32_t tasks, const KernelArgs *args) {
  int64_t first, last;
  task_range(k->tap_panels * k->shape.groups, 1, task, tasks, &first, &last);
  for (int64_t i = first; i < last; i++) {
    int64_t group = i / k->tap_panels, p = i % k->panels.n;
    const ConvGrid *grid = &k->grids[i % k->tap_panels / k->panels.n];
    int64_t at = group * k->packed + grid->packed + panel_at(k, grid, p);
    pack(k, grid, p, weights_of(k, group, args), (char *)args->work + (size_t)at * k->shape.size, 0,
         grid->k);
  }
}

/* Images, rows and columns of a strip. */
typedef struct Strip {
  int64_t at[3], end[3];
} Strip;

static Strip strip_of(const Conv *k, const ConvGrid *grid, int64_t index) {
  const int64_t extent[] = {k->shape.n, grid->size[0], grid->size[1]};
  Strip s;
  for (int i = 2; i >= 0; i--) {
    s.at[i] = index % grid->n_strips[i] * grid->strip[i];
    s.end[i] = s.at[i] + grid->strip[i] < extent[i] ? s.at[i] + grid->strip[i] : extent[i];
    index /= grid->n_strips[i];
  }
  return s;
}

/* Pixels of a row of the image into a copy, which holds one group. */
static void copy_pixels(const Conv *k, char *to, const char *from, int64_t n) {
  size_t pixel = (size_t)k->in[2] * k->shape.size, pitch = (size_t)k->in_pitch * k->shape.size;
  if (pixel == pitch) {
    memcpy(to, from, (size_t)n * pixel);
    return;
  }
  for (int64_t i = 0; i < n; i++, to += pixel, from += pitch) memcpy(to, from, pixel);
}

/* One row of a padded copy: columns w0 .. of image row `row`, NULL: a row of padding. */
static void copy_row(const Conv *k, const ConvGrid *grid, char *to, const char *row, int64_t w0) {
  size_t pixel = (size_t)k->in[2] * k->shape.size, pitch = (size_t)k->in_pitch * k->shape.size;
  int64_t n = grid->copy[1], left = w0 < 0 ? -w0 : 0, right = w0 + n - k->in[1];
  if (!row || left >= n || right >= n) {
    memset(to, 0, (size_t)n * pixel);
    return;
  }
  if (right < 0) right = 0;
  memset(to, 0, (size_t)left * pixel);
  copy_pixels(k, to + (size_t)left * pixel, row + (size_t)(w0 + left) * pitch, n - left - right);
  memset(to + (size_t)(n - right) * pixel, 0, (size_t)right * pixel);
}

/* `in` is the image at the group's first channel. */
static void copy_strip(const Conv *k, const ConvGrid *grid, const Strip *s, const char *in,
                       char *to) {
  size_t row = (size_t)(k->in[1] * k->in_pitch) * k->shape.size;
  size_t copy = (size_t)(grid->copy[1] * k->in[2]) * k->shape.size;
  int64_t h0 = grid->in_at[0] + s->at[1] * grid->in_step[0];
  int64_t w0 = grid->in_at[1] + s->at[2] * grid->in_step[1];
  for (int64_t n = s->at[0]; n < s->end[0]; n++)
    for (int64_t r = 0; r < grid->copy[0]; r++, to += copy) {
      bool inside = h0 + r >= 0 && h0 + r < k->in[0];
      copy_row(k, grid, to, inside ? in + (size_t)(n * k->in[0] + h0 + r) * row : NULL, w0);
    }
}

/* Offsets of each result's first tap (in the image or copy) and of the result itself. */
static int64_t locate(const Conv *k, const ConvGrid *grid, const Strip *s, int64_t *a_at,
                      int64_t *c_at) {
  int64_t m = 0, pitch = grid->direct ? k->in_pitch : k->in[2];
  for (int64_t n = s->at[0]; n < s->end[0]; n++)
    for (int64_t p = s->at[1]; p < s->end[1]; p++)
      for (int64_t q = s->at[2]; q < s->end[2]; q++, m++) {
        int64_t image = grid->direct ? n : n - s->at[0];
        int64_t h = (grid->direct ? p : p - s->at[1]) * grid->in_step[0];
        int64_t w = (grid->direct ? q : q - s->at[2]) * grid->in_step[1];
        if (grid->direct && grid->n_runs) h += grid->in_at[0], w += grid->in_at[1];
        if (grid->n_runs == 0) h = w = 0;
        a_at[m] = ((image * grid->copy[0] + h) * grid->copy[1] + w) * pitch;
        int64_t y = grid->out_at[0] + p * grid->out_step[0];
        int64_t x = grid->out_at[1] + q * grid->out_step[1];
        c_at[m] = ((n * k->out[0] + y) * k->out[1] + x) * k->out_pitch;
      }
  return m;
}

/* One group's results of a strip, in one part of its panels. */
static void run_strip(const Conv *k, const ConvGrid *grid, const Strip *s, int64_t group,
                      int64_t part, const KernelArgs *args) {
  _Alignas(64) char copy[CONV_COPY], packed[CONV_CHUNK * CONV_VECTOR_BYTES];
  int64_t a_at[CONV_PIXELS], c_at[CONV_PIXELS], first, last, done = 0;
  int64_t rows = locate(k, grid, s, a_at, c_at);
  const char *a = (const char *)args->inputs[k->a] + (size_t)(group * k->in[2]) * k->shape.size;
  char *out = (char *)args->outputs[0] + (size_t)(group * k->out[2]) * k->shape.size;
  GemmCall call = {.a = a, .a_step = 1};
  if (!grid->direct) {
    copy_strip(k, grid, s, a, copy);
    call.a = copy;
  }
  task_range(k->panels.n, 1, (uint32_t)part, (uint32_t)k->parts, &first, &last);
  for (int64_t c = 0; c < grid->n_chunks; c++) {
    call.runs = grid->runs + grid->chunks[c];
    call.n_runs = grid->chunks[c + 1] - grid->chunks[c];
    call.add = c > 0;
    int64_t n_k = 0;
    for (int64_t r = 0; r < call.n_runs; r++) n_k += call.runs[r].len;
    for (int64_t p = first; p < last; p++) {
      int64_t at = group * k->packed + grid->packed + panel_at(k, grid, p) +
                   done * gemm_panel_width(&k->panels, p);
      call.b = (const char *)args->work + (size_t)at * k->shape.size;
      if (!k->in_work) {
        pack(k, grid, p, weights_of(k, group, args), packed, done, done + n_k);
        call.b = packed;
      }
      call.c = out + (size_t)(p * k->panels.width) * k->shape.size;
      gemm_rows(&k->panels, p, &call, a_at, c_at, rows);
    }
    done += n_k;
  }
}

Status conv_run(const Kernel *kernel, uint32_t phase, uint32_t task, const KernelArgs *args) {
  const Conv *k = kernel->data;
  if (k->in_work && phase == 0) {
    run_pack(k, task, kernel->tasks[0], args);
    return STATUS_OK;
  }
  int64_t first, last, i = k->n_grids - 1;
  task_range(k->n_items, 1, task, kernel->tasks[phase], &first, &last);
  for (int64_t item = first; item < last; item++) {
    for (i = k->n_grids - 1; k->grids[i].first_item > item;) i--;
    /* The groups of a strip follow each other: they read and write the same lines. */
    int64_t at = item - k->grids[i].first_item, groups = k->shape.groups;
    Strip s = strip_of(k, &k->grids[i], at / k->parts / groups);
    run_strip(k, &k->grids[i], &s, at / k->parts % groups, at % k->parts, args);
  }
  return STATUS_OK;
}
