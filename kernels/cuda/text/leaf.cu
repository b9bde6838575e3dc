/* Constants and random numbers of type T; graph/base/philox.inc stands before. */

extern "C" __global__ void __launch_bounds__(256) fill(T *to, i64 n, T value) {
  GRID_LOOP(i, n) to[i] = value;
}

/* Element i is draw i. */
extern "C" __global__ void __launch_bounds__(256)
    uniform(T *__restrict__ to, i64 n, const u64 *__restrict__ seed, const u64 *__restrict__ step,
            i64 site) {
  GRID_LOOP(i, n) to[i] = (T)draw_uniform(*seed, *step, (u64)site, (u64)i);
}
extern "C" __global__ void __launch_bounds__(256)
    normal(T *__restrict__ to, i64 n, const u64 *__restrict__ seed, const u64 *__restrict__ step,
           i64 site) {
  GRID_LOOP(i, n) to[i] = (T)draw_normal(*seed, *step, (u64)site, (u64)i);
}
