/* Builders that are still to be written; a strong definition elsewhere takes a row's place. */
#include "kernels/cuda/kernel.h"

#define PENDING(NAME)                                                                              \
  __attribute__((weak)) Status NAME(const KernelSpec *spec, Kernel *kernel, KernelError *error) {  \
    (void)spec;                                                                                    \
    return cuda_fail(error, STATUS_INVALID, "there is no CUDA kernel of '%s' yet", kernel->name);  \
  }
PENDING(cuda_build_conv)
