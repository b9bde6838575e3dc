/* Composites: soft-max, cross entropy, metric losses. */
#include "ops/rule.h"

#include <math.h>

static const InputDesc one[] = {{"in", false, false, "rows"}};

/* x minus its largest element of the last axis, which is a constant for derivatives. */
static NodeId shifted(Emitter *e, NodeId x) {
  if (!x) return x;
  int64_t last = emit_shape(e, x)->rank - 1;
  return emit_sub(e, x, emit_stop_gradient(e, emit_reduce_max(e, x, last)));
}

static bool require_rows(Emitter *e, NodeId x) {
  char a[INFER_LABEL_MAX];
  if (x == NODE_NONE) return false;
  if (emit_shape(e, x)->rank == 2) return true;
  emitter_fail(e, "<flatten> makes rows of images; <reshape> of anything",
               "rows (N, M) are needed, %s has %d dimensions", infer_node_label(e->graph, x, a),
               emit_shape(e, x)->rank);
  return false;
}

/* One class for each row. */
static bool require_labels(Emitter *e, NodeId labels, NodeId x, const char *what) {
  char a[INFER_LABEL_MAX], shape[SHAPE_TEXT_MAX];
  if (labels == NODE_NONE) return false;
  const Shape *s = emit_shape(e, labels);
  int64_t rows = emit_shape(e, x)->dim[0];
  if (s->rank == 1 && s->dim[0] == rows && emit_dtype(e, labels) == DTYPE_I32) return true;
  emitter_fail(e, "labels: <input ... dtype=\"i32\"/>, one for each row",
               "%s of %lld rows must be i32 (%lld), %s is %s %s", what, (long long)rows,
               (long long)rows, infer_node_label(e->graph, labels, a),
               dtype_name(emit_dtype(e, labels)), shape_text(s, shape, sizeof shape));
  return false;
}

static Status expand_softmax(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!x || emit_shape(e, x)->rank == 0) {
    emitter_fail(e, "it runs along the last axis", "soft-max of a scalar");
    return e->status;
  }
  NodeId p = emit_unary(e, OP_EXP, shifted(e, x));
  c->results[0] = emit_div(e, p, emit_reduce_sum(e, p, 1u << (emit_shape(e, x)->rank - 1)));
  return e->status;
}
const OpDesc op_softmax = {.name = "softmax",
                           .doc = "Soft-max along the last axis.",
                           .op_class = OP_CLASS_COMPOSITE,
                           .inputs = one,
                           .n_inputs = 1,
                           .n_results = 1,
                           .expand = expand_softmax};

/* ln sum e^x = m + ln sum e^(x - m), m the largest, a constant for derivatives; 0 where that is
 * infinite, since the difference of two infinities is no number. */
static Status expand_log_sum_exp(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!x || emit_shape(e, x)->rank == 0) {
    emitter_fail(e, NULL, "a sum over the last axis of a scalar");
    return e->status;
  }
  int64_t last = emit_shape(e, x)->rank - 1;
  NodeId most = emit_stop_gradient(e, emit_reduce_max(e, x, last));
  NodeId zero = emit_constant_like(e, 0, most);
  NodeId top = emit_constant_like(e, dtype_desc(emit_dtype(e, x))->largest, most);
  NodeId finite = emit_binary(e, OP_LESS_EQUAL, emit_unary(e, OP_ABS, most), top);
  NodeId shift = emit_select(e, finite, most, zero);
  NodeId sum = emit_reduce_sum(e, emit_unary(e, OP_EXP, emit_sub(e, x, shift)), 1u << last);
  NodeId result = emit_add(e, emit_unary(e, OP_LOG, sum), shift);
  Shape shape = *emit_shape(e, x);
  shape.rank--;
  c->results[0] = emit_reshape(e, result, &shape);
  return e->status;
}
const OpDesc op_log_sum_exp = {.name = "log-sum-exp",
                               .doc =
                                   "ln sum e^x along the last axis, which goes; overflows nowhere.",
                               .op_class = OP_CLASS_COMPOSITE,
                               .inputs = one,
                               .n_inputs = 1,
                               .n_results = 1,
                               .expand = expand_log_sum_exp,
                               .function = "log_sum_exp"};

