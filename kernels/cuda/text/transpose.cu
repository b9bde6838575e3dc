/* Copies elements of type T through tiles.  AXES(A) is a list A(1) A(2) ... of the axes but the two
 * of a tile and the first, A(1) being the last of them. */
#define AXIS(K) , Index size##K, i64 by##K, Index from##K, Index to##K
#define STEP(K)                                                                                    \
  {                                                                                                \
    Index above = quotient(rest, size##K, by##K);                                                  \
    rest -= above * size##K;                                                                       \
    from += rest * from##K;                                                                        \
    to += rest * to##K;                                                                            \
    rest = above;                                                                                  \
  }
#define TILE 32
#define TILE_ROWS 8

/* Neighbours of y lie along one axis, of `wide` elements, those of x along another, of `high`: a
 * block takes tiles of both through shared memory.  The list has the other axes. */
extern "C" __global__ void __launch_bounds__(TILE *TILE_ROWS)
    transpose(const T *__restrict__ x, T *__restrict__ y, Index tiles, Index from0, Index wide,
              Index from_wide, Index tiles_wide, i64 by_tiles_wide, Index high, Index to_high,
              Index tiles_high, i64 by_tiles_high, Index from_first, Index to_first AXES(AXIS)) {
  __shared__ T tile[TILE][TILE + 1];
  Index column = threadIdx.x % TILE, row = threadIdx.x / TILE;
  for (Index t = blockIdx.x; t < tiles; t += gridDim.x) {
    Index next = quotient(t, tiles_wide, by_tiles_wide), from = from0, to = 0;
    Index left = (t - next * tiles_wide) * TILE;
    Index rest = quotient(next, tiles_high, by_tiles_high);
    Index top = (next - rest * tiles_high) * TILE;
    AXES(STEP)
    from += rest * from_first;
    to += rest * to_first;
    for (Index r = row; r < TILE; r += TILE_ROWS)
      if (left + r < wide && top + column < high)
        tile[r][column] = x[from + (left + r) * from_wide + top + column];
    __syncthreads();
    for (Index r = row; r < TILE; r += TILE_ROWS)
      if (top + r < high && left + column < wide)
        y[to + (top + r) * to_high + left + column] = tile[column][r];
    __syncthreads();
  }
}
