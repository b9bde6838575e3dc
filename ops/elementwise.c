/* Elementwise primitives. All inputs have the shape of the result; emit_binary broadcasts. */
#include "ops/rule.h"
#include "ops/signs.h"

#include <string.h>

Status infer_same_float(InferContext *c) {
  char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], sa[SHAPE_TEXT_MAX], sb[SHAPE_TEXT_MAX];
  TRY(infer_require_float(c, 0, -1));
  for (uint32_t i = 1; i < infer_n_inputs(c); i++) {
    if (infer_dtype(c, i) != infer_dtype(c, 0))
      return infer_fail(c, "use cast", "%s holds %s, %s holds %s", infer_label(c, 0, a),
                        dtype_name(infer_dtype(c, 0)), infer_label(c, i, b),
                        dtype_name(infer_dtype(c, i)));
    if (!shape_equal(infer_shape(c, i), infer_shape(c, 0)))
      return infer_fail(c, NULL, "%s has shape %s, %s has %s", infer_label(c, 0, a),
                        shape_text(infer_shape(c, 0), sa, sizeof sa), infer_label(c, i, b),
                        shape_text(infer_shape(c, i), sb, sizeof sb));
  }
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

/* Arithmetic also works on integers (indices, counters). */
static Status same_number(InferContext *c) {
  if (!dtype_is_float(infer_dtype(c, 0)) && infer_dtype(c, 0) != DTYPE_BOOL &&
      infer_dtype(c, 0) == infer_dtype(c, infer_n_inputs(c) - 1) &&
      shape_equal(infer_shape(c, 0), infer_shape(c, infer_n_inputs(c) - 1))) {
    c->dtype = infer_dtype(c, 0);
    c->shape = *infer_shape(c, 0);
    return STATUS_OK;
  }
  return infer_same_float(c);
}

static Status compare_infer(InferContext *c) {
  TRY(same_number(c));
  c->dtype = DTYPE_BOOL;
  return STATUS_OK;
}

static const char bool_hint[] = "less(a, b), equal(a, b) and not(equal(x, 0)) are bool";

static Status logic_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  for (uint32_t i = 0; i < infer_n_inputs(c); i++)
    if (infer_dtype(c, i) != DTYPE_BOOL || !shape_equal(infer_shape(c, i), infer_shape(c, 0)))
      return infer_fail(c, bool_hint, "%s must be bool, of the other's shape",
                        infer_label(c, i, a));
  c->dtype = DTYPE_BOOL;
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

static NodeId vjp_neg(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)n, (void)i;
  return emit_neg(e, dy);
}
static NodeId vjp_exp(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, n);
}
static NodeId vjp_log(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_div(e, dy, IN0(e, n));
}
/* The slope of a root is infinite at 0.  What lies under it is at its least there when it is never
 * negative, and its own derivative is 0: 0 is then the derivative of the whole (of a norm, say),
 * where the product would be NaN. */
static NodeId at_root(Emitter *e, NodeId n, NodeId slope) {
  if (slope == NODE_NONE || value_sign(e->graph, IN0(e, n)) != SIGN_NONE) return slope;
  NodeId zero = emit_constant_like(e, 0, n);
  return emit_select(e, emit_binary(e, OP_EQUAL, n, zero), zero, slope);
}
/* d sqrt(x) = 1 / (2 sqrt(x)) */
static NodeId vjp_sqrt(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return at_root(e, n, emit_div(e, emit_scale(e, dy, 0.5), n));
}
/* d x^(-1/2) = -1/2 x^(-3/2) */
static NodeId vjp_rsqrt(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_scale(e, emit_mul(e, emit_mul(e, n, n), n), -0.5));
}
/* sign(0) = 0 */
static NodeId vjp_abs(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_unary(e, OP_SIGN, IN0(e, n)));
}
/* 1 - tanh^2 x would lose what is left of it where tanh x is nearly 1. */
static NodeId vjp_tanh(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_unary(e, OP_TANH_SLOPE, IN0(e, n)));
}
/* d (1 / cosh^2 x) = -2 tanh x / cosh^2 x */
static NodeId vjp_tanh_slope(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  NodeId tanh = emit_unary(e, OP_TANH, IN0(e, n));
  return emit_mul(e, dy, emit_scale(e, emit_mul(e, tanh, n), -2));
}
/* e^x anew: n + 1 loses it where x is far below 0. */
static NodeId vjp_expm1(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_unary(e, OP_EXP, IN0(e, n)));
}
static NodeId vjp_log1p(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_div(e, dy, emit_shift(e, IN0(e, n), 1));
}
/* d sigmoid(x) = sigmoid(x) sigmoid(-x) = 1 / (4 cosh^2 (x/2)), whose own derivatives keep their
 * relative accuracy in both tails and at 0. */
