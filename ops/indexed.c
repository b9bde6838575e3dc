/* Access by index.  Each op's adjoint is its partner, so the pairs close under differentiation:
 * gather / scatter-add over rows, pick / place along an axis. */
#include "ops/rule.h"

static Status index_vector(InferContext *c) {
  char a[INFER_LABEL_MAX];
  if (infer_dtype(c, 1) != DTYPE_I32 || infer_shape(c, 1)->rank != 1)
    return infer_fail(c, "<cast dtype=\"i32\"> makes indices of numbers, <reshape> a vector",
                      "%s must be a vector of i32", infer_label(c, 1, a));
  if (infer_shape(c, 0)->rank < 1)
    return infer_fail(c, NULL, "%s is a scalar, rows are needed", infer_label(c, 0, a));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

static Status gather_infer(InferContext *c) {
  TRY(index_vector(c));
  c->shape.dim[0] = infer_shape(c, 1)->dim[0];
  return STATUS_OK;
}

static Status scatter_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  TRY(infer_require_float(c, 0, -1));
  TRY(index_vector(c));
  if (infer_shape(c, 1)->dim[0] != c->shape.dim[0])
    return infer_fail(c, NULL, "%s needs one index for each row", infer_label(c, 0, a));
  c->shape.dim[0] = infer_int(c, SCATTER_ROWS);
  if (c->shape.dim[0] < 1) return infer_fail(c, NULL, "rows must be positive");
  return STATUS_OK;
}

static NodeId vjp_gather(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_scatter_add(e, dy, IN1(e, n), emit_shape(e, IN0(e, n))->dim[0]);
}
static NodeId vjp_scatter(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_gather(e, dy, IN1(e, n));
}

static const InputDesc rows[] = {{"in", false, false, "rows along axis 0"},
                                 {"index", false, false,
                                  "i32 vector; an index outside the rows "
                                  "ends the run with an error"}};
static const AttrDesc scatter_attrs[] = {
    {"rows", ATTR_INT, NULL, NULL, 1, 0, "rows of the result"}};
const OpDesc op_gather = {.name = "gather",
                          .doc = "Rows of axis 0 by index.",
                          .op_class = OP_CLASS_INDEXED,
                          .inputs = rows,
                          .n_inputs = 2,
                          .no_gradient = 2,
                          .infer = gather_infer,
                          .vjp = vjp_gather};
const OpDesc op_scatter_add = {.name = "scatter-add",
                               .doc = "Adds rows into a zero tensor by index.",
                               .op_class = OP_CLASS_INDEXED,
                               .inputs = rows,
                               .n_inputs = 2,
                               .attrs = scatter_attrs,
                               .n_attrs = 1,
                               .no_gradient = 2,
                               .infer = scatter_infer,
                               .vjp = vjp_scatter};

static Status index_type(InferContext *c) {
  char a[INFER_LABEL_MAX];
  if (infer_dtype(c, 1) == DTYPE_I32) return STATUS_OK;
  return infer_fail(c, "cast it", "%s holds %s, indices are i32", infer_label(c, 1, a),
                    dtype_name(infer_dtype(c, 1)));
}

/* Indices for the lines along `axis`: the shape in c->shape, any number of them on the axis. */
static Status line_index(InferContext *c, int64_t axis) {
  char a[INFER_LABEL_MAX], have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX];
  const Shape *index = infer_shape(c, 1);
  c->shape.dim[axis] = index->rank == c->shape.rank ? index->dim[axis] : 1;
  if (shape_equal(index, &c->shape)) return STATUS_OK;
  c->shape.dim[axis] = 1;
  return infer_fail(c,
                    shape_count(index) == shape_count(&c->shape)
                        ? "reshape it: one index for each line leaves the axis with length 1"
                        : "the index has the operand's other axes, and any length on this one",
                    "the index must be %s, or longer on axis %lld; %s is %s",
                    shape_text(&c->shape, want, sizeof want), (long long)axis, infer_label(c, 1, a),
                    shape_text(index, have, sizeof have));
}

static Status pick_infer(InferContext *c) {
  int64_t axis = infer_int(c, ARG_MAX_AXIS);
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  TRY(infer_axis(c, axis));
  TRY(index_type(c));
  return line_index(c, axis);
}

static Status place_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], have[SHAPE_TEXT_MAX], want[SHAPE_TEXT_MAX];
  int64_t axis = infer_int(c, PLACE_AXIS);
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  TRY(infer_axis(c, axis));
  TRY(index_type(c));
  if (!shape_equal(infer_shape(c, 1), &c->shape))
    return infer_fail(c, "each element has an index: both have one shape",
                      "%s has shape %s, the index %s has %s", infer_label(c, 0, a),
                      shape_text(&c->shape, want, sizeof want), infer_label(c, 1, b),
                      shape_text(infer_shape(c, 1), have, sizeof have));
  c->shape.dim[axis] = infer_int(c, PLACE_LENGTH);
  if (c->shape.dim[axis] < 1) return infer_fail(c, NULL, "length must be positive");
  return STATUS_OK;
}

static NodeId vjp_pick(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  int64_t axis = node_attr_int(e->graph, n, ARG_MAX_AXIS);
  return emit_place(e, dy, IN1(e, n), axis, emit_shape(e, IN0(e, n))->dim[axis]);
}
static NodeId vjp_place(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return emit_pick(e, dy, IN1(e, n), node_attr_int(e->graph, n, PLACE_AXIS));
}

static const InputDesc line[] = {
    {"in", false, false, "the operand"},
    {"index", false, false, "i32, shaped like `in` except on the axis, where it has any length"}};
static const InputDesc placed[] = {
    {"in", false, false, "the elements"},
    {"index", false, false, "i32, shaped like `in`: where on the axis each goes"}};
static const AttrDesc pick_attrs[] = {{"axis", ATTR_INT, NULL, NULL, 0, RANK_MAX - 1, "the axis"}};
static const AttrDesc place_attrs[] = {
    {"axis", ATTR_INT, NULL, NULL, 0, RANK_MAX - 1, "the axis"},
    {"length", ATTR_INT, NULL, NULL, 1, 0, "its length in the result"}};
const OpDesc op_pick = {.name = "pick",
                        .doc = "Elements of each line along an axis, by index.",
                        .op_class = OP_CLASS_INDEXED,
                        .inputs = line,
                        .n_inputs = 2,
                        .attrs = pick_attrs,
                        .n_attrs = 1,
                        .no_gradient = 2,
                        .infer = pick_infer,
                        .vjp = vjp_pick};
const OpDesc op_place = {.name = "place",
                         .doc = "Adds elements into lines of zeros along an axis, by index.",
                         .op_class = OP_CLASS_INDEXED,
                         .inputs = placed,
                         .n_inputs = 2,
                         .attrs = place_attrs,
                         .n_attrs = 2,
                         .no_gradient = 2,
                         .infer = place_infer,
                         .vjp = vjp_place};
