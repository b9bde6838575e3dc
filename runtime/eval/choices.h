/* What the command line says of an evaluation in words of its own. */
#ifndef RUNTIME_EVAL_CHOICES_H
#define RUNTIME_EVAL_CHOICES_H

#include "runtime/eval/metrics.h"

#define RERANK_DEFAULT "20,6,0.3" /* Zhong et al.'s */
#define RERANK_MOST 1000          /* neighbours */

/* `K1,K2,LAMBDA`. */
Status choices_rerank(const char *text, MetricsRerank *out, Diag *diag);

#define CHOICES_RANKS 16
/* Ranks that are printed, ascending. */
typedef struct RankList {
  int64_t k[CHOICES_RANKS];
  int n;
} RankList;
/* `1,5,10,20`; NULL: 1, 5, 10. */
Status choices_ranks(const char *text, RankList *out, Diag *diag);

#endif
