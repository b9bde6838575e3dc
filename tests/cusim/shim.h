/* What kernel texts find: the part of CUDA C++ that needs no header, in a host's C++17.
 *
 * Included before the text by the simulator, never by C.  It includes no system header, since
 * texts define names like uint32_t themselves.  Numbers are IEEE's, contraction is off; exp, log
 * and the like are the host's, correct to within an ulp or two as those of the device are. */
#ifndef TESTS_CUSIM_SHIM_H
#define TESTS_CUSIM_SHIM_H

#include "tests/cusim/abi.h"

typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

/* ---- places ---- */

/* With watched accesses these are constants in the text's eyes: reading them is no access. */
CusimPlace cusim_place;
CusimHost cusim_host;
#ifdef CUSIM_WATCHED
extern const CusimPlace cusim_here __asm__("cusim_place");
extern const CusimHost cusim_calls __asm__("cusim_host");
#define CUSIM_RUN_ALONE __attribute__((noinline))
#define CUSIM_CALL
#define CUSIM_IS_WATCHED 1
#else
#define cusim_here cusim_place
#define cusim_calls cusim_host
#define CUSIM_RUN_ALONE
#define CUSIM_CALL inline __attribute__((always_inline))
#define CUSIM_IS_WATCHED 0
#endif
#define threadIdx (cusim_here.thread)
#define blockIdx (cusim_here.block)
#define blockDim (cusim_here.block_dim)
#define gridDim (cusim_here.grid_dim)
#define warpSize 32

#define __global__ CUSIM_RUN_ALONE
#define __device__
#define __forceinline__ __attribute__((always_inline)) inline
#define __noinline__ __attribute__((noinline))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __constant__ static const
#define CUSIM_SHARED(of) static __attribute__((used, section("cusim_shared_" #of)))
#define CUSIM_DYNAMIC extern
#define CUSIM_INLINE static inline __attribute__((always_inline, unused))
#define CUSIM_UNWATCHED __attribute__((no_sanitize("thread", "undefined")))

__attribute__((aligned(1024))) char cusim_dynamic[CUSIM_DYNAMIC_BYTES];

/* ---- threads together ---- */

#define __syncthreads() cusim_calls.barrier(__LINE__)
#define __syncwarp cusim_sync<__LINE__>
#define __shfl_sync(...) cusim_shfl(__LINE__, __VA_ARGS__)
#define __shfl_up_sync(...) cusim_shfl_up(__LINE__, __VA_ARGS__)
#define __shfl_down_sync(...) cusim_shfl_down(__LINE__, __VA_ARGS__)
#define __shfl_xor_sync(...) cusim_shfl_xor(__LINE__, __VA_ARGS__)
#define __ballot_sync(mask, p) cusim_ballot(__LINE__, mask, p)
#define __any_sync(mask, p) (cusim_ballot(__LINE__, mask, p) != 0)
#define __all_sync(mask, p) (cusim_ballot(__LINE__, mask, !(p)) == 0)

CUSIM_INLINE unsigned cusim_lane() {
  return (threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) % 32;
}

template <int line> CUSIM_INLINE void cusim_sync(unsigned mask = 0xffffffffu) {
  cusim_calls.warp(CUSIM_WARP_SYNC, mask, 0, 0, line);
}

CUSIM_INLINE unsigned cusim_ballot(int line, unsigned mask, int p) {
  return (unsigned)cusim_calls.warp(CUSIM_WARP_BALLOT, mask, p != 0, 0, line);
}

