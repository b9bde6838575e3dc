/* arg-sort along one axis.
 *
 * Equals are ordered by their index, so every pair has an order and only one result is possible.
 * Each line keeps its first `count` indices as a heap in its own part of the result, the last of
 * them on top: an element that comes before the top replaces it.  Then the heap is taken apart from
 * its end.  No memory beside the result is needed; n log(count) comparisons. */
#include "kernels/cpu/internal.h"
#include "kernels/cpu/types.h"

#include <stdio.h>

typedef struct Sort Sort;
struct Sort {
  uint32_t input;
  bool descending;
  int64_t outer, length, row, count; /* lines: outer x row, `row` elements from one to the next */
  void (*line)(const Sort *k, const void *in, int64_t from, int32_t *heap);
};

/* True when element a of a line comes before element b; NaN is above all numbers. */
#define LINE(ID, S, TYPE, SUM)                                                                     \
  static bool before_##S(const Sort *k, const TYPE *x, int64_t a, int64_t b) {                     \
    TYPE u = x[a * k->row], v = x[b * k->row];                                                     \
    if (u < v) return !k->descending;                                                              \
    if (u > v) return k->descending;                                                               \
    bool nu = u != u, nv = v != v;                                                                 \
    return nu == nv ? a < b : nu == k->descending;                                                 \
  }                                                                                                \
  /* Puts `item` into the heap of n whose place `at` is free; the last element is on top. */       \
  static void sift_##S(const Sort *k, const TYPE *x, int32_t *heap, int64_t n, int64_t at,         \
                       int32_t item) {                                                             \
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {                                    \
      if (child + 1 < n && before_##S(k, x, heap[child * k->row], heap[(child + 1) * k->row]))     \
        child++;                                                                                   \
      if (!before_##S(k, x, item, heap[child * k->row])) break;                                    \
      heap[at * k->row] = heap[child * k->row];                                                    \
    }                                                                                              \
    heap[at * k->row] = item;                                                                      \
  }                                                                                                \
  static void line_##S(const Sort *k, const void *in, int64_t from, int32_t *heap) {               \
    const TYPE *x = (const TYPE *)in + from;                                                       \
    for (int64_t i = 0; i < k->count; i++) heap[i * k->row] = (int32_t)i;                          \
    for (int64_t i = k->count / 2 - 1; i >= 0; i--) sift_##S(k, x, heap, k->count, i, (int32_t)i); \
    for (int64_t i = k->count; i < k->length; i++)                                                 \
      if (before_##S(k, x, i, *heap)) sift_##S(k, x, heap, k->count, 0, (int32_t)i);               \
    for (int64_t n = k->count - 1; n > 0; n--) {                                                   \
      int32_t item = heap[n * k->row];                                                             \
      heap[n * k->row] = *heap;                                                                    \
      sift_##S(k, x, heap, n, 0, item);                                                            \
    }                                                                                              \
  }

FLOAT_TYPES(LINE)

static Status sort_run(const Kernel *kernel, uint32_t phase, uint32_t task,
                       const KernelArgs *args) {
  (void)phase;
  const Sort *k = kernel->data;
  int64_t first, last, grain = k->row < 16 ? 1 : 16; /* of neighbours in one line of cache */
  task_range(k->outer * k->row, grain, task, kernel->tasks[0], &first, &last);
  for (int64_t i = first; i < last; i++) {
    int64_t from = i / k->row * k->length * k->row + i % k->row;
    int32_t *to = (int32_t *)args->outputs[0] + i / k->row * k->count * k->row + i % k->row;
    k->line(k, args->inputs[k->input], from, to);
  }
  return STATUS_OK;
}

static void (*const lines[DTYPE_COUNT])(const Sort *k, const void *in, int64_t from,
                                        int32_t *heap) = {FLOAT_TYPES(BY_TYPE, line)};

Status sort_build(const KernelSpec *spec, Diag *diag, Kernel *kernel) {
  const Graph *g = spec->graph;
  NodeId id = spec->nodes[0];
  const Node *in = &g->nodes[node_input(g, id, 0)];
  uint32_t input;
  TRY(spec_inputs(spec, &input, 1, diag));
  Sort *k = kernel_data(kernel, sizeof *k, diag);
  if (!k) return STATUS_SYSTEM;
  int64_t axis = node_attr_int(g, id, ARG_SORT_AXIS);
  *k = (Sort){.input = input,
              .line = lines[in->dtype],
              .descending = node_attr_int(g, id, ARG_SORT_DESCENDING),
              .length = in->shape.dim[axis],
              .count = g->nodes[id].shape.dim[axis]};
  if (!k->line) return spec_no_type(spec, diag, (DType)in->dtype);
  axis_split(&in->shape, axis, &k->outer, &k->row);
  kernel->run = sort_run;
  kernel->n_phases = 1;
  kernel->tasks[0] = task_count(shape_count(&in->shape) * 64, spec->shards);
  snprintf(kernel->name, sizeof kernel->name, "sort");
  return STATUS_OK;
}
