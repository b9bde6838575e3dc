/* Composites: normalisation and statistics.  Channels are the last axis; variances in two passes.
 */
#include "graph/base/text.h"
#include "ops/rule.h"

static const InputDesc affine_inputs[] = {{"in", false, false, "the operand, channels last"},
                                          {"weight", false, false, "scale of each channel"},
                                          {"bias", false, false, "shift of each channel"}};
static const AttrDesc eps_attrs[] = {
    {"eps", ATTR_FLOAT, "1e-5", NULL, 0, 1, "added to the variance"}};
static const char *const statistics_results[] = {"out", "mean", "variance"};

/* Mean and variance of one element are itself and 0: whatever the operand, the result is the bias.
 */
static void warn_one(Emitter *e, const CompositeCall *c, NodeId x, uint32_t axes,
                     const char *what) {
  if (x == NODE_NONE || e->status != STATUS_OK || emit_axes_count(e, x, axes) != 1) return;
  char a[INFER_LABEL_MAX];
  source_warning(e->sources, e->graph->symbols, e->diag, e->stamp.loc,
                 "it takes the mean and the variance of several",
                 "%s of one %s: the result is the bias, whatever %s is", c->op->name, what,
                 infer_node_label(e->graph, c->inputs[0], a));
}

/* The last axis as (1, ..., 1, C). */
static NodeId channel_row(Emitter *e, NodeId v, NodeId like) {
  if (v == NODE_NONE || like == NODE_NONE) return NODE_NONE;
  Shape shape = {.rank = emit_shape(e, like)->rank};
  for (int i = 0; i < shape.rank; i++) shape.dim[i] = 1;
  shape.dim[shape.rank - 1] = emit_shape(e, like)->dim[shape.rank - 1];
  if (shape_count(emit_shape(e, v)) != shape.dim[shape.rank - 1]) {
    char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], hint[80];
    text_format(hint, sizeof hint, "channels are the last axis: shape=\"%lld\" fits",
                (long long)shape.dim[shape.rank - 1]);
    return emitter_fail(e, hint, "%s has %lld elements, %s has %lld channels",
                        infer_node_label(e->graph, v, a), (long long)shape_count(emit_shape(e, v)),
                        infer_node_label(e->graph, like, b), (long long)shape.dim[shape.rank - 1]);
  }
  return emit_reshape(e, v, &shape);
}

static NodeId channel_vector(Emitter *e, NodeId v) {
  return v == NODE_NONE ? v
                        : emit_reshape_dims(e, v, 1, (int64_t[]){shape_count(emit_shape(e, v))});
}

static bool has_rank(Emitter *e, NodeId x, int low) {
  if (x == NODE_NONE) return false;
  if (emit_shape(e, x)->rank >= low) return true;
  char a[INFER_LABEL_MAX];
  emitter_fail(e, "channels are the last axis of it: (rows, channels), (N, H, W, C)",
               "%s has %d dimensions, at least %d are needed", infer_node_label(e->graph, x, a),
               emit_shape(e, x)->rank, low);
  return false;
}

/* Weight (input 1) or bias (input 2) of each channel of the operand, in the shape `row` when given.
 */
static NodeId affine(Emitter *e, const CompositeCall *c, uint32_t input, const Shape *row) {
  NodeId v = channel_row(e, c->inputs[input], c->inputs[0]);
  return row && v != NODE_NONE ? emit_reshape(e, v, row) : v;
}

/* y = (x - mean) (rsqrt(var + eps) weight) + bias; x is the operand, or a view of it that weight
 * and bias meet as `row`.  The factor is formed on the small tensors, so that derivatives share the
 * sums over x.  One call a statement: the order of nodes, and with it that of a plan's steps, must
 * not hang on the order in which a compiler evaluates arguments. */
static NodeId normalise(Emitter *e, const CompositeCall *c, NodeId x, NodeId mean, NodeId var,
                        double eps, const Shape *row) {
  NodeId rstd = emit_unary(e, OP_RSQRT, emit_shift(e, var, eps));
  NodeId weight = affine(e, c, 1, row);
  NodeId scale = emit_mul(e, rstd, weight);
  NodeId centred = emit_sub(e, x, mean);
  NodeId bias = affine(e, c, 2, row);
  NodeId scaled = emit_mul(e, centred, scale);
  return emit_add(e, scaled, bias);
}

