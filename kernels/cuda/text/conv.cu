/* Convolutions without cuDNN: plain, the same bits each time, no workspace, for every case that the
 * ops have.  Images are NHWC, weights OIHW.
 *
 * T is the type, I that of indices.  A result of conv or conv_dx is one thread's chain of fused
 * multiply-adds: over the taps in ascending rows, then columns, then over the channels of the
 * group.  An element of a weight's gradient is a block's: thread t adds up the pixels t, t + 256,
 * ... of all images, then the 256 sums are added in a binary tree. */
#define CONV_ARGUMENTS                                                                             \
  i64 n_, i64 hx_, i64 wx_, i64 cx_, i64 hy_, i64 wy_, i64 cy_, i64 kh_, i64 kw_, i64 groups_,     \
      i64 sh_, i64 sw_, i64 ph_, i64 pw_, i64 dh_, i64 dw_
#define CONV_NUMBERS                                                                               \
  const I n = (I)n_, hx = (I)hx_, wx = (I)wx_, cx = (I)cx_, hy = (I)hy_, wy = (I)wy_,              \
          cy = (I)cy_, kh = (I)kh_, kw = (I)kw_, groups = (I)groups_, sh = (I)sh_, sw = (I)sw_,    \
          ph = (I)ph_, pw = (I)pw_, dh = (I)dh_, dw = (I)dw_, ci = cx / groups, co = cy / groups;

extern "C" __global__ void conv_plain(const T *__restrict__ x, const T *__restrict__ w,
                                      T *__restrict__ y, CONV_ARGUMENTS) {
  CONV_NUMBERS
  GRID_LOOP(at, n_ * hy_ * wy_ * cy_) {
    const I e = (I)at, o = e % cy, q = e / cy % wy, p = e / cy / wy % hy;
    const I image = e / cy / wy / hy, first = o / co * ci;
    T sum = 0;
    for (I r = 0; r < kh; r++) {
      const I h = p * sh - ph + r * dh;
      if (h < 0 || h >= hx) continue;
      for (I s = 0; s < kw; s++) {
        const I v = q * sw - pw + s * dw;
        if (v < 0 || v >= wx) continue;
        const T *from = x + ((image * hx + h) * wx + v) * cx + first;
        const T *tap = w + (o * ci * kh + r) * kw + s;
        for (I i = 0; i < ci; i++) sum = fma(from[i], tap[i * kh * kw], sum);
      }
    }
    y[e] = sum;
  }
}

extern "C" __global__ void conv_dx_plain(const T *__restrict__ dy, const T *__restrict__ w,
                                         T *__restrict__ x, CONV_ARGUMENTS) {
  CONV_NUMBERS
  GRID_LOOP(at, n_ * hx_ * wx_ * cx_) {
    const I e = (I)at, c = e % cx, v = e / cx % wx, h = e / cx / wx % hx;
    const I image = e / cx / wx / hx, group = c / ci, i = c - group * ci;
    T sum = 0;
    for (I r = 0; r < kh; r++) {
      const I down = h + ph - r * dh;
      if (down < 0 || down % sh || down / sh >= hy) continue;
      for (I s = 0; s < kw; s++) {
        const I right = v + pw - s * dw;
        if (right < 0 || right % sw || right / sw >= wy) continue;
        const T *from = dy + ((image * hy + down / sh) * wy + right / sw) * cy + group * co;
        const T *tap = w + ((group * co * ci + i) * kh + r) * kw + s;
        for (I o = 0; o < co; o++) sum = fma(from[o], tap[o * ci * kh * kw], sum);
      }
    }
    x[e] = sum;
  }
}

extern "C" __global__ void conv_dw_plain(const T *__restrict__ x, const T *__restrict__ dy,
                                         T *__restrict__ w, CONV_ARGUMENTS) {
  CONV_NUMBERS
  __shared__ T sums[256];
  const I t = (I)threadIdx.x;
  for (i64 at = blockIdx.x; at < (i64)cy * ci * kh * kw; at += gridDim.x) {
    const I e = (I)at, s = e % kw, r = e / kw % kh, i = e / kw / kh % ci;
    const I o = e / kw / kh / ci, c = o / co * ci + i;
    T sum = 0;
    for (I k = t; k < n * hy * wy; k += 256) {
      const I h = k / wy % hy * sh - ph + r * dh, v = k % wy * sw - pw + s * dw;
      if (h < 0 || h >= hx || v < 0 || v >= wx) continue;
      sum = fma(x[((k / wy / hy * hx + h) * wx + v) * cx + c], dy[k * cy + o], sum);
    }
    sums[t] = sum;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
      if (t < half) sums[t] += sums[t + half];
      __syncthreads();
    }
    if (t == 0) w[e] = sums[0];
    __syncthreads();
  }
}
