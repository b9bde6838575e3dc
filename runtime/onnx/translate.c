/* Operands, results, elementwise ops and reductions. */
#include "runtime/onnx/translate.h"

#include "graph/base/text.h"
#include "graph/ir/source.h"

#include <stdarg.h>
#include <string.h>

OnnxType onnx_type(DType dtype) {
  static const uint8_t types[DTYPE_COUNT] = {[DTYPE_F32] = ONNX_FLOAT,
                                             [DTYPE_F64] = ONNX_FLOAT,
                                             [DTYPE_I32] = ONNX_INT32,
                                             [DTYPE_I64] = ONNX_INT64,
                                             [DTYPE_BOOL] = ONNX_BOOL};
  return types[dtype];
}

Status onnx_refuse(const Translation *t, const char *hint, const char *format, ...) {
  char text[600];
  const Node *node = onnx_of(t, t->id);
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  const char *name = graph_text(t->g, node->name ? node->name : node->stamp.scope);
  return source_error(NULL, t->plan->symbols, t->diag, node->stamp.loc, STATUS_INVALID, hint,
                      "%s '%s' %s", op_desc(node->op)->name, name, text);
}

/* ---- operands ---- */

static const char *turn(Translation *t, const char *name, bool to_channels) {
  static const int64_t perms[2][4] = {{0, 2, 3, 1}, {0, 3, 1, 2}};
  OnnxAttr perm = ONNX_INTS("perm", perms[to_channels], 4);
  return onnx_node(&t->m, "Transpose", &name, 1, &perm, 1);
}

const char *onnx_plain(Translation *t, NodeId id) {
  OnnxValue *v = &t->values[id];
  if (!v->plain) v->plain = turn(t, v->channels, false);
  return v->plain;
}

const char *onnx_channels(Translation *t, NodeId id) {
  OnnxValue *v = &t->values[id];
  if (!v->channels) v->channels = turn(t, v->plain, true);
  return v->channels;
}

const char *onnx_shape(Translation *t, const Shape *shape, const uint8_t *axis) {
  const char *parts[RANK_MAX];
  int64_t dims[RANK_MAX];
  uint32_t n = 0, pending = 0;
  for (int i = 0; i < shape->rank; i++) {
    if (axis[i] != AXIS_BATCH) {
      dims[pending++] = axis[i] == AXIS_ONE ? 1 : shape->dim[i];
      continue;
    }
    if (pending) parts[n++] = onnx_ints(&t->m, dims, pending);
    pending = 0;
    int64_t each = shape->dim[i] / t->images;
    parts[n++] =
        each == 1 ? t->batch : onnx_binary(&t->m, "Mul", t->batch, onnx_ints(&t->m, &each, 1));
  }
  if (pending || !n) parts[n++] = onnx_ints(&t->m, dims, pending);
  OnnxAttr along = ONNX_INT("axis", 0);
  return n == 1 ? parts[0] : onnx_node(&t->m, "Concat", parts, n, &along, 1);
}

const char *onnx_expand(Translation *t, NodeId id, const uint8_t *axis) {
  const OnnxValue *v = &t->values[id];
  const Node *node = onnx_of(t, id);
  uint8_t want[RANK_MAX];
  bool changes = false;
  for (int i = 0; i < node->shape.rank; i++) {
    bool repeats = axis[i] != v->axis[i] && axis[i] != AXIS_ONE &&
                   (node->shape.dim[i] > 1 || axis[i] == AXIS_BATCH);
    want[i] = repeats ? axis[i] : AXIS_ONE; /* a 1 leaves an axis as it is */
    changes |= repeats;
  }
  const char *name = onnx_plain(t, id);
  return changes ? onnx_binary(&t->m, "Expand", name, onnx_shape(t, &node->shape, want)) : name;
}

const char *onnx_full(Translation *t, NodeId id, uint32_t keep) {
  const OnnxValue *v = &t->values[id];
  uint8_t want[RANK_MAX];
  for (int i = 0; i < RANK_MAX; i++)
    want[i] = v->axis[i] == AXIS_ONE && !(keep >> i & 1) ? AXIS_FULL : v->axis[i];
  return onnx_expand(t, id, want);
}

/* Axis `i` of values of one shape, together; AXIS_CLASH: they do not go together. */
enum { AXIS_CLASH = AXIS_BATCH + 1 };
static uint8_t joined(const Translation *t, const NodeId *ids, uint32_t n, int i) {
  bool batch = false, full = false, one = false;
  for (uint32_t k = 0; k < n; k++) {
    uint8_t axis = t->values[ids[k]].axis[i];
    batch |= axis == AXIS_BATCH;
    full |= axis == AXIS_FULL && onnx_of(t, ids[k])->shape.dim[i] > 1;
    one |= axis == AXIS_ONE;
  }
  if (batch) return full ? AXIS_CLASH : AXIS_BATCH;
  return one && !full ? AXIS_ONE : AXIS_FULL;
}

