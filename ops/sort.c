/* Sorting along an axis.  The order is a primitive that gives indices, a constant for derivatives;
 * sorted values are a pick at them, so that they differentiate at every order.
 *
 * One order of numbers for all selections (arg-max, max-pool and this): -0 equals +0, NaN is larger
 * than every number, equals stand by their index, ascending in both directions. */
#include "ops/rule.h"

static Status arg_sort_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  int64_t axis = infer_int(c, ARG_SORT_AXIS), count = infer_int(c, ARG_SORT_COUNT);
  TRY(infer_require_float(c, 0, -1));
  c->dtype = DTYPE_I32;
  c->shape = *infer_shape(c, 0);
  TRY(infer_index_axis(c, axis));
  if (count < 0 || count > c->shape.dim[axis])
    return infer_fail(c, NULL, "%lld elements are asked for, axis %lld of %s has %lld",
                      (long long)count, (long long)axis, infer_label(c, 0, a),
                      (long long)c->shape.dim[axis]);
  if (count) c->shape.dim[axis] = count;
  return STATUS_OK;
}

static NodeId make_arg_sort(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_arg_sort(e, in[0], *a[ARG_SORT_AXIS].values, *a[ARG_SORT_DESCENDING].values,
                       *a[ARG_SORT_COUNT].values);
}

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const AttrDesc arg_sort_attrs[] = {
    {"axis", ATTR_INT, NULL, NULL, 0, RANK_MAX - 1, "the axis to sort along"},
    {"descending", ATTR_BOOL, "false", NULL, 0, 0, "the largest first"},
    {"count", ATTR_INT, "0", NULL, 0, 0, "only so many indices of each line; 0: all"}};
const OpDesc op_arg_sort = {
    .name = "arg-sort",
    .doc = "Indices (i32) that sort along an axis: equals by their index, NaN above all numbers.",
    .op_class = OP_CLASS_INDEXED,
    .inputs = one,
    .n_inputs = 1,
    .attrs = arg_sort_attrs,
    .n_attrs = COUNT_OF(arg_sort_attrs),
    .no_gradient = 1,
    .make = make_arg_sort,
    .infer = arg_sort_infer,
    .vjp = vjp_none};

static const char *const results[] = {"values", "index"};

/* The first `count` of each line in order, and where they stood. */
static Status expand_sorted(Emitter *e, CompositeCall *c, int64_t axis, bool descending,
                            int64_t count) {
  NodeId index = emit_arg_sort(e, c->inputs[0], axis, descending, count);
  c->results[1] = composite_name(e, c, index, "select/index");
  c->results[0] = emit_pick(e, c->inputs[0], index, axis);
  return e->status;
}

static const AttrDesc sort_attrs[] = {
    {"axis", ATTR_INT, "-1", NULL, -RANK_MAX, RANK_MAX - 1, "the axis; -1 is the last"},
    {"descending", ATTR_BOOL, "false", NULL, 0, 0, "the largest first"}};
static Status expand_sort(Emitter *e, CompositeCall *c) {
  int64_t axis;
  if (!composite_axis(e, c, 0, &axis)) return e->status;
  return expand_sorted(e, c, axis, composite_int(c, 1), 0);
}
const OpDesc op_sort = {.name = "sort",
                        .doc = "Sorts along an axis: equals by their index, NaN above all numbers.",
                        .op_class = OP_CLASS_COMPOSITE,
                        .inputs = one,
                        .n_inputs = 1,
                        .attrs = sort_attrs,
                        .n_attrs = COUNT_OF(sort_attrs),
                        .results = results,
                        .n_results = COUNT_OF(results),
                        .expand = expand_sort};

static const AttrDesc top_k_attrs[] = {
    {"k", ATTR_INT, NULL, NULL, 1, INT32_MAX, "how many"},
    {"axis", ATTR_INT, "-1", NULL, -RANK_MAX, RANK_MAX - 1, "the axis; -1 is the last"},
    {"largest", ATTR_BOOL, "true", NULL, 0, 0, "false: the smallest"}};
static Status expand_top_k(Emitter *e, CompositeCall *c) {
  int64_t axis, k = composite_int(c, 0);
  if (!composite_axis(e, c, 1, &axis)) return e->status;
  return expand_sorted(e, c, axis, composite_int(c, 2), k);
}
const OpDesc op_top_k = {
    .name = "top-k",
    .doc = "The k largest (or smallest) along an axis, in order; equals by their index.",
    .op_class = OP_CLASS_COMPOSITE,
    .inputs = one,
    .n_inputs = 1,
    .attrs = top_k_attrs,
    .n_attrs = COUNT_OF(top_k_attrs),
    .results = results,
    .n_results = COUNT_OF(results),
    .expand = expand_top_k};
