/* What the reference shares: indices of any rank, leaves, and the choice of a node's function. */
#include "kernels/reference/reference.h"

#include "graph/base/philox.h"
#include "ops/ops.h"

#include <string.h>

int64_t reference_at(const Shape *shape, const int64_t *index) {
  int64_t at = 0;
  for (int i = 0; i < shape->rank; i++) at = at * shape->dim[i] + index[i];
  return at;
}

bool reference_next(const Shape *shape, int64_t *index) {
  for (int i = shape->rank - 1; i >= 0; i--) {
    if (++index[i] < shape->dim[i]) return true;
    index[i] = 0;
  }
  return false;
}

Status reference_bad_index(const ReferenceCall *call, int64_t index) {
  return diag_error(call->diag, STATUS_INVALID, op_desc(call->graph->nodes[call->id].op)->name,
                    NULL, "index %lld is out of range", (long long)index);
}

Status reference_leaf(const ReferenceCall *c) {
  const Graph *g = c->graph;
  const Shape *shape = &c->out.shape;
  int64_t n = shape_count(shape), index[RANK_MAX] = {0};
  switch (g->nodes[c->id].op) {
  case OP_CONSTANT: {
    uint32_t count;
    const double *values =
        (const double *)(const void *)node_attr(g, c->id, CONSTANT_VALUES, &count);
    for (int64_t i = 0; i < n; i++) tensor_set(&c->out, i, values[count == 1 ? 0 : i]);
    return STATUS_OK;
  }
  case OP_IOTA:
    for (int64_t i = 0; i < n; i++, reference_next(shape, index))
      tensor_set(&c->out, i, (double)index[node_attr_int(g, c->id, IOTA_AXIS)]);
    return STATUS_OK;
  case OP_RANDOM: {
    uint64_t seed = (uint64_t)tensor_get(&c->in[0], 0), step = (uint64_t)tensor_get(&c->in[1], 0);
    uint64_t site = philox_site(graph_text(g, (uint32_t)node_attr_int(g, c->id, RANDOM_SITE)));
    bool uniform = node_attr_int(g, c->id, RANDOM_DISTRIBUTION) == RANDOM_UNIFORM;
    for (int64_t i = 0; i < n; i++)
      tensor_set(&c->out, i,
                 uniform ? philox_uniform(seed, step, site, (uint64_t)i)
                         : philox_normal(seed, step, site, (uint64_t)i));
    return STATUS_OK;
  }
  default:
    return diag_error(c->diag, STATUS_INVALID, "reference", NULL, "an input has no value");
  }
}

Status reference_run(const Graph *g, NodeId id, const void *const *inputs, void *output,
                     Diag *diag) {
  const Node *node = &g->nodes[id];
  ReferenceCall call = {.graph = g,
                        .id = id,
                        .inputs = inputs,
                        .diag = diag,
                        .out = {output, (DType)node->dtype, node->shape}};
  for (uint32_t i = 0; i < node->n_inputs && i < 3; i++) {
    const Node *operand = &g->nodes[node_input(g, id, i)];
    call.in[i] = (Tensor){(void *)(uintptr_t)inputs[i], (DType)operand->dtype, operand->shape};
  }
  switch (node->op) {
  case OP_REDUCE_MAX:
  case OP_ARG_MAX:
    return reference_max(&call);
  case OP_CUMULATIVE_SUM:
    return reference_cumulative_sum(&call);
  case OP_ARG_SORT:
    return reference_arg_sort(&call);
  case OP_REDUCE_SUM:
  case OP_VARIANCE:
    return reference_reduce(&call);
  case OP_BROADCAST:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_PAD:
  case OP_CONCAT:
    return reference_move(&call);
  case OP_RESHAPE:
  case OP_GRADIENT_SCALE:
    memcpy(output, inputs[0], (size_t)tensor_bytes(&call.out));
    return STATUS_OK;
  case OP_GATHER:
  case OP_SCATTER_ADD:
  case OP_PICK:
  case OP_PLACE:
    return reference_indexed(&call);
  case OP_MATMUL:
  case OP_CONV:
  case OP_CONV_DX:
  case OP_CONV_DW:
    return reference_product(&call);
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return reference_resize(&call);
  case OP_POOL_INDEX:
  case OP_POOL_GATHER:
  case OP_POOL_SCATTER:
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
    return reference_pool(&call);
  default:
    return op_desc(node->op)->op_class == OP_CLASS_LEAF ? reference_leaf(&call)
                                                        : reference_elementwise(&call);
  }
}
