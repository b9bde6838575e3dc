/* Ranks that compute over their shares alone.
 *
 * Each rank runs the program of a batch that is its share; differentiation has put a rank-mean
 * (ops/ranks.c) on every field that it derived, models put some themselves.  Here they become
 * collectives, where they are needed: what is made of the same values is the same on all ranks, and
 * its mean is itself.
 *
 * States must stay the same on all ranks, so what is committed is averaged unless it is; so are
 * scalar outputs (losses, norms), which describe the step.  Other outputs are a rank's own. */
#include "compiler/local.h"

#include "compiler/rewrite.h"
#include "ops/emit.h"

#include <stdlib.h>
#include <string.h>

/* What each rank is fed its own rows of. */
static bool is_share(const Graph *g, NodeId id) {
  const char *name = graph_text(g, (uint32_t)node_attr_int(g, id, INPUT_NAME));
  return strcmp(name, "images") == 0 || strcmp(name, "labels") == 0;
}

void local_same(const Graph *g, bool *same) {
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint16_t op = g->nodes[id].op;
    same[id] = op != OP_INPUT || !is_share(g, id);
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) same[id] &= same[node_input(g, id, i)];
    same[id] |= op == OP_RANK_MEAN;
  }
}

typedef struct Local {
  const Plan *plan;
  const PlanProgram *program;
  const Graph *in;
  const Sources *sources;
  Diag *diag;
  Emitter e;
  bool *same;  /* by node of `in` */
  NodeId *map; /* by node of `in` */
} Local;

static NodeId mean(Local *l, NodeId x) {
  NodeId sum = emit_all_reduce(&l->e, x, l->plan->ranks);
  return emit_scale(&l->e, sum, 1.0 / l->plan->ranks);
}

static NodeId emit_again(Local *l, NodeId id, NodeId *inputs) {
  const Graph *g = l->in;
  const Node *node = &g->nodes[id];
  for (uint32_t i = 0; i < node->n_inputs; i++) inputs[i] = l->map[node_input(g, id, i)];
  l->e.stamp = node->stamp;
  if (node->op != OP_RANK_MEAN) return rewrite_copy(&l->e, g, id, inputs);
  NodeId result = l->same[node_input(g, id, 0)] ? inputs[0] : mean(l, inputs[0]);
  if (result && node->name && !l->e.graph->nodes[result].name)
    l->e.graph->nodes[result].name = node->name;
  return result;
}

static Status write_nodes(Local *l) {
  const Graph *g = l->in;
  uint32_t most = 1;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (g->nodes[id].n_inputs > most) most = g->nodes[id].n_inputs;
  NodeId *inputs = calloc(most, sizeof *inputs);
  bool *live = rewrite_live(g);
  Status status = inputs && live ? STATUS_OK : diag_no_memory(l->diag, g->n_nodes);
  for (uint32_t i = 1; status == STATUS_OK && i < g->n_batches; i++)
    if (!graph_add_batch(l->e.graph, g->batches[i]))
      status = diag_no_memory(l->diag, sizeof(Batch));
  for (NodeId id = 1; status == STATUS_OK && id < g->n_nodes; id++) {
    if (live[id]) l->map[id] = emit_again(l, id, inputs);
    status = l->e.status;
  }
  free(inputs);
  free(live);
  return status;
}

/* The value as all ranks have it; `what` is averaged. */
static Status average(Local *l, NodeId id, const char *what, uint32_t name, NodeId *out) {
  const Node *node = &l->in->nodes[id];
  *out = l->map[id];
  if (l->same[id]) return STATUS_OK;
  if (!dtype_is_float((DType)node->dtype))
    return source_error(l->sources, l->in->symbols, l->diag, node->stamp.loc, STATUS_INVALID,
                        "<cast name=\"...\" in=\"...\" dtype=\"float\"/> of what it is made of",
                        "--sync=local averages %s '%s' over the ranks, and it is %s", what,
                        graph_text(l->in, name), dtype_name((DType)node->dtype));
  l->e.stamp = node->stamp;
  *out = mean(l, l->map[id]);
  return l->e.status;
}

static Status write_ends(Local *l) {
  const Graph *g = l->in;
  Status status = STATUS_OK;
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_commits; i++) {
    const Commit *c = &g->commits[i];
    NodeId value;
    TRY(average(l, c->value, "state", l->plan->states[c->state].name, &value));
    status = graph_add_commit(l->e.graph, c->state, value);
  }
  for (uint32_t i = 0; status == STATUS_OK && i < g->n_outputs; i++) {
    const Output *o = &g->outputs[i];
    NodeId value = l->map[o->node];
    if (o->declared && g->nodes[o->node].shape.rank == 0)
      TRY(average(l, o->node, "output", o->name, &value));
    status = graph_add_output(l->e.graph, o->name, value, o->declared);
  }
  return status == STATUS_OK ? STATUS_OK : diag_no_memory(l->diag, sizeof(Output));
}

Status local_ranks(const Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag) {
  if (program->kind != PROGRAM_TRAIN) return STATUS_OK; /* one process runs it */
  Local l = {
      .plan = plan, .program = program, .in = program->graph, .sources = sources, .diag = diag};
  Graph *out = graph_create(program->graph->symbols);
  l.same = calloc(l.in->n_nodes, sizeof *l.same);
  l.map = calloc(l.in->n_nodes, sizeof *l.map);
  Status status = out && l.same && l.map ? emitter_init(&l.e, out, FLOAT_SETTLED, diag, sources)
                                         : diag_no_memory(diag, l.in->n_nodes * sizeof *l.map);
  if (status == STATUS_OK) {
    local_same(l.in, l.same);
    status = write_nodes(&l);
  }
  if (status == STATUS_OK) status = write_ends(&l);
  emitter_free(&l.e);
  free(l.same);
  free(l.map);
  if (status != STATUS_OK) {
    graph_destroy(out);
    return status;
  }
  graph_destroy(program->graph);
  program->graph = out;
  return rewrite_parts(&program->graph, diag);
}
