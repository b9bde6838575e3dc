/* One row of the op table's tests, and the graph that it stands for.
 *
 * A row is text, so that a new op needs one line:
 *     {"conv", "f(2,5,4,3) f(6,3,3,2)", "stride=2,1 pad=1,0", "(2,3,3,6)", .macs = 1944}
 * Inputs are blank-separated: KIND[N][=V,V,...](DIMS), or `-` for an absent optional one.  Kinds:
 *     f  floats in [-1, 1)            p  floats in [0.5, 1.5)
 *     a  floats away from 0: +-[0.3, 1.3)    s  distinct floats, well apart, none near 0
 *     t  floats with many ties        n  any number type    m  any element type
 *     iN i32 in [0, N)                I  i64                b  bool
 *     w  a pooling index: of the row's window over a fresh image of these dimensions
 * `=V,V` gives the values themselves. Attributes: NAME=V,V as in a model; those left out take their
 * defaults. Results: the shapes that the rule must find, one for each result of a composite. */
#ifndef TESTS_OPS_OP_CASE_H
#define TESTS_OPS_OP_CASE_H

#include "compiler/differentiate.h"
#include "ops/composite.h"
#include "tests/kernels/kernel_test.h"

#include <string.h>

typedef struct OpRow {
  const char *op, *inputs, *attrs, *results;
  int64_t macs; /* multiply-adds of the forward graph */
} OpRow;

#define CASE_INPUTS_MAX 8

typedef struct OpCase {
  const OpRow *row;
  const OpDesc *op;
  uint32_t id; /* in the op table */
  Lab lab;
  NodeId inputs[CASE_INPUTS_MAX], results[COMPOSITE_RESULTS_MAX];
  uint32_t n_inputs, n_results;
  NodeId by[CASE_INPUTS_MAX]; /* the floating inputs */
  uint32_t n_by;
  NodeId forward_end; /* the first node that is not of the forward graph */
} OpCase;

/* `conv f64 f(2,5,4,3) f(6,3,3,2) stride=2,1`: how messages name a case. */
static inline const char *case_text(const OpCase *c, char *text, size_t size) {
  snprintf(text, size, "%s %s %s %s", c->row->op, dtype_name(c->lab.e.float_type), c->row->inputs,
           c->row->attrs);
  return text;
}

static inline void case_typo(const OpRow *row, const char *what) {
  printf("\n  row %s %s: %s\n", row->op, row->inputs, what);
  exit(1);
}

static inline const char *parse_shape(const OpRow *row, const char *at, Shape *out) {
  *out = (Shape){0};
  if (*at++ != '(') case_typo(row, "a shape starts with (");
  while (*at != ')') {
    char *end;
    if (out->rank == RANK_MAX) case_typo(row, "too many dimensions");
    out->dim[out->rank++] = strtol(at, &end, 10);
    if (end == at) case_typo(row, "a dimension is no number");
    at = *end == ',' ? end + 1 : end;
  }
  return at + 1;
}

static inline void set_value(Lab *lab, NodeId id, int64_t i, double x) {
  const Node *node = &lab->graph->nodes[id];
  Tensor t = {lab_value(lab, id), (DType)node->dtype, node->shape};
  tensor_set(&t, i, x);
}

/* A stride that visits all of `count` places. */
static inline int64_t place_stride(int64_t count) {
  for (int64_t stride = 1 + count / 3;; stride++) {
    int64_t a = count, b = stride;
    while (b) {
      int64_t rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) return stride;
  }
}

/* Values of one kind; `n` is the number behind its letter. */
static inline void fill_kind(Lab *lab, NodeId id, char kind, int64_t n) {
  int64_t count = shape_count(&lab->graph->nodes[id].shape);
  int64_t stride = place_stride(count);
  for (int64_t i = 0; i < count; i++) {
    double u = lab_uniform(lab), x = 2 * u - 1;
    if (kind == 'p') x = u + 0.5;
    if (kind == 'a') x = (lab_pick(lab, 2) ? 1 : -1) * (u + 0.3);
    if (kind == 's') x = ((double)(i * stride % count) - (double)count / 2 + 0.25 + 0.2 * u) * 1.5;
    if (kind == 's' && count > 8) x *= 8.0 / (double)count;
    if (kind == 't') x = (double)(lab_pick(lab, 3) - 1);
    if (kind == 'i') x = (double)lab_pick(lab, n);
    set_value(lab, id, i, x);
  }
}

static inline DType kind_type(char kind, DType dtype) {
  switch (kind) {
  case 'i':
    return DTYPE_I32;
  case 'I':
    return DTYPE_I64;
  case 'b':
    return DTYPE_BOOL;
  default:
    return dtype;
  }
}