static const InputDesc ce_inputs[] = {{"in", false, false, "logits (N, classes)"},
                                      {"labels", false, false, "i32 (N)"}};
static const AttrDesc ce_attrs[] = {
    {"smoothing", ATTR_FLOAT, "0", NULL, 0, 1, "target (1 - s) one-hot + s / classes"}};
/* With z the shifted logits: log sum exp z - (1 - s) z_label - s mean z, averaged over rows. */
static Status expand_cross_entropy(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0], labels = c->inputs[1];
  if (!require_rows(e, x) || !require_labels(e, labels, x, "labels")) return e->status;
  int64_t rows = emit_shape(e, x)->dim[0];
  double s = composite_float(c, 0);
  NodeId z = shifted(e, x);
  NodeId log_sum = emit_unary(e, OP_LOG, emit_reduce_sum(e, emit_unary(e, OP_EXP, z), 2));
  NodeId hit = emit_pick(e, z, emit_reshape_dims(e, labels, 2, (int64_t[]){rows, 1}), 1);
  NodeId loss = emit_sub(e, log_sum, emit_scale(e, hit, 1 - s));
  loss = emit_sub(e, loss, emit_scale(e, emit_mean(e, z, 2), s));
  c->results[0] = emit_scalar(e, emit_mean(e, loss, AXES_ALL));
  return e->status;
}
const OpDesc op_cross_entropy = {.name = "cross-entropy",
                                 .doc =
                                     "Mean over rows of the cross entropy with smoothed targets.",
                                 .op_class = OP_CLASS_COMPOSITE,
                                 .inputs = ce_inputs,
                                 .n_inputs = 2,
                                 .attrs = ce_attrs,
                                 .n_attrs = 1,
                                 .n_results = 1,
                                 .expand = expand_cross_entropy};

/* Squared Euclidean distances between all rows, from differences: (B, B). */
static NodeId pair_squares(Emitter *e, NodeId y) {
  int64_t b = emit_shape(e, y)->dim[0], d = emit_shape(e, y)->dim[1];
  NodeId left = emit_reshape_dims(e, y, 3, (int64_t[]){b, 1, d});
  NodeId right = emit_reshape_dims(e, y, 3, (int64_t[]){1, b, d});
  NodeId difference = emit_sub(e, left, right);
  NodeId sum = emit_reduce_sum(e, emit_mul(e, difference, difference), 4);
  return emit_reshape_dims(e, sum, 2, (int64_t[]){b, b});
}

/* (B, B) bool: equal labels of rows and columns. */
static NodeId same_label(Emitter *e, NodeId labels, int64_t b) {
  Shape square = {2, {b, b}};
  NodeId rows = emit_broadcast(e, emit_reshape_dims(e, labels, 2, (int64_t[]){b, 1}), &square);
  NodeId cols = emit_broadcast(e, emit_reshape_dims(e, labels, 2, (int64_t[]){1, b}), &square);
  return emit_binary(e, OP_EQUAL, rows, cols);
}

static NodeId diagonal(Emitter *e, int64_t b) {
  Shape square = {2, {b, b}};
  NodeId column = emit_iota(e, 1, DTYPE_I32, &square), row = emit_iota(e, 0, DTYPE_I32, &square);
  return emit_binary(e, OP_EQUAL, row, column);
}

/* Distance of each row of y to the row at `index`, computed anew from differences. */
static NodeId mined_distance(Emitter *e, CompositeCall *c, NodeId y, NodeId index,
                             const char *mask_name) {
  int64_t b = emit_shape(e, y)->dim[0];
  NodeId other = emit_gather(e, y, emit_reshape_dims(e, index, 1, (int64_t[]){b}));
  NodeId difference = emit_sub(e, y, other);
  NodeId r = emit_reduce_sum(e, emit_mul(e, difference, difference), 2);
  return build_safe_sqrt(e, c, r, 1e-6, mask_name); /* (B, 1) */
}

