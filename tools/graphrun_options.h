/* What graphrun is asked for: its commands and their options (tools/options.h). */
#ifndef TOOLS_GRAPHRUN_OPTIONS_H
#define TOOLS_GRAPHRUN_OPTIONS_H

#include "runtime/ranks/ranks.h"
#include "tools/options.h"

#define RANK_TIMEOUT 8 /* seconds, when --rank-timeout is not given */
#define RANK_TIMEOUT_TEXT "8"

typedef struct Args {
  const char *operand;         /* the first; NULL: none */
  const char *const *operands; /* all */
  uint32_t n_operands;
  const char *data, *out, *init, *weights, *domain, *protocol, *baseline, *compare, *program, *feed,
      *fetch, *trace, *bad_images, *init_prefix, *device, *math, *eval_data, *eval_every, *keep,
      *select, *retrieval, *cmc, *rerank, *visualize, *pictures, *beside, *beside_weights,
      *features, *input, *gallery, *query, *calibrate, *fpr, *threshold;
  OptionList init_skip, defines_of_all, includes, only, outs;
  int64_t epochs, steps, stop_at, checkpoint_every, warm, threads, workers, seed;
  int64_t ranks, rank_timeout;
  Ranks *joined; /* the ranks of which this process is one; NULL: it runs alone */
  int64_t domains, ids, test_ids, cameras, images, shown, top;
  const char *cell, *changed; /* of study */
  int64_t seeds, jobs;
  bool dry_run, tables;
  bool resume, quiet, defines, layouts, published, no_graph, tensorboard, json, roc, fixed_batch;
} Args;

enum {
  TRAIN = 1,
  EVAL = 2,
  EXEC = 4,
  BENCH = 8,
  INFO = 16,
  CHECK_DATA = 32,
  SYNTH = 64,
  COMPARE = 128,
  STUDY = 256,
  EXTRACT = 512,
  EXPORT = 1024,
  SEARCH = 2048,
  COMPARE_IMAGES = 4096
};

extern const ProgramTable graphrun_table;

#endif