static inline EmitAttr *case_attr(OpCase *c, const char *name, EmitAttr *attrs) {
  for (uint32_t i = 0; i < c->op->n_attrs; i++)
    if (strcmp(c->op->attrs[i].name, name) == 0) return &attrs[i];
  case_typo(c->row, "no such attribute");
  return NULL;
}

static inline int64_t parse_value(OpCase *c, const AttrDesc *desc, const char *text) {
  double number = strtod(text, NULL);
  int64_t bits, index = 0;
  DType dtype;
  memcpy(&bits, &number, sizeof bits);
  switch (desc->type) {
  case ATTR_FLOAT:
  case ATTR_FLOATS:
    return bits;
  case ATTR_BOOL:
    return strcmp(text, "true") == 0;
  case ATTR_NAME:
    return strings_intern(c->lab.symbols->strings, text);
  case ATTR_DTYPE:
    return dtype_parse(text, &dtype) ? dtype : c->lab.e.float_type;
  case ATTR_ENUM:
    for (const char *at = desc->values; strncmp(at, text, strlen(text)) != 0; index++) {
      at = strchr(at, ' ');
      if (!at++) case_typo(c->row, "no such word");
    }
    return index;
  default:
    return strtol(text, NULL, 10);
  }
}

/* A list as text (`,` or blank between values) into the attribute. */
static inline void parse_list(OpCase *c, const AttrDesc *desc, const char *text, int64_t *values,
                              EmitAttr *out) {
  char copy[256], *save = NULL;
  snprintf(copy, sizeof copy, "%s", text);
  out->values = values;
  out->count = 0;
  for (char *v = strtok_r(copy, ", ", &save); v; v = strtok_r(NULL, ", ", &save))
    values[out->count++] = parse_value(c, desc, v);
}

static inline void parse_attrs(OpCase *c, EmitAttr *attrs, int64_t values[][64]) {
  char copy[256], *save = NULL;
  for (uint32_t i = 0; i < c->op->n_attrs; i++)
    parse_list(c, &c->op->attrs[i], c->op->attrs[i].fallback ? c->op->attrs[i].fallback : "",
               values[i], &attrs[i]);
  snprintf(copy, sizeof copy, "%s", c->row->attrs);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    char *equals = strchr(word, '=');
    if (!equals) case_typo(c->row, "an attribute without =");
    *equals = 0;
    EmitAttr *attr = case_attr(c, word, attrs);
    parse_list(c, &c->op->attrs[attr - attrs], equals + 1, values[attr - attrs], attr);
  }
}

/* The index of pool-gather and pool-scatter: places that the row's window can hold. */
static inline NodeId window_index(OpCase *c, NodeId image, const EmitAttr *attrs) {
  return emit_node(&c->lab.e, OP_POOL_INDEX, &image, 1, attrs);
}

static inline NodeId parse_input(OpCase *c, const char *word, DType dtype, const EmitAttr *attrs) {
  char kind = *word++;
  const char *list = NULL;
  Shape shape;
  int64_t n = strtol(word, (char **)(uintptr_t)&word, 10);
  if (*word == '=') {
    list = word + 1;
    word = strchr(word, '(');
    if (!word) case_typo(c->row, "values without a shape");
  }
  parse_shape(c->row, word, &shape);
  NodeId id = lab_input(&c->lab, kind_type(kind, dtype), shape.rank, shape.dim);
  fill_kind(&c->lab, id, kind, n ? n : 2);
  for (int64_t i = 0; list && *list != '('; i++) {
    set_value(&c->lab, id, i, strtod(list, (char **)(uintptr_t)&list));
    if (*list == ',') list++;
  }
  return kind == 'w' ? window_index(c, id, attrs) : id;
}

static inline void parse_inputs(OpCase *c, DType dtype, const EmitAttr *attrs) {
  char copy[256], *save = NULL;
  snprintf(copy, sizeof copy, "%s", c->row->inputs);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
    if (c->n_inputs == CASE_INPUTS_MAX) case_typo(c->row, "too many inputs");
    NodeId id = *word == '-' ? NODE_NONE : parse_input(c, word, dtype, attrs);
    c->inputs[c->n_inputs++] = id;
    if (id && dtype_is_float(emit_dtype(&c->lab.e, id))) c->by[c->n_by++] = id;
  }
  /* The mean of a variance is its operand's, unless the row has one. */
  if (c->id == OP_VARIANCE && c->n_inputs == 1) {
    uint32_t mask = 0;
    for (uint32_t i = 0; i < attrs->count; i++) mask |= 1u << attrs->values[i];
    c->inputs[c->n_inputs++] = emit_mean(&c->lab.e, c->inputs[0], mask);
  }
}

