/* The parts of a program, from the scopes of its nodes: a part is divided when somebody looks into
 * it, so that nothing is built that is not shown. */
#include "graph/draw/parts.h"

#include "graph/base/array.h"
#include "graph/plan/scopes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_NODES 24 /* of a scope that counts even without parameters and products */

/* The scope of a node behind what the part is called; "" when the node is the part's own. */
static const char *rest_of(const Facts *f, const Part *part, NodeId id) {
  const char *scope = graph_text(f->g, f->g->nodes[id].stamp.scope);
  /* Nodes that came with a kernel may stand elsewhere. */
  return strlen(scope) < part->at ? "" : scope + part->at;
}

bool part_opens(const Facts *f, const Part *part) {
  (void)f;
  bool source = part->kind == VIEW_INPUT || part->kind == VIEW_STATE || part->kind == VIEW_RANDOM;
  return !source && !part->single && part->n_nodes + part->n_members > 1;
}

bool part_is_in(const Facts *f, const Part *part, const char *scope) {
  const char *path = graph_text(f->g, part->path);
  size_t n = strlen(path);
  if (!scope_holds(path, scope) || scope[n] != '/' || part->grouped) return false;
  for (uint32_t i = 0; i < part->n_nodes; i++)
    if (!scope_holds(scope + n + 1, rest_of(f, part, part->nodes[i]))) return false;
  return true;
}

/* Several scopes below it, and something that takes time or has parameters. */
static bool is_module(const Facts *f, const Part *part) {
  const char *first = rest_of(f, part, part->nodes[0]);
  size_t length = strcspn(first, "/");
  bool several = false, works = part->n_nodes >= MODULE_NODES;
  for (uint32_t i = 0; i < part->n_nodes && !(several && works); i++) {
    NodeId id = part->nodes[i];
    const char *rest = rest_of(f, part, id);
    several = several || strcspn(rest, "/") != length || strncmp(rest, first, length) != 0;
    const OpDesc *op = f->ops->ops[f->g->nodes[id].op];
    works = works || (op->macs && op->macs(f->g, id, &f->g->nodes[id].shape) > 0);
    for (uint32_t k = 0; k < f->g->nodes[id].n_inputs && !works; k++)
      works = f->g->nodes[node_input(f->g, id, k)].op == f->op_state;
  }
  return several && works;
}

static uint32_t path_below(const Facts *f, const Part *part, const char *name, size_t length) {
  const char *above = graph_text(f->g, part->path);
  char *path = NULL;
  int n = asprintf(&path, "%s%s%.*s", above, *above ? "/" : "", (int)length, name);
  uint32_t id = n < 0 ? UINT32_MAX : strings_intern(f->g->symbols->strings, path);
  if (n >= 0) free(path);
  return id;
}

/* A child of `part` for a node, + 1; 0: out of memory.  Nodes of the part's own are a child each.
 */
static uint32_t find_child(Facts *f, const Part *part, NodeId id, Part **children, uint32_t *n,
                           uint32_t *cap) {
  const char *rest = rest_of(f, part, id);
  size_t length = strcspn(rest, "/");
  uint32_t path = part->path, name = f->g->nodes[id].name;
  if (*rest) {
    path = path_below(f, part, rest, length);
    if (path == UINT32_MAX || ARRAY_RESERVE(f->slot, f->cap_slot, path, 1, f->diag) != STATUS_OK)
      return 0;
    if (f->slot[path]) return f->slot[path];
    name = strings_intern_n(f->g->symbols->strings, rest, length);
  }
  if (ARRAY_RESERVE(*children, *cap, *n, 1, f->diag) != STATUS_OK || name == UINT32_MAX) return 0;
  (*children)[(*n)++] = (Part){.kind = part->kind,
                               .path = *rest ? path : 0,
                               .title = name,
                               .origin = part->kind == VIEW_FORWARD ? 0 : part->origin,
                               .at = part->at + length + (rest[length] == '/'),
                               .single = !*rest};
  if (*rest && !((*children)[*n - 1].inside = arena_array(f->arena, 1, sizeof(PartInside))))
    return 0;
  if (*rest) f->slot[path] = *n;
  return *n;
}

