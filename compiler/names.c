/* Names of values in one program, and what to say when a reference names nothing. */
#include "compiler/builder.h"
#include "graph/base/array.h"
#include "graph/expression/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static Status define(ProgramBuilder *p, const char *path, NodeId node) {
  uint32_t id = strings_intern(p->b->model->symbols->strings, path);
  TRY(ARRAY_RESERVE(p->value_by_string, p->value_by_string_size, id, 1, p->b->diag));
  TRY(ARRAY_RESERVE(p->names, p->cap_names, p->n_names, 1, p->b->diag));
  p->value_by_string[id] = node;
  p->names[p->n_names++] = id;
  return STATUS_OK;
}

Status names_define(ProgramBuilder *p, const char *path, NodeId node) {
  if (node == NODE_NONE || p->e.status != STATUS_OK) return p->e.status;
  emitter_name(&p->e, node, path);
  return define(p, path, node);
}

Status names_close(ProgramBuilder *p, const char *path) {
  if (strcmp(path_last_name(path), "out") != 0 || names_get(p, path)) return STATUS_OK;
  NodeId node = names_get(p, path_join(p->b, path, "out"));
  return node ? define(p, path, node) : STATUS_OK;
}

Status names_refer(ProgramBuilder *p, const char *path, NodeId node) {
  if (node == NODE_NONE || p->e.status != STATUS_OK) return p->e.status;
  return define(p, path, node);
}

Status names_poison(ProgramBuilder *p, const char *path) {
  p->poisoned = true;
  return define(p, path, NODE_POISON);
}

NodeId names_get(const ProgramBuilder *p, const char *path) {
  uint32_t id = strings_find(p->b->model->symbols->strings, path);
  return id == UINT32_MAX || id >= p->value_by_string_size ? NODE_NONE : p->value_by_string[id];
}

/* True when an element around `path` failed: it would have defined the name. */
static bool inside_poison(const ProgramBuilder *p, const char *path) {
  char *prefix = p->poisoned ? arena_strdup(p->b->model->arena, path) : NULL;
  for (char *slash; prefix && (slash = strrchr(prefix, '/'));) {
    *slash = 0;
    if (names_get(p, prefix) == NODE_POISON) return true;
  }
  return false;
}

/* A path, or the value `out` of the scope with that path. */
static NodeId lookup(const ProgramBuilder *p, const char *path) {
  NodeId node = names_get(p, path);
  if (!node) node = names_get(p, path_join(p->b, path, "out"));
  return !node && inside_poison(p, path) ? NODE_POISON : node;
}

/* Calls `visit` with the candidates for `ref` from the innermost scope outwards until it returns
 * something. */
static const void *each_candidate(const ProgramBuilder *p, const char *scope, const char *ref,
                                  const void *(*visit)(const void *, const char *),
                                  const void *context) {
  if (*ref == '/') return visit(context, ref + 1);
  char *prefix = arena_strdup(p->b->model->arena, scope);
  for (;;) {
    const void *hit = visit(context, prefix && *prefix ? path_join(p->b, prefix, ref) : ref);
    if (hit || !prefix || !*prefix) return hit;
    char *slash = strrchr(prefix, '/');
    *(slash ? slash : prefix) = 0;
  }
}

static const void *visit_value(const void *context, const char *path) {
  const ProgramBuilder *p = context;
  NodeId node = lookup(p, path);
  if (node == NODE_POISON) return &p->e.graph->nodes[0];
  return node ? &p->e.graph->nodes[node] : NULL;
}

/* ---- diagnosis: only after a reference has failed ---- */

typedef struct NamedElement {
  const char *path, *scope;
  const Element *element;
} NamedElement;

typedef struct Catalogue {
  NamedElement *entries;
  uint32_t n, cap;
} Catalogue;

static bool catalogue_add(Catalogue *c, NamedElement entry) {
  if (ARRAY_RESERVE(c->entries, c->cap, c->n, 1, NULL) != STATUS_OK) return false;
  c->entries[c->n++] = entry;
  return true;
}

