/* Orders along an axis: selections and cumulative sums.
 *
 * The order of numbers: NaN above all of them, -0 and 0 equal, equals by their index. */
#include "kernels/reference/reference.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

bool reference_less(double a, double b) {
  return isnan(b) ? !isnan(a) : a < b;
}

/* Element i of the line at `index` of the operand. */
static double element(const ReferenceCall *c, const int64_t *index, int64_t axis, int64_t i) {
  int64_t at[RANK_MAX];
  memcpy(at, index, sizeof at);
  at[axis] = i;
  return tensor_get(&c->in[0], reference_at(&c->in[0].shape, at));
}

/* Largest element along one axis, the first on ties. */
Status reference_max(const ReferenceCall *c) {
  const Node *node = &c->graph->nodes[c->id];
  int64_t axis = node_attr_int(c->graph, c->id, ARG_MAX_AXIS), index[RANK_MAX] = {0};
  for (int64_t i = 0; i < shape_count(&node->shape); i++, reference_next(&node->shape, index)) {
    int64_t best = 0;
    for (int64_t k = 1; k < c->in[0].shape.dim[axis]; k++)
      if (reference_less(element(c, index, axis, best), element(c, index, axis, k))) best = k;
    tensor_set(&c->out, i, node->op == OP_ARG_MAX ? (double)best : element(c, index, axis, best));
  }
  return STATUS_OK;
}

/* Element i stands behind so many others. */
static int64_t place_of(const ReferenceCall *c, const int64_t *index, int64_t axis, int64_t i) {
  bool descending = node_attr_int(c->graph, c->id, ARG_SORT_DESCENDING);
  double x = element(c, index, axis, i);
  int64_t place = 0;
  for (int64_t k = 0; k < c->in[0].shape.dim[axis]; k++) {
    double y = element(c, index, axis, k);
    bool first = descending ? reference_less(x, y) : reference_less(y, x);
    bool equal = !reference_less(x, y) && !reference_less(y, x);
    place += first || (equal && k < i);
  }
  return place;
}

Status reference_arg_sort(const ReferenceCall *c) {
  int64_t axis = node_attr_int(c->graph, c->id, ARG_SORT_AXIS), index[RANK_MAX] = {0};
  const Shape *in = &c->in[0].shape, *out = &c->out.shape;
  for (int64_t i = 0; i < shape_count(in); i++, reference_next(in, index)) {
    int64_t to[RANK_MAX];
    memcpy(to, index, sizeof to);
    to[axis] = place_of(c, index, axis, index[axis]);
    if (to[axis] < out->dim[axis]) tensor_set(&c->out, reference_at(out, to), (double)index[axis]);
  }
  return STATUS_OK;
}

/* Each sum by itself, from the first element of its line. */
Status reference_cumulative_sum(const ReferenceCall *c) {
  const Graph *g = c->graph;
  int64_t axis = node_attr_int(g, c->id, SCAN_AXIS), index[RANK_MAX] = {0};
  bool exclusive = node_attr_int(g, c->id, SCAN_EXCLUSIVE);
  bool reverse = node_attr_int(g, c->id, SCAN_REVERSE);
  const Shape *shape = &c->out.shape;
  for (int64_t i = 0; i < shape_count(shape); i++, reference_next(shape, index)) {
    int64_t last = shape->dim[axis] - 1, at = index[axis], n = reverse ? last - at : at;
    double sum = 0;
    for (int64_t k = 0; k < n + !exclusive; k++)
      sum += element(c, index, axis, reverse ? last - k : k);
    tensor_set(&c->out, i, sum);
  }
  return STATUS_OK;
}
