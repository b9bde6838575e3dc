/* Names that a program's elements make without writing them: the tensors of a field (`G:w`), and
 * values inside of composites (`relu1/select/mask`).  --keep, --input and --fetch find values by
 * name, so none of these may be a name that another element has written. */
#include "compiler/builder.h"

#include <stdlib.h>
#include <string.h>

/* The field F and the trainable parameter P of which `name` is F:P; NULL: there is none. */
static const Field *component_of(ProgramBuilder *p, const char *name) {
  for (const char *colon = strchr(name, ':'); colon; colon = strchr(colon + 1, ':')) {
    uint32_t state = states_find(p->b, colon + 1);
    if (state >= p->b->n_parameters || !p->b->plan->states[state].trainable) continue;
    const char *field = arena_strndup(p->b->model->arena, name, (size_t)(colon - name));
    const Field *found = field ? fields_find(p, field) : NULL;
    if (found && found->element) return found;
  }
  return NULL;
}

static Status collides(const ProgramBuilder *p, uint32_t loc, const char *name, const char *what,
                       uint32_t other) {
  const Model *model = p->b->model;
  char where[SOURCE_WHERE_MAX];
  return source_error(model->sources, model->symbols, p->b->diag, loc, STATUS_INVALID,
                      "give the value another name: --keep, --input and --fetch find values by "
                      "name",
                      "the value '%s' has the name of %s (%s)", name, what,
                      source_where(model->symbols, other, where));
}

static Status check_components(ProgramBuilder *p) {
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < p->n_names; i++) {
    const char *name = strings_text(p->b->model->symbols->strings, p->names[i]);
    NodeId node = p->value_by_string[p->names[i]];
    const Field *field = strchr(name, ':') && node != NODE_POISON ? component_of(p, name) : NULL;
    if (!field) continue;
    Status s =
        collides(p, p->e.graph->nodes[node].loc, name, "a field's tensor", field->element->loc);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

/* A node whose name is another node's in the table.  Not meant are the names of states, which the
 * values that stand for them in a pass carry, and inputs. */
static Status check_inside(ProgramBuilder *p) {
  const Graph *g = p->e.graph;
  Status status = STATUS_OK;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    uint32_t name = g->nodes[id].name;
    const char *text = graph_text(g, name);
    if (!name || g->nodes[id].op == OP_INPUT || !strchr(text, '/')) continue;
    NodeId value = names_get(p, text);
    if (value == NODE_NONE || value == NODE_POISON || value == id) continue;
    if (states_find(p->b, text) != UINT32_MAX) continue;
    Status s =
        collides(p, g->nodes[value].loc, text, "one inside of another element", g->nodes[id].loc);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

Status names_check(ProgramBuilder *p) {
  Status status = check_components(p), inside = check_inside(p);
  return status == STATUS_OK ? inside : status;
}
