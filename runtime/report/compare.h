/* Runs side by side: `graphrun compare`. */
#ifndef RUNTIME_REPORT_COMPARE_H
#define RUNTIME_REPORT_COMPARE_H

#include "graph/base/diag.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct CompareOptions {
  const char *const *runs; /* folders of graphrun train */
  uint32_t n;
  const char *out; /* a page (.html) or JSON (.json); NULL: none */
  bool json;       /* JSON on standard output instead of the table */
} CompareOptions;

/* Prints where the configurations differ, the evaluations, and the values of the last steps. */
Status compare_run(const CompareOptions *options, Diag *diag);

#endif
