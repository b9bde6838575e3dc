/* Pooling.  Max pooling is an index (first maximum of the window, a constant for derivatives) and a
 * gather at it; gather and scatter are each other's adjoints, as are sum and spread of average
 * pooling.
 *
 * A window takes `kernel` pixels, `dilation` apart, from stride p - pad on.  Each must hold a pixel
 * of the image: a window of nothing has no maximum and no mean. */
#include "ops/rule.h"

#define EXTENT_MAX (1 << 20) /* of kernel, stride, pad and dilation: products fit 64 bits */

void pool_window(const Graph *g, NodeId node, Window *w) {
  uint32_t n;
  const int64_t *pad = node_attr(g, node, POOL_PAD, &n);
  for (uint32_t k = 0; k < 2; k++) {
    w->kernel[k] = node_attr(g, node, POOL_KERNEL, NULL)[k];
    w->stride[k] = node_attr(g, node, POOL_STRIDE, NULL)[k];
    w->dilation[k] = node_attr(g, node, POOL_DILATION, NULL)[k];
    w->pad[k] = pad[k];
    w->pad[2 + k] = pad[n == 4 ? 2 + k : k];
  }
}

static Status check_attrs(InferContext *c) {
  static const char *const names[] = {"kernel", "stride", "pad", "dilation", "size"};
  uint32_t n_attrs = op_desc(c->graph->nodes[c->node].op)->n_attrs;
  for (uint32_t a = 0; a < n_attrs; a++) {
    uint32_t n;
    const int64_t *v = infer_ints(c, a, &n);
    if (n != 2 && (a != POOL_PAD || n != 4))
      return infer_fail(c,
                        a == POOL_PAD ? "give height and width, or top, left, bottom, right"
                                      : "give height and width",
                        "%s has %u numbers", names[a], n);
    for (uint32_t i = 0; i < n; i++) {
      bool far = a == POOL_SIZE || i >= 2; /* the image, or what a window reaches beyond it */
      int64_t max = far ? (int64_t)EXTENT_MAX * EXTENT_MAX : EXTENT_MAX;
      if (v[i] < (a != POOL_PAD) || v[i] > max)
        return infer_fail(c, NULL, "%s %lld is out of range: %d..%lld", names[a], (long long)v[i],
                          a != POOL_PAD, (long long)max);
    }
  }
  return STATUS_OK;
}

/* What a window covers, from its first pixel to its last. */
static int64_t reach(const Window *w, int k) {
  return (w->kernel[k] - 1) * w->dilation[k] + 1;
}

/* True when the window that begins at `start` holds a pixel of an axis of `size`. */
static bool meets(const Window *w, int k, int64_t start, int64_t size) {
  int64_t first = start < 0 ? (-start + w->dilation[k] - 1) / w->dilation[k] : 0;
  return first < w->kernel[k] && start + first * w->dilation[k] < size;
}

/* How many windows an axis of `size` has. */
static Status pool_extent(InferContext *c, const Window *w, int k, int64_t size, int64_t *out) {
  char a[INFER_LABEL_MAX];
  const char *axis = k ? "width" : "height";
  int64_t room = size + w->pad[k] + w->pad[2 + k] - reach(w, k);
  if (room < 0)
    return infer_fail(
        c, NULL,
        "the window does not fit into %s: it covers %lld of the %s, which is %lld with its pads",
        infer_label(c, 0, a), (long long)reach(w, k), axis, (long long)(room + reach(w, k)));
  *out = room / w->stride[k] + 1;
  bool good = meets(w, k, (*out - 1) * w->stride[k] - w->pad[k], size);
  for (int64_t p = 0; good && p < *out && p * w->stride[k] < w->pad[k]; p++)
    good = meets(w, k, p * w->stride[k] - w->pad[k], size);
  if (good) return STATUS_OK;
  return infer_fail(c, "less padding, or a smaller dilation",
                    "a window would hold nothing but pads: %s %lld, pads %lld and %lld", axis,
                    (long long)size, (long long)w->pad[k], (long long)w->pad[2 + k]);
}

