/* Kernel texts as modules: compiled by a C++ compiler of the host into a shared object, and loaded.
 * A module stays loaded to the end of the process, so that a text is compiled once. */
#ifndef TESTS_CUSIM_MODULE_H
#define TESTS_CUSIM_MODULE_H

#include "tests/cusim/abi.h"

#include <stdbool.h>

typedef struct ModuleOptions {
  int architecture;           /* 80, 90, ...: of __CUDA_ARCH__ */
  bool watched;               /* with hooks at each access */
  const char *const *defines; /* NAME or NAME=VALUE, NULL at the end; NULL: none */
} ModuleOptions;

/* How a compilation ended. */
typedef enum ModuleEnd {
  MODULE_OK,
  MODULE_REFUSED,  /* the text is not of the dialect */
  MODULE_ERRORS,   /* the compiler found errors */
  MODULE_NO_TOOLS, /* no compiler, or no place for its results */
} ModuleEnd;

/* *log: what was wrong, to be freed; NULL: nothing. */
ModuleEnd module_make(const char *source, const char *name, const ModuleOptions *options,
                      const CusimModule **out, char **log);

bool module_compiler(void); /* whether there is one */

#endif
