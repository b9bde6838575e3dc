/* Files: where they may lie, includes, `extends`, `-D @FILE`. */
#include "graph/language/load.h"

#include "graph/base/array.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INCLUDE_DEPTH_MAX 32
#define DEFINES_BYTES_MAX ((size_t)64 << 10)

Status raw_error(Loader *l, const RawElement *el, const char *attr, uint32_t chain,
                 const char *hint, const char *format, ...) {
  const RawAttr *at = attr ? raw_attribute(el, attr) : NULL;
  uint32_t loc = symbols_loc(l->symbols, el->file, at ? at->line : el->line,
                             at ? at->column : el->column, chain ? chain : el->chain);
  va_list args;
  va_start(args, format);
  source_verror(l->sources, l->symbols, l->diag, loc, STATUS_INVALID, hint, format, args);
  va_end(args);
  return STATUS_INVALID;
}

/* ---- defines ---- */

Status loader_add_define(Loader *l, Define define) {
  TRY(ARRAY_RESERVE_IN(l->arena, l->defines, l->cap_defines, l->n_defines, 1, l->diag));
  l->defines[l->n_defines++] = define;
  return STATUS_OK;
}

Define *loader_define(Loader *l, const char *name) {
  Define *last = NULL;
  for (uint32_t i = 0; i < l->n_defines; i++)
    if (strcmp(l->defines[i].name, name) == 0) {
      last = &l->defines[i];
      last->used = true;
    }
  return last;
}

static char *trim(char *text) {
  while (*text == ' ' || *text == '\t') text++;
  size_t n = strlen(text);
  while (n && strchr(" \t\r\n", text[n - 1])) text[--n] = 0;
  return text;
}

static Status define_text(Loader *l, char *text, const char *place) {
  char *equals = strchr(text, '=');
  if (!equals || equals == text)
    return diag_error(l->diag, STATUS_INVALID,
                      place ? place : arena_printf(l->arena, "-D %s", text), "write NAME=VALUE",
                      "'%s' sets nothing", text);
  *equals = 0;
  const char *name = trim(text);
  Define define = {.name = name,
                   .value = trim(equals + 1),
                   .place = place ? place : arena_printf(l->arena, "-D %s", name)};
  return loader_add_define(l, define);
}

static Status define_lines(Loader *l, char *text, const char *path) {
  int n = 1;
  for (char *line = text, *end; line; line = end, n++) {
    end = strchr(line, '\n');
    if (end) *end++ = 0;
    line = trim(line);
    if (!*line || *line == '#') continue;
    const char *place = arena_printf(l->arena, "%s:%d", path, n);
    if (!place) return diag_no_memory(l->diag, 1);
    TRY(define_text(l, line, place));
  }
  return STATUS_OK;
}

static Status define_file(Loader *l, const char *path) {
  static const char bom[] = "\xef\xbb\xbf";
  if (!*path) return diag_error(l->diag, STATUS_INVALID, "-D @", "-D @FILE", "names no file");
  FILE *file = fopen(path, "r");
  char *text = file ? arena_alloc(l->arena, DEFINES_BYTES_MAX + 1) : NULL;
  size_t n = text ? fread(text, 1, DEFINES_BYTES_MAX + 1, file) : 0;
  int code = !file || (text && ferror(file)) ? errno : 0;
  if (file) fclose(file);
  if (code)
    return diag_error(l->diag, STATUS_INVALID, path, "named by -D @FILE", "cannot read: %s",
                      strerror(code));
  if (!text) return diag_no_memory(l->diag, DEFINES_BYTES_MAX);
  if (n > DEFINES_BYTES_MAX || memchr(text, 0, n))
    return diag_error(l->diag, STATUS_INVALID, path, "-D @FILE reads one NAME=VALUE per line",
                      n > DEFINES_BYTES_MAX ? "the file is larger than 64 KiB"
                                            : "the file holds a zero byte");
  text[n] = 0;
  return define_lines(l, strncmp(text, bom, 3) == 0 ? text + 3 : text, path);
}

static Status read_defines(Loader *l) {
  Status status = STATUS_OK;
  for (uint32_t i = 0; i < l->options->n_defines; i++) {
    const char *text = l->options->defines[i];
    char *copy = arena_strdup(l->arena, text);
    if (!copy) return diag_no_memory(l->diag, strlen(text));
    Status s = *text == '@' ? define_file(l, text + 1) : define_text(l, copy, NULL);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

/* ---- where files may lie ---- */

static const char *folder_of(Loader *l, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return ".";
  return arena_strndup(l->arena, path, slash == path ? 1 : (size_t)(slash - path));
}

static bool holds_library(const char *folder) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/lib", folder);
  DIR *dir = opendir(path);
  if (!dir) return false;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(dir));) {
    size_t n = strlen(entry->d_name);
    found = n > 4 && strcmp(entry->d_name + n - 4, ".xml") == 0;
  }
  closedir(dir);
  return found;
}

