/* What the ranks of a run do together.  compiler/partition.c makes these nodes when differentiation
 * is over; each rank runs the same graph on its part of a batch.  A value is either *whole* (the
 * same on every rank) or a rank's *part*.
 *
 *   all-reduce   parts that are sums over a rank's rows -> their whole sum, added in the binary
 * tree of which each rank holds a subtree (docs/decisions/shards.md) all-gather   parts -> all of
 * them, in the order of ranks along a new first axis rank-part    (A, ranks, B) whole -> (A, 1, B),
 * the rank's own */
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
