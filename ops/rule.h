/* Shorthand for the op families' descriptor tables. */
#ifndef OPS_RULE_H
#define OPS_RULE_H

#include "ops/composite.h"
#include "ops/emit.h"
#include "ops/infer.h"

#define COUNT_OF(A) (uint8_t)(sizeof(A) / sizeof((A)[0]))
#define IN0(E, NODE) node_input((E)->graph, NODE, 0)
#define IN1(E, NODE) node_input((E)->graph, NODE, 1)
#define IN2(E, NODE) node_input((E)->graph, NODE, 2)

/* Shape rules that several families share. */
Status infer_same_float(InferContext *c); /* all inputs floating, equal type and shape */
NodeId vjp_none(Emitter *e, NodeId node, NodeId dy, uint32_t input);

/* Descriptors, one per op; the table in ops/table.c lists them by OpId. */
extern const OpDesc op_constant, op_iota, op_input, op_state, op_random, op_neg, op_exp, op_log,
    op_sqrt, op_rsqrt, op_abs, op_sign, op_tanh, op_sin, op_cos, op_power, op_not, op_cast,
    op_stop_gradient, op_add, op_sub, op_mul, op_div, op_less, op_less_equal, op_equal, op_and,
    op_or, op_select, op_reduce_sum, op_reduce_max, op_arg_max, op_variance, op_broadcast,
    op_reshape, op_transpose, op_slice, op_pad, op_concat, op_gather, op_scatter_add, op_pick,
    op_place, op_matmul, op_conv, op_conv_dx, op_conv_dw, op_pool_index, op_pool_gather,
    op_pool_scatter, op_pool_sum, op_pool_spread, op_gradient_scale;
/* Composites. */
extern const OpDesc op_relu, op_leaky_relu, op_sigmoid, op_maximum, op_minimum, op_clamp,
    op_reverse, op_mean, op_sum, op_max_pool, op_avg_pool, op_flatten, op_batch_norm, op_fixed_norm,
    op_instance_norm, op_moments, op_gem, op_linear, op_softmax, op_normalize, op_one_hot, op_part,
    op_cross_entropy, op_batch_hard, op_pair_hinge, op_spread_hinge;

#endif
