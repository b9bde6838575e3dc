/* The intermediate representation: a graph of pure, statically shaped values.
 *
 * Nodes live in one flat array; a node is named by its index (NodeId), inputs always have smaller
 * ids than their users (ids are topological), id 0 means "no node".  Every node has one result.
 * State (parameters, momentum, running statistics) is read at entry by `state` nodes and written by
 * at most one commit per state at the end of the program. */
#ifndef GRAPH_IR_IR_H
#define GRAPH_IR_IR_H

#include "graph/base/arena.h"
#include "graph/base/diag.h"
#include "graph/base/status.h"
#include "graph/ir/dtype.h"

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t NodeId;
#define NODE_NONE 0u
#define RANK_MAX 6

typedef struct Shape {
  uint8_t rank;
  int64_t dim[RANK_MAX]; /* dims past the rank are 0 */
} Shape;
bool shape_equal(const Shape *a, const Shape *b);
/* The number of elements; -1 when it exceeds 2^40 or a dim is negative (checked before use). */
int64_t shape_count(const Shape *shape);
/* The shape that both become when axes are aligned at the last and those of length 1, or missing
 * ones, are repeated; false when some differ otherwise. */
bool shape_broadcast(const Shape *a, const Shape *b, Shape *out);
/* Writes `(2, 3, 4)`. Returns `text`. */
const char *shape_text(const Shape *shape, char *text, size_t size);
#define SHAPE_TEXT_MAX 96

/* Where a value comes from: used in messages, diagrams and statistics. */
typedef enum Role { ROLE_FORWARD, ROLE_INNER, ROLE_OUTER, ROLE_UPDATE } Role;
const char *role_name(Role role);

/* The element of the model that a node is made for. */
typedef enum OriginKind {
  ORIGIN_NONE,
  ORIGIN_PASS,     /* of: what it is given for the parameters, a field */
  ORIGIN_GRADIENT, /* of: the scalar; at: the field by which it is taken */
  ORIGIN_PULLBACK, /* of: the field that is differentiated; at: by which; with: the cotangent */
  ORIGIN_FIELD,    /* of: its expression */
  ORIGIN_NORM,     /* of: the field */
  ORIGIN_COMMIT,   /* of: the expression; name: the field that is written */
} OriginKind;
typedef struct Origin {
  uint8_t kind;                /* OriginKind */
  uint32_t name, of, at, with; /* string ids, 0: none; a pass by its path */
  uint32_t loc;
} Origin;

/* One place in the model's sources. `chain` is the location of the template or include use that
 * brought the element here (0: none). */
typedef struct SourceLoc {
  uint32_t file; /* string id */
  uint32_t line, column;
  uint32_t chain; /* index into the location table */
} SourceLoc;

/* The batch a node belongs to: rows of axis 0 are `groups` x `units` x `unit` (group-major). */
typedef struct Batch {
  int64_t groups, units, unit;
  int64_t parts; /* 0: all units; else one rank's, and so many ranks hold as many */
} Batch;
int64_t batch_rows(const Batch *batch); /* -1 when it exceeds 2^40 */

/* Where a node comes from.  The emitter carries one and gives it to every node it makes; what
 * changes it for a while saves the whole and puts it back.  All but the epoch says nothing about
 * the node's value: equal values are one node, which keeps the stamp of the first. */
typedef struct Stamp {
  uint32_t scope; /* string id of the enclosing scope's path */
  uint32_t loc;   /* index into the location table, 0: none */
  uint32_t
      epoch; /* part of a value's identity: 0; a clone that is to be computed anew has its own */
  uint32_t origin; /* index into the table of origins, 0: none; for pictures alone */
  uint8_t role;    /* Role */
  uint8_t order;   /* 0 forward, 1 first derivative, 2 second, ... */
  uint8_t batch;   /* index into Graph.batches; 0: none declared */
} Stamp;

typedef struct Node {
  uint16_t op;   /* index into the op table */
  uint8_t dtype; /* DType */
  uint32_t n_inputs;
  uint32_t inputs; /* offset into Graph.input_pool */
  uint32_t attrs;  /* offset into Graph.attr_pool: one AttrRef per attribute of the op */
  uint32_t name;   /* string id of the full path, 0: none */
  Stamp stamp;
  Shape shape;
} Node;

/* An attribute's value is a list of 64-bit integers in Graph.int_pool; a float is its bit pattern,
 * a string its id. */
typedef struct AttrRef {
  uint32_t offset, count;
} AttrRef;

