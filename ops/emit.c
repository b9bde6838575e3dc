/* The emitter's core: append, infer, hash-cons; and its simplest front ends. */
#include "ops/emit.h"

#include "graph/base/text.h"
#include "ops/fold.h"
#include "ops/infer.h"

#include <stdlib.h>
#include <string.h>

Status emitter_init(Emitter *e, Graph *graph, DType float_type, Diag *diag,
                    const Sources *sources) {
  *e = (Emitter){.graph = graph, .diag = diag, .sources = sources, .float_type = float_type};
  e->table_size = 1024;
  e->table = calloc(e->table_size, sizeof *e->table);
  if (!e->table) return e->status = diag_no_memory(diag, e->table_size * sizeof *e->table);
  return STATUS_OK;
}

void emitter_free(Emitter *e) {
  free(e->table);
  e->table = NULL;
}

void emitter_derive(Emitter *e, NodeId id) {
  const Node *node = &e->graph->nodes[id];
  e->stamp.scope = node->stamp.scope;
  e->stamp.loc = node->stamp.loc;
  e->stamp.batch = node->stamp.batch;
  e->stamp.order = (uint8_t)(node->stamp.order < UINT8_MAX ? node->stamp.order + 1 : UINT8_MAX);
}

void emitter_name(Emitter *e, NodeId id, const char *name) {
  if (id == NODE_NONE || e->graph->nodes[id].name) return;
  uint32_t string = strings_intern(e->graph->symbols->strings, name);
  if (string == UINT32_MAX)
    e->status = diag_no_memory(e->diag, strlen(name));
  else
    e->graph->nodes[id].name = string;
}

NodeId emitter_fail(Emitter *e, const char *hint, const char *format, ...) {
  char text[2 * INFER_TEXT_MAX], place[INFER_LABEL_MAX] = "";
  const char *scope = graph_text(e->graph, e->stamp.scope);
  va_list args;
  va_start(args, format);
  text_vformat(text, sizeof text, format, args);
  va_end(args);
  if (e->composite)
    text_format(place, sizeof place, "%s '%.*s': ", e->composite, infer_display_length(scope),
                scope);
  Status status = source_error(e->sources, e->graph->symbols, e->diag, e->stamp.loc, STATUS_INVALID,
                               hint, "%s%s", place, text);
  if (e->status == STATUS_OK) e->status = status;
  return NODE_NONE;
}

/* Identity of a node: what makes two nodes compute the same value. */
static uint64_t node_hash(const Graph *g, NodeId id) {
  const Node *node = &g->nodes[id];
  uint64_t h = node->op * 0x9E3779B97F4A7C15u + node->stamp.epoch;
  const NodeId *inputs = node_inputs(g, id);
  for (uint32_t i = 0; i < node->n_inputs; i++) h = (h ^ inputs[i]) * 0xBF58476D1CE4E5B9u;
  uint32_t n_attrs = op_desc(node->op)->n_attrs;
  for (uint32_t i = 0; i < n_attrs; i++) {
    uint32_t n;
    const int64_t *values = node_attr(g, id, i, &n);
    h = (h ^ n) * 0x94D049BB133111EBu;
    for (uint32_t k = 0; k < n; k++)
      h = ((h >> 29) ^ h ^ (uint64_t)values[k]) * 0xBF58476D1CE4E5B9u;
  }
  return h ^ (h >> 32);
}

static bool node_same(const Emitter *e, NodeId a, NodeId b) {
  const Graph *g = e->graph;
  const Node *x = &g->nodes[a], *y = &g->nodes[b];
  if (e->batched && x->stamp.batch != y->stamp.batch) return false;
  if (x->op != y->op || x->stamp.epoch != y->stamp.epoch || x->n_inputs != y->n_inputs)
    return false;
  if (x->n_inputs &&
      memcmp(node_inputs(g, a), node_inputs(g, b), x->n_inputs * sizeof(NodeId)) != 0)
    return false;
  uint32_t n_attrs = op_desc(x->op)->n_attrs;
  for (uint32_t i = 0; i < n_attrs; i++) {
    uint32_t n, m;
    const int64_t *v = node_attr(g, a, i, &n), *w = node_attr(g, b, i, &m);
    if (n != m || (n && memcmp(v, w, n * sizeof *v) != 0)) return false;
  }
  return true;
}

static bool table_grow(Emitter *e) {
  uint32_t size = e->table_size * 2;
  uint32_t *table = calloc(size, sizeof *table);
  if (!table) return false;
  for (uint32_t i = 0; i < e->table_size; i++) {
    if (!e->table[i]) continue;
    uint32_t slot = (uint32_t)node_hash(e->graph, e->table[i]) & (size - 1);
    while (table[slot]) slot = (slot + 1) & (size - 1);
    table[slot] = e->table[i];
  }
  free(e->table);
  e->table = table;
  e->table_size = size;
  return true;
}

