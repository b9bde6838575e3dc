/* Composites: activations and simple elementwise functions. */
#include "ops/rule.h"

static const InputDesc one[] = {{"in", false, false, "the operand"}};

static Status expand_relu(Emitter *e, CompositeCall *c) {
  c->results[0] = build_relu(e, c, c->inputs[0], 0);
  return e->status;
}
const OpDesc op_relu = {.name = "relu",
                        .doc = "max(x, 0); derivative 0 at 0.",
                        .op_class = OP_CLASS_COMPOSITE,
                        .inputs = one,
                        .n_inputs = 1,
                        .n_results = 1,
                        .expand = expand_relu};

static const AttrDesc leaky_attrs[] = {
    {"slope", ATTR_FLOAT, "0.1", NULL, 0, 0, "factor for x <= 0, also the derivative at 0"}};
static Status expand_leaky(Emitter *e, CompositeCall *c) {
  c->results[0] = build_relu(e, c, c->inputs[0], composite_float(c, 0));
  return e->status;
}
const OpDesc op_leaky_relu = {.name = "leaky-relu",
                              .doc = "x where x > 0, else slope x.",
                              .op_class = OP_CLASS_COMPOSITE,
                              .inputs = one,
                              .n_inputs = 1,
                              .attrs = leaky_attrs,
                              .n_attrs = 1,
                              .n_results = 1,
                              .expand = expand_leaky};

/* ln sigmoid(x) = -softplus(-x) */
static Status expand_log_sigmoid(Emitter *e, CompositeCall *c) {
  NodeId minus = emit_neg(e, c->inputs[0]);
  c->results[0] = emit_neg(e, emit_unary(e, OP_SOFTPLUS, minus));
  return e->status;
}
const OpDesc op_log_sigmoid = {.name = "log-sigmoid",
                               .doc = "ln(1 / (1 + e^-x)) = -softplus(-x)",
                               .op_class = OP_CLASS_COMPOSITE,
                               .inputs = one,
                               .n_inputs = 1,
                               .n_results = 1,
                               .expand = expand_log_sigmoid,
                               .function = "log_sigmoid"};

static const InputDesc bce_inputs[] = {{"in", false, false, "logits"},
                                       {"targets", false, false, "probabilities, 0 to 1"}};
/* Two terms of which none is negative: neither cancels the other, and both are smooth. */
static Status expand_bce(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0], z = c->inputs[1];
  NodeId unit = emit_constant_like(e, 1, z);
  NodeId miss = emit_mul(e, z, emit_unary(e, OP_SOFTPLUS, emit_neg(e, x)));
  NodeId above = emit_unary(e, OP_SOFTPLUS, x);
  NodeId alarm = emit_mul(e, emit_sub(e, unit, z), above);
  c->results[0] = emit_add(e, miss, alarm);
  return e->status;
}
const OpDesc op_binary_cross_entropy = {
    .name = "binary-cross-entropy",
    .doc = "Of each logit x and target z: -z ln sigmoid(x) - (1 - z) ln(1 - sigmoid(x)); smooth "
           "everywhere, accurate in both tails.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = bce_inputs,
    .n_inputs = 2,
    .n_results = 1,
    .expand = expand_bce,
    .function = "binary_cross_entropy"};

static const AttrDesc gelu_attrs[] = {
    {"form", ATTR_ENUM, "erf", "erf tanh", 0, 0, "exact, or with the tanh that stood for it"}};
/* x P(X < x) of a normal X: x / 2 erfc(-x / sqrt 2), which keeps its relative accuracy for negative
 * x. The form with tanh is x (1 + tanh u) / 2 = x sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715
 * x^3). */
static Status expand_gelu(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0], share;
  if (composite_int(c, 0) == 0) {
    NodeId tail = emit_unary(e, OP_ERFC, emit_scale(e, x, -0.70710678118654752));
    share = emit_scale(e, tail, 0.5);
  } else {
    NodeId cubed = emit_scale(e, emit_mul(e, x, x), 0.044715);
    NodeId bent = emit_mul(e, x, emit_shift(e, cubed, 1));
    share = emit_unary(e, OP_SIGMOID, emit_scale(e, bent, 2 * 0.79788456080286536));
  }
  c->results[0] = emit_mul(e, x, share);
  return e->status;
}
const OpDesc op_gelu = {.name = "gelu",
                        .doc = "x times the share of a standard normal distribution below x.",
                        .op_class = OP_CLASS_COMPOSITE,
                        .inputs = one,
                        .n_inputs = 1,
                        .attrs = gelu_attrs,
                        .n_attrs = 1,
                        .n_results = 1,
                        .expand = expand_gelu};

static const InputDesc clamp_inputs[] = {{"in", false, false, "the operand"},
                                         {"low", false, false, "lower bound"},
                                         {"high", false, false, "upper bound"}};
/* The bounds are constants for derivatives; strictly outside them the derivative is 0. */
static Status expand_clamp(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  NodeId low = emit_stop_gradient(e, c->inputs[1]), high = emit_stop_gradient(e, c->inputs[2]);
  NodeId below = composite_name(e, c, emit_less(e, x, low), "select/below");
  NodeId above = composite_name(e, c, emit_less(e, high, x), "select/above");
  c->results[0] = emit_select(e, below, low, emit_select(e, above, high, x));
  return e->status;
}
const OpDesc op_clamp = {
    .name = "clamp",
    .doc = "x within bounds, which are constants for derivatives: derivative 0 strictly outside, 1 "
           "at a bound; the lower bound is tested first, NaN stays.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = clamp_inputs,
    .n_inputs = 3,
    .n_results = 1,
    .expand = expand_clamp};

static const InputDesc reverse_inputs[] = {{"in", false, false, "the operand"},
                                           {"lambda", false, false, "scalar"}};
static Status expand_reverse(Emitter *e, CompositeCall *c) {
  c->results[0] = emit_gradient_scale(e, c->inputs[0], emit_neg(e, c->inputs[1]));
  return e->status;
}
const OpDesc op_reverse = {.name = "reverse",
                           .doc = "Gradient reversal: x; a gradient's sweep multiplies by -lambda.",
                           .op_class = OP_CLASS_COMPOSITE,
                           .inputs = reverse_inputs,
                           .n_inputs = 2,
                           .n_results = 1,
                           .expand = expand_reverse};

static const AttrDesc one_hot_attrs[] = {{"classes", ATTR_INT, NULL, NULL, 1, 1e9, "length"}};
static Status expand_one_hot(Emitter *e, CompositeCall *c) {
  Shape shape = {2, {shape_count(emit_shape(e, c->inputs[0])), composite_int(c, 0)}};
  NodeId index = emit_reshape_dims(e, c->inputs[0], 2, (int64_t[]){shape.dim[0], 1});
  NodeId hit = emit_binary(e, OP_EQUAL, emit_iota(e, 1, DTYPE_I32, &shape), index);
  c->results[0] = emit_cast(e, hit, e->float_type);
  return e->status;
}
const OpDesc op_one_hot = {
    .name = "one-hot",
    .doc =
        "(N, classes) floating: 1 at the index (i32), else 0; an index outside makes a row of 0. "
        "No derivative.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = one_hot_attrs,
    .n_attrs = 1,
    .n_results = 1,
    .expand = expand_one_hot};