/* Children of a part that is no group: *out is to be freed. */
static bool split(Facts *f, const Part *part, Part **out, uint32_t *n) {
  uint32_t cap = 0, *child = calloc(part->n_nodes + 1, sizeof *child);
  NodeId *nodes = arena_array(f->arena, part->n_nodes + 1, sizeof *nodes);
  bool ok = child && nodes;
  *out = NULL;
  *n = 0;
  for (uint32_t i = 0; ok && i < part->n_nodes; i++) {
    NodeId id = part->nodes[i], before = i ? part->nodes[i - 1] : id;
    bool same = i && f->g->nodes[id].stamp.scope == f->g->nodes[before].stamp.scope &&
                *rest_of(f, part, id);
    child[i] = same ? child[i - 1] : find_child(f, part, id, out, n, &cap);
    ok = child[i] != 0;
  }
  for (uint32_t i = 0; i < *n; i++)
    if (!(*out)[i].single) f->slot[(*out)[i].path] = 0;
  for (uint32_t i = 0; ok && i < part->n_nodes; i++) (*out)[child[i] - 1].n_nodes++;
  for (uint32_t i = 0, from = 0; ok && i < *n; i++) {
    (*out)[i].nodes = nodes + from;
    from += (*out)[i].n_nodes;
    (*out)[i].n_nodes = 0;
  }
  for (uint32_t i = 0; ok && i < part->n_nodes; i++) {
    Part *to = &(*out)[child[i] - 1];
    nodes[(to->nodes - nodes) + to->n_nodes++] = part->nodes[i];
  }
  free(child);
  return ok;
}

/* The children of the part itself, without a scope that is the only one. */
static Status divide(Facts *f, const Part *part, Part **out, uint32_t *n) {
  Part only = *part;
  for (;;) {
    if (!split(f, &only, out, n)) {
      free(*out);
      *out = NULL;
      return diag_no_memory(f->diag, part->n_nodes * sizeof(NodeId));
    }
    if (*n != 1 || (*out)->single) break;
    only = **out;
    free(*out);
  }
  for (uint32_t i = 0; i < *n; i++)
    (*out)[i].module = !(*out)[i].single && is_module(f, &(*out)[i]);
  return STATUS_OK;
}

static Status keep(Facts *f, const Part *parts, uint32_t n, const Part *more, uint32_t n_more,
                   Parts *out) {
  Part *all = arena_array(f->arena, (size_t)n + n_more + 1, sizeof *all);
  if (!all) return diag_no_memory(f->diag, ((size_t)n + n_more) * sizeof *all);
  if (n) memcpy(all, parts, n * sizeof *all);
  if (n_more) memcpy(all + n, more, n_more * sizeof *all);
  *out = (Parts){all, n + n_more};
  return STATUS_OK;
}

static Status list_units(Facts *f, Parts *out) {
  const Symbols *symbols = f->g->symbols;
  uint32_t n = 0;
  Part *filled = arena_array(f->arena, f->n_units + 1, sizeof *filled);
  for (uint32_t i = 0; filled && i < f->n_units; i++) {
    Part *unit = &f->units[i];
    if (unit->kind != VIEW_FORWARD || unit->origin)
      unit->module = symbols->n_origins == 0 || symbols->origins[unit->origin].kind != ORIGIN_NORM;
    else
      unit->module = unit->n_nodes && is_module(f, unit);
    if (unit->n_nodes) filled[n++] = *unit;
  }
  *out = (Parts){filled, n};
  return filled ? STATUS_OK : diag_no_memory(f->diag, f->n_units * sizeof *filled);
}

static Status list_children(Facts *f, const Part *part, Parts *out) {
  if (!part) return list_units(f, out);
  if (part->grouped) {
    *out = (Parts){part->members, part->n_members};
    return STATUS_OK;
  }
  Part self = part->n_members ? part->members[0] : *part, *children;
  uint32_t n;
  TRY(divide(f, &self, &children, &n));
  Status status = keep(f, children, n, part->n_members ? part->members + 1 : NULL,
                       part->n_members ? part->n_members - 1 : 0, out);
  free(children);
  return status;
}

Status parts_divide(Facts *f, const Part *part, Parts *out) {
  PartInside *inside = part ? part->inside : &f->top;
  *out = inside ? inside->children : (Parts){0};
  if (out->parts) return STATUS_OK;
  TRY(list_children(f, part, out));
  if (inside) inside->children = *out;
  return STATUS_OK;
}
