/* Kernel texts whose threads do something wrong: what the watch over their accesses must find. */
#include "tests/cusim/cases.h"

#include <string.h>

const char cases_watch_source[] =
    "typedef unsigned char u8;\n"
    "typedef unsigned long long u64;\n"
    "\n"
    "/* Each kernel is right for wrong = 0.  x: 256 floats to read, y: 128 to write, one for each "
    "thread of\n"
    " * two blocks; z: 256 to read and write. */\n"
    "#define KERNEL(name)   extern \"C\" __global__ void name(const float *__restrict__ x, float "
    "*__restrict__ y, float *__restrict__ z, int wrong)\n"
    "#define PLACES   int t = threadIdx.x, b = blockIdx.x, i = b * 64 + t; (void)t, (void)b, "
    "(void)i\n"
    "\n"
    "KERNEL(neighbour) { /* 1: no barrier; 2: one of a warp only */\n"
    "  __shared__ float tile[64];\n"
    "  PLACES;\n"
    "  tile[t] = 0;\n"
    "  __syncthreads();\n"
    "  tile[t] = x[i];\n"
    "  if (wrong == 0) __syncthreads();\n"
    "  if (wrong == 2) __syncwarp();\n"
    "  y[i] = tile[63 - t];\n"
    "}\n"
    "KERNEL(again) { /* 1: no barrier before the memory is used again */\n"
    "  __shared__ float tile[64];\n"
    "  PLACES;\n"
    "  float sum = 0;\n"
    "  for (int k = 0; k < 2; k++) {\n"
    "    if (wrong == 0 && k > 0) __syncthreads();\n"
    "    tile[t] = x[64 * k + t];\n"
    "    __syncthreads();\n"
    "    sum += tile[(t + 1) % 64];\n"
    "  }\n"
    "  y[i] = sum;\n"
    "}\n"
    "KERNEL(in_warp) { /* 1: a shuffle is no barrier */\n"
    "  __shared__ float tile[64];\n"
    "  PLACES;\n"
    "  tile[t] = 0;\n"
    "  __syncthreads();\n"
    "  tile[t] = x[i];\n"
    "  if (wrong == 0)\n"
    "    __syncwarp();\n"
    "  else\n"
    "    (void)__shfl_xor_sync(0xffffffffu, t, 1);\n"
    "  y[i] = tile[t ^ 1];\n"
    "}\n"
    "KERNEL(same_element) { /* 1: all threads of a block write one element */\n"
    "  PLACES;\n"
    "  y[i] = 0;\n"
    "  __syncthreads();\n"
    "  if (wrong == 0 ? t == 5 : t >= 5) y[b * 64] = x[t];\n"
    "}\n"
    "KERNEL(many_readers) { /* 1: one writes what all read, no barrier between */\n"
    "  __shared__ float value;\n"
    "  PLACES;\n"
    "  if (t == 0) value = 1;\n"
    "  __syncthreads();\n"
    "  float v = value;\n"
    "  if (wrong == 0) __syncthreads();\n"
    "  if (t == 63) value = 2;\n"
    "  __syncthreads();\n"
    "  y[i] = v + value;\n"
    "}\n"
    "KERNEL(counted) { /* 1: read before all have counted; 2: set while others count */\n"
    "  __shared__ int count;\n"
    "  PLACES;\n"
    "  if (t == 0) count = 1;\n"
    "  __syncthreads();\n"
    "  if (t == 0) count = 0;\n"
    "  if (wrong != 2) __syncthreads();\n"
    "  atomicAdd(&count, 1);\n"
    "  if (wrong != 1) __syncthreads();\n"
    "  y[i] = (float)count;\n"
    "}\n"
    "KERNEL(bytes) { /* 1: two threads write one byte; neighbours' bytes are their own */\n"
    "  __shared__ u8 flags[64];\n"
    "  PLACES;\n"
    "  flags[wrong && t == 9 ? 8 : t] = (u8)t;\n"
    "  if (wrong && t == 10) flags[9] = 0;\n"
    "  __syncthreads();\n"
    "  y[i] = flags[t];\n"
    "}\n"
    "KERNEL(blocks_write) { /* 1: both blocks write one element */\n"
    "  PLACES;\n"
    "  y[i] = 1;\n"
    "  if (t == 0) z[wrong ? 0 : b] = 1;\n"
    "}\n"
    "KERNEL(blocks_read) { /* 1: a block reads what another writes; 2: the same, after its own */\n"
    "  PLACES;\n"
    "  y[i] = z[i];\n"
    "  if (wrong == 2) y[i] += z[(i + 64) % 128];\n"
    "  z[wrong == 1 ? (i + 64) % 128 : i] = 3;\n"
    "}\n"
    "KERNEL(blocks_count) { /* 1: one block reads what both count; 2: it writes it */\n"
    "  PLACES;\n"
    "  y[i] = 1;\n"
    "  atomicAdd((int *)&z[0], 1);\n"
    "  __syncthreads();\n"
    "  if (wrong == 1 && t == 0 && b == 1) y[i] = z[0];\n"
    "  if (wrong == 2 && t == 0 && b == 1) z[0] = 0;\n"
    "}\n"
    "KERNEL(reach) { /* reads one too far, writes one too far, writes an operand, leaves the "
    "allocation */\n"
    "  PLACES;\n"
    "  y[i] = x[i + (wrong == 1 && i == 127 ? 129 : 0)];\n"
    "  if (wrong == 2 && i == 127) z[256] = 0;\n"
    "  if (wrong == 3 && i == 3) ((float *)x)[3] = 0;\n"
    "  if (wrong == 4 && i == 3) z[1000] = 0;\n"
    "  if (wrong == 5 && i == 3) y[i] = *(const float *)(16 * (u64)wrong);\n"
    "}\n"
    "KERNEL(added) { /* 1: adds to what it should write */\n"
    "  PLACES;\n"
    "  if (wrong && i == 77)\n"
    "    y[i] += x[i];\n"
    "  else\n"
    "    y[i] = x[i];\n"
    "}\n"
    "KERNEL(last) { /* 1: leaves one out */\n"
    "  PLACES;\n"
    "  if (i < 128 - wrong) y[i] = x[i];\n"
    "}\n"
    "KERNEL(dynamic_end) { /* 64 floats; 1: reads one more; 2: writes one more */\n"
    "  extern __shared__ float dynamic[];\n"
    "  PLACES;\n"
    "  dynamic[t] = x[i];\n"
    "  __syncthreads();\n"
    "  if (wrong == 2 && t == 0) dynamic[64] = 0;\n"
    "  y[i] = dynamic[wrong == 1 ? t + 1 : t];\n"
    "}\n"
    "__device__ float sum_of(const float *at, int n) {\n"
    "  float sum = 0;\n"
    "  for (int k = 0; k < n; k++) sum += at[k];\n"
    "  return sum;\n"
    "}\n"
    "KERNEL(static_end) { /* 1: a function reads beyond the array that it is given */\n"
    "  __shared__ float tile[64];\n"
    "  PLACES;\n"
    "  tile[t] = x[i];\n"
    "  __syncthreads();\n"
    "  y[i] = sum_of(tile, wrong ? 70 : 64);\n"
    "}\n"
    "KERNEL(never_set) { /* 1: one element is not set */\n"
    "  __shared__ float tile[64];\n"
    "  PLACES;\n"
    "  if (!wrong || t != 17) tile[t] = x[i];\n"
    "  __syncthreads();\n"
    "  y[i] = tile[(t + 1) % 64];\n"
    "}\n"
    "KERNEL(four) { /* 1: four floats at once, not aligned for it; 2: an atomic likewise */\n"
    "  PLACES;\n"
    "  const float4 v = *(const float4 *)(x + 4 * (i % 32) + (wrong == 1));\n"
    "  y[i] = v.x + v.y + v.z + v.w;\n"
    "  if (i == 0) atomicMax((u64 *)(z + 2 + (wrong == 2)), (u64)1);\n"
    "}\n"
    "KERNEL(indices) { /* 1: beyond a row of shared memory; 2: beyond an array of its own */\n"
    "  __shared__ float tile[8][8];\n"
    "  float own[4] = {1, 2, 3, 4};\n"
    "  PLACES;\n"
    "  tile[t / 8][t % 8] = x[i];\n"
    "  __syncthreads();\n"
    "  y[i] = tile[t / 8][t % 8 + (wrong == 1 && t < 8)] + own[t % 4 + (wrong == 2)];\n"
    "}\n"
    "KERNEL(arithmetic) { /* 1: too large a number; 2: none; 3: too long a shift; 4: by zero */\n"
    "  PLACES;\n"
    "  float v = x[i];\n"
    "  if (wrong == 1) v += 3e9f;\n"
    "  if (wrong == 2) v = __uint_as_float(0x7fc00000u);\n"
    "  int n = (int)v;\n"
    "  n = (1 << (wrong == 3 ? n + 31 : n)) + 7 / (wrong == 4 ? n - 1 : n);\n"
    "  y[i] = (float)n;\n"
    "}\n";

