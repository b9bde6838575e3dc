/* extends: what a model changes in its base. */
#include "graph/language/load.h"
#include "graph/language/reads.h"

#include "graph/base/array.h"

#include <fnmatch.h>
#include <string.h>

#define PATHS_LISTED 4096

/* The first element with the name path `parts`, unnamed elements being transparent. */
static RawElement *find_path(RawElement *parent, const char *path) {
  for (RawElement *el = parent->first_child; el; el = el->next) {
    const char *name = raw_attr(el, "name");
    if (!name || strcmp(el->tag, "param") == 0) {
      RawElement *inside = name ? NULL : find_path(el, path);
      if (inside) return inside;
      continue;
    }
    size_t n = strlen(name);
    if (strncmp(path, name, n) != 0) continue;
    if (!path[n]) return el;
    if (path[n] != '/') continue;
    RawElement *inside = find_path(el, path + n + 1);
    if (inside) return inside;
  }
  return NULL;
}

/* Paths of the base's named elements, as a change would write them. */
typedef struct Paths {
  const char *at[PATHS_LISTED];
  size_t n;
} Paths;

static void gather_paths(Loader *l, RawElement *parent, const char *before, Paths *out) {
  for (RawElement *el = parent->first_child; el && out->n < PATHS_LISTED; el = el->next) {
    const char *name = raw_attr(el, "name");
    if (name && strcmp(el->tag, "param") == 0) continue;
    const char *path = !name    ? before
                       : before ? arena_printf(l->arena, "%s/%s", before, name)
                                : name;
    if (name && !path) return;
    if (name) out->at[out->n++] = path;
    gather_paths(l, el, path, out);
  }
}

/* Whether `path` is what a path with ${...} in it may become. */
static bool becomes(const char *written, const char *path) {
  char pattern[1024];
  size_t n = 0;
  for (const char *at = written; *at && n + 2 < sizeof pattern; at++) {
    const char *end = at[0] == '$' && at[1] == '{' ? strchr(at, '}') : NULL;
    pattern[n++] = end ? '*' : *at;
    if (end) at = end;
  }
  pattern[n] = 0;
  return fnmatch(pattern, path, 0) == 0;
}

static bool ends_in_path(const char *path, const char *end) {
  size_t n = strlen(path), m = strlen(end);
  return n > m && path[n - m - 1] == '/' && strcmp(path + n - m, end) == 0;
}

/* What was meant: the path before its ${...} were filled in, the first that ends in it as a whole,
 * one that is spelt nearly so, or the first that ends in the same name; NULL: nothing like it. */
static const char *nearest_path(Loader *l, RawElement *base, const char *path) {
  Paths paths = {.n = 0};
  gather_paths(l, base, NULL, &paths);
  const char *near = NULL; /* the longest: ${...} may stand for several names */
  for (size_t i = 0; i < paths.n; i++)
    if (strstr(paths.at[i], "${") && becomes(paths.at[i], path) &&
        (!near || strlen(near) < strlen(paths.at[i])))
      near = paths.at[i];
  for (size_t i = 0; !near && i < paths.n; i++)
    if (ends_in_path(paths.at[i], path)) near = paths.at[i];
  if (!near) near = diag_nearest(path, paths.at, paths.n);
  for (size_t i = 0; !near && i < paths.n; i++)
    if (strcmp(path_last_name(paths.at[i]), path_last_name(path)) == 0) near = paths.at[i];
  return near;
}

static RawElement *require_path(Loader *l, RawElement *base, const RawElement *edit,
                                const char *attr) {
  const char *path = raw_attr(edit, attr);
  if (!path || !*path) {
    bool insert = strcmp(edit->tag, "insert") == 0;
    raw_error(l, edit, NULL, 0,
              insert ? "<insert after=\"step/train\">"
                     : "name=\"step/train\": an element of the base",
              "%s needs %s", edit->tag, insert ? "after or before" : "name");
    return NULL;
  }
  RawElement *found = find_path(base, path);
  if (found) return found;
  const char *near = nearest_path(l, base, path);
  raw_error(l, edit, attr, 0,
            near ? arena_printf(l->arena, "did you mean '%s'?", near)
                 : "a path goes through names as the base writes them, ${...} included",
            "the base has no element '%s'", path);
  return NULL;
}

static void unlink_element(RawElement *el) {
  RawElement **at = &el->parent->first_child, *previous = NULL;
  while (*at && *at != el) previous = *at, at = &(*at)->next;
  *at = el->next;
  if (el->parent->last_child == el) el->parent->last_child = previous;
}

/* Puts the list first..last in front of `before` (NULL: at the end). */
static void link_list(RawElement *parent, RawElement *first, RawElement *last, RawElement *before) {
  if (!first) return;
  RawElement **at = &parent->first_child;
  while (*at && *at != before) at = &(*at)->next;
  *at = first;
  last->next = before;
  if (!before) parent->last_child = last;
  for (RawElement *el = first;; el = el->next) {
    el->parent = parent;
    if (el == last) break;
  }
}

static Status apply_edit(Loader *l, RawElement *base, RawElement *edit) {
  bool insert = strcmp(edit->tag, "insert") == 0;
  const char *attr = !insert ? "name" : raw_attr(edit, "after") ? "after" : "before";
  RawElement *target = require_path(l, base, edit, attr);
  if (!target) return STATUS_INVALID;
  bool after = strcmp(attr, "after") == 0;
  if (strcmp(edit->tag, "remove") != 0)
    link_list(target->parent, edit->first_child, edit->last_child, after ? target->next : target);
  if (!insert) unlink_element(target);
  return STATUS_OK;
}

