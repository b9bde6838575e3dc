/* The closed formula of tests/oracle: initial values, images and projection vectors are functions
 * of (name, index).  README.md states it; cdvm_oracle.py is its other rendering. */
#ifndef TESTS_ORACLE_FORMULA_H
#define TESTS_ORACLE_FORMULA_H

#include "graph/ir/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits. */
static inline uint64_t formula_hash(const char *name) {
  uint64_t h = 14695981039346656037u;
  for (; *name; name++) h = (h ^ (uint8_t)*name) * 1099511628211u;
  return h;
}

/* Finaliser of splitmix64 at element `i` of the sequence of `hash`. */
static inline uint64_t formula_bits(uint64_t hash, int64_t i) {
  uint64_t z = hash + (uint64_t)(i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static inline double formula_uniform(uint64_t hash, int64_t i) {
  return (double)(formula_bits(hash, i) >> 11) * 0x1p-53;
}

static inline double formula_symmetric(uint64_t hash, int64_t i) {
  return 2 * formula_uniform(hash, i) - 1;
}

static inline bool formula_ends(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

/* Scale and offset of a state's values: offset + scale * symmetric. */
static inline void formula_scale(const char *name, const Shape *s, double *scale, double *offset) {
  *offset = 0;
  if (formula_ends(name, "fuse/weight"))
    *scale = 0.4 * sqrt(3 / (double)s->dim[1]); /* plus [I/2 | I/2] */
  else if (s->rank == 4)
    *scale = 4 * sqrt(3) * sqrt(2 / (double)(s->dim[0] * s->dim[2] * s->dim[3]));
  else if (strncmp(name, "centre", 6) == 0)
    *scale = 0.1;
  else if (s->rank == 2)
    *scale = sqrt(3 / (double)s->dim[1]);
  else if (formula_ends(name, "running_mean") || formula_ends(name, "bias"))
    *scale = 0.1;
  else if (formula_ends(name, "norm3/weight")) {
    *scale = 0.06;
    *offset = 0.3;
  } else if (formula_ends(name, "norm1/in/weight")) {
    *scale = 0.04;
    *offset = 0.2;
  } else {
    *scale = 0.2;
    *offset = 1;
  }
}

/* Initial value of a state; momentum starts at 0. */
static inline void formula_state(const char *name, Tensor *t) {
  int64_t n = shape_count(&t->shape);
  if (strncmp(name, "momentum:", 9) == 0) {
    memset(t->data, 0, (size_t)tensor_bytes(t));
    return;
  }
  double scale, offset;
  uint64_t hash = formula_hash(name);
  formula_scale(name, &t->shape, &scale, &offset);
  for (int64_t i = 0; i < n; i++) tensor_set(t, i, offset + scale * formula_symmetric(hash, i));
  if (!formula_ends(name, "fuse/weight")) return;
  int64_t c = t->shape.dim[0];
  for (int64_t i = 0; i < c; i++)
    for (int64_t half = 0; half < 2; half++) {
      int64_t at = i * 2 * c + half * c + i;
      tensor_set(t, at, tensor_get(t, at) + 0.5);
    }
}

/* images (K, B, H, W, 3) in [0, 1); `duplicates`: image 1 of a domain is its image 0.  A batch of
 * evaluation (rows, H, W, 3) holds the first rows. */
static inline void formula_images(Tensor *t, bool duplicates) {
  uint64_t hash = formula_hash("images");
  int64_t image = t->shape.dim[t->shape.rank - 3] * t->shape.dim[t->shape.rank - 2] * 3;
  int64_t rows = t->shape.rank == 5 ? t->shape.dim[1] : shape_count(&t->shape);
  for (int64_t i = 0, n = shape_count(&t->shape); i < n; i++) {
    bool copy = duplicates && i / image % rows == 1;
    tensor_set(t, i, formula_uniform(hash, copy ? i - image : i));
  }
}

/* labels (K, B): identity-major, other identities in each domain. */
static inline void formula_labels(Tensor *t, int64_t batch_images) {
  for (int64_t k = 0; k < t->shape.dim[0]; k++)
    for (int64_t slot = 0; slot < t->shape.dim[1]; slot++)
      tensor_set(t, k * t->shape.dim[1] + slot, (double)((slot / batch_images * 3 + k) % 8));
}

/* Draws of e, uniform with variance 1. */
static inline void formula_draws(const char *name, Tensor *t) {
  uint64_t hash = formula_hash(name);
  for (int64_t i = 0, n = shape_count(&t->shape); i < n; i++)
    tensor_set(t, i, sqrt(3) * formula_symmetric(hash, i));
}

#define FORMULA_PROJECTIONS 8

/* The tensor's norm and its projections on the vectors of signs NAME#0 .. NAME#7. */
static inline double formula_project(const char *name, const Tensor *t,
                                     double out[FORMULA_PROJECTIONS]) {
  uint64_t hash[FORMULA_PROJECTIONS];
  char text[300];
  for (int k = 0; k < FORMULA_PROJECTIONS; k++) {
    snprintf(text, sizeof text, "%s#%d", name, k);
    hash[k] = formula_hash(text);
    out[k] = 0;
  }
  double squares = 0;
  for (int64_t i = 0, n = shape_count(&t->shape); i < n; i++) {
    double x = tensor_get(t, i);
    squares += x * x;
    for (int k = 0; k < FORMULA_PROJECTIONS; k++) out[k] += formula_bits(hash[k], i) >> 63 ? x : -x;
  }
  return sqrt(squares);
}

#endif
