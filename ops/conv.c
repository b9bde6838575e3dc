/* Convolution and its two adjoints.  Images are NHWC, weights OIHW:
 *   y[n,p,q,o] = sum_{i,r,s} x[n, p stride - pad + r dilation, ..., i] w[o,i,r,s].
 * With G groups the channels of both images are cut into G equal parts, and part g of y reads part
 * g of x: w has the shape (O, I / G, height, width).  It is bilinear in (x, w), so conv_dx (adjoint
 * in x) and conv_dw (adjoint in w) are bilinear too and the three differentiate into each other:
 * six rules give convolution at every order. */
#include "ops/rule.h"

static const char *const pair_hint = "give two numbers: height and width";

/* Output extent along one spatial axis; -1 when nothing fits. */
static int64_t extent(int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  int64_t span = (kernel - 1) * dilation + 1, room = size + 2 * pad - span;
  return room < 0 ? -1 : room / stride + 1;
}

static Status check_window(InferContext *c) {
  const OpDesc *op = op_desc(c->graph->nodes[c->node].op);
  for (uint32_t a = 0; a < op->n_attrs; a++) {
    if (a == CONV_GROUPS) continue;
    uint32_t n;
    const int64_t *v = infer_ints(c, a, &n);
    int64_t low = a == CONV_PAD ? 0 : 1;
    if (n != 2) return infer_fail(c, pair_hint, "%s has %u numbers", op->attrs[a].name, n);
    if (v[0] < low || v[1] < low || v[0] > 65536 || v[1] > 65536)
      return infer_fail(c, NULL, "%s %lld %lld is out of range", op->attrs[a].name, (long long)v[0],
                        (long long)v[1]);
  }
  return STATUS_OK;
}

/* Channels that groups divide. */
static Status check_divides(InferContext *c, const char *whose, int64_t channels) {
  int64_t groups = infer_int(c, CONV_GROUPS);
  if (groups >= 1 && channels % groups == 0) return STATUS_OK;
  return infer_fail(c, "each group has the same number of channels",
                    "groups=\"%lld\" does not divide the %lld channels of the %s",
                    (long long)groups, (long long)channels, whose);
}

/* A weight against the image that it reads. */
static Status check_channels(InferContext *c, const Shape *w, int64_t channels) {
  char a[INFER_LABEL_MAX], hint[160];
  int64_t groups = infer_int(c, CONV_GROUPS), reads = w->dim[1];
  TRY(check_divides(c, "weight", w->dim[0]));
  TRY(check_divides(c, "images", channels));
  if (channels / groups == reads) return STATUS_OK;
  int64_t fits = channels % reads == 0 ? channels / reads : 0;
  int n = snprintf(hint, sizeof hint,
                   "channels are the last axis of an image and the second of a weight");
  if (fits && fits != groups && w->dim[0] % fits == 0)
    snprintf(hint + n, sizeof hint - (size_t)n, "; with groups=\"%lld\" they fit", (long long)fits);
  if (groups == 1)
    return infer_fail(c, hint, "weight expects %lld input channels, %s has %lld", (long long)reads,
                      infer_label(c, 0, a), (long long)channels);
  return infer_fail(c, hint,
                    "weight expects %lld input channels in each of %lld groups, %s has %lld in all",
                    (long long)reads, (long long)groups, infer_label(c, 0, a), (long long)channels);
}

static Status check_floats(InferContext *c) {
  char a[INFER_LABEL_MAX];
  for (uint32_t i = 0; i < 2; i++) {
    TRY(infer_require_float(c, i, 4));
    if (infer_dtype(c, i) != infer_dtype(c, 0))
      return infer_fail(c, "use cast", "%s has another element type", infer_label(c, i, a));
  }
  c->dtype = infer_dtype(c, 0);
  c->shape.rank = 4;
  return STATUS_OK;
}

