/* Matrix product of the last two axes.  The axes before them are a batch, aligned at the last and
 * broadcast: an operand that has length 1 along such an axis, or lacks it, is read again for each
 * entry.
 *
 * With C = op(A) op(B): d op(A) = dC op(B)^T and d op(B) = op(A)^T dC, summed over the axes along
 * which the operand was repeated.  Along those both factors have their full length (the other
 * operand must, or nothing would be repeated), so the sum joins the one that the product makes:
 *     d op(A)[p; m, k] = sum over (s, n) of dC[p, s; m, n] op(B)[p, s; k, n]
 * and a derivative of any order is products and moves of axes; a weight's is one product over all
 * rows. */
#include "ops/rule.h"

static void matmul_dims(const Shape *a, bool transposed, int64_t *rows, int64_t *cols) {
  int r = a->rank;
  *rows = a->dim[transposed ? r - 1 : r - 2];
  *cols = a->dim[transposed ? r - 2 : r - 1];
}

static Shape matmul_batch(const Shape *a) {
  Shape batch = *a;
  batch.rank = (uint8_t)(a->rank - 2);
  return batch;
}

static Status check_ranks(InferContext *c) {
  char a[INFER_LABEL_MAX], s[SHAPE_TEXT_MAX];
  for (uint32_t i = 0; i < 2; i++)
    if (infer_shape(c, i)->rank < 2)
      return infer_fail(c, "reshape a vector to one row (1 N) or one column (N 1)",
                        "%s has shape %s, a matrix has two dimensions or more",
                        infer_label(c, i, a), shape_text(infer_shape(c, i), s, sizeof s));
  return STATUS_OK;
}

static Status matmul_infer(InferContext *c) {
  char a[INFER_LABEL_MAX], b[INFER_LABEL_MAX], sa[SHAPE_TEXT_MAX], sb[SHAPE_TEXT_MAX];
  TRY(infer_require_float(c, 0, -1));
  const Shape *x = infer_shape(c, 0), *y = infer_shape(c, 1);
  if (infer_dtype(c, 1) != infer_dtype(c, 0))
    return infer_fail(c, "use cast", "the operands have different element types");
  TRY(check_ranks(c));
  Shape xb = matmul_batch(x), yb = matmul_batch(y);
  if (!shape_broadcast(&xb, &yb, &c->shape))
    return infer_fail(c,
                      "axes before the last two are aligned at the last of them, and equal, 1 or "
                      "missing",
                      "%s has shape %s, %s has %s: the batches do not fit", infer_label(c, 0, a),
                      shape_text(x, sa, sizeof sa), infer_label(c, 1, b),
                      shape_text(y, sb, sizeof sb));
  int64_t m, k, k2, n;
  matmul_dims(x, infer_int(c, MATMUL_TRANSPOSE_A), &m, &k);
  matmul_dims(y, infer_int(c, MATMUL_TRANSPOSE_B), &k2, &n);
  if (k != k2)
    return infer_fail(c, "transpose-a and transpose-b exchange the last two axes",
                      "%s gives %lld columns, %s has %lld rows", infer_label(c, 0, a), (long long)k,
                      infer_label(c, 1, b), (long long)k2);
  c->dtype = infer_dtype(c, 0);
  c->shape.dim[c->shape.rank++] = m;
  c->shape.dim[c->shape.rank++] = n;
  return STATUS_OK;
}

/* The axes in another order; a view where only axes of length 1 change places. */
static NodeId move_axes(Emitter *e, NodeId x, const int64_t *axes) {
  Shape from = *emit_shape(e, x), to = from;
  int64_t last = -1;
  bool moves = false;
  for (int i = 0; i < from.rank; i++) {
    to.dim[i] = from.dim[axes[i]];
    if (to.dim[i] == 1) continue;
    moves |= axes[i] < last;
    last = axes[i];
  }
  return moves ? emit_transpose(e, x, axes) : emit_reshape(e, x, &to);
}

/* `x`, aligned with a result of `rank` axes, as a matrix whose rows (columns, if `cols`) also run
 * over the batch axes of the mask `sum`: they come before its own. */
