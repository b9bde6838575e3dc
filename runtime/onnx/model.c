/* Encodes ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto and ValueInfoProto with
 * the field numbers of onnx.proto3 (github.com/onnx/onnx, IR version 8). */
#include "runtime/onnx/model.h"

#include "graph/ir/dtype.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Field numbers. */
enum { MODEL_IR = 1, MODEL_PRODUCER, MODEL_VERSION, MODEL_GRAPH = 7, MODEL_OPSET, MODEL_META = 14 };
enum { OPSET_VERSION = 2 };
enum { META_KEY = 1, META_VALUE };
enum { GRAPH_NODE = 1, GRAPH_NAME, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT };
enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OP, NODE_ATTR };
enum { ATTR_NAME_ = 1, ATTR_I = 3, ATTR_S, ATTR_INTS_ = 8, ATTR_TYPE = 20 };
enum { ATTR_TYPE_INT = 2, ATTR_TYPE_TEXT, ATTR_TYPE_INTS = 7 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_RAW };
enum { INFO_NAME = 1, INFO_TYPE };
enum { TYPE_TENSOR = 1 };
enum { TENSOR_TYPE_ELEMENT = 1, TENSOR_TYPE_SHAPE };
enum { SHAPE_DIM = 1 };
enum { DIM_VALUE = 1, DIM_NAME };

bool onnx_create(OnnxModel *m) {
  *m = (OnnxModel){.arena = arena_create(), .shared = strings_create()};
  if (m->arena && m->shared) return true;
  onnx_release(m);
  return false;
}

void onnx_release(OnnxModel *m) {
  arena_destroy(m->arena);
  strings_destroy(m->shared);
  wire_release(&m->graph);
  *m = (OnnxModel){0};
}

const char *onnx_fresh(OnnxModel *m, const char *what) {
  const char *name = arena_printf(m->arena, "%s_%u", what, m->n_values++);
  m->graph.failed |= !name;
  return name ? name : "";
}

/* ---- nodes ---- */

static void put_attr(Wire *node, const OnnxAttr *a) {
  Wire w = {0};
  wire_text(&w, ATTR_NAME_, a->name);
  if (a->kind == ONNX_A_INT) {
    wire_int(&w, ATTR_I, a->value);
    wire_int(&w, ATTR_TYPE, ATTR_TYPE_INT);
  } else if (a->kind == ONNX_A_TEXT) {
    wire_text(&w, ATTR_S, a->text);
    wire_int(&w, ATTR_TYPE, ATTR_TYPE_TEXT);
  } else {
    for (uint32_t i = 0; i < a->n; i++) wire_int(&w, ATTR_INTS_, a->values[i]);
    wire_int(&w, ATTR_TYPE, ATTR_TYPE_INTS);
  }
  wire_message(node, NODE_ATTR, &w);
}

static void put_node(OnnxModel *m, const char *op, const char *const *inputs, uint32_t n,
                     const char *const *outputs, uint32_t n_outputs, const OnnxAttr *attrs,
                     uint32_t n_attrs) {
  Wire w = {0};
  char number[16];
  snprintf(number, sizeof number, "%u", m->n_nodes++);
  const char *name = m->scope ? arena_printf(m->arena, "%s/%s_%s", m->scope, op, number)
                              : arena_printf(m->arena, "%s_%s", op, number);
  for (uint32_t i = 0; i < n; i++) wire_text(&w, NODE_INPUT, inputs[i]);
  for (uint32_t i = 0; i < n_outputs; i++) wire_text(&w, NODE_OUTPUT, outputs[i]);
  wire_text(&w, NODE_NAME, name ? name : number);
  wire_text(&w, NODE_OP, op);
  for (uint32_t i = 0; i < n_attrs; i++) put_attr(&w, &attrs[i]);
  wire_message(&m->graph, GRAPH_NODE, &w);
}

const char *onnx_node(OnnxModel *m, const char *op, const char *const *inputs, uint32_t n,
                      const OnnxAttr *attrs, uint32_t n_attrs) {
  const char *output = onnx_fresh(m, "v");
  put_node(m, op, inputs, n, &output, 1, attrs, n_attrs);
  return output;
}

const char *onnx_node_second(OnnxModel *m, const char *op, const char *const *inputs, uint32_t n,
                             const OnnxAttr *attrs, uint32_t n_attrs) {
  const char *outputs[2] = {onnx_fresh(m, "v"), NULL};
  outputs[1] = onnx_fresh(m, "v");
  put_node(m, op, inputs, n, outputs, 2, attrs, n_attrs);
  return outputs[1];
}

const char *onnx_unary(OnnxModel *m, const char *op, const char *x) {
  return onnx_node(m, op, &x, 1, NULL, 0);
}

const char *onnx_binary(OnnxModel *m, const char *op, const char *x, const char *y) {
  const char *inputs[] = {x, y};
  return onnx_node(m, op, inputs, 2, NULL, 0);
}

const char *onnx_cast(OnnxModel *m, const char *x, OnnxType type) {
  OnnxAttr to = ONNX_INT("to", type);
  return onnx_node(m, "Cast", &x, 1, &to, 1);
}

