/* Rows times rows on the tiles of gemm.h: the rows of `b` are packed panel by panel, a chunk of
 * dimensions at a time, and each panel is met by a block of rows of `a`, which are read where they
 * lie. */
#include "kernels/product.h"

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/work.h"

#include <string.h>

#define CHUNK 256 /* dimensions whose panel stays in the first caches */
#define BLOCK 96  /* rows of `a` whose offsets lie on the stack */
_Static_assert(CHUNK *WORK_PANEL_BYTES <= PRODUCT_SCRATCH, "a panel fits the scratch");

static int64_t row_at(const ProductRows *m, int64_t i, int64_t dim) {
  return (m->rows ? m->rows[i] : i) * dim;
}

/* to[k][n] = dimension `at + k` of the panel's row n; zeros up to the width. */
static void pack(float *to, const GemmPanels *panels, int64_t p, const ProductRows *b, int64_t dim,
                 int64_t at, int64_t n_k) {
  int64_t width = gemm_panel_width(panels, p), cols = gemm_panel_cols(panels, p);
  int64_t first = p * panels->width, n = 1;
  while (b->rows && n < cols && b->rows[first + n] == b->rows[first] + n) n++;
  if (!b->rows || n == cols) { /* the rows lie behind each other */
    gemm_pack(panels, p, to, b->data + row_at(b, first, dim) + at, n_k, 1, dim);
    return;
  }
  if (cols < width) memset(to, 0, (size_t)(n_k * width) * sizeof *to);
  for (int64_t k0 = 0; k0 < n_k; k0 += 16)
    for (n = 0; n < cols; n++) {
      int64_t k1 = k0 + 16 < n_k ? k0 + 16 : n_k;
      const float *row = b->data + row_at(b, first + n, dim) + at;
      for (int64_t k = k0; k < k1; k++) to[k * width + n] = row[k];
    }
}

void product_rows(const ProductRows *a, int64_t first, int64_t n_a, const ProductRows *b,
                  int64_t dim, float *c, int64_t c_row, void *scratch) {
  GemmPanels panels = gemm_panels(DTYPE_F32, b->count);
  for (int64_t p = 0; p < panels.n; p++) {
    int64_t column = p * panels.width;
    for (int64_t k = 0; k < dim; k += CHUNK) {
      GemmRun run = {k, dim - k < CHUNK ? dim - k : CHUNK};
      GemmCall call = {.a = a->data,
                       .a_step = 1,
                       .runs = &run,
                       .n_runs = 1,
                       .b = scratch,
                       .c = c + column,
                       .add = k > 0};
      pack(scratch, &panels, p, b, dim, k, run.len);
      for (int64_t m0 = 0; m0 < n_a; m0 += BLOCK) {
        int64_t a_at[BLOCK], c_at[BLOCK], n = n_a - m0 < BLOCK ? n_a - m0 : BLOCK;
        for (int64_t m = 0; m < n; m++) {
          a_at[m] = row_at(a, first + m0 + m, dim);
          c_at[m] = (m0 + m) * c_row;
        }
        gemm_rows(&panels, p, &call, a_at, c_at, n);
      }
    }
  }
}