static NodeId join_axes(Emitter *e, NodeId x, int rank, uint32_t sum, bool cols) {
  Shape s = *emit_shape(e, x), lifted = {.rank = (uint8_t)rank}, joined = {0};
  int64_t axes[RANK_MAX], more = 1;
  int n = 0;
  for (int i = 0; i < rank; i++) {
    int own = i - (rank - s.rank);
    lifted.dim[i] = own < 0 ? 1 : s.dim[own];
  }
  for (int i = 0; i < rank - 2; i++) {
    if (sum >> i & 1) continue;
    joined.dim[joined.rank++] = lifted.dim[i];
    axes[n++] = i;
  }
  if (cols) axes[n++] = rank - 2;
  for (int i = 0; i < rank - 2; i++) {
    if (!(sum >> i & 1)) continue;
    more *= lifted.dim[i];
    axes[n++] = i;
  }
  if (!cols) axes[n++] = rank - 2;
  axes[n] = rank - 1;
  joined.dim[joined.rank++] = lifted.dim[rank - 2] * (cols ? 1 : more);
  joined.dim[joined.rank++] = lifted.dim[rank - 1] * (cols ? more : 1);
  return emit_reshape(e, move_axes(e, emit_reshape(e, x, &lifted), axes), &joined);
}

/* op(x) op(y), whose batch is `result`'s, summed to the shape of `like`. */
static NodeId product_like(Emitter *e, NodeId x, bool tx, NodeId y, bool ty, const Shape *result,
                           const Shape *like) {
  uint32_t sum = 0;
  for (int i = 0; i < result->rank - 2; i++) {
    int own = i - (result->rank - like->rank);
    if (result->dim[i] > 1 && (own < 0 || like->dim[own] == 1)) sum |= 1u << i;
  }
  if (sum) {
    x = join_axes(e, x, result->rank, sum, !tx);
    y = join_axes(e, y, result->rank, sum, ty);
  }
  return emit_reshape(e, emit_matmul(e, x, y, tx, ty), like);
}

static NodeId vjp_matmul(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  NodeId a = IN0(e, n), b = IN1(e, n);
  bool ta = node_attr_int(e->graph, n, MATMUL_TRANSPOSE_A);
  bool tb = node_attr_int(e->graph, n, MATMUL_TRANSPOSE_B);
  Shape result = *emit_shape(e, n), like = *emit_shape(e, i ? b : a);
  if (i == 0)
    return ta ? product_like(e, b, tb, dy, true, &result, &like)
              : product_like(e, dy, false, b, !tb, &result, &like);
  return tb ? product_like(e, dy, true, a, ta, &result, &like)
            : product_like(e, a, !ta, dy, false, &result, &like);
}

static int64_t matmul_macs(const Graph *g, NodeId n, const Shape *result) {
  const Shape *a = &g->nodes[node_input(g, n, 0)].shape;
  int64_t rows, k, macs;
  matmul_dims(a, node_attr_int(g, n, MATMUL_TRANSPOSE_A), &rows, &k);
  return checked_mul(shape_count(result), k, &macs) ? macs : -1;
}

static const InputDesc inputs[] = {{"in", false, false, "left factor (..., m, k)"},
                                   {"with", false, false, "right factor (..., k, n)"}};
static const AttrDesc attrs[] = {
    {"transpose-a", ATTR_BOOL, "false", NULL, 0, 0, "the left factor is (..., k, m)"},
    {"transpose-b", ATTR_BOOL, "false", NULL, 0, 0, "the right factor is (..., n, k)"}};
const OpDesc op_matmul = {.name = "matmul",
                          .doc = "Product of the matrices in the last two axes; those before are a "
                                 "batch: equal, or 1 or missing on one side and then repeated.",
                          .op_class = OP_CLASS_LIBRARY,
                          .inputs = inputs,
                          .n_inputs = 2,
                          .attrs = attrs,
                          .n_attrs = 2,
                          .infer = matmul_infer,
                          .vjp = vjp_matmul,
                          .macs = matmul_macs};