static Status expand_batch_norm(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 2)) return e->status;
  uint32_t axes = (1u << (emit_shape(e, x)->rank - 1)) - 1;
  warn_one(e, c, x, axes, "row");
  NodeId mean = emit_mean(e, x, axes), var = emit_variance(e, x, mean, axes);
  double n = (double)emit_axes_count(e, x, axes);
  c->results[0] = normalise(e, c, x, mean, var, composite_float(c, 0), NULL);
  c->results[1] = channel_vector(e, mean);
  c->results[2] = channel_vector(e, emit_scale(e, var, n / (n > 2 ? n - 1 : 1)));
  return e->status;
}
const OpDesc op_batch_norm = {
    .name = "batch-norm",
    .doc = "Normalises each channel over all other axes; `variance` is the unbiased one.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = affine_inputs,
    .n_inputs = 3,
    .attrs = eps_attrs,
    .n_attrs = 1,
    .results = statistics_results,
    .n_results = 3,
    .expand = expand_batch_norm};

static Status expand_instance_norm(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 3)) return e->status;
  uint32_t axes = ((1u << (emit_shape(e, x)->rank - 1)) - 1) & ~1u;
  warn_one(e, c, x, axes, "pixel");
  NodeId mean = emit_mean(e, x, axes), var = emit_variance(e, x, mean, axes);
  c->results[0] = normalise(e, c, x, mean, var, composite_float(c, 0), NULL);
  return e->status;
}
const OpDesc op_instance_norm = {.name = "instance-norm",
                                 .doc = "Normalises each channel of each image over its pixels.",
                                 .op_class = OP_CLASS_COMPOSITE,
                                 .inputs = affine_inputs,
                                 .n_inputs = 3,
                                 .attrs = eps_attrs,
                                 .n_attrs = 1,
                                 .n_results = 1,
                                 .expand = expand_instance_norm};

/* Each vector along the last axis by itself. */
static Status expand_layer_norm(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 1)) return e->status;
  uint32_t last = 1u << (emit_shape(e, x)->rank - 1);
  warn_one(e, c, x, last, "channel");
  NodeId mean = emit_mean(e, x, last);
  NodeId var = emit_variance(e, x, mean, last);
  c->results[0] = normalise(e, c, x, mean, var, composite_float(c, 0), NULL);
  return e->status;
}
const OpDesc op_layer_norm = {.name = "layer-norm",
                              .doc = "Normalises each vector along the last axis.",
                              .op_class = OP_CLASS_COMPOSITE,
                              .inputs = affine_inputs,
                              .n_inputs = 3,
                              .attrs = eps_attrs,
                              .n_attrs = 1,
                              .n_results = 1,
                              .expand = expand_layer_norm};

static const AttrDesc group_attrs[] = {
    {"groups", ATTR_INT, NULL, NULL, 1, 1e9, "groups of consecutive channels"},
    {"eps", ATTR_FLOAT, "1e-5", NULL, 0, 1, "added to the variance"}};
/* Channels are split: (N, pixels, groups, channels of a group), reduced over pixels and the last.
 */
static Status expand_group_norm(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 2)) return e->status;
  Shape from = *emit_shape(e, x);
  int64_t groups = composite_int(c, 0), channels = from.dim[from.rank - 1];
  if (channels % groups != 0) {
    emitter_fail(e, "groups is a divisor of the channels, which are the last axis",
                 "%lld channels cannot be split into %lld groups", (long long)channels,
                 (long long)groups);
    return e->status;
  }
  int64_t pixels = shape_count(&from) / from.dim[0] / channels, width = channels / groups;
  Shape row = {.rank = 4, .dim = {1, 1, groups, width}};
  NodeId split = emit_reshape_dims(e, x, 4, (int64_t[]){from.dim[0], pixels, groups, width});
  warn_one(e, c, split, 1u << 1 | 1u << 3, "pixel and channel");
  NodeId mean = emit_mean(e, split, 1u << 1 | 1u << 3);
  NodeId var = emit_variance(e, split, mean, 1u << 1 | 1u << 3);
  NodeId y = normalise(e, c, split, mean, var, composite_float(c, 1), &row);
  c->results[0] = emit_reshape(e, y, &from);
  return e->status;
}
const OpDesc op_group_norm = {
    .name = "group-norm",
    .doc = "Normalises each group of channels of each image, over its pixels and channels.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = affine_inputs,
    .n_inputs = 3,
    .attrs = group_attrs,
    .n_attrs = 2,
    .n_results = 1,
    .expand = expand_group_norm};