#define CUSIM_SHUFFLES(type)                                                                       \
  CUSIM_INLINE type cusim_shuffle(int line, unsigned mask, type v, unsigned from) {                \
    unsigned long long bits = 0;                                                                   \
    __builtin_memcpy(&bits, &v, sizeof v);                                                         \
    bits = cusim_calls.warp(CUSIM_WARP_SHUFFLE, mask, bits, from, line);                           \
    __builtin_memcpy(&v, &bits, sizeof v);                                                         \
    return v;                                                                                      \
  }                                                                                                \
  CUSIM_INLINE type cusim_shfl(int line, unsigned mask, type v, int lane, unsigned width = 32) {   \
    unsigned group = cusim_lane() & ~(width - 1);                                                  \
    return cusim_shuffle(line, mask, v, group + ((unsigned)lane & (width - 1)));                   \
  }                                                                                                \
  CUSIM_INLINE type cusim_shfl_up(int line, unsigned mask, type v, unsigned delta,                 \
                                  unsigned width = 32) {                                           \
    unsigned lane = cusim_lane(), in = lane & (width - 1);                                         \
    return cusim_shuffle(line, mask, v, in >= delta ? lane - delta : lane);                        \
  }                                                                                                \
  CUSIM_INLINE type cusim_shfl_down(int line, unsigned mask, type v, unsigned delta,               \
                                    unsigned width = 32) {                                         \
    unsigned lane = cusim_lane(), in = lane & (width - 1);                                         \
    return cusim_shuffle(line, mask, v, in + delta < width ? lane + delta : lane);                 \
  }                                                                                                \
  CUSIM_INLINE type cusim_shfl_xor(int line, unsigned mask, type v, int bits,                      \
                                   unsigned width = 32) {                                          \
    unsigned lane = cusim_lane(), from = lane ^ (unsigned)bits;                                    \
    return cusim_shuffle(line, mask, v,                                                            \
                         (from | (width - 1)) > (lane | (width - 1)) ? lane : from);               \
  }
CUSIM_SHUFFLES(int)
CUSIM_SHUFFLES(unsigned)
CUSIM_SHUFFLES(long)
CUSIM_SHUFFLES(unsigned long)
CUSIM_SHUFFLES(long long)
CUSIM_SHUFFLES(unsigned long long)
CUSIM_SHUFFLES(float)
CUSIM_SHUFFLES(double)

#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)

/* ---- atomics: one thread runs at a time ---- */

#ifdef CUSIM_WATCHED
#define CUSIM_ATOMIC_BEGIN CUSIM_UNWATCHED __attribute__((noinline, unused)) static
#define CUSIM_ATOMIC_ACCESS(at) cusim_calls.atomic(at, sizeof *at, __builtin_return_address(0))
#else
#define CUSIM_ATOMIC_BEGIN CUSIM_INLINE
#define CUSIM_ATOMIC_ACCESS(at) ((void)0)
#endif
#define CUSIM_ATOMIC(type, name, expression)                                                       \
  CUSIM_ATOMIC_BEGIN type name(type *at, type v) {                                                 \
    CUSIM_ATOMIC_ACCESS(at);                                                                       \
    type old = *at;                                                                                \
    *at = (expression);                                                                            \
    return old;                                                                                    \
  }
#define CUSIM_ATOMICS(type)                                                                        \
  CUSIM_ATOMIC(type, atomicMin, v < old ? v : old)                                                 \
  CUSIM_ATOMIC(type, atomicMax, v > old ? v : old)                                                 \
  CUSIM_ATOMIC(type, atomicAnd, old &v)                                                            \
  CUSIM_ATOMIC(type, atomicOr, old | v)                                                            \
  CUSIM_ATOMIC(type, atomicXor, old ^ v)
CUSIM_ATOMICS(int)
CUSIM_ATOMICS(unsigned)
CUSIM_ATOMICS(long long)
CUSIM_ATOMICS(unsigned long long)
CUSIM_ATOMIC(int, atomicAdd, old + v)
CUSIM_ATOMIC(unsigned, atomicAdd, old + v)
CUSIM_ATOMIC(unsigned long long, atomicAdd, old + v)
CUSIM_ATOMIC(int, atomicSub, old - v)
CUSIM_ATOMIC(unsigned, atomicSub, old - v)
CUSIM_ATOMIC(int, atomicExch, v)
CUSIM_ATOMIC(unsigned, atomicExch, v)
CUSIM_ATOMIC(unsigned long long, atomicExch, v)
#define CUSIM_CAS(type)                                                                            \
  CUSIM_ATOMIC_BEGIN type atomicCAS(type *at, type compare, type v) {                              \
    CUSIM_ATOMIC_ACCESS(at);                                                                       \
    type old = *at;                                                                                \
    *at = old == compare ? v : old;                                                                \
    return old;                                                                                    \
  }
CUSIM_CAS(int)
CUSIM_CAS(unsigned)
CUSIM_CAS(unsigned long long)

/* ---- numbers ---- */

