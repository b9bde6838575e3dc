/* The files of kernels/cuda/text, as strings: `cuda_text_NAME` is NAME.cu.  CMake makes them. */
#ifndef KERNELS_CUDA_TEXTS_H
#define KERNELS_CUDA_TEXTS_H

#define TEXT(NAME) extern const char cuda_text_##NAME[];
#include <cuda_texts.inc>
#undef TEXT

#endif
