/* Philox4x32-10 and what is drawn with it.  The logarithm and the cosine of Box-Muller are
 * polynomials of our own: a normal number is a function of (seed, step, site, index) and of no
 * libm. */
#include "graph/base/philox.h"

#include <math.h>
#include <string.h>
#include <xxhash.h>

#define ROUNDS 10

void philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
  uint32_t c[4], k0 = key[0], k1 = key[1];
  memcpy(c, counter, sizeof c);
  for (int i = 0; i < ROUNDS; i++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                        (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
    memcpy(c, next, sizeof c);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  memcpy(out, c, sizeof c);
}

void philox_words(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint32_t out[4]) {
  uint64_t mixed = seed ^ site;
  const uint32_t key[2] = {(uint32_t)mixed, (uint32_t)(mixed >> 32)};
  const uint32_t counter[4] = {(uint32_t)index, (uint32_t)(index >> 32), (uint32_t)step,
                               (uint32_t)(step >> 32)};
  philox_block(counter, key, out);
}

uint64_t philox_site(const char *name) {
  return XXH3_64bits(name, strlen(name));
}

static double uniform(uint32_t word) {
  return ((double)(word >> 8) + 0.5) * 0x1p-24;
}

double philox_uniform(uint64_t seed, uint64_t step, uint64_t site, uint64_t index) {
  uint32_t words[4];
  philox_words(seed, step, site, index, words);
  return uniform(words[0]);
}

/* ln x for normal x > 0: x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh((m - 1) / (m +
 * 1)), whose series in z = s^2 < 0.0295 ends below 2^-53 after 11 terms. */
static double log_of(double x) {
  int e;
  double m = frexp(x, &e);
  if (m < 0.70710678118654752) {
    m *= 2;
    e--;
  }
  double s = (m - 1) / (m + 1), z = s * s, sum = 0;
  for (int k = 21; k >= 1; k -= 2) sum = sum * z + 1.0 / k;
  return e * 0.69314718055994531 + 2 * s * sum;
}

/* cos(2 pi u), u in [0, 1]: the nearest quarter turn is taken off, then Taylor on |x| <= pi/4. */
static double cos_turn(double u) {
  int quarter = (int)(4 * u + 0.5);
  double x = 6.283185307179586 * (u - 0.25 * quarter), z = x * x, c = 0, s = 0;
  for (int k = 18; k >= 2; k -= 2) c = (c + 1) * -z / (k * (k - 1));
  for (int k = 19; k >= 3; k -= 2) s = (s + 1) * -z / (k * (k - 1));
  c = 1 + c;
  s = x * (1 + s);
  switch (quarter & 3) {
  case 0:
    return c;
  case 1:
    return -s;
  case 2:
    return -c;
  default:
    return s;
  }
}

double philox_normal(uint64_t seed, uint64_t step, uint64_t site, uint64_t index) {
  uint32_t words[4];
  philox_words(seed, step, site, index, words);
  return sqrt(-2 * log_of(uniform(words[0]))) * cos_turn(uniform(words[1]));
}

uint64_t philox_below(uint64_t seed, uint64_t step, uint64_t site, uint64_t index, uint64_t n) {
  uint32_t words[4];
  philox_words(seed, step, site, index, words);
  uint64_t word = (uint64_t)words[0] << 32 | words[1];
  return (uint64_t)(((__uint128_t)word * n) >> 64);
}
