/* What graphc is asked for: its options (tools/options.h). */
#ifndef TOOLS_GRAPHC_OPTIONS_H
#define TOOLS_GRAPHC_OPTIONS_H

#include "tools/options.h"

/* As they were given; graphc.c makes of them what graph/ and compiler/ want. */
typedef struct Args {
  OptionList defines, defines_a, defines_b, includes, keep, inputs;
  const char *root, *output, *report, *explain_peak, *where, *emit, *after, *program, *scope,
      *dump_after;
  const char *precision, *target, *memory, *sync, *color;
  int64_t depth, shards, ranks;
  bool check, params, expand, schema, manual;
} Args;

enum { COMPILE = 1, DIFF = 2 };

extern const ProgramTable graphc_table;

#endif
