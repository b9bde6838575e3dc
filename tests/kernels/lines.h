/* Data for ops that go along lines (maxima, cumulative sums, sorting), on every machine. */
#ifndef TESTS_KERNELS_LINES_H
#define TESTS_KERNELS_LINES_H

#include "tests/kernels/lab.h"

/* Few different values, so that there are ties; now and then one that is special. */
static inline void fill_special(Lab *lab, NodeId id) {
  static const double special[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0, -0.0};
  const Node *node = &lab->graph->nodes[id];
  Tensor t = {lab_value(lab, id), (DType)node->dtype, node->shape};
  bool some = lab_pick(lab, 3) > 0;
  int64_t values = 1 + lab_pick(lab, 200);
  for (int64_t i = 0; i < shape_count(&node->shape); i++)
    tensor_set(&t, i,
               some && lab_pick(lab, 20) == 0 ? special[lab_pick(lab, 6)]
                                              : (double)(lab_pick(lab, values) - values / 2));
}

static inline Lab start(uint64_t seed, int rank, const int64_t *dims, NodeId *x) {
  Lab lab;
  DType dtype = seed % 2 ? DTYPE_F32 : DTYPE_F64;
  lab_init(&lab, dtype, seed);
  *x = lab_input(&lab, dtype, rank, dims);
  fill_special(&lab, *x);
  return lab;
}

/* Lines of a random length on a random axis, sometimes many of them, of about `most`
 * elements in all. */
static inline Lab start_lines(uint64_t seed, int64_t most, int64_t *axis, NodeId *x) {
  static const int64_t lengths[] = {1, 2, 3, 7, 16, 33, 70, 150};
  int64_t dims[3], count = 1;
  for (int i = 0; i < 3; i++) {
    dims[i] = lengths[(seed * 7919 + (uint64_t)i * 104729) / 13 % 8];
    if (count * dims[i] > most) dims[i] = 3;
    count *= dims[i];
  }
  *axis = (int64_t)(seed / 2 % 3);
  return start(seed, 3, dims, x);
}

#endif
