/* Moves and sums: each walks an index space and maps indices. */
#include "kernels/reference/reference.h"

#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

/* The operand's index that lands at `to` in the result; false where the result is zero (pad). */
static bool source(const ReferenceCall *c, const int64_t *to, int64_t *from) {
  const Graph *g = c->graph;
  const Shape *in = &c->in[0].shape;
  for (int i = 0; i < in->rank; i++) from[i] = to[i];
  switch (g->nodes[c->id].op) {
  case OP_BROADCAST:
    for (int i = 0; i < in->rank; i++) from[i] = in->dim[i] == 1 ? 0 : to[i];
    return true;
  case OP_TRANSPOSE:
    for (int i = 0; i < in->rank; i++) from[node_attr(g, c->id, TRANSPOSE_AXES, NULL)[i]] = to[i];
    return true;
  case OP_SLICE:
    for (int i = 0; i < in->rank; i++) from[i] = to[i] + node_attr(g, c->id, SLICE_START, NULL)[i];
    return true;
  default:
    for (int i = 0; i < in->rank; i++) {
      from[i] = to[i] - node_attr(g, c->id, PAD_BEFORE, NULL)[i];
      if (from[i] < 0 || from[i] >= in->dim[i]) return false;
    }
    return true;
  }
}

static Status concat(const ReferenceCall *c) {
  const Node *node = &c->graph->nodes[c->id];
  int64_t axis = node_attr_int(c->graph, c->id, CONCAT_AXIS), index[RANK_MAX] = {0};
  for (int64_t i = 0; i < shape_count(&node->shape); i++, reference_next(&node->shape, index)) {
    int64_t from[RANK_MAX];
    memcpy(from, index, sizeof from);
    uint32_t part = 0;
    const Node *operand = &c->graph->nodes[node_input(c->graph, c->id, 0)];
    while (from[axis] >= operand->shape.dim[axis]) {
      from[axis] -= operand->shape.dim[axis];
      operand = &c->graph->nodes[node_input(c->graph, c->id, ++part)];
    }
    Tensor in = {(void *)(uintptr_t)c->inputs[part], (DType)operand->dtype, operand->shape};
    tensor_set(&c->out, i, tensor_get(&in, reference_at(&in.shape, from)));
  }
  return STATUS_OK;
}

Status reference_move(const ReferenceCall *c) {
  if (c->graph->nodes[c->id].op == OP_CONCAT) return concat(c);
  const Shape *shape = &c->out.shape;
  int64_t to[RANK_MAX] = {0}, from[RANK_MAX];
  for (int64_t i = 0; i < shape_count(shape); i++, reference_next(shape, to))
    tensor_set(&c->out, i,
               source(c, to, from) ? tensor_get(&c->in[0], reference_at(&c->in[0].shape, from))
                                   : 0);
  return STATUS_OK;
}

static Status reduce_sum(const ReferenceCall *c, double *sums) {
  bool variance = c->graph->nodes[c->id].op == OP_VARIANCE;
  const Shape *in = &c->in[0].shape, *out = &c->out.shape;
  int64_t index[RANK_MAX] = {0}, count = shape_count(in) / shape_count(out);
  for (int64_t i = 0; i < shape_count(in); i++, reference_next(in, index)) {
    int64_t to[RANK_MAX];
    for (int k = 0; k < in->rank; k++) to[k] = out->dim[k] == 1 ? 0 : index[k];
    int64_t at = reference_at(out, to);
    double x = tensor_get(&c->in[0], i), d = variance ? x - tensor_get(&c->in[1], at) : 0;
    sums[at] += variance ? d * d / (double)count : x;
  }
  for (int64_t i = 0; i < shape_count(out); i++) tensor_set(&c->out, i, sums[i]);
  return STATUS_OK;
}

Status reference_reduce(const ReferenceCall *c) {
  double *sums = calloc((size_t)shape_count(&c->out.shape) + 1, sizeof *sums);
  if (!sums) return diag_no_memory(c->diag, (size_t)shape_count(&c->out.shape) * sizeof *sums);
  Status status = reduce_sum(c, sums);
  free(sums);
  return status;
}

/* Rows by index, both ways; what is scattered adds up in `sums`. */
static Status rows(const ReferenceCall *c, bool scatter, double *sums) {
  const Shape *in = &c->in[0].shape, *out = &c->out.shape;
  int64_t n = shape_count(&c->in[1].shape);
  int64_t width = shape_count(in) / in->dim[0], limit = scatter ? out->dim[0] : in->dim[0];
  for (int64_t r = 0; r < n; r++) {
    int64_t row = (int64_t)tensor_get(&c->in[1], r);
    if (row < 0 || row >= limit) return reference_bad_index(c, row);
    for (int64_t k = 0; k < width; k++) {
      if (scatter)
        sums[row * width + k] += tensor_get(&c->in[0], r * width + k);
      else
        tensor_set(&c->out, r * width + k, tensor_get(&c->in[0], row * width + k));
    }
  }
  return STATUS_OK;
}

/* Elements of lines, both ways. */
static Status lines(const ReferenceCall *c, bool place, double *sums) {
  int64_t axis = node_attr_int(c->graph, c->id, place ? PLACE_AXIS : ARG_MAX_AXIS);
  const Shape *full = place ? &c->out.shape : &c->in[0].shape, *line = &c->in[1].shape;
  int64_t index[RANK_MAX] = {0};
  for (int64_t i = 0; i < shape_count(line); i++, reference_next(line, index)) {
    int64_t at[RANK_MAX];
    memcpy(at, index, sizeof at);
    at[axis] = (int64_t)tensor_get(&c->in[1], i);
    if (at[axis] < 0 || at[axis] >= full->dim[axis]) return reference_bad_index(c, at[axis]);
    int64_t there = reference_at(full, at);
    if (place)
      sums[there] += tensor_get(&c->in[0], i);
    else
      tensor_set(&c->out, i, tensor_get(&c->in[0], there));
  }
  return STATUS_OK;
}

static Status add_up(const ReferenceCall *c) {
  size_t n = (size_t)shape_count(&c->out.shape);
  double *sums = calloc(n, sizeof *sums);
  if (!sums) return diag_no_memory(c->diag, n * sizeof *sums);
  Status status =
      c->graph->nodes[c->id].op == OP_PLACE ? lines(c, true, sums) : rows(c, true, sums);
  for (int64_t i = 0; i < (int64_t)n; i++) tensor_set(&c->out, i, sums[i]);
  free(sums);
  return status;
}

Status reference_indexed(const ReferenceCall *c) {
  switch (c->graph->nodes[c->id].op) {
  case OP_GATHER:
    return rows(c, false, NULL);
  case OP_PICK:
    return lines(c, false, NULL);
  default:
    return add_up(c);
  }
}
