/* Pooling primitives.  Max pooling is an index (first maximum of the window, a constant for
 * derivatives) and a gather at it; gather and scatter are each other's adjoints, as are sum and
 * spread of average pooling. */
#include "ops/rule.h"

static Status pool_window(InferContext *c) {
  static const char *const names[] = {"kernel", "stride", "pad", "size"};
  uint32_t n_attrs = op_desc(c->graph->nodes[c->node].op)->n_attrs;
  for (uint32_t a = 0; a < n_attrs; a++) {
    uint32_t n;
    const int64_t *v = infer_ints(c, a, &n);
    int64_t low = a == POOL_PAD ? 0 : 1;
    if (n != 2) return infer_fail(c, "give height and width", "%s has %u numbers", names[a], n);
    if (v[0] < low || v[1] < low || v[0] > 65536 || v[1] > 65536)
      return infer_fail(c, NULL, "%s %lld %lld is out of range", names[a], (long long)v[0],
                        (long long)v[1]);
  }
  const int64_t *kernel = infer_ints(c, POOL_KERNEL, NULL), *pad = infer_ints(c, POOL_PAD, NULL);
  if (pad[0] * 2 > kernel[0] || pad[1] * 2 > kernel[1])
    return infer_fail(c, "pad by at most half the kernel",
                      "a window could lie in the padding only");
  return STATUS_OK;
}

static int64_t pool_extent(InferContext *c, int64_t size, int k) {
  int64_t room = size + 2 * infer_ints(c, POOL_PAD, NULL)[k] - infer_ints(c, POOL_KERNEL, NULL)[k];
  return room < 0 ? -1 : room / infer_ints(c, POOL_STRIDE, NULL)[k] + 1;
}

static Status down_infer(InferContext *c) {
  char a[INFER_LABEL_MAX];
  TRY(infer_require_float(c, 0, 4));
  TRY(pool_window(c));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  for (int k = 0; k < 2; k++) {
    c->shape.dim[1 + k] = pool_extent(c, c->shape.dim[1 + k], k);
    if (c->shape.dim[1 + k] < 1)
      return infer_fail(c, NULL, "the window does not fit into %s", infer_label(c, 0, a));
  }
  return STATUS_OK;
}

static Status index_infer(InferContext *c) {
  TRY(down_infer(c));
  c->dtype = DTYPE_I32;
  int64_t pixels = infer_shape(c, 0)->dim[1] * infer_shape(c, 0)->dim[2];
  if (pixels <= INT32_MAX) return STATUS_OK;
  return infer_fail(c, "an index is an i32", "an image has %lld elements, more than 2^31 - 1",
                    (long long)pixels);
}

static Status check_index(InferContext *c, const Shape *shape) {
  char a[INFER_LABEL_MAX];
  if (infer_dtype(c, 1) != DTYPE_I32 || !shape_equal(infer_shape(c, 1), shape))
    return infer_fail(c, NULL, "%s is no pooling index of this shape", infer_label(c, 1, a));
  return STATUS_OK;
}

static Status gather_infer(InferContext *c) {
  TRY(down_infer(c));
  return check_index(c, &c->shape);
}

static Status up_infer(InferContext *c) {
  TRY(infer_require_float(c, 0, 4));
  TRY(pool_window(c));
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  for (int k = 0; k < 2; k++) {
    int64_t size = infer_ints(c, POOL_SIZE, NULL)[k];
    if (pool_extent(c, size, k) != c->shape.dim[1 + k])
      return infer_fail(c, NULL, "the cotangent does not belong to an image of size %lld",
                        (long long)size);
    c->shape.dim[1 + k] = size;
  }
  return STATUS_OK;
}

static Status scatter_infer(InferContext *c) {
  TRY(up_infer(c));
  return check_index(c, infer_shape(c, 0));
}

static void get_window(Emitter *e, NodeId n, NodeId image, Window *w) {
  for (int k = 0; k < 2; k++) {
    w->kernel[k] = node_attr(e->graph, n, POOL_KERNEL, NULL)[k];
    w->stride[k] = node_attr(e->graph, n, POOL_STRIDE, NULL)[k];
    w->pad[k] = node_attr(e->graph, n, POOL_PAD, NULL)[k];
    w->size[k] = emit_shape(e, image)->dim[1 + k];
  }
}

static NodeId vjp_gather(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  Window w;
  get_window(e, n, IN0(e, n), &w);
  return emit_pool(e, OP_POOL_SCATTER, dy, IN1(e, n), &w);
}
static NodeId vjp_scatter(Emitter *e, NodeId n, NodeId u, uint32_t i) {
  (void)i;
  Window w;
  get_window(e, n, n, &w);
  return emit_pool(e, OP_POOL_GATHER, u, IN1(e, n), &w);
}
static NodeId vjp_sum(Emitter *e, NodeId n, NodeId dy, uint32_t i) {
  (void)i;
  Window w;
  get_window(e, n, IN0(e, n), &w);
  return emit_pool(e, OP_POOL_SPREAD, dy, NODE_NONE, &w);
}
static NodeId vjp_spread(Emitter *e, NodeId n, NodeId u, uint32_t i) {
  (void)i;
  Window w;
  get_window(e, n, n, &w);
  return emit_pool(e, OP_POOL_SUM, u, NODE_NONE, &w);
}

static const InputDesc one[] = {{"in", false, false, "images (N, H, W, C)"}};
static const InputDesc two[] = {{"in", false, false, "images (N, H, W, C)"},
                                {"index", false, false, "h W + w of each window's maximum"}};
static const AttrDesc attrs[] = {
    {"kernel", ATTR_INTS, NULL, NULL, 0, 0, "height and width"},
    {"stride", ATTR_INTS, NULL, NULL, 0, 0, "height and width"},
    {"pad", ATTR_INTS, "0 0", NULL, 0, 0, "on both sides, height and width"},
    {"size", ATTR_INTS, NULL, NULL, 0, 0, "height and width of the result"}};

#define POOL(ID, NAME, DOC, INPUTS, N, ATTRS, INFER, VJP, NO_GRADIENT)                             \
  const OpDesc ID = {.name = NAME,                                                                 \
                     .doc = DOC,                                                                   \
                     .op_class = OP_CLASS_INDEXED,                                                 \
                     .inputs = INPUTS,                                                             \
                     .n_inputs = N,                                                                \
                     .attrs = attrs,                                                               \
                     .n_attrs = ATTRS,                                                             \
                     .infer = INFER,                                                               \
                     .vjp = VJP,                                                                   \
                     .no_gradient = NO_GRADIENT}
POOL(op_pool_index, "pool-index", "Place of each window's first maximum; pads never win.", one, 1,
     3, index_infer, vjp_none, 1);
POOL(op_pool_gather, "pool-gather", "Elements at pooling indices.", two, 2, 3, gather_infer,
     vjp_gather, 2);
POOL(op_pool_scatter, "pool-scatter", "Adds elements at pooling indices.", two, 2, 4, scatter_infer,
     vjp_scatter, 2);
POOL(op_pool_sum, "pool-sum", "Sum of each window; pads count as 0.", one, 1, 3, down_infer,
     vjp_sum, 0);
POOL(op_pool_spread, "pool-spread", "Adjoint of pool-sum.", one, 1, 4, up_infer, vjp_spread, 0);
