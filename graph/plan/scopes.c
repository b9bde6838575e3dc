/* Finding scopes by name, and what to say of one that is not there. */
#include "graph/plan/scopes.h"

#include "graph/base/text.h"

#include <stdlib.h>
#include <string.h>

bool scope_holds(const char *scope, const char *path) {
  size_t n = scope ? strlen(scope) : 0;
  return n == 0 || (strncmp(path, scope, n) == 0 && (!path[n] || path[n] == '/'));
}

int scope_parts(const char *scope) {
  if (!scope || !*scope) return 0;
  int parts = 1;
  for (; *scope; scope++) parts += *scope == '/';
  return parts;
}

size_t scope_cut(const char *path, int depth) {
  const char *at = path;
  for (int i = 0; i < depth; i++) {
    const char *slash = strchr(at, '/');
    if (!slash) return strlen(path);
    at = slash + 1;
  }
  return (size_t)(at - path) - (at > path);
}

bool scope_is_of(const PlanProgram *p, const char *scope) {
  const Graph *g = p->graph;
  for (NodeId id = 1; id < g->n_nodes; id++)
    if (scope_holds(scope, graph_text(g, g->nodes[id].stamp.scope))) return true;
  return false;
}

/* The path and each scope around it, in order of first use.  False: out of memory. */
static bool note_scopes(Strings *all, const char *path) {
  for (const char *at = path; *at;) {
    const char *slash = strchr(*at == '/' ? at + 1 : at, '/');
    at = slash ? slash : path + strlen(path);
    if (strings_intern_n(all, path, (size_t)(at - path)) == UINT32_MAX) return false;
  }
  return true;
}

/* `stage1` was meant to be `train/stage1`. */
static const char *find_ending(const char *const *names, size_t n, const char *scope) {
  size_t length = strlen(scope);
  for (size_t i = 0; i < n; i++) {
    size_t have = strlen(names[i]);
    if (have > length && names[i][have - length - 1] == '/' &&
        strcmp(names[i] + have - length, scope) == 0)
      return names[i];
  }
  return NULL;
}

static const char *find_near(const char *const *names, size_t n, const char *scope) {
  const char *near = find_ending(names, n, scope);
  if (!near) near = diag_nearest(scope, names, n);
  return near && strcmp(near, scope) != 0 ? near : NULL; /* a value of that name */
}

/* Of the scopes at the top, or of the boxes of a picture. */
static void write_hint(const char *const *names, size_t n, const char *scope, size_t boxes,
                       char *hint, size_t size) {
  const char *near = boxes ? find_near(names, boxes, scope) : NULL;
  if (!near) near = find_near(names, n, scope);
  if (near) {
    text_format(hint, size, "did you mean '%s'?", near);
    return;
  }
  size_t used = text_format(hint, size, boxes ? "there open:" : "its scopes:");
  for (size_t i = 0; i < (boxes ? boxes : n); i++)
    if (boxes || !strchr(names[i], '/')) used = text_append(hint, size, used, " %s", names[i]);
  if (!boxes) text_append(hint, size, used, "; --emit=text shows those below");
}

Status scope_unknown(const PlanProgram *programs, uint32_t n, const char *scope, Diag *diag) {
  return scope_unknown_box(programs, n, scope, NULL, 0, diag);
}

Status scope_unknown_box(const PlanProgram *programs, uint32_t n, const char *scope,
                         const char *const *boxes, uint32_t n_boxes, Diag *diag) {
  Strings *all = strings_create();
  bool ok = all != NULL;
  for (uint32_t i = 0; ok && i < n_boxes; i++) ok = strings_intern(all, boxes[i]) != UINT32_MAX;
  uint32_t shown = ok ? strings_count(all) - 1 : 0;
  for (uint32_t k = 0; ok && k < n; k++) {
    const Graph *g = programs[k].graph;
    for (NodeId id = 1; ok && id < g->n_nodes; id++)
      ok = note_scopes(all, graph_text(g, g->nodes[id].stamp.scope));
  }
  uint32_t count = ok ? strings_count(all) : 0;
  const char **names = calloc((size_t)count + 1, sizeof *names);
  char hint[400] = ""; /* the name 0 is the empty one */
  for (uint32_t i = 0; names && i < count; i++) names[i] = strings_text(all, i);
  if (names && count) write_hint(names + 1, count - 1, scope, shown, hint, sizeof hint);
  const Graph *g = programs->graph;
  diag_error(diag, STATUS_INVALID, n == 1 ? graph_text(g, programs->name) : "--scope",
             *hint ? hint : NULL, "%s no scope '%s'", n == 1 ? "the program has" : "there is",
             scope);
  free(names);
  strings_destroy(all);
  return STATUS_INVALID;
}
