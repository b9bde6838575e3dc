/* Pooling.  An index is h W + w of the window's first maximum; pads never win, the first NaN wins
 * over all numbers.  Sums are f64, in the order of the window (spread: of the windows), and rounded
 * once.  Tasks are ranges of images (for pool-scatter, where windows overlap, this keeps every sum
 * in window order) and, where images are few, of channels. */
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"
#include "ops/emit.h"

#include <stdio.h>
#include <string.h>

typedef struct Pool Pool;
/* Channels c0 .. c1 - 1 of an image. */
typedef Status (*PoolImage)(const Pool *k, const KernelArgs *args, int64_t image, int64_t c0,
                            int64_t c1);
struct Pool {
  uint32_t input, index;
  uint32_t n_tasks, cuts; /* tasks = images x cuts of the channels, grouped into n_tasks */
  OpId op;
  PoolImage image;
  int64_t n, c, hx, wx, hy, wy; /* x: the large side, y: the small side */
  Window window;
};

typedef struct Range {
  int64_t first, last, step; /* first, first + step, .. below last */
} Range;

/* Pixels along axis d of an x of `size` under window p. */
static Range pixels(const Pool *k, int d, int64_t p, int64_t size) {
  const Window *w = &k->window;
  int64_t step = w->dilation[d], first = p * w->stride[d] - w->pad[d];
  int64_t last = first + w->kernel[d] * step;
  if (first < 0) first += (-first + step - 1) / step * step;
  return (Range){first, last < size ? last : size, step};
}

/* Windows along axis d of a y of `size` that reach over pixel i. */
static Range windows(const Pool *k, int d, int64_t i, int64_t size) {
  const Window *w = &k->window;
  int64_t at = i + w->pad[d], reach = (w->kernel[d] - 1) * w->dilation[d];
  int64_t first = at <= reach ? 0 : (at - reach + w->stride[d] - 1) / w->stride[d];
  int64_t last = at / w->stride[d] + 1;
  return (Range){first, last < size ? last : size, 1};
}

/* With a dilation not all windows that reach over a pixel hold it. */
static bool holds(const Pool *k, int d, int64_t p, int64_t i) {
  return (i + k->window.pad[d] - p * k->window.stride[d]) % k->window.dilation[d] == 0;
}

/* add_S: sums over rows and columns of an image `width` wide; with h >= 0 only of the windows
 * that hold pixel (h, w). */
