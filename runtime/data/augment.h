/* What happens to a training image between decoding and the batch. */
#ifndef RUNTIME_DATA_AUGMENT_H
#define RUNTIME_DATA_AUGMENT_H

#include "graph/plan/plan.h"

/* Which draws an image gets: a pure function of these and of the operation's site. */
typedef struct AugmentDraw {
  uint64_t seed;
  int64_t step;
  uint64_t slot; /* row of the step's images: domain * B + row in the batch */
} AugmentDraw;

/* RGB of erased rectangles: the mean colour of ImageNet, which models subtract. */
extern const float augment_mean_color[3];

/* Changes an image (plan->height, plan->width, 3) of floats in 0..1 that image_resize made, in this
 * order: padding by zeros and random crop back to its size; horizontal flip; with probability
 * `jitter` brightness, contrast, saturation (factors U[1-x, 1+x]) and hue (turn U[-x, x]), clamped
 * after each; with probability `erase` one rectangle in the mean colour (Zhong et al., "Random
 * erasing data augmentation", AAAI 2020).  Operations whose probability is 0 leave every bit alone.
 * `scratch` has room for one image. */
void augment_apply(const PlanAugment *plan, AugmentDraw draw, float *image, float *scratch);

#endif