static Status apply_set(Loader *l, const RawElement *set) {
  const char *name = raw_attr(set, "name"), *value = raw_attr(set, "value");
  if (!name || !value)
    return raw_error(l, set, NULL, 0, "<set name=\"alpha\" value=\"0\"/>",
                     "set needs name and value");
  const RawAttr *at = raw_attribute(set, "name");
  uint32_t loc = symbols_loc(l->symbols, set->file, at->line, at->column, set->chain);
  return loader_add_define(l, (Define){.name = name, .value = value, .loc = loc});
}

static void replace_template(RawElement *base, const RawElement *template) {
  const char *name = raw_attr(template, "name");
  for (RawElement *el = base->first_child; name && el; el = el->next) {
    const char *have = raw_attr(el, "name");
    if (strcmp(el->tag, "template") == 0 && have && strcmp(have, name) == 0) {
      unlink_element(el);
      return;
    }
  }
}

/* What programs use stands in front of them: definitions that changes add go behind the base's own,
 * so that the base's programs, and templates that the changes replace, see them. */
static bool is_definition(const RawElement *el) {
  static const char *const tags[] = {"param", "let", "require", "include", "template"};
  for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
    if (strcmp(el->tag, tags[i]) == 0) return true;
  return false;
}

static RawElement *end_of_definitions(RawElement *base) {
  RawElement *el = base->first_child;
  while (el && is_definition(el)) el = el->next;
  return el;
}

static bool is_variable(const RawElement *el) {
  return strcmp(el->tag, "let") == 0 || strcmp(el->tag, "param") == 0;
}

/* The params and lets of a name at the top of the base and of what it includes. */
typedef struct Defined {
  RawElement *first, *last;
  const RawElement *reader; /* in between, of what the former ones say; NULL: none */
} Defined;

static void find_defined(RawElement *parent, const char *name, Defined *out) {
  const RawElement *reader = NULL; /* since the last of them */
  for (RawElement *el = parent->first_child; el; el = el->next) {
    const char *have = is_variable(el) ? raw_attr(el, "name") : NULL;
    if (have && strcmp(have, name) == 0) {
      if (!out->first) out->first = el;
      if (!out->reader) out->reader = reader;
      out->last = el;
    } else if (strcmp(el->tag, "include") == 0) {
      find_defined(el, name, out);
    } else if (out->first && !reader && strcmp(el->tag, "template") != 0 && reads_tree(el, name)) {
      reader = el;
    }
  }
}

/* Whether something from `first` to `last` reads what `el` defines. */
static bool is_needed(const RawElement *el, const RawElement *first, const RawElement *last) {
  const char *name = raw_attr(el, "name");
  for (const RawElement *at = first;; at = at->next) {
    if (reads_element(at, name)) return true;
    if (at == last) return false;
  }
}

/* Puts a definition of the changes behind `at`; those of the changes before it that it needs, so
 * far behind the base's own, go in front of it. */
static void place_behind(RawElement *at, RawElement *el, RawElement **own, uint32_t n) {
  link_list(at->parent, el, el, at->next);
  for (uint32_t i = n; i-- > 0;) {
    if (!own[i] || !is_needed(own[i], at->next, el)) continue;
    unlink_element(own[i]);
    link_list(at->parent, own[i], own[i], at->next);
    own[i] = NULL;
  }
}

/* What a change defines anew holds for all that follows the base's definition, as if it stood
 * there. `own`: definitions of the changes so far that stand behind the base's. */
static Status redefine(Loader *l, const Defined *base, RawElement *el, RawElement **own,
                       uint32_t n) {
  const char *name = raw_attr(el, "name");
  if (base->reader)
    return raw_error(
        l, el, "name", 0,
        arena_printf(l->arena, "<replace name=\"%s\"> changes the first of them", name),
        "the base defines '%s' twice (lines %u and %u), and line %u reads the first: "
        "which one is meant?",
        name, base->first->line, base->last->line, base->reader->line);
  place_behind(base->last, el, own, n);
  return STATUS_OK;
}

Status loader_extend(Loader *l, RawElement *base, RawElement *changes) {
  Status status = STATUS_OK;
  RawElement **own = NULL;
  uint32_t n_own = 0, cap_own = 0;
  for (RawElement *el = changes->first_child, *next; el; el = next) {
    next = el->next;
    Status s = STATUS_OK;
    Defined base_has = {0};
    if (is_variable(el) && raw_attr(el, "name"))
      find_defined(base, raw_attr(el, "name"), &base_has);
    if (strcmp(el->tag, "set") == 0) {
      s = apply_set(l, el);
    } else if (strcmp(el->tag, "replace") == 0 || strcmp(el->tag, "remove") == 0 ||
               strcmp(el->tag, "insert") == 0) {
      s = apply_edit(l, base, el);
    } else if (base_has.first) {
      s = redefine(l, &base_has, el, own, n_own);
    } else {
      if (strcmp(el->tag, "template") == 0) replace_template(base, el);
      link_list(base, el, el, is_definition(el) ? end_of_definitions(base) : NULL);
      if (is_variable(el)) {
        TRY(ARRAY_RESERVE_IN(l->arena, own, cap_own, n_own, 1, l->diag));
        own[n_own++] = el;
      }
    }
    if (status == STATUS_OK) status = s;
  }
  return status;
}
