/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011, "Parallel random numbers: as
 * easy as 1, 2, 3").  A draw is a pure function of (seed, step, site, index): the key is
 * seed xor site, the counter holds index (words 0, 1) and step (words 2, 3). */
#ifndef GRAPH_BASE_PHILOX_H
#define GRAPH_BASE_PHILOX_H

#include <stdint.h>

/* One block. */
void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);
/* The four words of a draw. */
void philox_words(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint32_t out[4]);
/* A site from its name: XXH3, 64 bits. */
uint64_t philox_site(const char *name);
/* Uniform in (0, 1): ((word >> 8) + 0.5) 2^-24.  Rounded to f32 it may be 1, never 0. */
double philox_uniform(uint64_t seed, uint64_t step, uint64_t site, uint64_t index);
/* Normal by Box-Muller in f64 from two of those; logarithm and cosine are polynomials of our own,
 * so that every machine draws the same bits. */
double philox_normal(uint64_t seed, uint64_t step, uint64_t site, uint64_t index);
/* An integer in [0, n), n > 0; bias below n 2^-64. */
uint64_t philox_below(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint64_t n);

#endif
