/* Sums: to come. */
#include "kernels/cuda/fused.h"
Status fused_sums(FusedGroup *f, const FuseClass *of, bool stores) {
  (void)of, (void)stores;
  return cuda_fail(f->error, STATUS_INVALID, "there is no CUDA kernel of sums yet");
}
