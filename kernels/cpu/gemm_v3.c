/* Tiles for x86-64-v3: 16 registers of 256 bits. */
#pragma GCC target("arch=x86-64-v3")
#include <immintrin.h>
#include <stdint.h>

#define UNROLL _Pragma("GCC unroll 16")
#include "kernels/cpu/gemm_turn.inc"
#define VEC_f32 __m256
#define LANES_f32 8
#define LOAD_f32(P) _mm256_loadu_ps(P)
#define STORE_f32(P, V) _mm256_storeu_ps(P, V)
#define MASK_f32(N)                                                                                \
  _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(N)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define LOAD_PART_f32(P, N) _mm256_maskload_ps(P, MASK_f32(N))
#define STORE_PART_f32(P, V, N) _mm256_maskstore_ps(P, MASK_f32(N), V)
#define SPLAT_f32(X) _mm256_set1_ps(X)
#define ZERO_f32 _mm256_setzero_ps()
#define FMA_f32(A, B, C) _mm256_fmadd_ps(A, B, C)
#define VEC_f64 __m256d
#define LANES_f64 4
#define LOAD_f64(P) _mm256_loadu_pd(P)
#define STORE_f64(P, V) _mm256_storeu_pd(P, V)
#define MASK_f64(N) _mm256_cmpgt_epi64(_mm256_set1_epi64x(N), _mm256_setr_epi64x(0, 1, 2, 3))
#define LOAD_PART_f64(P, N) _mm256_maskload_pd(P, MASK_f64(N))
#define STORE_PART_f64(P, V, N) _mm256_maskstore_pd(P, MASK_f64(N), V)
#define SPLAT_f64(X) _mm256_set1_pd(X)
#define ZERO_f64 _mm256_setzero_pd()
#define FMA_f64(A, B, C) _mm256_fmadd_pd(A, B, C)
#define SPREAD_f32(P, AT, N)                                                                       \
  _mm256_permutevar8x32_ps(LOAD_PART_f32(P, N), _mm256_loadu_si256((const __m256i *)(AT)))
/* As pairs of 32 bits: 2 AT and 2 AT + 1. */
static inline __m256d repeat_f64(__m256d v, const int32_t *at) {
  __m256i twice = _mm256_slli_epi64(
      _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)(const void *)at)), 1);
  __m256i pair = _mm256_or_si256(twice, _mm256_slli_epi64(twice, 32));
  pair = _mm256_or_si256(pair, _mm256_set1_epi64x((int64_t)1 << 32));
  return _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(v), pair));
}
#define SPREAD_f64(P, AT, N) repeat_f64(LOAD_PART_f64(P, N), AT)
#include "kernels/cpu/gemm_tile.inc"

#define TILES(ID, S, T, SUM) TILE(S, T, 8, 1) TILE(S, T, 6, 2)
FLOAT_TYPES(TILES)

#define TYPE(ID, S, T, SUM)                                                                        \
  [DTYPE_##ID] = {LANES_##S, {NULL, tile_##S##_1, tile_##S##_2}, copy_##S, add_##S},
const GemmIsa gemm_isa_v3 = {
    .name = "v3", .most = 2, .rows = {0, 8, 6}, .type = {FLOAT_TYPES(TYPE)}};

#include "kernels/cpu/depthwise_tile.inc"

const DepthwiseIsa depthwise_isa_v3 = {.name = "v3", DEPTHWISE_ISA};
