/* What comparisons with tests/oracle/ share: values by closed formula, distances between tensors.
 */
#ifndef TESTS_ORACLE_SUPPORT_H
#define TESTS_ORACLE_SUPPORT_H

#include "graph/tensor.h"
#include "runtime/safetensors.h"

#include <math.h>

/* FNV-1a, 64 bits. */
static inline uint64_t oracle_hash(const char *name) {
  uint64_t h = 14695981039346656037u;
  for (; *name; name++) h = (h ^ (unsigned char)*name) * 1099511628211u;
  return h;
}

/* Bits of element `i` of tensor `name`: the finaliser of splitmix64. */
static inline uint64_t oracle_bits(const char *name, int64_t i) {
  uint64_t z = oracle_hash(name) + ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* U[0, 1) and U[-1, 1). */
static inline double oracle_uniform(const char *name, int64_t i) {
  return (double)(oracle_bits(name, i) >> 11) * 0x1p-53;
}
static inline double oracle_symmetric(const char *name, int64_t i) {
  return 2 * oracle_uniform(name, i) - 1;
}

static inline double oracle_norm(const FileTensor *want) {
  double sum = 0;
  for (int64_t i = 0; i < want->count; i++) sum += pow(file_tensor_get(want, i), 2);
  return sqrt(sum);
}

/* Norm of the difference; infinite when the shapes differ or an element is not a number. */
static inline double oracle_distance(const Tensor *have, const FileTensor *want) {
  double sum = 0;
  if (have->shape.rank != want->rank) return INFINITY;
  for (int d = 0; d < want->rank; d++)
    if (have->shape.dim[d] != want->dim[d]) return INFINITY;
  for (int64_t i = 0; i < want->count; i++)
    sum += pow(tensor_get(have, i) - file_tensor_get(want, i), 2);
  return isnan(sum) ? INFINITY : sqrt(sum);
}

#endif
