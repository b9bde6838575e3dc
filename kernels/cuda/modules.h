/* Texts of kernels, compiled by NVRTC for the GPU at hand, and their functions.
 *
 * Kernels ask for functions while they are created; cuda_modules_compile then compiles all texts
 * that are new, and only then has a CudaFunction its kernel.  Equal texts are one.  Texts are in
 * the dialect of docs/cuda.md; the prelude (kernels/cuda/text/prelude.cu) stands before each. */
#ifndef KERNELS_CUDA_MODULES_H
#define KERNELS_CUDA_MODULES_H

#include "kernels/cuda/context.h"

typedef struct CudaFunction {
  cudaKernel_t kernel; /* NULL until it is compiled */
} CudaFunction;

/* NULL when out of memory. */
CudaModules *cuda_modules_create(void);
/* Unloads all; no launch of theirs may be waiting. */
void cuda_modules_destroy(CudaModules *modules, const CudaCalls *calls);

/* The function `name` of a text.  A file of kernels/cuda/text is given by its text (texts.h) with
 * what is to be defined for it (`#define T float\n`); it is compiled alone.  The text and the name
 * are copied; *out stays with the modules.  STATUS_SYSTEM: out of memory. */
Status cuda_modules_function(CudaModules *modules, const char *defines, const char *text,
                             const char *name, KernelError *error, CudaFunction **out);
/* The only function of a generated text, which calls it KERNEL.  Many of them are compiled at once.
 */
Status cuda_modules_generated(CudaModules *modules, const char *text, KernelError *error,
                              CudaFunction **out);
/* Compiles and loads what is new.  STATUS_INVALID: a text is wrong, *error has the first lines of
 * the compiler's log; STATUS_SYSTEM: the library fails. */
Status cuda_modules_compile(CudaContext *context, KernelError *error);

/* For tests: calls `visit` with each text as the compiler has it, until it returns false. */
typedef bool (*CudaTextVisit)(void *context, const char *text);
void cuda_modules_each(const CudaModules *modules, CudaTextVisit visit, void *context);

#endif