/* One row per anchor: 1.0 where any element of the mask's row is true. */
static NodeId any_in_row(Emitter *e, NodeId mask) {
  NodeId count = emit_reduce_sum(e, emit_cast(e, mask, e->float_type), 2);
  return emit_less(e, emit_constant_like(e, 0.5, count), count);
}

static const InputDesc hard_inputs[] = {{"in", false, false, "rows (B, D)"},
                                        {"labels", false, false, "i32 (B)"},
                                        {"group", true, false, "i32 (B): labels count in a group"}};
static const AttrDesc hard_attrs[] = {
    {"margin", ATTR_FLOAT, "0.3", NULL, 0, 0, "d(positive) - d(negative) + margin is penalised"},
    {"negatives", ATTR_ENUM, "any", "any group", 0, 0, "where negatives may come from"}};

/* Batch-hard triplet loss: farthest positive, nearest negative, mined on detached distances; the
 * mined pair's distance is computed anew.  Mean over anchors that have a positive; an anchor
 * without a negative counts with hinge 0. */
static Status expand_batch_hard(Emitter *e, CompositeCall *c) {
  NodeId y = c->inputs[0], labels = c->inputs[1], group = c->inputs[2];
  if (!require_rows(e, y) || !require_labels(e, labels, y, "labels")) return e->status;
  if (group && !require_labels(e, group, y, "group")) return e->status;
  int64_t b = emit_shape(e, y)->dim[0];
  NodeId same_group = group ? same_label(e, group, b) : NODE_NONE;
  NodeId same = same_label(e, labels, b);
  if (group) same = emit_binary(e, OP_AND, same, same_group);
  NodeId positive = emit_binary(e, OP_AND, same, emit_unary(e, OP_NOT, diagonal(e, b)));
  NodeId negative = emit_unary(e, OP_NOT, same);
  if (group && composite_int(c, 1) == 1) negative = emit_binary(e, OP_AND, negative, same_group);
  NodeId r = pair_squares(e, emit_stop_gradient(e, y));
  NodeId near = build_below(e, r, 1e-6);
  r = emit_select(e, near, emit_constant_like(e, 0, r), r);
  /* below every distance, which are squares, and every distance's opposite */
  NodeId none = emit_constant_like(e, -dtype_desc(emit_dtype(e, r))->largest, r);
  NodeId ip = emit_arg_max(e, emit_select(e, positive, r, none), 1);
  NodeId in = emit_arg_max(e, emit_select(e, negative, emit_neg(e, r), none), 1);
  composite_name(e, c, ip, "select/positive");
  composite_name(e, c, in, "select/negative");
  NodeId dp = mined_distance(e, c, y, ip, "select/positive-near");
  NodeId dn = mined_distance(e, c, y, in, "select/negative-near");
  NodeId hinge =
      build_hinge(e, c, emit_shift(e, emit_sub(e, dp, dn), composite_float(c, 0)), "select/hinge");
  NodeId has_positive = any_in_row(e, positive), has_negative = any_in_row(e, negative);
  NodeId zero = emit_constant_like(e, 0, hinge), unit = emit_constant_like(e, 1, hinge);
  hinge = emit_select(e, emit_binary(e, OP_AND, has_positive, has_negative), hinge, zero);
  NodeId count = emit_reduce_sum(e, emit_select(e, has_positive, unit, zero), AXES_ALL);
  NodeId at_least_one = emit_constant_like(e, 1, count);
  count = emit_select(e, emit_less(e, count, at_least_one), at_least_one, count);
  c->results[0] = emit_scalar(e, emit_div(e, emit_reduce_sum(e, hinge, AXES_ALL), count));
  return e->status;
}
const OpDesc op_batch_hard = {.name = "batch-hard",
                              .doc =
                                  "Batch-hard triplet loss on Euclidean distances: mean over the "
                                  "anchors with a positive (0 without any); an anchor without a "
                                  "negative counts as 0. The first of equals is mined; distances "
                                  "below 0.001 are 0, with derivative 0.",
                              .op_class = OP_CLASS_COMPOSITE,
                              .inputs = hard_inputs,
                              .n_inputs = 3,
                              .attrs = hard_attrs,
                              .n_attrs = 2,
                              .n_results = 1,
                              .expand = expand_batch_hard};

