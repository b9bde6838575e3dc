/* Tiles in plain C, for machines without fused multiply-add instructions (slow: every fma is a
 * library call there) and for tests. */
#include <math.h>

#define UNROLL
#define VEC_f32 float
#define LANES_f32 1
#define LOAD_f32(P) (*(P))
#define STORE_f32(P, V) (*(P) = (V))
#define LOAD_PART_f32(P, N) (*(P))
#define STORE_PART_f32(P, V, N) (*(P) = (V))
#define SPLAT_f32(X) (X)
#define ZERO_f32 0.0f
#define FMA_f32(A, B, C) fmaf(A, B, C)
#define VEC_f64 double
#define LANES_f64 1
#define LOAD_f64(P) (*(P))
#define STORE_f64(P, V) (*(P) = (V))
#define LOAD_PART_f64(P, N) (*(P))
#define STORE_PART_f64(P, V, N) (*(P) = (V))
#define SPLAT_f64(X) (X)
#define ZERO_f64 0.0
#define FMA_f64(A, B, C) fma(A, B, C)
#define TURN_f32 1
#define turn_f32(TO, TO_ROW, FROM, FROM_COL) (void)0
#define TURN_f64 1
#define turn_f64(TO, TO_ROW, FROM, FROM_COL) (void)0
#define SPREAD_f32(P, AT, N) ((void)(AT), (void)(N), *(P))
#define SPREAD_f64(P, AT, N) ((void)(AT), (void)(N), *(P))
#include "kernels/cpu/gemm_tile.inc"

#define TILES(ID, S, T, SUM) TILE(S, T, 4, 1) TILE(S, T, 4, 2) TILE(S, T, 4, 3) TILE(S, T, 4, 4)
FLOAT_TYPES(TILES)

#define TYPE(ID, S, T, SUM)                                                                        \
  [DTYPE_##ID] = {LANES_##S,                                                                       \
                  {NULL, tile_##S##_1, tile_##S##_2, tile_##S##_3, tile_##S##_4},                  \
                  copy_##S,                                                                        \
                  add_##S},
const GemmIsa gemm_isa_base = {
    .name = "base", .most = 4, .rows = {0, 4, 4, 4, 4}, .type = {FLOAT_TYPES(TYPE)}};

#include "kernels/cpu/depthwise_tile.inc"

const DepthwiseIsa depthwise_isa_base = {.name = "base", DEPTHWISE_ISA};
