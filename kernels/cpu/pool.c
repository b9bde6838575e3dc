/* Pooling.  An index is h W + w of the window's first maximum; pads never win, the first NaN wins
 * over all numbers.  Tasks are ranges of images (for pool-scatter, where windows overlap, this
 * keeps every sum in window order) and, where images are few, of channels. */
#include "kernels/cpu/internal.h"

#include <stdio.h>
#include <string.h>

typedef struct Pool {
  uint32_t input, index;
  uint32_t n_tasks, cuts; /* tasks = images x cuts of the channels, grouped into n_tasks */
  OpId op;
  DType dtype;
  int64_t n, c, hx, wx, hy, wy; /* x: the large side, y: the small side */
  int64_t kernel[2], stride[2], pad[2];
} Pool;

/* Rows and columns of x under window (p, q). */
static void window(const Pool *k, int64_t p, int64_t q, int64_t *h0, int64_t *h1, int64_t *w0,
                   int64_t *w1) {
  int64_t h = p * k->stride[0] - k->pad[0], w = q * k->stride[1] - k->pad[1];
  *h0 = h < 0 ? 0 : h;
  *w0 = w < 0 ? 0 : w;
  *h1 = h + k->kernel[0] < k->hx ? h + k->kernel[0] : k->hx;
  *w1 = w + k->kernel[1] < k->wx ? w + k->kernel[1] : k->wx;
}

#define POOL_CHUNK 64
#define POOL_TYPED(TYPE)                                                                           \
  static void index_##TYPE(const Pool *k, const TYPE *x, int32_t *y, int64_t c0, int64_t c1) {     \
    for (int64_t p = 0; p < k->hy; p++)                                                            \
      for (int64_t q = 0; q < k->wy; q++) {                                                        \
        int64_t h0, h1, w0, w1;                                                                    \
        window(k, p, q, &h0, &h1, &w0, &w1);                                                       \
        for (int64_t b = c0; b < c1; b += POOL_CHUNK) {                                            \
          int64_t e = b + POOL_CHUNK < c1 ? POOL_CHUNK : c1 - b;                                   \
          TYPE best[POOL_CHUNK];                                                                   \
          int32_t at[POOL_CHUNK];                                                                  \
          const TYPE *first = x + (h0 * k->wx + w0) * k->c + b;                                    \
          for (int64_t i = 0; i < e; i++) {                                                        \
            best[i] = first[i];                                                                    \
            at[i] = (int32_t)(h0 * k->wx + w0);                                                    \
          }                                                                                        \
          for (int64_t h = h0; h < h1; h++)                                                        \
            for (int64_t w = w0; w < w1; w++) {                                                    \
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
  static Status gather_##TYPE(const Pool *k, const TYPE *x, const int32_t *index, TYPE *y,         \
                              int64_t c0, int64_t c1) {                                            \
    int64_t limit = k->hx * k->wx;                                                                 \
    for (int64_t p = 0; p < k->hy * k->wy; p++)                                                    \
      for (int64_t i = c0; i < c1; i++) {                                                          \
        int32_t at = index[p * k->c + i];                                                          \
        if (at < 0 || at >= limit) return bad_index(k, at);                                        \
        y[p * k->c + i] = x[(int64_t)at * k->c + i];                                               \
      }                                                                                            \
    return STATUS_OK;                                                                              \
  }                                                                                                \
  static Status scatter_##TYPE(const Pool *k, const TYPE *y, const int32_t *index, TYPE *x,        \
                               int64_t c0, int64_t c1) {                                           \
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
  static void sum_##TYPE(const Pool *k, const TYPE *x, TYPE *y, int64_t c0, int64_t c1) {          \
    for (int64_t p = 0; p < k->hy; p++)                                                            \
      for (int64_t q = 0; q < k->wy; q++) {                                                        \
        int64_t h0, h1, w0, w1;                                                                    \
        window(k, p, q, &h0, &h1, &w0, &w1);                                                       \
        TYPE *d = y + (p * k->wy + q) * k->c;                                                      \
        memset(d + c0, 0, (size_t)(c1 - c0) * sizeof *d);                                          \
        for (int64_t h = h0; h < h1; h++)                                                          \
          for (int64_t w = w0; w < w1; w++) {                                                      \
            const TYPE *v = x + (h * k->wx + w) * k->c;                                            \
            for (int64_t i = c0; i < c1; i++) d[i] += v[i];                                        \
          }                                                                                        \
      }                                                                                            \
  }                                                                                                \
  static void spread_##TYPE(const Pool *k, const TYPE *y, TYPE *x, int64_t c0, int64_t c1) {       \
    for (int64_t p = 0; p < k->hx * k->wx; p++)                                                    \
      memset(x + p * k->c + c0, 0, (size_t)(c1 - c0) * sizeof *x);                                 \
    for (int64_t p = 0; p < k->hy; p++)                                                            \
      for (int64_t q = 0; q < k->wy; q++) {                                                        \
        int64_t h0, h1, w0, w1;                                                                    \
        window(k, p, q, &h0, &h1, &w0, &w1);                                                       \
        const TYPE *v = y + (p * k->wy + q) * k->c;                                                \
        for (int64_t h = h0; h < h1; h++)                                                          \
          for (int64_t w = w0; w < w1; w++) {                                                      \
            TYPE *d = x + (h * k->wx + w) * k->c;                                                  \
            for (int64_t i = c0; i < c1; i++) d[i] += v[i];                                        \
          }                                                                                        \
      }                                                                                            \
  }                                                                                                \
  static Status image_##TYPE(const Pool *k, const KernelArgs *args, int64_t image, int64_t c0,     \
                             int64_t c1) {                                                         \
    int64_t nx = k->hx * k->wx * k->c, ny = k->hy * k->wy * k->c;                                  \
    const TYPE *in = args->inputs[k->input];                                                       \
    const int32_t *index = args->inputs[k->index];                                                 \
    TYPE *out = args->outputs[0];                                                                  \
    switch (k->op) {                                                                               \
    case OP_POOL_INDEX:                                                                            \
      index_##TYPE(k, in + image * nx, (int32_t *)args->outputs[0] + image * ny, c0, c1);          \
      return STATUS_OK;                                                                            \
    case OP_POOL_GATHER:                                                                           \
      return gather_##TYPE(k, in + image * nx, index + image * ny, out + image * ny, c0, c1);      \
    case OP_POOL_SCATTER:                                                                          \
      return scatter_##TYPE(k, in + image * ny, index + image * ny, out + image * nx, c0, c1);     \
    case OP_POOL_SUM:                                                                              \
      sum_##TYPE(k, in + image * nx, out + image * ny, c0, c1);                                    \
      return STATUS_OK;                                                                            \
    default:                                                                                       \
      spread_##TYPE(k, in + image * ny, out + image * nx, c0, c1);                                 \
      return STATUS_OK;                                                                            \
    }                                                                                              \
  }

