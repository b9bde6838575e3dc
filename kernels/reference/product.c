/* Matrix products, convolutions and pooling windows. */
#include "kernels/reference/reference.h"

#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

/* The matrix of `t`, counted in elements, that entry `at` of the result's batch reads. */
static int64_t matrix_at(const Tensor *t, const Shape *result, int64_t at) {
  const Shape *s = &t->shape;
  int64_t offset = 0, stride = s->dim[s->rank - 2] * s->dim[s->rank - 1];
  for (int i = result->rank - 3, k = s->rank - 3; k >= 0; i--, k--) {
    if (s->dim[k] > 1) offset += at % result->dim[i] * stride;
    stride *= s->dim[k];
    at /= result->dim[i];
  }
  return offset;
}

static void matmul(const ReferenceCall *c) {
  const Shape *a = &c->in[0].shape, *b = &c->in[1].shape, *y = &c->out.shape;
  bool ta = node_attr_int(c->graph, c->id, MATMUL_TRANSPOSE_A);
  bool tb = node_attr_int(c->graph, c->id, MATMUL_TRANSPOSE_B);
  int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1];
  int64_t lda = a->dim[a->rank - 1], ldb = b->dim[b->rank - 1], k = ta ? a->dim[a->rank - 2] : lda;
  for (int64_t at = 0; at < shape_count(y); at++) {
    int64_t batch = at / (m * n), i = at / n % m, j = at % n;
    int64_t a0 = matrix_at(&c->in[0], y, batch), b0 = matrix_at(&c->in[1], y, batch);
    double sum = 0;
    for (int64_t p = 0; p < k; p++)
      sum += tensor_get(&c->in[0], a0 + (ta ? p * lda + i : i * lda + p)) *
             tensor_get(&c->in[1], b0 + (tb ? j * ldb + p : p * ldb + j));
    tensor_set(&c->out, at, sum);
  }
}

/* One window of an image: pixel (h, w) under tap (r, s) of output (p, q); false outside. */
typedef struct Window {
  int64_t kernel[2], stride[2], pad[2], dilation[2], x[2], y[2];
} Window;
static bool under(const Window *w, int64_t p, int64_t q, int64_t r, int64_t s, int64_t *pixel) {
  int64_t h = p * w->stride[0] - w->pad[0] + r * w->dilation[0];
  int64_t v = q * w->stride[1] - w->pad[1] + s * w->dilation[1];
  *pixel = h * w->x[1] + v;
  return h >= 0 && h < w->x[0] && v >= 0 && v < w->x[1];
}

static Status conv(const ReferenceCall *c) {
  uint16_t op = c->graph->nodes[c->id].op;
  const Tensor *x = op == OP_CONV_DX ? &c->out : &c->in[0];
  const Tensor *w = op == OP_CONV_DW ? &c->out : &c->in[1];
  const Tensor *y = op == OP_CONV ? &c->out : op == OP_CONV_DX ? &c->in[0] : &c->in[1];
  Window win;
  for (int k = 0; k < 2; k++) {
    win.kernel[k] = w->shape.dim[2 + k];
    win.stride[k] = node_attr(c->graph, c->id, CONV_STRIDE, NULL)[k];
    win.pad[k] = node_attr(c->graph, c->id, CONV_PAD, NULL)[k];
    win.dilation[k] = node_attr(c->graph, c->id, CONV_DILATION, NULL)[k];
    win.x[k] = x->shape.dim[1 + k];
    win.y[k] = y->shape.dim[1 + k];
  }
  int64_t images = x->shape.dim[0], cx = x->shape.dim[3], co = y->shape.dim[3];
  int64_t groups = node_attr_int(c->graph, c->id, CONV_GROUPS), ci = cx / groups;
  int64_t taps = win.kernel[0] * win.kernel[1], n = shape_count(&c->out.shape), pixel;
  double *sums = calloc((size_t)n + 1, sizeof *sums);
  if (!sums) return diag_no_memory(c->diag, (size_t)n * sizeof *sums);
  for (int64_t at = 0; at < images * win.y[0] * win.y[1] * taps; at++) {
    int64_t tap = at % taps, q = at / taps % win.y[1], p = at / taps / win.y[1] % win.y[0];
    int64_t image = at / taps / win.y[1] / win.y[0];
    if (!under(&win, p, q, tap / win.kernel[1], tap % win.kernel[1], &pixel)) continue;
    for (int64_t o = 0; o < co; o++)
      for (int64_t i = 0; i < ci; i++) {
        int64_t channel = o / (co / groups) * ci + i, wi = (o * ci + i) * taps + tap;
        int64_t xi = (image * win.x[0] * win.x[1] + pixel) * cx + channel;
        int64_t yi = ((image * win.y[0] + p) * win.y[1] + q) * co + o;
        if (op == OP_CONV)
          sums[yi] += tensor_get(x, xi) * tensor_get(w, wi);
        else if (op == OP_CONV_DX)
          sums[xi] += tensor_get(y, yi) * tensor_get(w, wi);
        else
          sums[wi] += tensor_get(x, xi) * tensor_get(y, yi);
      }
  }
  for (int64_t i = 0; i < n; i++) tensor_set(&c->out, i, sums[i]);
  free(sums);
  return STATUS_OK;
}