static void catalogue_fill(const ProgramBuilder *p, const Element *parent, const char *scope,
                           Catalogue *c) {
  for (const Element *el = parent->first_child; el; el = el->next) {
    const char *name = element_attr(el, "name");
    if (!name || strcmp(el->tag, "output") == 0) continue;
    const char *path = path_join(p->b, scope, name);
    if (!catalogue_add(c, (NamedElement){path, scope, el})) return;
    catalogue_fill(p, el, path, c);
  }
}

/* The element that defines `path`: so named, or the `out` of a scope, or of its scope `out`, ... */
static const void *visit_element(const void *context, const char *path) {
  const Catalogue *c = context;
  size_t n = strlen(path);
  for (uint32_t i = 0; i < c->n; i++) {
    const char *have = c->entries[i].path;
    const char *tag = c->entries[i].element->tag;
    bool opens = strcmp(tag, "scope") == 0 || strcmp(tag, "pass") == 0;
    if (opens || strncmp(have, path, n) != 0) continue;
    const char *rest = have + n;
    while (strncmp(rest, "/out", 4) == 0) rest += 4;
    if (!*rest) return &c->entries[i];
  }
  return NULL;
}

static bool is_reference(const Element *el, const char *attr) {
  if (el->op) {
    const OpDesc *op = op_desc(el->op);
    for (uint32_t i = 0; i < op->n_inputs; i++)
      if (strcmp(op->inputs[i].name, attr) == 0) return true;
    return false;
  }
  return strcmp(el->tag, "alias") == 0 && strcmp(attr, "value") == 0;
}

/* Follows references breadth first from `from`; true when they lead back to `goal`. */
static bool leads_back(const ProgramBuilder *p, const Catalogue *c, const NamedElement *from,
                       const Element *goal) {
  bool *seen = calloc(c->n, sizeof *seen);
  uint32_t *queue = calloc(c->n, sizeof *queue), head = 0, tail = 0;
  bool found = false;
  if (seen && queue) {
    queue[tail++] = (uint32_t)(from - c->entries);
    seen[from - c->entries] = true;
  }
  while (head < tail && !found) {
    const NamedElement *at = &c->entries[queue[head++]];
    if (at->element == goal) found = true;
    for (uint32_t i = 0; i < at->element->n_attrs && !found; i++) {
      if (!is_reference(at->element, at->element->attrs[i].name)) continue;
      char *list = arena_strdup(p->b->model->arena, at->element->attrs[i].value), *save = NULL;
      for (char *ref = list ? strtok_r(list, " \t\n", &save) : NULL; ref;
           ref = strtok_r(NULL, " \t\n", &save)) {
        const NamedElement *to = each_candidate(p, at->scope, ref, visit_element, c);
        if (!to || seen[to - c->entries]) continue;
        seen[to - c->entries] = true;
        queue[tail++] = (uint32_t)(to - c->entries);
      }
    }
  }
  free(seen);
  free(queue);
  return found;
}

/* A name that ends as `ref` does, in another scope: equal, else spelt nearly so. */
static const char *nearest_last(const ProgramBuilder *p, const char *ref) {
  const Strings *strings = p->b->model->symbols->strings;
  const char **parts = calloc(p->n_names + 1, sizeof *parts), *found = NULL;
  if (!parts) return NULL;
  for (uint32_t i = 0; i < p->n_names; i++)
    parts[i] = path_last_name(strings_text(strings, p->names[i]));
  const char *near =
      diag_nearest(path_last_name(ref), parts, p->n_names); /* equal ones are nearest */
  bool short_name = strlen(path_last_name(ref)) < 3;        /* almost anything is near it */
  if (near && short_name && strcmp(near, path_last_name(ref)) != 0) near = NULL;
  for (uint32_t i = 0; near && !found && i < p->n_names; i++)
    if (parts[i] == near) found = strings_text(strings, p->names[i]);
  free(parts);
  return found;
}