static Status conv_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  TRY(check_floats(c));
  TRY(check_window(c));
  const Shape *x = infer_shape(c, 0), *w = infer_shape(c, 1);
  TRY(check_channels(c, w, x->dim[3]));
  const int64_t *stride = infer_ints(c, CONV_STRIDE, NULL), *pad = infer_ints(c, CONV_PAD, NULL);
  const int64_t *dilation = infer_ints(c, CONV_DILATION, NULL);
  c->shape.dim[0] = x->dim[0];
  c->shape.dim[3] = w->dim[0];
  for (int k = 0; k < 2; k++) {
    c->shape.dim[1 + k] = extent(x->dim[1 + k], w->dim[2 + k], stride[k], pad[k], dilation[k]);
    if (c->shape.dim[1 + k] < 1)
      return infer_fail(c, "pad more, or use a smaller kernel",
                        "a kernel of %lld does not fit into %s, which is %lld %s",
                        (long long)w->dim[2 + k], infer_label(c, 0, a), (long long)x->dim[1 + k],
                        k ? "wide" : "high");
  }
  return STATUS_OK;
}

/* dy, and the other operand (w or x), must fit a convolution of x (size) by kernel. */
static Status check_adjoint(InferContext *c, const int64_t size[2], const int64_t kernel[2],
                            const Shape *dy) {
  const int64_t *stride = infer_ints(c, CONV_STRIDE, NULL), *pad = infer_ints(c, CONV_PAD, NULL);
  const int64_t *dilation = infer_ints(c, CONV_DILATION, NULL);
  for (int k = 0; k < 2; k++)
    if (extent(size[k], kernel[k], stride[k], pad[k], dilation[k]) != dy->dim[1 + k])
      return infer_fail(c, NULL, "the cotangent's size %lld does not belong to an image of %lld",
                        (long long)dy->dim[1 + k], (long long)size[k]);
  return STATUS_OK;
}

static Status conv_dx_infer(InferContext *c) {
  TRY(check_floats(c));
  TRY(check_window(c));
  const Shape *dy = infer_shape(c, 0), *w = infer_shape(c, 1);
  const int64_t *size = infer_ints(c, CONV_SIZE, NULL);
  if (dy->dim[3] != w->dim[0])
    return infer_fail(c, NULL, "cotangent and weight disagree in channels");
  TRY(check_divides(c, "weight", w->dim[0]));
  TRY(check_adjoint(c, size, &w->dim[2], dy));
  c->shape = (Shape){4, {dy->dim[0], size[0], size[1], 0}};
  if (!checked_mul(w->dim[1], infer_int(c, CONV_GROUPS), &c->shape.dim[3]))
    return infer_fail(c, NULL, "the weight's channels in all groups are too many");
  return STATUS_OK;
}

static Status conv_dw_infer(InferContext *c) {
  TRY(check_floats(c));
  TRY(check_window(c));
  const Shape *x = infer_shape(c, 0), *dy = infer_shape(c, 1);
  const int64_t *kernel = infer_ints(c, CONV_SIZE, NULL);
  if (x->dim[0] != dy->dim[0])
    return infer_fail(c, NULL, "operands disagree in the number of images");
  TRY(check_divides(c, "images", x->dim[3]));
  TRY(check_divides(c, "cotangent", dy->dim[3]));
  TRY(check_adjoint(c, &x->dim[1], kernel, dy));
  c->shape = (Shape){4, {dy->dim[3], x->dim[3] / infer_int(c, CONV_GROUPS), kernel[0], kernel[1]}};
  return STATUS_OK;
}

static void get_window(Emitter *e, NodeId n, Window *w) {
  for (int k = 0; k < 2; k++) {
    w->stride[k] = node_attr(e->graph, n, CONV_STRIDE, NULL)[k];
    w->pad[k] = node_attr(e->graph, n, CONV_PAD, NULL)[k];
    w->dilation[k] = node_attr(e->graph, n, CONV_DILATION, NULL)[k];
  }
  w->groups = node_attr_int(e->graph, n, CONV_GROUPS);
}

static void set_size(Emitter *e, Window *w, NodeId image_or_weight, int first) {
  for (int k = 0; k < 2; k++) w->size[k] = emit_shape(e, image_or_weight)->dim[first + k];
}

static NodeId vjp_conv(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  Window w;
  get_window(e, n, &w);
  NodeId x = IN0(e, n), weight = IN1(e, n);
  set_size(e, &w, i ? weight : x, i ? 2 : 1);
  return i ? emit_conv_dw(e, x, dy, &w) : emit_conv_dx(e, dy, weight, &w);
}