static Status down_infer(InferContext *c) {
  Window w;
  TRY(infer_require_float(c, 0, 4));
  TRY(check_attrs(c));
  pool_window(c->graph, c->node, &w);
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  for (int k = 0; k < 2; k++) TRY(pool_extent(c, &w, k, c->shape.dim[1 + k], &c->shape.dim[1 + k]));
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
  Window w;
  TRY(infer_require_float(c, 0, 4));
  TRY(check_attrs(c));
  pool_window(c->graph, c->node, &w);
  c->dtype = infer_dtype(c, 0);
  c->shape = *infer_shape(c, 0);
  for (int k = 0; k < 2; k++) {
    int64_t size = infer_ints(c, POOL_SIZE, NULL)[k], extent;
    TRY(pool_extent(c, &w, k, size, &extent));
    if (extent != c->shape.dim[1 + k])
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
  pool_window(e->graph, n, w);
  for (int k = 0; k < 2; k++) w->size[k] = emit_shape(e, image)->dim[1 + k];
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
    {"pad", ATTR_INTS, "0 0", NULL, 0, 0, "height and width, or top, left, bottom, right"},
    {"dilation", ATTR_INTS, "1 1", NULL, 0, 0, "height and width"},
    {"size", ATTR_INTS, NULL, NULL, 0, 0, "height and width of the result"}};

static NodeId make_pool(Emitter *e, OpId op, const NodeId *in, uint32_t n, const EmitAttr *a) {
  Window w = {0};
  for (uint32_t k = 0; k < 2; k++) {
    w.kernel[k] = a[POOL_KERNEL].values[k];
    w.stride[k] = a[POOL_STRIDE].values[k];
    w.dilation[k] = a[POOL_DILATION].values[k];
    w.pad[k] = a[POOL_PAD].values[k];
    w.pad[2 + k] = a[POOL_PAD].values[a[POOL_PAD].count == 4 ? 2 + k : k];
    if (op == OP_POOL_SCATTER || op == OP_POOL_SPREAD) w.size[k] = a[POOL_SIZE].values[k];
  }
  return emit_pool(e, op, in[0], n > 1 ? in[1] : NODE_NONE, &w);
}

#define POOL(OP, ID, NAME, DOC, INPUTS, N, ATTRS, INFER, VJP, NO_GRADIENT)                         \
  static NodeId make_##ID(Emitter *e, const NodeId *in, uint32_t n, const EmitAttr *a) {           \
    return make_pool(e, OP, in, n, a);                                                             \
  }                                                                                                \
  const OpDesc op_##ID = {.name = NAME,                                                            \
                          .doc = DOC,                                                              \
                          .op_class = OP_CLASS_INDEXED,                                            \
                          .inputs = INPUTS,                                                        \
                          .n_inputs = N,                                                           \
                          .attrs = attrs,                                                          \
                          .n_attrs = ATTRS,                                                        \
                          .make = make_##ID,                                                       \
                          .infer = INFER,                                                          \
                          .vjp = VJP,                                                              \
                          .no_gradient = NO_GRADIENT}
POOL(OP_POOL_INDEX, pool_index, "pool-index",
     "Place of each window's first maximum, NaN above all; pads never win.", one, 1, 4, index_infer,
     vjp_none, 1);
POOL(OP_POOL_GATHER, pool_gather, "pool-gather", "Elements at pooling indices.", two, 2, 4,
     gather_infer, vjp_gather, 2);
POOL(OP_POOL_SCATTER, pool_scatter, "pool-scatter", "Adds elements at pooling indices.", two, 2, 5,
     scatter_infer, vjp_scatter, 2);
POOL(OP_POOL_SUM, pool_sum, "pool-sum", "Sum of each window; pads count as 0.", one, 1, 4,
     down_infer, vjp_sum, 0);
POOL(OP_POOL_SPREAD, pool_spread, "pool-spread", "Adjoint of pool-sum.", one, 1, 5, up_infer,
     vjp_spread, 0);

/* ---- composites ---- */

static const InputDesc image[] = {{"in", false, false, "images (N, H, W, C)"}};
enum { ATTR_KERNEL, ATTR_STRIDE, ATTR_PAD, ATTR_DILATION, ATTR_CEIL, ATTR_COUNT_PADS };
static const AttrDesc pool_attrs[] = {
    {"kernel", ATTR_INTS, NULL, NULL, 0, 0, "height and width"},
    {"stride", ATTR_INTS, NULL, NULL, 0, 0, "height and width"},
    {"pad", ATTR_INTS, "0 0", NULL, 0, 0,
     "on both sides, height and width; or top, left, bottom, right"},
    {"dilation", ATTR_INTS, "1 1", NULL, 0, 0, "from pixel to pixel of a window"},
    {"ceil", ATTR_BOOL, "false", NULL, 0, 0, "windows that reach over the end count too"},
    {"count-pads", ATTR_BOOL, "true", NULL, 0, 0,
     "pads count as 0; false: mean of the pixels only"}};

static bool read_window(Emitter *e, const CompositeCall *c, Window *w) {
  int64_t *const fields[] = {w->kernel, w->stride, w->pad, w->dilation};
  for (uint32_t a = 0; a < COUNT_OF(fields); a++) {
    uint32_t n;
    const int64_t *v = composite_ints(c, a, &n);
    if (n != 1 && n != 2 && (a != ATTR_PAD || n != 4)) {
      emitter_fail(e,
                   a == ATTR_PAD ? "give height and width, or top, left, bottom, right"
                                 : "give height and width",
                   "%s has %u numbers", pool_attrs[a].name, n);
      return false;
    }
    for (uint32_t i = 0; i < (a == ATTR_PAD ? 4u : 2u); i++) {
      fields[a][i] = v[n == 1 ? 0 : i % n];
      if (fields[a][i] >= (a != ATTR_PAD) && fields[a][i] <= EXTENT_MAX) continue;
      emitter_fail(e, NULL, "%s %lld is out of range: %d..%d", pool_attrs[a].name,
                   (long long)fields[a][i], a != ATTR_PAD, EXTENT_MAX);
      return false;
    }
  }
  return true;
}

