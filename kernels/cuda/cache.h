/* Compiled texts on disk. */
#ifndef KERNELS_CUDA_CACHE_H
#define KERNELS_CUDA_CACHE_H

#include <stdbool.h>
#include <stddef.h>

/* What a compiled text depends on. */
typedef struct CudaCacheKey {
  const char *text;
  int architecture, major, minor; /* sm_..; the compiler's version */
} CudaCacheKey;

/* $GRAPHC_CUDA_CACHE (empty: no cache), else, unless `asked_only`, graphc/cuda in $XDG_CACHE_HOME
 * or ~/.cache; NULL: none, or out of memory.  The caller frees it. */
char *cuda_cache_folder(bool asked_only);
/* The code, which the caller frees; NULL: it is not there.  `folder` may be NULL. */
void *cuda_cache_read(const char *folder, const CudaCacheKey *key, size_t *out_bytes);
void cuda_cache_write(const char *folder, const CudaCacheKey *key, const void *code, size_t bytes);

#endif
