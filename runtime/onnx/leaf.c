/* Constants, indices, weights and inputs. */
#include "runtime/onnx/translate.h"

#include <stdlib.h>
#include <string.h>

/* A tensor as an initialiser; floats of any width become f32. */
static const char *put_tensor(Translation *t, const char *name, const Tensor *x,
                              const int64_t *dims, uint32_t rank) {
  int64_t n = shape_count(&x->shape);
  OnnxType type = onnx_type(x->dtype);
  if (x->dtype != DTYPE_F64) {
    onnx_initializer(&t->m, name, type, dims, rank, x->data, (size_t)tensor_bytes(x));
    return name;
  }
  float *floats = malloc((size_t)n * sizeof *floats + 1);
  if (floats) {
    tensor_get_floats(x, floats, n);
    onnx_initializer(&t->m, name, type, dims, rank, floats, (size_t)n * sizeof *floats);
  }
  t->m.graph.failed |= !floats;
  free(floats);
  return name;
}

/* All elements the same: they are one. */
static Status set_uniform(Translation *t, double value) {
  const Node *node = onnx_of(t, t->id);
  uint8_t axis[RANK_MAX];
  for (int i = 0; i < RANK_MAX; i++)
    axis[i] = i < node->shape.rank && node->shape.dim[i] > 1 ? AXIS_ONE : AXIS_FULL;
  return onnx_set(t, onnx_uniform(&t->m, onnx_type((DType)node->dtype), value, node->shape.rank),
                  axis);
}

/* `values` NULL: the index along `along`. */
static Status set_table(Translation *t, const double *values, int along) {
  static const uint8_t full[RANK_MAX] = {AXIS_FULL};
  const Node *node = onnx_of(t, t->id);
  Shape shape = node->shape;
  uint8_t axis[RANK_MAX];
  memcpy(axis, full, sizeof axis);
  for (int i = 0; !values && i < shape.rank && i < RANK_MAX; i++) {
    if (i == along) continue;
    axis[i] = shape.dim[i] > 1 ? AXIS_ONE : AXIS_FULL;
    shape.dim[i] = 1;
  }
  int64_t n = shape_count(&shape);
  Tensor x = {calloc((size_t)n + 1, dtype_size((DType)node->dtype)), (DType)node->dtype, shape};
  if (!x.data) return diag_no_memory(t->diag, (size_t)n * 8);
  for (int64_t i = 0; i < n; i++) tensor_set(&x, i, values ? values[i] : (double)i);
  const char *name = put_tensor(t, onnx_fresh(&t->m, "table"), &x, shape.dim, shape.rank);
  free(x.data);
  return onnx_set(t, name, axis);
}

static Status translate_state(Translation *t) {
  static const uint8_t full[RANK_MAX] = {AXIS_FULL};
  int64_t state = node_attr_int(t->g, t->id, STATE_INDEX);
  const Tensor *x = &t->states[state];
  const char *name = plan_text(t->plan, t->plan->states[state].name);
  return onnx_set(t, put_tensor(t, name, x, x->shape.dim, x->shape.rank), full);
}

static Status translate_input(Translation *t) {
  const char *name = graph_text(t->g, (uint32_t)node_attr_int(t->g, t->id, INPUT_NAME));
  if (strcmp(name, "seed") == 0 || strcmp(name, "step") == 0) return set_uniform(t, 0);
  return onnx_refuse(t, "a model for tests reads 'images' alone", "is an input besides 'images'");
}

Status onnx_leaf(Translation *t) {
  const Node *node = onnx_of(t, t->id);
  uint32_t n;
  const double *values;
  switch (node->op) {
  case OP_CONSTANT:
    values = (const double *)(const void *)node_attr(t->g, t->id, CONSTANT_VALUES, &n);
    return n == 1 ? set_uniform(t, values[0]) : set_table(t, values, -1);
  case OP_IOTA:
    return set_table(t, NULL, (int)node_attr_int(t->g, t->id, IOTA_AXIS));
  case OP_STATE:
    return translate_state(t);
  default:
    return translate_input(t);
  }
}
