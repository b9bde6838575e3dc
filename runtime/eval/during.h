/* Evaluation of a network that is being trained: the same figures as `graphrun eval` has of the
 * checkpoint of that step, by the executor that trains.
 *
 * Nothing of the training changes: the program has no commits, its values lie where those of
 * training programs lie between their runs, and it draws no numbers but its own. */
#ifndef RUNTIME_EVAL_DURING_H
#define RUNTIME_EVAL_DURING_H

#include "runtime/execute/execute.h"

typedef struct During During;

typedef struct DuringOptions {
  const char *data;     /* as dataset_read takes it: every domain that has queries is tested on */
  const char *protocol; /* NULL: the manifests' own queries; else as EvalOptions has it */
  bool skip_bad_images;
  uint32_t workers, threads; /* at least 1 */
  Ranks *ranks;              /* that share the images; NULL: one process */
} DuringOptions;

/* Reads the data and prepares the program.  `executor` must outlive it and hold all programs. */
Status during_open(const DuringOptions *options, Executor *executor, Diag *diag,
                   During **out_during);
void during_close(During *during);
/* Images, domains and memory as the rest of a line. */
void during_describe(const During *during, char *text, size_t size);

typedef struct DuringScore {
  const char *domain;
  bool trained;      /* a domain of the training */
  double map, rank1; /* 0..1; NAN: a feature was not finite, which is warned of */
} DuringScore;
uint32_t during_domains(const During *during);
/* Evaluates by colour, which opens every image and matches every query once: what the data lack is
 * told before anything is trained.  scores[i] is of domain i, below during_domains; the same on all
 * ranks, which all call it.  A failure of one is that of all. */
Status during_check(During *during, DuringScore *scores, Diag *diag);
/* The same by the network with the states as they are.  The executor's inputs must be set anew
 * before it runs. */
Status during_evaluate(During *during, DuringScore *scores, Diag *diag);
/* Fingerprint of the data set. */
uint64_t during_fingerprint(const During *during);

#endif
