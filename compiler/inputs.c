/* What each program is fed.  Folding may remove an input (0 * mask), and --input may make needless
 * what came before it; who feeds it all the same must be understood, so the plan keeps every
 * declaration. */
#include "compiler/inputs.h"

#include "graph/base/text.h"
#include "ops/ops.h"

#include <fnmatch.h>
#include <string.h>

/* ---- declarations ---- */

static Status collides(const Plan *plan, const Sources *sources, Diag *diag, const PlanInput *in,
                       const char *what, uint32_t other) {
  char where[SOURCE_WHERE_MAX];
  return source_error(sources, plan->symbols, diag, in->loc, STATUS_INVALID,
                      "give one of them another name: both are fed by name",
                      "the input '%s' has the name of %s (%s)", plan_text(plan, in->name), what,
                      source_where(plan->symbols, other, where));
}

static Status declare(Plan *plan, PlanProgram *program, const PlanInput *in, const Sources *sources,
                      Diag *diag) {
  const PlanInput *have = plan_input_find(program, plan_text(plan, in->name));
  uint32_t state = plan_state_find(plan, plan_text(plan, in->name));
  if (state != UINT32_MAX)
    return collides(plan, sources, diag, in, "a state", plan->states[state].loc);
  if (!have) return plan_input_add(program, in) ? STATUS_OK : diag_no_memory(diag, sizeof *in);
  if (have->dtype == in->dtype && shape_equal(&have->shape, &in->shape)) return STATUS_OK;
  char what[200], shape[SHAPE_TEXT_MAX];
  text_format(what, sizeof what, "another one, %s %s", dtype_name((DType)have->dtype),
              shape_text(&have->shape, shape, sizeof shape));
  return collides(plan, sources, diag, in, what, have->loc);
}

static PlanInput input_of(const Graph *g, NodeId id, uint32_t name) {
  const Node *node = &g->nodes[id];
  return (PlanInput){
      .name = name, .loc = node->stamp.loc, .dtype = node->dtype, .shape = node->shape};
}

Status inputs_declare(Plan *plan, PlanProgram *program, const Sources *sources, Diag *diag) {
  const Graph *g = program->graph;
  Status status = STATUS_OK;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_INPUT) continue;
    PlanInput in = input_of(g, id, (uint32_t)node_attr_int(g, id, INPUT_NAME));
    Status s = declare(plan, program, &in, sources, diag);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

Status inputs_declare_named(Plan *plan, PlanProgram *program, const char *const *globs, uint32_t n,
                            const Sources *sources, Diag *diag) {
  const Graph *g = program->graph;
  Status status = STATUS_OK;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    const Node *node = &g->nodes[id];
    bool named = false;
    for (uint32_t i = 0; node->name && node->op != OP_STATE && i < n && !named; i++)
      named = fnmatch(globs[i], graph_text(g, node->name), 0) == 0;
    if (!named) continue;
    PlanInput in = input_of(g, id, node->name);
    Status s = declare(plan, program, &in, sources, diag);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

void inputs_link(PlanProgram *program) {
  const Graph *g = program->graph;
  for (uint32_t i = 0; i < program->n_inputs; i++) program->inputs[i].node = NODE_NONE;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_INPUT || program->node_offset[id] == OFFSET_NONE) continue;
    uint32_t name = (uint32_t)node_attr_int(g, id, INPUT_NAME);
    for (uint32_t i = 0; i < program->n_inputs; i++)
      if (program->inputs[i].name == name) program->inputs[i].node = id;
  }
}

/* ---- warnings ---- */

static void warn(const Model *model, const Plan *plan, const PlanProgram *p, const PlanInput *in,
                 Diag *diag) {
  const char *name = plan_text(plan, in->name);
  char hint[300];
  if (strcmp(name, "seed") == 0 || strcmp(name, "step") == 0) return; /* made for draws */
  if (!in->node) {
    source_warning(
        model->sources, model->symbols, diag, in->loc, "exec takes it and does not use it",
        "program '%s' does not need the input '%s': nothing that it writes depends on it",
        plan_text(plan, p->name), name);
  } else if (p->kind == PROGRAM_TRAIN && !in->shape.rank &&
             plan_schedule_find(plan, name) == UINT32_MAX) {
    text_format(hint, sizeof hint, "add <schedule name=\"%s\" value=\"...\"/> to the model", name);
    source_warning(model->sources, model->symbols, diag, in->loc, hint,
                   "training supplies no value for the input '%s': it has no schedule", name);
  }
}

void inputs_warn(const Model *model, const Plan *plan, Diag *diag) {
  for (uint32_t i = 0; i < plan->n_programs; i++)
    for (uint32_t k = 0; k < plan->programs[i].n_inputs; k++)
      warn(model, plan, &plan->programs[i], &plan->programs[i].inputs[k], diag);
}
