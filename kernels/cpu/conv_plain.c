/* Convolutions by plain loops, in the same order of additions as the tiles.  Only for windows so
 * large that no copy of a single one fits. */
#include "kernels/cpu/conv.h"
#include "kernels/cpu/types.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* sums[i] += a[j] b[k], rounded once. */
typedef void (*MultiplyAdd)(void *sums, int64_t i, const void *a, int64_t j, const void *b,
                            int64_t k);
#define FMA(T) _Generic((T)0, float : fmaf, default : fma)
#define MULTIPLY_ADD(ID, S, T, SUM)                                                                \
  static void multiply_add_##S(void *sums, int64_t i, const void *a, int64_t j, const void *b,     \
                               int64_t k) {                                                        \
    T *sum = (T *)sums + i;                                                                        \
    *sum = (T)FMA(T)(((const T *)a)[j], ((const T *)b)[k], *sum);                                  \
  }
FLOAT_TYPES(MULTIPLY_ADD)
static const MultiplyAdd multiply_adds[DTYPE_COUNT] = {FLOAT_TYPES(BY_TYPE, multiply_add)};

typedef struct Plain {
  ConvShape shape;
  OpId op;
  uint32_t a, b;
  MultiplyAdd add;
} Plain;

static bool inside(const ConvShape *s, int64_t p, int64_t q, int64_t r, int64_t t, int64_t *at) {
  int64_t h = p * s->stride[0] - s->pad[0] + r * s->dilation[0];
  int64_t w = q * s->stride[1] - s->pad[1] + t * s->dilation[1];
  *at = (h * s->wx + w) * s->cx;
  return h >= 0 && h < s->hx && w >= 0 && w < s->wx;
}

/* Adds every product of one image into `out`, which is x, w or y. Taps run as the tiles' do. */
static void image(const Plain *k, int64_t n, const void *a, const void *b, void *out) {
  const ConvShape *s = &k->shape;
  int64_t x0 = n * s->hx * s->wx * s->cx, y0 = n * s->hy * s->wy * s->cy, x, taps = s->kh * s->kw;
  for (int64_t t = 0; t < taps; t++) {
    int64_t tap = k->op == OP_CONV_DX ? taps - 1 - t : t, r = tap / s->kw, c = tap % s->kw;
    for (int64_t p = 0; p < s->hy; p++)
      for (int64_t q = 0; q < s->wy; q++) {
        if (!inside(s, p, q, r, c, &x)) continue;
        int64_t y = y0 + (p * s->wy + q) * s->cy;
        for (int64_t o = 0; o < s->cy; o++)
          for (int64_t i = 0; i < s->ci; i++) {
            int64_t w = (o * s->ci + i) * taps + tap, xi = x0 + x + o / s->co * s->ci + i;
            if (k->op == OP_CONV)
              k->add(out, y + o, a, xi, b, w);
            else if (k->op == OP_CONV_DX)
              k->add(out, xi, a, y + o, b, w);
            else
              k->add(out, w, a, xi, b, y + o);
          }
      }
  }
}

static Status plain_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                        const KernelArgs *args) {
  (void)phase;
  const Plain *k = kernel->data;
  const ConvShape *s = &k->shape;
  int64_t first = 0, last = s->n;
  int64_t count = k->op == OP_CONV      ? s->n * s->hy * s->wy * s->cy
                  : k->op == OP_CONV_DX ? s->n * s->hx * s->wx * s->cx
                                        : conv_weights(s) * s->groups;
  if (k->op != OP_CONV_DW) task_range(s->n, 1, task, kernel->tasks[0], &first, &last);
  int64_t each = k->op == OP_CONV_DW ? count : count / s->n;
  int64_t from = k->op == OP_CONV_DW ? 0 : first * each;
  int64_t n = k->op == OP_CONV_DW ? count : (last - first) * each;
  memset((char *)args->outputs[0] + (size_t)from * s->size, 0, (size_t)n * s->size);
  for (int64_t i = first; i < last; i++)
    image(k, i, args->inputs[k->a], args->inputs[k->b], args->outputs[0]);
  return STATUS_OK;
}

Status conv_plain_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  uint32_t inputs[2];
  TRY(spec_inputs(spec, inputs, 2, diag));
  Plain *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  *k = (Plain){.shape = conv_shape(spec->graph, spec->nodes[0]),
               .op = spec->graph->nodes[spec->nodes[0]].op,
               .a = inputs[0],
               .b = inputs[1]};
  k->add = multiply_adds[k->shape.dtype];
  if (!k->add) return spec_no_type(spec, diag, k->shape.dtype);
  kernel->run = plain_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = k->op == OP_CONV_DW ? 1 : spec->shards;
  snprintf(kernel->name, sizeof kernel->name, "conv plain");
  return STATUS_OK;
}
