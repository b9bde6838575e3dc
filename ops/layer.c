/* Composites: layers, reductions, generalised means. */
#include "ops/rule.h"

static const InputDesc one[] = {{"in", false, false, "the operand"}};

static const InputDesc linear_inputs[] = {{"in", false, false, "rows (..., I)"},
                                          {"weight", false, false, "(O, I)"},
                                          {"bias", true, false, "(O)"}};
static Status expand_linear(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0], w = c->inputs[1];
  if (!x || !w) return e->status;
  const Shape *xs = emit_shape(e, x), *ws = emit_shape(e, w);
  char a[INFER_LABEL_MAX], shape[SHAPE_TEXT_MAX];
  if (ws->rank != 2) {
    emitter_fail(e, "one row of weights for each result", "weight is (out, in), %s has shape %s",
                 infer_node_label(e->graph, w, a), shape_text(ws, shape, sizeof shape));
    return e->status;
  }
  if (xs->rank < 2 || xs->dim[xs->rank - 1] != ws->dim[1]) {
    emitter_fail(e,
                 xs->rank == 4  ? "flatten, or average over the map first"
                 : xs->rank < 2 ? "reshape a vector to one row (1 N)"
                                : NULL,
                 "weight expects rows of %lld features, %s has %lld in %d dimensions",
                 (long long)ws->dim[1], infer_node_label(e->graph, x, a),
                 (long long)(xs->rank ? xs->dim[xs->rank - 1] : 1), xs->rank);
    return e->status;
  }
  NodeId y = emit_matmul(e, x, w, false, true);
  c->results[0] = c->inputs[2] ? emit_add(e, y, c->inputs[2]) : y;
  return e->status;
}
const OpDesc op_linear = {.name = "linear",
                          .doc = "x weight^T + bias, of each row.",
                          .op_class = OP_CLASS_COMPOSITE,
                          .inputs = linear_inputs,
                          .n_inputs = 3,
                          .n_results = 1,
                          .expand = expand_linear};

static const InputDesc embedding_inputs[] = {{"in", false, false, "i32 indices of rows, any shape"},
                                             {"weight", false, false, "table (rows, width)"}};
static Status expand_embedding(Emitter *e, CompositeCall *c) {
  NodeId index = c->inputs[0], table = c->inputs[1];
  if (!index || !table) return e->status;
  Shape shape = *emit_shape(e, index);
  const Shape *rows = emit_shape(e, table);
  char a[INFER_LABEL_MAX];
  if (rows->rank != 2 || shape.rank == RANK_MAX) {
    emitter_fail(e, "a table has a row for each index: (rows, width)",
                 rows->rank != 2 ? "weight has two dimensions, %s has %d"
                                 : "%s has %d dimensions, with the width one too many",
                 infer_node_label(e->graph, rows->rank != 2 ? table : index, a),
                 rows->rank != 2 ? rows->rank : shape.rank);
    return e->status;
  }
  shape.dim[shape.rank++] = rows->dim[1];
  NodeId flat = emit_reshape_dims(e, index, 1, (int64_t[]){shape_count(emit_shape(e, index))});
  NodeId found = emit_gather(e, table, flat);
  c->results[0] = emit_reshape(e, found, &shape);
  return e->status;
}
const OpDesc op_embedding_lookup = {.name = "embedding-lookup",
                                    .doc = "The row of the table for each index: (..., width). "
                                           "An index outside ends the run.",
                                    .op_class = OP_CLASS_COMPOSITE,
                                    .inputs = embedding_inputs,
                                    .n_inputs = 2,
                                    .n_results = 1,
                                    .expand = expand_embedding};

static const InputDesc dropout_inputs[] = {
    {"in", false, false, "the operand"},
    {"noise", true, false,
     "uniform random numbers of its shape, a <random>; without it nothing is dropped"}};
static const AttrDesc dropout_attrs[] = {
    {"p", ATTR_FLOAT, "0.5", NULL, 0, 0.999, "share of elements that become 0"}};
/* Where a value that was only cut or moved comes from. */
static const Node *origin(const Emitter *e, NodeId id) {
  for (;;) {
    const Node *node = &e->graph->nodes[id];
    switch (node->op) {
    case OP_RESHAPE:
    case OP_TRANSPOSE:
    case OP_SLICE:
    case OP_GATHER:
    case OP_STOP_GRADIENT:
      id = node_input(e->graph, id, 0);
      break;
    default:
      return node;
    }
  }
}