/* The nearest of the file's folder, its parent and grandparent that holds some XML file in lib/,
 * else the file's folder. */
static const char *models_folder(Loader *l, const char *real) {
  const char *own = folder_of(l, real), *folder = own;
  for (int up = 0; up < 3; up++) {
    if (holds_library(folder)) return folder;
    if (strcmp(folder, "/") == 0) break;
    folder = folder_of(l, folder);
  }
  return own;
}

/* --root, else the model's models_folder. */
static const char *find_root(Loader *l, const char *model) {
  char real[PATH_MAX];
  if (l->options->root)
    return realpath(l->options->root, real) ? arena_strdup(l->arena, real) : NULL;
  return realpath(model, real) ? models_folder(l, real) : NULL;
}

static bool below(const char *folder, const char *path) {
  size_t n = strlen(folder);
  if (n == 1) return true; /* "/" */
  return strncmp(folder, path, n) == 0 && path[n] == '/';
}

static bool allowed(const Loader *l, const char *real) {
  char folder[PATH_MAX];
  if (below(l->root_dir, real)) return true;
  for (uint32_t i = 0; i < l->options->n_include_dirs; i++)
    if (realpath(l->options->include_dirs[i], folder) && below(folder, real)) return true;
  return false;
}

/* Reads a file and notes its name relative to the folder that admits it. */
static Status read_file(Loader *l, const char *shown, const char *real, uint32_t chain,
                        RawElement **out_root) {
  const char *relative = real;
  char folder[PATH_MAX];
  if (below(l->root_dir, real)) {
    relative = real + strlen(l->root_dir);
  } else {
    for (uint32_t i = 0; i < l->options->n_include_dirs; i++)
      if (realpath(l->options->include_dirs[i], folder) && below(folder, real)) {
        relative = real + strlen(folder);
        break;
      }
  }
  relative += *relative == '/';
  TRY(ARRAY_RESERVE_IN(l->arena, l->files, l->cap_files, l->n_files, 1, l->diag));
  Strings *strings = l->symbols->strings;
  PlanFile *file = &l->files[l->n_files++];
  file->shown = strings_intern(strings, shown);
  file->relative = strings_intern(strings, relative);
  return raw_read(shown, shown, l->arena, l->symbols, l->sources, l->diag, chain, out_root);
}

static Status outside(Loader *l, const RawElement *at, const char *attr, const char *src,
                      const char *real) {
  const char *folder = models_folder(l, real);
  const char *hint = arena_printf(l->arena, "-I %s adds the folder that it lies in, %s", folder,
                                  "--root=DIR widens it");
  return raw_error(l, at, attr, 0, hint, "'%s' lies outside the models' folder '%s'", src,
                   l->root_dir);
}

/* "../lib/x.xml" of a model outside of DIR, where -I DIR holds lib/x.xml. */
static const char *missing_hint(Loader *l, const char *src) {
  char path[PATH_MAX];
  const char *rest = src;
  while (strncmp(rest, "../", 3) == 0) rest += 3;
  for (uint32_t i = 0; rest != src && i < l->options->n_include_dirs; i++) {
    const char *folder = l->options->include_dirs[i];
    snprintf(path, sizeof path, "%s/%s", folder, rest);
    if (access(path, R_OK) == 0)
      return arena_printf(l->arena, "'%s' is the one in -I %s", rest, folder);
  }
  return "paths are relative to the file that names them, then to each -I DIR";
}

/* Finds `src` relative to the including file, then to each -I. */
static Status find_file(Loader *l, const RawElement *at, const char *attr, const char *src,
                        const char **out_path, const char **out_real) {
  char real[PATH_MAX];
  const char *including = strings_text(l->symbols->strings, at->file);
  const char *tried = "";
  for (uint32_t i = 0; i <= l->options->n_include_dirs; i++) {
    const char *folder = i == 0 ? folder_of(l, including) : l->options->include_dirs[i - 1];
    const char *path = *src == '/'                ? src
                       : strcmp(folder, ".") == 0 ? src
                                                  : arena_printf(l->arena, "%s/%s", folder, src);
    if (!path) return diag_no_memory(l->diag, 1);
    if (realpath(path, real)) {
      if (!allowed(l, real)) return outside(l, at, attr, src, real);
      *out_path = path;
      *out_real = arena_strdup(l->arena, real);
      return *out_real ? STATUS_OK : diag_no_memory(l->diag, 1);
    }
    tried = arena_printf(l->arena, "%s%s'%s'", tried, i ? ", " : "", path);
    if (*src == '/') break;
  }
  return raw_error(l, at, attr, 0, missing_hint(l, src), "there is no file '%s' (looked for %s)",
                   src, tried ? tried : "");
}