#define POOL_CHUNK 64
#define IMAGE(ID, S, TYPE, SUM)                                                                    \
  static void index_##S(const Pool *k, const TYPE *x, int32_t *y, int64_t c0, int64_t c1) {        \
    for (int64_t p = 0; p < k->hy; p++)                                                            \
      for (int64_t q = 0; q < k->wy; q++) {                                                        \
        Range rows = pixels(k, 0, p, k->hx), columns = pixels(k, 1, q, k->wx);                     \
        for (int64_t b = c0; b < c1; b += POOL_CHUNK) {                                            \
          int64_t e = b + POOL_CHUNK < c1 ? POOL_CHUNK : c1 - b;                                   \
          TYPE best[POOL_CHUNK];                                                                   \
          int32_t at[POOL_CHUNK];                                                                  \
          int64_t corner = rows.first * k->wx + columns.first;                                     \
          for (int64_t i = 0; i < e; i++) {                                                        \
            best[i] = x[corner * k->c + b + i];                                                    \
            at[i] = (int32_t)corner;                                                               \
          }                                                                                        \
          for (int64_t h = rows.first; h < rows.last; h += rows.step)                              \
            for (int64_t w = columns.first; w < columns.last; w += columns.step) {                 \
              const TYPE *v = x + (h * k->wx + w) * k->c + b;                                      \
              int32_t place = (int32_t)(h * k->wx + w);                                            \
              for (int64_t i = 0; i < e; i++) {                                                    \
                bool more = !(v[i] <= best[i]) & (best[i] == best[i]);                             \
                at[i] = more ? place : at[i];                                                      \
                best[i] = more ? v[i] : best[i];                                                   \
              }                                                                                    \
            }                                                                                      \
          memcpy(y + (p * k->wy + q) * k->c + b, at, (size_t)e * sizeof *at);                      \
        }                                                                                          \
      }                                                                                            \
  }                                                                                                \
  static Status gather_##S(const Pool *k, const TYPE *x, const int32_t *index, TYPE *y,            \
                           int64_t c0, int64_t c1) {                                               \
    int64_t limit = k->hx * k->wx;                                                                 \
    for (int64_t p = 0; p < k->hy * k->wy; p++)                                                    \
      for (int64_t i = c0; i < c1; i++) {                                                          \
        int32_t at = index[p * k->c + i];                                                          \
        if (at < 0 || at >= limit) return bad_index(k, at);                                        \
        y[p * k->c + i] = x[(int64_t)at * k->c + i];                                               \
      }                                                                                            \
    return STATUS_OK;                                                                              \
  }                                                                                                \
  static Status scatter_##S(const Pool *k, const TYPE *y, const int32_t *index, TYPE *x,           \
                            int64_t c0, int64_t c1) {                                              \
    int64_t limit = k->hx * k->wx;                                                                 \
    for (int64_t p = 0; p < limit; p++)                                                            \
      memset(x + p * k->c + c0, 0, (size_t)(c1 - c0) * sizeof *x);                                 \
    for (int64_t p = 0; p < k->hy * k->wy; p++)                                                    \
      for (int64_t i = c0; i < c1; i++) {                                                          \
        int32_t at = index[p * k->c + i];                                                          \
        if (at < 0 || at >= limit) return bad_index(k, at);                                        \
        x[(int64_t)at * k->c + i] += y[p * k->c + i];                                              \
      }                                                                                            \
    return STATUS_OK;                                                                              \
  }                                                                                                \
  static void add_##S(const Pool *k, const TYPE *from, int64_t width, Range rows, Range columns,   \
                      int64_t h, int64_t w, TYPE *d, int64_t c0, int64_t c1) {                     \
    for (int64_t b = c0; b < c1; b += POOL_CHUNK) {                                                \
      int64_t e = b + POOL_CHUNK < c1 ? POOL_CHUNK : c1 - b;                                       \
      SUM sum[POOL_CHUNK] = {0};                                                                   \
      for (int64_t p = rows.first; p < rows.last; p += rows.step) {                                \
        if (h >= 0 && !holds(k, 0, p, h)) continue;                                                \
        for (int64_t q = columns.first; q < columns.last; q += columns.step) {                     \
          if (h >= 0 && !holds(k, 1, q, w)) continue;                                              \
          const TYPE *v = from + (p * width + q) * k->c + b;                                       \
          for (int64_t i = 0; i < e; i++) sum[i] += (SUM)v[i];                                     \
        }                                                                                          \
      }                                                                                            \
      for (int64_t i = 0; i < e; i++) d[b + i] = (TYPE)sum[i];                                     \
    }                                                                                              \
  }                                                                                                \
  static void sum_##S(const Pool *k, const TYPE *x, TYPE *y, int64_t c0, int64_t c1) {             \
    for (int64_t p = 0; p < k->hy; p++)                                                            \
      for (int64_t q = 0; q < k->wy; q++)                                                          \
        add_##S(k, x, k->wx, pixels(k, 0, p, k->hx), pixels(k, 1, q, k->wx), -1, -1,               \
                y + (p * k->wy + q) * k->c, c0, c1);                                               \
  }                                                                                                \
  static void spread_##S(const Pool *k, const TYPE *y, TYPE *x, int64_t c0, int64_t c1) {          \
    for (int64_t h = 0; h < k->hx; h++)                                                            \
      for (int64_t w = 0; w < k->wx; w++)                                                          \
        add_##S(k, y, k->wy, windows(k, 0, h, k->hy), windows(k, 1, w, k->wy), h, w,               \
                x + (h * k->wx + w) * k->c, c0, c1);                                               \
  }                                                                                                \
  static Status image_##S(const Pool *k, const KernelArgs *args, int64_t image, int64_t c0,        \
                          int64_t c1) {                                                            \
    int64_t nx = k->hx * k->wx * k->c, ny = k->hy * k->wy * k->c;                                  \
    const TYPE *in = args->inputs[k->input];                                                       \
    const int32_t *index = args->inputs[k->index];                                                 \
    TYPE *out = args->outputs[0];                                                                  \
    switch (k->op) {                                                                               \
    case OP_POOL_INDEX:                                                                            \
      index_##S(k, in + image * nx, (int32_t *)args->outputs[0] + image * ny, c0, c1);             \
      return STATUS_OK;                                                                            \
    case OP_POOL_GATHER:                                                                           \
      return gather_##S(k, in + image * nx, index + image * ny, out + image * ny, c0, c1);         \
    case OP_POOL_SCATTER:                                                                          \
      return scatter_##S(k, in + image * ny, index + image * ny, out + image * nx, c0, c1);        \
    case OP_POOL_SUM:                                                                              \
      sum_##S(k, in + image * nx, out + image * ny, c0, c1);                                       \
      return STATUS_OK;                                                                            \
    default:                                                                                       \
      spread_##S(k, in + image * ny, out + image * nx, c0, c1);                                    \
      return STATUS_OK;                                                                            \
    }                                                                                              \
  }