/* conv_dx(dy, w): its cotangent u has the shape of x. */
static NodeId vjp_conv_dx(Emitter *e, NodeId n, NodeId u, uint32_t i) {
  Window w;
  get_window(e, n, &w);
  NodeId dy = IN0(e, n), weight = IN1(e, n);
  set_size(e, &w, weight, 2);
  return i ? emit_conv_dw(e, u, dy, &w) : emit_conv(e, u, weight, &w);
}

/* conv_dw(x, dy): its cotangent u has the shape of w. */
static NodeId vjp_conv_dw(Emitter *e, NodeId n, NodeId u, uint32_t i) {
  Window w;
  get_window(e, n, &w);
  NodeId x = IN0(e, n), dy = IN1(e, n);
  set_size(e, &w, x, 1);
  return i ? emit_conv(e, x, u, &w) : emit_conv_dx(e, dy, u, &w);
}

/* All three take (elements of y) x (input channels of a group) x (kernel elements)
 * multiply-adds. */
static int64_t window_macs(const Shape *y, const Shape *w) {
  int64_t macs = shape_count(y);
  for (int i = 1; i < 4; i++)
    if (!checked_mul(macs, w->dim[i], &macs)) return -1;
  return macs;
}
static int64_t conv_macs(const Graph *g, NodeId n, const Shape *result) {
  return window_macs(result, &g->nodes[node_input(g, n, 1)].shape);
}
static int64_t conv_dx_macs(const Graph *g, NodeId n, const Shape *result) {
  (void)result;
  return window_macs(&g->nodes[node_input(g, n, 0)].shape, &g->nodes[node_input(g, n, 1)].shape);
}
static int64_t conv_dw_macs(const Graph *g, NodeId n, const Shape *result) {
  return window_macs(&g->nodes[node_input(g, n, 1)].shape, result);
}

static const InputDesc conv_inputs[] = {{"in", false, false, "images (N, H, W, I)"},
                                        {"weight", false, false, "(O, I / groups, height, width)"}};
static const InputDesc dx_inputs[] = {{"in", false, false, "cotangent of y"},
                                      {"weight", false, false, "(O, I / groups, height, width)"}};
static const InputDesc dw_inputs[] = {{"in", false, false, "images (N, H, W, I)"},
                                      {"with", false, false, "cotangent of y"}};
static const AttrDesc attrs[] = {
    {"stride", ATTR_INTS, "1 1", NULL, 0, 0, "height and width"},
    {"pad", ATTR_INTS, "0 0", NULL, 0, 0, "zeros on both sides, height and width"},
    {"dilation", ATTR_INTS, "1 1", NULL, 0, 0, "height and width"},
    {"groups", ATTR_INT, "1", NULL, 1, 1e9,
     "parts into which the channels are cut; each reads its own. As many as channels: depthwise"},
    {"size", ATTR_INTS, NULL, NULL, 0, 0, "height and width of the result"}};

const OpDesc op_conv = {.name = "conv",
                        .doc = "Convolution of NHWC images with OIHW weights.",
                        .op_class = OP_CLASS_LIBRARY,
                        .inputs = conv_inputs,
                        .n_inputs = 2,
                        .attrs = attrs,
                        .n_attrs = 4,
                        .infer = conv_infer,
                        .vjp = vjp_conv,
                        .macs = conv_macs};
const OpDesc op_conv_dx = {.name = "conv-dx",
                           .doc = "Adjoint of conv in the images.",
                           .op_class = OP_CLASS_LIBRARY,
                           .inputs = dx_inputs,
                           .n_inputs = 2,
                           .attrs = attrs,
                           .n_attrs = 5,
                           .infer = conv_dx_infer,
                           .vjp = vjp_conv_dx,
                           .macs = conv_dx_macs};
const OpDesc op_conv_dw = {.name = "conv-dw",
                           .doc = "Adjoint of conv in the weights.",
                           .op_class = OP_CLASS_LIBRARY,
                           .inputs = dw_inputs,
                           .n_inputs = 2,
                           .attrs = attrs,
                           .n_attrs = 5,
                           .infer = conv_dw_infer,
                           .vjp = vjp_conv_dw,
                           .macs = conv_dw_macs};
