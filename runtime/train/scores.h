/* Evaluation while training: when it is due, what the metrics say of it. */
#ifndef RUNTIME_TRAIN_SCORES_H
#define RUNTIME_TRAIN_SCORES_H

#include "runtime/eval/during.h"
#include "runtime/train/journal.h"

typedef struct Scores Scores;

/* Takes `during`, which may be NULL: then none is ever due.  `every` steps, and after the last of
 * `total`. */
Status scores_create(During *during, int64_t every, int64_t total, Diag *diag, Scores **out_scores);
void scores_destroy(Scores *scores);
/* Opens every image and prints to stdout what will be evaluated, unless `quiet`. All ranks call it.
 */
Status scores_check(Scores *scores, bool quiet, Diag *diag);

/* After `steps` steps. */
bool scores_due(const Scores *scores, int64_t steps);
/* All ranks call it. */
Status scores_evaluate(Scores *scores, Diag *diag);
/* Adds the latest to the journal's line: eval/DOMAIN/mAP and eval/DOMAIN/Rank-1 of each domain, and
 * their means eval/mAP and eval/Rank-1, all 0..1, or null where a feature
 * was not finite. */
void scores_log(const Scores *scores, Journal *journal);
/* The latest in words: `mAP 12.30 %, Rank-1 20.00 %`. */
void scores_text(const Scores *scores, char *text, size_t size);
/* The mean mAP of the latest. */
double scores_mean(const Scores *scores);
/* Seconds that it took. */
double scores_seconds(const Scores *scores);
/* Steps from one to the next. */
int64_t scores_every(const Scores *scores);
#define SCORES_MEAN "eval/mAP" /* the key of the mean in metrics.jsonl */
/* True when a domain that is evaluated is none of the training's. */
bool scores_on_target(const Scores *scores);

#endif
