/* The largest element of each line, of type T, or its place: the first of equals, the first NaN
 * before all numbers.  RESULT(value, at) is what a line gives, of type R. */
#define THREADS 256

/* Whether v of place at goes before w of place bt: an order, so that any tree of comparisons gives
 * the same. */
static __device__ bool before(T v, int at, T w, int bt) {
  bool none = v != v, other = w != w;
  if (none || other) return none && (!other || at < bt);
  return v > w || (v == w && at < bt);
}

/* Lines are `row` elements from one to the next; `parts` threads, a power of two and at most
 * `length`, share each. */
extern "C" __global__ void __launch_bounds__(THREADS)
    select(const T *__restrict__ x, R *__restrict__ y, Index lines, Index length, Index row,
           i64 by_row, int parts) {
  __shared__ T values[THREADS];
  __shared__ int places[THREADS];
  int per_block = THREADS / parts, thread = threadIdx.x;
  /* Neighbours in memory go to neighbouring threads. */
  int part = row == 1 ? thread % parts : thread / per_block;
  int own = row == 1 ? thread / parts : thread % per_block;
  Index line = (Index)blockIdx.x * per_block + own;
  int slot = part * per_block + own;
  if (line < lines) {
    Index outer = quotient(line, row, by_row);
    const T *from = x + outer * length * row + (line - outer * row);
    T best = from[part * row];
    int at = part;
    for (Index i = part + parts; i < length; i += parts) {
      T v = from[i * row];
      if (!(v <= best) && best == best) {
        best = v;
        at = (int)i;
      }
    }
    values[slot] = best;
    places[slot] = at;
  }
  for (int half = parts / 2; half > 0; half /= 2) {
    __syncthreads();
    int other = slot + half * per_block;
    if (line < lines && part < half &&
        before(values[other], places[other], values[slot], places[slot])) {
      values[slot] = values[other];
      places[slot] = places[other];
    }
  }
  if (line < lines && part == 0) y[line] = RESULT(values[slot], places[slot]);
}
