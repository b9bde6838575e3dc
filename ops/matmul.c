/* Matrix product of the last two axes; a leading axis, if any, is a batch of equal length. */
#include "ops/rule.h"

static void matmul_dims(const Shape *a, bool transposed, int64_t *rows, int64_t *cols) {
  int r = a->rank;
  *rows = a->dim[transposed ? r - 1 : r - 2];
  *cols = a->dim[transposed ? r - 2 : r - 1];
}

static Status matmul_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], sa[SHAPE_TEXT_MAX], sb[SHAPE_TEXT_MAX];
  TRY(infer_require_float(c, 0, -1));
  const Shape *x = infer_shape(c, 0), *y = infer_shape(c, 1);
  if (infer_dtype(c, 1) != infer_dtype(c, 0))
    return infer_fail(c, "use cast", "the operands have different element types");
  if (x->rank != y->rank || x->rank < 2 || x->rank > 3 || (x->rank == 3 && x->dim[0] != y->dim[0]))
    return infer_fail(c, "two dimensions each, or three with an equal first",
                      "%s has shape %s, %s has %s", infer_label(c, 0, a),
                      shape_text(x, sa, sizeof sa), infer_label(c, 1, b),
                      shape_text(y, sb, sizeof sb));
  int64_t m, k, k2, n;
  matmul_dims(x, infer_int(c, MATMUL_TRANSPOSE_A), &m, &k);
  matmul_dims(y, infer_int(c, MATMUL_TRANSPOSE_B), &k2, &n);
  if (k != k2)
    return infer_fail(c, NULL, "%s gives %lld columns, %s has %lld rows", infer_label(c, 0, a),
                      (long long)k, infer_label(c, 1, b), (long long)k2);
  c->dtype = infer_dtype(c, 0);
  c->shape = *x;
  c->shape.dim[x->rank - 2] = m;
  c->shape.dim[x->rank - 1] = n;
  return STATUS_OK;
}

/* With C = op(A) op(B): d op(A) = dC op(B)^T, d op(B) = op(A)^T dC. */
static NodeId vjp_matmul(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId a = IN0(e, n), b = IN1(e, n);
  bool ta = node_attr_int(e->graph, n, MATMUL_TRANSPOSE_A);
  bool tb = node_attr_int(e->graph, n, MATMUL_TRANSPOSE_B);
  if (i == 0) return ta ? emit_matmul(e, b, dy, tb, true) : emit_matmul(e, dy, b, false, !tb);
  return tb ? emit_matmul(e, dy, a, true, ta) : emit_matmul(e, a, dy, !ta, false);
}

static int64_t matmul_macs(const Graph *g, NodeId n, const Shape *result) {
  const Shape *a = &g->nodes[node_input(g, n, 0)].shape;
  int64_t rows, k, macs;
  matmul_dims(a, node_attr_int(g, n, MATMUL_TRANSPOSE_A), &rows, &k);
  return checked_mul(shape_count(result), k, &macs) ? macs : -1;
}

static const InputDesc inputs[] = {{"in", false, false, "left factor"},
                                   {"with", false, false, "right factor"}};
static const AttrDesc attrs[] = {
    {"transpose-a", ATTR_BOOL, "false", NULL, 0, 0, "use the left factor transposed"},
    {"transpose-b", ATTR_BOOL, "false", NULL, 0, 0, "use the right factor transposed"}};
const OpDesc op_matmul = {.name = "matmul",
                          .doc = "Matrix product.",
                          .op_class = OP_CLASS_LIBRARY,
                          .inputs = inputs,
                          .n_inputs = 2,
                          .attrs = attrs,
                          .n_attrs = 2,
                          .infer = matmul_infer,
                          .vjp = vjp_matmul,
                          .macs = matmul_macs};
