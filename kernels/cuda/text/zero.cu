/* Zeros, of elements of type T. */
extern "C" __global__ void __launch_bounds__(256) zero(T *__restrict__ y, Index n) {
  ELEMENTS(i, n) {
    T value = {};
    y[i] = value;
  }
}
