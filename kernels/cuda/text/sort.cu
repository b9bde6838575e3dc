/* Lines sorted as items: a key and the place in the line, so that no two are equal and only one
 * order is possible.  KEY: 32 or 64, for elements of f32 or f64 (NaN above all numbers, -0 as +0;
 * with DESCENDING the largest first, equals by their place all the same), or 0, for indices (i32).
 *
 * A block sorts SLOTS items in shared memory, a power of two; their runs are merged in pairs from
 * one buffer into another.  LAST: what is sorted is the result, of which only places are written.
 */
#define THREADS 256

#if KEY == 64
typedef double T;
struct Item {
  u64 key;
  i64 place;
};
static __device__ bool before(Item a, Item b) {
  return a.key < b.key || (a.key == b.key && a.place < b.place);
}
static __device__ int place_of(Item a) {
  return (int)a.place;
}
static __device__ Item item_of(T x, int place) {
  u64 bits = (u64)__double_as_longlong(x == 0 ? 0 : x), top = (u64)1 << 63;
  u64 key = x != x ? ~(u64)0 : bits & top ? ~bits : bits | top;
  Item item = {DESCENDING ? ~key : key, place};
  return item;
}
/* Behind every other. */
static __device__ Item item_end() {
  Item item = {~(u64)0, (i64)1 << 40};
  return item;
}
#else
/* The key in the upper half. */
typedef u64 Item;
static __device__ bool before(Item a, Item b) {
  return a < b;
}
static __device__ int place_of(Item a) {
  return (int)(a & 0x7fffffff);
}
#if KEY == 32
typedef float T;
static __device__ Item item_of(T x, int place) {
  u32 bits = __float_as_uint(x == 0 ? 0 : x), top = (u32)1 << 31;
  u32 key = x != x ? ~(u32)0 : bits & top ? ~bits : bits | top;
  return (u64)(DESCENDING ? ~key : key) << 32 | (u32)place;
}
#else
typedef int T;
/* One out of range is noted, and stands behind all others.  `at`: its place in the list. */
static __device__ Item item_of(T index, int place, i64 at, u64 *fault, i64 bound) {
  bool good = index >= 0 && index < bound;
  if (!good) fault_note(fault, at, index);
  return (u64)(good ? (u32)index : ~(u32)0) << 32 | (u32)place;
}
#endif
static __device__ Item item_end() {
  return ~(u64)0;
}
#endif

#if KEY == 0
#define INDICES , u64 *fault, i64 bound
#define ITEM(x, place, at) item_of(x, place, at, fault, bound)
#else
#define INDICES
#define ITEM(x, place, at) item_of(x, place)
#endif

#if LAST
#define OUT int
#define PUT(y, line, place, item)                                                                  \
  if ((Index)(place) < count) {                                                                    \
    Index outer = quotient(line, row, by_row);                                                     \
    (y)[(outer * count + (Index)(place)) * row + (line)-outer * row] = place_of(item);             \
  }
#else
#define OUT Item
#define PUT(y, line, place, item) (y)[((line)-first) * length + (Index)(place)] = (item)
#endif

/* Lines first .. first + lines - 1, their elements `row` apart; of each the first `count` matter. A
 * line has `runs` runs of `run` items, a power of two; a block sorts several where they are short.
 */
extern "C" __global__ void __launch_bounds__(THREADS)
    sort_runs(const T *__restrict__ x, OUT *__restrict__ y, Index first, Index lines, Index length,
              Index row, i64 by_row, Index count, Index runs, i64 by_runs, int run INDICES) {
  __shared__ Item items[SLOTS];
  int groups = SLOTS / run;
  for (int t = threadIdx.x; t < SLOTS; t += THREADS) {
    /* Neighbours in memory go to neighbouring threads. */
    int group = row == 1 ? t / run : t % groups, own = row == 1 ? t % run : t / groups;
    Index all = (Index)blockIdx.x * groups + group, local = quotient(all, runs, by_runs);
    Index at = (all - local * runs) * run + own, line = first + local;
    Item item = item_end();
    if (local < lines && at < length) {
      Index outer = quotient(line, row, by_row);
      Index from = outer * length * row + at * row + (line - outer * row);
      item = ITEM(x[from], (int)at, from);
    }
    items[group * run + own] = item;
  }
  for (int size = 2; size <= run; size *= 2)
    for (int step = size / 2; step > 0; step /= 2) {
      __syncthreads();
      for (int t = threadIdx.x; t < SLOTS / 2; t += THREADS) {
        int low = 2 * t - (t & (step - 1)), high = low + step;
        bool up = (low & (run - 1) & size) == 0;
        Item a = items[low], b = items[high];
        if (before(b, a) == up) {
          items[low] = b;
          items[high] = a;
        }
      }
    }
  __syncthreads();
  for (int t = threadIdx.x; t < SLOTS; t += THREADS) {
    int group = row == 1 ? t / run : t % groups, own = row == 1 ? t % run : t / groups;
    Index all = (Index)blockIdx.x * groups + group, local = quotient(all, runs, by_runs);
    Index at = (all - local * runs) * run + own, line = first + local;
    if (local < lines && at < length) {
      PUT(y, line, at, items[group * run + own]);
    }
  }
}

/* Runs of 2^shift items of each line become runs of twice as many: an item stands behind those
 * before it in its own run, and those of the other run that go before it.  n: of all lines.  Places
 * of a line have 31 bits. */
extern "C" __global__ void __launch_bounds__(THREADS)
    merge_runs(const Item *__restrict__ x, OUT *__restrict__ y, Index n, Index first, Index length,
               i64 by_length, Index row, i64 by_row, Index count, int shift) {
  ELEMENTS(i, n) {
    Index local = quotient(i, length, by_length), line = first + local;
    u32 at = (u32)(i - local * length), run = at >> shift, size = (u32)1 << shift;
    u32 low = (run ^ 1) << shift, high = low + size,
        place = at & ~(2 * size - 1) | (at & (size - 1));
    const Item *items = x + local * length;
    Item item = items[at];
    if (low > length) low = (u32)length;
    if (high > length) high = (u32)length;
    place -= low;
    while (low < high) {
      u32 middle = low + (high - low) / 2;
      if (before(items[middle], item))
        low = middle + 1;
      else
        high = middle;
    }
    place += low;
    PUT(y, line, place, item);
  }
}