static const InputDesc fixed_inputs[] = {{"in", false, false, "the operand, channels last"},
                                         {"weight", false, false, "scale of each channel"},
                                         {"bias", false, false, "shift of each channel"},
                                         {"mean", false, false, "running mean"},
                                         {"variance", false, false, "running variance"}};
static Status expand_fixed_norm(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 1)) return e->status;
  NodeId var = channel_row(e, c->inputs[4], x), mean = channel_row(e, c->inputs[3], x);
  c->results[0] = normalise(e, c, x, mean, var, composite_float(c, 0), NULL);
  return e->status;
}
const OpDesc op_fixed_norm = {.name = "fixed-norm",
                              .doc = "Batch norm with given statistics (evaluation).",
                              .op_class = OP_CLASS_COMPOSITE,
                              .inputs = fixed_inputs,
                              .n_inputs = 5,
                              .attrs = eps_attrs,
                              .n_attrs = 1,
                              .n_results = 1,
                              .expand = expand_fixed_norm};

static const InputDesc one[] = {{"in", false, false, "the operand, channels last"}};
static const char *const moments_results[] = {"mean", "deviation"};
static const AttrDesc moments_attrs[] = {
    {"eps", ATTR_FLOAT, "1e-5", NULL, 0, 1, "added to the variance"},
    {"groups", ATTR_INT, "1", NULL, 1, 1e9,
     "groups of consecutive rows, each with its own moments"}};
/* Rows are split into groups: (G, N/G, ..., C), reduced over all but the first and last axis.  Rows
 * keep an axis of their own, by which sums over them can be shared (compiler/simplify.c). */
static Status expand_moments(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 2)) return e->status;
  Shape from = *emit_shape(e, x);
  int64_t groups = composite_int(c, 1), channels = from.dim[from.rank - 1];
  if (from.dim[0] % groups != 0) {
    emitter_fail(e, "groups of equal size are cut from the first axis",
                 "%lld rows cannot be split into %lld groups", (long long)from.dim[0],
                 (long long)groups);
    return e->status;
  }
  int64_t rows = from.dim[0] / groups, pixels = shape_count(&from) / from.dim[0] / channels;
  NodeId split = emit_reshape_dims(e, x, 4, (int64_t[]){groups, rows, pixels, channels});
  NodeId mean = emit_mean(e, split, 1u << 1 | 1u << 2);
  NodeId var = emit_variance(e, split, mean, 1u << 1 | 1u << 2);
  NodeId deviation = emit_unary(e, OP_SQRT, emit_shift(e, var, composite_float(c, 0)));
  int64_t dims[] = {groups, channels};
  c->results[0] = emit_reshape_dims(e, mean, 2, dims);
  c->results[1] = emit_reshape_dims(e, deviation, 2, dims);
  return e->status;
}
const OpDesc op_moments = {
    .name = "moments",
    .doc = "Mean and sqrt(biased variance + eps) of each channel, a row for each group.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = moments_attrs,
    .n_attrs = 2,
    .results = moments_results,
    .n_results = 2,
    .expand = expand_moments};

static const AttrDesc normalize_attrs[] = {
    {"eps", ATTR_FLOAT, "1e-12", NULL, 0, 1, "added to the squared norm"}};
static Status expand_normalize(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!has_rank(e, x, 1)) return e->status;
  uint32_t last = 1u << (emit_shape(e, x)->rank - 1);
  NodeId squared = emit_reduce_sum(e, emit_mul(e, x, x), last);
  NodeId inverse = emit_unary(e, OP_RSQRT, emit_shift(e, squared, composite_float(c, 0)));
  c->results[0] = emit_mul(e, x, inverse);
  return e->status;
}
const OpDesc op_normalize = {.name = "normalize",
                             .doc = "x rsqrt(sum x^2 + eps) along the last axis.",
                             .op_class = OP_CLASS_COMPOSITE,
                             .inputs = one,
                             .n_inputs = 1,
                             .attrs = normalize_attrs,
                             .n_attrs = 1,
                             .n_results = 1,
                             .expand = expand_normalize};
