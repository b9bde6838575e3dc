/* Elements of type T, added into lines of `length` where an index says: an element of the result
 * adds its contributions in the order of the index, beginning with 0, but a line's lone element
 * keeps the sign of its zero.  Elements of a line are `row` apart; `count` of them are added. */

/* Each element looks at all of its line's indices.  One out of range is noted, and adds nothing. */
extern "C" __global__ void __launch_bounds__(256)
    place_few(const T *__restrict__ x, const int *__restrict__ index, T *__restrict__ y, u64 *fault,
              Index n, Index full, i64 by_full, Index row, i64 by_row, int count, Index length) {
  ELEMENTS(i, n) {
    Index outer = quotient(i, full, by_full), column = i - outer * full;
    Index at = quotient(column, row, by_row), from = outer * count * row + (column - at * row);
    T sum = 0;
    for (int k = 0; k < count; k++) {
      int to = index[from + k * row];
      if (at == 0 && (to < 0 || to >= length)) fault_note(fault, from + k * row, to);
      if (to == at) sum = count == 1 ? x[from] : sum + x[from + k * row];
    }
    y[i] = sum;
  }
}

/* Each element of lines first .. first + lines - 1 finds its own among the line's sorted items. */
extern "C" __global__ void __launch_bounds__(256)
    place(const T *__restrict__ x, const u64 *__restrict__ items, T *__restrict__ y, Index first,
          Index lines, i64 by_lines, Index length, i64 by_length, Index row, i64 by_row,
          int count) {
  ELEMENTS(i, lines * length) {
    /* Neighbours in memory go to neighbouring threads. */
    Index major = row == 1 ? quotient(i, length, by_length) : quotient(i, lines, by_lines);
    Index minor = i - major * (row == 1 ? length : lines);
    Index at = row == 1 ? minor : major, local = row == 1 ? major : minor, line = first + local;
    Index outer = quotient(line, row, by_row), column = line - outer * row;
    const u64 *own = items + local * count;
    int low = 0, high = count;
    while (low < high) {
      int middle = low + (high - low) / 2;
      if ((i64)(own[middle] >> 32) < (i64)at)
        low = middle + 1;
      else
        high = middle;
    }
    T sum = 0;
    for (; low < count && (i64)(own[low] >> 32) == (i64)at; low++)
      sum += x[(outer * count + (Index)(own[low] & 0x7fffffff)) * row + column];
    y[(outer * length + at) * row + column] = sum;
  }
}