/* ---- includes ---- */

typedef struct Open {
  const char *real, *shown;
  const struct Open *outer;
  int depth;
} Open;

static Status check_cycle(Loader *l, const RawElement *at, const char *attr, const char *real,
                          const Open *open) {
  for (const Open *o = open; o; o = o->outer) {
    if (strcmp(o->real, real) != 0) continue;
    const char *cycle = o->shown;
    for (const Open *k = open; k != o; k = k->outer)
      cycle = arena_printf(l->arena, "%s <- %s", cycle, k->shown);
    return raw_error(l, at, attr, 0, NULL, "files include each other: %s <- %s", cycle, o->shown);
  }
  if (open && open->depth >= INCLUDE_DEPTH_MAX)
    return raw_error(l, at, attr, 0, NULL, "includes are nested more than %d deep",
                     INCLUDE_DEPTH_MAX);
  return STATUS_OK;
}

static Status load_includes(Loader *l, RawElement *parent, const Open *open);

static Status load_include(Loader *l, RawElement *include, const Open *open) {
  const char *src = raw_attr(include, "src"), *path = NULL, *real = NULL;
  if (!src)
    return raw_error(l, include, NULL, 0, "<include src=\"lib/x.xml\"/>", "include needs src");
  TRY(find_file(l, include, "src", src, &path, &real));
  TRY(check_cycle(l, include, "src", real, open));
  for (uint32_t i = 0; i < l->n_included; i++)
    if (strcmp(l->included[i], real) == 0) return STATUS_OK; /* once is enough */
  TRY(ARRAY_RESERVE_IN(l->arena, l->included, l->cap_included, l->n_included, 1, l->diag));
  l->included[l->n_included++] = real;
  RawElement *root;
  uint32_t chain =
      symbols_loc(l->symbols, include->file, include->line, include->column, include->chain);
  TRY(read_file(l, path, real, chain, &root));
  if (strcmp(root->tag, "library") != 0)
    return raw_error(l, root, NULL, 0, "an included file has the root <library>",
                     "root element '%s'", root->tag);
  include->first_child = root->first_child;
  include->last_child = root->last_child;
  for (RawElement *el = include->first_child; el; el = el->next) el->parent = include;
  Open inner = {real, path, open, open ? open->depth + 1 : 1};
  return load_includes(l, include, &inner);
}

static Status load_includes(Loader *l, RawElement *parent, const Open *open) {
  Status status = STATUS_OK;
  for (RawElement *el = parent->first_child; el; el = el->next) {
    if (strcmp(el->tag, "include") != 0) continue;
    Status s = load_include(l, el, open);
    if (status == STATUS_OK) status = s;
  }
  return status;
}

/* ---- the model and its bases ---- */

static Status load_root(Loader *l, const char *path, const char *real, const RawElement *from,
                        const Open *open, RawElement **out) {
  if (from) TRY(check_cycle(l, from, "extends", real, open));
  RawElement *own;
  TRY(read_file(l, path, real, 0, &own));
  if (strcmp(own->tag, "model") != 0)
    return raw_error(l, own, NULL, 0,
                     strcmp(own->tag, "library") == 0 ? "compile the model that includes it" : NULL,
                     "root element '%s', 'model' is needed", own->tag);
  const char *extends = raw_attr(own, "extends"), *expanded = raw_attr(own, "expanded");
  *out = own;
  l->expanded = l->expanded || (expanded && strcmp(expanded, "true") == 0);
  Open inner = {real, path, open, open ? open->depth + 1 : 1};
  if (!extends) return load_includes(l, own, &inner);
  const char *base_path = NULL, *base_real = NULL;
  TRY(find_file(l, own, "extends", extends, &base_path, &base_real));
  RawElement *base = NULL;
  TRY(load_root(l, base_path, base_real, own, &inner, &base));
  TRY(load_includes(l, own, &inner));
  TRY(loader_extend(l, base, own));
  own->first_child = base->first_child;
  own->last_child = base->last_child;
  for (RawElement *el = own->first_child; el; el = el->next) el->parent = own;
  return STATUS_OK;
}

/* ---- templates ---- */

const Template *loader_template(const Loader *l, const char *name) {
  for (uint32_t i = l->n_templates; i-- > 0;)
    if (strcmp(l->templates[i].name, name) == 0) return &l->templates[i];
  return NULL;
}