static const char *nearest_name(const ProgramBuilder *p, const Scope *scope, const char *ref,
                                bool with_fields) {
  const Strings *strings = p->b->model->symbols->strings;
  const char **names = calloc(p->n_names + p->n_fields + 1, sizeof *names);
  size_t n = 0, prefix = strlen(scope->path);
  const char *near = NULL;
  if (!names) return NULL;
  for (uint32_t i = 0; i < p->n_names; i++) {
    const char *name = strings_text(strings, p->names[i]);
    if (*ref == '/')
      names[n++] = name;
    else if (strncmp(name, scope->path, prefix) == 0)
      names[n++] = name + prefix + (prefix && name[prefix] == '/');
  }
  for (uint32_t i = 0; with_fields && i < p->n_fields; i++) names[n++] = p->fields[i].name;
  near = diag_nearest(*ref == '/' ? ref + 1 : ref, names, n);
  free(names);
  return near;
}

static bool of_fields(const Element *el, const char *attr) {
  if (strcmp(attr, "value") != 0) return false;
  return strcmp(el->tag, "field") == 0 ||
         (strcmp(el->tag, "commit") == 0 && *attr_text(el, "field"));
}

static bool in_expression(const Element *el, const char *attr) {
  bool expression = strcmp(el->tag, "expr") == 0 || strcmp(el->tag, "commit") == 0 ||
                    strcmp(el->tag, "field") == 0;
  return expression && strcmp(attr, "value") == 0;
}

/* A name of elaboration where a tensor's is needed. */
static const char *meant_binding(const ProgramBuilder *p, const Element *el, const char *attr,
                                 const char *ref) {
  const Model *model = p->b->model;
  for (uint32_t i = 0; i < model->n_params; i++)
    if (strcmp(model->params[i].name, ref) == 0)
      return arena_printf(model->arena, "the value of the model's parameter is ${%s}", ref);
  const Binding *have = binding_find(el->env, ref);
  if (!have) return NULL;
  bool path = have->value.type == VALUE_STRING && *have->value.s == '/' && in_expression(el, attr);
  return arena_printf(model->arena, "the value of '%s' (line %u) is %s${%s}%s", ref, have->line,
                      path ? "{" : "", ref, path ? "}" : "");
}

/* Whether `ref` came out of a ${...}: no reader can see it where it stands. */
static bool came_filled_in(const Element *el, const char *attr, const char *ref) {
  const Attribute *at = element_attribute(el, attr);
  if (!at || !at->written || !strstr(at->written, "${")) return false;
  size_t n = strlen(ref);
  int depth = 0;
  for (const char *c = at->written; *c; c++) {
    depth += (*c == '{' && (depth || (c > at->written && c[-1] == '$'))) - (*c == '}' && depth);
    bool word = c == at->written || !(isalnum((unsigned char)c[-1]) || c[-1] == '_');
    if (!depth && word && strncmp(c, ref, n) == 0 && !isalnum((unsigned char)c[n]) && c[n] != '_')
      return false;
  }
  return true;
}

/* A schedule makes a value only where an input of its name stands. */
static const char *meant_input(const ProgramBuilder *p, const Element *el, const char *attr,
                               const char *ref) {
  const Model *model = p->b->model;
  for (const Element *at = model->root->first_child; at; at = at->next)
    if (strcmp(at->tag, "schedule") == 0 && strcmp(attr_text(at, "name"), ref) == 0)
      return arena_printf(model->arena,
                          "<input name=\"%s\"/> at the top of the program makes a value of the "
                          "schedule '%s' (line %u)",
                          ref, ref, model->symbols->locs[at->loc].line);
  if (!came_filled_in(el, attr, ref) || !meant_binding(p, el, attr, ref)) return NULL;
  return arena_printf(model->arena,
                      "<input name=\"%s\"/> at the top of the program makes a value of that name, "
                      "<schedule name=\"%s\" value=\"...\"/> feeds it",
                      ref, ref);
}

/* The shortest name that begins as `ref` does. */
static const char *completes(const ProgramBuilder *p, const char *ref) {
  const Strings *strings = p->b->model->symbols->strings;
  const char *found = NULL;
  size_t n = strlen(ref);
  if (strlen(path_last_name(ref)) < 3) return NULL;
  for (uint32_t i = 0; i < p->n_names; i++) {
    const char *name = strings_text(strings, p->names[i]);
    if (strncmp(name, ref, n) == 0 && !strchr(name + n, '/') && !strchr(name + n, ':') &&
        (!found || strlen(name) < strlen(found)))
      found = name;
  }
  return found;
}

