/* The colour baseline: a histogram descriptor of a pedestrian image that needs no training. */
#ifndef RUNTIME_EVAL_COLOR_H
#define RUNTIME_EVAL_COLOR_H

#include <stdint.h>

#define COLOR_STRIPES 6
#define COLOR_BINS (8 * 4 * 4) /* hue, saturation, value */
#define COLOR_DIM (COLOR_STRIPES * COLOR_BINS)

/* Describes an 8-bit RGB image of `height` rows, `stride` bytes apart, and `width` columns (both at
 * least 1): HSV histograms of 6 horizontal stripes of equal height, together divided by their sum,
 * then square roots.  The result has length 1, so that a product of two is their cosine. */
void color_describe(const uint8_t *rgb, int64_t height, int64_t width, int64_t stride,
                    float out[COLOR_DIM]);

#endif