#define CUSIM_MATH1(name)                                                                          \
  CUSIM_INLINE float name##f(float x) {                                                            \
    return __builtin_##name##f(x);                                                                 \
  }                                                                                                \
  CUSIM_INLINE float name(float x) {                                                               \
    return __builtin_##name##f(x);                                                                 \
  }                                                                                                \
  CUSIM_INLINE double name(double x) {                                                             \
    return __builtin_##name(x);                                                                    \
  }
#define CUSIM_MATH2(name)                                                                          \
  CUSIM_INLINE float name##f(float x, float y) {                                                   \
    return __builtin_##name##f(x, y);                                                              \
  }                                                                                                \
  CUSIM_INLINE float name(float x, float y) {                                                      \
    return __builtin_##name##f(x, y);                                                              \
  }                                                                                                \
  CUSIM_INLINE double name(double x, double y) {                                                   \
    return __builtin_##name(x, y);                                                                 \
  }
CUSIM_MATH1(sqrt)
CUSIM_MATH1(cbrt)
CUSIM_MATH1(fabs)
CUSIM_MATH1(exp)
CUSIM_MATH1(exp2)
CUSIM_MATH1(expm1)
CUSIM_MATH1(log)
CUSIM_MATH1(log2)
CUSIM_MATH1(log10)
CUSIM_MATH1(log1p)
CUSIM_MATH1(sin)
CUSIM_MATH1(cos)
CUSIM_MATH1(tan)
CUSIM_MATH1(asin)
CUSIM_MATH1(acos)
CUSIM_MATH1(atan)
CUSIM_MATH1(sinh)
CUSIM_MATH1(cosh)
CUSIM_MATH1(tanh)
CUSIM_MATH1(asinh)
CUSIM_MATH1(acosh)
CUSIM_MATH1(atanh)
CUSIM_MATH1(erf)
CUSIM_MATH1(erfc)
CUSIM_MATH1(tgamma)
CUSIM_MATH1(lgamma)
CUSIM_MATH1(floor)
CUSIM_MATH1(ceil)
CUSIM_MATH1(trunc)
CUSIM_MATH1(round)
CUSIM_MATH1(rint)
CUSIM_MATH1(nearbyint)
CUSIM_MATH2(pow)
CUSIM_MATH2(fmin)
CUSIM_MATH2(fmax)
CUSIM_MATH2(fmod)
CUSIM_MATH2(remainder)
CUSIM_MATH2(fdim)
CUSIM_MATH2(hypot)
CUSIM_MATH2(atan2)
CUSIM_MATH2(copysign)
CUSIM_MATH2(nextafter)

#define CUSIM_OF_BOTH(result, name, builtin)                                                       \
  CUSIM_INLINE result name(float x) {                                                              \
    return builtin(x);                                                                             \
  }                                                                                                \
  CUSIM_INLINE result name(double x) {                                                             \
    return builtin(x);                                                                             \
  }
CUSIM_OF_BOTH(bool, isnan, __builtin_isnan)
CUSIM_OF_BOTH(bool, isinf, __builtin_isinf)
CUSIM_OF_BOTH(bool, isfinite, __builtin_isfinite)
CUSIM_OF_BOTH(bool, signbit, __builtin_signbit)
CUSIM_OF_BOTH(long, lrint, __builtin_lrint)
CUSIM_OF_BOTH(long, lround, __builtin_lround)
CUSIM_OF_BOTH(long long, llrint, __builtin_llrint)
CUSIM_OF_BOTH(long long, llround, __builtin_llround)
CUSIM_INLINE long lrintf(float x) {
  return __builtin_lrintf(x);
}
CUSIM_INLINE long lroundf(float x) {
  return __builtin_lroundf(x);
}
CUSIM_INLINE long long llrintf(float x) {
  return __builtin_llrintf(x);
}
CUSIM_INLINE long long llroundf(float x) {
  return __builtin_llroundf(x);
}

