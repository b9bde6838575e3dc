/* Stands before every text.  No headers: NVRTC knows none, and the simulator brings its own. */
typedef signed char i8;
typedef unsigned char u8;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

/* Elements 0 .. n - 1, each by one thread of the grid, in any order. */
#define GRID_LOOP(I, N)                                                                            \
  for (i64 I = (i64)blockIdx.x * blockDim.x + threadIdx.x; I < (N);                                \
       I += (i64)gridDim.x * blockDim.x)

/* Notes an index out of range (kernels/cuda/context.h); `at` is its place in the list of indices. */
static __device__ void fault_note(u64 *fault, i64 at, i64 index) {
  const i64 half = (i64)1 << 23;
  i64 near = index < -half ? -half : index > half - 1 ? half - 1 : index;
  atomicMin(fault, (u64)at << 24 | (u64)(near + half));
}
