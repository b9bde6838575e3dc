/* NVIDIA's libraries, loaded when they are needed. */
#ifndef RUNTIME_CUDA_LIBRARIES_H
#define RUNTIME_CUDA_LIBRARIES_H

#include "kernels/cuda/calls.h"
#include "kernels/kernel.h"

/* The table, in which the functions of the library can be called from now on.  STATUS_SYSTEM: the
 * library is not there, or too old to have one of them. */
Status cuda_library(CudaLibrary library, KernelError *error, const CudaCalls **out);
/* For tests: everything is there already, in this table; NULL: the libraries again. */
void cuda_libraries_replace(const CudaCalls *calls);
bool cuda_libraries_replaced(void);

#endif
