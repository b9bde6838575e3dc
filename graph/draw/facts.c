/* What a picture needs to know of each node: which unit of the step it belongs to, which step makes
 * it, whether it lies in memory. */
#include "graph/draw/parts.h"

#include "graph/base/array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct UnitKey {
  ViewKind kind;
  uint32_t path, origin;
  size_t at; /* bytes of the scope that are the unit's own */
} UnitKey;

static const char *scope_of(const Facts *f, NodeId id) {
  return graph_text(f->g, f->g->nodes[id].stamp.scope);
}

static bool is_leaf(const Facts *f, NodeId id, uint32_t op) {
  return op && f->g->nodes[id].op == op;
}

/* What a machine does, where the target does not say: only the shares of boxes matter. */
#define MACS_PER_US 50000.0
#define BYTES_PER_US 10000.0

static double time_of(const Facts *f, NodeId id) {
  const StreamFacts *s = &f->plan->target->streams;
  double work = (double)f->macs[id] / (s->macs ? (double)s->macs : MACS_PER_US);
  double bytes = f->stored[id] ? (double)value_bytes(&f->g->nodes[id]) : 0;
  for (uint32_t i = 0; i < f->g->nodes[id].n_inputs; i++) {
    NodeId in = node_input(f->g, id, i);
    if (f->stored[in]) bytes += (double)value_bytes(&f->g->nodes[in]);
  }
  double moved = f->step[id] ? bytes / (s->bytes ? (double)s->bytes : BYTES_PER_US) : 0;
  return work > moved ? work : moved;
}

static void find_costs(const Facts *f) {
  for (NodeId id = 1; id < f->g->n_nodes; id++) {
    const Node *node = &f->g->nodes[id];
    const OpDesc *op = f->ops->ops[node->op];
    int64_t macs = op->macs ? op->macs(f->g, id, &node->shape) : 0;
    f->macs[id] = macs > 0 ? macs : 0;
    f->time[id] = time_of(f, id);
  }
}

/* Constants, and what is made of them alone, explain nothing; nor does what is made of the scalars
 * that a program is fed, `inner_lr` in the shape of each parameter: `plain`. */
static void find_constants(const Facts *f, bool *constant) {
  for (NodeId id = 1; id < f->g->n_nodes; id++) {
    const Node *node = &f->g->nodes[id];
    f->plain[id] = node->n_inputs > 0 && !is_leaf(f, id, f->op_random);
    for (uint32_t i = 0; i < node->n_inputs && f->plain[id]; i++) {
      NodeId in = node_input(f->g, id, i);
      bool fed = is_leaf(f, in, f->op_input) && f->g->nodes[in].shape.rank == 0;
      f->plain[id] = fed || constant[in] || f->plain[in];
    }
    bool leaf = f->ops->ops[node->op]->op_class == OP_CLASS_LEAF;
    constant[id] = !is_leaf(f, id, f->op_input) && !is_leaf(f, id, f->op_state) &&
                   !is_leaf(f, id, f->op_random) && (leaf || node->n_inputs);
    for (uint32_t i = 0; i < node->n_inputs && constant[id]; i++)
      constant[id] = constant[node_input(f->g, id, i)];
  }
}

static UnitKey forward_key(const Facts *f, NodeId id) {
  const char *scope = scope_of(f, id);
  size_t n = strcspn(scope, "/");
  return (UnitKey){VIEW_FORWARD, strings_intern_n(f->g->symbols->strings, scope, n), 0,
                   n + (scope[n] == '/')};
}

static UnitKey origin_key(const Facts *f, NodeId id) {
  uint32_t index = f->g->nodes[id].stamp.origin;
  const Origin *o = &f->g->symbols->origins[index];
  const char *name = graph_text(f->g, o->name), *scope = scope_of(f, id);
  size_t n = strlen(name);
  switch ((OriginKind)o->kind) {
  case ORIGIN_PASS: /* what an evaluation of a field made before is the field's */
    if (strncmp(scope, name, n) != 0 || (scope[n] && scope[n] != '/')) n = 0;
    return (UnitKey){VIEW_FORWARD, o->name, index, n + (n && scope[n] == '/')};
  case ORIGIN_GRADIENT:
  case ORIGIN_PULLBACK:
    return (UnitKey){VIEW_GRADIENT, o->name, index, 0};
  case ORIGIN_FIELD:
  case ORIGIN_COMMIT:
    return (UnitKey){VIEW_FIELD, o->name, index, 0};
  case ORIGIN_NORM:
  case ORIGIN_NONE:
    break;
  }
  return (UnitKey){VIEW_FORWARD, o->name, index, strlen(scope)};
}

