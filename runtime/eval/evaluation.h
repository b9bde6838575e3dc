/* What evaluate.c and the files beside it share: one domain's results. */
#ifndef RUNTIME_EVAL_EVALUATION_H
#define RUNTIME_EVAL_EVALUATION_H

#include "runtime/eval/evaluate.h"
#include "runtime/eval/features_shared.h"
#include "runtime/eval/metrics.h"
#include "runtime/eval/protocol.h"

#include <jansson.h>

/* One trial: images that could be read, and what the retrieval gave. */
typedef struct EvaluationTrial {
  Trial images;
  MetricsResult result;
} EvaluationTrial;

/* A domain's results; all trials' queries stand behind each other in `ap`, `ids`. */
typedef struct EvaluationDomain {
  const DataDomain *domain;
  EvaluationTrial *trials;
  uint32_t n_trials;
  double *ap;               /* (n_query) AP; -1: skipped, no match */
  int64_t *ids;             /* (n_query) rank of the identity in domain->pids */
  int64_t n_query, skipped; /* over all trials */
  double map, minp, rank1, rank5, rank10, chance; /* means over the trials */
  double cmc[CHOICES_RANKS];                      /* the same, of EvalOptions.ranks_shown */
  MetricsCurve curve;                             /* over all trials; with EvalOptions.roc */
  MetricsInterval interval;                       /* of map */
  int64_t identities, cameras, images;            /* queried; all; all */
  int64_t unreadable, distractors; /* distractors: searched images of nobody queried */
} EvaluationDomain;

/* Describes and matches the images of a domain; `executor` NULL: by colour.  On success the caller
 * releases `out`. */
Status evaluation_domain(const EvalOptions *options, const Protocol *protocol,
                         const DataDomain *domain, Executor *executor, uint32_t program,
                         EvaluationDomain *out, Diag *diag);
void evaluation_release(EvaluationDomain *domain);

/* ---- files (evaluate_file.c) ---- */

/* What a result file says besides its domains. */
typedef struct EvaluationHead {
  const DataDomain *const *domains; /* that are evaluated */
  uint32_t n_domains;
  const char *protocol; /* as given */
  const char *model;    /* NULL: colour */
  uint64_t model_hash;
  const char *const *params; /* (2 n_params) names and values of the model's; NULL: colour */
  uint32_t n_params;
  const char *weights;         /* path as given; NULL: colour */
  const MetricsRerank *rerank; /* NULL: none */
  const RankList *ranks;       /* of the CMC */
} EvaluationHead;

/* Which images a domain has: its list and the sizes of its files. */
uint64_t evaluation_files(const DataDomain *domain);

/* Writes PATH: format, protocol, and per domain its fingerprint, the figures and a list for each
 * column of the queries (trial, path, pid, camera, ap, first). */
Status evaluation_write(const char *path, const EvaluationHead *head,
                        const EvaluationDomain *domains, uint32_t n, Diag *diag);
/* Refuses a path that cannot be written, before the work. */
Status evaluation_can_write(const char *path, Diag *diag);

/* Reads such a file of another run; refuses one of another protocol, or without results of the same
 * images for each domain of `head`, whatever the domain is called there.  The caller releases it by
 * json_decref. */
Status evaluation_read(const char *path, const EvaluationHead *head, Diag *diag, json_t **out);
/* The difference of this run's mAP to that of the file, paired by query. */
Status evaluation_compare(const char *path, const json_t *file, const EvaluationDomain *domain,
                          uint64_t seed, MetricsInterval *out, Diag *diag);

#endif
