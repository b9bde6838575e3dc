/* Storage of the intermediate representation: flat arrays that grow by doubling. */
#include "graph/ir/ir.h"

#include "graph/base/array.h"
#include "graph/base/checked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *role_name(Role role) {
  static const char *const names[] = {"forward", "inner", "outer", "update"};
  return names[role];
}

bool shape_equal(const Shape *a, const Shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

int64_t shape_count(const Shape *shape) {
  const int64_t limit = (int64_t)1 << 40;
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) {
    int64_t d = shape->dim[i];
    if (d < 0 || !checked_mul(count, d, &count) || count > limit) return -1;
  }
  return count;
}

int64_t batch_rows(const Batch *b) {
  return shape_count(&(Shape){3, {b->groups, b->units, b->unit}});
}

bool shape_broadcast(const Shape *a, const Shape *b, Shape *out) {
  *out = (Shape){.rank = a->rank > b->rank ? a->rank : b->rank};
  for (int i = 0; i < out->rank; i++) {
    int ia = i - (out->rank - a->rank), ib = i - (out->rank - b->rank);
    int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
    if (da != db && da != 1 && db != 1) return false;
    out->dim[i] = da == 1 ? db : da;
  }
  return true;
}

const char *shape_text(const Shape *shape, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (int i = 0; i < shape->rank && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? ", " : "(", shape->dim[i]);
  if (used < size) snprintf(text + used, size - used, shape->rank ? ")" : "()");
  return text;
}

Symbols *symbols_create(void) {
  Symbols *symbols = calloc(1, sizeof *symbols);
  if (!symbols) return NULL;
  symbols->strings = strings_create();
  symbols->cap_locs = 64;
  symbols->locs = calloc(symbols->cap_locs, sizeof *symbols->locs);
  symbols->n_locs = 1;
  if (!symbols->strings || !symbols->locs) {
    symbols_destroy(symbols);
    return NULL;
  }
  return symbols;
}

void symbols_destroy(Symbols *symbols) {
  if (!symbols) return;
  strings_destroy(symbols->strings);
  free(symbols->locs);
  free(symbols->origins);
  free(symbols);
}

#define ROOM(ARRAY, CAPACITY, USED, MORE)                                                          \
  (ARRAY_RESERVE(ARRAY, CAPACITY, USED, MORE, NULL) == STATUS_OK)

uint32_t symbols_loc(Symbols *symbols, uint32_t file, uint32_t line, uint32_t column,
                     uint32_t chain) {
  SourceLoc loc = {file, line, column, chain};
  if (symbols->n_locs > 1 && memcmp(&symbols->locs[symbols->n_locs - 1], &loc, sizeof loc) == 0)
    return symbols->n_locs - 1;
  return symbols_append_loc(symbols, loc) ? symbols->n_locs - 1 : 0;
}

bool symbols_append_loc(Symbols *symbols, SourceLoc loc) {
  if (!ROOM(symbols->locs, symbols->cap_locs, symbols->n_locs, 1)) return false;
  symbols->locs[symbols->n_locs++] = loc;
  return true;
}

uint32_t symbols_origin(Symbols *symbols, const Origin *origin) {
  uint32_t first = symbols->n_origins ? 0 : 1; /* the one that is not used */
  if (ARRAY_RESERVE(symbols->origins, symbols->cap_origins, symbols->n_origins, first + 1, NULL) !=
      STATUS_OK)
    return 0;
  symbols->n_origins += first;
  symbols->origins[symbols->n_origins] = *origin;
  return symbols->n_origins++;
}

Graph *graph_create(Symbols *symbols) {
  Graph *g = calloc(1, sizeof *g);
  if (!g) return NULL;
  g->symbols = symbols;
  if (!ROOM(g->nodes, g->cap_nodes, 0, 256) || !ROOM(g->batches, g->cap_batches, 0, 8)) {
    graph_destroy(g);
    return NULL;
  }
  memset(&g->nodes[0], 0, sizeof g->nodes[0]);
  memset(&g->batches[0], 0, sizeof g->batches[0]);
  g->n_nodes = 1;
  g->n_batches = 1;
  return g;
}

