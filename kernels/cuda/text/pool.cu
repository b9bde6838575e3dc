/* Pooling of images (N, H, W, C) of elements of type T.  x is the large side, hx x wx, y the small
 * one, hy x wy windows.  An index is h wx + w of a window's first maximum; pads never win, the
 * first NaN goes before all numbers.  Sums of windows are f64, in the order of pixels (or of
 * windows), rounded once; what pool-scatter adds is added in T. */
#define POOL                                                                                       \
  Index n, Index c, i64 by_c, Index hx, Index wx, i64 by_wx, i64 by_hx, Index hy, Index wy,        \
      i64 by_wy, i64 by_hy, Index kernel0, Index kernel1, Index stride0, i64 by_stride0,           \
      Index stride1, i64 by_stride1, Index pad0, Index pad1, Index dilation0, i64 by_dilation0,    \
      Index dilation1, i64 by_dilation1

/* Element i of images of so many rows and columns. */
#define PLACE_OF(i, height, width)                                                                 \
  Index above = quotient(i, c, by_c), channel = i - above * c;                                     \
  Index row = quotient(above, width, by_##width), column = above - row * width;                    \
  Index image = quotient(row, height, by_##height);                                                \
  row -= image * height;

/* The first pixel of window p that is one of the image. */
static __device__ Index pixel_first(Index p, Index stride, Index pad, Index dilation,
                                    i64 by_dilation) {
  Index first = p * stride - pad;
  return first < 0 ? first + quotient(dilation - 1 - first, dilation, by_dilation) * dilation
                   : first;
}

/* Behind its last. */
static __device__ Index pixel_end(Index p, Index stride, Index pad, Index dilation, Index kernel,
                                  Index size) {
  Index end = p * stride - pad + kernel * dilation;
  return end < size ? end : size;
}

/* The first window that reaches over pixel i, and behind the last of `size`. */
static __device__ Index window_first(Index i, Index stride, i64 by_stride, Index pad,
                                     Index dilation, Index kernel) {
  Index at = i + pad, reach = (kernel - 1) * dilation;
  return at <= reach ? 0 : quotient(at - reach + stride - 1, stride, by_stride);
}
static __device__ Index window_end(Index i, Index stride, i64 by_stride, Index pad, Index size) {
  Index end = quotient(i + pad, stride, by_stride) + 1;
  return end < size ? end : size;
}

/* With a dilation not all of them hold it. */
static __device__ bool window_holds(Index i, Index p, Index stride, Index pad, Index dilation,
                                    i64 by_dilation) {
  Index at = i + pad - p * stride;
  return quotient(at, dilation, by_dilation) * dilation == at;
}

#define PIXELS(h, w, row, column)                                                                  \
  Index h##_first = pixel_first(row, stride0, pad0, dilation0, by_dilation0);                      \
  Index w##_first = pixel_first(column, stride1, pad1, dilation1, by_dilation1);                   \
  Index h##_end = pixel_end(row, stride0, pad0, dilation0, kernel0, hx);                           \
  Index w##_end = pixel_end(column, stride1, pad1, dilation1, kernel1, wx);

extern "C" __global__ void __launch_bounds__(256)
    pool_index(const T *__restrict__ x, int *__restrict__ y, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hy, wy)
    PIXELS(h, w, row, column)
    const T *from = x + image * hx * wx * c + channel;
    Index at = h_first * wx + w_first;
    T best = from[at * c];
    for (Index h = h_first; h < h_end; h += dilation0)
      for (Index w = w_first; w < w_end; w += dilation1) {
        T v = from[(h * wx + w) * c];
        if (!(v <= best) && best == best) {
          best = v;
          at = h * wx + w;
        }
      }
    y[i] = (int)at;
  }
}

/* An index out of range is noted, and gives zero. */
extern "C" __global__ void __launch_bounds__(256)
    pool_gather(const T *__restrict__ x, const int *__restrict__ index, T *__restrict__ y,
                u64 *fault, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hy, wy)
    int at = index[i];
    bool good = at >= 0 && at < hx * wx;
    if (!good) fault_note(fault, i, at);
    y[i] = good ? x[(image * hx * wx + at) * c + channel] : (T)0;
  }
}

extern "C" __global__ void __launch_bounds__(256)
    pool_sum(const T *__restrict__ x, T *__restrict__ y, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hy, wy)
    PIXELS(h, w, row, column)
    const T *from = x + image * hx * wx * c + channel;
    double sum = 0;
    for (Index h = h_first; h < h_end; h += dilation0)
      for (Index w = w_first; w < w_end; w += dilation1) sum += (double)from[(h * wx + w) * c];
    y[i] = (T)sum;
  }
}

#define WINDOWS(p, q, row, column)                                                                 \
  Index p##_first = window_first(row, stride0, by_stride0, pad0, dilation0, kernel0);              \
  Index q##_first = window_first(column, stride1, by_stride1, pad1, dilation1, kernel1);           \
  Index p##_end = window_end(row, stride0, by_stride0, pad0, hy);                                  \
  Index q##_end = window_end(column, stride1, by_stride1, pad1, wy);

extern "C" __global__ void __launch_bounds__(256)
    pool_spread(const T *__restrict__ y, T *__restrict__ x, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hx, wx)
    WINDOWS(p, q, row, column)
    const T *from = y + image * hy * wy * c + channel;
    double sum = 0;
    for (Index p = p_first; p < p_end; p++) {
      if (!window_holds(row, p, stride0, pad0, dilation0, by_dilation0)) continue;
      for (Index q = q_first; q < q_end; q++)
        if (window_holds(column, q, stride1, pad1, dilation1, by_dilation1))
          sum += (double)from[(p * wy + q) * c];
    }
    x[i] = (T)sum;
  }
}

/* ---- pool-scatter ---- */

extern "C" __global__ void __launch_bounds__(32) pool_begin(u32 *stray) {
  if (threadIdx.x == 0) *stray = 0;
}

/* Looks at all indices (n of them): one out of range is noted, one beside its window sets *stray.
 */
extern "C" __global__ void __launch_bounds__(256)
    pool_check(const int *__restrict__ index, u64 *fault, u32 *stray, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hy, wy)
    int at = index[i];
    if (at < 0 || at >= hx * wx) {
      fault_note(fault, i, at);
    } else {
      /* From the window's first pixel, which may be a pad. */
      Index h = quotient(at, wx, by_wx), w = at - h * wx;
      h -= row * stride0 - pad0;
      w -= column * stride1 - pad1;
      if (h < 0 || h > (kernel0 - 1) * dilation0 || w < 0 || w > (kernel1 - 1) * dilation1)
        atomicMax(stray, 1u);
    }
  }
}

/* A pixel's windows can only be those that reach over it, unless an index is stray: then any. */
extern "C" __global__ void __launch_bounds__(256)
    pool_scatter(const T *__restrict__ y, const int *__restrict__ index,
                 const u32 *__restrict__ stray, T *__restrict__ x, POOL) {
  ELEMENTS(i, n) {
    PLACE_OF(i, hx, wx)
    WINDOWS(p, q, row, column)
    Index base = image * hy * wy * c + channel;
    int own = (int)(row * wx + column);
    T sum = 0;
    if (*stray) {
      p_first = q_first = 0;
      p_end = hy;
      q_end = wy;
    }
    for (Index p = p_first; p < p_end; p++)
      for (Index q = q_first; q < q_end; q++)
        if (index[base + (p * wy + q) * c] == own) sum += y[base + (p * wy + q) * c];
    x[i] = sum;
  }
}