static UnitKey key_of(const Facts *f, NodeId id) {
  const Node *node = &f->g->nodes[id];
  Strings *strings = f->g->symbols->strings;
  if (is_leaf(f, id, f->op_input))
    return (UnitKey){VIEW_INPUT, strings_intern(strings, "inputs"), 0, 0};
  if (is_leaf(f, id, f->op_random))
    return (UnitKey){VIEW_RANDOM, strings_intern(strings, "random"), 0, 0};
  if (is_leaf(f, id, f->op_state))
    return (UnitKey){VIEW_STATE, strings_intern(strings, "state"), 0, 0};
  if (node->stamp.origin && node->stamp.origin < f->g->symbols->n_origins) return origin_key(f, id);
  /* A graph that no elements of a model made knows roles only. */
  if (node->stamp.role == ROLE_INNER || node->stamp.role == ROLE_OUTER)
    return (UnitKey){VIEW_GRADIENT, strings_intern(strings, role_name((Role)node->stamp.role)), 0,
                     0};
  return forward_key(f, id);
}

/* The unit of that key, + 1; 0: out of memory. */
static uint32_t find_unit(Facts *f, uint32_t *cap, const UnitKey *key) {
  char *text = NULL;
  if (key->path == UINT32_MAX || asprintf(&text, "unit %d %u %zu %s", (int)key->kind, key->origin,
                                          key->at, graph_text(f->g, key->path)) < 0)
    return 0;
  uint32_t id = strings_intern(f->g->symbols->strings, text);
  free(text);
  if (id == UINT32_MAX || ARRAY_RESERVE(f->slot, f->cap_slot, id, 1, f->diag) != STATUS_OK)
    return 0;
  if (f->slot[id]) return f->slot[id];
  if (ARRAY_RESERVE(f->units, *cap, f->n_units, 1, f->diag) != STATUS_OK) return 0;
  f->units[f->n_units++] = (Part){.kind = key->kind,
                                  .path = key->path,
                                  .title = key->path,
                                  .origin = key->origin,
                                  .at = key->at,
                                  .inside = arena_array(f->arena, 1, sizeof(PartInside))};
  if (!f->units[f->n_units - 1].inside) return 0;
  return f->slot[id] = f->n_units;
}

static bool same_key(const UnitKey *a, const UnitKey *b) {
  return a->kind == b->kind && a->path == b->path && a->origin == b->origin && a->at == b->at;
}

static bool give_units(Facts *f, const bool *constant) {
  UnitKey before = {.path = UINT32_MAX};
  uint32_t unit = 0, cap = 0;
  for (NodeId id = 1; id < f->g->n_nodes; id++) {
    if (constant[id]) continue;
    UnitKey key = key_of(f, id);
    if (!unit || !same_key(&key, &before)) unit = find_unit(f, &cap, &key);
    if (!unit) return false;
    before = key;
    f->unit[id] = unit;
  }
  if (f->cap_slot) memset(f->slot, 0, f->cap_slot * sizeof *f->slot);
  return true;
}

static void find_steps(const Facts *f) {
  for (uint32_t s = 0; s < f->p->n_steps; s++)
    for (uint32_t k = 0; k < f->p->steps[s].count; k++)
      f->step[f->p->step_nodes[f->p->steps[s].first + k]] = s + 1;
}

/* What is computed of a pass for one derivative alone, within its kernels, is a part of that: it
 * is not saved for it. */
static bool join_derived(const Facts *f) {
  uint32_t *user = arena_array(f->arena, f->g->n_nodes, sizeof *user); /* a unit, or VIEW_NONE */
  for (NodeId id = f->g->n_nodes - 1; user && id > 0; id--) {
    uint32_t unit = f->unit[id], by = user[id];
    if (!unit) continue;
    if (!f->stored[id] && by && by != VIEW_NONE && f->units[by - 1].kind == VIEW_GRADIENT &&
        f->units[unit - 1].kind != VIEW_FIELD)
      f->unit[id] = unit = by;
    for (uint32_t i = 0; i < f->g->nodes[id].n_inputs; i++) {
      uint32_t *of = &user[node_input(f->g, id, i)];
      *of = !*of || *of == unit ? unit : VIEW_NONE;
    }
  }
  return user != NULL;
}

