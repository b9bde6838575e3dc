/* Draws by the functions of philox.inc, which CUDA's kernels share. */
#include "graph/base/philox.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#define PHILOX_FN static
#include "graph/base/philox.inc"

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  draw_block(counter, key, out);
}

void philox_words(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint32_t out[4]) {
  draw_words(seed, step, site, index, out);
}

uint64_t philox_site(const char *name) {
  return XXH3_64bits(name, strlen(name));
}

double philox_uniform(uint64_t seed, uint64_t step, uint64_t site, uint64_t index) {
  return draw_uniform(seed, step, site, index);
}

double philox_normal(uint64_t seed, uint64_t step, uint64_t site, uint64_t index) {
  return draw_normal(seed, step, site, index);
}

uint64_t philox_below(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint64_t n) {
  uint32_t words[4];
  philox_words(seed, step, site, index, words);
  uint64_t word = (uint64_t)words[0] << 32 | words[1];
  return (uint64_t)(((__uint128_t)word * n) >> 64);
}
