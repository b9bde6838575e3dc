/* The inputs of a plan's training programs, step by step. */
#ifndef RUNTIME_TRAIN_FEED_H
#define RUNTIME_TRAIN_FEED_H

#include "runtime/data/loader.h"
#include "runtime/execute/execute.h"
#include "runtime/execute/schedule.h"

typedef struct Feed Feed;

/* True when a training program reads `images` or `labels`. */
bool feed_needs_data(const Plan *plan);
/* Images that a step of all ranks reads: K B; 0 for a model without data. */
int64_t feed_images(const Plan *plan);

/* True when every rank of the plan reads only its own rows of `images`: of each domain the rank-th
 * of plan->ranks equal runs. */
bool feed_is_parted(const Plan *plan);

/* STATUS_INVALID when there is no training program, when <training choose> does not fit them, or
 * when one reads an input that training does not supply. */
Status feed_check(const Plan *plan, Diag *diag);

/* Finds the inputs of every training program of a plan that feed_check accepts.  `executor` and
 * `schedule` must outlive it. */
Status feed_create(const Executor *executor, const Schedule *schedule, uint64_t seed, Diag *diag,
                   Feed **out_feed);
void feed_destroy(Feed *feed);

/* The program of a step: the only one, or (choose="uniform") one of those with a held-out domain,
 * uniform, a pure function of (seed, step). */
uint32_t feed_program(const Feed *feed, int64_t step);
/* Evaluates the schedules for `step` and sets the scalar inputs of `program`. */
Status feed_scalars(Feed *feed, uint32_t program, int64_t step, Diag *diag);
/* Sets `images` and `labels` of `program` from the loader's next batch. */
Status feed_batch(const Feed *feed, uint32_t program, Loader *loader, Diag *diag);
/* Keeps the schedules' values as feed_scalars set them last, while it sets those of later steps. */
void feed_show(Feed *feed);
/* The value of schedule i, as feed_show kept it. */
double feed_schedule(const Feed *feed, uint32_t i);

#endif
