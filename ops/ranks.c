/* What the ranks of a run do together.  compiler/partition.c makes the first three when
 * differentiation is over; each rank runs the same graph on its part of a batch.  A value is either
 * *whole* (the same on every rank) or a rank's *part*.
 *
 *   all-reduce   parts that are sums over a rank's rows -> their whole sum, added in the binary
 *                tree of which each rank holds a subtree (docs/decisions/shards.md)
 *   all-gather   parts -> all of them, in the order of ranks along a new first axis
 *   rank-part    (A, ranks, B) whole -> (A, 1, B), the rank's own
 *
 * With --sync=local each rank has a batch of its own, and what it computes is its own but for what
 * is averaged.  rank-mean stands in the graph that is differentiated.
 *
 *   rank-mean    y_s = 1/N sum over ranks r of x_r, on every rank s
 *
 * A step's objective is the mean of what the ranks' scalars are, Phi = 1/N sum phi_r; the cotangent
 * of a rank's value is N dPhi/dx_r, so that a sweep begins with 1 on each.  Then that of
 * rank-mean's operand is N sum_s dPhi/dy_s dy_s/dx_r = 1/N sum_s cot(y_s): rank-mean again.
 * Parameters are the same on all ranks, and dPhi/dtheta = sum_r dPhi/dtheta_r is the rank-mean of
 * their cotangents: compiler/fields.c adds it to every field that is derived. */
#include "ops/rule.h"

static const InputDesc one[] = {{"in", false, false, "the operand"}};
static const AttrDesc ranks_attrs[] = {{"ranks", ATTR_INT, NULL, NULL, 1, 1 << 16, "how many"}};

static Status all_reduce_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

static Status all_gather_infer(InferContext *c) {
  const Shape *from = infer_shape(c, 0);
  if (from->rank == RANK_MAX) return infer_fail(c, NULL, "one dimension more than %d", RANK_MAX);
  c->dtype = infer_dtype(c, 0);
  c->shape.rank = (uint8_t)(from->rank + 1);
  c->shape.dim[0] = infer_int(c, COLLECTIVE_RANKS);
  for (int i = 0; i < from->rank; i++) c->shape.dim[i + 1] = from->dim[i];
  return STATUS_OK;
}

static Status rank_part_infer(InferContext *c) {
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  if (c->shape.rank != 3) return infer_fail(c, NULL, "ranks are the second of three dimensions");
  c->shape.dim[1] = 1;
  return STATUS_OK;
}

/* Derivatives are taken of whole values, before anything is parted. */
static NodeId vjp_refuse(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)dy, (void)i;
  return emitter_fail(e, NULL, "%s has no derivative: it is made after differentiation",
                      op_desc(e->graph->nodes[n].op)->name);
}

NodeId emit_all_reduce(Emitter *e, NodeId a, int64_t ranks) {
  EmitAttr attrs[] = {{&ranks, 1}};
  return emit_node(e, OP_ALL_REDUCE, &a, 1, attrs);
}
NodeId emit_all_gather(Emitter *e, NodeId a, int64_t ranks) {
  EmitAttr attrs[] = {{&ranks, 1}};
  return emit_node(e, OP_ALL_GATHER, &a, 1, attrs);
}
NodeId emit_rank_part(Emitter *e, NodeId a) {
  return emit_node(e, OP_RANK_PART, &a, 1, NULL);
}

static Status rank_mean_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, -1));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

NodeId emit_rank_mean(Emitter *e, NodeId a) {
  if (a == NODE_NONE || e->ranks == 0) return a;
  uint16_t op = e->graph->nodes[a].op;
  return op == OP_RANK_MEAN || op == OP_CONSTANT ? a : emit_node(e, OP_RANK_MEAN, &a, 1, NULL);
}

static NodeId rank_mean_make(Emitter *e, const NodeId *inputs, uint32_t n,
                             const struct EmitAttr *attrs) {
  (void)n, (void)attrs;
  return emit_rank_mean(e, inputs[0]);
}

static NodeId rank_mean_vjp(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)n, (void)i;
  return emit_rank_mean(e, dy);
}

const OpDesc op_all_reduce = {.name = "all-reduce",
                              .doc = "The sum of what all ranks hold.",
                              .op_class = OP_CLASS_COLLECTIVE,
                              .hidden = true,
                              .inputs = one,
                              .n_inputs = 1,
                              .attrs = ranks_attrs,
                              .n_attrs = 1,
                              .infer = all_reduce_infer,
                              .vjp = vjp_refuse,
                              .costly = true};
const OpDesc op_all_gather = {.name = "all-gather",
                              .doc = "What each rank holds, in the order of ranks.",
                              .op_class = OP_CLASS_COLLECTIVE,
                              .hidden = true,
                              .inputs = one,
                              .n_inputs = 1,
                              .attrs = ranks_attrs,
                              .n_attrs = 1,
                              .infer = all_gather_infer,
                              .vjp = vjp_refuse,
                              .costly = true};
const OpDesc op_rank_part = {.name = "rank-part",
                             .doc = "The rank's own of (A, ranks, B).",
                             .op_class = OP_CLASS_COLLECTIVE,
                             .hidden = true,
                             .inputs = one,
                             .n_inputs = 1,
                             .infer = rank_part_infer,
                             .vjp = vjp_refuse};
const OpDesc op_rank_mean = {
    .name = "rank-mean",
    .doc = "With graphc --ranks=N --sync=local, where each rank computes over its share of the "
           "batch: the mean over the ranks of what each has.  Its operand otherwise.",
    .op_class = OP_CLASS_COLLECTIVE,
    .inputs = one,
    .n_inputs = 1,
    .infer = rank_mean_infer,
    .vjp = rank_mean_vjp,
    .make = rank_mean_make,
    .costly = true};
