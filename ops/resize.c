/* Resampling of images to another size: nearest or bilinear.
 *
 * Pixel p of an axis of P reads from an axis of H at
 *     nearest                  the pixel floor(p H / P)
 *     bilinear                 (p + 1/2) H / P - 1/2, between the outermost pixels: pixels are
 * areas bilinear, align-corners  p (H - 1) / (P - 1), 0 if P = 1: pixels are points and mixes the
 * two pixels around such a place.  All of it is exact in integers but the mixing.  The map is
 * linear; its transpose, which resize-adjoint computes, is the adjoint, and theirs each other. */
#include "ops/resize.h"

#include "ops/rule.h"

#include <math.h>
#include <string.h>

Mix resize_mix(ResizeMode mode, int64_t p, int64_t from, int64_t to) {
  if (mode == RESIZE_NEAREST) return (Mix){p * from / to, p * from / to, 0};
  int64_t above = (2 * p + 1) * from - to, below = 2 * to; /* the place is above / below */
  if (mode == RESIZE_CORNERS) {
    above = p * (from - 1);
    below = to > 1 ? to - 1 : 1;
  }
  if (above < 0) above = 0;
  int64_t first = above / below;
  if (first >= from - 1) return (Mix){from - 1, from - 1, 0};
  return (Mix){first, first + 1, (double)(above % below) / (double)below};
}

ResizeMode resize_mode(const Graph *g, NodeId node) {
  if (node_attr_int(g, node, RESIZE_MODE) == 0) return RESIZE_NEAREST;
  return node_attr_int(g, node, RESIZE_ALIGN) ? RESIZE_CORNERS : RESIZE_BILINEAR;
}

#define SIZE_MAX_PIXELS (1 << 24) /* of an axis: places are exact in 64 bits, tables small */

/* The images of input 0 at the stated size. */
static Status resize_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  uint32_t n;
  const int64_t *size = infer_ints(c, RESIZE_SIZE, &n);
  TRY(infer_require_float(c, 0, 4));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  if (n != 2) return infer_fail(c, "give height and width", "size has %u numbers", n);
  if (infer_int(c, RESIZE_MODE) == 0 && infer_int(c, RESIZE_ALIGN))
    return infer_fail(c, "mode=\"bilinear\"",
                      "align-corners says how to mix pixels, nearest takes one");
  for (int k = 0; k < 2; k++) {
    int64_t have = c->shape.dim[1 + k];
    if (have > SIZE_MAX_PIXELS)
      return infer_fail(c, NULL, "%s is %lld %s, at most %d are resampled", infer_label(c, 0, a),
                        (long long)have, k ? "wide" : "high", SIZE_MAX_PIXELS);
    if (size[k] < 1 || size[k] > SIZE_MAX_PIXELS)
      return infer_fail(c, NULL, "size %lld is out of range: 1..%d", (long long)size[k],
                        SIZE_MAX_PIXELS);
    c->shape.dim[1 + k] = size[k];
  }
  return STATUS_OK;
}

static NodeId vjp(Emitter *e, NodeId n, NodeId dy, OpId adjoint) {
  const Shape *from = emit_shape(e, IN0(e, n));
  int64_t size[] = {from->dim[1], from->dim[2]};
  return emit_resize(e, adjoint, dy, node_attr_int(e->graph, n, RESIZE_MODE),
                     node_attr_int(e->graph, n, RESIZE_ALIGN), size);
}
static NodeId vjp_resize(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return vjp(e, n, dy, OP_RESIZE_ADJOINT);
}
static NodeId vjp_adjoint(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  return vjp(e, n, dy, OP_RESIZE);
}

static const InputDesc images[] = {{"in", false, false, "images (N, H, W, C)"}};