/* p is a share of U(0, 1); of N(0, 1) other numbers of elements lie below it. */
static bool is_uniform(Emitter *e, NodeId noise) {
  const Node *node = origin(e, noise);
  NodeId id = (NodeId)(node - e->graph->nodes);
  if (node->op != OP_RANDOM || node_attr_int(e->graph, id, RANDOM_DISTRIBUTION) == RANDOM_UNIFORM)
    return true;
  char a[INFER_LABEL_MAX];
  emitter_fail(e, "distribution=\"uniform\" in its <random>",
               "the noise %s is drawn from N(0, 1): the share p holds for U(0, 1)",
               infer_node_label(e->graph, noise, a));
  return false;
}

/* The noise is a named random site: passes that share it drop the same elements, and derivatives of
 * every order read the one mask. */
static Status expand_dropout(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0], noise = c->inputs[1];
  double p = composite_float(c, 0);
  c->results[0] = x;
  if (!x || !noise || p <= 0) return e->status;
  if (!shape_equal(emit_shape(e, x), emit_shape(e, noise))) {
    char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], s[SHAPE_TEXT_MAX], t[SHAPE_TEXT_MAX];
    emitter_fail(e, "a <random> of the operand's shape drops each element by itself",
                 "%s is %s, the noise %s is %s", infer_node_label(e->graph, x, a),
                 shape_text(emit_shape(e, x), s, sizeof s), infer_node_label(e->graph, noise, b),
                 shape_text(emit_shape(e, noise), t, sizeof t));
    return e->status;
  }
  if (!is_uniform(e, noise)) return e->status;
  NodeId bound = emit_constant_like(e, p, noise);
  NodeId kept = emit_binary(e, OP_LESS_EQUAL, bound, noise);
  kept = composite_name(e, c, kept, "select/kept");
  NodeId larger = emit_scale(e, x, 1 / (1 - p));
  c->results[0] = emit_select(e, kept, larger, emit_constant_like(e, 0, x));
  return e->status;
}
const OpDesc op_dropout = {
    .name = "dropout",
    .doc = "0 where the noise is below p, else x / (1 - p), so that the expectation stays.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = dropout_inputs,
    .n_inputs = 2,
    .attrs = dropout_attrs,
    .n_attrs = 1,
    .n_results = 1,
    .expand = expand_dropout};

static Status expand_flatten(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!x) return e->status;
  const Shape *s = emit_shape(e, x);
  int64_t rows = s->rank ? s->dim[0] : 1;
  c->results[0] = emit_reshape_dims(e, x, 2, (int64_t[]){rows, shape_count(s) / rows});
  return e->status;
}
const OpDesc op_flatten = {.name = "flatten",
                           .doc = "All axes but the first in one.",
                           .op_class = OP_CLASS_COMPOSITE,
                           .inputs = one,
                           .n_inputs = 1,
                           .n_results = 1,
                           .expand = expand_flatten};

static const AttrDesc part_attrs[] = {
    {"axis", ATTR_INT, "0", NULL, -RANK_MAX, RANK_MAX - 1, "the axis; -1 is the last"},
    {"start", ATTR_INT, "0", NULL, 0, 0, "first index"},
    {"size", ATTR_INT, NULL, NULL, 0, 0, "how many"}};
static Status expand_part(Emitter *e, CompositeCall *c) {
  int64_t axis;
  if (!composite_axis(e, c, 0, &axis)) return e->status;
  c->results[0] = emit_slice_axis(e, c->inputs[0], axis, composite_int(c, 1), composite_int(c, 2));
  return e->status;
}
const OpDesc op_part = {.name = "part",
                        .doc = "A range of one axis.",
                        .op_class = OP_CLASS_COMPOSITE,
                        .inputs = one,
                        .n_inputs = 1,
                        .attrs = part_attrs,
                        .n_attrs = 3,
                        .n_results = 1,
                        .expand = expand_part};

static const AttrDesc reduce_attrs[] = {
    {"axes", ATTR_INTS, "", NULL, 0, 0, "axes, counted from 0; empty: all"},
    {"keep", ATTR_BOOL, "false", NULL, 0, 0, "keep them with length 1"}};

