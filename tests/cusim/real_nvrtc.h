/* NVIDIA's own NVRTC, where it is installed: whether a text compiles, and what its kernels use. */
#ifndef TESTS_CUSIM_REAL_NVRTC_H
#define TESTS_CUSIM_REAL_NVRTC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What ptxas says of a kernel; bytes but for registers and barriers. */
typedef struct RealUsage {
  char kernel[128];
  uint32_t registers, barriers, shared, stack, spill_stores, spill_loads;
} RealUsage;

typedef struct RealCode {
  bool ok;      /* it compiled */
  char *log;    /* all of it, with what ptxas says */
  size_t bytes; /* of the CUBIN */
  RealUsage *kernels;
  uint32_t n;
} RealCode;

/* Whether it is installed here; the first call loads it. */
bool real_nvrtc(void);
/* Compiles the text for sm_`architecture`, with --fmad=false --std=c++17 as the backend does.  To
 * be released either way.  False: NVRTC itself failed, or is not there. */
bool real_nvrtc_compile(const char *text, const char *name, int architecture, RealCode *out);
/* NULL: no such kernel. */
const RealUsage *real_nvrtc_usage(const RealCode *code, const char *kernel);
void real_nvrtc_release(RealCode *code);

#endif
