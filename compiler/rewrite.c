/* Copies of graphs.  A node keeps all of its stamp and its name, ends stay ends; what a pass
 * changes it says by a rule for single nodes. */
#include "compiler/rewrite.h"

#include "graph/base/array.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

bool *rewrite_live(const Graph *g) {
  bool *live = calloc(g->n_nodes, sizeof *live);
  if (!live) return NULL;
  for (uint32_t i = 0; i < g->n_outputs; i++) live[g->outputs[i].node] = true;
  for (uint32_t i = 0; i < g->n_commits; i++) live[g->commits[i].value] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    if (!live[id]) continue;
    const NodeId *inputs = node_inputs(g, id);
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) live[inputs[i]] = true;
  }
  return live;
}

typedef NodeId (*Emit)(Emitter *e, OpId op, const NodeId *inputs, uint32_t n,
                       const EmitAttr *attrs);

static NodeId emit_again(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs, Emit emit) {
  const Node *node = &in->nodes[id];
  EmitAttr attrs[16];
  for (uint32_t i = 0; i < op_desc(node->op)->n_attrs; i++)
    attrs[i].values = node_attr(in, id, i, &attrs[i].count);
  NodeId copy = emit(e, (OpId)node->op, inputs, node->n_inputs, attrs);
  if (copy && node->name && !e->graph->nodes[copy].name) e->graph->nodes[copy].name = node->name;
  return copy;
}

uint32_t rewrite_reduced(const Graph *g, NodeId id) {
  uint32_t n, mask = 0;
  const int64_t *axes = node_attr(g, id, REDUCE_AXES, &n);
  for (uint32_t i = 0; i < n; i++) mask |= 1u << axes[i];
  return mask;
}

NodeId rewrite_copy(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs) {
  return emit_again(e, in, id, inputs, emit_node);
}

NodeId rewrite_fold(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs) {
  return emit_again(e, in, id, inputs, emit_op);
}

static Status map_all(Emitter *e, const Graph *in, const bool *live, RewriteRule rule,
                      void *context, NodeId *map) {
  uint32_t cap = 0;
  NodeId *inputs = NULL;
  for (NodeId id = 1; id < in->n_nodes && e->status == STATUS_OK; id++) {
    if (!live[id]) continue;
    uint32_t n = in->nodes[id].n_inputs;
    e->status = ARRAY_RESERVE(inputs, cap, n, 1, e->diag);
    if (e->status != STATUS_OK) break;
    for (uint32_t i = 0; i < n; i++) inputs[i] = map[node_input(in, id, i)];
    e->stamp = in->nodes[id].stamp;
    map[id] = rule ? rule(e, in, id, inputs, context) : rewrite_copy(e, in, id, inputs);
    if (map[id] == NODE_NONE && e->status == STATUS_OK)
      e->status = diag_no_memory(e->diag, sizeof(Node));
  }
  free(inputs);
  return e->status;
}

static Status copy_ends(const Graph *in, Graph *out, const NodeId *map) {
  for (uint32_t i = 0; i < in->n_commits; i++)
    TRY(graph_add_commit(out, in->commits[i].state, map[in->commits[i].value]));
  for (uint32_t i = 0; i < in->n_outputs; i++)
    TRY(graph_add_output(out, in->outputs[i].name, map[in->outputs[i].node],
                         in->outputs[i].declared));
  return STATUS_OK;
}

static Status rewrite(Graph **graph, RewriteRule rule, void *context, bool batched, Diag *diag) {
  Graph *in = *graph, *out = graph_create(in->symbols);
  bool *live = rewrite_live(in);
  NodeId *map = calloc(in->n_nodes, sizeof *map);
  Emitter e = {0};
  Status status = STATUS_OK;
  if (!out || !live || !map) status = diag_no_memory(diag, in->n_nodes * sizeof *map);
  if (status == STATUS_OK) status = emitter_init(&e, out, FLOAT_SETTLED, diag, NULL);
  e.batched = batched;
  for (uint32_t i = 1; status == STATUS_OK && i < in->n_batches; i++)
    if (!graph_add_batch(out, in->batches[i])) status = diag_no_memory(diag, sizeof(Batch));
  if (status == STATUS_OK) status = map_all(&e, in, live, rule, context, map);
  if (status == STATUS_OK) {
    status = copy_ends(in, out, map);
    if (status != STATUS_OK) diag_no_memory(diag, sizeof(Output));
  }
  emitter_free(&e);
  free(live);
  free(map);
  if (status != STATUS_OK) {
    graph_destroy(out);
    return status;
  }
  graph_destroy(in);
  *graph = out;
  return STATUS_OK;
}

Status rewrite_graph(Graph **graph, RewriteRule rule, void *context, Diag *diag) {
  return rewrite(graph, rule, context, false, diag);
}

Status rewrite_parts(Graph **graph, Diag *diag) {
  return rewrite(graph, NULL, NULL, true, diag);
}

typedef struct InputGlobs {
  const char *const *globs;
  uint32_t n;
} InputGlobs;

static NodeId input_rule(Emitter *e, const Graph *in, NodeId id, const NodeId *inputs,
                         void *context) {
  const InputGlobs *g = context;
  const Node *node = &in->nodes[id];
  const char *name = graph_text(in, node->name);
  for (uint32_t i = 0; node->name && node->op != OP_STATE && i < g->n; i++)
    if (fnmatch(g->globs[i], name, 0) == 0) {
      e->stamp.epoch = 0; /* what is given is not computed, and so not anew */
      NodeId input = emit_input(e, node->name, (DType)node->dtype, &node->shape);
      emitter_name(e, input, name);
      return input;
    }
  return rewrite_copy(e, in, id, inputs);
}

Status rewrite_inputs(Graph **graph, const char *const *globs, uint32_t n, Diag *diag) {
  InputGlobs g = {globs, n};
  TRY(rewrite_graph(graph, input_rule, &g, diag));
  return rewrite_graph(graph, NULL, NULL, diag); /* drops what the inputs made needless */
}
