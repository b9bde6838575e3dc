/* Writes ordered groups out as steps: a graph whose ids follow execution order.
 *
 * A virtual node is emitted once in every group that needs it.  Its clones carry different epochs,
 * so that equal values stay separate nodes, each a member of one step: clone k of a node of epoch e
 * has epoch e + k n, where n is larger than any epoch of the graph, so that clones of nodes that
 * differ in their epochs alone stay apart as well. */
#include "compiler/layout.h"
#include "compiler/rewrite.h"
#include "graph/base/array.h"

#include <stdlib.h>
#include <string.h>

typedef struct Writer {
  const Groups *u;
  const Graph *in;
  Emitter e;
  Diag *diag;
  NodeId *map;         /* old node -> new node (a virtual one: its clone in the current group) */
  uint32_t *map_group; /* virtual: the group + 1 that map belongs to */
  uint32_t *clones;    /* virtual: how many there are */
  uint64_t epochs;     /* more than the largest epoch of `in` */
  PlanProgram *out;
  uint32_t cap_nodes;
} Writer;

static Status list_node(Writer *w, NodeId id) {
  PlanProgram *p = w->out;
  TRY(ARRAY_RESERVE(p->step_nodes, w->cap_nodes, p->n_step_nodes, 1, w->diag));
  p->step_nodes[p->n_step_nodes++] = id;
  return STATUS_OK;
}

static NodeId emit_mapped(Writer *w, NodeId id, uint32_t clone) {
  const Node *node = &w->in->nodes[id];
  NodeId small[16] = {0}, *inputs = small;
  if (node->n_inputs > 16) inputs = malloc(node->n_inputs * sizeof *inputs);
  if (!inputs) return NODE_NONE;
  for (uint32_t i = 0; i < node->n_inputs; i++) inputs[i] = w->map[node_input(w->in, id, i)];
  Emitter *e = &w->e;
  e->stamp = node->stamp;
  e->stamp.epoch = (uint32_t)(node->stamp.epoch + clone * w->epochs);
  NodeId copy = rewrite_copy(e, w->in, id, inputs);
  if (inputs != small) free(inputs);
  return copy;
}

/* Operands that need no step or a clone: leaves, views, virtual nodes.  The depth of the recursion
 * is bounded by the ops behind a virtual node and the views, which simplification has merged. */
static Status prepare(Writer *w, NodeId id, uint32_t group) {
  for (uint32_t i = 0; i < w->in->nodes[id].n_inputs; i++) {
    NodeId input = node_input(w->in, id, i);
    NodeClass class = (NodeClass)w->u->class[input];
    if (class == CLASS_GROUP) continue;
    bool have =
        class == CLASS_VIRTUAL ? w->map_group[input] == group + 1 : w->map[input] != NODE_NONE;
    if (have) continue;
    TRY(prepare(w, input, group));
    uint32_t clone = class == CLASS_VIRTUAL ? w->clones[input]++ : 0;
    w->map[input] = emit_mapped(w, input, clone);
    if (!w->map[input]) return w->e.status ? w->e.status : diag_no_memory(w->diag, 1);
    if (class != CLASS_VIRTUAL) continue;
    w->map_group[input] = group + 1;
    TRY(list_node(w, w->map[input]));
  }
  return STATUS_OK;
}

static Status write_group(Writer *w, uint32_t group) {
  const Groups *u = w->u;
  PlanStep *step = &w->out->steps[w->out->n_steps];
  *step = (PlanStep){.first = w->out->n_step_nodes, .work_offset = OFFSET_NONE};
  for (uint32_t k = u->first[group]; k < u->first[group + 1]; k++) {
    NodeId id = u->members[k];
    TRY(prepare(w, id, group));
    w->map[id] = emit_mapped(w, id, 0);
    if (!w->map[id]) return w->e.status ? w->e.status : diag_no_memory(w->diag, 1);
    TRY(list_node(w, w->map[id]));
  }
  step->count = w->out->n_step_nodes - step->first;
  w->out->n_steps++;
  return STATUS_OK;
}

/* Leaves and views that only an output or commit needs. */
static Status write_end(Writer *w, NodeId id) {
  if (w->map[id] || w->u->class[id] == CLASS_GROUP) return STATUS_OK;
  TRY(prepare(w, id, UINT32_MAX - 1));
  w->map[id] = emit_mapped(w, id, 0);
  return w->map[id] ? STATUS_OK : diag_no_memory(w->diag, 1);
}

static Status write_ends(Writer *w, Graph *out) {
  const Graph *in = w->in;
  for (uint32_t i = 0; i < in->n_commits; i++) {
    TRY(write_end(w, in->commits[i].value));
    if (graph_add_commit(out, in->commits[i].state, w->map[in->commits[i].value]) != STATUS_OK)
      return diag_no_memory(w->diag, sizeof(Commit));
  }
  for (uint32_t i = 0; i < in->n_outputs; i++) {
    TRY(write_end(w, in->outputs[i].node));
    if (graph_add_output(out, in->outputs[i].name, w->map[in->outputs[i].node],
                         in->outputs[i].declared) != STATUS_OK)
      return diag_no_memory(w->diag, sizeof(Output));
  }
  return STATUS_OK;
}

/* Epochs are numbers of 32 bits: so must be those of the clones, of which each group has at most
 * one.
 */
static Status count_epochs(Writer *w) {
  w->epochs = 1;
  for (NodeId id = 1; id < w->in->n_nodes; id++)
    if (w->in->nodes[id].stamp.epoch >= w->epochs) w->epochs = w->in->nodes[id].stamp.epoch + 1ull;
  if (w->epochs * ((uint64_t)w->u->n_groups + 2) <= UINT32_MAX) return STATUS_OK;
  return diag_error(w->diag, STATUS_NO_FIT, NULL, NULL,
                    "%llu epochs of nodes that are computed anew, in %u kernels, are too many",
                    (unsigned long long)w->epochs, w->u->n_groups);
}

Status layout_steps(PlanProgram *program, const Groups *groups, Diag *diag) {
  const Graph *in = groups->graph;
  Graph *out = graph_create(in->symbols);
  Writer w = {.u = groups, .in = in, .diag = diag, .out = program};
  w.map = calloc(in->n_nodes, sizeof *w.map);
  w.map_group = calloc(in->n_nodes, sizeof *w.map_group);
  w.clones = calloc(in->n_nodes, sizeof *w.clones);
  program->steps = calloc(groups->n_groups + 1, sizeof *program->steps);
  Status status = STATUS_OK;
  if (!out || !w.map || !w.map_group || !w.clones || !program->steps)
    status = diag_no_memory(diag, in->n_nodes * sizeof *w.map);
  if (status == STATUS_OK) status = emitter_init(&w.e, out, FLOAT_SETTLED, diag, NULL);
  w.e.batched = true;
  if (status == STATUS_OK) status = count_epochs(&w);
  for (uint32_t i = 1; status == STATUS_OK && i < in->n_batches; i++)
    if (!graph_add_batch(out, in->batches[i])) status = diag_no_memory(diag, sizeof(Batch));
  for (uint32_t i = 0; status == STATUS_OK && i < groups->n_groups; i++)
    status = write_group(&w, groups->order[i]);
  if (status == STATUS_OK) status = write_ends(&w, out);
  emitter_free(&w.e);
  free(w.map);
  free(w.map_group);
  free(w.clones);
  if (status != STATUS_OK) {
    graph_destroy(out);
    return status;
  }
  graph_destroy(program->graph);
  program->graph = out;
  return STATUS_OK;
}
