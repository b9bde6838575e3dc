/* Tiles for x86-64-v4: 32 registers of 512 bits. */
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#include <immintrin.h>
#include <stdint.h>

#define UNROLL _Pragma("GCC unroll 16")
#include "kernels/cpu/gemm_turn.inc"
#define VEC_f32 __m512
#define LANES_f32 16
#define LOAD_f32(P) _mm512_loadu_ps(P)
#define STORE_f32(P, V) _mm512_storeu_ps(P, V)
#define MASK16(N) (__mmask16)((1u << (N)) - 1)
#define LOAD_PART_f32(P, N) _mm512_maskz_loadu_ps(MASK16(N), P)
#define STORE_PART_f32(P, V, N) _mm512_mask_storeu_ps(P, MASK16(N), V)
#define SPLAT_f32(X) _mm512_set1_ps(X)
#define ZERO_f32 _mm512_setzero_ps()
#define FMA_f32(A, B, C) _mm512_fmadd_ps(A, B, C)
#define VEC_f64 __m512d
#define LANES_f64 8
#define LOAD_f64(P) _mm512_loadu_pd(P)
#define STORE_f64(P, V) _mm512_storeu_pd(P, V)
#define MASK8(N) (__mmask8)((1u << (N)) - 1)
#define LOAD_PART_f64(P, N) _mm512_maskz_loadu_pd(MASK8(N), P)
#define STORE_PART_f64(P, V, N) _mm512_mask_storeu_pd(P, MASK8(N), V)
#define SPLAT_f64(X) _mm512_set1_pd(X)
#define ZERO_f64 _mm512_setzero_pd()
#define FMA_f64(A, B, C) _mm512_fmadd_pd(A, B, C)
#define SPREAD_f32(P, AT, N) _mm512_permutexvar_ps(_mm512_loadu_si512(AT), LOAD_PART_f32(P, N))
#define SPREAD_f64(P, AT, N)                                                                       \
  _mm512_permutexvar_pd(_mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)(AT))),          \
                        LOAD_PART_f64(P, N))
#include "kernels/cpu/gemm_tile.inc"

/* 24 sums and their operands fill the registers. */
#define TILES(ID, S, T, SUM) TILE(S, T, 12, 1) TILE(S, T, 12, 2) TILE(S, T, 8, 3) TILE(S, T, 6, 4)
FLOAT_TYPES(TILES)

#define TYPE(ID, S, T, SUM)                                                                        \
  [DTYPE_##ID] = {LANES_##S,                                                                       \
                  {NULL, tile_##S##_1, tile_##S##_2, tile_##S##_3, tile_##S##_4},                  \
                  copy_##S,                                                                        \
                  add_##S},
const GemmIsa gemm_isa_v4 = {
    .name = "v4", .most = 4, .rows = {0, 12, 12, 8, 6}, .type = {FLOAT_TYPES(TYPE)}};

#include "kernels/cpu/depthwise_tile.inc"

const DepthwiseIsa depthwise_isa_v4 = {.name = "v4", DEPTHWISE_ISA};
