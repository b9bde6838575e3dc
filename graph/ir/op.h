/* Descriptors of ops, composites and structural elements.  The tables themselves live in ops/ (ops)
 * and graph/language/element.c (structure); schema, elaboration and diagnostics take them as
 * arguments. */
#ifndef GRAPH_IR_OP_H
#define GRAPH_IR_OP_H

#include "graph/ir/ir.h"

typedef enum AttrType {
  ATTR_INT,
  ATTR_INTS, /* blank-separated */
  ATTR_FLOAT,
  ATTR_FLOATS, /* blank-separated */
  ATTR_BOOL,   /* true | false */
  ATTR_ENUM,   /* one of `values`; stored as its index */
  ATTR_DTYPE, /* float (what the plan computes in) or a name of graph/ir/dtype.h; stored as DType */
  ATTR_STRING,
  ATTR_NAME, /* [A-Za-z0-9_.:/-]+ */
  ATTR_REF,  /* reference to a value */
  ATTR_REFS, /* blank-separated references */
  ATTR_EXPR, /* tensor expression, see docs/model-language.md */
} AttrType;

typedef struct AttrDesc {
  const char *name;
  AttrType type;
  const char *fallback; /* default as text; NULL: required */
  const char *values;   /* ATTR_ENUM: blank-separated */
  double min, max;      /* numbers: inclusive range, checked when min < max */
  const char *doc;
} AttrDesc;

typedef struct InputDesc {
  const char *name; /* the XML attribute that holds the reference */
  bool optional;
  bool variadic; /* the last input only: one or more references */
  const char *doc;
} InputDesc;

typedef enum OpClass {
  OP_CLASS_LEAF,        /* no inputs: constant, input, state, ... */
  OP_CLASS_ELEMENTWISE, /* result[i] depends on inputs[i] only; all shapes equal */
  OP_CLASS_REDUCE,      /* reduced axes stay with length 1 */
  OP_CLASS_VIEW,        /* same bytes, other shape */
  OP_CLASS_MOVE,        /* copies elements to other places */
  OP_CLASS_LIBRARY,     /* matrix products and convolutions */
  OP_CLASS_INDEXED,     /* gather, scatter, pooling */
  OP_CLASS_COLLECTIVE,  /* the ranks of a run meet */
  OP_CLASS_COMPOSITE,   /* expands to primitives while the graph is built */
} OpClass;

struct Emitter;       /* ops/emit.h */
struct EmitAttr;      /* ops/emit.h */
struct InferContext;  /* ops/infer.h */
struct CompositeCall; /* ops/composite.h */

typedef struct OpDesc {
  const char *name; /* the element's name */
  const char *doc;
  OpClass op_class;
  bool hidden; /* cannot be written in a model (made by derivative rules only) */
  uint8_t n_inputs, n_attrs, n_results;
  const InputDesc *inputs;
  const AttrDesc *attrs;
  const char *const *results; /* composites with several results: their names, first = default */
  /* Shape rule: sets dtype and shape of the result. */
  Status (*infer)(struct InferContext *context);
  /* The cotangent of input `input` given that of the node; NODE_NONE when it is zero. */
  NodeId (*vjp)(struct Emitter *e, NodeId node, NodeId cotangent, uint32_t input);
  /* Multiply-adds of one evaluation to a result of this shape; -1 when they exceed 2^63 - 1, which
   * infer_node refuses. NULL: none worth counting. */
  int64_t (*macs)(const Graph *graph, NodeId node, const Shape *result);
  /* Bit i: input i is an index or a condition; no derivative flows through it. */
  uint32_t no_gradient;
  /* Its name in expressions, which call it with one value for each input; NULL: none.  Of
   * elementwise primitives and composites without attributes. */
  const char *function;
  bool commutes; /* two inputs, whose order means nothing */
  bool costly;   /* more than a few additions: never computed anew where it is read */
  /* The op's folding front end: what emit_op makes of inputs and attributes that the shape rule
   * accepts, where that may be something simpler than a node (a slice of all is its operand). NULL:
   * always a node, but for elementwise ops without attributes, whose front ends are known. */
  NodeId (*make)(struct Emitter *e, const NodeId *inputs, uint32_t n_inputs,
                 const struct EmitAttr *attrs);
  /* Composites: emits primitives, sets call->results. */
  Status (*expand)(struct Emitter *e, struct CompositeCall *call);
} OpDesc;

typedef struct OpTable {
  const OpDesc *const *ops; /* ops[0] is NULL */
  uint32_t count;
} OpTable;
/* Index of the op named `name`; 0 when there is none. */
uint32_t op_table_find(const OpTable *table, const char *name);

/* A structural element of the language (program, pass, parameter, gradient, ...). */
typedef struct ElementDesc {
  const char *name;
  const char *doc;
  uint8_t n_attrs;
  const AttrDesc *attrs;
  const char
      *parents;  /* blank-separated names of allowed parents; `*`: wherever values may stand */
  bool is_scope; /* its `name` opens a naming scope for its children */
  bool has_children;
} ElementDesc;
extern const ElementDesc *const element_table[]; /* ends with NULL */
const ElementDesc *element_find(const char *name);

#endif
