/* Zeros around elements of type T, which may be several neighbours of the op's.  AXES(A) as of
 * copy.cu. */
#define AXIS(K) , Index size##K, i64 by##K, Index before##K, Index inner##K, Index from##K
#define STEP(K)                                                                                    \
  {                                                                                                \
    Index next = quotient(rest, size##K, by##K);                                                   \
    rest -= next * size##K + before##K;                                                            \
    inside = inside && rest >= 0 && rest < inner##K;                                               \
    from += rest * from##K;                                                                        \
    rest = next;                                                                                   \
  }

/* y[i] is zero but where x has an element: `inner` of them along an axis, behind `before`. */
extern "C" __global__ void __launch_bounds__(256)
    pad(const T *__restrict__ x, T *__restrict__ y, Index n, Index before_first, Index inner_first,
        Index from_first AXES(AXIS)) {
  ELEMENTS(i, n) {
    Index rest = i, from = 0;
    bool inside = true;
    T value = {};
    AXES(STEP)
    rest -= before_first;
    inside = inside && rest >= 0 && rest < inner_first;
    if (inside) value = x[from + rest * from_first];
    y[i] = value;
  }
}
