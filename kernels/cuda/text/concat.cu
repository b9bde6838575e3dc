/* Joins elements of type T, which may be several neighbours of the op's.  PARTS(P) is a list P(1)
 * P(2) ... of the operands but the first. */
#define PART(K) , const T *__restrict__ x##K, Index end##K
#define CHOOSE(K)                                                                                  \
  if (at >= end) {                                                                                 \
    start = end;                                                                                   \
    end = end##K;                                                                                  \
    x = x##K;                                                                                      \
  }

/* Rows of `row` elements: columns first .. first + width - 1 of each are those of the parts, one
 * after the other; a part's last one is before its `end`. */
extern "C" __global__ void __launch_bounds__(256)
    concat(T *__restrict__ y, Index n, Index row, Index first, Index width, i64 by_width,
           const T *__restrict__ x0, Index end0 PARTS(PART)) {
  ELEMENTS(i, n) {
    Index line = quotient(i, width, by_width), at = i - line * width, start = 0, end = end0;
    const T *x = x0;
    PARTS(CHOOSE)
    y[line * row + first + at] = x[line * (end - start) + at - start];
  }
}