static NodeId vjp_sigmoid(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  NodeId slope = emit_unary(e, OP_TANH_SLOPE, emit_scale(e, IN0(e, n), 0.5));
  return emit_mul(e, dy, emit_scale(e, slope, 0.25));
}
static NodeId vjp_softplus(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_unary(e, OP_SIGMOID, IN0(e, n)));
}
/* d e^(-x^2) = -2 x e^(-x^2) */
static NodeId vjp_gauss(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_scale(e, emit_mul(e, IN0(e, n), n), -2));
}
/* d erf(x) = 2 / sqrt(pi) e^(-x^2); in the tail exp of a rounded x^2 would lose x^2 ulp */
static NodeId vjp_erf(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  NodeId bell = emit_unary(e, OP_GAUSS, IN0(e, n));
  return emit_mul(e, dy, emit_scale(e, bell, 1.1283791670955126)); /* 2 / sqrt(pi) */
}
/* d erfc(x) = -2 / sqrt(pi) e^(-x^2) */
static NodeId vjp_erfc(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId slope = vjp_erf(e, n, dy, i);
  return emit_neg(e, slope);
}
static NodeId vjp_sin(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_mul(e, dy, emit_unary(e, OP_COS, IN0(e, n)));
}
static NodeId vjp_cos(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_neg(e, emit_mul(e, dy, emit_unary(e, OP_SIN, IN0(e, n))));
}
static NodeId vjp_power(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  double p = node_attr_float(e->graph, n, POWER_EXPONENT);
  NodeId slope = emit_mul(e, dy, emit_scale(e, emit_power(e, IN0(e, n), p - 1), p));
  return p > 0 && p < 1 ? at_root(e, n, slope) : slope;
}
static NodeId vjp_cast(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  DType from = emit_dtype(e, IN0(e, n));
  if (!dtype_is_float(from) || !dtype_is_float(emit_dtype(e, n))) return NODE_NONE;
  return emit_cast(e, dy, from);
}
static NodeId vjp_add(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)e, (void)n, (void)i;
  return dy;
}
static NodeId vjp_sub(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)n;
  return i == 0 ? dy : emit_neg(e, dy);
}
static NodeId vjp_mul(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  return emit_mul(e, dy, node_input(e->graph, n, 1 - i));
}
/* d(a/b) = da/b - (a/b)/b db */
static NodeId vjp_div(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId t = emit_div(e, dy, IN1(e, n));
  return i == 0 ? t : emit_neg(e, emit_mul(e, t, n));
}
/* To the operand that is chosen; to both, half each, where they are equal. That is the mean of the
 * derivatives on both sides, as sign(0) = 0 is for |x|: sums of these that are smooth have the
 * right derivative there. */
static NodeId vjp_extreme(Emitter *e, NodeId dy, NodeId own, NodeId other, bool largest) {
  NodeId less = emit_less(e, own, other), more = emit_less(e, other, own);
  NodeId zero = emit_constant_like(e, 0, dy), half = emit_scale(e, dy, 0.5);
  NodeId rest = emit_select(e, largest ? more : less, dy, half);
  return emit_select(e, largest ? less : more, zero, rest);
}
static NodeId vjp_maximum(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  return vjp_extreme(e, dy, node_input(e->graph, n, i), node_input(e->graph, n, 1 - i), true);
}
static NodeId vjp_minimum(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  return vjp_extreme(e, dy, node_input(e->graph, n, i), node_input(e->graph, n, 1 - i), false);
}
static NodeId vjp_select(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId zero = emit_constant_like(e, 0, dy);
  return i == 1 ? emit_select(e, IN0(e, n), dy, zero) : emit_select(e, IN0(e, n), zero, dy);
}

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const InputDesc two[] = {{"in", false, false, "first operand"},
                                {"with", false, false, "second operand"}};