CUSIM_INLINE float fmaf(float x, float y, float z) {
  return __builtin_fmaf(x, y, z);
}
CUSIM_INLINE float fma(float x, float y, float z) {
  return __builtin_fmaf(x, y, z);
}
CUSIM_INLINE double fma(double x, double y, double z) {
  return __builtin_fma(x, y, z);
}
CUSIM_INLINE float ldexpf(float x, int n) {
  return __builtin_ldexpf(x, n);
}
CUSIM_INLINE float ldexp(float x, int n) {
  return __builtin_ldexpf(x, n);
}
CUSIM_INLINE double ldexp(double x, int n) {
  return __builtin_ldexp(x, n);
}
CUSIM_INLINE float frexpf(float x, int *n) {
  return __builtin_frexpf(x, n);
}
CUSIM_INLINE float frexp(float x, int *n) {
  return __builtin_frexpf(x, n);
}
CUSIM_INLINE double frexp(double x, int *n) {
  return __builtin_frexp(x, n);
}
CUSIM_INLINE float rsqrtf(float x) {
  return (float)(1 / __builtin_sqrt((double)x));
}
CUSIM_INLINE float rsqrt(float x) {
  return rsqrtf(x);
}
CUSIM_INLINE double rsqrt(double x) {
  return 1 / __builtin_sqrt(x);
}
CUSIM_INLINE float normcdff(float x) {
  return (float)(0.5 * __builtin_erfc((double)x * -0.70710678118654752440));
}
CUSIM_INLINE double normcdf(double x) {
  return 0.5 * __builtin_erfc(x * -0.70710678118654752440);
}

#define CUSIM_LEAST(type)                                                                          \
  CUSIM_INLINE type min(type a, type b) {                                                          \
    return b < a ? b : a;                                                                          \
  }                                                                                                \
  CUSIM_INLINE type max(type a, type b) {                                                          \
    return a < b ? b : a;                                                                          \
  }
CUSIM_LEAST(int)
CUSIM_LEAST(unsigned)
CUSIM_LEAST(long)
CUSIM_LEAST(unsigned long)
CUSIM_LEAST(long long)
CUSIM_LEAST(unsigned long long)
#define CUSIM_LEAST_FLOAT(a_type, b_type, type)                                                    \
  CUSIM_INLINE type min(a_type a, b_type b) {                                                      \
    return fmin((type)a, (type)b);                                                                 \
  }                                                                                                \
  CUSIM_INLINE type max(a_type a, b_type b) {                                                      \
    return fmax((type)a, (type)b);                                                                 \
  }
CUSIM_INLINE unsigned min(int a, unsigned b) {
  return min((unsigned)a, b);
}
CUSIM_INLINE unsigned min(unsigned a, int b) {
  return min(a, (unsigned)b);
}
CUSIM_INLINE unsigned max(int a, unsigned b) {
  return max((unsigned)a, b);
}
CUSIM_INLINE unsigned max(unsigned a, int b) {
  return max(a, (unsigned)b);
}
CUSIM_LEAST_FLOAT(float, float, float)
CUSIM_LEAST_FLOAT(double, double, double)
CUSIM_LEAST_FLOAT(float, double, double)
CUSIM_LEAST_FLOAT(double, float, double)

CUSIM_INLINE int abs(int x) {
  return x < 0 ? -x : x;
}
CUSIM_INLINE long abs(long x) {
  return x < 0 ? -x : x;
}
CUSIM_INLINE long long abs(long long x) {
  return x < 0 ? -x : x;
}
CUSIM_INLINE long labs(long x) {
  return abs(x);
}
CUSIM_INLINE long long llabs(long long x) {
  return abs(x);
}
CUSIM_INLINE float abs(float x) {
  return fabs(x);
}
CUSIM_INLINE double abs(double x) {
  return fabs(x);
}

