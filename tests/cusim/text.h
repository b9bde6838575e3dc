/* The dialect of kernel texts that the simulator can run: what a text must not hold, what its
 * kernels are called, and the text as a host's C++ compiler has to see it.  docs/cuda.md describes
 * the dialect. */
#ifndef TESTS_CUSIM_TEXT_H
#define TESTS_CUSIM_TEXT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct TextKernel {
  char name[128];
  char bounds[128]; /* what stands in __launch_bounds__(), up to the comma; empty: none */
  bool barriers;    /* it waits for other threads, or a function does that it calls */
  bool dynamic;     /* extern __shared__ is used likewise */
  bool shared;      /* it has static shared memory */
} TextKernel;

typedef struct Text {
  char *source; /* to be compiled, with shim.h before it; lines are as they were */
  TextKernel *kernels;
  uint32_t n;
  char refused[256]; /* LINE: what the dialect does not have */
} Text;

/* `source` as the preprocessor leaves it.  False: refused, or out of memory.  To be released either
 * way. */
bool text_read(const char *source, Text *out);
void text_release(Text *text);

#endif