/* The nodes of each unit, and the units in order of their first node. */
static bool list_units(Facts *f) {
  uint32_t n = f->g->n_nodes;
  NodeId *nodes = arena_array(f->arena, n, sizeof *nodes);
  uint32_t *at = arena_array(f->arena, f->n_units + 1, sizeof *at);
  if (!nodes || !at) return false;
  for (NodeId id = 1; id < n; id++)
    if (f->unit[id]) f->units[f->unit[id] - 1].n_nodes++;
  for (uint32_t i = 0, from = 0; i < f->n_units; from += f->units[i++].n_nodes) {
    at[i] = from;
    f->units[i].nodes = nodes + from;
  }
  for (NodeId id = 1; id < n; id++)
    if (f->unit[id]) nodes[at[f->unit[id] - 1]++] = id;
  return true;
}

/* The last node of that name, or else of that scope; NODE_NONE: simplified away. */
static NodeId find_value(const Facts *f, uint32_t name) {
  NodeId found = NODE_NONE;
  for (uint32_t i = 0; i < f->g->n_outputs; i++)
    if (f->g->outputs[i].name == name) return f->g->outputs[i].node;
  for (NodeId id = 1; id < f->g->n_nodes; id++) {
    if (f->g->nodes[id].name == name) return id;
    if (f->g->nodes[id].stamp.scope == name && f->g->nodes[id].stamp.role == ROLE_FORWARD)
      found = id;
  }
  return found;
}

/* A gradient begins at its scalar, whose value it does not read. */
static bool find_losses(Facts *f) {
  f->loss = arena_array(f->arena, f->n_units + 1, sizeof *f->loss);
  for (uint32_t i = 0; f->loss && i < f->n_units; i++) {
    const Part *unit = &f->units[i];
    if (unit->kind != VIEW_GRADIENT || !unit->origin || !unit->n_nodes) continue;
    const Origin *o = &f->g->symbols->origins[unit->origin];
    if (o->kind == ORIGIN_GRADIENT) f->loss[i] = find_value(f, o->of);
  }
  return f->loss != NULL;
}

static bool find_all(Facts *f) {
  uint32_t n = f->g->n_nodes;
  bool *constant = arena_array(f->arena, n, sizeof *constant);
  f->unit = arena_array(f->arena, n, sizeof *f->unit);
  f->step = arena_array(f->arena, n, sizeof *f->step);
  f->base = arena_array(f->arena, n, sizeof *f->base);
  f->stored = arena_array(f->arena, n, sizeof *f->stored);
  f->mark = arena_array(f->arena, n, sizeof *f->mark);
  f->plain = arena_array(f->arena, n, sizeof *f->plain);
  f->macs = arena_array(f->arena, n, sizeof *f->macs);
  f->time = arena_array(f->arena, n, sizeof *f->time);
  if (!constant || !f->plain || !f->unit || !f->step || !f->base || !f->stored || !f->mark ||
      !f->macs || !f->time)
    return false;
  find_constants(f, constant);
  for (NodeId id = 1; id < n; id++) {
    const Node *node = &f->g->nodes[id];
    bool view = f->ops->ops[node->op]->op_class == OP_CLASS_VIEW && node->n_inputs;
    f->base[id] = view ? f->base[node_input(f->g, id, 0)] : id;
    f->stored[id] = !f->p->node_offset || f->p->node_offset[id] != OFFSET_NONE;
  }
  if (!give_units(f, constant)) return false;
  find_steps(f);
  find_costs(f);
  return join_derived(f) && list_units(f) && find_losses(f);
}

Status facts_find(Facts *f) {
  f->op_input = op_table_find(f->ops, "input-value");
  f->op_state = op_table_find(f->ops, "state-value");
  f->op_random = op_table_find(f->ops, "random-value");
  return find_all(f) ? STATUS_OK : diag_no_memory(f->diag, f->g->n_nodes * sizeof(NodeId));
}

void facts_free(Facts *f) {
  free(f->units);
  free(f->slot);
}
