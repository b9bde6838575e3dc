/* Shape inference: runs an op's rule on a node of the graph. */
#include "ops/infer.h"

#include "graph/base/text.h"

#include <string.h>

Status infer_fail(InferContext *c, const char *hint, const char *format, ...) {
  va_list args;
  va_start(args, format);
  text_vformat(c->text, sizeof c->text, format, args);
  va_end(args);
  text_format(c->hint, sizeof c->hint, "%s", hint ? hint : "");
  return STATUS_INVALID;
}

uint32_t infer_n_inputs(const InferContext *c) {
  return c->graph->nodes[c->node].n_inputs;
}

const Shape *infer_shape(const InferContext *c, uint32_t input) {
  return &c->graph->nodes[node_input(c->graph, c->node, input)].shape;
}

DType infer_dtype(const InferContext *c, uint32_t input) {
  return (DType)c->graph->nodes[node_input(c->graph, c->node, input)].dtype;
}

const int64_t *infer_ints(const InferContext *c, uint32_t attr, uint32_t *count) {
  return node_attr(c->graph, c->node, attr, count);
}

int64_t infer_int(const InferContext *c, uint32_t attr) {
  return node_attr_int(c->graph, c->node, attr);
}

int infer_display_length(const char *name) {
  size_t n = strlen(name);
  return (int)(n > 4 && strcmp(name + n - 4, "/out") == 0 ? n - 4 : n);
}

const char *infer_node_label(const Graph *g, NodeId id, char *text) {
  const Node *node = &g->nodes[id];
  uint32_t line = node->stamp.loc ? g->symbols->locs[node->stamp.loc].line : 0;
  const char *name = graph_text(g, node->name ? node->name : node->stamp.scope);
  if (!*name) name = op_desc(node->op)->name;
  int length = infer_display_length(name), most = INFER_LABEL_MAX - 40;
  const char *dots = length > most ? "..." : ""; /* the end tells more than the beginning */
  if (*dots) name += length - most, length = most;
  if (line)
    snprintf(text, INFER_LABEL_MAX, "'%s%.*s' (line %u)", dots, length, name, line);
  else
    snprintf(text, INFER_LABEL_MAX, "'%s%.*s'", dots, length, name);
  return text;
}

const char *infer_label(const InferContext *c, uint32_t input, char *text) {
  return infer_node_label(c->graph, node_input(c->graph, c->node, input), text);
}

Status infer_require_float(InferContext *c, uint32_t input, int rank) {
  char label[INFER_LABEL_MAX], shape[SHAPE_TEXT_MAX];
  if (!dtype_is_float(infer_dtype(c, input)))
    return infer_fail(c, "use cast", "%s holds %s, a floating type is needed",
                      infer_label(c, input, label), dtype_name(infer_dtype(c, input)));
  if (rank >= 0 && infer_shape(c, input)->rank != rank)
    return infer_fail(
        c,
        rank == 4   ? "images are (N, height, width, channels), weights (out, in, height, width)"
        : rank == 2 ? "<flatten> makes rows of images, <reshape> of anything"
                    : NULL,
        "%s has shape %s, %d dimensions are needed", infer_label(c, input, label),
        shape_text(infer_shape(c, input), shape, sizeof shape), rank);
  return STATUS_OK;
}

Status infer_axis(InferContext *c, int64_t axis) {
  if (axis >= 0 && axis < c->shape.rank) return STATUS_OK;
  return infer_fail(c, "axes count from 0", "axis %lld of %u dimensions", (long long)axis,
                    c->shape.rank);
}

Status infer_index_axis(InferContext *c, int64_t axis) {
  TRY(infer_axis(c, axis));
  if (c->shape.dim[axis] <= INT32_MAX) return STATUS_OK;
  return infer_fail(c, "an index is an i32", "axis %lld has %lld elements, more than 2^31 - 1",
                    (long long)axis, (long long)c->shape.dim[axis]);
}

Status infer_set_shape(InferContext *c, uint32_t attr) {
  uint32_t n;
  const int64_t *dims = infer_ints(c, attr, &n);
  if (n > RANK_MAX)
    return infer_fail(c, NULL, "a shape has at most %d dimensions, this has %u", RANK_MAX, n);
  c->shape = (Shape){.rank = (uint8_t)n};
  for (uint32_t i = 0; i < n; i++) {
    if (dims[i] < 1) return infer_fail(c, NULL, "dimension %u is %lld", i, (long long)dims[i]);
    c->shape.dim[i] = dims[i];
  }
  return STATUS_OK;
}

/* The result must be addressable and its work countable: every size is checked once, here. */
static Status check_result(InferContext *c, const OpDesc *op) {
  char shape[SHAPE_TEXT_MAX];
  if (c->shape.rank > RANK_MAX || shape_count(&c->shape) < 0)
    return infer_fail(c, NULL, "the result %s is too large",
                      shape_text(&c->shape, shape, sizeof shape));
  if (op->macs && op->macs(c->graph, c->node, &c->shape) < 0)
    return infer_fail(c, "smaller batches or shapes",
                      "the result %s takes more than 2^63 multiply-adds",
                      shape_text(&c->shape, shape, sizeof shape));
  return STATUS_OK;
}

Status infer_node(const Graph *graph, NodeId id, InferContext *c) {
  const Node *node = &graph->nodes[id];
  *c = (InferContext){.graph = graph, .node = id};
  if (node->op == 0 || node->op >= OP_PRIMITIVE_COUNT)
    return infer_fail(c, NULL, "op %u is not a primitive", node->op);
  const OpDesc *op = op_desc(node->op);
  bool variadic = op->n_inputs && op->inputs[op->n_inputs - 1].variadic;
  if (variadic ? node->n_inputs < op->n_inputs : node->n_inputs != op->n_inputs)
    return infer_fail(c, NULL, "%u inputs, %u are needed", node->n_inputs, op->n_inputs);
  for (uint32_t i = 0; i < node->n_inputs; i++) {
    NodeId input = node_input(graph, id, i);
    if (input == NODE_NONE || input >= id)
      return infer_fail(c, NULL, "input %u is node %u: ids are not topological", i, input);
  }
  TRY(op->infer(c));
  return check_result(c, op);
}
