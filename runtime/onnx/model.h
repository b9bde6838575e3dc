/* An ONNX model that is being written: nodes, initialisers, inputs and outputs, in the order in
 * which they are asked for.
 *
 * Values are known by name.  A function that runs out of memory notes it; onnx_finish tells. */
#ifndef RUNTIME_ONNX_MODEL_H
#define RUNTIME_ONNX_MODEL_H

#include "graph/base/arena.h"
#include "runtime/onnx/wire.h"

#define ONNX_OPSET 17
#define ONNX_IR 8 /* of that operator set */

typedef enum OnnxType {
  ONNX_FLOAT = 1,
  ONNX_UINT8 = 2,
  ONNX_INT32 = 6,
  ONNX_INT64 = 7,
  ONNX_BOOL = 9,
  ONNX_DOUBLE = 11
} OnnxType;

typedef struct OnnxModel {
  Arena *arena;    /* of names */
  Strings *shared; /* names of constants that are there */
  Wire graph;      /* nodes, initialisers, inputs, outputs */
  uint32_t n_nodes, n_values;
  const char *scope; /* how nodes are called that are made next; NULL: by their number alone */
} OnnxModel;

/* False when out of memory. */
bool onnx_create(OnnxModel *model);
void onnx_release(OnnxModel *model);

/* ---- attributes ---- */

typedef enum OnnxAttrKind { ONNX_A_INT, ONNX_A_INTS, ONNX_A_TEXT } OnnxAttrKind;
typedef struct OnnxAttr {
  const char *name;
  OnnxAttrKind kind;
  int64_t value;
  const int64_t *values;
  uint32_t n;
  const char *text;
} OnnxAttr;
#define ONNX_INT(NAME, VALUE) ((OnnxAttr){.name = NAME, .kind = ONNX_A_INT, .value = VALUE})
#define ONNX_INTS(NAME, VALUES, N)                                                                 \
  ((OnnxAttr){.name = NAME, .kind = ONNX_A_INTS, .values = VALUES, .n = N})
#define ONNX_TEXT(NAME, TEXT) ((OnnxAttr){.name = NAME, .kind = ONNX_A_TEXT, .text = TEXT})

/* ---- nodes ---- */

/* A node of one result, whose name is returned. `attrs` may be NULL. */
const char *onnx_node(OnnxModel *model, const char *op, const char *const *inputs, uint32_t n,
                      const OnnxAttr *attrs, uint32_t n_attrs);
/* The same with two results, of which the second is returned. */
const char *onnx_node_second(OnnxModel *model, const char *op, const char *const *inputs,
                             uint32_t n, const OnnxAttr *attrs, uint32_t n_attrs);
const char *onnx_unary(OnnxModel *model, const char *op, const char *x);
const char *onnx_binary(OnnxModel *model, const char *op, const char *x, const char *y);
const char *onnx_cast(OnnxModel *model, const char *x, OnnxType type);
/* A node whose result has the name `output`. */
void onnx_name(OnnxModel *model, const char *x, const char *output);

/* ---- constants ---- */

/* An initialiser of this name; the bytes are copied. */
void onnx_initializer(OnnxModel *model, const char *name, OnnxType type, const int64_t *dims,
                      uint32_t rank, const void *bytes, size_t n);
/* A vector of whole numbers, and a scalar; equal ones are there once. */
const char *onnx_ints(OnnxModel *model, const int64_t *values, uint32_t n);
const char *onnx_scalar(OnnxModel *model, OnnxType type, double value);
/* The same number with a shape of `rank` ones. */
const char *onnx_uniform(OnnxModel *model, OnnxType type, double value, uint32_t rank);
/* A name that no other value has. */
const char *onnx_fresh(OnnxModel *model, const char *what);

/* ---- ends ---- */

/* A dimension is a number, or, where it is below 0, called names[i]. */
void onnx_input(OnnxModel *model, const char *name, OnnxType type, const int64_t *dims,
                const char *const *names, uint32_t rank);
void onnx_output(OnnxModel *model, const char *name, OnnxType type, const int64_t *dims,
                 const char *const *names, uint32_t rank);

typedef struct OnnxMeta {
  const char *key, *value;
} OnnxMeta;
/* The file's bytes; false when out of memory, now or before. */
bool onnx_finish(OnnxModel *model, const char *name, const char *version, const OnnxMeta *meta,
                 uint32_t n_meta, Wire *out);

#endif
