/* Depthwise convolutions: every input channel by itself, with M results (its multiplier): channel o
 * of y and of the weights belongs to channel o / M of x.  Vectors hold channels of y, which lie
 * together, and with M > 1 a vector of x repeats each of its channels; nothing is packed but the
 * weights, nothing is padded.  Each element is one chain of fused multiply-adds over the taps that
 * fall inside of the image (of a weight: over pixels); the input gradient adds the M chains of its
 * channel, the first first. */
#ifndef KERNELS_CPU_DEPTHWISE_H
#define KERNELS_CPU_DEPTHWISE_H

#include "kernels/cpu/conv.h"

/* Where the elements of a vector of y's channels are in one of x's.  The vector that starts at
 * channel o, with o % M = phase: element i is (phase + i) / M behind the first. */
#define DEPTHWISE_LANES 16 /* of any instruction set, at most */
typedef struct DepthwiseSpread {
  int64_t multiplier, first; /* at[k] = (first + k) / multiplier */
  int32_t at[2 * DEPTHWISE_LANES];
} DepthwiseSpread;
DepthwiseSpread depthwise_spread(int64_t multiplier);
static inline const int32_t *depthwise_lanes(const DepthwiseSpread *s, int64_t phase) {
  return s->at + (phase > s->first ? phase - s->first : 0); /* before `first` all are 0 */
}

/* The columns of an image that results read: result q, tap t reads column at + q step + t tap, or
 * nothing where that is no column. */
typedef struct DepthwiseColumns {
  int64_t at, step, tap, width;
} DepthwiseColumns;

/* Columns of one row of results: result q = sum over rows and taps of x[at + q col_step + t
 * tap_step] w[weight_at + t weight_step].  Steps and offsets in elements, pointers at a channel. */
typedef struct DepthwiseRow {
  const char *const *rows, *const *weights; /* of each tap row inside of the image */
  int64_t n_rows, taps;                     /* taps of a row */
  DepthwiseColumns columns;
  int64_t at, col_step, tap_step, weight_at, weight_step;
  char *out;
  int64_t out_step, channels;
  const DepthwiseSpread *spread; /* `spread` alone: the first channel has phase 0 */
} DepthwiseRow;

/* sums[t sum_step] += sum over rows p and columns q of
 * x[p x_row + at + q col_step + t tap_step] dy[p dy_row + q dy_step], in that order. */
typedef struct DepthwiseSums {
  const char *x, *dy;
  char *sums;
  int64_t rows, x_row, dy_row;
  DepthwiseColumns columns;
  int64_t at, cols, col_step, tap_step, dy_step, sum_step, channels;
  const DepthwiseSpread *spread; /* `spread_sums` alone */
  int64_t phase;                 /* of the first channel */
} DepthwiseSums;

/* out[c] = the sum of in[c M + j] over j; `more`: added to what out holds. */
typedef struct DepthwiseFold {
  const char *in;
  char *out;
  int64_t channels, multiplier;
  bool more;
} DepthwiseFold;

/* Fetches `bytes` of each pixel of rows `row` .. row + n - 1 into the second cache, of images whose
 * rows lie together: `rows` in all.  A vector of channels walks over pixels far apart, and no
 * processor foresees where it goes on. */
typedef struct DepthwiseAhead {
  const char *at; /* the first pixel's bytes */
  int64_t rows, row_bytes, pixels, pixel_bytes, bytes;
} DepthwiseAhead;
/* Always inline: what only prefetches has no effect in GCC's eyes, and calls of it go away. */
__attribute__((always_inline)) static inline void depthwise_ahead(const DepthwiseAhead *a,
                                                                  int64_t row, int64_t n) {
  if (n > a->rows - row) n = a->rows - row;
  for (int64_t r = 0; r < n; r++)
    for (int64_t q = 0; q < a->pixels; q++) {
      const char *from = a->at + (row + r) * a->row_bytes + q * a->pixel_bytes;
      for (int64_t line = 0; line < a->bytes; line += 64) __builtin_prefetch(from + line, 0, 2);
    }
}

#define DEPTHWISE_ROWS WORK_DEPTHWISE_ROWS
#define DEPTHWISE_TAPS 4 /* of one call that sums */
/* Of one element type; `row` NULL: the type is not there. */
typedef struct DepthwiseType {
  void (*row)(const DepthwiseRow *row, int64_t cols), (*spread)(const DepthwiseRow *, int64_t);
  void (*fold)(const DepthwiseFold *fold);
  /* The first `channels` of them, taps 1 .. DEPTHWISE_TAPS. */
  void (*sums[DEPTHWISE_TAPS + 1])(const DepthwiseSums *sums);
  void (*spread_sums[DEPTHWISE_TAPS + 1])(const DepthwiseSums *sums);
} DepthwiseType;
typedef struct DepthwiseIsa {
  const char *name;
  DepthwiseType type[DTYPE_COUNT];
} DepthwiseIsa;
extern const DepthwiseIsa depthwise_isa_base, depthwise_isa_v3, depthwise_isa_v4;
const DepthwiseIsa *depthwise_isa(void);

Status depthwise_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);
Status depthwise_dw_build(const KernelSpec *spec, Diag *diag, Kernel *kernel);

#endif
