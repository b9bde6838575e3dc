/* Depthwise convolutions: every channel by itself, with one result.  Vectors hold channels, which
 * lie together; nothing is packed but the weights, nothing is padded.  Each element is one chain of
 * fused multiply-adds over the taps that fall inside of the image (of a weight: over pixels). */
#ifndef KERNELS_CPU_DEPTHWISE_H
#define KERNELS_CPU_DEPTHWISE_H

#include "kernels/cpu/conv.h"

/* Columns of one row of results: result q = sum over rows and taps of x[at + q col_step + t
 * tap_step] w[weight_at + t weight_step].  Steps and offsets in elements, pointers at a channel. */
typedef struct DepthwiseRow {
  const char *const *rows, *const *weights; /* of each tap row inside of the image */
  int64_t n_rows, taps;                     /* taps of a row */
  int64_t at, col_step, tap_step, weight_at, weight_step;
  char *out;
  int64_t out_step, channels;
} DepthwiseRow;

/* sums[t sum_step] += sum over `cols` of x[q col_step + t tap_step] dy[q dy_step]. */
typedef struct DepthwiseSums {
  const char *x, *dy;
  char *sums;
  int64_t cols, col_step, tap_step, dy_step, sum_step, channels;
} DepthwiseSums;

#define DEPTHWISE_ROWS WORK_DEPTHWISE_ROWS
#define DEPTHWISE_TAPS 4 /* of one call that sums */
/* Of one element type; `row` NULL: the type is not there. */
typedef struct DepthwiseType {
  void (*row)(const DepthwiseRow *row, int64_t cols);
  /* The first `channels` of them, taps 1 .. DEPTHWISE_TAPS. */
  void (*sums[DEPTHWISE_TAPS + 1])(const DepthwiseSums *sums);
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