/* Pads behind the image that let a last window which reaches over the end take part, when it begins
 * in the image or in front of it. */
static void take_last(Emitter *e, NodeId x, Window *w, int64_t *more) {
  for (int k = 0; k < 2; k++) {
    int64_t size = emit_shape(e, x)->dim[1 + k],
            room = size + w->pad[k] + w->pad[2 + k] - reach(w, k);
    int64_t last = room < 0 ? 0 : (room + w->stride[k] - 1) / w->stride[k];
    if (last > 0 && last * w->stride[k] >= size + w->pad[k]) last--;
    more[k] = last * w->stride[k] > room ? last * w->stride[k] - room : 0;
    w->pad[2 + k] += more[k];
  }
}

/* The window of a call on x; more[k]: pads of the axis that `ceil` adds. False after an error. */
static bool get_call(Emitter *e, const CompositeCall *c, Window *w, int64_t *more) {
  NodeId x = c->inputs[0];
  more[0] = more[1] = 0;
  if (x == NODE_NONE || !read_window(e, c, w)) return false;
  if (composite_int(c, ATTR_CEIL) && emit_shape(e, x)->rank == 4) take_last(e, x, w, more);
  return true;
}

static Status expand_max_pool(Emitter *e, CompositeCall *c) {
  Window w = {0};
  int64_t more[2];
  if (!get_call(e, c, &w, more)) return e->status;
  NodeId index = emit_pool(e, OP_POOL_INDEX, c->inputs[0], NODE_NONE, &w);
  composite_name(e, c, index, "select/index");
  c->results[0] = emit_pool(e, OP_POOL_GATHER, c->inputs[0], index, &w);
  return e->status;
}
const OpDesc op_max_pool = {.name = "max-pool",
                            .doc = "Maximum of each window, NaN above all; pads never win.",
                            .op_class = OP_CLASS_COMPOSITE,
                            .inputs = image,
                            .n_inputs = 1,
                            .attrs = pool_attrs,
                            .n_attrs = ATTR_COUNT_PADS,
                            .n_results = 1,
                            .expand = expand_max_pool};

/* How many elements of each window along axis k count, with shape 1 on the other axes: a sum over
 * ones.  NODE_NONE when that is the kernel everywhere.  What `ceil` adds counts never. */
static NodeId count_line(Emitter *e, NodeId x, const Window *w, int k, int64_t more, bool pads) {
  if (more == 0 && (pads || (w->pad[k] == 0 && w->pad[2 + k] == 0))) return NODE_NONE;
  Window line = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
  Shape ones = {4, {1, 1, 1, 1}};
  line.kernel[k] = w->kernel[k];
  line.stride[k] = w->stride[k];
  line.dilation[k] = w->dilation[k];
  line.pad[k] = pads ? 0 : w->pad[k];
  line.pad[2 + k] = pads ? more : w->pad[2 + k];
  ones.dim[1 + k] = emit_shape(e, x)->dim[1 + k];
  if (pads) ones.dim[1 + k] += w->pad[k] + w->pad[2 + k] - more;
  return emit_pool(e, OP_POOL_SUM, emit_constant(e, 1, emit_dtype(e, x), &ones), NODE_NONE, &line);
}

static Status expand_avg_pool(Emitter *e, CompositeCall *c) {
  Window w = {0};
  int64_t more[2];
  if (!get_call(e, c, &w, more)) return e->status;
  NodeId y = emit_pool(e, OP_POOL_SUM, c->inputs[0], NODE_NONE, &w), counts = NODE_NONE;
  double same = 1; /* of the axes along which all windows count alike */
  for (int k = 0; y && k < 2; k++) {
    NodeId line = count_line(e, c->inputs[0], &w, k, more[k], composite_int(c, ATTR_COUNT_PADS));
    if (line == NODE_NONE)
      same *= (double)w.kernel[k];
    else
      counts = counts ? emit_mul(e, counts, line) : line;
  }
  if (counts) y = emit_div(e, y, counts);
  c->results[0] = emit_scale(e, y, 1 / same);
  return e->status;
}
const OpDesc op_avg_pool = {.name = "avg-pool",
                            .doc = "Mean of each window.",
                            .op_class = OP_CLASS_COMPOSITE,
                            .inputs = image,
                            .n_inputs = 1,
                            .attrs = pool_attrs,
                            .n_attrs = COUNT_OF(pool_attrs),
                            .n_results = 1,
                            .expand = expand_avg_pool};
