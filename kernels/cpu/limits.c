/* The inner loops that measure what the machine can do at most. */
#include "kernels/cpu/limits.h"

#include "kernels/cpu/gemm.h"

#define LIMIT_K 64

int64_t limit_products(DType dtype, int64_t macs, void *scratch) {
  const GemmIsa *isa = gemm_isa();
  const GemmType *type = gemm_type(dtype);
  if (!type) return -1;
  int64_t width = (int64_t)isa->most * type->lanes, rows = isa->rows[isa->most];
  int64_t size = (int64_t)dtype_size(dtype), at[64] = {0}, c_at[64] = {0};
  GemmPanels panels = gemm_panels(dtype, width);
  GemmRun run = {0, LIMIT_K};
  char *a = scratch, *b = a + rows * LIMIT_K * size, *c = b + width * LIMIT_K * size;
  GemmCall call = {.a = a, .a_step = 1, .runs = &run, .n_runs = 1, .b = b, .c = c};
  for (int64_t m = 0; m < rows; m++) {
    at[m] = m * LIMIT_K;
    c_at[m] = m * width;
  }
  int64_t done = 0;
  for (; done < macs; done += rows * width * LIMIT_K) gemm_rows(&panels, 0, &call, at, c_at, rows);
  return done;
}

void limit_triad(float *a, const float *b, const float *c, float s, int64_t n) {
  for (int64_t i = 0; i < n; i++) a[i] = b[i] + s * c[i];
}