#define UNARY(ID, NAME, DOC, INFER, VJP, ...)                                                      \
  const OpDesc ID = {.name = NAME,                                                                 \
                     .doc = DOC,                                                                   \
                     .op_class = OP_CLASS_ELEMENTWISE,                                             \
                     .inputs = one,                                                                \
                     .n_inputs = 1,                                                                \
                     .infer = INFER,                                                               \
                     .vjp = VJP,                                                                   \
                     __VA_ARGS__}
#define BINARY(ID, NAME, DOC, INFER, VJP, ...)                                                     \
  const OpDesc ID = {.name = NAME,                                                                 \
                     .doc = DOC,                                                                   \
                     .op_class = OP_CLASS_ELEMENTWISE,                                             \
                     .inputs = two,                                                                \
                     .n_inputs = 2,                                                                \
                     .infer = INFER,                                                               \
                     .vjp = VJP,                                                                   \
                     __VA_ARGS__}

UNARY(op_neg, "neg", "-x", infer_same_float, vjp_neg, .function = "neg");
UNARY(op_exp, "exp", "e^x", infer_same_float, vjp_exp, .function = "exp", .costly = true);
UNARY(op_log, "log", "natural logarithm", infer_same_float, vjp_log, .function = "log",
      .costly = true);
UNARY(op_sqrt, "sqrt",
      "square root; of what is never negative by its form (squares, their sums, |x|), the "
      "derivative at 0 is 0, else infinite",
      infer_same_float, vjp_sqrt, .function = "sqrt", .costly = true);
UNARY(op_rsqrt, "rsqrt", "1 / sqrt(x)", infer_same_float, vjp_rsqrt, .function = "rsqrt",
      .costly = true);
UNARY(op_abs, "abs", "|x|, derivative sign(x)", infer_same_float, vjp_abs, .function = "abs");
UNARY(op_sign, "sign", "-1, 0 or 1; derivative 0", infer_same_float, vjp_none, .function = "sign");
UNARY(op_tanh, "tanh", "hyperbolic tangent", infer_same_float, vjp_tanh, .function = "tanh",
      .costly = true);
UNARY(op_tanh_slope, "tanh-slope", "1 / cosh(x)^2, the derivative of tanh", infer_same_float,
      vjp_tanh_slope, .hidden = true, .costly = true);
UNARY(op_expm1, "expm1", "e^x - 1, accurate near 0", infer_same_float, vjp_expm1,
      .function = "expm1", .costly = true);
UNARY(op_log1p, "log1p", "ln(1 + x), accurate near 0", infer_same_float, vjp_log1p,
      .function = "log1p", .costly = true);
UNARY(op_sigmoid, "sigmoid", "1 / (1 + e^-x), accurate in both tails", infer_same_float,
      vjp_sigmoid, .function = "sigmoid", .costly = true);
UNARY(op_softplus, "softplus", "ln(1 + e^x), accurate in both tails", infer_same_float,
      vjp_softplus, .function = "softplus", .costly = true);
UNARY(op_erfc, "erfc", "1 - erf(x), as accurate where that is small", infer_same_float, vjp_erfc,
      .function = "erfc", .costly = true);
UNARY(op_gauss, "gauss", "e^(-x^2), accurate in the tail, where x^2 must not be rounded",
      infer_same_float, vjp_gauss, .function = "gauss", .costly = true);
UNARY(op_erf, "erf", "error function: 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x",
      infer_same_float, vjp_erf, .function = "erf", .costly = true);
UNARY(op_sin, "sin", "sine", infer_same_float, vjp_sin, .function = "sin", .costly = true);
UNARY(op_cos, "cos", "cosine", infer_same_float, vjp_cos, .function = "cos", .costly = true);
UNARY(op_not, "not", "logical not", logic_infer, vjp_none, .function = "not");
UNARY(op_stop_gradient, "stop-gradient", "x, a constant for every derivative", infer_same_float,
      vjp_none, .function = "stop");

