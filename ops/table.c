/* The table of all ops, by OpId; composites follow the primitives in any order. */
#include "ops/rule.h"

#include <string.h>

static const OpDesc *const table[] = {
    [OP_CONSTANT] = &op_constant,
    [OP_IOTA] = &op_iota,
    [OP_INPUT] = &op_input,
    [OP_STATE] = &op_state,
    [OP_RANDOM] = &op_random,
    [OP_NEG] = &op_neg,
    [OP_EXP] = &op_exp,
    [OP_LOG] = &op_log,
    [OP_SQRT] = &op_sqrt,
    [OP_RSQRT] = &op_rsqrt,
    [OP_ABS] = &op_abs,
    [OP_SIGN] = &op_sign,
    [OP_TANH] = &op_tanh,
    [OP_SIN] = &op_sin,
    [OP_COS] = &op_cos,
    [OP_POWER] = &op_power,
    [OP_NOT] = &op_not,
    [OP_CAST] = &op_cast,
    [OP_STOP_GRADIENT] = &op_stop_gradient,
    [OP_ADD] = &op_add,
    [OP_SUB] = &op_sub,
    [OP_MUL] = &op_mul,
    [OP_DIV] = &op_div,
    [OP_LESS] = &op_less,
    [OP_LESS_EQUAL] = &op_less_equal,
    [OP_EQUAL] = &op_equal,
    [OP_AND] = &op_and,
    [OP_OR] = &op_or,
    [OP_SELECT] = &op_select,
    [OP_REDUCE_SUM] = &op_reduce_sum,
    [OP_REDUCE_MAX] = &op_reduce_max,
    [OP_ARG_MAX] = &op_arg_max,
    [OP_VARIANCE] = &op_variance,
    [OP_BROADCAST] = &op_broadcast,
    [OP_RESHAPE] = &op_reshape,
    [OP_TRANSPOSE] = &op_transpose,
    [OP_SLICE] = &op_slice,
    [OP_PAD] = &op_pad,
    [OP_CONCAT] = &op_concat,
    [OP_GATHER] = &op_gather,
    [OP_SCATTER_ADD] = &op_scatter_add,
    [OP_PICK] = &op_pick,
    [OP_PLACE] = &op_place,
    [OP_MATMUL] = &op_matmul,
    [OP_CONV] = &op_conv,
    [OP_CONV_DX] = &op_conv_dx,
    [OP_CONV_DW] = &op_conv_dw,
    [OP_POOL_INDEX] = &op_pool_index,
    [OP_POOL_GATHER] = &op_pool_gather,
    [OP_POOL_SCATTER] = &op_pool_scatter,
    [OP_POOL_SUM] = &op_pool_sum,
    [OP_POOL_SPREAD] = &op_pool_spread,
    [OP_GRADIENT_SCALE] = &op_gradient_scale,
    [OP_PRIMITIVE_COUNT] = &op_relu,
    &op_leaky_relu,
    &op_sigmoid,
    &op_maximum,
    &op_minimum,
    &op_clamp,
    &op_reverse,
    &op_mean,
    &op_sum,
    &op_max_pool,
    &op_avg_pool,
    &op_flatten,
    &op_part,
    &op_batch_norm,
    &op_fixed_norm,
    &op_instance_norm,
    &op_moments,
    &op_gem,
    &op_linear,
    &op_softmax,
    &op_normalize,
    &op_one_hot,
    &op_cross_entropy,
    &op_batch_hard,
    &op_pair_hinge,
    &op_spread_hinge,
};
#define TABLE_COUNT (sizeof table / sizeof table[0])
_Static_assert(TABLE_COUNT == OP_PRIMITIVE_COUNT + 26, "an op is missing from the table");

const OpTable *ops_table(void) {
  static const OpTable result = {table, TABLE_COUNT};
  return &result;
}

uint32_t op_table_find(const OpTable *t, const char *name) {
  for (uint32_t i = 1; i < t->count; i++)
    if (strcmp(t->ops[i]->name, name) == 0) return i;
  return 0;
}

int64_t node_macs(const Graph *graph, NodeId node) {
  const OpDesc *op = op_desc(graph->nodes[node].op);
  return op->macs ? op->macs(graph, node) : 0;
}