/* Takes back the last node, which nobody has seen yet. */
static void graph_pop(Graph *g, uint32_t n_inputs, uint32_t n_attrs, uint32_t n_ints) {
  g->n_nodes--;
  g->n_inputs = n_inputs;
  g->n_attrs = n_attrs;
  g->n_ints = n_ints;
}

static NodeId report_infer(Emitter *e, NodeId id, const InferContext *c) {
  const Node *node = &e->graph->nodes[id];
  const char *scope = graph_text(e->graph, node->stamp.scope);
  if (e->composite) /* emitter_fail names the element */
    return emitter_fail(e, *c->hint ? c->hint : NULL, "%s: %s", op_desc(node->op)->name, c->text);
  return emitter_fail(e, *c->hint ? c->hint : NULL, "%s%s%.*s%s: %s", op_desc(node->op)->name,
                      *scope ? " '" : "", infer_display_length(scope), scope, *scope ? "'" : "",
                      c->text);
}

/* Appends a node and finds its type and shape.  NODE_NONE after an error, which is reported. */
static NodeId append_checked(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs,
                             const EmitAttr *attrs) {
  Graph *g = e->graph;
  uint32_t used_inputs = g->n_inputs, used_attrs = g->n_attrs, used_ints = g->n_ints;
  Node proto = {.op = (uint16_t)op, .stamp = e->stamp};
  /* Attributes are appended one after the other, so that callers need no pool of their own. */
  NodeId id = graph_append(g, &proto, inputs, n_inputs, NULL, 0, NULL);
  bool good = id != NODE_NONE;
  uint32_t n_attrs = op_desc(op)->n_attrs;
  for (uint32_t i = 0; good && i < n_attrs; i++)
    good = graph_append_attr(g, id, attrs[i].values, attrs[i].count);
  if (!good) {
    e->status = diag_no_memory(e->diag, sizeof(Node));
    return NODE_NONE;
  }
  InferContext context;
  if (infer_node(g, id, &context) != STATUS_OK) {
    NodeId failed = report_infer(e, id, &context);
    graph_pop(g, used_inputs, used_attrs, used_ints);
    return failed;
  }
  g->nodes[id].dtype = (uint8_t)context.dtype;
  g->nodes[id].shape = context.shape;
  return id;
}

static bool can_emit(const Emitter *e, const NodeId *inputs, uint32_t n_inputs) {
  if (e->status != STATUS_OK) return false;
  for (uint32_t i = 0; i < n_inputs; i++)
    if (inputs[i] == NODE_NONE) return false;
  return true;
}

NodeId emit_node(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs,
                 const EmitAttr *attrs) {
  Graph *g = e->graph;
  uint32_t used_inputs = g->n_inputs, used_attrs = g->n_attrs, used_ints = g->n_ints;
  if (!can_emit(e, inputs, n_inputs)) return NODE_NONE;
  NodeId id = append_checked(e, op, inputs, n_inputs, attrs);
  if (id == NODE_NONE) return NODE_NONE;
  if (e->table_used * 2 >= e->table_size && !table_grow(e)) {
    e->status = diag_no_memory(e->diag, e->table_size * sizeof *e->table);
    return NODE_NONE;
  }
  uint32_t slot = (uint32_t)node_hash(g, id) & (e->table_size - 1);
  for (; e->table[slot]; slot = (slot + 1) & (e->table_size - 1))
    if (node_same(e, e->table[slot], id)) {
      graph_pop(g, used_inputs, used_attrs, used_ints);
      return e->table[slot];
    }
  e->table[slot] = id;
  e->table_used++;
  return id;
}

/* True when the shape rule accepts the node; the graph is as before. */
static bool check_node(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs,
                       const EmitAttr *attrs) {
  Graph *g = e->graph;
  uint32_t used_inputs = g->n_inputs, used_attrs = g->n_attrs, used_ints = g->n_ints;
  if (!can_emit(e, inputs, n_inputs) || !append_checked(e, op, inputs, n_inputs, attrs))
    return false;
  graph_pop(g, used_inputs, used_attrs, used_ints);
  return true;
}

