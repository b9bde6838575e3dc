/* Names of values inside one program while it is elaborated. */
#include "graph/language/elab.h"

#include "graph/base/array.h"

#include <string.h>

const char *elab_join(Elab *e, const char *path, const char *name) {
  if (!*path) return name;
  if (!*name) return path;
  return arena_printf(e->l->arena, "%s/%s", path, name);
}

static Status reserve(Elab *e, uint32_t id) {
  TRY(ARRAY_RESERVE_IN(e->l->arena, e->defined, e->cap_defined, id, 1, e->l->diag));
  return ARRAY_RESERVE_IN(e->l->arena, e->defined_in, e->cap_defined_in, id, 1, e->l->diag);
}

Status elab_define(Elab *e, const char *path, uint32_t loc) {
  uint32_t id = strings_intern(e->l->symbols->strings, path);
  if (id == UINT32_MAX) return diag_no_memory(e->l->diag, strlen(path));
  TRY(reserve(e, id));
  if (e->defined_in[id] == e->program) {
    const SourceLoc *before = &e->l->symbols->locs[e->defined[id]];
    return source_error(e->l->sources, e->l->symbols, e->l->diag, loc, STATUS_INVALID,
                        "names are unique in their scope", "'%s' exists already (%s:%u)", path,
                        strings_text(e->l->symbols->strings, before->file), before->line);
  }
  e->defined[id] = loc;
  e->defined_in[id] = e->program;
  return STATUS_OK;
}

static bool is_defined(const Elab *e, const char *path) {
  uint32_t id = strings_find(e->l->symbols->strings, path);
  return id < e->cap_defined && e->defined_in[id] == e->program;
}

const char *elab_absolute(Elab *e, const char *path, const char *ref) {
  if (*ref == '/') return ref;
  size_t length = strlen(path);
  for (;;) {
    const char *scope = arena_strndup(e->l->arena, path, length);
    const char *full = scope ? elab_join(e, scope, ref) : NULL;
    if (!full) return NULL;
    if (is_defined(e, full)) return arena_printf(e->l->arena, "/%s", full);
    if (!length) break;
    while (length && path[length - 1] != '/') length--;
    if (length) length--;
  }
  const char *own = elab_join(e, path, ref);
  return own ? arena_printf(e->l->arena, "/%s", own) : NULL;
}
