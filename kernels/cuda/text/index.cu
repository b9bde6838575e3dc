/* Arithmetic of indices, for the texts that stand behind it (kernels/cuda/index.h).  WIDE: they
 * need 64 bits; else everything is below 2^30. */
#if WIDE
typedef i64 Index;
/* n / d by a product: `by` is 2^(63+s) / d, rounded up, with 2^(s-1) < d <= 2^s. */
static __device__ Index quotient(Index n, Index d, i64 by) {
  return (Index)(__umul64hi((u64)n << 1, (u64)by) >> (64 - __clzll(d - 1)));
}
#else
typedef int Index;
/* n / d by a product: the low half of `by` is 2^s / d, rounded up, the high half s. */
static __device__ Index quotient(Index n, Index d, i64 by) {
  return (Index)((u64)(u32)n * (u32)by >> (by >> 32));
}
#endif

/* What travels together, where it can. */
struct __align__(16) Bytes16 {
  u64 low, high;
};

/* Elements 0 .. n - 1, each by one thread of the grid, in any order. */
#define ELEMENTS(I, N)                                                                             \
  for (Index I = (Index)blockIdx.x * blockDim.x + threadIdx.x; I < (N);                            \
       I += (Index)gridDim.x * blockDim.x)