void graph_destroy(Graph *g) {
  if (!g) return;
  free(g->nodes);
  free(g->input_pool);
  free(g->attr_pool);
  free(g->int_pool);
  free(g->batches);
  free(g->commits);
  free(g->outputs);
  free(g);
}

bool graph_reserve(Graph *g, uint32_t inputs, uint32_t attrs, uint32_t ints) {
  return ROOM(g->input_pool, g->cap_inputs, g->n_inputs, inputs) &&
         ROOM(g->attr_pool, g->cap_attrs, g->n_attrs, attrs) &&
         ROOM(g->int_pool, g->cap_ints, g->n_ints, ints);
}

NodeId graph_append(Graph *g, const Node *proto, const NodeId *inputs, uint32_t n_inputs,
                    const AttrRef *attrs, uint32_t n_attrs, const int64_t *ints) {
  uint32_t n_ints = 0;
  for (uint32_t i = 0; i < n_attrs; i++) n_ints += attrs[i].count;
  if (!ROOM(g->nodes, g->cap_nodes, g->n_nodes, 1) ||
      !ROOM(g->input_pool, g->cap_inputs, g->n_inputs, n_inputs) ||
      !ROOM(g->attr_pool, g->cap_attrs, g->n_attrs, n_attrs) ||
      !ROOM(g->int_pool, g->cap_ints, g->n_ints, n_ints))
    return NODE_NONE;
  Node *node = &g->nodes[g->n_nodes];
  *node = *proto;
  node->n_inputs = n_inputs;
  node->inputs = g->n_inputs;
  node->attrs = g->n_attrs;
  for (uint32_t i = 0; i < n_inputs; i++) g->input_pool[g->n_inputs++] = inputs[i];
  for (uint32_t i = 0; i < n_attrs; i++) {
    g->attr_pool[g->n_attrs++] = (AttrRef){g->n_ints, attrs[i].count};
    for (uint32_t k = 0; k < attrs[i].count; k++)
      g->int_pool[g->n_ints++] = ints[attrs[i].offset + k];
  }
  return g->n_nodes++;
}

bool graph_append_attr(Graph *g, NodeId id, const int64_t *values, uint32_t count) {
  (void)id;
  if (!ROOM(g->attr_pool, g->cap_attrs, g->n_attrs, 1) ||
      !ROOM(g->int_pool, g->cap_ints, g->n_ints, count))
    return false;
  g->attr_pool[g->n_attrs++] = (AttrRef){g->n_ints, count};
  for (uint32_t k = 0; k < count; k++) g->int_pool[g->n_ints++] = values[k];
  return true;
}

Status graph_add_commit(Graph *g, uint32_t state, NodeId value) {
  TRY(ARRAY_RESERVE(g->commits, g->cap_commits, g->n_commits, 1, NULL));
  g->commits[g->n_commits++] = (Commit){state, value};
  return STATUS_OK;
}

Status graph_add_output(Graph *g, uint32_t name, NodeId node, bool declared) {
  TRY(ARRAY_RESERVE(g->outputs, g->cap_outputs, g->n_outputs, 1, NULL));
  g->outputs[g->n_outputs++] = (Output){name, node, declared};
  return STATUS_OK;
}

uint32_t graph_add_batch(Graph *g, Batch batch) {
  for (uint32_t i = 1; i < g->n_batches; i++)
    if (memcmp(&g->batches[i], &batch, sizeof batch) == 0) return i;
  if (g->n_batches > UINT8_MAX) return 0;
  if (!ROOM(g->batches, g->cap_batches, g->n_batches, 1)) return 0;
  g->batches[g->n_batches] = batch;
  return g->n_batches++;
}

double node_attr_float(const Graph *g, NodeId id, uint32_t index) {
  double value;
  int64_t bits = node_attr_int(g, id, index);
  memcpy(&value, &bits, sizeof value);
  return value;
}