static Status bad_index(const Pool *k, int32_t index) {
  return kernel_fail("%s: index %d is outside the %lld x %lld image", op_desc(k->op)->name, index,
                     (long long)k->hx, (long long)k->wx);
}

POOL_TYPED(float)
POOL_TYPED(double)

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
    TRY(k->dtype == DTYPE_F64 ? image_double(k, args, i / k->cuts, c0, c1)
                              : image_float(k, args, i / k->cuts, c0, c1));
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
  *k = (Pool){.input = inputs[0],
              .index = inputs[1],
              .op = node->op,
              .n = x->dim[0],
              .dtype = (DType)g->nodes[node_input(g, id, 0)].dtype,
              .c = x->dim[3],
              .hx = x->dim[1],
              .wx = x->dim[2],
              .hy = y->dim[1],
              .wy = y->dim[2]};
  for (int i = 0; i < 2; i++) {
    k->kernel[i] = node_attr(g, id, POOL_KERNEL, NULL)[i];
    k->stride[i] = node_attr(g, id, POOL_STRIDE, NULL)[i];
    k->pad[i] = node_attr(g, id, POOL_PAD, NULL)[i];
  }
  k->n_tasks = task_count(shape_count(x) * 4, spec->shards);
  while ((k->cuts ? k->cuts : 1) * k->n < k->n_tasks && (k->cuts + 1) * 16 <= k->c) k->cuts++;
  if (!k->cuts) k->cuts = 1;
  kernel->run = pool_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = k->n_tasks;
  snprintf(kernel->name, sizeof kernel->name, "pool");
  return STATUS_OK;
}