Status reference_product(const ReferenceCall *c) {
  if (c->graph->nodes[c->id].op != OP_MATMUL) return conv(c);
  matmul(c);
  return STATUS_OK;
}

/* Pools: (p, q) of the small side, pixels of the large side; sums over the large side in `sums`. */
static Status pool_window_at(const ReferenceCall *c, const Window *w, int64_t image, int64_t p,
                             int64_t q, int64_t channel, int64_t channels, double *sums) {
  uint16_t op = c->graph->nodes[c->id].op;
  int64_t small = ((image * w->y[0] + p) * w->y[1] + q) * channels + channel;
  int64_t base = image * w->x[0] * w->x[1], pixel, best = -1;
  double most = -INFINITY, sum = 0;
  if (op == OP_POOL_GATHER || op == OP_POOL_SCATTER) {
    int64_t index = (int64_t)tensor_get(&c->in[1], small);
    if (index < 0 || index >= w->x[0] * w->x[1]) return reference_bad_index(c, index);
    int64_t large = (base + index) * channels + channel;
    if (op == OP_POOL_GATHER)
      tensor_set(&c->out, small, tensor_get(&c->in[0], large));
    else
      sums[large] += tensor_get(&c->in[0], small);
    return STATUS_OK;
  }
  for (int64_t tap = 0; tap < w->kernel[0] * w->kernel[1]; tap++) {
    if (!under(w, p, q, tap / w->kernel[1], tap % w->kernel[1], &pixel)) continue;
    int64_t large = (base + pixel) * channels + channel;
    if (op == OP_POOL_SPREAD) {
      sums[large] += tensor_get(&c->in[0], small);
      continue;
    }
    double x = tensor_get(&c->in[0], large);
    sum += x;
    if (best < 0 || reference_less(most, x)) {
      most = x;
      best = pixel;
    }
  }
  if (op == OP_POOL_INDEX) tensor_set(&c->out, small, (double)best);
  if (op == OP_POOL_SUM) tensor_set(&c->out, small, sum);
  return STATUS_OK;
}

static Status pool(const ReferenceCall *c, const Shape *x, const Shape *y, double *sums) {
  Window w;
  for (int k = 0; k < 2; k++) {
    w.kernel[k] = node_attr(c->graph, c->id, POOL_KERNEL, NULL)[k];
    w.stride[k] = node_attr(c->graph, c->id, POOL_STRIDE, NULL)[k];
    w.pad[k] = node_attr(c->graph, c->id, POOL_PAD, NULL)[k]; /* top, left */
    w.dilation[k] = node_attr(c->graph, c->id, POOL_DILATION, NULL)[k];
    w.x[k] = x->dim[1 + k];
    w.y[k] = y->dim[1 + k];
  }
  for (int64_t at = 0; at < shape_count(y); at++) {
    int64_t channel = at % y->dim[3], q = at / y->dim[3] % w.y[1],
            p = at / y->dim[3] / w.y[1] % w.y[0];
    TRY(pool_window_at(c, &w, at / y->dim[3] / w.y[1] / w.y[0], p, q, channel, y->dim[3], sums));
  }
  for (int64_t i = 0; sums && i < shape_count(x); i++) tensor_set(&c->out, i, sums[i]);
  return STATUS_OK;
}

Status reference_pool(const ReferenceCall *c) {
  uint16_t op = c->graph->nodes[c->id].op;
  if (op != OP_POOL_SCATTER && op != OP_POOL_SPREAD)
    return pool(c, &c->in[0].shape, &c->out.shape, NULL);
  size_t n = (size_t)shape_count(&c->out.shape);
  double *sums = calloc(n, sizeof *sums);
  if (!sums) return diag_no_memory(c->diag, n * sizeof *sums);
  Status status = pool(c, &c->out.shape, &c->in[0].shape, sums);
  free(sums);
  return status;
}