Status onnx_agree(const Translation *t, const NodeId *ids, uint32_t n, int but, uint8_t *out) {
  int rank = onnx_of(t, ids[0])->shape.rank;
  for (int i = 0; i < RANK_MAX; i++) {
    uint8_t axis = i < rank ? joined(t, ids, n, i) : AXIS_FULL;
    if (axis == AXIS_CLASH && i != but)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "meets a value that has something else for each of the plan's %lld images",
                         (long long)t->images);
    out[i] = axis == AXIS_CLASH ? AXIS_BATCH : axis;
  }
  return STATUS_OK;
}

/* ---- results ---- */

static Status set_axes(Translation *t, const uint8_t *axis) {
  int n = 0, rank = onnx_of(t, t->id)->shape.rank;
  for (int i = 0; i < RANK_MAX && i < rank; i++) {
    t->values[t->id].axis[i] = axis[i];
    n += axis[i] == AXIS_BATCH;
  }
  if (n < 2) return STATUS_OK;
  return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                     "compares the images of a batch with each other");
}

Status onnx_set(Translation *t, const char *name, const uint8_t *axis) {
  t->values[t->id].plain = name;
  return set_axes(t, axis);
}

Status onnx_set_channels(Translation *t, const char *name, const uint8_t *axis) {
  t->values[t->id].channels = name;
  return set_axes(t, axis);
}

/* ---- elementwise ---- */

/* Of one op of ONNX; others are made of several. */
static const char *const elementwise[OP_PRIMITIVE_COUNT] = {
    [OP_NEG] = "Neg",     [OP_EXP] = "Exp",         [OP_LOG] = "Log",
    [OP_SQRT] = "Sqrt",   [OP_ABS] = "Abs",         [OP_SIGN] = "Sign",
    [OP_TANH] = "Tanh",   [OP_SIGMOID] = "Sigmoid", [OP_SOFTPLUS] = "Softplus",
    [OP_ERF] = "Erf",     [OP_SIN] = "Sin",         [OP_COS] = "Cos",
    [OP_NOT] = "Not",     [OP_ADD] = "Add",         [OP_SUB] = "Sub",
    [OP_MUL] = "Mul",     [OP_DIV] = "Div",         [OP_MAXIMUM] = "Max",
    [OP_MINIMUM] = "Min", [OP_LESS] = "Less",       [OP_LESS_EQUAL] = "LessOrEqual",
    [OP_EQUAL] = "Equal", [OP_AND] = "And",         [OP_OR] = "Or",
    [OP_SELECT] = "Where"};

/* 1 - x, and the like. */
static const char *from_one(OnnxModel *m, const char *x) {
  return onnx_binary(m, "Sub", onnx_scalar(m, ONNX_FLOAT, 1), x);
}

/* Made of several; NULL: not known. */
static const char *composed(Translation *t, const Node *node, const char *x) {
  OnnxModel *m = &t->m;
  switch (node->op) {
  case OP_RSQRT:
    return onnx_unary(m, "Reciprocal", onnx_unary(m, "Sqrt", x));
  case OP_EXPM1:
    return onnx_binary(m, "Sub", onnx_unary(m, "Exp", x), onnx_scalar(m, ONNX_FLOAT, 1));
  case OP_LOG1P:
    return onnx_unary(m, "Log", onnx_binary(m, "Add", x, onnx_scalar(m, ONNX_FLOAT, 1)));
  case OP_ERFC:
    return from_one(m, onnx_unary(m, "Erf", x));
  case OP_GAUSS:
    return onnx_unary(m, "Exp", onnx_unary(m, "Neg", onnx_binary(m, "Mul", x, x)));
  case OP_TANH_SLOPE: {
    const char *y = onnx_unary(m, "Tanh", x);
    return from_one(m, onnx_binary(m, "Mul", y, y));
  }
  case OP_POWER:
    return onnx_binary(m, "Pow", x, onnx_scalar(m, ONNX_FLOAT, node_param(t->g, t->id)));
  case OP_CAST:
    return onnx_cast(m, x, onnx_type((DType)node->dtype));
  case OP_STOP_GRADIENT:
  case OP_GRADIENT_SCALE:
    return x;
  default:
    return NULL;
  }
}

static Status translate_elementwise(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  const NodeId *ids = node_inputs(t->g, t->id);
  const char *names[3], *result;
  uint8_t axis[RANK_MAX];
  bool channels = false;
  TRY(onnx_agree(t, ids, node->n_inputs, -1, axis));
  for (uint32_t i = 0; i < node->n_inputs && i < 3; i++)
    channels |= node->shape.rank == 4 && !t->values[ids[i]].plain;
  for (uint32_t i = 0; i < node->n_inputs && i < 3; i++)
    names[i] = channels ? onnx_channels(t, ids[i]) : onnx_plain(t, ids[i]);
  if (elementwise[node->op])
    result = onnx_node(&t->m, elementwise[node->op], names, node->n_inputs, NULL, 0);
  else
    result = composed(t, node, names[0]);
  return channels ? onnx_set_channels(t, result, axis) : onnx_set(t, result, axis);
}

/* ---- reductions ---- */

