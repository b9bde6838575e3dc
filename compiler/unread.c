/* What outputs depend on, across programs: an output needs values, these read states, and whatever
 * is committed to such a state is needed too.  A layer that was built and then not connected is
 * trained, saved and counted like the others; the only sign of it is that nothing needs it. */
#include "compiler/unread.h"

#include "graph/ir/source.h"
#include "ops/ops.h"

#include <stdlib.h>

/* By state. */
typedef struct Use {
  bool read;   /* some program reads it */
  bool kept;   /* some program commits to it */
  bool needed; /* an output depends on it */
} Use;

/* Marks what the outputs of a program need and the commits to needed states; true when a state was
 * found that was not known to be needed.  `live` has room for its nodes. */
static bool spread(const PlanProgram *p, bool *live, Use *uses) {
  const Graph *g = p->graph;
  bool found = false;
  for (NodeId id = 0; id < g->n_nodes; id++) live[id] = false;
  for (uint32_t i = 0; i < g->n_outputs; i++) live[g->outputs[i].node] = true;
  for (uint32_t i = 0; i < g->n_commits; i++)
    if (uses[g->commits[i].state].needed) live[g->commits[i].value] = true;
  for (NodeId id = g->n_nodes - 1; id > 0; id--) {
    if (!live[id]) continue;
    for (uint32_t i = 0; i < g->nodes[id].n_inputs; i++) live[node_input(g, id, i)] = true;
    if (g->nodes[id].op != OP_STATE) continue;
    Use *use = &uses[node_attr_int(g, id, STATE_INDEX)];
    found = found || !use->needed;
    use->needed = true;
  }
  return found;
}

static void find_users(const Plan *plan, bool *live, Use *uses) {
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    const Graph *g = plan->programs[k].graph;
    for (NodeId id = 1; id < g->n_nodes; id++)
      if (g->nodes[id].op == OP_STATE) uses[node_attr_int(g, id, STATE_INDEX)].read = true;
    for (uint32_t i = 0; i < g->n_commits; i++) uses[g->commits[i].state].kept = true;
  }
  for (bool found = true; found;) {
    found = false;
    for (uint32_t k = 0; k < plan->n_programs; k++)
      if (spread(&plan->programs[k], live, uses)) found = true;
  }
}

static void warn(const Model *model, const Plan *plan, const State *s, const Use *use, Diag *diag) {
  const char *name = plan_text(plan, s->name);
  if (s->kind == STATE_PARAMETER && !use->read)
    source_warning(model->sources, model->symbols, diag, s->loc,
                   "name it where it was meant, or remove it",
                   "no program reads the parameter '%s'", name);
  else if (s->kind == STATE_PARAMETER && !use->needed)
    source_warning(model->sources, model->symbols, diag, s->loc,
                   "use it in what the loss is made of, or remove it",
                   "no output depends on the parameter '%s': only its own update reads it", name);
  else if (!use->read && !use->kept)
    source_warning(model->sources, model->symbols, diag, s->loc,
                   "remove it, or give it a value: <commit state=\"...\" value=\"...\"/>",
                   "no program reads or writes the state '%s'", name);
}

Status unread_warn(const Model *model, const Plan *plan, Diag *diag) {
  uint32_t most = 0, outputs = 0;
  for (uint32_t k = 0; k < plan->n_programs; k++) {
    const Graph *g = plan->programs[k].graph;
    if (g->n_nodes > most) most = g->n_nodes;
    outputs += g->n_outputs;
  }
  Use *uses = calloc(plan->n_states + 1u, sizeof *uses);
  bool *live = calloc(most + 1u, sizeof *live);
  Status status = uses && live ? STATUS_OK : diag_no_memory(diag, most);
  if (status == STATUS_OK) {
    find_users(plan, live, uses);
    for (uint32_t i = 0; i < plan->n_states; i++) {
      if (!outputs) uses[i].needed = true; /* a model that only leaves its states behind */
      warn(model, plan, &plan->states[i], &uses[i], diag);
    }
  }
  free(uses);
  free(live);
  return status;
}