NodeId emit_op(Emitter *e, OpId op, const NodeId *inputs, uint32_t n_inputs,
               const EmitAttr *attrs) {
  const OpDesc *desc = op_desc(op);
  if (desc->op_class == OP_CLASS_ELEMENTWISE) { /* these broadcast before they check */
    if (desc->make) return desc->make(e, inputs, n_inputs, attrs);
    if (desc->n_attrs) return emit_node(e, op, inputs, n_inputs, attrs);
    if (n_inputs == 1) return emit_unary(e, op, inputs[0]);
    if (n_inputs == 2) return emit_binary(e, op, inputs[0], inputs[1]);
    return emit_select(e, inputs[0], inputs[1], inputs[2]);
  }
  if (!desc->make) return emit_node(e, op, inputs, n_inputs, attrs);
  if (!check_node(e, op, inputs, n_inputs, attrs)) return NODE_NONE;
  return desc->make(e, inputs, n_inputs, attrs);
}

/* ---- leaves ---- */

static const Shape scalar_shape = {0};

static EmitAttr shape_attr(const Shape *shape) {
  return (EmitAttr){shape->dim, shape->rank};
}

NodeId emit_constant_list(Emitter *e, const double *values, DType dtype, const Shape *shape) {
  if (!shape) shape = &scalar_shape;
  int64_t count = shape_count(shape);
  bool equal = true;
  for (int64_t i = 1; i < count; i++) equal &= values[i] == values[0];
  if (equal) return emit_constant(e, values[0], dtype, shape);
  int64_t *bits = malloc((size_t)count * sizeof *bits);
  if (!bits) {
    e->status = diag_no_memory(e->diag, (size_t)count * sizeof *bits);
    return NODE_NONE;
  }
  for (int64_t i = 0; i < count; i++) {
    double value = dtype_round(dtype, values[i]);
    if (value == 0) value = 0; /* as below */
    memcpy(&bits[i], &value, sizeof value);
  }
  int64_t type = dtype;
  EmitAttr attrs[] = {{bits, (uint32_t)count}, shape_attr(shape), {&type, 1}};
  NodeId id = emit_node(e, OP_CONSTANT, NULL, 0, attrs);
  free(bits);
  return id;
}

NodeId emit_constant(Emitter *e, double value, DType dtype, const Shape *shape) {
  if (!shape) shape = &scalar_shape;
  value = dtype_round(dtype, value);
  if (value == 0) value = 0; /* one zero: -0 and 0 are the same constant */
  int64_t bits, type = dtype;
  memcpy(&bits, &value, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}, shape_attr(shape), {&type, 1}};
  return emit_node(e, OP_CONSTANT, NULL, 0, attrs);
}

NodeId emit_constant_like(Emitter *e, double value, NodeId like) {
  if (like == NODE_NONE) return NODE_NONE;
  Shape shape = *emit_shape(e, like);
  return emit_constant(e, value, emit_dtype(e, like), &shape);
}

bool emit_is_fill(const Emitter *e, NodeId a, double *value) {
  if (a == NODE_NONE || e->graph->nodes[a].op != OP_CONSTANT) return false;
  uint32_t n;
  const int64_t *bits = node_attr(e->graph, a, CONSTANT_VALUES, &n);
  if (n != 1) return false;
  memcpy(value, bits, sizeof *value);
  return true;
}

NodeId emit_iota(Emitter *e, int64_t axis, DType dtype, const Shape *shape) {
  int64_t type = dtype;
  EmitAttr attrs[] = {{&axis, 1}, shape_attr(shape), {&type, 1}};
  return emit_node(e, OP_IOTA, NULL, 0, attrs);
}

static NodeId emit_leaf(Emitter *e, OpId op, int64_t first, DType dtype, const Shape *shape) {
  int64_t type = dtype;
  EmitAttr attrs[] = {{&first, 1}, shape_attr(shape ? shape : &scalar_shape), {&type, 1}};
  return emit_node(e, op, NULL, 0, attrs);
}

NodeId emit_input(Emitter *e, uint32_t name, DType dtype, const Shape *shape) {
  return emit_leaf(e, OP_INPUT, name, dtype, shape);
}

NodeId emit_state(Emitter *e, uint32_t index, DType dtype, const Shape *shape) {
  return emit_leaf(e, OP_STATE, index, dtype, shape);
}

NodeId emit_random(Emitter *e, uint32_t site, int distribution, NodeId seed, NodeId step,
                   DType dtype, const Shape *shape) {
  int64_t s = site, d = distribution, type = dtype;
  NodeId inputs[] = {seed, step};
  EmitAttr attrs[] = {{&s, 1}, {&d, 1}, shape_attr(shape ? shape : &scalar_shape), {&type, 1}};
  return emit_node(e, OP_RANDOM, inputs, 2, attrs);
}

/* ---- elementwise ---- */

