/* Cumulative sums of lines of elements of type T: added in order, in f64, each sum rounded once.
 * EXCLUSIVE: without the element itself; REVERSE: from the other end. */
#define THREADS 256

#if REVERSE
#define AT(i, length) ((length)-1 - (i))
#else
#define AT(i, length) (i)
#endif

static __device__ T next_sum(double *sum, T x) {
  double before = *sum;
  *sum = before + (double)x;
  return (T)(EXCLUSIVE ? before : *sum);
}

/* Lines whose elements are `row` apart, neighbours in memory side by side: a thread for each. */
extern "C" __global__ void __launch_bounds__(THREADS)
    scan_apart(const T *__restrict__ x, T *__restrict__ y, Index lines, Index length, Index row,
               i64 by_row) {
  ELEMENTS(line, lines) {
    Index outer = quotient(line, row, by_row), from = outer * length * row + (line - outer * row);
    double sum = 0;
    for (Index i = 0; i < length; i++) {
      Index at = from + AT(i, length) * row;
      y[at] = next_sum(&sum, x[at]);
    }
  }
}

/* Lines of neighbours: a block moves LINES of them through shared memory, WIDTH elements of each at
 * a time, a thread adds up each. */
#define WIDTH (1024 / LINES)
extern "C" __global__ void __launch_bounds__(THREADS)
    scan(const T *__restrict__ x, T *__restrict__ y, Index lines, Index length) {
  __shared__ T tile[LINES][WIDTH + 1];
  Index first = (Index)blockIdx.x * LINES;
  double sum = 0;
  for (Index begin = 0; begin < length; begin += WIDTH) {
    for (int t = threadIdx.x; t < 1024; t += THREADS) {
      Index line = first + t / WIDTH, i = begin + t % WIDTH;
      if (line < lines && i < length) tile[t / WIDTH][t % WIDTH] = x[line * length + AT(i, length)];
    }
    __syncthreads();
    if (threadIdx.x < LINES && first + threadIdx.x < lines)
      for (int i = 0; i < WIDTH && begin + i < length; i++)
        tile[threadIdx.x][i] = next_sum(&sum, tile[threadIdx.x][i]);
    __syncthreads();
    for (int t = threadIdx.x; t < 1024; t += THREADS) {
      Index line = first + t / WIDTH, i = begin + t % WIDTH;
      if (line < lines && i < length) y[line * length + AT(i, length)] = tile[t / WIDTH][t % WIDTH];
    }
    __syncthreads();
  }
}