static Status bad_index(const Pool *k, int32_t index) {
  return kernel_fail("%s: index %d is outside the %lld x %lld image", op_desc(k->op)->name, index,
                     (long long)k->hx, (long long)k->wx);
}

FLOAT_TYPES(IMAGE)

static const PoolImage images[DTYPE_COUNT] = {FLOAT_TYPES(BY_TYPE, image)};

static Status pool_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                       const KernelArgs *args) {
  (void)phase;
  const Pool *k = kernel->data;
  int64_t first, last;
  task_range(k->n * k->cuts, 1, task, k->n_tasks, &first, &last);
  for (int64_t i = first; i < last; i++) {
    int64_t c0, c1;
    task_range(k->c, 16, (uint32_t)(i % k->cuts), k->cuts, &c0, &c1);
    if (c0 == c1) continue;
    TRY(k->image(k, args, i / k->cuts, c0, c1));
  }
  return STATUS_OK;
}

Status pool_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *node = &g->nodes[id];
  uint32_t inputs[2] = {0, 0};
  TRY(spec_inputs(spec, inputs, node->n_inputs, diag));
  Pool *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  const Shape *in = &g->nodes[node_input(g, id, 0)].shape, *out = &node->shape;
  bool up = node->op == OP_POOL_SCATTER || node->op == OP_POOL_SPREAD;
  const Shape *x = up ? out : in, *y = up ? in : out;
  DType dtype = (DType)g->nodes[node_input(g, id, 0)].dtype;
  *k = (Pool){.input = inputs[0],
              .index = inputs[1],
              .op = node->op,
              .n = x->dim[0],
              .image = images[dtype],
              .c = x->dim[3],
              .hx = x->dim[1],
              .wx = x->dim[2],
              .hy = y->dim[1],
              .wy = y->dim[2]};
  if (!k->image) return spec_no_type(spec, diag, dtype);
  pool_window(g, id, &k->window);
  k->n_tasks = task_count(shape_count(x) * 4, spec->shards);
  while ((k->cuts ? k->cuts : 1) * k->n < k->n_tasks && (k->cuts + 1) * 16 <= k->c) k->cuts++;
  if (!k->cuts) k->cuts = 1;
  kernel->run = pool_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = k->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "pool");
  return STATUS_OK;
}
