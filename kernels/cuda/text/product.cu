/* Matrix products of forms that cuBLAS does not have (kernels/cuda/blas_product.c).
 *
 * A thread makes elements of the result, each as one chain of fused multiply-adds in ascending
 * order of k.  Batch axes are passed with the one that varies fastest first: length, and the steps
 * of the operands. */
#define AXIS(I) i64 length##I, i64 a_step##I, i64 b_step##I
#define ALONG(I)                                                                                   \
  a_at += rest % length##I * a_step##I;                                                            \
  b_at += rest % length##I * b_step##I;                                                            \
  rest /= length##I;

extern "C" __global__ void product_plain(const T *__restrict__ a, const T *__restrict__ b,
                                         T *__restrict__ c, i64 m, i64 n, i64 k, i64 a_row,
                                         i64 a_column, i64 b_row, i64 b_column, AXIS(0), AXIS(1),
                                         AXIS(2), AXIS(3)) {
  GRID_LOOP(i, m * n * length0 * length1 * length2 * length3) {
    i64 a_at = i / n % m * a_row, b_at = i % n * b_column, rest = i / n / m;
    ALONG(0)
    ALONG(1)
    ALONG(2)
    ALONG(3)
    T sum = 0;
    for (i64 j = 0; j < k; j++) sum = fma(a[a_at + j * a_column], b[b_at + j * b_row], sum);
    c[i] = sum;
  }
}