/* Words whose meaning a template cannot take.  Names of ops are not among them: a model that has a
 * template `upsample` must not stop compiling when the language gets an op of that name. */
static bool reserved(const char *name) {
  static const char *const words[] = {
      "model", "library", "param", "let",     "include", "template", "arg",     "slot",
      "for",   "group",   "set",   "replace", "remove",  "insert",   "require", NULL};
  for (size_t i = 0; words[i]; i++)
    if (strcmp(words[i], name) == 0) return true;
  return element_find(name) != NULL;
}

static void warn_hidden_op(const Loader *l, const RawElement *el, const char *name) {
  const RawAttr *at = raw_attribute(el, "name");
  if (!op_table_find(l->ops, name)) return;
  source_warning(l->sources, l->symbols, l->diag,
                 symbols_loc(l->symbols, el->file, at->line, at->column, el->chain),
                 "another name, if the op was meant", "the template hides the op '%s'", name);
}

static Status collect_templates(Loader *l, const RawElement *parent) {
  Status status = STATUS_OK;
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    Status s = STATUS_OK;
    if (strcmp(el->tag, "include") == 0) {
      s = collect_templates(l, el);
    } else if (strcmp(el->tag, "template") == 0) {
      const char *name = raw_attr(el, "name");
      const Template *have = name ? loader_template(l, name) : NULL;
      if (!name)
        s = raw_error(l, el, NULL, 0, NULL, "a template needs a name");
      else if (reserved(name))
        s = raw_error(l, el, "name", 0, "choose another name", "'%s' is an element of the language",
                      name);
      else if (have && have->raw->file == el->file)
        s = raw_error(l, el, "name", 0, NULL, "template '%s' exists already (line %u)", name,
                      have->raw->line);
      else
        s = ARRAY_RESERVE_IN(l->arena, l->templates, l->cap_templates, l->n_templates, 1, l->diag);
      if (s == STATUS_OK) {
        warn_hidden_op(l, el, name);
        l->templates[l->n_templates++] = (Template){name, el};
      }
    }
    if (status == STATUS_OK) status = s;
  }
  return status;
}

static bool uses(const RawElement *parent, const Template *template) {
  for (const RawElement *el = parent->first_child; el; el = el->next) {
    if (el == template->raw) continue; /* its own body does not count */
    if (strcmp(el->tag, template->name) == 0 || uses(el, template)) return true;
  }
  return false;
}

/* A template that was to replace one of the base, or of a library, is often only misspelt. */
void loader_warn_unused(const Loader *l) {
  const char **names = arena_array(l->arena, l->n_templates + 1u, sizeof *names);
  uint32_t n = 0, own = l->root->file;
  for (uint32_t i = 0; names && i < l->n_templates; i++)
    if (l->templates[i].raw->file != own) names[n++] = l->templates[i].name;
  for (uint32_t i = 0; names && i < l->n_templates; i++) {
    const Template *t = &l->templates[i];
    if (t->raw->file != own || uses(l->root, t)) continue;
    const char *near = diag_nearest(t->name, names, n);
    const char *hint =
        near ? arena_printf(l->arena, "did you mean '%s'?", near)
             : arena_printf(l->arena, "<%s .../> would use it; remove it otherwise", t->name);
    const RawAttr *at = raw_attribute(t->raw, "name");
    source_warning(l->sources, l->symbols, l->diag,
                   symbols_loc(l->symbols, own, at->line, at->column, 0), hint,
                   "template '%s' is never used", t->name);
  }
}

static Status check_folders(const Loader *l) {
  char real[PATH_MAX];
  for (uint32_t i = 0; i < l->options->n_include_dirs; i++)
    if (!realpath(l->options->include_dirs[i], real))
      return diag_error(l->diag, STATUS_INVALID, l->options->include_dirs[i], NULL,
                        "-I: cannot read: %s", strerror(errno));
  return STATUS_OK;
}

Status loader_run(Loader *l) {
  const char *path = l->options->path;
  char real[PATH_MAX];
  TRY(check_folders(l));
  if (!realpath(path, real))
    return diag_error(l->diag, STATUS_INVALID, path, NULL, "cannot read: %s", strerror(errno));
  const char *own = arena_strdup(l->arena, real);
  l->root_dir = find_root(l, path);
  if (!own || !l->root_dir)
    return diag_error(l->diag, STATUS_INVALID, l->options->root ? l->options->root : path, NULL,
                      "cannot read: %s", strerror(errno));
  TRY(load_root(l, path, own, NULL, NULL, &l->root));
  TRY(collect_templates(l, l->root));
  read_defines(l); /* what is wrong there is reported; the model is worth checking all the same */
  return STATUS_OK;
}
