/* The verifier's part for graphs: types, states, commits, outputs, random sites. */
#include "ops/verify.h"

#include "ops/infer.h"

#include <stdlib.h>
#include <string.h>

static Status wrong(Diag *diag, const char *place, NodeId id, const char *text) {
  return diag_error(diag, STATUS_INVALID, place, NULL, "node %u: %s", id, text);
}

/* Words and flags inside their lists; counts are the shape rules'. */
static bool attrs_in_range(const Graph *g, NodeId id, const OpDesc *op) {
  for (uint32_t a = 0; a < op->n_attrs; a++) {
    uint32_t n;
    const int64_t *values = node_attr(g, id, a, &n);
    int64_t words = op->attrs[a].values && *op->attrs[a].values ? 1 : 0;
    for (const char *at = op->attrs[a].values; words && *at; at++) words += *at == ' ';
    AttrType type = op->attrs[a].type;
    if (type != ATTR_INTS && type != ATTR_FLOATS && n != 1) return false;
    if (type == ATTR_ENUM && (values[0] < 0 || values[0] >= words)) return false;
    if (type == ATTR_BOOL && (values[0] < 0 || values[0] > 1)) return false;
    if (type == ATTR_DTYPE && (values[0] < 0 || values[0] >= DTYPE_COUNT)) return false;
    if ((type == ATTR_STRING || type == ATTR_NAME) &&
        (values[0] < 0 || values[0] >= (int64_t)strings_count(g->symbols->strings)))
      return false;
  }
  return true;
}

static Status verify_node(const Graph *g, NodeId id, const char *place, Diag *diag) {
  const Node *node = &g->nodes[id];
  if (node->op == OP_NONE || node->op >= OP_PRIMITIVE_COUNT)
    return wrong(diag, place, id, "is no primitive");
  for (uint32_t i = 0; i < node->n_inputs; i++)
    if (node_input(g, id, i) == NODE_NONE || node_input(g, id, i) >= id)
      return wrong(diag, place, id, "ids are not topological");
  if (!attrs_in_range(g, id, op_desc(node->op)))
    return wrong(diag, place, id, "an attribute is out of range");
  InferContext context;
  if (infer_node(g, id, &context) != STATUS_OK)
    return diag_error(diag, STATUS_INVALID, place, NULL, "node %u: %s", id, context.text);
  if (context.dtype != (DType)node->dtype || !shape_equal(&context.shape, &node->shape))
    return wrong(diag, place, id, "its shape or type is not the inferred one");
  if (shape_count(&node->shape) < 0) return wrong(diag, place, id, "it is too large");
  return STATUS_OK;
}

static Status verify_state_node(const Graph *g, NodeId id, const State *states, uint32_t n,
                                const char *place, Diag *diag) {
  const Node *node = &g->nodes[id];
  int64_t index = node_attr_int(g, id, STATE_INDEX);
  if (index < 0 || index >= n) return wrong(diag, place, id, "reads a state that does not exist");
  if (states[index].dtype != node->dtype || !shape_equal(&states[index].shape, &node->shape))
    return wrong(diag, place, id, "disagrees with its state");
  return STATUS_OK;
}

static Status verify_commits(const Graph *g, const State *states, uint32_t n, const char *place,
                             Diag *diag) {
  bool *seen = calloc((size_t)n + 1, sizeof *seen);
  if (!seen) return diag_no_memory(diag, n);
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < g->n_commits && status == STATUS_OK; i++) {
    Commit c = g->commits[i];
    if (c.state >= n || c.value == NODE_NONE || c.value >= g->n_nodes)
      status = diag_error(diag, STATUS_INVALID, place, NULL, "commit %u names nothing", i);
    else if (seen[c.state])
      status = diag_error(diag, STATUS_INVALID, place, NULL, "state '%s' is committed twice",
                          graph_text(g, states[c.state].name));
    else if (g->nodes[c.value].dtype != states[c.state].dtype ||
             !shape_equal(&g->nodes[c.value].shape, &states[c.state].shape))
      status = diag_error(diag, STATUS_INVALID, place, NULL, "the commit of '%s' has another shape",
                          graph_text(g, states[c.state].name));
    else
      seen[c.state] = true;
  }
  free(seen);
  return status;
}

typedef struct Site {
  int64_t name;
  uint32_t epoch;
  NodeId node;
} Site;

static int by_site(const void *a, const void *b) {
  const Site *x = a, *y = b;
  if (x->name != y->name) return x->name < y->name ? -1 : 1;
  if (x->epoch != y->epoch) return x->epoch < y->epoch ? -1 : 1;
  return x->node < y->node ? -1 : x->node > y->node;
}

/* One node for each random site; clones of it draw the same and carry other epochs. */
static Status verify_sites(const Graph *g, const char *place, Diag *diag) {
  uint32_t n = 0;
  for (NodeId id = 1; id < g->n_nodes; id++) n += g->nodes[id].op == OP_RANDOM;
  Site *sites = calloc((size_t)n + 1, sizeof *sites);
  if (!sites) return diag_no_memory(diag, n * sizeof *sites);
  n = 0;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].op == OP_RANDOM)
      sites[n++] = (Site){node_attr_int(g, id, RANDOM_SITE), g->nodes[id].stamp.epoch, id};
  qsort(sites, n, sizeof *sites, by_site);
  Status status = STATUS_OK;
  for (uint32_t i = 1; i < n && status == STATUS_OK; i++) {
    if (sites[i].name != sites[i - 1].name) continue;
    bool clone = sites[i].epoch != sites[i - 1].epoch &&
                 shape_equal(&g->nodes[sites[i].node].shape, &g->nodes[sites[i - 1].node].shape);
    if (!clone) status = wrong(diag, place, sites[i].node, "its random site is another node's");
  }
  free(sites);
  return status;
}

static int by_name(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static Status verify_outputs(const Graph *g, const char *place, Diag *diag) {
  uint32_t *names = calloc((size_t)g->n_outputs + 1, sizeof *names);
  if (!names) return diag_no_memory(diag, g->n_outputs * sizeof *names);
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < g->n_outputs; i++) {
    names[i] = g->outputs[i].name;
    if (g->outputs[i].node == NODE_NONE || g->outputs[i].node >= g->n_nodes)
      status = diag_error(diag, STATUS_INVALID, place, NULL, "output %u names nothing", i);
  }
  qsort(names, g->n_outputs, sizeof *names, by_name);
  for (uint32_t i = 1; i < g->n_outputs && status == STATUS_OK; i++)
    if (names[i] == names[i - 1])
      status = diag_error(diag, STATUS_INVALID, place, NULL, "output '%s' exists twice",
                          graph_text(g, names[i]));
  free(names);
  return status;
}

Status verify_graph(const Graph *g, const State *states, uint32_t n_states, const char *place,
                    Diag *diag) {
  for (NodeId id = 1; id < g->n_nodes; id++) {
    TRY(verify_node(g, id, place, diag));
    if (g->nodes[id].op == OP_STATE) TRY(verify_state_node(g, id, states, n_states, place, diag));
  }
  TRY(verify_commits(g, states, n_states, place, diag));
  TRY(verify_sites(g, place, diag));
  return verify_outputs(g, place, diag);
}
