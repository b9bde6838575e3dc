/* Leaves: constants, index ramps, inputs, state and random sites. */
#include "ops/rule.h"

#include <string.h>

NodeId vjp_none(Emitter *e, NodeId node, NodeId dy, uint32_t input) {
  (void)e, (void)node, (void)dy, (void)input;
  return NODE_NONE;
}

static const AttrDesc constant_attrs[] = {
    {"values", ATTR_FLOATS, NULL, NULL, 0, 0, "one value for all elements, or one for each"},
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions; empty: a scalar"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
};

static Status leaf_type(InferContext *c, uint32_t shape_attr, uint32_t dtype_attr) {
  int64_t dtype = infer_int(c, dtype_attr);
  if (dtype < 0 || dtype >= DTYPE_COUNT)
    return infer_fail(c, NULL, "element type %lld does not exist", (long long)dtype);
  c->dtype = (DType)dtype;
  return infer_set_shape(c, shape_attr);
}

static Status constant_infer(InferContext *c) {
  TRY(leaf_type(c, CONSTANT_SHAPE, CONSTANT_DTYPE));
  uint32_t n;
  const int64_t *bits = infer_ints(c, CONSTANT_VALUES, &n);
  if (n != 1 && n != (uint64_t)shape_count(&c->shape))
    return infer_fail(c, "give one value, or one for each element", "%u values for %lld elements",
                      n, (long long)shape_count(&c->shape));
  for (uint32_t i = 0; i < n; i++) {
    double value;
    memcpy(&value, &bits[i], sizeof value);
    const char *why = dtype_refuses(c->dtype, value);
    if (why) return infer_fail(c, NULL, "value %.16g %s", value, why);
  }
  return STATUS_OK;
}

static NodeId make_constant(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)in, (void)n;
  Shape shape = {.rank = (uint8_t)a[CONSTANT_SHAPE].count};
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = a[CONSTANT_SHAPE].values[i];
  const double *values = (const double *)(const void *)a[CONSTANT_VALUES].values;
  DType dtype = (DType)*a[CONSTANT_DTYPE].values;
  if (a[CONSTANT_VALUES].count == 1) return emit_constant(e, values[0], dtype, &shape);
  return emit_constant_list(e, values, dtype, &shape);
}
const OpDesc op_constant = {.name = "constant",
                            .doc = "A constant tensor.",
                            .op_class = OP_CLASS_LEAF,
                            .attrs = constant_attrs,
                            .n_attrs = COUNT_OF(constant_attrs),
                            .make = make_constant,
                            .infer = constant_infer,
                            .vjp = vjp_none};

static const AttrDesc iota_attrs[] = {
    {"axis", ATTR_INT, "0", NULL, 0, RANK_MAX - 1, "the axis to count along"},
    {"shape", ATTR_INTS, NULL, NULL, 0, 0, "dimensions"},
    {"dtype", ATTR_DTYPE, "i32", NULL, 0, 0, "element type"},
};

static Status iota_infer(InferContext *c) {
  TRY(leaf_type(c, IOTA_SHAPE, IOTA_DTYPE));
  int64_t axis = infer_int(c, IOTA_AXIS);
  if (c->dtype == DTYPE_I32) return infer_index_axis(c, axis);
  TRY(infer_axis(c, axis));
  int exact = dtype_desc(c->dtype)->exact;
  if (exact < 63 && c->shape.dim[axis] > ((int64_t)1 << exact) + 1)
    return infer_fail(c, "dtype f64, or i64",
                      "%s holds the indices up to 2^%d only, these are %lld", dtype_name(c->dtype),
                      exact, (long long)c->shape.dim[axis]);
  return STATUS_OK;
}

const OpDesc op_iota = {.name = "iota",
                        .doc = "Each element is its index along one axis.",
                        .op_class = OP_CLASS_LEAF,
                        .attrs = iota_attrs,
                        .n_attrs = COUNT_OF(iota_attrs),
                        .infer = iota_infer,
                        .vjp = vjp_none};

static const AttrDesc named_attrs[] = {
    {"name", ATTR_NAME, NULL, NULL, 0, 0, "name"},
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
};

static Status named_infer(InferContext *c) {
  return leaf_type(c, INPUT_SHAPE, INPUT_DTYPE);
}

const OpDesc op_input = {.name = "input-value",
                         .doc = "What the runtime supplies.",
                         .hidden = true,
                         .op_class = OP_CLASS_LEAF,
                         .attrs = named_attrs,
                         .n_attrs = COUNT_OF(named_attrs),
                         .infer = named_infer,
                         .vjp = vjp_none};

static const AttrDesc state_attrs[] = {
    {"index", ATTR_INT, NULL, NULL, 0, 0, "index of the state"},
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
};
const OpDesc op_state = {.name = "state-value",
                         .doc = "A state's value at entry.",
                         .hidden = true,
                         .op_class = OP_CLASS_LEAF,
                         .attrs = state_attrs,
                         .n_attrs = COUNT_OF(state_attrs),
                         .infer = named_infer,
                         .vjp = vjp_none};

static const AttrDesc random_attrs[] = {
    {"site", ATTR_NAME, NULL, NULL, 0, 0, "name of the random site"},
    {"distribution", ATTR_ENUM, "normal", "normal uniform", 0, 0, "N(0,1) or U(0,1)"},
    {"shape", ATTR_INTS, "", NULL, 0, 0, "dimensions"},
    {"dtype", ATTR_DTYPE, "float", NULL, 0, 0, "element type"},
};
static const InputDesc random_inputs[] = {{"seed", false, false, "i64 scalar"},
                                          {"step", false, false, "i64 scalar"}};

static Status random_infer(InferContext *c) {
  for (uint32_t i = 0; i < 2; i++)
    if (infer_dtype(c, i) != DTYPE_I64 || infer_shape(c, i)->rank != 0)
      return infer_fail(c, NULL, "%s of a random site must be an i64 scalar",
                        random_inputs[i].name);
  TRY(leaf_type(c, RANDOM_SHAPE, RANDOM_DTYPE));
  if (!dtype_is_float(c->dtype)) return infer_fail(c, NULL, "random numbers are floating");
  return STATUS_OK;
}

const OpDesc op_random = {.name = "random-value",
                          .doc = "Philox draw of (seed, step, site, index).",
                          .hidden = true,
                          .op_class = OP_CLASS_LEAF,
                          .inputs = random_inputs,
                          .n_inputs = 2,
                          .attrs = random_attrs,
                          .n_attrs = COUNT_OF(random_attrs),
                          .no_gradient = 3,
                          .infer = random_infer,
                          .vjp = vjp_none};
