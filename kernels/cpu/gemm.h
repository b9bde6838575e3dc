/* The core of products and convolutions: a tile of C, kept in registers, adds rows of A times a
 * packed panel of B.
 *
 * Each element of C is one chain of fused multiply-adds over k in ascending order, whatever the
 * tiles, chunks, tasks and instruction set: c = fma(a[0], b[0], 0), fma(a[1], b[1], c), ...  Cuts
 * along rows, columns or k (C is then loaded and stored in between) therefore never show in the
 * bits.  Rows of A are given as offsets, and k runs over a list of runs, so that convolutions read
 * images where they lie. */
#ifndef KERNELS_CPU_GEMM_H
#define KERNELS_CPU_GEMM_H

#include "kernels/cpu/internal.h"

typedef struct GemmRun {
  int64_t at, len; /* offset of its first element from the row's; elements */
} GemmRun;

typedef struct GemmCall {
  const void *a;
  const GemmRun *runs;
  int64_t n_runs;
  int64_t a_step; /* between consecutive k of a run */
  const void *b;  /* panel: for each k `width` consecutive values */
  void *c;
  int64_t cols; /* of C, at most `width` */
  bool add;     /* C += instead of C = */
} GemmCall;

/* Rows a_at[m] of A and c_at[m] of C (offsets in elements), m < rows <= gemm rows. */
typedef void (*GemmTile)(const GemmCall *call, const int64_t *a_at, const int64_t *c_at,
                         int64_t rows);

#define GEMM_VECTORS 4
/* Of one element type. */
typedef struct GemmType {
  int lanes; /* elements of a vector; 0: the type is not there */
  GemmTile tile[GEMM_VECTORS + 1];
  /* Copies a matrix of `rows` x `cols` with element strides to one with the result's, transposing
   * where that is faster: to[r * to_row + c * to_col] = from[r * from_row + c * from_col]. */
  void (*copy)(void *to, int64_t to_row, int64_t to_col, const void *from, int64_t from_row,
               int64_t from_col, int64_t rows, int64_t cols);
  void (*add)(void *to, const void *from, int64_t n); /* partial sums: to[i] += from[i] */
} GemmType;

typedef struct GemmIsa {
  const char *name;
  int most;                   /* vectors in the widest panel */
  int rows[GEMM_VECTORS + 1]; /* of a tile whose panel has so many vectors */
  GemmType type[DTYPE_COUNT];
} GemmIsa;
extern const GemmIsa gemm_isa_base, gemm_isa_v3, gemm_isa_v4;
const GemmIsa *gemm_isa(void);
/* What the current instruction set has for a type; NULL: nothing. */
const GemmType *gemm_type(DType dtype);

/* Panels of a result with `cols` columns: all but the last have the greatest width. */
typedef struct GemmPanels {
  const GemmIsa *isa;
  const GemmType *type; /* NULL: there are no tiles for the type, and the rest is not set */
  size_t size;          /* bytes of an element */
  int64_t cols, width, n;
} GemmPanels;
GemmPanels gemm_panels(DType dtype, int64_t cols);
static inline int64_t gemm_panel_cols(const GemmPanels *p, int64_t i) {
  return i + 1 < p->n ? p->width : p->cols - i * p->width;
}
/* Columns of panel i, rounded up to vectors. */
static inline int64_t gemm_panel_width(const GemmPanels *p, int64_t i) {
  int64_t lanes = p->type->lanes;
  return (gemm_panel_cols(p, i) + lanes - 1) / lanes * lanes;
}
/* All rows of a block against one panel; call->b and call->c belong to the panel, call->cols is set
 * here. */
void gemm_rows(const GemmPanels *p, int64_t panel, GemmCall *call, const int64_t *a_at,
               const int64_t *c_at, int64_t rows);
/* Packs rows k of a panel: to[k * width + n] = from[k * k_stride + n * n_stride], zeros up to the
 * width. `from` is at the panel's first column. */
void gemm_pack(const GemmPanels *p, int64_t panel, void *to, const void *from, int64_t n_k,
               int64_t k_stride, int64_t n_stride);

#endif