/* z is far enough inside its allocation that one more is still in it. */
static void run(Bench *b, const char *kernel, int32_t wrong) {
  const float *x = b->x;
  float *y = b->y, *z = b->z + 200;
  int32_t how = b->wrong ? wrong : 0;
  OK(b, b->cu->cudaMemsetAsync(b->z, 0, BYTES, b->s));
  cudaLibrary_t library = bench_load(b, cases_watch_source, "sm_90", true);
  if (!library) return;
  bench_launch(
      b, bench_kernel(b, library, kernel), (dim3){2, 1, 1}, (dim3){64, 1, 1}, 256,
      (void *[]){&x, &y, &z, &how},
      (CudaAccess[]){{x, 1024, CUDA_READS}, {y, 512, CUDA_WRITES}, {z, 1024, CUDA_UPDATES}}, 3);
  OK(b, b->cu->cudaStreamSynchronize(b->s));
  OK(b, b->cu->cudaLibraryUnload(library));
}

#define RUN(kernel, how)                                                                           \
  static void kernel##_##how(Bench *b) {                                                           \
    run(b, #kernel, how);                                                                          \
  }
RUN(neighbour, 1)
RUN(neighbour, 2)
RUN(again, 1)
RUN(in_warp, 1)
RUN(same_element, 1)
RUN(many_readers, 1)
RUN(counted, 1)
RUN(counted, 2)
RUN(bytes, 1)
RUN(blocks_write, 1)
RUN(blocks_read, 1)
RUN(blocks_read, 2)
RUN(blocks_count, 1)
RUN(blocks_count, 2)
RUN(reach, 1)
RUN(reach, 2)
RUN(reach, 3)
RUN(reach, 4)
RUN(reach, 5)
RUN(added, 1)
RUN(last, 1)
RUN(dynamic_end, 1)
RUN(dynamic_end, 2)
RUN(static_end, 1)
RUN(never_set, 1)
RUN(four, 1)
RUN(four, 2)
RUN(indices, 1)
RUN(indices, 2)
RUN(arithmetic, 1)
RUN(arithmetic, 2)
RUN(arithmetic, 3)
RUN(arithmetic, 4)

