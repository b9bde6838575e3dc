/* The three convolutions as plain loops, in the type in which they are added up: over copies of
 * their tensors, so that the innermost loops have neighbours, and no look at types. */
#include "tests/cusim/dnn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t tensor4_count(const Tensor4 *t) {
  return (size_t)(t->dims[0] * t->dims[1] * t->dims[2] * t->dims[3]);
}

/* How axes are ordered in the copies: channels, or filters, innermost, which are added up alike. */
static const int images_order[] = {0, 2, 3, 1}, filters_order[] = {2, 3, 1, 0},
                 data_order[] = {2, 3, 0, 1};

/* Goes through the elements of a tensor, the last axis of the order fastest. */
typedef struct Walk {
  const Tensor4 *t;
  const int *order;
  int64_t at[4]; /* of each axis */
} Walk;

/* Where the next element is in memory. */
static size_t walk_next(Walk *w) {
  int64_t place = 0;
  for (int a = 0; a < 4; a++) place += w->at[a] * w->t->strides[a];
  for (int i = 3; i >= 0; i--) {
    int axis = w->order[i];
    if (++w->at[axis] < w->t->dims[axis]) break;
    w->at[axis] = 0;
  }
  return (size_t)place;
}

/* Where a tap of a filter reads along one axis; false: in the padding. */
static bool reads(const Conv *c, int axis, int64_t out, int64_t filter, int64_t *in) {
  *in = out * c->stride[axis] - c->pre[axis] + filter * c->dilation[axis];
  return *in >= 0 && *in < c->x.dims[2 + axis];
}

/* To the nearest of so many bits of fraction, ties to even. */
static float rounded(double value, int bits) {
  float x = (float)value;
  uint32_t u, drop = 23 - (uint32_t)bits, half = drop ? (1u << drop) / 2 : 0;
  if (!drop || !isfinite(x)) return x;
  memcpy(&u, &x, sizeof u);
  u = (u + half - 1 + (u >> drop & 1)) & ~((1u << drop) - 1);
  memcpy(&x, &u, sizeof x);
  return x;
}

#define REAL float
#define NAME(name) name##_f32
#include "tests/cusim/dnn_sums.inc"
#undef REAL
#undef NAME
#define REAL double
#define NAME(name) name##_f64
#include "tests/cusim/dnn_sums.inc"
#undef REAL
#undef NAME

bool dnn_conv_run(const Conv *c, char *const at[3]) {
  return c->f64 ? conv_f64(c, at) : conv_f32(c, at);
}
