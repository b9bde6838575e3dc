/* gradient-scale: identity forward; in the reverse sweep of a scalar's gradient it multiplies the
 * cotangent by a factor (-lambda: gradient reversal).  A sweep that enters through a derived field
 * differentiates it as what it is, the identity; see Reversal in ops/emit.h. */
#include "ops/rule.h"

static const InputDesc inputs[] = {{"in", false, false, "the operand"},
                                   {"factor", false, false, "scalar factor on the cotangent"}};

static Status scale_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  TRY(infer_require_float(c, 0, -1));
  if (infer_dtype(c, 1) != infer_dtype(c, 0) || infer_shape(c, 1)->rank != 0)
    return infer_fail(c, NULL, "%s must be a floating scalar", infer_label(c, 1, a));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  return STATUS_OK;
}

static NodeId scale_vjp(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  if (i == 1) return NODE_NONE;
  return e->reversal == REVERSAL_ACT ? emit_mul(e, dy, IN1(e, n)) : dy;
}

const OpDesc op_gradient_scale = {.name = "gradient-scale",
                                  .doc =
                                      "x; a gradient's sweep multiplies its cotangent by factor.",
                                  .op_class = OP_CLASS_VIEW,
                                  .inputs = inputs,
                                  .n_inputs = 2,
                                  .no_gradient = 2,
                                  .infer = scale_infer,
                                  .vjp = scale_vjp};
