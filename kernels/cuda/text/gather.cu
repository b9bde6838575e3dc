/* Elements of type T where an index says, which may be several neighbours of the op's in gather. An
 * index out of range is noted, and gives zero. */
static __device__ bool good(int index, Index bound, Index at, u64 *fault, bool note) {
  bool is = index >= 0 && index < bound;
  if (!is && note) fault_note(fault, at, index);
  return is;
}

/* Rows of `row` elements: row i is row index[i] of x, which has `bound` of them. */
extern "C" __global__ void __launch_bounds__(256)
    gather(const T *__restrict__ x, const int *__restrict__ index, T *__restrict__ y, u64 *fault,
           Index n, Index row, i64 by_row, Index bound) {
  ELEMENTS(i, n) {
    Index line = quotient(i, row, by_row), column = i - line * row;
    int from = index[line];
    T value = {};
    if (good(from, bound, line, fault, column == 0)) value = x[(Index)from * row + column];
    y[i] = value;
  }
}

/* Elements of lines along an axis, `row` apart: `some` elements of the result, and `bound` x row of
 * x, have the same indices before the axis. */
extern "C" __global__ void __launch_bounds__(256)
    pick(const T *__restrict__ x, const int *__restrict__ index, T *__restrict__ y, u64 *fault,
         Index n, Index some, i64 by_some, Index row, i64 by_row, Index bound) {
  ELEMENTS(i, n) {
    Index outer = quotient(i, some, by_some), column = i - outer * some;
    column -= quotient(column, row, by_row) * row;
    int from = index[i];
    T value = {};
    if (good(from, bound, i, fault, true)) value = x[(outer * bound + from) * row + column];
    y[i] = value;
  }
}