NodeId emit_unary(Emitter *e, OpId op, NodeId a) {
  NodeId folded = fold_unary(e, op, a);
  return folded ? folded : emit_node(e, op, &a, 1, NULL);
}

/* Brings `a` to the broadcast of both shapes: leading axes of length 1, then growth. */
static NodeId broadcast_to(Emitter *e, NodeId a, const Shape *shape) {
  Shape lifted = {.rank = shape->rank};
  const Shape *have = emit_shape(e, a);
  int lead = shape->rank - have->rank;
  for (int i = 0; i < shape->rank; i++) lifted.dim[i] = i < lead ? 1 : have->dim[i - lead];
  return emit_broadcast(e, emit_reshape(e, a, &lifted), shape);
}

static NodeId fail_broadcast(Emitter *e, const char *op, NodeId a, NodeId b) {
  char la[INFER_LABEL_MAX], lb[INFER_LABEL_MAX], sa[SHAPE_TEXT_MAX], sb[SHAPE_TEXT_MAX];
  return emitter_fail(
      e, "shapes are aligned at the last axis; axes of length 1 are repeated",
      "%s: shapes do not fit: %s has %s, %s has %s", op, infer_node_label(e->graph, a, la),
      shape_text(emit_shape(e, a), sa, sizeof sa), infer_node_label(e->graph, b, lb),
      shape_text(emit_shape(e, b), sb, sizeof sb));
}

NodeId emit_binary(Emitter *e, OpId op, NodeId a, NodeId b) {
  if (e->status != STATUS_OK || a == NODE_NONE || b == NODE_NONE) return NODE_NONE;
  Shape shape;
  if (!shape_broadcast(emit_shape(e, a), emit_shape(e, b), &shape))
    return fail_broadcast(e, op_desc(op)->name, a, b);
  a = broadcast_to(e, a, &shape);
  b = broadcast_to(e, b, &shape);
  NodeId folded = fold_binary(e, op, a, b);
  if (folded) return folded;
  bool commutes = op_desc(op)->commutes;
  NodeId inputs[] = {commutes && b < a ? b : a, commutes && b < a ? a : b};
  return emit_node(e, op, inputs, 2, NULL);
}

NodeId emit_scale(Emitter *e, NodeId a, double factor) {
  return emit_mul(e, a, emit_constant_like(e, factor, a));
}

NodeId emit_shift(Emitter *e, NodeId a, double term) {
  return emit_add(e, a, emit_constant_like(e, term, a));
}

NodeId emit_power(Emitter *e, NodeId a, double exponent) {
  if (exponent == 1) return a;
  if (exponent == 0) return emit_constant_like(e, 1, a);
  if (exponent == 2) return emit_mul(e, a, a);
  if (exponent == -1) return emit_div(e, emit_constant_like(e, 1, a), a);
  int64_t bits;
  memcpy(&bits, &exponent, sizeof bits);
  EmitAttr attrs[] = {{&bits, 1}};
  return emit_node(e, OP_POWER, &a, 1, attrs);
}

NodeId emit_cast(Emitter *e, NodeId a, DType dtype) {
  if (a != NODE_NONE && emit_dtype(e, a) == dtype) return a;
  double value;
  if (dtype_is_float(dtype) && emit_is_fill(e, a, &value)) {
    Shape shape = *emit_shape(e, a);
    return emit_constant(e, value, dtype, &shape);
  }
  int64_t type = dtype;
  EmitAttr attrs[] = {{&type, 1}};
  return emit_node(e, OP_CAST, &a, 1, attrs);
}

NodeId emit_select(Emitter *e, NodeId condition, NodeId a, NodeId b) {
  if (e->status != STATUS_OK || !condition || !a || !b) return NODE_NONE;
  Shape ab, shape;
  if (!shape_broadcast(emit_shape(e, a), emit_shape(e, b), &ab))
    return fail_broadcast(e, "select", a, b);
  if (!shape_broadcast(emit_shape(e, condition), &ab, &shape))
    return fail_broadcast(e, "select", condition, a);
  condition = broadcast_to(e, condition, &shape);
  a = broadcast_to(e, a, &shape);
  b = broadcast_to(e, b, &shape);
  if (a == b) return a;
  NodeId inputs[] = {condition, a, b};
  return emit_node(e, OP_SELECT, inputs, 3, NULL);
}

NodeId emit_stop_gradient(Emitter *e, NodeId a) {
  return emit_node(e, OP_STOP_GRADIENT, &a, 1, NULL);
}

NodeId emit_gradient_scale(Emitter *e, NodeId a, NodeId factor) {
  NodeId inputs[] = {a, factor};
  return emit_node(e, OP_GRADIENT_SCALE, inputs, 2, NULL);
}