void onnx_name(OnnxModel *m, const char *x, const char *output) {
  put_node(m, "Identity", &x, 1, &output, 1, NULL, 0);
}

/* ---- constants ---- */

void onnx_initializer(OnnxModel *m, const char *name, OnnxType type, const int64_t *dims,
                      uint32_t rank, const void *bytes, size_t n) {
  Wire w = {0};
  for (uint32_t i = 0; i < rank; i++) wire_int(&w, TENSOR_DIMS, dims[i]);
  wire_int(&w, TENSOR_TYPE, type);
  wire_text(&w, TENSOR_NAME, name);
  wire_bytes(&w, TENSOR_RAW, bytes, n);
  wire_message(&m->graph, GRAPH_INITIALIZER, &w);
}

/* True when no constant of this name is there yet. */
static bool is_new(OnnxModel *m, const char *name) {
  if (!name || strings_find(m->shared, name) != UINT32_MAX) return false;
  m->graph.failed |= strings_intern(m->shared, name) == UINT32_MAX;
  return true;
}

const char *onnx_ints(OnnxModel *m, const int64_t *values, uint32_t n) {
  const char *name = "ints";
  const int64_t dim = n;
  for (uint32_t i = 0; name && i < n; i++)
    name = arena_printf(m->arena, "%s_%lld", name, (long long)values[i]);
  m->graph.failed |= !name;
  if (is_new(m, name)) onnx_initializer(m, name, ONNX_INT64, &dim, 1, values, n * sizeof *values);
  return name ? name : "";
}

static size_t put_number(OnnxType type, double value, char bytes[8]) {
  static const DType types[] = {[ONNX_FLOAT] = DTYPE_F32,
                                [ONNX_INT32] = DTYPE_I32,
                                [ONNX_INT64] = DTYPE_I64,
                                [ONNX_BOOL] = DTYPE_BOOL,
                                [ONNX_DOUBLE] = DTYPE_F64};
  const DTypeDesc *d = dtype_desc(types[type]);
  memset(bytes, 0, 8);
  d->set(bytes, 0, value);
  return d->size;
}

const char *onnx_uniform(OnnxModel *m, OnnxType type, double value, uint32_t rank) {
  static const int64_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  _Alignas(8) char bytes[8];
  uint64_t bits;
  size_t n = put_number(type, value, bytes);
  memcpy(&bits, bytes, sizeof bits);
  const char *name =
      arena_printf(m->arena, "number_%d_%u_%llx", type, rank, (unsigned long long)bits);
  m->graph.failed |= !name;
  if (is_new(m, name)) onnx_initializer(m, name, type, ones, rank, bytes, n);
  return name ? name : "";
}

const char *onnx_scalar(OnnxModel *m, OnnxType type, double value) {
  return onnx_uniform(m, type, value, 0);
}

/* ---- ends ---- */

static void put_info(OnnxModel *m, uint32_t field, const char *name, OnnxType type,
                     const int64_t *dims, const char *const *names, uint32_t rank) {
  Wire shape = {0}, tensor = {0}, of = {0}, info = {0};
  for (uint32_t i = 0; i < rank; i++) {
    Wire dim = {0};
    if (dims[i] < 0)
      wire_text(&dim, DIM_NAME, names[i]);
    else
      wire_int(&dim, DIM_VALUE, dims[i]);
    wire_message(&shape, SHAPE_DIM, &dim);
  }
  wire_int(&tensor, TENSOR_TYPE_ELEMENT, type);
  wire_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
  wire_message(&of, TYPE_TENSOR, &tensor);
  wire_text(&info, INFO_NAME, name);
  wire_message(&info, INFO_TYPE, &of);
  wire_message(&m->graph, field, &info);
}

void onnx_input(OnnxModel *m, const char *name, OnnxType type, const int64_t *dims,
                const char *const *names, uint32_t rank) {
  put_info(m, GRAPH_INPUT, name, type, dims, names, rank);
}

void onnx_output(OnnxModel *m, const char *name, OnnxType type, const int64_t *dims,
                 const char *const *names, uint32_t rank) {
  put_info(m, GRAPH_OUTPUT, name, type, dims, names, rank);
}

bool onnx_finish(OnnxModel *m, const char *name, const char *version, const OnnxMeta *meta,
                 uint32_t n_meta, Wire *out) {
  Wire opset = {0};
  *out = (Wire){0};
  wire_text(&m->graph, GRAPH_NAME, name);
  wire_int(out, MODEL_IR, ONNX_IR);
  wire_text(out, MODEL_PRODUCER, "graphrun");
  wire_text(out, MODEL_VERSION, version);
  wire_message(out, MODEL_GRAPH, &m->graph);
  wire_int(&opset, OPSET_VERSION, ONNX_OPSET);
  wire_message(out, MODEL_OPSET, &opset);
  for (uint32_t i = 0; i < n_meta; i++) {
    Wire pair = {0};
    wire_text(&pair, META_KEY, meta[i].key);
    wire_text(&pair, META_VALUE, meta[i].value);
    wire_message(out, MODEL_META, &pair);
  }
  return !out->failed;
}
