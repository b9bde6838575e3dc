/* Panels: how a product's columns are divided among tiles, and how they are packed. */
#include "kernels/cpu/gemm.h"

#include <string.h>

const GemmIsa *gemm_isa(void) {
  static const GemmIsa *const all[] = {&gemm_isa_base, &gemm_isa_v3, &gemm_isa_v4};
  return all[isa_current()];
}

const GemmType *gemm_type(DType dtype) {
  const GemmType *type = &gemm_isa()->type[dtype];
  return type->lanes ? type : NULL;
}

GemmPanels gemm_panels(DType dtype, int64_t cols) {
  GemmPanels p = {
      .isa = gemm_isa(), .type = gemm_type(dtype), .size = dtype_size(dtype), .cols = cols};
  if (!p.type) return p;
  p.width = p.isa->most * p.type->lanes;
  p.n = (cols + p.width - 1) / p.width;
  return p;
}

void gemm_rows(const GemmPanels *p, int64_t panel, GemmCall *call, const int64_t *a_at,
               const int64_t *c_at, int64_t rows) {
  int64_t vectors = gemm_panel_width(p, panel) / p->type->lanes;
  GemmTile tile = p->type->tile[vectors];
  int64_t step = p->isa->rows[vectors];
  call->cols = gemm_panel_cols(p, panel);
  for (int64_t m = 0; m < rows; m += step)
    tile(call, a_at + m, c_at + m, m + step < rows ? step : rows - m);
}

void gemm_pack(const GemmPanels *p, int64_t panel, void *to, const void *from, int64_t n_k,
               int64_t k_stride, int64_t n_stride) {
  int64_t cols = gemm_panel_cols(p, panel), width = gemm_panel_width(p, panel);
  p->type->copy(to, width, 1, from, k_stride, n_stride, n_k, cols);
  if (cols < width)
    for (int64_t k = 0; k < n_k; k++)
      memset((char *)to + (size_t)(k * width + cols) * p->size, 0,
             (size_t)(width - cols) * p->size);
}