static NodeId make_resize(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_resize(e, OP_RESIZE, in[0], *a[RESIZE_MODE].values, *a[RESIZE_ALIGN].values,
                     a[RESIZE_SIZE].values);
}
static NodeId make_adjoint(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {
  (void)n;
  return emit_resize(e, OP_RESIZE_ADJOINT, in[0], *a[RESIZE_MODE].values, *a[RESIZE_ALIGN].values,
                     a[RESIZE_SIZE].values);
}

#define MODE                                                                                       \
  {                                                                                                \
    "mode", ATTR_ENUM, "nearest", "nearest bilinear", 0, 0,                                        \
        "the pixel that the place lies in, or a mix of the two around it"                          \
  }
#define ALIGN                                                                                      \
  {                                                                                                \
    "align-corners", ATTR_BOOL, "false", NULL, 0, 0,                                               \
        "bilinear: the outermost pixels stay at the edge"                                          \
  }
static const AttrDesc attrs[] = {
    MODE, ALIGN, {"size", ATTR_INTS, NULL, NULL, 0, 0, "height and width of the result"}};
const OpDesc op_resize = {.name = "resize",
                          .doc = "Images resampled to another size.",
                          .op_class = OP_CLASS_INDEXED,
                          .inputs = images,
                          .n_inputs = 1,
                          .attrs = attrs,
                          .n_attrs = COUNT_OF(attrs),
                          .make = make_resize,
                          .infer = resize_infer,
                          .vjp = vjp_resize};
const OpDesc op_resize_adjoint = {
    .name = "resize-adjoint",
    .doc = "Adjoint of resize: adds each pixel where resize to this image's size reads it from.",
    .op_class = OP_CLASS_INDEXED,
    .inputs = images,
    .n_inputs = 1,
    .attrs = attrs,
    .n_attrs = COUNT_OF(attrs),
    .make = make_adjoint,
    .infer = resize_infer,
    .vjp = vjp_adjoint};

static const AttrDesc upsample_attrs[] = {
    MODE,
    ALIGN,
    {"factor", ATTR_FLOATS, "", NULL, 0, 0,
     "of height and width: the size is the whole part of the product"},
    {"size", ATTR_INTS, "", NULL, 0, 0, "or the size itself, height and width"}};
static Status expand_upsample(Emitter *e, CompositeCall *c) {
  uint32_t n_factors, n_sizes;
  const int64_t *factors = composite_ints(c, 2, &n_factors),
                *sizes = composite_ints(c, 3, &n_sizes);
  int64_t size[2];
  uint32_t n = n_factors ? n_factors : n_sizes;
  NodeId x = c->inputs[0];
  if (x == NODE_NONE) return e->status;
  const Shape *shape = emit_shape(e, x);
  if ((n_factors == 0) == (n_sizes == 0) || n > 2) {
    emitter_fail(e, "factor=\"2\", or size=\"14 14\"", "%s",
                 n > 2       ? "more numbers than height and width"
                 : n_factors ? "a factor and a size are one too many"
                             : "neither a factor nor a size");
    return e->status;
  }
  for (uint32_t k = 0; k < 2; k++) {
    size[k] = n_sizes ? sizes[k % n] : 0;
    if (n_sizes || shape->rank != 4) continue; /* resize says what it needs */
    double factor, product;
    memcpy(&factor, &factors[k % n], sizeof factor);
    product = floor(factor * (double)shape->dim[1 + k]);
    if (!(product >= 1 && product <= SIZE_MAX_PIXELS)) {
      emitter_fail(e, NULL, "factor %g makes %g of %lld pixels; 1..%d are possible", factor,
                   product, (long long)shape->dim[1 + k], SIZE_MAX_PIXELS);
      return e->status;
    }
    size[k] = (int64_t)product;
  }
  c->results[0] = emit_resize(e, OP_RESIZE, x, composite_int(c, 0), composite_int(c, 1), size);
  return e->status;
}
const OpDesc op_upsample = {.name = "upsample",
                            .doc = "Images resampled by a factor or to a size.",
                            .op_class = OP_CLASS_COMPOSITE,
                            .inputs = images,
                            .n_inputs = 1,
                            .attrs = upsample_attrs,
                            .n_attrs = COUNT_OF(upsample_attrs),
                            .n_results = 1,
                            .expand = expand_upsample};