const Case cases_watch[] = {
    {CUSIM_BLOCK_RACE, "shared memory read without a barrier", neighbour_1},
    {CUSIM_BLOCK_RACE, "a warp's wait for another warp's memory", neighbour_2},
    {CUSIM_BLOCK_RACE, "shared memory written again without a barrier", again_1},
    {CUSIM_BLOCK_RACE, "a shuffle for a barrier", in_warp_1},
    {CUSIM_BLOCK_RACE, "all threads of a block write one element", same_element_1},
    {CUSIM_BLOCK_RACE, "a value set anew while others read it", many_readers_1},
    {CUSIM_BLOCK_RACE, "a count read while others count", counted_1},
    {CUSIM_BLOCK_RACE, "a count set while others count", counted_2},
    {CUSIM_BLOCK_RACE, "two threads write one byte", bytes_1},
    {CUSIM_GRID_RACE, "two blocks write one element", blocks_write_1},
    {CUSIM_GRID_RACE, "a block writes what another reads", blocks_read_1},
    {CUSIM_GRID_RACE, "a block reads what another writes", blocks_read_2},
    {CUSIM_GRID_RACE, "a block reads what others count", blocks_count_1},
    {CUSIM_GRID_RACE, "a block sets what others count", blocks_count_2},
    {CUSIM_UNDECLARED_ACCESS, "reads one element more than declared", reach_1},
    {CUSIM_UNDECLARED_ACCESS, "writes one element more than declared", reach_2},
    {CUSIM_UNDECLARED_WRITE, "writes an operand", reach_3},
    {CUSIM_BOUNDS, "writes behind an allocation", reach_4},
    {CUSIM_BOUNDS, "reads an address of nothing", reach_5},
    {CUSIM_UNDEFINED, "adds to a result that holds nothing", added_1},
    {CUSIM_UNWRITTEN, "leaves out the last element", last_1},
    {CUSIM_SHARED_BOUNDS, "reads behind dynamic shared memory", dynamic_end_1},
    {CUSIM_SHARED_BOUNDS, "writes behind dynamic shared memory", dynamic_end_2},
    {CUSIM_SHARED_BOUNDS, "reads behind static shared memory", static_end_1},
    {CUSIM_SHARED_UNDEFINED, "an element of shared memory that is not set", never_set_1},
    {CUSIM_MISALIGNED, "four floats at an odd address", four_1},
    {CUSIM_MISALIGNED, "an atomic at an odd address", four_2},
    {CUSIM_ARRAY_INDEX, "a column beyond a row", indices_1},
    {CUSIM_ARRAY_INDEX, "an index beyond a thread's array", indices_2},
    {CUSIM_ARITHMETIC, "a number that an int does not have", arithmetic_1},
    {CUSIM_ARITHMETIC, "an int of no number", arithmetic_2},
    {CUSIM_ARITHMETIC, "a shift by 32", arithmetic_3},
    {CUSIM_ARITHMETIC, "a division by zero", arithmetic_4},
};
const uint32_t n_cases_watch = sizeof cases_watch / sizeof *cases_watch;
