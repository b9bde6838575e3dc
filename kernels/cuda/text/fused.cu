/* Before every generated text, once in a unit. */

/* n / d for n < 2^31, `by` being cuda_divisor(d, false) (kernels/cuda/index.h). */
static __device__ __forceinline__ u32 quotient_by(u32 n, i64 by) {
  return (u32)((u64)n * (u32)by >> (by >> 32));
}

/* The first row of shard j in group g (kernels/shards.h), at most `rows`. */
static __device__ __forceinline__ i64 segment(i64 j, i64 g, i64 n, i64 units, i64 unit, i64 rows) {
  i64 first = (g * units + j * units / n) * unit;
  return first < rows ? first : rows;
}

/* Functions of the element's type, exact to the last bit (kernels/elementwise.inc). */
#define MATH(F) F

/* Four elements that lie together. */
struct __align__(16) Quad_f32 {
  float v0, v1, v2, v3;
};
struct __align__(16) Quad_f64 {
  double v0, v1, v2, v3;
};
struct __align__(16) Quad_i32 {
  int v0, v1, v2, v3;
};
struct __align__(16) Quad_i64 {
  i64 v0, v1, v2, v3;
};
struct __align__(4) Quad_bool {
  u8 v0, v1, v2, v3;
};
