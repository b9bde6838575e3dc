/* Names that a program's elements make without writing them: the tensors of a field (`G:w`), and
 * values inside of composites (`relu1/select/mask`).  --keep, --input and --fetch find values by
 * name, so none of these may be a name that another element has written.  And names by which
 * random numbers are drawn, which training and initial values use as well. */
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
    Status s = collides(p, p->e.graph->nodes[node].stamp.loc, name, "a field's tensor",
                        field->element->loc);
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
    Status s = collides(p, g->nodes[value].stamp.loc, text, "one inside of another element",
                        g->nodes[id].stamp.loc);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

/* ---- random sites: equal names draw equal numbers ---- */

static bool is_reserved(const char *site) {
  static const char *const prefixes[] = {"sampler/", "augment/", "noise:"};
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (strncmp(site, prefixes[i], strlen(prefixes[i])) == 0) return true;
  return strcmp(site, "held-out") == 0;
}

/* The state whose initial value is drawn at that site; NULL: there is none. */
static const State *drawn_at(const Plan *plan, uint32_t site) {
  for (uint32_t i = 0; i < plan->n_states; i++) {
    const State *s = &plan->states[i];
    bool draws = s->init != INIT_CONSTANT && !(s->init == INIT_FUSE && s->init_a <= 0);
    if (draws && (s->init_site ? s->init_site : s->name) == site) return s;
  }
  return NULL;
}

static Status check_sites(ProgramBuilder *p) {
  const Graph *g = p->e.graph;
  const Model *model = p->b->model;
  char where[SOURCE_WHERE_MAX];
  Status status = STATUS_OK;
  for (NodeId id = 1; id < g->n_nodes; id++) {
    if (g->nodes[id].op != OP_RANDOM) continue;
    uint32_t site = (uint32_t)node_attr_int(g, id, RANDOM_SITE);
    const State *state = drawn_at(p->b->plan, site);
    if (is_reserved(graph_text(g, site)))
      status = source_error(model->sources, model->symbols, p->b->diag, g->nodes[id].stamp.loc,
                            STATUS_INVALID, "give it another name",
                            "training itself draws at the site '%s': the numbers would be the same",
                            graph_text(g, site));
    else if (state)
      status =
          source_error(model->sources, model->symbols, p->b->diag, g->nodes[id].stamp.loc,
                       STATUS_INVALID, "give one of them another name, or the parameter a site",
                       "'%s' draws at step 0 what the initial value of '%s' is drawn from (%s)",
                       graph_text(g, site), graph_text(g, state->name),
                       source_where(model->symbols, state->loc, where));
  }
  return status;
}

Status names_check(ProgramBuilder *p) {
  Status all[] = {check_components(p), check_inside(p), check_sites(p)};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) TRY(all[i]);
  return STATUS_OK;
}