static Status expand_reduce(Emitter *e, CompositeCall *c, bool mean) {
  NodeId x = c->inputs[0];
  if (!x) return e->status;
  uint32_t n, mask = 0;
  const int64_t *axes = composite_ints(c, 0, &n);
  Shape shape = *emit_shape(e, x), kept = {0};
  for (uint32_t i = 0; i < n; i++) {
    if (axes[i] < 0 || axes[i] >= shape.rank) {
      emitter_fail(e, "axes count from 0", "axis %lld of %d dimensions", (long long)axes[i],
                   shape.rank);
      return e->status;
    }
    mask |= 1u << axes[i];
  }
  if (n == 0) mask = AXES_ALL;
  NodeId y = mean ? emit_mean(e, x, mask) : emit_reduce_sum(e, x, mask);
  if (!composite_int(c, 1)) {
    for (int i = 0; i < shape.rank; i++)
      if (!(mask >> i & 1)) kept.dim[kept.rank++] = shape.dim[i];
    y = emit_reshape(e, y, &kept);
  }
  c->results[0] = y;
  return e->status;
}
static Status expand_mean(Emitter *e, CompositeCall *c) {
  return expand_reduce(e, c, true);
}
static Status expand_sum(Emitter *e, CompositeCall *c) {
  return expand_reduce(e, c, false);
}
const OpDesc op_mean = {.name = "mean",
                        .doc = "Mean over axes.",
                        .op_class = OP_CLASS_COMPOSITE,
                        .inputs = one,
                        .n_inputs = 1,
                        .attrs = reduce_attrs,
                        .n_attrs = 2,
                        .n_results = 1,
                        .expand = expand_mean};
const OpDesc op_sum = {.name = "sum",
                       .doc = "Sum over axes.",
                       .op_class = OP_CLASS_COMPOSITE,
                       .inputs = one,
                       .n_inputs = 1,
                       .attrs = reduce_attrs,
                       .n_attrs = 2,
                       .n_results = 1,
                       .expand = expand_sum};

static const AttrDesc gem_attrs[] = {
    {"p", ATTR_FLOAT, "3", NULL, 0.01, 100, "exponent"},
    {"eps", ATTR_FLOAT, "1e-3", NULL, 0, 0, "x > eps passes, else eps with derivative 0"}};
/* The largest element of each map, by which the powers are kept in range: (rows, 1, 1, channels). A
 * constant for derivatives, since (mean (x/m)^p)^(1/p) m is the same for every m. 1 where the
 * largest is 0 or no finite number. */
static NodeId map_scale(Emitter *e, NodeId x) {
  NodeId most = emit_stop_gradient(e, emit_reduce_max(e, emit_reduce_max(e, x, 1), 2));
  if (most == NODE_NONE) return most;
  NodeId zero = emit_constant_like(e, 0, most), unit = emit_constant_like(e, 1, most);
  NodeId top = emit_constant_like(e, dtype_desc(emit_dtype(e, x))->largest, most);
  NodeId above = emit_less(e, zero, most);
  NodeId finite = emit_binary(e, OP_LESS_EQUAL, most, top);
  return emit_select(e, emit_binary(e, OP_AND, above, finite), most, unit);
}

/* Up to this exponent powers of what networks compute stay within f32. */
#define GEM_PLAIN 6

/* (mean_hw max(x, eps)^p)^(1/p) */
static Status expand_gem(Emitter *e, CompositeCall *c) {
  NodeId x = c->inputs[0];
  if (!x) return e->status;
  const Shape *s = emit_shape(e, x);
  if (s->rank != 4) {
    emitter_fail(e, NULL, "gem pools images (N, H, W, C), this has %d dimensions", s->rank);
    return e->status;
  }
  double p = composite_float(c, 0);
  int64_t rows = s->dim[0], channels = s->dim[3];
  double eps = composite_float(c, 1);
  NodeId below = composite_name(e, c, build_below(e, x, eps), "select/below");
  x = emit_select(e, below, emit_constant_like(e, eps, x), x);
  NodeId scale = p > GEM_PLAIN ? map_scale(e, x) : NODE_NONE;
  if (scale) x = emit_div(e, x, scale);
  NodeId mean = emit_mean(e, emit_power(e, x, p), 6);
  mean = emit_reshape_dims(e, mean, 2, (int64_t[]){rows, channels});
  NodeId result = emit_power(e, mean, 1 / p);
  if (scale) scale = emit_reshape_dims(e, scale, 2, (int64_t[]){rows, channels});
  c->results[0] = scale ? emit_mul(e, result, scale) : result;
  return e->status;
}
const OpDesc op_gem = {.name = "gem",
                       .doc = "Generalised mean over the map: (N, H, W, C) to (N, C).",
                       .op_class = OP_CLASS_COMPOSITE,
                       .inputs = one,
                       .n_inputs = 1,
                       .attrs = gem_attrs,
                       .n_attrs = 2,
                       .n_results = 1,
                       .expand = expand_gem};
