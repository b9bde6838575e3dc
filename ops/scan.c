/* Cumulative sums along an axis.  Element i of the result adds elements 0 .. i of its line, without
 * its own when exclusive, from the other end when reversed: the matrix of ones below the diagonal.
 * Its transpose, the adjoint, is the sum from the other end. */
#include "ops/rule.h"

static Status scan_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return infer_axis(c, infer_int(c, SCAN_AXIS));
}

static NodeId vjp_scan(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  const Graph *g = e->graph;
  return emit_cumulative_sum(e, dy, node_attr_int(g, n, SCAN_AXIS),
                             node_attr_int(g, n, SCAN_EXCLUSIVE),
                             !node_attr_int(g, n, SCAN_REVERSE));
}

static NodeId make_scan(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_cumulative_sum(e, in[0], *a[SCAN_AXIS].values, *a[SCAN_EXCLUSIVE].values,
                             *a[SCAN_REVERSE].values);
}

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const AttrDesc attrs[] = {
    {"axis", ATTR_INT, NULL, NULL, 0, RANK_MAX - 1, "the axis to add along"},
    {"exclusive", ATTR_BOOL, "false", NULL, 0, 0, "each sum is without its own element"},
    {"reverse", ATTR_BOOL, "false", NULL, 0, 0, "from the end of the axis"}};
const OpDesc op_cumulative_sum = {
    .name = "cumulative-sum",
    .doc = "Sums of the elements up to each one along an axis, added in f64 and rounded once.",
    .op_class = OP_CLASS_INDEXED,
    .inputs = one,
    .n_inputs = 1,
    .attrs = attrs,
    .n_attrs = COUNT_OF(attrs),
    .make = make_scan,
    .infer = scan_infer,
    .vjp = vjp_scan};