/* What to do about a name that nothing has; NULL: nothing comes to mind. */
static const char *remedy(ProgramBuilder *p, const Scope *scope, const Element *el,
                          const char *attr, const char *ref) {
  const char *bound = meant_input(p, el, attr, ref);
  if (!bound) bound = meant_binding(p, el, attr, ref);
  if (bound) return bound;
  /* The scope has been left out, more often than a letter was mistaken. */
  const char *near = strchr(ref, '/') ? NULL : nearest_last(p, ref);
  if (near && strcmp(path_last_name(near), ref) != 0) near = NULL;
  if (!near) near = nearest_name(p, scope, ref, of_fields(el, attr));
  bool expression = in_expression(el, attr), braces = strpbrk(ref, "-/") != NULL;
  /* The name may have been torn apart at its operators. */
  if (!near && expression && !braces && strpbrk(attr_text(el, "value"), "-/") &&
      !strchr(attr_text(el, "value"), '{'))
    return "in expressions, names with - or / stand in braces: {a/b}";
  if (!near) near = completes(p, *ref == '/' ? ref + 1 : ref);
  if (!near) near = nearest_last(p, ref);
  if (!near) return NULL;
  return arena_printf(p->b->model->arena,
                      expression && !braces && strpbrk(near, "-/") ? "did you mean {%s}?"
                                                                   : "did you mean '%s'?",
                      near);
}

static bool makes_field(const Element *el) {
  static const char *const tags[] = {"gradient", "pullback", "field", "state-field"};
  for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
    if (strcmp(el->tag, tags[i]) == 0) return true;
  return false;
}

static Status field_as_value(ProgramBuilder *p, const Element *element, const char *attr,
                             const char *ref) {
  const char *hint = arena_printf(
      p->b->model->arena,
      "%sfield and commit compute with it, global-norm measures it; graphc --keep='%s:*' lets exec "
      "fetch its tensors %s:NAME",
      strcmp(element->tag, "gradient") == 0 ? "pullback differentiates a field; " : "", ref, ref);
  return element_error(p->b, element, attr, hint,
                       "'%s' is a field, one tensor for each parameter, and no value", ref);
}

static void report(ProgramBuilder *p, const Scope *scope, const Element *element, const char *attr,
                   const char *ref) {
  Catalogue c = {0};
  catalogue_fill(p, p->program, "", &c);
  const NamedElement *later = each_candidate(p, scope->path, ref, visit_element, &c);
  const SourceLoc *loc = later ? &p->b->model->symbols->locs[later->element->loc] : NULL;
  const char *own = element_attr(element, "name");
  Status status;
  bool value = !of_fields(element, attr) && !meant_binding(p, element, attr, ref);
  if (value && (fields_find(p, ref) || (later && makes_field(later->element)))) {
    status = field_as_value(p, element, attr, ref);
  } else if (later && leads_back(p, &c, later, element)) {
    status = element_error(p->b, element, attr, "a value can only use values above it",
                           "cyclic reference: '%s' needs '%s' (line %u), which needs '%s'",
                           own ? own : element->tag, ref, loc->line, own ? own : element->tag);
  } else if (later) {
    status = element_error(p->b, element, attr, "move the definition up",
                           "'%s' is used before it is defined (line %u)", ref, loc->line);
  } else {
    status = element_error(p->b, element, attr, remedy(p, scope, element, attr, ref),
                           "there is no %s '%s' in scope '%s'",
                           of_fields(element, attr) ? "field or value" : "value", ref,
                           *scope->path ? scope->path : "/");
  }
  if (p->e.status == STATUS_OK) p->e.status = status;
  free(c.entries);
}

NodeId names_resolve(ProgramBuilder *p, const Scope *scope, const Element *element,
                     const char *attr, const char *ref) {
  if (p->e.status != STATUS_OK) return NODE_NONE;
  const Node *node = each_candidate(p, scope->path, ref, visit_value, p);
  if (node == p->e.graph->nodes) { /* poison: the cause is reported already */
    p->e.status = STATUS_INVALID;
    return NODE_NONE;
  }
  if (node) return (NodeId)(node - p->e.graph->nodes);
  report(p, scope, element, attr, ref);
  return NODE_NONE;
}
