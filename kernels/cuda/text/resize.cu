/* resize and its adjoint, of images (N, H, W, C) of elements of type T.
 *
 * Element p of an axis resampled from `from` to `to` elements is (1 - part) of element first and
 * part of the one behind it (ops/resize.h).  Tables of first and part, made by each run, lie in the
 * work buffer.  A result is the f64 sum over its rows and its columns, in order, rounded once. */

/* MODE 0: nearest, 1: bilinear, 2: bilinear between corners. */
static __device__ i64 first_of(i64 p, i64 from, i64 to, double *part) {
#if MODE == 0
  *part = 0;
  return p * from / to;
#else
#if MODE == 1
  i64 above = (2 * p + 1) * from - to, below = 2 * to;
#else
  i64 above = p * (from - 1), below = to > 1 ? to - 1 : 1;
#endif
  if (above < 0) above = 0;
  i64 first = above / below;
  bool last = first >= from - 1;
  *part = last ? 0 : (double)(above % below) / (double)below;
  return last ? from - 1 : first;
#endif
}

/* Of an axis: first[p], part[p]; and begins[i], the least p whose first is i or more, for i = 0 ..
 * from + 1. */
static __device__ void table(i64 i, i64 from, i64 to, double *part, int *first, int *begins) {
  double some;
  if (i < to) {
    first[i] = (int)first_of(i, from, to, &some);
    part[i] = some;
  }
  if (i < from + 2) {
    i64 low = 0, high = to;
    while (low < high) {
      i64 middle = low + (high - low) / 2;
      if (first_of(middle, from, to, &some) < i)
        low = middle + 1;
      else
        high = middle;
    }
    begins[i] = (int)low;
  }
}

/* Threads 0 .. rows - 1 make the table of rows, the others that of columns. */
extern "C" __global__ void __launch_bounds__(256)
    resize_tables(double *parts0, double *parts1, int *firsts0, int *firsts1, int *begins0,
                  int *begins1, i64 n, i64 rows, i64 from0, i64 to0, i64 from1, i64 to1) {
  GRID_LOOP(i, n) {
    if (i < rows)
      table(i, from0, to0, parts0, firsts0, begins0);
    else
      table(i - rows, from1, to1, parts1, firsts1, begins1);
  }
}

#define RESIZE                                                                                     \
  const double *__restrict__ parts0, const double *__restrict__ parts1,                            \
      const int *__restrict__ firsts0, const int *__restrict__ firsts1, Index n, Index c,          \
      i64 by_c, Index width, i64 by_width, Index height, i64 by_height, Index from_height,         \
      Index from_width

/* Element i of the result, which is height x width. */
#define PLACE_OF(i)                                                                                \
  Index above = quotient(i, c, by_c), channel = i - above * c;                                     \
  Index row = quotient(above, width, by_width), column = above - row * width;                      \
  Index image = quotient(row, height, by_height);                                                  \
  row -= image * height;                                                                           \
  const T *from = x + image * from_height * from_width * c + channel;                              \
  double sum = 0;

extern "C" __global__ void __launch_bounds__(256)
    resize(const T *__restrict__ x, T *__restrict__ y, RESIZE) {
  ELEMENTS(i, n) {
    PLACE_OF(i)
    double down = parts0[row], right = parts1[column];
    Index top = firsts0[row], left = firsts1[column];
    for (int h = 0; h < (down == 0 ? 1 : 2); h++)
      for (int w = 0; w < (right == 0 ? 1 : 2); w++) {
        double factor = (h ? down : 1 - down) * (w ? right : 1 - right);
        sum += factor * (double)from[((top + h) * from_width + left + w) * c];
      }
    y[i] = (T)sum;
  }
}

/* How much of element i of an axis the element takes that is made of `first` and the next. */
static __device__ double share(Index i, Index first, double part) {
  return first == i ? 1 - part : part;
}

extern "C" __global__ void __launch_bounds__(256)
    resize_adjoint(const T *__restrict__ x, T *__restrict__ y, RESIZE,
                   const int *__restrict__ begins0, const int *__restrict__ begins1) {
  ELEMENTS(i, n) {
    PLACE_OF(i)
    Index top = begins0[row ? row - 1 : 0], bottom = begins0[row + 1];
    Index left = begins1[column ? column - 1 : 0], right = begins1[column + 1];
    for (Index p = top; p < bottom; p++) {
      double down = share(row, firsts0[p], parts0[p]);
      if (down == 0) continue;
      for (Index q = left; q < right; q++) {
        double factor = share(column, firsts1[q], parts1[q]);
        if (factor != 0) sum += down * factor * (double)from[(p * from_width + q) * c];
      }
    }
    y[i] = (T)sum;
  }
}