#define CUSIM_BITS(to, name, from)                                                                 \
  CUSIM_INLINE to name(from x) {                                                                   \
    to bits;                                                                                       \
    static_assert(sizeof bits == sizeof x, #name);                                                 \
    __builtin_memcpy(&bits, &x, sizeof bits);                                                      \
    return bits;                                                                                   \
  }
CUSIM_BITS(unsigned, __float_as_uint, float)
CUSIM_BITS(int, __float_as_int, float)
CUSIM_BITS(float, __uint_as_float, unsigned)
CUSIM_BITS(float, __int_as_float, int)
CUSIM_BITS(long long, __double_as_longlong, double)
CUSIM_BITS(double, __longlong_as_double, long long)

CUSIM_INLINE unsigned __umulhi(unsigned a, unsigned b) {
  return (unsigned)((unsigned long long)a * b >> 32);
}
CUSIM_INLINE int __mulhi(int a, int b) {
  return (int)((long long)a * b >> 32);
}
CUSIM_INLINE unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
CUSIM_INLINE long long __mul64hi(long long a, long long b) {
  return (long long)((__int128)a * b >> 64);
}
CUSIM_INLINE int __clz(int x) {
  return x ? __builtin_clz((unsigned)x) : 32;
}
CUSIM_INLINE int __clzll(long long x) {
  return x ? __builtin_clzll((unsigned long long)x) : 64;
}
CUSIM_INLINE int __popc(unsigned x) {
  return __builtin_popcount(x);
}
CUSIM_INLINE int __popcll(unsigned long long x) {
  return __builtin_popcountll(x);
}
CUSIM_INLINE int __ffs(int x) {
  return __builtin_ffs(x);
}
CUSIM_INLINE int __ffsll(long long x) {
  return __builtin_ffsll(x);
}
#define CUSIM_ROUNDED(type, name, expression)                                                      \
  CUSIM_INLINE type name(type x, type y) {                                                         \
    return expression;                                                                             \
  }
CUSIM_ROUNDED(float, __fadd_rn, x + y)
CUSIM_ROUNDED(float, __fsub_rn, x - y)
CUSIM_ROUNDED(float, __fmul_rn, x *y)
CUSIM_ROUNDED(float, __fdiv_rn, x / y)
CUSIM_ROUNDED(double, __dadd_rn, x + y)
CUSIM_ROUNDED(double, __dsub_rn, x - y)
CUSIM_ROUNDED(double, __dmul_rn, x *y)
CUSIM_ROUNDED(double, __ddiv_rn, x / y)
#define __fsqrt_rn sqrtf
#define __dsqrt_rn(x) sqrt((double)(x))
#define __fmaf_rn fmaf
#define __fma_rn(x, y, z) fma((double)(x), (double)(y), (double)(z))
#define __ldg(at) (*(at))

#define CUSIM_VECTOR(type, name, bytes2, bytes4)                                                   \
  struct __attribute__((aligned(bytes2))) name##2 {                                                \
    type x, y;                                                                                     \
  };                                                                                               \
  struct name##3 {                                                                                 \
    type x, y, z;                                                                                  \
  };                                                                                               \
  struct __attribute__((aligned(bytes4))) name##4 {                                                \
    type x, y, z, w;                                                                               \
  };                                                                                               \
  CUSIM_INLINE name##2 make_##name##2(type x, type y) {                                            \
    return name##2 {x, y};                                                                         \
  }                                                                                                \
  CUSIM_INLINE name##3 make_##name##3(type x, type y, type z) {                                    \
    return name##3 {x, y, z};                                                                      \
  }                                                                                                \
  CUSIM_INLINE name##4 make_##name##4(type x, type y, type z, type w) {                            \
    return name##4 {x, y, z, w};                                                                   \
  }
CUSIM_VECTOR(float, float, 8, 16)
CUSIM_VECTOR(int, int, 8, 16)
CUSIM_VECTOR(unsigned, uint, 8, 16)
struct __attribute__((aligned(16))) double2 {
  double x, y;
};
CUSIM_INLINE double2 make_double2(double x, double y) {
  return double2{x, y};
}

/* ---- hooks that the compiler calls ---- */

extern "C" __attribute__((visibility("hidden"))) char __ehdr_start[], _end[];

#ifdef CUSIM_WATCHED
#define CUSIM_HOOK                                                                                 \
  extern "C" CUSIM_UNWATCHED __attribute__((used, noinline, visibility("hidden"))) void
#define CUSIM_PC __builtin_return_address(0)
#define CUSIM_ACCESS(size)                                                                         \
  CUSIM_HOOK __tsan_read##size(void *at) {                                                         \
    cusim_calls.read(at, size, CUSIM_PC);                                                          \
  }                                                                                                \
  CUSIM_HOOK __tsan_write##size(void *at) {                                                        \
    cusim_calls.write(at, size, CUSIM_PC);                                                         \
  }                                                                                                \
  CUSIM_HOOK __tsan_unaligned_read##size(void *at) {                                               \
    cusim_calls.read(at, size, CUSIM_PC);                                                          \
  }                                                                                                \
  CUSIM_HOOK __tsan_unaligned_write##size(void *at) {                                              \
    cusim_calls.write(at, size, CUSIM_PC);                                                         \
  }
