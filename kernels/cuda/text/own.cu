/* What kernels/own_math.inc, which follows, wants of a compiler. */
typedef u32 uint32_t;
typedef u64 uint64_t;
typedef int int32_t;
typedef i64 int64_t;
typedef u8 uint8_t;
#define UINT64_C(N) N##ull
#define INT32_MAX 2147483647
#define INT32_MIN (-2147483647 - 1)
#define INT64_MAX 9223372036854775807ll
#define INFINITY __longlong_as_double(0x7ff0000000000000ll)
#define NAN __longlong_as_double(0x7ff8000000000000ll)
#define OWN_FN static __device__ __forceinline__
#define OWN_RARE static __device__ __noinline__
#define OWN_TABLE __constant__
#define restrict __restrict__
#define POWER_BLOCK 1

OWN_FN u64 bits_of(double x) {
  return (u64)__double_as_longlong(x);
}
OWN_FN double from_bits(u64 bits) {
  return __longlong_as_double((i64)bits);
}
OWN_FN u64 high_product(u64 a, u64 b) {
  return __umul64hi(a, b);
}
OWN_FN int leading_zeros(u64 x) {
  return __clzll((i64)x);
}
