/* Internal to elaboration: files of a model, merged into one raw tree. */
#ifndef GRAPH_LANGUAGE_LOAD_H
#define GRAPH_LANGUAGE_LOAD_H

#include "graph/language/model.h"
#include "graph/language/raw.h"

/* A value for a parameter from outside: `-D`, `@FILE` or <set>. */
typedef struct Define {
  const char *name, *value;
  const char *place; /* `-D NAME`, `FILE:LINE`; NULL: `loc` says where */
  uint32_t loc;
  bool used;
} Define;

typedef struct Template {
  const char *name;
  const RawElement *raw;
} Template;

typedef struct Loader {
  Arena *arena;
  Symbols *symbols;
  Sources *sources;
  Diag *diag;
  const OpTable *ops;
  const ModelOptions *options;
  const char *root_dir; /* files are read below it only */
  Define *defines;      /* <set> first, then -D in order: the last wins */
  uint32_t n_defines, cap_defines;
  Template *templates;
  uint32_t n_templates, cap_templates;
  const char **included; /* real paths */
  uint32_t n_included, cap_included;
  PlanFile *files; /* as read */
  uint32_t n_files, cap_files;
  RawElement *root;
  bool expanded; /* some root element says so: parameters are a record only */
} Loader;

/* Reads the model with its bases and includes (an include's elements become its children), collects
 * templates and defines. */
Status loader_run(Loader *l);
/* Makes the changes below `changes` in its base: moves elements, notes <set> as defines. */
Status loader_extend(Loader *l, RawElement *base, RawElement *changes);
Status loader_add_define(Loader *l, Define define);
/* Warns of templates of the model's own file that nothing calls. */
void loader_warn_unused(const Loader *l);
const Template *loader_template(const Loader *l, const char *name);
/* Reports at a raw element, or at one of its attributes. Returns STATUS_INVALID. */
Status raw_error(Loader *l, const RawElement *el, const char *attr, uint32_t chain,
                 const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The define in force for a parameter: the last; marks all of that name as used. NULL: none. */
Define *loader_define(Loader *l, const char *name);

#endif
