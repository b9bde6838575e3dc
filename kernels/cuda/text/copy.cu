/* Copies elements of type T, which may be several neighbours of the op's.  AXES(A) is a list A(1)
 * A(2) ... of the axes but the first, A(1) being the last of them. */
#define AXIS(K) , Index size##K, i64 by##K, Index from##K
#define STEP(K)                                                                                    \
  {                                                                                                \
    Index next = quotient(rest, size##K, by##K);                                                   \
    from += (rest - next * size##K) * from##K;                                                     \
    rest = next;                                                                                   \
  }

/* y[i] = x[from0 + ...] for n elements. */
extern "C" __global__ void __launch_bounds__(256)
    copy(const T *__restrict__ x, T *__restrict__ y, Index n, Index from0,
         Index from_first AXES(AXIS)) {
  ELEMENTS(i, n) {
    Index rest = i, from = from0;
    AXES(STEP)
    y[i] = x[from + rest * from_first];
  }
}