/* State that outlives a step. Shared by all programs of a model. */
typedef enum StateKind { STATE_PARAMETER, STATE_STATISTIC, STATE_OPTIMISER } StateKind;
typedef enum InitKind { INIT_CONSTANT, INIT_NORMAL, INIT_UNIFORM, INIT_FUSE } InitKind;
typedef struct State {
  uint32_t name; /* string id: `stage1/b0/conv1/weight`, `momentum:NAME` */
  uint8_t dtype, kind;
  bool trainable; /* parameters: part of the field `theta` */
  uint8_t init;   /* InitKind */
  /* INIT_CONSTANT: a = value; INIT_NORMAL: mean a, standard deviation b; INIT_UNIFORM: [a, b);
   * INIT_FUSE: shape (O, 2 O, 1, 1) = [I/2 | I/2], a = off-diagonal deviation */
  double init_a, init_b;
  uint32_t init_site; /* string id of the random site; the state's name when 0 */
  double rate, decay; /* own factors on the learning rate and on the weight decay; 1 */
  double noise; /* pretrained: added normal noise, as a share of the loaded tensor's deviation */
  uint32_t external; /* string id of the name in pretrained weights, 0: none */
  uint32_t group;    /* string id: `trunk`, `head`, ... statistics are summed by it; 0: none */
  uint32_t loc;
  Shape shape;
} State;

typedef struct Commit {
  uint32_t state; /* index into the model's states */
  NodeId value;
} Commit;

/* A named value that a user can fetch: declared outputs always, others when --keep matches. */
typedef struct Output {
  uint32_t name;
  NodeId node;
  bool declared; /* by <output>; false: kept by --keep */
} Output;

/* Interned strings and locations are shared by all graphs of one model. */
typedef struct Symbols {
  Strings *strings;
  SourceLoc *locs; /* locs[0] is unused */
  uint32_t n_locs, cap_locs;
  Origin *origins; /* origins[0] is unused */
  uint32_t n_origins, cap_origins;
} Symbols;
Symbols *symbols_create(void);
void symbols_destroy(Symbols *symbols);
/* The index of a (deduplicated against the last) location; 0 when out of memory. */
uint32_t symbols_loc(Symbols *symbols, uint32_t file, uint32_t line, uint32_t column,
                     uint32_t chain);
/* The index of a new origin; 0 when out of memory. */
uint32_t symbols_origin(Symbols *symbols, const Origin *origin);

/* Appends a location as it is; false when out of memory. */
bool symbols_append_loc(Symbols *symbols, SourceLoc loc);

typedef struct Graph {
  Symbols *symbols; /* not owned */
  Node *nodes;      /* nodes[0] is unused */
  uint32_t n_nodes, cap_nodes;
  NodeId *input_pool;
  uint32_t n_inputs, cap_inputs;
  AttrRef *attr_pool;
  uint32_t n_attrs, cap_attrs;
  int64_t *int_pool;
  uint32_t n_ints, cap_ints;
  Batch *batches; /* batches[0] is unused */
  uint32_t n_batches, cap_batches;
  Commit *commits;
  uint32_t n_commits, cap_commits;
  Output *outputs;
  uint32_t n_outputs, cap_outputs;
} Graph;

Graph *graph_create(Symbols *symbols); /* NULL when out of memory */
void graph_destroy(Graph *graph);

/* Appends a node as given: no checks, no folding (ops/emit.h does that). `proto` gives op, dtype,
 * shape, stamp, its input and attribute offsets are ignored. Attribute `i` is `attrs[i]` over
 * `ints`.  Returns NODE_NONE when out of memory. */
NodeId graph_append(Graph *graph, const Node *proto, const NodeId *inputs, uint32_t n_inputs,
                    const AttrRef *attrs, uint32_t n_attrs, const int64_t *ints);
/* Appends the next attribute of the last node `id`. False when out of memory. */
bool graph_append_attr(Graph *graph, NodeId id, const int64_t *values, uint32_t count);
/* Makes room for so many more inputs, attributes and integers, to be filled by the caller. */
bool graph_reserve(Graph *graph, uint32_t inputs, uint32_t attrs, uint32_t ints);
Status graph_add_commit(Graph *graph, uint32_t state, NodeId value);
Status graph_add_output(Graph *graph, uint32_t name, NodeId node, bool declared);
/* Index of a batch declaration (equal declarations share one); 0 when out of memory, or when there
 * are 255 others. */
uint32_t graph_add_batch(Graph *graph, Batch batch);

static inline const Node *graph_node(const Graph *g, NodeId id) {
  return &g->nodes[id];
}
static inline const NodeId *node_inputs(const Graph *g, NodeId id) {
  return &g->input_pool[g->nodes[id].inputs];
}
static inline NodeId node_input(const Graph *g, NodeId id, uint32_t i) {
  return g->input_pool[g->nodes[id].inputs + i];
}
/* Attribute `index` of a node: the list and its length. */
static inline const int64_t *node_attr(const Graph *g, NodeId id, uint32_t index, uint32_t *count) {
  AttrRef ref = g->attr_pool[g->nodes[id].attrs + index];
  if (count) *count = ref.count;
  return &g->int_pool[ref.offset];
}
static inline int64_t node_attr_int(const Graph *g, NodeId id, uint32_t index) {
  return *node_attr(g, id, index, 0);
}
double node_attr_float(const Graph *g, NodeId id, uint32_t index);
static inline const char *graph_text(const Graph *g, uint32_t string) {
  return strings_text(g->symbols->strings, string);
}

#endif
