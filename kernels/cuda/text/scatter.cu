/* Rows of `row` elements of type T, added up where an index says: an element of the result adds its
 * contributions in the order of the index, beginning with 0. */

/* Each element looks at all of the `few` indices.  One out of range is noted, and adds nothing. */
extern "C" __global__ void __launch_bounds__(256)
    scatter_few(const T *__restrict__ x, const int *__restrict__ index, T *__restrict__ y,
                u64 *fault, Index n, Index row, i64 by_row, int few, Index bound) {
  ELEMENTS(i, n) {
    Index line = quotient(i, row, by_row), column = i - line * row;
    const T *from = x + column;
    T sum = 0;
    for (int k = 0; k < few; k++, from += row) {
      int to = index[k];
      if (i == 0 && (to < 0 || to >= bound)) fault_note(fault, k, to);
      if (to == line) sum += *from;
    }
    y[i] = sum;
  }
}

/* starts[r]: how many of the sorted items belong to rows before r; r = 0 .. n - 1. */
extern "C" __global__ void __launch_bounds__(256)
    scatter_starts(const u64 *__restrict__ items, int *__restrict__ starts, Index n, int count) {
  ELEMENTS(r, n) {
    int low = 0, high = count;
    while (low < high) {
      int middle = low + (high - low) / 2;
      if ((i64)(items[middle] >> 32) < (i64)r)
        low = middle + 1;
      else
        high = middle;
    }
    starts[r] = low;
  }
}

/* Each element reads its own items. */
extern "C" __global__ void __launch_bounds__(256)
    scatter(const T *__restrict__ x, const u64 *__restrict__ items, const int *__restrict__ starts,
            T *__restrict__ y, Index n, Index row, i64 by_row) {
  ELEMENTS(i, n) {
    Index line = quotient(i, row, by_row), column = i - line * row;
    int last = starts[line + 1];
    T sum = 0;
    for (int k = starts[line]; k < last; k++)
      sum += x[(Index)(items[k] & 0x7fffffff) * row + column];
    y[i] = sum;
  }
}