static const AttrDesc margin_attrs[] = {{"margin", ATTR_FLOAT, "0.1", NULL, 0, 0, "margin"}};

/* 1/(B(B-1)) sum_{i != j} [ |w_i - w_j| - m ]+^2 ; selected on the squared distance. */
static Status expand_pair_hinge(Emitter *e, CompositeCall *c) {
  NodeId w = c->inputs[0];
  if (!require_rows(e, w)) return e->status;
  int64_t b = emit_shape(e, w)->dim[0];
  double m = composite_float(c, 0), pairs = (double)b * (double)(b - 1);
  NodeId r = pair_squares(e, w);
  double floor = fmax(m * m, 1e-8);
  NodeId near = composite_name(e, c, build_below(e, r, floor), "select/near");
  NodeId safe = emit_select(e, near, emit_constant_like(e, floor, r), r);
  NodeId h = emit_shift(e, emit_unary(e, OP_SQRT, safe), -m);
  NodeId zero = emit_constant_like(e, 0, r);
  NodeId term = emit_select(e, near, zero, emit_mul(e, h, h));
  NodeId sum = emit_reduce_sum(e, term, AXES_ALL);
  c->results[0] = emit_scalar(e, emit_scale(e, sum, 1 / fmax(pairs, 1)));
  return e->status;
}
const OpDesc op_pair_hinge = {
    .name = "pair-hinge",
    .doc = "Mean over ordered pairs of rows of [distance - margin]+^2: rows "
           "farther apart than the margin are drawn together. 0 for one row; "
           "derivative 0 up to the margin, and up to 0.0001.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = margin_attrs,
    .n_attrs = 1,
    .n_results = 1,
    .expand = expand_pair_hinge};

/* mean_i 1/(V(V-1)) sum_{m != n} [ margin - |w_m - w_n| ]+^2 */
static Status expand_spread_hinge(Emitter *e, CompositeCall *c) {
  NodeId w = c->inputs[0];
  if (!require_rows(e, w)) return e->status;
  int64_t b = emit_shape(e, w)->dim[0], v = emit_shape(e, w)->dim[1];
  double m = composite_float(c, 0), pairs = (double)v * (double)(v - 1);
  NodeId left = emit_reshape_dims(e, w, 3, (int64_t[]){b, v, 1});
  NodeId right = emit_reshape_dims(e, w, 3, (int64_t[]){b, 1, v});
  NodeId gap = emit_unary(e, OP_ABS, emit_sub(e, left, right));
  NodeId h = emit_sub(e, emit_constant_like(e, m, gap), gap);
  NodeId positive = composite_name(e, c, build_positive(e, h), "select/near");
  Shape cube = {3, {1, v, v}}, whole = {3, {b, v, v}};
  NodeId second = emit_iota(e, 2, DTYPE_I32, &cube), first = emit_iota(e, 1, DTYPE_I32, &cube);
  NodeId other = emit_unary(e, OP_NOT, emit_binary(e, OP_EQUAL, first, second));
  NodeId zero = emit_constant_like(e, 0, h);
  NodeId near = emit_select(e, positive, emit_mul(e, h, h), zero);
  NodeId term = emit_select(e, emit_broadcast(e, other, &whole), near, zero);
  NodeId sum = emit_reduce_sum(e, term, AXES_ALL);
  c->results[0] = emit_scalar(e, emit_scale(e, sum, 1 / ((double)b * fmax(pairs, 1))));
  return e->status;
}
const OpDesc op_spread_hinge = {
    .name = "spread-hinge",
    .doc = "Mean over rows and ordered pairs of columns of [margin - "
           "|gap|]+^2: elements of a row nearer than the margin are driven "
           "apart. 0 for one column; equal elements cost the margin's "
           "square, with derivative 0.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = margin_attrs,
    .n_attrs = 1,
    .n_results = 1,
    .expand = expand_spread_hinge};
