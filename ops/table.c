/* The table of all ops, by OpId: primitives, then composites, in the order of ops/list.inc. */
#include "ops/rule.h"

#include <string.h>

static const OpDesc *const table[] = {
    NULL,
#define PRIMITIVE(ID, NAME) &op_##NAME,
#define COMPOSITE(NAME) &op_##NAME,
#include "ops/list.inc"
};

const OpTable *ops_table(void) {
  static const OpTable result = {table, sizeof table / sizeof table[0]};
  return &result;
}

uint32_t op_table_find(const OpTable *t, const char *name) {
  for (uint32_t i = 1; i < t->count; i++)
    if (strcmp(t->ops[i]->name, name) == 0) return i;
  return 0;
}

int64_t node_macs(const Graph *graph, NodeId node) {
  const OpDesc *op = op_desc(graph->nodes[node].op);
  return op->macs ? op->macs(graph, node, &graph->nodes[node].shape) : 0;
}

double node_param(const Graph *graph, NodeId node) {
  const OpDesc *op = op_desc(graph->nodes[node].op);
  return op->n_attrs && op->attrs[0].type == ATTR_FLOAT ? node_attr_float(graph, node, 0) : 0;
}