static inline void expand_composite(OpCase *c, const EmitAttr *attrs) {
  AttrRef refs[16];
  int64_t ints[1024];
  uint32_t n = 0;
  for (uint32_t i = 0; i < c->op->n_attrs; i++) {
    refs[i] = (AttrRef){n, attrs[i].count};
    memcpy(&ints[n], attrs[i].values, attrs[i].count * sizeof *ints);
    n += attrs[i].count;
  }
  NodeId inputs[CASE_INPUTS_MAX] = {0};
  memcpy(inputs, c->inputs, c->n_inputs * sizeof *inputs);
  CompositeCall call = {.op = c->op,
                        .name = "case",
                        .inputs = inputs,
                        .n_inputs = c->n_inputs > c->op->n_inputs ? c->n_inputs : c->op->n_inputs,
                        .attrs = refs,
                        .ints = ints};
  c->op->expand(&c->lab.e, &call);
  c->n_results = c->op->n_results;
  memcpy(c->results, call.results, c->n_results * sizeof *call.results);
}

/* FNV-1a of the row's text: its data stay what they are when other rows come and go. */
static inline uint64_t row_seed(const OpRow *row, uint64_t seed) {
  const char *const parts[] = {row->op, row->inputs, row->attrs};
  uint64_t h = 14695981039346656037u + seed;
  for (int i = 0; i < 3; i++)
    for (const char *at = parts[i]; *at; at++) h = (h ^ (uint8_t)*at) * 1099511628211u;
  return h;
}

/* Builds the row's graph for one element type; `seed` chooses among its data. False (and a message)
 * when it cannot be built. */
static inline bool case_init(OpCase *c, const OpRow *row, DType dtype, uint64_t seed) {
  EmitAttr attrs[16];
  int64_t values[16][64];
  memset(c, 0, sizeof *c);
  c->row = row;
  c->id = op_table_find(ops_table(), row->op);
  if (!c->id) case_typo(row, "no such op");
  c->op = op_desc(c->id);
  lab_init(&c->lab, dtype_is_float(dtype) ? dtype : DTYPE_F32, row_seed(row, seed));
  parse_attrs(c, attrs, values);
  parse_inputs(c, dtype, attrs);
  if (c->op->op_class == OP_CLASS_COMPOSITE) {
    expand_composite(c, attrs);
  } else {
    c->n_results = 1;
    c->results[0] = emit_node(&c->lab.e, (OpId)c->id, c->inputs, c->n_inputs, attrs);
  }
  c->forward_end = c->lab.graph->n_nodes;
  if (c->lab.e.status == STATUS_OK && c->results[0] != NODE_NONE) return true;
  char text[300];
  printf("\n  %s: not built\n", case_text(c, text, sizeof text));
  diag_print(c->lab.diag, stdout);
  return false;
}

static inline void case_free(OpCase *c) {
  lab_free(&c->lab);
}

/* The element types that a row stands for. */
static inline uint32_t case_types(const OpRow *row, DType *types) {
  static const DType all[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_BOOL};
  uint32_t n = 2;
  for (const char *at = row->inputs; *at; at++) {
    if (*at == 'n' && n < 4) n = 4;
    if (*at == 'm') n = 5;
  }
  memcpy(types, all, n * sizeof *types);
  return n;
}

/* sum over the floating values of <value, random>: a scalar whose gradient sees every element. */
static inline NodeId case_project(OpCase *c, const NodeId *values, uint32_t n) {
  Emitter *e = &c->lab.e;
  NodeId sum = NODE_NONE;
  for (uint32_t i = 0; i < n; i++) {
    if (!values[i] || !dtype_is_float(emit_dtype(e, values[i]))) continue;
    Shape shape = *emit_shape(e, values[i]);
    NodeId weight = lab_input(&c->lab, emit_dtype(e, values[i]), shape.rank, shape.dim);
    NodeId term = emit_scalar(e, emit_reduce_sum(e, emit_mul(e, values[i], weight), AXES_ALL));
    sum = sum ? emit_add(e, sum, term) : term;
  }
  return sum;
}

/* gradients[i] of a scalar by the case's i-th floating input; NODE_NONE where it is zero. */
static inline bool case_gradient(OpCase *c, NodeId scalar, NodeId *gradients) {
  Emitter *e = &c->lab.e;
  NodeId one = emit_constant_like(e, 1, scalar);
  DiffRequest request = {.outputs = &scalar,
                         .cotangents = &one,
                         .n_outputs = 1,
                         .by = c->by,
                         .n_by = c->n_by,
                         .reversal = REVERSAL_IDENTITY,
                         .role = ROLE_INNER};
  return differentiate(e, &request, gradients) == STATUS_OK;
}

#endif