BINARY(op_add, "add", "x + y", same_number, vjp_add, .commutes = true);
BINARY(op_sub, "sub", "x - y", same_number, vjp_sub);
BINARY(op_mul, "mul", "x y", same_number, vjp_mul, .commutes = true);
BINARY(op_div, "div", "x / y", infer_same_float, vjp_div, .costly = true);
BINARY(op_maximum, "maximum",
       "The larger, NaN where an operand is NaN. The derivative goes to the larger; half of it to "
       "each where they are equal.",
       same_number, vjp_maximum, .function = "max");
BINARY(
    op_minimum, "minimum",
    "The smaller, NaN where an operand is NaN. The derivative goes to the smaller; half of it to "
    "each where they are equal.",
    same_number, vjp_minimum, .function = "min");
BINARY(op_less, "less", "x < y", compare_infer, vjp_none, .function = "less");
BINARY(op_less_equal, "less-equal", "x <= y", compare_infer, vjp_none);
BINARY(op_equal, "equal", "x = y", compare_infer, vjp_none, .function = "equal", .commutes = true);
BINARY(op_and, "and", "both", logic_infer, vjp_none, .function = "and", .commutes = true);
BINARY(op_or, "or", "either", logic_infer, vjp_none, .function = "or", .commutes = true);

static const AttrDesc power_attrs[] = {
    {"exponent", ATTR_FLOAT, NULL, NULL, 0, 0, "a constant; x > 0 unless it is a whole number"}};
static NodeId make_power(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  double exponent;
  memcpy(&exponent, a[POWER_EXPONENT].values, sizeof exponent);
  return emit_power(e, in[0], exponent);
}
const OpDesc op_power = {.name = "power",
                         .doc = "x^exponent",
                         .op_class = OP_CLASS_ELEMENTWISE,
                         .inputs = one,
                         .n_inputs = 1,
                         .attrs = power_attrs,
                         .n_attrs = 1,
                         .make = make_power,
                         .infer = infer_same_float,
                         .vjp = vjp_power,
                         .costly = true};

static const AttrDesc cast_attrs[] = {{"dtype", ATTR_DTYPE, NULL, NULL, 0, 0, "the new type"}};
static Status cast_infer(InferContext *c) {
  int64_t dtype = infer_int(c, CAST_DTYPE);
  if (dtype < 0 || dtype >= DTYPE_COUNT) return infer_fail(c, NULL, "no such element type");
  c->dtype = (DType)dtype;
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}
static NodeId make_cast(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_cast(e, in[0], (DType)*a[CAST_DTYPE].values);
}
const OpDesc op_cast = {.name = "cast",
                        .doc = "x in another element type; to an integer, fractions are cut off "
                               "and what lies outside becomes the nearest end; to bool, 1 unless x "
                               "is 0. Only between floating types it has a derivative.",
                        .op_class = OP_CLASS_ELEMENTWISE,
                        .inputs = one,
                        .n_inputs = 1,
                        .attrs = cast_attrs,
                        .n_attrs = 1,
                        .make = make_cast,
                        .infer = cast_infer,
                        .vjp = vjp_cast};

static const InputDesc select_inputs[] = {{"condition", false, false, "bool"},
                                          {"in", false, false, "where true"},
                                          {"with", false, false, "where false"}};
static Status select_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  if (infer_dtype(c, 0) != DTYPE_BOOL)
    return infer_fail(c, bool_hint, "%s must be bool", infer_label(c, 0, a));
  if (infer_dtype(c, 1) != infer_dtype(c, 2))
    return infer_fail(c, "use cast", "the two values have different element types");
  for (uint32_t i = 1; i < 3; i++)
    if (!shape_equal(infer_shape(c, i), infer_shape(c, 0)))
      return infer_fail(c, NULL, "%s has another shape than the condition", infer_label(c, i, a));
  c->dtype = infer_dtype(c, 1);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}
const OpDesc op_select = {.name = "select",
                          .doc = "condition ? x : y",
                          .op_class = OP_CLASS_ELEMENTWISE,
                          .inputs = select_inputs,
                          .n_inputs = 3,
                          .infer = select_infer,
                          .vjp = vjp_select,
                          .no_gradient = 1,
                          .function = "where"};