/* Where axis `i` of an image lies with channels first. */
static int64_t channels_first(int64_t i) {
  static const int64_t at[4] = {0, 2, 3, 1};
  return at[i];
}

/* What is reduced along an axis that is one; a sum is as many times the element. */
static Status check_reduced(const Translation *t, const int64_t *axes, uint32_t n, double *times) {
  NodeId in = node_input(t->g, t->id, 0);
  *times = 1;
  for (uint32_t i = 0; i < n; i++) {
    uint8_t axis = t->values[in].axis[axes[i]];
    if (axis == AXIS_BATCH)
      return onnx_refuse(t, "--fixed-batch exports the plan's own number of images",
                         "is over the images of a batch: a result would depend on its neighbours");
    if (axis == AXIS_ONE) *times *= (double)onnx_of(t, in)->shape.dim[axes[i]];
  }
  return STATUS_OK;
}

static const char *sum_over(Translation *t, const char *x, const int64_t *axes, uint32_t n,
                            const char *op) {
  OnnxAttr attrs[] = {ONNX_INTS("axes", axes, n), ONNX_INT("keepdims", 1)};
  const char *inputs[] = {x, NULL};
  if (strcmp(op, "ReduceSum") != 0) return onnx_node(&t->m, op, inputs, 1, attrs, 2);
  inputs[1] = onnx_ints(&t->m, axes, n);
  return onnx_node(&t->m, op, inputs, 2, attrs + 1, 1);
}

static Status translate_reduction(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  NodeId in = node_input(t->g, t->id, 0);
  uint32_t n;
  int64_t axes[RANK_MAX];
  const int64_t *given = node_attr(t->g, t->id, REDUCE_AXES, &n);
  uint8_t axis[RANK_MAX];
  double times;
  TRY(check_reduced(t, given, n, &times));
  bool channels = node->shape.rank == 4 && !t->values[in].plain;
  const char *x = channels ? onnx_channels(t, in) : onnx_plain(t, in), *result;
  memcpy(axis, t->values[in].axis, sizeof axis);
  for (uint32_t i = 0; i < n; i++) {
    axis[given[i]] = AXIS_FULL;
    axes[i] = channels ? channels_first(given[i]) : given[i];
  }
  if (node->op == OP_VARIANCE) {
    NodeId mean = node_input(t->g, t->id, 1);
    const char *m = channels ? onnx_channels(t, mean) : onnx_plain(t, mean);
    const char *d = onnx_binary(&t->m, "Sub", x, m);
    result = sum_over(t, onnx_binary(&t->m, "Mul", d, d), axes, n, "ReduceMean");
  } else {
    result = sum_over(t, x, axes, n, node->op == OP_REDUCE_MAX ? "ReduceMax" : "ReduceSum");
    if (node->op == OP_REDUCE_SUM && times != 1)
      result = onnx_binary(&t->m, "Mul", result,
                           onnx_scalar(&t->m, onnx_type((DType)node->dtype), times));
  }
  return channels ? onnx_set_channels(t, result, axis) : onnx_set(t, result, axis);
}

/* ---- all ops ---- */

Status onnx_translate(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  t->m.scope = graph_text(t->g, node->stamp.scope);
  switch (node->op) {
  case OP_CONSTANT:
  case OP_IOTA:
  case OP_INPUT:
  case OP_STATE:
    return onnx_leaf(t);
  case OP_REDUCE_SUM:
  case OP_REDUCE_MAX:
  case OP_VARIANCE:
    return translate_reduction(t);
  case OP_BROADCAST:
  case OP_RESHAPE:
  case OP_TRANSPOSE:
  case OP_SLICE:
  case OP_PAD:
  case OP_CONCAT:
    return onnx_shapes(t);
  case OP_ARG_MAX:
  case OP_CUMULATIVE_SUM:
  case OP_GATHER:
  case OP_SCATTER_ADD:
  case OP_PICK:
  case OP_PLACE:
  case OP_ARG_SORT:
    return onnx_indexed(t);
  case OP_MATMUL:
  case OP_CONV:
  case OP_POOL_INDEX:
  case OP_POOL_GATHER:
  case OP_POOL_SUM:
  case OP_POOL_SPREAD:
  case OP_POOL_SCATTER:
  case OP_CONV_DX:
  case OP_RESIZE:
  case OP_RESIZE_ADJOINT:
    return onnx_windows(t);
  case OP_RANDOM:
    return onnx_refuse(t, "a program for tests draws nothing", "draws random numbers");
  case OP_ALL_REDUCE:
  case OP_ALL_GATHER:
  case OP_RANK_PART:
  case OP_RANK_MEAN:
    return onnx_refuse(t, "graphc without --ranks makes a plan that can be exported",
                       "is for several processes");
  default:
    if (op_desc(node->op)->op_class == OP_CLASS_ELEMENTWISE) return translate_elementwise(t);
    return onnx_refuse(t, "a program without <gradient> and <pullback> can be exported",
                       "is of derivatives, and ONNX has no such op");
  }
}
