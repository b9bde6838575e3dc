/* Evaluation: features of a test set through the plan's `evaluate` program, then mAP and CMC.
 *
 * A test set is a domain's queries and gallery; of a domain that has none, and under a split
 * protocol, they are drawn from its images.  Images are only resized.  Results depend neither on
 * threads, workers nor the plan's eval_batch: in evaluation a row of a batch depends on that row
 * alone. */
#ifndef RUNTIME_EVAL_EVALUATE_H
#define RUNTIME_EVAL_EVALUATE_H

#include "runtime/eval/choices.h"
#include "runtime/execute/execute.h"

struct EvaluationDomain; /* runtime/eval/evaluation.h */
struct Described;        /* runtime/eval/described.h */

typedef struct EvalOptions {
  const char *plan, *weights; /* NULL with baseline_color */
  const DeviceTable *device;  /* what runs the plan; NULL: the CPU */
  DeviceWishes wishes;
  const char *data; /* as dataset_read takes it */
  /* Instead of plan, weights and data: a file of `graphrun extract`. */
  const char *features;
  const struct Described *described; /* what was read from it; of eval_run */
  const char *domain;                /* NULL: every domain that can be tested on */
  /* NULL or "market": the manifest's query and gallery.  "split:NAME:TRIALS:SEED": TRIALS random
   * splits, averaged; runtime/eval/protocol.h lists the NAMEs. */
  const char *protocol;
  bool baseline_color;
  bool roc;             /* the curve of pairs, too */
  MetricsRerank rerank; /* k1 0: none */
  RankList ranks_shown; /* of the CMC; n 0: 1, 5, 10 */
  const char *out;      /* result with every query's AP, as JSON; NULL: none */
  const char *compare;  /* such a file of another run over the same queries; NULL: none */
  bool skip_bad_images; /* leave unreadable images out, named and counted; else they are errors */
  bool let_not_finite;  /* features that are not finite: figures that are no numbers, a warning */
  bool bad_images_told; /* they were named before, and are not again */
  uint32_t workers;     /* threads that decode; 0: as many as `threads` */
  uint32_t threads;     /* 0: 1 */
  uint64_t seed;        /* of the bootstrap's draws */
  bool progress;        /* shows how far it is, on a terminal */
  int64_t nearest;      /* how many are kept of what is found for each query; 0: none */
  /* Looks at each domain when its figures are printed, on the first rank; NULL: nobody does. */
  Status (*look)(void *context, const struct EvaluationDomain *domain, Diag *diag);
  void *look_context;
  Ranks *ranks; /* processes that share the images; the first prints and writes. NULL: one */
} EvalOptions;

/* Evaluates and prints to standard output.  Errors name the file, tensor, option or domain. */
Status eval_run(const EvalOptions *options, Diag *diag);

#endif
