/* Which images of a domain the next batch takes.
 *
 * kind `identity` (cdvm.md, "Schedule"): a round shuffles each identity's images; an identity with
 * fewer than `batch_images` repeats its shuffled list up to that number.  A batch draws `batch_ids`
 * identities without replacement among those with at least `batch_images` unused images and takes
 * their next ones, identity by identity.  When fewer identities are left, the rest is dropped and a
 * new round starts.  kind `shuffle`: a round shuffles all training images, a batch takes the next
 * `batch_ids` x `batch_images`; the rest is dropped in the same way.
 *
 * Every draw is philox(seed, round, site of the domain's name, number of the draw in the round): a
 * domain's batches do not depend on the other domains, nor on how the round was reached. */
#ifndef RUNTIME_DATA_SAMPLER_H
#define RUNTIME_DATA_SAMPLER_H

#include "graph/plan/plan.h"
#include "runtime/data/dataset.h"

/* The batch that comes next: checkpoints hold one for each domain. */
typedef struct SamplerPosition {
  int64_t round, batch; /* batch: of this round, from 0 */
} SamplerPosition;

typedef struct Sampler Sampler;

/* `domain` must outlive the sampler and have training images, of at least `batch_ids` identities
 * for kind `identity` (loader_check sees to that).  One warning when identities have too few
 * images. STATUS_SYSTEM: out of memory. */
Status sampler_create(const PlanSampler *plan, const DataDomain *domain, uint64_t seed, Diag *diag,
                      Sampler **out_sampler);
void sampler_destroy(Sampler *sampler);
SamplerPosition sampler_position(const Sampler *sampler);
/* Goes to a position that sampler_position returned; false when there is no such position. */
bool sampler_seek(Sampler *sampler, SamplerPosition position);
/* Draws the next batch: `batch_ids` x `batch_images` indices into domain->images. Allocates
 * nothing. */
void sampler_next(Sampler *sampler, uint32_t *images);
/* The training image of the same identity that follows `image` in the data set's order; after the
 * last comes the first. */
uint32_t sampler_substitute(const Sampler *sampler, uint32_t image);

#endif