CUSIM_ACCESS(1)
CUSIM_ACCESS(2)
CUSIM_ACCESS(8)
CUSIM_ACCESS(16)
CUSIM_HOOK __tsan_read4(void *at) {
  cusim_calls.read4(at, CUSIM_PC);
}
CUSIM_HOOK __tsan_write4(void *at) {
  cusim_calls.write4(at, CUSIM_PC);
}
CUSIM_HOOK __tsan_unaligned_read4(void *at) {
  cusim_calls.read4(at, CUSIM_PC);
}
CUSIM_HOOK __tsan_unaligned_write4(void *at) {
  cusim_calls.write4(at, CUSIM_PC);
}
CUSIM_HOOK __tsan_read_range(void *at, unsigned long bytes) {
  cusim_calls.read(at, bytes, CUSIM_PC);
}
CUSIM_HOOK __tsan_write_range(void *at, unsigned long bytes) {
  cusim_calls.write(at, bytes, CUSIM_PC);
}
CUSIM_HOOK __tsan_init(void) {}

/* What the compiler tells about a place: its file, line, column. */
struct CusimSource {
  const char *file;
  int line, column;
};
#define CUSIM_FOUND(name, what)                                                                    \
  CUSIM_HOOK __ubsan_handle_##name(CusimSource *at) {                                              \
    cusim_calls.undefined(what, at->line);                                                         \
  }
CUSIM_FOUND(type_mismatch_v1, CUSIM_ALIGNMENT)
CUSIM_FOUND(out_of_bounds, CUSIM_INDEX)
CUSIM_FOUND(shift_out_of_bounds, CUSIM_SHIFT)
CUSIM_FOUND(divrem_overflow, CUSIM_DIVISION)
CUSIM_FOUND(float_cast_overflow, CUSIM_CAST)
#endif

/* ---- what the simulator finds; used behind the text ---- */

template <class T> struct CusimKind { static constexpr char of = 'v'; };
template <class T> struct CusimKind<T *> { static constexpr char of = 'p'; };

template <auto F, class... P> struct CusimCall {
  static constexpr unsigned n = sizeof...(P);
  static constexpr unsigned sizes[n + 1] = {sizeof(P)..., 0};
  static constexpr char kinds[n + 1] = {CusimKind<P>::of..., 0};

  template <unsigned... I> struct Numbers {};
  template <unsigned N, unsigned... I> struct Count : Count<N - 1, N - 1, I...> {};
  template <unsigned... I> struct Count<0, I...> { typedef Numbers<I...> Type; };

  template <unsigned... I>
  CUSIM_UNWATCHED CUSIM_CALL static void call(void *const *args, Numbers<I...>) {
    F(*(P *)args[I]...);
  }
  CUSIM_UNWATCHED static void thread(void *const *args) { call(args, typename Count<n>::Type()); }
  CUSIM_UNWATCHED static void block(void *const *args, CusimTurn turn) {
    const CusimIndex size = cusim_place.block_dim;
    unsigned threads = size.x * size.y * size.z, t = turn.first;
    for (unsigned i = 0; i < threads; i++) {
      cusim_place.thread = size.x == threads
                               ? CusimIndex{t, 0, 0}
                               : CusimIndex{t % size.x, t / size.x % size.y, t / size.x / size.y};
      cusim_place.number = t;
      call(args, typename Count<n>::Type());
      t += turn.step;
      if (t >= threads) t -= threads;
    }
  }
};

template <auto F, class... P> constexpr CusimCall<F, P...> cusim_call(void (*)(P...)) {
  return {};
}

#define CUSIM_SECTION(of)                                                                          \
  extern "C" __attribute__((weak, visibility("hidden"))) char __start_cusim_shared_##of[],         \
      __stop_cusim_shared_##of[];
#define CUSIM_ENTRY(name, number, threads, barriers, dynamic)                                      \
  {                                                                                                \
#name, decltype(cusim_call <name>(name))::n, decltype(cusim_call <name>(name))::sizes,         \
        decltype(cusim_call <name>(name))::kinds, threads, barriers,                               \
        __start_cusim_shared_##number, __stop_cusim_shared_##number, __start_cusim_shared_common,  \
        __stop_cusim_shared_common, dynamic,                                                       \
        barriers ? decltype(cusim_call <name>(name))::thread : nullptr,                            \
        barriers ? nullptr : decltype(cusim_call <name>(name))::block                              \
  }

#endif
